//! What people send: real workbooks, and nonsense.

#![cfg(test)]

use jiff::tz::TimeZone;
use sheets::read::{Table, Unreadable, Value};
use sheets::{Cell, Column, Workbook};

const OPENPYXL: &[u8] = include_bytes!("files/openpyxl.xlsx");

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

#[test]
fn a_workbook_of_openpyxl_is_read() {
    let table = Table::read(OPENPYXL).expect("a table");
    let rows: Vec<_> = table.rows.iter().map(|row| (row.number, row.cells.clone())).collect();
    let expected = [
        (1, vec![text("账号"), text("昵称"), text("部门编号"), Value::Empty, text("用户ID")]),
        (2, vec![text("lilei"), text("李 <雷> & \"韩\" 😀"), text("KITCHEN"), Value::Empty, text("1234567890123456")]),
        (3, vec![text("10086"), text("空格"), Value::Empty, Value::Empty, text("TRUE")]),
        (6, vec![Value::Formula, text("红烧肉"), Value::Formula, Value::Empty, Value::Broken]),
        (7, vec![Value::Empty, text("两行\n文字")]),
    ];
    assert_eq!(rows, expected);
}

fn ours(rows: usize) -> Vec<u8> {
    let mut book = Workbook::new(Vec::new(), TimeZone::UTC, &["一"]).expect("a book");
    let mut sheet = book.sheet(0, &[Column::new("账号", 10), Column::new("数", 10)]).expect("a sheet");
    for at in 0..rows {
        sheet.row(&[Cell::Text("=1+1"), Cell::Integer(at as i64)]).expect("written");
    }
    sheet.end().expect("ended");
    book.finish().expect("finished")
}

#[test]
fn what_we_write_we_read() {
    let table = Table::read(&ours(2)).expect("a table");
    let cells: Vec<_> = table.rows.into_iter().map(|row| row.cells).collect();
    let expected = [[text("账号"), text("数")], [text("=1+1"), text("0")], [text("=1+1"), text("1")]];
    assert_eq!(cells, expected);
    assert_eq!(Table::read(&ours(2000)).map(|table| table.rows.len()), Ok(2001));
    assert_eq!(Table::read(&ours(2001)), Err(Unreadable::TooManyRows));
}

/// Cut off anywhere and with any byte changed it is a table or none, but no panic and no end of memory.
#[test]
fn damage_is_survived() {
    for end in (0..OPENPYXL.len()).step_by(5) {
        let _ = Table::read(&OPENPYXL[..end]);
    }
    let mut bytes = OPENPYXL.to_vec();
    for at in (0..bytes.len()).step_by(2) {
        for value in [0xff, bytes[at] ^ 0x80] {
            let sound = std::mem::replace(&mut bytes[at], value);
            let _ = Table::read(&bytes);
            bytes[at] = sound;
        }
    }
}

/// A zip archive of these parts, none of them packed.
fn package(parts: &[(&str, &str)]) -> Vec<u8> {
    let number = |value: usize, length: usize| value.to_le_bytes()[..length].to_vec();
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, text) in parts {
        let sizes = [number(text.len(), 4), number(text.len(), 4), number(name.len(), 2)].concat();
        let offset = file.len();
        file.extend([b"PK\x03\x04".to_vec(), vec![0; 14], sizes.clone(), vec![0; 2]].concat());
        file.extend([name.as_bytes(), text.as_bytes()].concat());
        directory.extend([b"PK\x01\x02".to_vec(), vec![0; 16], sizes, vec![0; 12], number(offset, 4)].concat());
        directory.extend(name.as_bytes());
    }
    let end = [b"PK\x05\x06".to_vec(), vec![0; 8], number(directory.len(), 4), number(file.len(), 4), vec![0; 2]];
    [file, directory, end.concat()].concat()
}

fn workbook(sheet: &str, shared: &str) -> Vec<u8> {
    let relations = r#"<Relationships><Relationship Id="rId7" Target="/xl/worksheets/one.xml"/></Relationships>"#;
    package(&[
        ("xl/workbook.xml", r#"<workbook><sheets><sheet name="一" sheetId="1" r:id="rId7"/></sheets></workbook>"#),
        ("xl/_rels/workbook.xml.rels", relations),
        ("xl/worksheets/one.xml", sheet),
        ("xl/sharedStrings.xml", shared),
    ])
}

#[test]
fn only_what_is_there_costs_anything() {
    let rows = |rows: &str| format!("<worksheet><sheetData>{rows}</sheetData></worksheet>");
    let read = |sheet: &str, shared: &str| Table::read(&workbook(&rows(sheet), shared));
    let cells = |sheet: &str, shared: &str| read(sheet, shared).map(|table| table.rows[0].cells.clone());

    // A last cell, a number of texts and a shared formula that claim to be huge.
    let far = r#"<row r="1048576"><c r="B1048576"><v>1</v></c><c r="ZZZZZZ1"><v></v></c></row>"#;
    let strings = r#"<sst uniqueCount="18446744073709551615"><si><t>a</t></si></sst>"#;
    assert_eq!(cells(far, strings), Ok(vec![Value::Empty, text("1")]));
    let formula = r#"<row><c><f t="shared" si="4294967295" ref="A1:XFD1048576"/><v>7</v></c></row>"#;
    assert_eq!(cells(formula, ""), Ok(vec![Value::Formula]));
    assert_eq!(read(r#"<row><c r="AG1"><v>1</v></c></row>"#, ""), Err(Unreadable::TooManyColumns));

    let shared = r#"<sst><si><t>a</t></si><si><r><t>b</t></r><rPh><t>no</t></rPh><r><t>&#x63;&amp;</t></r></si></sst>"#;
    let sheet = r#"<row><c t="s"><v>1</v></c><c t="inlineStr"><is><t>d</t></is></c><c><v>1.5E+19</v></c></row>"#;
    assert_eq!(cells(sheet, shared), Ok(vec![text("bc&"), text("d"), Value::Broken]));
    assert_eq!(read(r#"<row><c t="s"><v>9</v></c></row>"#, shared), Err(Unreadable::Damaged));
    let bomb = r#"<!DOCTYPE x [<!ENTITY a "aaaa">]>"#;
    let entity = format!("{bomb}<sst><si><t>&a;</t></si></sst>");
    assert_eq!(read(r#"<row><c t="s"><v>0</v></c></row>"#, &entity), Err(Unreadable::Damaged));
    assert_eq!(read("<row><c><v>1</c></row>", ""), Err(Unreadable::Damaged));
    assert_eq!(Table::read(&workbook(&" ".repeat(17 << 20), "")), Err(Unreadable::TooLarge));
    assert_eq!(Table::read(&package(&[("xl/workbook.xml", "<workbook/>")])), Err(Unreadable::Damaged));
    assert_eq!(Table::read(b"PK\x03\x04"), Err(Unreadable::Damaged));
}
