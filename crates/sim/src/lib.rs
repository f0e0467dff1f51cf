//! The outside world on loopback: what WeChat would answer, without WeChat.
//!
//! For demonstrations and tests. It is as strict as the real side where its strictness is known, keeps everything in memory, and listens on
//! loopback only, because its keys and secrets are public constants. It calls nobody who is not on loopback either.
//!
//! - [`mini`]: the mini program server API, and how sign-in codes come into being.
//! - [`pay`]: WeChat Pay APIv3 with pay score, and the keys that go with it.
//! - [`cabinet`]: a vendor of smart cabinets.
//! - [`bucket`]: where pictures can be kept.
//! - [`erp`]: an ERP.
//! - [`robots`]: where alerts are read.
//! - [`mail`]: where letters are taken.
//! - [`unplugged`]: WeChat Pay without a socket, for whoever carries its calls and notifications himself.
//! - `GET /sim/`: a page for a person who wants to be the payer; [`control`] lists what it and a test can do.

pub mod bucket;
pub mod cabinet;
pub mod control;
pub mod erp;
pub mod mail;
pub mod mini;
pub mod pay;
pub mod robots;
pub mod unplugged;

mod clock;
mod faults;
mod keys;
mod log;
mod settings;
mod text;
mod world;

pub use clock::Clock;
pub use settings::{Basket, NotifyWith, RefundOutcome, Settings};
pub use world::{Config, World};

/// The simulated mini program. Real appids are `wx` and sixteen hexadecimal digits, so this one can never be somebody's.
pub const APPID: &str = "wxsim0000000000001";

/// The app secret that goes with [`APPID`].
pub const APP_SECRET: &str = "sim-app-secret-works-on-loopback-only";
