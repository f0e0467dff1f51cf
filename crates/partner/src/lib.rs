//! How partners (cabinet vendors, an ERP) prove who they are. Pure functions over bytes: no clock, no memory, no network.
//!
//! [`signature`] is ours and the one to use. [`md5`] is what many cabinet vendors can do instead; it protects less, and its module says what
//! else is then needed.

pub mod md5;
pub mod signature;
