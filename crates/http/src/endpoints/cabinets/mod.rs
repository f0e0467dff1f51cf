//! What members do with cabinets.

pub(crate) mod events;
pub(crate) mod open;
pub(crate) mod orders;
pub(crate) mod pay;
pub(crate) mod scan;
pub(crate) mod sessions;
pub(crate) mod show;

use kernel::{
    Bought, CabinetOrder, CabinetOrderState, CabinetPay, Cents, DeviceCode, DoorSession, DoorStatus, Instant, MemberId,
    Noun, OrderId, Permission, ProductCode, ProductId, Refusal, StoreCode, StoreId, Tickets, Title, UnpaidReason,
    numbered_order,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries::cabinets as queries;

use crate::App;
use crate::caller::Caller;
use crate::failure::Failure;

#[derive(Deserialize, JsonSchema)]
pub(crate) struct CabinetOrderPath {
    pub(crate) order_no: String,
}

/// A cabinet, as who stands before it needs to know it.
#[derive(Serialize, JsonSchema)]
pub(crate) struct CabinetAnswer {
    device_code: DeviceCode,
    name: Title,
    is_online: bool,
    /// Whether it is serving somebody.
    is_busy: bool,
    store_code: StoreCode,
    store_name: Title,
}

/// One opening of a door.
#[derive(Serialize, JsonSchema)]
pub(crate) struct DoorSessionAnswer {
    session_no: String,
    status: DoorStatus,
    device_code: DeviceCode,
    payment_type: CabinetPay,
    /// Why the door did not open, in the vendor's words.
    failure: Option<String>,
    opened_at: Option<Instant>,
    closed_at: Option<Instant>,
    /// What it came to, once it is settled and something was taken.
    order: Option<CabinetOrderAnswer>,
    created_at: Instant,
    updated_at: Instant,
}

impl DoorSessionAnswer {
    pub(crate) async fn of(app: &App, session: DoorSession) -> Result<Self, Failure> {
        let device = queries::device(app.store(), session.device).await?;
        let device = device.ok_or(Refusal::NotFound { noun: Noun::Device })?;
        let order = match session.status {
            DoorStatus::Settled => queries::order_of_session(app.store(), session.id).await?,
            _ => None,
        };
        Ok(Self {
            status: session.status,
            device_code: device.code,
            payment_type: session.pay,
            failure: session.failure,
            opened_at: session.opened_at,
            closed_at: session.closed_at,
            order: order.map(CabinetOrderAnswer::from),
            created_at: session.created_at,
            updated_at: session.updated_at,
            session_no: session.session_no,
        })
    }
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CabinetPaymentStatus {
    Unpaid,
    Paid,
}

impl CabinetPaymentStatus {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Unpaid => "unpaid",
            Self::Paid => "paid",
        }
    }
}

/// What was taken from a cabinet.
#[derive(Serialize, JsonSchema)]
pub(crate) struct CabinetOrderAnswer {
    order_id: OrderId,
    order_no: String,
    user_id: MemberId,
    items: Vec<CabinetItem>,
    total_cents: Cents,
    payment_type: CabinetPay,
    /// What it costs in tickets, 500 to the yuan.
    tickets: Tickets,
    payment_status: CabinetPaymentStatus,
    /// Why it is not paid.
    unpaid_reason: Option<UnpaidReason>,
    paid_at: Option<Instant>,
    /// What the vendor knows it by.
    vendor_order_no: String,
    created_at: Instant,
    updated_at: Instant,
}

/// As many of one product.
#[derive(Serialize, JsonSchema)]
pub(crate) struct CabinetItem {
    product_code: ProductCode,
    product_id: ProductId,
    name_zh: Title,
    name_en: Option<Title>,
    quantity: i64,
    price_cents: Cents,
}

impl From<Bought> for CabinetItem {
    fn from(bought: Bought) -> Self {
        Self {
            product_code: bought.code,
            product_id: bought.product,
            name_zh: bought.name_zh,
            name_en: bought.name_en,
            quantity: bought.quantity,
            price_cents: bought.price,
        }
    }
}

impl From<CabinetOrder> for CabinetOrderAnswer {
    fn from(order: CabinetOrder) -> Self {
        let (payment_status, unpaid_reason, paid_at) = match order.state {
            CabinetOrderState::Unpaid { reason } => (CabinetPaymentStatus::Unpaid, Some(reason), None),
            CabinetOrderState::Paid { paid_at } => (CabinetPaymentStatus::Paid, None, Some(paid_at)),
        };
        Self {
            order_id: order.id,
            order_no: order.order_no,
            user_id: order.member,
            items: order.items.into_iter().map(CabinetItem::from).collect(),
            total_cents: order.total,
            payment_type: order.pay,
            tickets: order.tickets,
            payment_status,
            unpaid_reason,
            paid_at,
            vendor_order_no: order.vendor_order_no,
            created_at: order.created_at,
            updated_at: order.updated_at,
        }
    }
}

/// Whether a caller may read what others have done in a store.
pub(crate) fn reads_in(caller: &Caller, store: StoreId) -> bool {
    let grants = &caller.identity.grants;
    grants.allow(Permission::CabinetRead)
        && grants.stores_with(Permission::CabinetRead).is_none_or(|own| own.contains(&store))
}

pub(crate) async fn find(app: &App, order_no: &str) -> Result<CabinetOrder, Failure> {
    let order = match numbered_order("CABO", order_no) {
        Some(id) => queries::order(app.store(), id).await?.filter(|order| order.order_no == order_no),
        None => None,
    };
    order.ok_or(Refusal::NotFound { noun: Noun::Order }.into())
}
