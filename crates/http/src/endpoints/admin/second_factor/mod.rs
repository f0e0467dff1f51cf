//! Somebody else's second factor.

pub(in crate::endpoints) mod reset;
pub(in crate::endpoints) mod show;
