//! Workbooks in the .xlsx format, written as a stream: a row goes in, its bytes come out, and nothing of it is kept. However
//! long a sheet is, writing it takes the same memory.
//!
//! Numbers are numbers and exact, made from integers without a float; moments are the format's own times in the given zone;
//! text is always text, also where it looks like a formula. `read` takes the small tables that people send back.

mod parts;
pub mod read;
mod text;
mod zip;

use std::fmt;
use std::io::{self, Write};

use jiff::tz::TimeZone;

use crate::parts::format;
use crate::zip::Zip;

/// What the file is when it is sent.
pub const MEDIA_TYPE: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// The format's own limit, the heading included.
const MOST_ROWS: u32 = 1_048_576;
/// Spreadsheets keep fifteen digits of a number and silently lose the rest.
const EXACT: u64 = 999_999_999_999_999;
/// Rows are packed in pieces of about this size.
const PIECE: usize = 64 * 1024;

#[derive(Debug)]
pub enum Error {
    Io(io::Error),
    /// More rows than a sheet can have.
    TooManyRows,
    /// More than four gigabytes.
    TooLarge,
    /// Sheets are written one after the other, each once, and all of them.
    Unfinished,
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::TooManyRows => write!(f, "a sheet has at most {MOST_ROWS} rows"),
            Self::TooLarge => f.write_str("a workbook has at most 4 GiB"),
            Self::Unfinished => f.write_str("a sheet of the workbook is missing, unfinished or written twice"),
        }
    }
}

impl std::error::Error for Error {}

#[derive(Debug, Clone, Copy)]
pub struct Column<'a> {
    pub title: &'a str,
    /// In digits of the usual font; a Chinese character takes two.
    pub width: u16,
}

impl<'a> Column<'a> {
    #[must_use]
    pub const fn new(title: &'a str, width: u16) -> Self {
        Self { title, width }
    }
}

#[derive(Debug, Clone, Copy)]
pub enum Cell<'a> {
    Empty,
    Text(&'a str),
    /// With more than fifteen digits it becomes a text, or a digit would be lost.
    Integer(i64),
    /// Hundredths, shown with both decimals.
    Cents(i64),
    /// Milliseconds since 1970 UTC, to the second.
    Moment(i64),
    /// The date that this moment falls on.
    Day(i64),
}

/// A workbook under way.
pub struct Workbook<W> {
    zip: Zip<W>,
    zone: TimeZone,
    is_written: Vec<bool>,
    piece: Vec<u8>,
}

impl<W: Write> Workbook<W> {
    /// With sheets of these names in this order. They may be written in any other.
    pub fn new(out: W, zone: TimeZone, names: &[&str]) -> Result<Self, Error> {
        let mut book = Self {
            zip: Zip::new(out),
            zone,
            is_written: vec![false; names.len()],
            piece: Vec::with_capacity(PIECE + PIECE / 4),
        };
        let sheets = names.len();
        book.part(parts::CONTENT_TYPES, parts::content_types(sheets).as_bytes())?;
        book.part(parts::RELATIONS, parts::relations().as_bytes())?;
        book.part(parts::WORKBOOK, &parts::workbook(names))?;
        book.part(parts::WORKBOOK_RELATIONS, parts::workbook_relations(sheets).as_bytes())?;
        book.part(parts::STYLES, parts::styles().as_bytes())?;
        Ok(book)
    }

    fn part(&mut self, name: &str, xml: &[u8]) -> Result<(), Error> {
        self.zip.begin(name.to_owned())?;
        self.zip.write(xml)?;
        self.zip.end()
    }

