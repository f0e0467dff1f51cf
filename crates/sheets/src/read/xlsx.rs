//! The first sheet of a workbook: its texts, and which cells are formulas.

use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::package::Package;
use super::{Table, Unreadable, Value};

pub(super) fn read(bytes: &[u8]) -> Result<Table, Unreadable> {
    let package = Package::of(bytes).ok_or(Unreadable::Damaged)?;
    let needed = |part: Result<Option<String>, Unreadable>| part.and_then(|text| text.ok_or(Unreadable::Damaged));
    let workbook = needed(package.part("xl/workbook.xml"))?;
    let relations = needed(package.part("xl/_rels/workbook.xml.rels"))?;
    let sheet = first_sheet(&workbook, &relations)?.ok_or(Unreadable::Damaged)?;
    let sheet = needed(package.part(&sheet))?;
    let shared = match package.part("xl/sharedStrings.xml")? {
        Some(text) => shared_texts(&text)?,
        None => Vec::new(),
    };
    rows(&sheet, &shared)
}

/// The elements and texts of a part, one after the other.
struct Parts<'a>(Reader<&'a [u8]>);

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Self {
        let mut reader = Reader::from_str(text);
        reader.config_mut().expand_empty_elements = true;
        Self(reader)
    }

    fn next(&mut self) -> Result<Option<Event<'a>>, Unreadable> {
        match self.0.read_event() {
            Ok(Event::Eof) => Ok(None),
            Ok(event) => Ok(Some(event)),
            Err(_) => Err(Unreadable::Damaged),
        }
    }
}

fn attribute(element: &BytesStart<'_>, name: &str) -> Result<Option<String>, Unreadable> {
    for attribute in element.attributes() {
        let attribute = attribute.map_err(|_| Unreadable::Damaged)?;
        if attribute.key.local_name().as_ref() == name {
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|_| Unreadable::Damaged)?;
            return Ok(Some(value.into_owned()));
        }
    }
    Ok(None)
}

/// In which part the first sheet is.
fn first_sheet(workbook: &str, relations: &str) -> Result<Option<String>, Unreadable> {
    let mut parts = Parts::of(workbook);
    let mut id = None;
    while let Some(event) = parts.next()? {
        if let Event::Start(element) = event
            && element.local_name().as_ref() == "sheet"
        {
            id = attribute(&element, "id")?;
            break;
        }
    }
    let mut parts = Parts::of(relations);
    while let Some(event) = parts.next()? {
        if let Event::Start(element) = event
            && element.local_name().as_ref() == "Relationship"
            && id.is_some()
            && attribute(&element, "Id")? == id
        {
            let target = attribute(&element, "Target")?;
            return Ok(target.map(|target| match target.strip_prefix('/') {
                Some(whole) => whole.to_owned(),
                None => format!("xl/{target}"),
            }));
        }
    }
    Ok(None)
}

/// What cells refer to by number.
fn shared_texts(part: &str) -> Result<Vec<String>, Unreadable> {
    let mut parts = Parts::of(part);
    let mut texts = Vec::new();
    let mut words = Words::default();
    while let Some(event) = parts.next()? {
        if let Event::End(element) = &event
            && element.local_name().as_ref() == "si"
        {
            texts.push(std::mem::take(&mut words.text));
        }
        words.hear(&event)?;
    }
    Ok(texts)
}

/// Collects the text that stands in a cell: several runs of it, but not how they are pronounced.
#[derive(Default)]
struct Words {
    text: String,
    is_text: bool,
    is_phonetic: bool,
}

