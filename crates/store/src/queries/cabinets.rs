//! Stores, devices, openings of their doors, and what was taken.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{
    CabinetOrder, Cents, Correction, CorrectionId, Currency, Device, DeviceCode, DeviceId, DoorSession, DoorSessionId,
    DoorStatus, EntryKind, Instant, MemberId, OrderId, Owner, ProductId, ScoreOrder, StoreCode, StoreId, StoreKind,
    StoreProperty, Tickets, Title,
};

use crate::events::EventRow;
use crate::lists::{ListStatement, Page, Placed, Sorting, Unlisted, Way, lists};
use crate::rows::FromRow;
use crate::sql::Kind::{Int, Text};
use crate::sql::statements;
use crate::{Batch, Cells, Error, Lock, Row, SetStatement, Store};

const LISTED_STORES: &str = "SELECT {place}, store_id, code, name, kind, property, address, phone, created_at, updated_at FROM stores \
     WHERE {after} AND (LOWER(code) LIKE LOWER($1) ESCAPE '!' OR LOWER(name) LIKE LOWER($1) ESCAPE '!') \
     AND (kind = $2 OR $2 = 'any') AND (property = $3 OR $3 = 'any')";
const STORE: &str = "SELECT store_id, code, name, kind, property, address, phone, created_at, updated_at FROM stores \
     WHERE store_id = $1";
const STORE_BY_CODE: &str = "SELECT store_id, code, name, kind, property, address, phone, created_at, updated_at FROM stores \
     WHERE code = $1";
const LISTED_DEVICES: &str = "SELECT {place}, device_id, code, name, store_id, is_online, heard_at, planogram, planogram_version, session_id, \
     created_at, updated_at FROM devices WHERE {after} AND (store_id = $1 OR $1 = 0) \
     AND (LOWER(code) LIKE LOWER($2) ESCAPE '!' OR LOWER(name) LIKE LOWER($2) ESCAPE '!')";
const DEVICE: &str = "SELECT device_id, code, name, store_id, is_online, heard_at, planogram, planogram_version, session_id, created_at, updated_at \
     FROM devices WHERE device_id = $1";
const DEVICE_BY_CODE: &str = "SELECT device_id, code, name, store_id, is_online, heard_at, planogram, planogram_version, session_id, created_at, \
     updated_at FROM devices WHERE code = $1";
const PLACE: &str =
    "SELECT d.code, d.name, s.code, s.name FROM devices AS d, stores AS s WHERE d.device_id = $1 AND s.store_id = $2";
const SESSION: &str = "SELECT session_id, session_no, member_id, device_id, pay, status, failure, opened_at, closed_at, \
     vendor_order_no, settlement, due_at, created_at, updated_at FROM door_sessions WHERE session_id = $1";
const SESSION_WITH_VERSION: &str = "SELECT version, session_id, session_no, member_id, device_id, pay, status, failure, opened_at, \
     closed_at, vendor_order_no, settlement, due_at, created_at, updated_at FROM door_sessions WHERE session_id = $1";
const SESSIONS_OF_MEMBER: &str = "SELECT session_id, session_no, member_id, device_id, pay, status, failure, opened_at, closed_at, \
     vendor_order_no, settlement, due_at, created_at, updated_at FROM door_sessions WHERE member_id = $1 \
     ORDER BY session_id DESC LIMIT $2 OFFSET $3";
const COUNT_SESSIONS: &str = "SELECT COUNT(*) FROM door_sessions WHERE member_id = $1";
const LISTED_OPENINGS: &str = "SELECT {place}, s.session_id, s.session_no, s.member_id, s.device_id, s.pay, s.status, s.failure, s.opened_at, s.closed_at, \
     s.vendor_order_no, s.settlement, s.due_at, s.created_at, s.updated_at, d.code, d.name, t.code, t.name, t.store_id, o.order_no, o.total_cents \
     FROM door_sessions AS s JOIN devices AS d ON d.device_id = s.device_id JOIN stores AS t ON t.store_id = d.store_id \
     LEFT JOIN cabinet_orders AS o ON o.session_id = s.session_id AND o.order_type <> 'surcharge' \
     WHERE {after} AND s.session_id >= $1 AND s.session_id < $2 AND s.created_at >= $3 AND s.created_at < $4";
