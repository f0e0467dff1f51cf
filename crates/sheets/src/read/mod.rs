//! Reads the small tables that people make in a spreadsheet program: the first sheet of an .xlsx file, or CSV. What comes in is
//! somebody's file and may be anything, so every size is bounded before memory is taken for it, and nothing is evaluated.

mod csv;
mod package;
mod xlsx;

/// A table with its heading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Those that have anything in them.
    pub rows: Vec<Row>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// As the spreadsheet program counts, from 1.
    pub number: u32,
    pub cells: Vec<Value>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Value {
    #[default]
    Empty,
    /// Without the space around it.
    Text(String),
    /// What it would come to is not asked.
    Formula,
    /// An error of the spreadsheet program, or a number that it has rounded.
    Broken,
}

impl Value {
    fn of(text: &str) -> Self {
        match text.trim() {
            "" => Self::Empty,
            text => Self::Text(text.to_owned()),
        }
    }
}

/// Why a file is no table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// Neither an .xlsx file nor text, or a damaged one.
    Damaged,
    /// A workbook of the old format, or one with a password.
    OldFormat,
    /// It unpacks to more than a table of this size can need.
    TooLarge,
    TooManyRows,
    TooManyColumns,
}

impl Table {
    /// The heading included.
    pub const MOST_ROWS: usize = 2001;
    pub const MOST_COLUMNS: usize = 32;

    /// # Errors
    /// Why the bytes are no table.
    pub fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        if bytes.starts_with(b"PK\x03\x04") {
            xlsx::read(bytes)
        } else if bytes.starts_with(b"\xD0\xCF\x11\xE0") {
            Err(Unreadable::OldFormat)
        } else {
            csv::read(bytes)
        }
    }

    fn push(&mut self, number: u32, mut cells: Vec<Value>) -> Result<(), Unreadable> {
        let length = cells.iter().rposition(|cell| *cell != Value::Empty).map_or(0, |last| last + 1);
        cells.truncate(length);
        if length > Self::MOST_COLUMNS {
            return Err(Unreadable::TooManyColumns);
        }
        if length > 0 {
            if self.rows.len() == Self::MOST_ROWS {
                return Err(Unreadable::TooManyRows);
            }
            self.rows.push(Row { number, cells });
        }
        Ok(())
    }
}