impl Words {
    fn hear(&mut self, event: &Event<'_>) -> Result<(), Unreadable> {
        match event {
            Event::Start(element) => match element.local_name().as_ref() {
                "t" | "v" => self.is_text = true,
                "rPh" => self.is_phonetic = true,
                _ => {}
            },
            Event::End(element) => match element.local_name().as_ref() {
                "t" | "v" => self.is_text = false,
                "rPh" => self.is_phonetic = false,
                _ => {}
            },
            Event::Text(text) if self.is_text && !self.is_phonetic => self.text.push_str(&text.xml10_content()),
            Event::CData(text) if self.is_text && !self.is_phonetic => self.text.push_str(&text.xml10_content()),
            Event::GeneralRef(entity) if self.is_text && !self.is_phonetic => self.text.push(character(entity)?),
            _ => {}
        }
        Ok(())
    }
}

/// The five names that XML knows, or a number; what a document declares itself is not looked up.
fn character(entity: &BytesRef<'_>) -> Result<char, Unreadable> {
    let named = [("lt", '<'), ("gt", '>'), ("amp", '&'), ("quot", '"'), ("apos", '\'')];
    if let Some((_, character)) = named.into_iter().find(|(name, _)| **name == **entity) {
        return Ok(character);
    }
    entity.resolve_char_ref().ok().flatten().ok_or(Unreadable::Damaged)
}

fn rows(sheet: &str, shared: &[String]) -> Result<Table, Unreadable> {
    let mut parts = Parts::of(sheet);
    let mut table = Table { rows: Vec::new() };
    // Rows and cells that do not say where they are follow the one before.
    let (mut number, mut next, mut cells) = (0_u32, 0, Vec::new());
    let mut cell = Cell::default();
    while let Some(event) = parts.next()? {
        match &event {
            Event::Start(element) => match element.local_name().as_ref() {
                "row" => {
                    let named = attribute(element, "r")?.and_then(|text| text.parse().ok());
                    number = named.unwrap_or(number.saturating_add(1));
                    (next, cells) = (0, Vec::new());
                }
                "c" => {
                    let named = attribute(element, "r")?.and_then(|text| column(&text));
                    cell = Cell {
                        column: named.unwrap_or(next),
                        kind: attribute(element, "t")?.unwrap_or_default(),
                        ..Cell::default()
                    };
                }
                "f" => cell.is_formula = true,
                _ => {}
            },
            Event::End(element) => match element.local_name().as_ref() {
                "c" => {
                    let column = cell.column;
                    next = column + 1;
                    let value = std::mem::take(&mut cell).value(shared)?;
                    if value != Value::Empty {
                        if column >= Table::MOST_COLUMNS {
                            return Err(Unreadable::TooManyColumns);
                        }
                        cells.resize(cells.len().max(column + 1), Value::Empty);
                        cells[column] = value;
                    }
                }
                "row" => table.push(number, std::mem::take(&mut cells))?,
                "sheetData" => break,
                _ => {}
            },
            _ => {}
        }
        cell.words.hear(&event)?;
    }
    Ok(table)
}

/// `C` of `C7`, counted from 0.
fn column(place: &str) -> Option<usize> {
    let letters = place.bytes().take_while(u8::is_ascii_uppercase);
    let number = letters.take(4).fold(0, |number, letter| number * 26 + usize::from(letter - b'A') + 1);
    number.checked_sub(1)
}

#[derive(Default)]
struct Cell {
    column: usize,
    kind: String,
    is_formula: bool,
    words: Words,
}

impl Cell {
    fn value(self, shared: &[String]) -> Result<Value, Unreadable> {
        let text = self.words.text;
        if self.is_formula {
            return Ok(Value::Formula);
        }
        Ok(match self.kind.as_str() {
            "s" => {
                let at = text.trim().parse::<usize>().map_err(|_| Unreadable::Damaged)?;
                Value::of(shared.get(at).ok_or(Unreadable::Damaged)?)
            }
            "inlineStr" | "str" => Value::of(&text),
            "b" => Value::of(if text.trim() == "1" { "TRUE" } else { "FALSE" }),
            "e" => Value::Broken,
            // A number with an exponent has lost its last digits.
            _ if text.contains(['e', 'E']) => Value::Broken,
            _ => Value::of(&text),
        })
    }
}
