//! What members do with cabinets.

pub(crate) mod events;
pub(crate) mod open;
pub(crate) mod orders;
pub(crate) mod pay;
pub(crate) mod pay_score;
pub(crate) mod scan;
pub(crate) mod sessions;
pub(crate) mod show;
pub(crate) mod tickets;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use kernel::{
    Bought, CabinetOrder, CabinetOrderState, CabinetOrderType, CabinetPay, Cents, ComplaintId, Corrected, Correction,
    CorrectionId, CorrectionState, Device, DeviceCode, DeviceId, DoorSession, DoorStatus, Instant, MemberId, Noun,
    OrderId, OrderPart, PayAttempt, Permission, ProductCode, ProductId, Reason, RefundState, Refusal, Shelved, Store,
    StoreCode, StoreId, Tickets, Title, UnpaidReason, numbered_order,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries::cabinets::{self as queries, Place};
use store::queries::topups;

use crate::App;
use crate::caller::Caller;
use crate::failure::Failure;
use crate::list::{FileColumn, Shown as Cell};
use crate::texts::{self, Language};

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
    /// What it offers.
    goods: Vec<GoodsAnswer>,
}

/// A product in a cabinet, and what it costs there.
#[derive(Serialize, JsonSchema)]
struct GoodsAnswer {
    product_code: ProductCode,
    name_zh: Title,
    name_en: Option<Title>,
    price_cents: Cents,
    /// What that is in tickets.
    tickets: Tickets,
    /// Whether there is any left, as far as the books know.
    in_stock: bool,
}

impl CabinetAnswer {
    async fn of(app: &App, device: Device, store: Store) -> Result<Self, Failure> {
        let names = queries::names_in(app.store(), std::slice::from_ref(&device)).await?;
        let goods = |shelved: Shelved| -> Result<GoodsAnswer, Refusal> {
            let called = names.get(&shelved.product).ok_or(Refusal::NotFound { noun: Noun::Product })?;
            Ok(GoodsAnswer {
                product_code: shelved.code,
                name_zh: called.zh.clone(),
                name_en: called.en.clone(),
                price_cents: shelved.price,
                tickets: shelved.price.in_tickets()?,
                in_stock: shelved.stock > 0,
            })
        };
        Ok(Self {
            device_code: device.code,
            name: device.name,
            is_online: device.is_online,
            is_busy: device.session.is_some(),
            store_code: store.code,
            store_name: store.name,
            goods: device.planogram.into_iter().map(goods).collect::<Result<_, Refusal>>()?,
        })
    }
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
            order: CabinetOrderAnswer::any(app, order).await?,
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
    /// A correction has put another order in its place.
    Withdrawn,
}

impl CabinetPaymentStatus {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Unpaid => "unpaid",
            Self::Paid => "paid",
            Self::Withdrawn => "withdrawn",
        }
    }

    pub(crate) fn in_language(self, language: Language) -> &'static str {
        match self {
            Self::Unpaid => texts::text("未付", "unpaid"),
            Self::Paid => texts::text("已付", "paid"),
            Self::Withdrawn => texts::text("已作废", "withdrawn"),
        }
        .in_language(language)
    }
}

/// When somebody tried to pay, and why that failed if it did.
#[derive(Serialize, JsonSchema)]
struct PayAttemptAnswer {
    at: Instant,
    payment_type: CabinetPay,
    paid: bool,
    failure_reason: Option<UnpaidReason>,
}

impl From<PayAttempt> for PayAttemptAnswer {
    fn from(attempt: PayAttempt) -> Self {
        let PayAttempt { at, pay, failure } = attempt;
        Self { at, payment_type: pay, paid: failure.is_none(), failure_reason: failure }
    }
}

/// What was taken from a cabinet, or what was charged or given back for it later.
#[derive(Serialize, JsonSchema)]
pub(crate) struct CabinetOrderAnswer {
    order_id: OrderId,
    order_no: String,
    /// 正常, 已修正 or 补扣. A surcharge is linked to the order that it belongs to.
    order_type: CabinetOrderType,
    related_order_no: Option<String>,
    /// The complaint from which a surcharge gives back.
    complaint_id: Option<ComplaintId>,
    user_id: MemberId,
    device_id: DeviceId,
    device_code: DeviceCode,
    device_name: Title,
    /// Where the cabinet stood then.
    store_id: StoreId,
    store_code: StoreCode,
    store_name: Title,
    /// As the order was made. In a surcharge, what is more or less than before.
    items: Vec<CabinetItem>,
    /// What an order is charged for now, where it was corrected.
    corrected_items: Option<Vec<CabinetItem>>,
    /// How many corrections it has had; who sends the number with a correction is refused where somebody else was faster.
    corrections: i64,
    /// Whether a correction waits for a second person.
    correction_waits: bool,
    /// Below zero in a surcharge that gives back.
    total_cents: Cents,
    payment_type: CabinetPay,
    /// What it costs in tickets, 500 to the yuan.
    tickets: Tickets,
    /// What was taken of the member's tickets, with what surcharges took and gave back.
    ticket_payment_amount: Tickets,
    /// What WeChat's pay score has collected for it, in cents; below zero where WeChat gives it back.
    wx_payment_amount: Cents,
    /// How far that is which goes back at WeChat.
    refund_state: Option<RefundState>,
    payment_status: CabinetPaymentStatus,
    /// Why it is not paid.
    unpaid_reason: Option<UnpaidReason>,
    paid_at: Option<Instant>,
    withdrawn_at: Option<Instant>,
    payment_attempts: Vec<PayAttemptAnswer>,
    /// What the vendor knows it by.
    vendor_order_no: String,
    created_at: Instant,
    updated_at: Instant,
}

