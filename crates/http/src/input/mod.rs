//! From bytes to typed input. The fast way reads straight into the type; only where that fails does a slow and thorough second
//! look name every wrong field at once.

mod body;
mod fields;
mod params;
mod problem;
mod schema;

pub(crate) use body::{json, read, read_raw};
pub(crate) use fields::{
    Capacity, Cursor, Dots, DryRun, Limit, List, Month, Nothing, Offset, Page, Search, TypedYuan, double_option,
};
pub(crate) use params::{path, query};
pub(crate) use problem::Problem;
pub(crate) use schema::{Components, Shape};
