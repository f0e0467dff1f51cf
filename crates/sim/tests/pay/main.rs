//! The client against the simulated WeChat Pay, over real HTTP.

mod bills;
mod faults;
mod notifications;
mod orders;
mod refunds;
mod score;
mod support;
