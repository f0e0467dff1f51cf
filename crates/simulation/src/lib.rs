//! The whole service in one process and on one thread, by a clock and by chance of a seed's own: people and administrators ask, the
//! process ends between any two steps, the database fails, clocks jump, messages come twice or late, WeChat takes a call and says that it
//! did not. An auditor keeps books of its own
//! from what was acknowledged and compares them with the database after every step.
//!
//! What is simulated is the real service on a real SQLite file; only its threads, its clock, its chance and what it meets are not
//! the world's. docs/simulation.md tells of it.

mod asked;
mod books;
mod clock;
mod hazards;
mod money;
mod outside;
mod people;
mod random;
mod run;
mod stored;
mod till;
mod trace;

pub use run::{Found, Ran, run};
