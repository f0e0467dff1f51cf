//! The HTTP face of Fanpiao: one file per endpoint under `endpoints`, each a declaration and a handler; around them one frame
//! that gives every answer its id, language, measure and headers, and one description that everything else is derived from.

mod app;
mod caller;
mod clients;
mod cors;
mod docs_page;
mod endpoint;
mod endpoints;
mod failure;
mod file;
mod frame;
mod input;
mod manual;
mod metrics;
mod openapi;
mod qr;
#[cfg(test)]
mod reference;
mod reply;
mod server;
mod setting;
mod stream;
mod texts;
mod throttle;

#[cfg(test)]
mod tests;

pub use app::{App, Limits};
pub use caller::Access;
pub use cors::Origins;
pub use endpoint::{Endpoint, Tag};
pub use endpoints::all as endpoints;
pub use server::serve;
pub use setting::{Setting, SettingSource, SettingValue};
pub use throttle::{Proxies, Rate, Rates};
