//! What an independent reader makes of the files.

#![cfg(test)]

use std::io::Cursor;

use calamine::{Data, Reader, Xlsx, open_workbook_from_rs};
use jiff::tz::TimeZone;
use sheets::{Cell, Column, Error, Workbook};

const COLUMNS: [Column<'static>; 2] = [Column { title: "项目", width: 20 }, Column { title: "数值", width: 30 }];

fn shanghai() -> TimeZone {
    TimeZone::get("Asia/Shanghai").expect("bundled")
}

fn millis(instant: &str) -> i64 {
    instant.parse::<jiff::Timestamp>().expect("an instant").as_millisecond()
}

fn read(bytes: Vec<u8>) -> Xlsx<Cursor<Vec<u8>>> {
    open_workbook_from_rs(Cursor::new(bytes)).expect("a workbook")
}

fn one_sheet(rows: &[[Cell<'_>; 2]]) -> Vec<Vec<Data>> {
    let mut book = Workbook::new(Vec::new(), shanghai(), &["表"]).expect("begun");
    let mut sheet = book.sheet(0, &COLUMNS).expect("begun");
    for row in rows {
        sheet.row(row).expect("written");
    }
    sheet.end().expect("ended");
    let mut book = read(book.finish().expect("finished"));
    let range = book.worksheet_range("表").expect("the sheet");
    range.rows().map(<[Data]>::to_vec).collect()
}

fn text(text: &str) -> Data {
    Data::String(text.to_owned())
}

#[test]
fn numbers_are_numbers_and_text_is_text() {
    let rows = one_sheet(&[
        [Cell::Text("=HYPERLINK(\"x\",\"y\")"), Cell::Integer(-7)],
        [Cell::Text("鸡腿 🍗 <b>&amp;</b>"), Cell::Cents(1234)],
        [Cell::Text(" a\n\tb\u{1} "), Cell::Cents(-5)],
        [Cell::Text(""), Cell::Integer(999_999_999_999_999)],
        [Cell::Text("007"), Cell::Integer(1_000_000_000_000_001)],
        [Cell::Text("_x0041_"), Cell::Cents(i64::MAX)],
    ]);
    assert_eq!(rows[0], [text("项目"), text("数值")]);
    assert_eq!(rows[1], [text("=HYPERLINK(\"x\",\"y\")"), Data::Float(-7.0)]);
    assert_eq!(rows[2], [text("鸡腿 🍗 <b>&amp;</b>"), Data::Float(12.34)]);
    assert_eq!(rows[3], [text(" a\n\tb\u{fffd} "), Data::Float(-0.05)]);
    assert_eq!(rows[4], [text(""), Data::Float(999_999_999_999_999.0)]);
    assert_eq!(rows[5], [text("007"), text("1000000000000001")]);
    assert_eq!(rows[6], [text("_x0041_"), text("92233720368547758.07")]);
}

#[test]
fn moments_are_times_in_the_zone() {
    let rows = one_sheet(&[
        [Cell::Moment(millis("2026-01-31T16:00:01.999Z")), Cell::Day(millis("2026-01-31T16:00:00Z"))],
        [Cell::Moment(millis("2026-01-31T15:59:59Z")), Cell::Empty],
        [Cell::Moment(millis("1899-01-01T00:00:00Z")), Cell::Moment(millis("1900-03-01T00:00:00Z"))],
    ]);
    let shown = |data: &Data| {
        let Data::DateTime(time) = data else { panic!("{data:?} is no time") };
        let (year, month, day, hour, minute, second, milli) = time.to_ymd_hms_milli();
        format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{milli:03}")
    };
    assert_eq!(shown(&rows[1][0]), "2026-02-01 00:00:01.000");
    assert_eq!(shown(&rows[1][1]), "2026-02-01 00:00:00.000");
    assert_eq!(shown(&rows[2][0]), "2026-01-31 23:59:59.000");
    assert_eq!(rows[2][1], Data::Empty);
    // What the format cannot express is text.
    assert_eq!(rows[3][0], text("1899-01-01T00:00:00Z"));
    assert_eq!(shown(&rows[3][1]), "1900-03-01 08:05:43.000");
}

#[test]
fn sheets_stand_in_the_order_of_the_list() {
    let mut book = Workbook::new(Vec::new(), TimeZone::UTC, &["一", "二 & <三>"]).expect("begun");
    for at in [1, 0] {
        let mut sheet = book.sheet(at, &COLUMNS).expect("begun");
        sheet.row(&[Cell::Integer(at as i64)]).expect("written");
        sheet.end().expect("ended");
    }
    let mut book = read(book.finish().expect("finished"));
    assert_eq!(book.sheet_names(), ["一", "二 & <三>"]);
    for (name, number) in [("一", 0.0), ("二 & <三>", 1.0)] {
        let range = book.worksheet_range(name).expect("the sheet");
        assert_eq!(range.get((1, 0)), Some(&Data::Float(number)));
    }
}

#[test]
fn a_workbook_has_all_its_sheets_once() {
    let mut book = Workbook::new(Vec::new(), TimeZone::UTC, &["一", "二"]).expect("begun");
    assert!(matches!(book.sheet(2, &COLUMNS), Err(Error::Unfinished)));
    book.sheet(0, &COLUMNS).expect("begun").end().expect("ended");
    assert!(matches!(book.sheet(0, &COLUMNS), Err(Error::Unfinished)));
    assert!(matches!(book.finish(), Err(Error::Unfinished)));

    let mut book = Workbook::new(Vec::new(), TimeZone::UTC, &["一"]).expect("begun");
    drop(book.sheet(0, &COLUMNS).expect("begun"));
    assert!(matches!(book.finish(), Err(Error::Unfinished)));
}

#[test]
fn the_heading_is_frozen_and_columns_have_widths() {
    // Stored beside the values, where this reader does not look.
    let mut book = Workbook::new(Vec::new(), TimeZone::UTC, &["一"]).expect("begun");
    book.sheet(0, &COLUMNS).expect("begun").end().expect("ended");
    let bytes = book.finish().expect("finished");
    let sheet = part(&bytes, "xl/worksheets/sheet1.xml");
    assert!(sheet.contains(r#"<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>"#));
    assert!(sheet.contains(r#"<col min="2" max="2" width="30" customWidth="1"/>"#));
    assert!(sheet.contains(r#"<c r="A1" s="1" t="inlineStr"><is><t>项目</t></is></c>"#));
}

#[test]
fn text_that_looks_like_a_formula_stays_text_when_edited() {
    let mut book = Workbook::new(Vec::new(), TimeZone::UTC, &["一"]).expect("begun");
    let mut sheet = book.sheet(0, &COLUMNS).expect("begun");
    sheet.row(&[Cell::Text("=1+1"), Cell::Text("1+1")]).expect("written");
    sheet.end().expect("ended");
    let bytes = book.finish().expect("finished");
    let sheet = part(&bytes, "xl/worksheets/sheet1.xml");
    assert!(sheet.contains(r#"<c r="A2" s="6" t="inlineStr"><is><t>=1+1</t></is></c>"#));
    assert!(sheet.contains(r#"<c r="B2" s="0" t="inlineStr"><is><t>1+1</t></is></c>"#));
    assert!(!sheet.contains("<f>"));
    let styles = part(&bytes, "xl/styles.xml");
    let formats = styles.split_once("<cellXfs").expect("formats").1;
    let quoted = formats.split("<xf ").nth(7).expect("the seventh");
    assert!(quoted.contains("quotePrefix=\"1\""), "{quoted}");
}

#[test]
fn rows_beyond_the_limit_are_refused() {
    let mut book = Workbook::new(std::io::sink(), TimeZone::UTC, &["一"]).expect("begun");
    let mut sheet = book.sheet(0, &COLUMNS).expect("begun");
    for _ in 1..1_048_576 {
        sheet.row(&[]).expect("written");
    }
    assert!(matches!(sheet.row(&[]), Err(Error::TooManyRows)));
}

#[test]
fn an_error_of_the_sink_comes_through() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("full"))
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let refused = Workbook::new(Full, TimeZone::UTC, &["一"]).map(drop);
    assert!(matches!(refused, Err(Error::Io(_))));
}

/// One part of the file, found through the directory at its end as a zip program finds it.
fn part(bytes: &[u8], name: &str) -> String {
    let short = |at: usize| usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
    let long = |at: usize| short(at) + (short(at + 2) << 16);
    let end = bytes.len() - 22;
    assert_eq!(bytes[end..end + 4], *b"PK\x05\x06");
    let mut at = long(end + 16);
    for _ in 0..short(end + 10) {
        assert_eq!(bytes[at..at + 4], *b"PK\x01\x02");
        let length = short(at + 28);
        if &bytes[at + 46..at + 46 + length] == name.as_bytes() {
            let (packed_size, size, header) = (long(at + 20), long(at + 24), long(at + 42));
            let start = header + 30 + short(header + 26);
            let mut inflate = flate2::Decompress::new(false);
            let mut text = Vec::with_capacity(size + 1);
            let packed = &bytes[start..start + packed_size];
            inflate.decompress_vec(packed, &mut text, flate2::FlushDecompress::Finish).expect("inflated");
            assert_eq!(text.len(), size);
            return String::from_utf8(text).expect("UTF-8");
        }
        at += 46 + length;
    }
    panic!("no {name}")
}
