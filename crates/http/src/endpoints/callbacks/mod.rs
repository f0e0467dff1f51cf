//! What the outside tells us.

pub(crate) mod cabinet;
pub(crate) mod erp;
pub(crate) mod wechat;

use axum::http::HeaderMap;

/// A header that comes twice says nothing.
fn single<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none()).and_then(|value| value.to_str().ok())
}