const LISTED_OPENINGS_IN_STATUS: &str = "SELECT {place}, s.session_id, s.session_no, s.member_id, s.device_id, s.pay, s.status, s.failure, s.opened_at, s.closed_at, \
     s.vendor_order_no, s.settlement, s.due_at, s.created_at, s.updated_at, d.code, d.name, t.code, t.name, t.store_id, o.order_no, o.total_cents \
     FROM door_sessions AS s JOIN devices AS d ON d.device_id = s.device_id JOIN stores AS t ON t.store_id = d.store_id \
     LEFT JOIN cabinet_orders AS o ON o.session_id = s.session_id AND o.order_type <> 'surcharge' \
     WHERE {after} AND s.session_id >= $1 AND s.session_id < $2 AND s.created_at >= $3 AND s.created_at < $4 AND s.status = $5";
const LISTED_OPENINGS_OF_MEMBER: &str = "SELECT {place}, s.session_id, s.session_no, s.member_id, s.device_id, s.pay, s.status, s.failure, s.opened_at, s.closed_at, \
     s.vendor_order_no, s.settlement, s.due_at, s.created_at, s.updated_at, d.code, d.name, t.code, t.name, t.store_id, o.order_no, o.total_cents \
     FROM door_sessions AS s JOIN devices AS d ON d.device_id = s.device_id JOIN stores AS t ON t.store_id = d.store_id \
     LEFT JOIN cabinet_orders AS o ON o.session_id = s.session_id AND o.order_type <> 'surcharge' \
     WHERE {after} AND s.session_id >= $1 AND s.session_id < $2 AND s.created_at >= $3 AND s.created_at < $4 \
     AND (s.status = $5 OR $5 = 'any') AND s.member_id = $6";
const LISTED_OPENINGS_OF_DEVICE: &str = "SELECT {place}, s.session_id, s.session_no, s.member_id, s.device_id, s.pay, s.status, s.failure, s.opened_at, s.closed_at, \
     s.vendor_order_no, s.settlement, s.due_at, s.created_at, s.updated_at, d.code, d.name, t.code, t.name, t.store_id, o.order_no, o.total_cents \
     FROM door_sessions AS s JOIN devices AS d ON d.device_id = s.device_id JOIN stores AS t ON t.store_id = d.store_id \
     LEFT JOIN cabinet_orders AS o ON o.session_id = s.session_id AND o.order_type <> 'surcharge' \
     WHERE {after} AND s.session_id >= $1 AND s.session_id < $2 AND s.created_at >= $3 AND s.created_at < $4 \
     AND (s.status = $5 OR $5 = 'any') AND (s.member_id = $6 OR $6 = 0) AND s.device_id = $7";
const DEVICES_IN_STORE: &str = "SELECT device_id FROM devices WHERE store_id = $1 ORDER BY device_id";
const UNSETTLED: &str = "SELECT session_id, session_no, member_id, device_id, pay, status, failure, opened_at, closed_at, \
     vendor_order_no, settlement, due_at, created_at, updated_at FROM door_sessions WHERE member_id = $1 \
     AND status IN ('opening', 'opened', 'closed', 'held') ORDER BY session_id DESC LIMIT 1";
const OVERDUE: &str = "SELECT session_id, session_no, member_id, device_id, pay, status, failure, opened_at, closed_at, \
     vendor_order_no, settlement, due_at, created_at, updated_at FROM door_sessions WHERE due_at IS NOT NULL AND due_at <= $1 \
     ORDER BY due_at, session_id LIMIT $2";
const ORDER: &str = "SELECT order_id, order_no, member_id, device_id, store_id, session_id, vendor_order_no, items, total_cents, \
     tickets, pay, status, reason, paid_at, withdrawn_at, attempts, order_type, related_order_id, related_order_no, complaint_id, \
     standing, kept_tickets, created_at, updated_at FROM cabinet_orders WHERE order_id = $1";