/// An order with all that became of it.
#[derive(Serialize, JsonSchema)]
pub(crate) struct CabinetOrderDetails {
    #[serde(flatten)]
    order: CabinetOrderAnswer,
    /// What was charged or given back later, in the order of time.
    surcharges: Vec<CabinetOrderAnswer>,
    correction_history: Vec<CorrectionAnswer>,
}

impl CabinetOrderDetails {
    pub(crate) async fn of(app: &App, order: CabinetOrder) -> Result<Self, Failure> {
        let surcharges = queries::surcharges(app.store(), order.id).await?;
        let corrections = queries::corrections_of_order(app.store(), order.id).await?;
        Ok(Self {
            order: CabinetOrderAnswer::of(app, order).await?,
            surcharges: CabinetOrderAnswer::list(app, surcharges).await?,
            correction_history: corrections.into_iter().map(CorrectionAnswer::from).collect(),
        })
    }
}

/// Quantities of an order that a person has said anew.
#[derive(Serialize, JsonSchema)]
pub(crate) struct CorrectionAnswer {
    correction_id: CorrectionId,
    status: CorrectionStatus,
    items: Vec<CorrectedItem>,
    pub(crate) reason: Reason,
    /// What the order costs more by it; below zero where tickets go back.
    pub(crate) difference_cents: Cents,
    pub(crate) asked_by: Option<MemberId>,
    /// The second person, where there was one.
    decided_by: Option<MemberId>,
    decided_at: Option<Instant>,
    /// Why it was refused.
    note: Option<Reason>,
    pub(crate) created_at: Instant,
}

impl CorrectionAnswer {
    /// How many of what, in one line.
    pub(crate) fn counts(&self) -> String {
        let count = |item: &CorrectedItem| format!("{} × {}", item.product_code.as_str(), item.quantity);
        self.items.iter().map(count).collect::<Vec<_>>().join("、")
    }
}

#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum CorrectionStatus {
    Waiting,
    Done,
    Refused,
}

/// How many of a product it were.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CorrectedItem {
    pub(crate) product_code: ProductCode,
    /// 0 to 1,000.
    pub(crate) quantity: i64,
}

impl From<Correction> for CorrectionAnswer {
    fn from(correction: Correction) -> Self {
        let (status, decided_by, decided_at, note) = match correction.state {
            CorrectionState::Waiting => (CorrectionStatus::Waiting, None, None, None),
            CorrectionState::Done { agreed_by, at, surcharge: _ } => {
                (CorrectionStatus::Done, agreed_by, Some(at), None)
            }
            CorrectionState::Refused { by, at, note } => (CorrectionStatus::Refused, Some(by), Some(at), Some(note)),
        };
        let item = |Corrected { code, quantity }| CorrectedItem { product_code: code, quantity };
        Self {
            correction_id: correction.id,
            status,
            items: correction.items.into_iter().map(item).collect(),
            reason: correction.reason,
            difference_cents: correction.difference,
            asked_by: correction.asked_by,
            decided_by,
            decided_at,
            note,
            created_at: correction.created_at,
        }
    }
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

impl CabinetOrderAnswer {
    pub(crate) async fn of(app: &App, order: CabinetOrder) -> Result<Self, Failure> {
        let (place, refund) = (place(app, &order).await?, refund_state(app, &order).await?);
        Ok(Self::at(order, place, refund))
    }

    pub(crate) async fn any(app: &App, order: Option<CabinetOrder>) -> Result<Option<Self>, Failure> {
        Ok(Self::list(app, order.into_iter().collect()).await?.pop())
    }

    pub(crate) const COLUMNS: &'static [FileColumn<Self>] = &[
        FileColumn::new("订单号", 32, |row| Cell::text(&row.order_no)),
        FileColumn::new("关联订单号", 32, |row| Cell::or_nothing(row.related_order_no.as_deref(), Cell::text)),
        FileColumn::new("用户ID", 18, |row| Cell::Integer(row.user_id.get())),
        FileColumn::new("柜机编号", 16, |row| Cell::text(row.device_code.as_str())),
        FileColumn::new("柜机", 16, |row| Cell::text(row.device_name.as_str())),
        FileColumn::new("门店编号", 12, |row| Cell::text(row.store_code.as_str())),
        FileColumn::new("门店", 16, |row| Cell::text(row.store_name.as_str())),
        FileColumn::new("商品", 36, |row| {
            let named = |item: &CabinetItem| format!("{}×{}", item.name_zh.as_str(), item.quantity);
            let goods: Vec<_> = row.corrected_items.as_ref().unwrap_or(&row.items).iter().map(named).collect();
            Cell::text(goods.join("、"))
        }),
        FileColumn::new("金额(元)", 12, |row| Cell::Cents(row.total_cents)),
        FileColumn::new("礼票", 10, |row| Cell::Integer(row.ticket_payment_amount.get())),
        FileColumn::new("微信支付(元)", 14, |row| Cell::Cents(row.wx_payment_amount)),
        FileColumn::new("状态", 10, |row| Cell::text(row.payment_status.in_language(Language::Chinese))),
        FileColumn::new("创建时间", 20, |row| Cell::Moment(row.created_at)),
        FileColumn::new("支付时间", 20, |row| Cell::or_nothing(row.paid_at, Cell::Moment)),
        FileColumn::new("厂商订单号", 32, |row| Cell::text(&row.vendor_order_no)),
    ];

