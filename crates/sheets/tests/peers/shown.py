"""What LibreOffice shows of the workbook that examples/every_cell.rs writes. Usage: shown.py FOLDER, with its .csv files."""

import csv
import pathlib
import sys

EXPECTED = [
    ["什么", "数值", "时间"],
    ['=HYPERLINK("http://x","y")', "-7", "2026-02-01 00:00:01"],
    ["+1", "12.34", "2026-02-01 00:00:01"],
    ["@a\n-b", "-0.05", "2026-02-01 00:00:01"],
    ["鸡腿 🍗 <b>&amp;</b>", "999999999999999", "2026-02-01 00:00:01"],
    [" 007 ", "1000000000000001", "2026-02-01 00:00:01"],
    ["_x0041_", "", "2026-02-01 00:00:01"],
]


def rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


few, many = sorted((rows(path) for path in pathlib.Path(sys.argv[1]).glob("*.csv")), key=len)
assert few == EXPECTED, f"{few!r} is not {EXPECTED!r}"
assert len(many) == 20001 and many[-1] == ["行", "19999", "2026-02-01"], f"{len(many)} rows, the last {many[-1]!r}"
print("LibreOffice shows what was written")