const ORDER_OF_SESSION: &str = "SELECT order_id, order_no, member_id, device_id, store_id, session_id, vendor_order_no, items, total_cents, \
     tickets, pay, status, reason, paid_at, withdrawn_at, attempts, order_type, related_order_id, related_order_no, complaint_id, \
     standing, kept_tickets, created_at, updated_at FROM cabinet_orders WHERE session_id = $1 \
     AND order_type <> 'surcharge'";
const ORDERS_OF_MEMBER: &str = "SELECT order_id, order_no, member_id, device_id, store_id, session_id, vendor_order_no, items, total_cents, \
     tickets, pay, status, reason, paid_at, withdrawn_at, attempts, order_type, related_order_id, related_order_no, complaint_id, \
     standing, kept_tickets, created_at, updated_at FROM cabinet_orders WHERE member_id = $1 \
     ORDER BY order_id DESC LIMIT $2 OFFSET $3";
const COUNT_ORDERS: &str = "SELECT COUNT(*) FROM cabinet_orders WHERE member_id = $1";
const UNPAID: &str = "SELECT order_id, order_no, member_id, device_id, store_id, session_id, vendor_order_no, items, total_cents, \
     tickets, pay, status, reason, paid_at, withdrawn_at, attempts, order_type, related_order_id, related_order_no, complaint_id, \
     standing, kept_tickets, created_at, updated_at FROM cabinet_orders WHERE member_id = $1 \
     AND status = 'unpaid' ORDER BY order_id LIMIT 1";
const LISTED_ORDERS: &str = "SELECT {place}, order_id, order_no, member_id, device_id, store_id, session_id, vendor_order_no, items, total_cents, \
     tickets, pay, status, reason, paid_at, withdrawn_at, attempts, order_type, related_order_id, related_order_no, complaint_id, \
     standing, kept_tickets, created_at, updated_at FROM cabinet_orders WHERE {after} \
     AND (status = $1 OR $1 = 'any')";
const LISTED_ORDERS_OF_DEVICE: &str = "SELECT {place}, order_id, order_no, member_id, device_id, store_id, session_id, vendor_order_no, items, total_cents, \
     tickets, pay, status, reason, paid_at, withdrawn_at, attempts, order_type, related_order_id, related_order_no, complaint_id, \
     standing, kept_tickets, created_at, updated_at FROM cabinet_orders WHERE {after} \
     AND (status = $1 OR $1 = 'any') AND device_id = $2";
const LISTED_ORDERS_OF_STORE: &str = "SELECT {place}, order_id, order_no, member_id, device_id, store_id, session_id, vendor_order_no, items, total_cents, \
     tickets, pay, status, reason, paid_at, withdrawn_at, attempts, order_type, related_order_id, related_order_no, complaint_id, \
     standing, kept_tickets, created_at, updated_at FROM cabinet_orders WHERE {after} \
     AND (status = $1 OR $1 = 'any') AND store_id = $2";
const SURCHARGES: &str = "SELECT order_id, order_no, member_id, device_id, store_id, session_id, vendor_order_no, items, total_cents, \
     tickets, pay, status, reason, paid_at, withdrawn_at, attempts, order_type, related_order_id, related_order_no, complaint_id, \
     standing, kept_tickets, created_at, updated_at FROM cabinet_orders WHERE related_order_id = $1 ORDER BY order_id";
const CORRECTION: &str = "SELECT correction_id, order_id, items, reason, difference_cents, asked_by, status, decided_by, decided_at, \
     note, surcharge_id, created_at, updated_at FROM cabinet_corrections WHERE correction_id = $1";
const CORRECTIONS_OF_ORDER: &str = "SELECT correction_id, order_id, items, reason, difference_cents, asked_by, status, decided_by, \
     decided_at, note, surcharge_id, created_at, updated_at FROM cabinet_corrections WHERE order_id = $1 ORDER BY correction_id";