    /// Begins the sheet at this place of the list. Its heading stays in sight however far one scrolls.
    pub fn sheet(&mut self, at: usize, columns: &[Column<'_>]) -> Result<Sheet<'_, W>, Error> {
        match self.is_written.get_mut(at) {
            Some(is_written @ false) => *is_written = true,
            _ => return Err(Error::Unfinished),
        }
        self.zip.begin(parts::sheet_path(at + 1))?;
        self.piece.clear();
        let head = parts::sheet_head(at == 0, columns.iter().map(|column| column.width));
        self.piece.extend_from_slice(head.as_bytes());
        let mut sheet = Sheet {
            starts: (0..columns.len()).map(|column| format!("<c r=\"{}", letters(column))).collect(),
            book: self,
            rows: 0,
        };
        let titles = columns.iter().map(|column| column.title);
        sheet.line(titles, |row, title| row.text(title, format::HEADING))?;
        Ok(sheet)
    }

    /// Ends the file and gives back what it was written to.
    pub fn finish(self) -> Result<W, Error> {
        if self.is_written.contains(&false) {
            return Err(Error::Unfinished);
        }
        self.zip.finish()
    }
}

/// A sheet under way. One that is dropped without `end` leaves a workbook that cannot be finished.
pub struct Sheet<'a, W> {
    book: &'a mut Workbook<W>,
    /// How each column's cells begin.
    starts: Vec<String>,
    rows: u32,
}

impl<W: Write> Sheet<'_, W> {
    /// Cells beyond the columns of the heading are left out.
    pub fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), Error> {
        self.line(cells.iter(), |row, cell| row.cell(*cell))
    }

    pub fn end(self) -> Result<(), Error> {
        self.book.piece.extend_from_slice(parts::SHEET_TAIL.as_bytes());
        self.book.zip.write(&self.book.piece)?;
        self.book.zip.end()
    }

    fn line<T>(&mut self, cells: impl Iterator<Item = T>, mut write: impl FnMut(&mut Row<'_>, T)) -> Result<(), Error> {
        if self.rows == MOST_ROWS {
            return Err(Error::TooManyRows);
        }
        self.rows += 1;
        let mut digits = [0; 20];
        let number = decimal(&mut digits, u64::from(self.rows));
        let out = &mut self.book.piece;
        out.extend_from_slice(b"<row r=\"");
        out.extend_from_slice(number);
        out.extend_from_slice(b"\">");
        let mut row = Row { out: &mut *out, start: "", number, zone: &self.book.zone };
        for (start, cell) in self.starts.iter().zip(cells) {
            row.start = start;
            write(&mut row, cell);
        }
        out.extend_from_slice(b"</row>");
        if out.len() >= PIECE {
            self.book.zip.write(&self.book.piece)?;
            self.book.piece.clear();
        }
        Ok(())
    }
}

/// One cell of a row, about to be written.
struct Row<'a> {
    out: &'a mut Vec<u8>,
    start: &'a str,
    number: &'a [u8],
    zone: &'a TimeZone,
}

