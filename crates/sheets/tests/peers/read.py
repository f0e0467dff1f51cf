"""What openpyxl makes of the workbook that examples/every_cell.rs writes. Usage: read.py FILE."""

import datetime
import sys

import openpyxl
from openpyxl.utils.escape import unescape

MOMENT = datetime.datetime(2026, 2, 1, 0, 0, 1)
ROWS = [
    ('=HYPERLINK("http://x","y")', -7),
    ("+1", 12.34),
    ("@a\n-b", -0.05),
    ("鸡腿 🍗 <b>&amp;</b>", 999999999999999),
    (" 007 ", "1000000000000001"),
    ("_x0041_", None),
]


def same(found, expected):
    assert found == expected, f"{found!r} is not {expected!r}"


def plain(cell):
    """openpyxl leaves the format's own escapes to its caller."""
    return unescape(cell) if isinstance(cell, str) else cell


def check(book):
    same(book.sheetnames, ["一 & 二", "很多行"])
    rows = book["一 & 二"].iter_rows(values_only=True)
    same([tuple(map(plain, row)) for row in rows], [("什么", "数值", "时间")] + [(what, value, MOMENT) for what, value in ROWS])
    rows = list(book["很多行"].iter_rows(values_only=True))
    same(len(rows), 20001)
    for number, row in enumerate(rows[1:]):
        same(row, ("行", number, datetime.datetime(2026, 2, 1)))


whole = openpyxl.load_workbook(sys.argv[1])
check(whole)
check(openpyxl.load_workbook(sys.argv[1], read_only=True))
sheet = whole["一 & 二"]
same(sheet.freeze_panes, "A2")
same([sheet.column_dimensions[letter].width for letter in "ABC"], [20, 30, 22])
# What looks like a formula is a text, and what is money shows its cents.
same([cell.data_type for cell in sheet["A"]], ["s"] * 7)
same([sheet.cell(row, 2).data_type for row in range(2, 7)], ["n", "n", "n", "n", "s"])
same(sheet["B3"].number_format, "0.00")
assert sheet["C2"].is_date and whole["很多行"]["C2"].is_date
print("openpyxl", openpyxl.__version__, "reads what was written")