const LISTED_CORRECTIONS: &str = "SELECT {place}, c.correction_id, c.order_id, c.items, c.reason, c.difference_cents, c.asked_by, c.status, \
     c.decided_by, c.decided_at, c.note, c.surcharge_id, c.created_at, c.updated_at, o.order_no FROM cabinet_corrections AS c \
     JOIN cabinet_orders AS o ON o.order_id = c.order_id WHERE c.status = 'waiting' AND {after}";
const SCORE: &str = "SELECT session_id, most_cents, status, order_id, total_cents, from_cents, ended_at, transaction_id, paid_at, source, \
     refunded_cents, ending, next_check_at, checks, created_at, updated_at FROM score_orders WHERE session_id = $1";
const SCORES_DUE: &str = "SELECT session_id, most_cents, status, order_id, total_cents, from_cents, ended_at, transaction_id, paid_at, source, \
     refunded_cents, ending, next_check_at, checks, created_at, updated_at FROM score_orders \
     WHERE status IN ('starting', 'running', 'completing', 'collecting', 'lowering', 'cancelling') AND next_check_at <= $1 \
     ORDER BY next_check_at, session_id LIMIT $2";
const SCORES_PAID: &str = "SELECT session_id, most_cents, status, order_id, total_cents, from_cents, ended_at, transaction_id, paid_at, source, \
     refunded_cents, ending, next_check_at, checks, created_at, updated_at FROM score_orders \
     WHERE status = 'paid' AND paid_at >= $1 AND paid_at < $2";
const TICKETS: &str = "SELECT balance FROM accounts WHERE account_id = $1";
const TICKET_LINES: &str = "SELECT e.number, e.kind, o.order_no, e.amount, e.balance_after, e.created_at FROM entries AS e \
     LEFT JOIN cabinet_orders AS o ON o.order_id = e.order_id \
     WHERE e.account_id = $1 AND e.number <= $2 ORDER BY e.number DESC LIMIT $3";
const WAITING: &str = "SELECT event_key, kind, body FROM partner_events WHERE processed_at IS NULL AND received_at <= $1 \
     ORDER BY received_at, event_key LIMIT $2";

statements! {
    NAMES = SetStatement::select(
        "products", &[("product_id", Int)], &[("product_id", Int), ("name_zh", Text), ("name_en", Text)], "", Lock::None,
    );
}

/// How lists of stores are sorted.
pub enum StoreSorting {}

impl Sorting for StoreSorting {
    const WAYS: &'static [Way] = &[
        Way::by_id("created_at"),
        Way::by_text("store_name", "name"),
        Way::by_text("store_code", "code"),
        Way::by_number("updated_at", "updated_at"),
    ];
    const NEWEST_FIRST: bool = false;
}

/// How lists of cabinets are sorted.
pub enum DeviceSorting {}

impl Sorting for DeviceSorting {
    const WAYS: &'static [Way] = &[
        Way::by_id("created_at"),
        Way::by_text("name", "name"),
        Way::by_text("device_code", "code"),
        // Of which nothing was ever heard comes before the others.
        Way::by_number("heard_at", "COALESCE(heard_at, 0)"),
    ];
    const NEWEST_FIRST: bool = false;
}

/// How lists of cabinet orders are sorted.
pub enum CabinetOrderSorting {}

impl Sorting for CabinetOrderSorting {
    const WAYS: &'static [Way] = &[
        Way::by_id("created_at"),
        Way::by_number("total_cents", "total_cents"),
        // What was never paid comes before what was.
        Way::by_number("paid_at", "COALESCE(paid_at, 0)"),
        Way::by_number("updated_at", "updated_at"),
    ];
}

/// How lists of openings are sorted.
pub enum OpeningSorting {}

impl Sorting for OpeningSorting {
    const WAYS: &'static [Way] = &[
        Way::by_id("created_at"),
        // What never opened comes before what did.
        Way::by_number("opened_at", "COALESCE(s.opened_at, 0)"),
        Way::by_number("closed_at", "COALESCE(s.closed_at, 0)"),
    ];
}

