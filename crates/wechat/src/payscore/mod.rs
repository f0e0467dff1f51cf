//! Pay score (支付分): goods first, money afterwards. Orders, permissions, and the jump from our front end to WeChat's page.

mod jump;
mod order;
mod permission;
mod requests;

pub use jump::{DetailJump, UseJump};
pub use order::{Collection, CollectionDetail, ServiceOrder, ServiceState};
pub use permission::{Permission, PermissionNotice, PermissionState, Service, Whose};
pub use requests::{Completion, Discount, NewServiceOrder, PaymentRow, RiskFund, Start};
