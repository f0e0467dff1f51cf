//! What tests need from the machine: a throw-away PostgreSQL, a way to disturb it, and throw-away folders.
//!
//! It depends on the standard library alone, so that a change here costs every test crate one second and not a minute.

pub mod postgres;
pub mod proxy;
mod temp_dir;

pub use temp_dir::TempDir;

use std::hash::{BuildHasher, RandomState};

/// A name that no other process and no other call uses: `prefix`, the process id and 64 random bits.
fn unique_name(prefix: &str, separator: char) -> String {
    let random = RandomState::new().hash_one(prefix);
    format!("{prefix}{separator}{}{separator}{random:016x}", std::process::id())
}