/// How lists of corrections are sorted.
pub enum CorrectionSorting {}

impl Sorting for CorrectionSorting {
    const WAYS: &'static [Way] = &[Way::by_id("created_at"), Way::by_number("difference_cents", "c.difference_cents")];
    // The longest waiting.
    const NEWEST_FIRST: bool = false;
}

lists! {
    STORES = ListStatement::new::<StoreSorting>("store_id", 3, LISTED_STORES);
    DEVICES = ListStatement::new::<DeviceSorting>("device_id", 2, LISTED_DEVICES);
    CORRECTIONS = ListStatement::new::<CorrectionSorting>("c.correction_id", 0, LISTED_CORRECTIONS);
    OPENINGS = ListStatement::new::<OpeningSorting>("s.session_id", 4, LISTED_OPENINGS);
    OPENINGS_IN_STATUS = ListStatement::new::<OpeningSorting>("s.session_id", 5, LISTED_OPENINGS_IN_STATUS);
    OPENINGS_OF_MEMBER = ListStatement::new::<OpeningSorting>("s.session_id", 6, LISTED_OPENINGS_OF_MEMBER);
    OPENINGS_OF_DEVICE = ListStatement::new::<OpeningSorting>("s.session_id", 7, LISTED_OPENINGS_OF_DEVICE);
    ORDERS = ListStatement::new::<CabinetOrderSorting>("order_id", 1, LISTED_ORDERS);
    ORDERS_OF_DEVICE = ListStatement::new::<CabinetOrderSorting>("order_id", 2, LISTED_ORDERS_OF_DEVICE);
    ORDERS_OF_STORE = ListStatement::new::<CabinetOrderSorting>("order_id", 2, LISTED_ORDERS_OF_STORE);
}

/// What a product is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Called {
    pub zh: Title,
    pub en: Option<Title>,
}

/// A cabinet and a store, as people call them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub device_code: DeviceCode,
    pub device_name: Title,
    pub store_code: StoreCode,
    pub store_name: Title,
}

/// An opening, where its cabinet stands now, and what it came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    pub session: DoorSession,
    pub place: Place,
    pub store: StoreId,
    /// The order's number and what it costs.
    pub order: Option<(String, Cents)>,
}

/// Which openings are wanted. All that is given has to hold.
#[derive(Debug, Clone)]
pub struct OpeningFilter {
    pub member: Option<MemberId>,
    pub status: Option<DoorStatus>,
    pub from: Option<Instant>,
    /// Up to, but not at, this moment.
    pub to: Option<Instant>,
    /// Where the ids of all that can be meant are: from the first up to, but not at, the second.
    pub ids: (i64, i64),
}

/// Which stores are wanted. All that is given has to hold.
#[derive(Debug, Clone, Default)]
pub struct StoreFilter {
    /// A part of the code or of the name.
    pub query: String,
    pub kind: Option<StoreKind>,
    pub property: Option<StoreProperty>,
}

/// One movement of a member's tickets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketLine {
    /// 1 for the first one, without gaps.
    pub number: i64,
    pub kind: EntryKind,
    pub order_no: Option<String>,
    /// Below zero for what went.
    pub amount: Tickets,
    pub left: Tickets,
    pub created_at: Instant,
}

impl FromRow for Place {
    fn from_cells(cells: &mut Cells) -> Result<Self, Error> {
        Ok(Self {
            device_code: cells.checked("code of a device")?,
            device_name: cells.checked("name of a device")?,
            store_code: cells.checked("code of a store")?,
            store_name: cells.checked("name of a store")?,
        })
    }
}

impl FromRow for Opening {
    fn from_cells(cells: &mut Cells) -> Result<Self, Error> {
        let (session, place) = (DoorSession::from_cells(cells)?, Place::from_cells(cells)?);
        let store = StoreId::new(cells.int()?);
        let order = match (cells.opt_text()?, cells.opt_int()?) {
            (Some(order_no), Some(total)) => Some((order_no, Cents::new(total))),
            _ => None,
        };
        Ok(Self { session, place, store, order })
    }
}

