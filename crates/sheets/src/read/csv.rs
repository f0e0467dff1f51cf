//! Text with separators, as RFC 4180 and spreadsheet programs write it.

use encoding_rs::{Encoding, GB18030};

use super::{Table, Unreadable, Value};

pub(super) fn read(bytes: &[u8]) -> Result<Table, Unreadable> {
    let text = decode(bytes).ok_or(Unreadable::Damaged)?;
    if text.chars().any(|character| character.is_control() && !"\t\r\n".contains(character)) {
        return Err(Unreadable::Damaged);
    }
    let separator = separator(&text);
    let mut table = Table { rows: Vec::new() };
    let mut characters = text.chars().peekable();
    let mut number = 0;
    while characters.peek().is_some() {
        number += 1;
        let mut cells = Vec::new();
        while cell(&mut characters, separator, &mut cells)? {}
        table.push(number, cells)?;
    }
    Ok(table)
}

/// As the mark at the beginning says; without one as UTF-8 or, where it is none, as what Chinese spreadsheet programs write.
fn decode(bytes: &[u8]) -> Option<String> {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        let text = encoding.decode_without_bom_handling_and_without_replacement(&bytes[mark..])?;
        return Some(text.into_owned());
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Some(text.to_owned());
    }
    GB18030.decode_without_bom_handling_and_without_replacement(bytes).map(|text| text.into_owned())
}

/// Whatever the heading has most of.
fn separator(text: &str) -> char {
    let heading = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let count = |separator: char| heading.matches(separator).count();
    [',', '\t', ';'].into_iter().rev().max_by_key(|&separator| count(separator)).unwrap_or(',')
}

/// Reads one cell; says whether another follows on its line.
fn cell(
    characters: &mut std::iter::Peekable<std::str::Chars<'_>>,
    separator: char,
    cells: &mut Vec<Value>,
) -> Result<bool, Unreadable> {
    if cells.len() > Table::MOST_COLUMNS {
        return Err(Unreadable::TooManyColumns);
    }
    let mut text = String::new();
    let mut quoted = characters.next_if_eq(&'"').is_some();
    loop {
        match characters.next() {
            // A quote that nobody closes would swallow the rest of the file.
            None if quoted => return Err(Unreadable::Damaged),
            Some('"') if quoted => match characters.next_if_eq(&'"') {
                Some(quote) => text.push(quote),
                None => quoted = false,
            },
            Some(character) if quoted => text.push(character),
            Some('\r') if characters.peek() == Some(&'\n') => {}
            Some('\r' | '\n') | None => {
                cells.push(Value::of(&text));
                return Ok(false);
            }
            Some(character) if character == separator => {
                cells.push(Value::of(&text));
                return Ok(true);
            }
            Some(character) => text.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(bytes: &[u8]) -> Vec<(u32, Vec<String>)> {
        let table = Table::read(bytes).expect("a table");
        let text = |value: &Value| match value {
            Value::Text(text) => text.clone(),
            Value::Empty => String::new(),
            other => panic!("{other:?}"),
        };
        table.rows.iter().map(|row| (row.number, row.cells.iter().map(text).collect())).collect()
    }

    #[test]
    fn one_table_in_every_dress() {
        let utf8 = "账号,昵称\r\nlilei,\"李, \"\"雷\"\"\"\n\n,,\n han , 韩梅梅 ";
        let expected = [
            (1, vec!["账号".to_owned(), "昵称".to_owned()]),
            (2, vec!["lilei".to_owned(), "李, \"雷\"".to_owned()]),
            (5, vec!["han".to_owned(), "韩梅梅".to_owned()]),
        ];
        assert_eq!(texts(utf8.as_bytes()), expected);
        assert_eq!(texts(format!("\u{feff}{utf8}").as_bytes()), expected);
        assert_eq!(texts(&GB18030.encode(utf8).0), expected);
        let utf16: Vec<u8> = format!("\u{feff}{utf8}").encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(texts(&utf16), expected);
        assert_eq!(texts("a;b,c\tx;d\n1;2".as_bytes())[1].1, ["1", "2"]);
        assert_eq!(texts("a\tb\n1\t\"2\n3\"\n".as_bytes())[1].1, ["1", "2\n3"]);
        assert_eq!(texts(b""), []);
    }

    #[test]
    fn what_is_no_text_is_no_table() {
        for (bytes, why) in [
            (&b"a,b\n\x00\x01"[..], Unreadable::Damaged),
            (&b"a,\"b\n1,2"[..], Unreadable::Damaged),
            (&b"\xff\xff\xff"[..], Unreadable::Damaged),
            (&b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1 old"[..], Unreadable::OldFormat),
        ] {
            assert_eq!(Table::read(bytes), Err(why), "{bytes:?}");
        }
        let rows = |count: usize| "x\n".repeat(count);
        assert_eq!(Table::read(rows(2001).as_bytes()).map(|table| table.rows.len()), Ok(2001));
        assert_eq!(Table::read(rows(2002).as_bytes()), Err(Unreadable::TooManyRows));
        let columns = |count: usize| vec!["x"; count].join(",");
        assert_eq!(Table::read(columns(32).as_bytes()).map(|table| table.rows[0].cells.len()), Ok(32));
        assert_eq!(Table::read(columns(33).as_bytes()), Err(Unreadable::TooManyColumns));
        assert_eq!(Table::read(columns(100_000).as_bytes()), Err(Unreadable::TooManyColumns));
    }
}
