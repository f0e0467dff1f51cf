//! WeChat as a server sees it: WeChat Pay APIv3, pay score, and the mini program server API.
//!
//! The crate builds requests, signs them, sends them once, verifies what comes back and parses it into words of its own. It knows
//! nothing of meals, wallets or cabinets, keeps no business state and never retries on its own: a caller that repeats a call does so with the
//! same number, after asking what became of the first try. [`Error::outcome`] says which of the two is needed.

pub mod mini;
pub mod pay;
pub mod payscore;

mod error;
mod lenient;
mod secret;
mod time;
mod transport;

pub use error::{Error, Kind, Outcome};
pub use secret::Secret;
pub use time::{Clock, UnixTime};
pub use transport::{Answer, Broken, Call, Carrying, Line, Transport, TransportConfig};
