"""Makes openpyxl.xlsx, which `tests/read.rs` reads: pip install openpyxl, then run this in its folder."""

from openpyxl import Workbook
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont

book = Workbook()
sheet = book.active
sheet.append(["账号", "昵称", "部门编号", None, "用户ID"])
sheet.append(["lilei", "李 <雷> & \"韩\" 😀", "KITCHEN", None, 1234567890123456])
sheet.append([10086, " 空格 ", None, None, True])
sheet["A6"] = "=1+1"
sheet["B6"] = CellRichText("红", TextBlock(InlineFont(b=True), "烧肉"))
sheet["C6"] = "=HYPERLINK(\"http://x\")"
sheet["E6"] = "#N/A"
sheet["E6"].data_type = "e"
sheet["B7"] = "两行\n文字"
book.create_sheet("第二页").append(["不读这一页"])
book.save("openpyxl.xlsx")