impl Row<'_> {
    fn cell(&mut self, cell: Cell<'_>) {
        match cell {
            Cell::Empty => {}
            Cell::Text(text) => {
                let format = if text::is_formula_like(text) { format::QUOTED } else { format::PLAIN };
                self.text(text, format);
            }
            Cell::Integer(value) if value.unsigned_abs() <= EXACT => {
                self.begin(format::INTEGER);
                self.out.extend_from_slice(b"\"><v>");
                push_integer(self.out, value);
                self.out.extend_from_slice(b"</v></c>");
            }
            Cell::Integer(value) => self.text(&value.to_string(), format::QUOTED),
            Cell::Cents(cents) if cents.unsigned_abs() <= EXACT => {
                self.begin(format::MONEY);
                self.out.extend_from_slice(b"\"><v>");
                push_hundredths(self.out, cents);
                self.out.extend_from_slice(b"</v></c>");
            }
            Cell::Cents(cents) => {
                let mut text = Vec::new();
                push_hundredths(&mut text, cents);
                self.text(&String::from_utf8_lossy(&text), format::QUOTED);
            }
            Cell::Moment(millis) => self.moment(millis, format::MOMENT),
            Cell::Day(millis) => self.moment(millis, format::DAY),
        }
    }

    fn begin(&mut self, format: u8) {
        self.out.extend_from_slice(self.start.as_bytes());
        self.out.extend_from_slice(self.number);
        self.out.extend_from_slice(b"\" s=\"");
        self.out.push(b'0' + format);
    }

    fn text(&mut self, text: &str, format: u8) {
        let (text, is_all) = text::fitting(text);
        self.begin(format);
        self.out.extend_from_slice(if text::needs_spaces_kept(text) {
            b"\" t=\"inlineStr\"><is><t xml:space=\"preserve\">"
        } else {
            b"\" t=\"inlineStr\"><is><t>"
        });
        text::push_escaped(self.out, text);
        if !is_all {
            self.out.extend_from_slice("…".as_bytes());
        }
        self.out.extend_from_slice(b"</t></is></c>");
    }

    fn moment(&mut self, millis: i64, format: u8) {
        const DAY_SECONDS: i64 = 86_400;
        /// 1970-01-01 counted as the format counts days.
        const EPOCH: i64 = 25_569;
        /// 1900-03-01: days before it are counted in two ways, because the format believes in a 29th of February 1900.
        const FIRST: i64 = 61;
        /// 9999-12-31.
        const LAST: i64 = 2_958_465;

        let seconds = millis.div_euclid(1000);
        let offset = jiff::Timestamp::from_second(seconds).map_or(0, |moment| self.zone.to_offset(moment).seconds());
        let local = seconds + i64::from(offset);
        let day = local.div_euclid(DAY_SECONDS) + EPOCH;
        let second = local.rem_euclid(DAY_SECONDS).unsigned_abs();
        if !(FIRST..=LAST).contains(&day) {
            let text =
                jiff::Timestamp::from_second(seconds).map_or_else(|_| String::new(), |moment| moment.to_string());
            return self.text(&text, format::PLAIN);
        }
        self.begin(format);
        self.out.extend_from_slice(b"\"><v>");
        push_integer(self.out, day);
        if format == format::MOMENT && second != 0 {
            // Eleven decimals of a day are less than a microsecond.
            const SCALE: u64 = 100_000_000_000;
            let fraction = (second * SCALE + 43_200) / 86_400;
            let mut digits = [0; 20];
            // The leading one keeps the zeros behind the point.
            let digits = decimal(&mut digits, SCALE + fraction);
            self.out.push(b'.');
            self.out.extend_from_slice(&digits[1..]);
        }
        self.out.extend_from_slice(b"</v></c>");
    }
}

/// What a spreadsheet program calls a column, counted from 0: A to Z, AA, AB and so on.
#[must_use]
pub fn letters(mut column: usize) -> String {
    let mut letters = Vec::new();
    loop {
        letters.push(b'A' + (column % 26) as u8);
        if column < 26 {
            break;
        }
        column = column / 26 - 1;
    }
    letters.into_iter().rev().map(char::from).collect()
}

fn decimal(digits: &mut [u8; 20], mut value: u64) -> &[u8] {
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            return &digits[at..];
        }
    }
}

fn push_integer(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(decimal(&mut [0; 20], value.unsigned_abs()));
}

fn push_hundredths(out: &mut Vec<u8>, cents: i64) {
    if cents < 0 {
        out.push(b'-');
    }
    let cents = cents.unsigned_abs();
    out.extend_from_slice(decimal(&mut [0; 20], cents / 100));
    out.extend_from_slice(&[b'.', b'0' + (cents / 10 % 10) as u8, b'0' + (cents % 10) as u8]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_letters() {
        for (column, expected) in [(0, "A"), (25, "Z"), (26, "AA"), (27, "AB"), (701, "ZZ"), (702, "AAA")] {
            assert_eq!(letters(column), expected);
        }
    }

    #[test]
    fn hundredths_are_exact() {
        for (cents, expected) in [
            (0, "0.00"),
            (5, "0.05"),
            (-5, "-0.05"),
            (1234, "12.34"),
            (-100, "-1.00"),
            (i64::MIN, "-92233720368547758.08"),
        ] {
            let mut out = Vec::new();
            push_hundredths(&mut out, cents);
            assert_eq!(String::from_utf8(out).expect("digits"), expected);
        }
    }
}
