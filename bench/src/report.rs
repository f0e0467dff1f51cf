//! What a benchmark found: tables and charts, for a terminal and for a document.

use std::fmt::Write as _;

use crate::chart::Chart;

/// One benchmark's findings.
pub(crate) struct Section {
    pub(crate) title: &'static str,
    /// What was done, with which numbers.
    pub(crate) about: String,
    pub(crate) table: Table,
    pub(crate) charts: Vec<Chart>,
}

/// The first column names what the others measure.
pub(crate) struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new<const N: usize>(head: [&str; N]) -> Self {
        Self::listing(head.map(str::to_owned))
    }

    pub(crate) fn push<const N: usize>(&mut self, row: [String; N]) {
        self.list(row);
    }

    pub(crate) fn listing(head: impl IntoIterator<Item = String>) -> Self {
        Self { head: head.into_iter().collect(), rows: Vec::new() }
    }

    pub(crate) fn list(&mut self, row: impl IntoIterator<Item = String>) {
        let row: Vec<String> = row.into_iter().collect();
        assert_eq!(row.len(), self.head.len(), "{:?}", self.head);
        self.rows.push(row);
    }

    fn text(&self) -> String {
        let all = || std::iter::once(&self.head).chain(&self.rows);
        let width = |column: usize| all().map(|row| row[column].chars().count()).max().unwrap_or_default();
        let widths: Vec<usize> = (0..self.head.len()).map(width).collect();
        let mut text = String::new();
        for row in all() {
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let blank = " ".repeat(width - cell.chars().count());
                text += &if column == 0 { format!("{cell}{blank}") } else { format!("  {blank}{cell}") };
            }
            text.push('\n');
        }
        text
    }

    fn markdown(&self) -> String {
        let line = |row: &[String]| format!("| {} |\n", row.join(" | "));
        let mut text = line(&self.head);
        text += &format!("|---|{}\n", "---:|".repeat(self.head.len() - 1));
        text + &self.rows.iter().map(|row| line(row)).collect::<String>()
    }
}

impl Section {
    pub(crate) fn text(&self) -> String {
        format!("{}\n{}\n", self.about, self.table.text())
    }

    /// The charts are named by where they will stand beside the document.
    pub(crate) fn markdown(&self, place: &str) -> String {
        let mut text = format!("## {}\n\n{}\n\n{}", self.title, self.about, self.table.markdown());
        for chart in &self.charts {
            // Writing into a text cannot fail.
            let _ = write!(text, "\n![{}]({place}{}.svg)\n", chart.title, chart.name);
        }
        text
    }
}

/// A number as people read it: `12,345`.
pub(crate) fn whole(number: f64) -> String {
    if !number.is_finite() {
        return "–".to_owned();
    }
    let digits = format!("{:.0}", number.abs());
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if number < 0.0 { format!("−{text}") } else { text }
}

/// A number with so many digits behind the point.
pub(crate) fn decimal(number: f64, digits: usize) -> String {
    if number.is_finite() { format!("{number:.digits$}") } else { "–".to_owned() }
}

pub(crate) fn times(ratio: f64) -> String {
    if ratio.is_finite() { format!("{ratio:.1}×") } else { "–".to_owned() }
}

#[expect(clippy::float_arithmetic, reason = "figures for people")]
pub(crate) fn ratio(a: f64, b: f64) -> f64 {
    a / b
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_their_thousands_apart() {
        let texts = [0.0, 999.4, 1000.0, 1_234_567.8, -4321.0, f64::NAN].map(whole);
        assert_eq!(texts, ["0", "999", "1,000", "1,234,568", "−4,321", "–"]);
    }

    #[test]
    fn a_table_is_a_text_and_a_document() {
        let mut table = Table::new(["engine", "orders/s"]);
        table.push(["SQLite".to_owned(), "1,000".to_owned()]);
        assert_eq!(table.text(), "engine  orders/s\nSQLite     1,000\n");
        assert_eq!(table.markdown(), "| engine | orders/s |\n|---|---:|\n| SQLite | 1,000 |\n");
    }
}
