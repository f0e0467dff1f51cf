//! The queries of the screens and of signing in: one file a noun, each text beside the row it returns. Nothing here changes
//! anything, and no cost grows with a table but where somebody asks for a count, for totals, or for members by a part of their name.

pub mod alerts;
pub mod audits;
pub mod cabinet_stats;
pub mod cabinets;
pub mod complaints;
pub mod connections;
pub mod departments;
pub mod erp;
pub mod exceptions;
pub mod exports;
pub mod group_orders;
pub mod jobs;
pub mod kitchen;
pub mod ledger;
pub mod meals;
pub mod members;
pub mod order_search;
pub mod orders;
pub mod payments;
pub mod person;
pub mod reports;
pub mod roles;
pub mod second_factors;
pub mod sessions;
pub mod shop;
pub mod subscriptions;
pub mod topups;

use crate::{Error, Row};

/// The one number of an answer that is one number.
fn number(rows: Vec<Row>) -> Result<i64, Error> {
    match rows.into_iter().next() {
        Some(row) => row.cells().int(),
        None => Err(Error::inconsistent("a count is missing")),
    }
}

/// A pattern for what has this in it, with `!` before each character that would stand for others.
fn containing(part: &str) -> String {
    let mut pattern = String::from("%");
    for character in part.chars() {
        if ['%', '_', '!'].contains(&character) {
            pattern.push('!');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}