fn read<T: FromRow>(row: Row) -> Result<T, Error> {
    T::from_cells(&mut row.cells())
}

fn first<T: FromRow>(rows: Vec<Row>) -> Result<Option<T>, Error> {
    rows.into_iter().next().map(read).transpose()
}

pub async fn stores(store: &Store, filter: &StoreFilter, page: &Page) -> Result<Vec<Placed<kernel::Store>>, Unlisted> {
    let parameters = vec![
        super::containing(&filter.query).into(),
        filter.kind.map_or("any", StoreKind::as_str).into(),
        filter.property.map_or("any", StoreProperty::as_str).into(),
    ];
    STORES.page(store, parameters, page, kernel::Store::from_cells).await
}

pub async fn store(store: &Store, id: StoreId) -> Result<Option<kernel::Store>, Error> {
    first(store.query(STORE, vec![id.get().into()]).await?)
}

pub async fn store_by_code(store: &Store, code: &StoreCode) -> Result<Option<kernel::Store>, Error> {
    first(store.query(STORE_BY_CODE, vec![code.as_str().to_owned().into()]).await?)
}

/// Everywhere or in one store, those whose code or name has `part` in it.
pub async fn devices(
    store: &Store,
    of: Option<StoreId>,
    part: &str,
    page: &Page,
) -> Result<Vec<Placed<Device>>, Unlisted> {
    let parameters = vec![of.map_or(0, StoreId::get).into(), super::containing(part).into()];
    DEVICES.page(store, parameters, page, Device::from_cells).await
}

pub async fn device(store: &Store, id: DeviceId) -> Result<Option<Device>, Error> {
    first(store.query(DEVICE, vec![id.get().into()]).await?)
}

pub async fn device_by_code(store: &Store, code: &DeviceCode) -> Result<Option<Device>, Error> {
    first(store.query(DEVICE_BY_CODE, vec![code.as_str().to_owned().into()]).await?)
}

/// What that is called which is in devices.
pub async fn names_in(store: &Store, devices: &[Device]) -> Result<BTreeMap<ProductId, Called>, Error> {
    let products: BTreeSet<_> =
        devices.iter().flat_map(|device| &device.planogram).map(|shelved| shelved.product).collect();
    let found = store.select(Batch::of(&NAMES, products.into_iter().map(|id| [id.get().into()]))).await?;
    let row = |row: Row| {
        let mut cells = row.cells();
        let id = ProductId::new(cells.int()?);
        let (zh, en) = (cells.checked("name of a product")?, cells.opt_text()?);
        Ok((id, Called { zh, en: en.map(super::exports::title).transpose()? }))
    };
    found.into_iter().map(row).collect()
}

/// A cabinet in a store, where it may not stand any more.
pub async fn place(store: &Store, device: DeviceId, of: StoreId) -> Result<Option<Place>, Error> {
    first(store.query(PLACE, vec![device.get().into(), of.get().into()]).await?)
}

pub async fn session(store: &Store, id: DoorSessionId) -> Result<Option<DoorSession>, Error> {
    first(store.query(SESSION, vec![id.get().into()]).await?)
}

/// With a number that grows by every change of it.
pub async fn session_with_version(store: &Store, id: DoorSessionId) -> Result<Option<(i64, DoorSession)>, Error> {
    let found = store.query(SESSION_WITH_VERSION, vec![id.get().into()]).await?.into_iter().next();
    let read = |row: Row| {
        let mut cells = row.cells();
        Ok((cells.int()?, DoorSession::from_cells(&mut cells)?))
    };
    found.map(read).transpose()
}

/// A member's openings, newest first.
pub async fn sessions_of_member(
    store: &Store,
    member: MemberId,
    limit: i64,
    offset: i64,
) -> Result<Vec<DoorSession>, Error> {
    let parameters = vec![member.get().into(), limit.into(), offset.into()];
    store.query(SESSIONS_OF_MEMBER, parameters).await?.into_iter().map(read).collect()
}