    pub(crate) async fn list(app: &App, orders: Vec<CabinetOrder>) -> Result<Vec<Self>, Failure> {
        let mut places: BTreeMap<_, Place> = BTreeMap::new();
        let mut answers = Vec::with_capacity(orders.len());
        for order in orders {
            let here = match places.entry((order.device, order.store)) {
                Entry::Occupied(known) => known.get().clone(),
                Entry::Vacant(unknown) => unknown.insert(place(app, &order).await?).clone(),
            };
            let refund = refund_state(app, &order).await?;
            answers.push(Self::at(order, here, refund));
        }
        Ok(answers)
    }

    fn at(order: CabinetOrder, place: Place, refund_state: Option<RefundState>) -> Self {
        let (payment_status, unpaid_reason, paid_at, withdrawn_at) = match order.state {
            CabinetOrderState::Unpaid { reason } => (CabinetPaymentStatus::Unpaid, Some(reason), None, None),
            CabinetOrderState::Paid { paid_at } => (CabinetPaymentStatus::Paid, None, Some(paid_at), None),
            CabinetOrderState::Withdrawn { withdrawn_at } => {
                (CabinetPaymentStatus::Withdrawn, None, None, Some(withdrawn_at))
            }
        };
        let items = |items: Vec<Bought>| items.into_iter().map(CabinetItem::from).collect();
        let (order_type, is_paid) = (order.order_type(), order.is_paid());
        let mut answer = Self {
            order_id: order.id,
            order_no: order.order_no,
            order_type,
            related_order_no: None,
            complaint_id: None,
            user_id: order.member,
            device_id: order.device,
            device_code: place.device_code,
            device_name: place.device_name,
            store_id: order.store,
            store_code: place.store_code,
            store_name: place.store_name,
            items: items(order.items),
            corrected_items: None,
            corrections: 0,
            correction_waits: false,
            total_cents: order.total,
            payment_type: order.pay,
            tickets: order.tickets,
            ticket_payment_amount: order.kept,
            wx_payment_amount: if is_paid && order.pay == CabinetPay::Wechat { order.total } else { Cents::ZERO },
            refund_state,
            payment_status,
            unpaid_reason,
            paid_at,
            withdrawn_at,
            payment_attempts: order.attempts.into_iter().map(PayAttemptAnswer::from).collect(),
            vendor_order_no: order.vendor_order_no,
            created_at: order.created_at,
            updated_at: order.updated_at,
        };
        match order.part {
            OrderPart::Whole(standing) => {
                answer.corrections = standing.corrections;
                answer.correction_waits = standing.waiting.is_some();
                answer.corrected_items = (standing.corrections > 0).then(|| items(standing.items));
            }
            OrderPart::Surcharge { order: _, order_no, complaint } => {
                answer.related_order_no = Some(order_no);
                answer.complaint_id = complaint;
                answer.ticket_payment_amount = if is_paid { order.tickets } else { Tickets::default() };
            }
        }
        answer
    }
}

async fn place(app: &App, order: &CabinetOrder) -> Result<Place, Failure> {
    let place = queries::place(app.store(), order.device, order.store).await?;
    place.ok_or_else(|| Failure::fault("an order is of a cabinet or a store that is not there"))
}

async fn refund_state(app: &App, order: &CabinetOrder) -> Result<Option<RefundState>, Failure> {
    match order.pay {
        CabinetPay::Wechat => Ok(topups::refund_of_order(app.store(), order.id).await?.map(|refund| refund.state)),
        CabinetPay::Ticket => Ok(None),
    }
}

/// Whether a caller may read what others have done in a store.
pub(crate) fn reads_in(caller: &Caller, store: StoreId) -> bool {
    let rights = &caller.identity.rights;
    rights.allow(Permission::CabinetRead)
        && rights.stores_with(Permission::CabinetRead).is_none_or(|own| own.contains(&store))
}

pub(crate) async fn find(app: &App, order_no: &str) -> Result<CabinetOrder, Failure> {
    let order = match numbered_order("CABO", order_no) {
        Some(id) => queries::order(app.store(), id).await?.filter(|order| order.order_no == order_no),
        None => None,
    };
    order.ok_or(Refusal::NotFound { noun: Noun::Order }.into())
}
