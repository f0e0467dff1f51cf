//! Writes a workbook with every kind of cell to the file that is named: `cargo run -p fanpiao-sheets --example every_cell -- FILE`.

use std::error::Error;
use std::fs::File;

use jiff::tz::TimeZone;
use sheets::{Cell, Column, Workbook};

const COLUMNS: [Column<'static>; 3] = [Column::new("什么", 20), Column::new("数值", 30), Column::new("时间", 22)];
/// 2026-01-31T16:00:01.999Z, in Shanghai the first second of February.
const MOMENT: i64 = 1_769_875_201_999;
const MANY: i64 = 20_000;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("which file?")?;
    let mut book = Workbook::new(File::create(path)?, TimeZone::get("Asia/Shanghai")?, &["一 & 二", "很多行"])?;
    let mut sheet = book.sheet(0, &COLUMNS)?;
    for (what, value) in [
        ("=HYPERLINK(\"http://x\",\"y\")", Cell::Integer(-7)),
        ("+1", Cell::Cents(1234)),
        ("@a\n-b", Cell::Cents(-5)),
        ("鸡腿 🍗 <b>&amp;</b>", Cell::Integer(999_999_999_999_999)),
        (" 007 ", Cell::Integer(1_000_000_000_000_001)),
        ("_x0041_", Cell::Empty),
    ] {
        sheet.row(&[Cell::Text(what), value, Cell::Moment(MOMENT)])?;
    }
    sheet.end()?;
    let mut sheet = book.sheet(1, &COLUMNS)?;
    for number in 0..MANY {
        sheet.row(&[Cell::Text("行"), Cell::Integer(number), Cell::Day(MOMENT)])?;
    }
    sheet.end()?;
    book.finish()?;
    Ok(())
}