pub async fn count_sessions(store: &Store, member: MemberId) -> Result<i64, Error> {
    super::number(store.query(COUNT_SESSIONS, vec![member.get().into()]).await?)
}

/// Everybody's, or one cabinet's.
pub async fn openings(
    store: &Store,
    device: Option<DeviceId>,
    filter: &OpeningFilter,
    page: &Page,
) -> Result<Vec<Placed<Opening>>, Unlisted> {
    let (first, end) = filter.ids;
    let from = filter.from.map_or(0, Instant::as_millis);
    let to = filter.to.map_or(i64::MAX, Instant::as_millis);
    let mut parameters = vec![first.into(), end.into(), from.into(), to.into()];
    let status = filter.status.map_or("any", DoorStatus::as_str).into();
    let list = match (device, filter.member) {
        (Some(device), member) => {
            parameters.extend([status, member.map_or(0, MemberId::get).into(), device.get().into()]);
            &OPENINGS_OF_DEVICE
        }
        (None, Some(member)) => {
            parameters.extend([status, member.get().into()]);
            &OPENINGS_OF_MEMBER
        }
        (None, None) if filter.status.is_some() => {
            parameters.push(status);
            &OPENINGS_IN_STATUS
        }
        (None, None) => &OPENINGS,
    };
    list.page(store, parameters, page, Opening::from_cells).await
}

pub async fn devices_in_store(store: &Store, of: StoreId) -> Result<Vec<DeviceId>, Error> {
    let rows = store.query(DEVICES_IN_STORE, vec![of.get().into()]).await?;
    rows.into_iter().map(|row| row.cells().int().map(DeviceId::new)).collect()
}

/// The opening that keeps a member from another one.
pub async fn unsettled(store: &Store, member: MemberId) -> Result<Option<DoorSession>, Error> {
    first(store.query(UNSETTLED, vec![member.get().into()]).await?)
}

/// Openings of which nothing was heard in time, the longest overdue first.
pub async fn overdue(store: &Store, now: Instant, limit: i64) -> Result<Vec<DoorSession>, Error> {
    store.query(OVERDUE, vec![now.as_millis().into(), limit.into()]).await?.into_iter().map(read).collect()
}

/// Those that WeChat collected between two moments.
pub async fn scores_paid_between(store: &Store, from: Instant, to: Instant) -> Result<Vec<ScoreOrder>, Error> {
    let rows = store.query(SCORES_PAID, vec![from.as_millis().into(), to.as_millis().into()]).await?;
    rows.into_iter().map(|row| ScoreOrder::from_cells(&mut row.cells())).collect()
}

/// The pay score order of an opening.
pub async fn score(store: &Store, session: DoorSessionId) -> Result<Option<ScoreOrder>, Error> {
    first(store.query(SCORE, vec![session.get().into()]).await?)
}

/// Those that WeChat has to be asked about, the least recently looked at first.
pub async fn scores_due(store: &Store, now: Instant, limit: i64) -> Result<Vec<ScoreOrder>, Error> {
    store.query(SCORES_DUE, vec![now.as_millis().into(), limit.into()]).await?.into_iter().map(read).collect()
}

pub async fn order(store: &Store, id: OrderId) -> Result<Option<CabinetOrder>, Error> {
    first(store.query(ORDER, vec![id.get().into()]).await?)
}

pub async fn order_of_session(store: &Store, session: DoorSessionId) -> Result<Option<CabinetOrder>, Error> {
    first(store.query(ORDER_OF_SESSION, vec![session.get().into()]).await?)
}

/// A member's orders, newest first.
pub async fn orders_of_member(
    store: &Store,
    member: MemberId,
    limit: i64,
    offset: i64,
) -> Result<Vec<CabinetOrder>, Error> {
    let parameters = vec![member.get().into(), limit.into(), offset.into()];
    store.query(ORDERS_OF_MEMBER, parameters).await?.into_iter().map(read).collect()
}

pub async fn count_orders(store: &Store, member: MemberId) -> Result<i64, Error> {
    super::number(store.query(COUNT_ORDERS, vec![member.get().into()]).await?)
}

