//! The API at its outer wall: the real router, on both engines, with a clock that tests set.

mod access;
mod audit;
mod batch;
mod cabinets;
mod description;
mod dining;
mod exports;
mod history;
mod imports;
mod input;
mod jobs;
mod limits;
mod meals;
mod members;
mod order_search;
mod orders;
mod pickup;
mod protocol;
mod repairs;
mod shop;
mod shop_pay;
mod sign_in;
mod subscriptions;
mod support;
mod topups;
mod wallet;
