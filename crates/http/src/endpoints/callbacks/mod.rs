//! What the outside tells us.

pub(crate) mod wechat;