/// What was charged or given back later for an order, in the order of time.
pub async fn surcharges(store: &Store, order: OrderId) -> Result<Vec<CabinetOrder>, Error> {
    store.query(SURCHARGES, vec![order.get().into()]).await?.into_iter().map(read).collect()
}

pub async fn correction(store: &Store, id: CorrectionId) -> Result<Option<Correction>, Error> {
    first(store.query(CORRECTION, vec![id.get().into()]).await?)
}

/// Those of an order, in the order of time.
pub async fn corrections_of_order(store: &Store, order: OrderId) -> Result<Vec<Correction>, Error> {
    store.query(CORRECTIONS_OF_ORDER, vec![order.get().into()]).await?.into_iter().map(read).collect()
}

/// Those that wait for a second person; each with its order's number.
pub async fn waiting_corrections(store: &Store, page: &Page) -> Result<Vec<Placed<(Correction, String)>>, Unlisted> {
    let numbered = |cells: &mut Cells| Ok((Correction::from_cells(cells)?, cells.text()?));
    CORRECTIONS.page(store, Vec::new(), page, numbered).await
}

/// The order that a member has to pay first.
pub async fn unpaid(store: &Store, member: MemberId) -> Result<Option<CabinetOrder>, Error> {
    first(store.query(UNPAID, vec![member.get().into()]).await?)
}

/// Everybody's, or one cabinet's.
pub async fn orders(
    store: &Store,
    device: Option<DeviceId>,
    status: Option<&'static str>,
    page: &Page,
) -> Result<Vec<Placed<CabinetOrder>>, Unlisted> {
    let mut parameters = vec![status.unwrap_or("any").into()];
    parameters.extend(device.map(|device| device.get().into()));
    let list = if device.is_some() { &ORDERS_OF_DEVICE } else { &ORDERS };
    list.page(store, parameters, page, CabinetOrder::from_cells).await
}

/// The same, of one store.
pub async fn orders_of_store(
    store: &Store,
    of: StoreId,
    status: Option<&'static str>,
    page: &Page,
) -> Result<Vec<Placed<CabinetOrder>>, Unlisted> {
    let parameters = vec![status.unwrap_or("any").into(), of.get().into()];
    ORDERS_OF_STORE.page(store, parameters, page, CabinetOrder::from_cells).await
}

/// How many tickets a member has.
pub async fn tickets(store: &Store, member: MemberId) -> Result<i64, Error> {
    let account = Owner::Member(member).account(Currency::Ticket);
    match store.query(TICKETS, vec![account.get().into()]).await?.into_iter().next() {
        Some(row) => row.cells().int(),
        None => Ok(0),
    }
}

/// From line number `from` down, newest first. Numbers have no gaps.
pub async fn ticket_lines(store: &Store, member: MemberId, from: i64, limit: i64) -> Result<Vec<TicketLine>, Error> {
    let account = Owner::Member(member).account(Currency::Ticket);
    let line = |row: Row| {
        let mut cells = row.cells();
        Ok(TicketLine {
            number: cells.int()?,
            kind: cells.word("kind of entry")?,
            order_no: cells.opt_text()?,
            amount: Tickets::new(cells.int()?),
            left: Tickets::new(cells.int()?),
            created_at: Instant::from_millis(cells.int()?),
        })
    };
    let rows = store.query(TICKET_LINES, vec![account.get().into(), from.into(), limit.into()]).await?;
    rows.into_iter().map(line).collect()
}

/// Events that have had no effect yet, the oldest first.
pub async fn waiting_events(store: &Store, received_by: Instant, limit: i64) -> Result<Vec<EventRow>, Error> {
    let rows = store.query(WAITING, vec![received_by.as_millis().into(), limit.into()]).await?;
    let event = |row: Row| {
        let mut cells = row.cells();
        Ok(EventRow { key: cells.text()?, kind: cells.text()?, body: cells.blob()? })
    };
    rows.into_iter().map(event).collect()
}
