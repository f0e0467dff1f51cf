//! The memory: one schema on SQLite and PostgreSQL, what a lane loads and writes, and the queries of the screens.

mod backup;
mod callbacks;
mod engine;
pub mod erasures;
mod error;
mod events;
mod forget;
mod lane;
pub mod lists;
mod migrations;
mod node;
mod outbox;
pub mod personal;
mod postgres;
pub mod queries;
mod rows;
mod seals;
mod simulated;
mod sql;
mod sqlite;
#[cfg(test)]
mod statements;
mod stream;
mod tallies;
mod tls;
mod value;

pub use callbacks::CallbackRow;
pub use engine::{Engine, Patience, Store, Writer};
pub use error::{Cause, Error};
pub use events::{EventKept, EventRow, SignedEvent, event_key};
pub use forget::Forgettable;
pub use lane::{Answer, AnswerKey, StoredAnswer, load, load_answers, write};
pub use migrations::{Migrated, Plan, Schema, SchemaStep, expected_schema};
pub use node::{NODES, NodeLease};
pub use outbox::OutboxRow;
pub use seals::Seal;
pub use simulated::{Fate, Fates, Step};
pub use sql::{Batch, Column, Kind, Lock, SetStatement};
pub use stream::Rows;
pub use value::{Cells, Row, Value};
