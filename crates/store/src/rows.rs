//! The kernel's nouns as rows: the columns of each table, and both directions between them.

use kernel::{
    Account, AccountId, ActiveFactor, Alert, AlertId, AlertState, CabinetOrder, CabinetOrderState, Cents, Complaint,
    ComplaintId, ComplaintStatus, Correction, CorrectionId, CorrectionState, Currency, Delivery, Department,
    DepartmentId, Device, DeviceId, DoorSession, DoorSessionId, DrawSecret, Erasure, ErpProduct, Exception,
    ExceptionState, FactorOffer, Fulfilment, Goods, GroupOrder, GroupOrderId, Hold, HoldState, HouseRole, Instant, Job,
    JobRun, Meal, MealId, MealOrder, Member, MemberId, Openid, OrderId, OrderPart, Owner, Payment, PaymentId,
    PaymentState, Permissions, Pool, PoolId, Product, ProductId, Receipt, Refund, RefundId, RefundOf, Report, ReportId,
    RoleId, Round, RoundId, RoundState, RoundStatus, RunId, RunState, RunStatus, SalesDocument, ScoreCharge,
    ScoreOrder, ScoreState, Sealed, SecondFactor, Session, Settlement, ShopOrder, ShopOrderState, ShopStatus,
    SignInTicket, Silence, StoreId, StuckOrder, Subscriber, Subscription, SubscriptionId, SubscriptionRun,
    SystemAccount, Tickets, Topup, TopupState, TopupStatus,
};

use crate::sql::Kind::{Blob, Int, Text};
use crate::{Cells, Column, Error, Row};

pub(crate) const MEMBER: &[Column] = &[
    ("member_id", Int),
    ("uid", Text),
    ("openid_index", Blob),
    ("openid_sealed", Blob),
    ("account", Text),
    ("nickname", Text),
    ("avatar_url", Text),
    ("department_id", Int),
    ("status", Text),
    ("overdraft_limit_cents", Int),
    ("grants", Text),
    ("created_at", Int),
    ("version", Int),
];

pub(crate) const DEPARTMENT: &[Column] = &[
    ("department_id", Int),
    ("code", Text),
    ("name", Text),
    ("pays", Text),
    ("overdraft_limit_cents", Int),
    ("members_may_cancel", Int),
    ("created_at", Int),
    ("version", Int),
];

pub(crate) const ROLE: &[Column] = &[
    ("code", Text),
    ("role_id", Int),
    ("name_zh", Text),
    ("name_en", Text),
    ("scope", Text),
    ("permissions", Text),
    ("revision", Int),
    ("deleted_at", Int),
    ("version", Int),
];

pub(crate) const SESSION: &[Column] = &[
    ("token_hash", Blob),
    ("member_id", Int),
    ("created_at", Int),
    ("expires_at", Int),
    ("revoked_at", Int),
    ("version", Int),
];

pub(crate) const SECOND_FACTOR: &[Column] = &[
    ("member_id", Int),
    ("offered_secret", Blob),
    ("offered_until", Int),
    ("secret", Blob),
    ("last_step", Int),
    ("recovery", Blob),
    ("since", Int),
    ("updated_at", Int),
    ("version", Int),
];

pub(crate) const SIGN_IN_TICKET: &[Column] = &[
    ("token_hash", Blob),
    ("member_id", Int),
    ("purpose", Text),
    ("created_at", Int),
    ("expires_at", Int),
    ("ended_at", Int),
    ("version", Int),
];

pub(crate) const MEAL: &[Column] = &[
    ("meal_id", Int),
    ("date", Text),
    ("slot", Text),
    ("title", Text),
    ("description", Text),
    ("base_price_cents", Int),
    ("options", Text),
    ("status", Text),
    ("orders_close_at", Int),
    ("pickup_windows", Text),
    ("created_at", Int),
    ("updated_at", Int),
    ("version", Int),
];

pub(crate) const POOL: &[Column] =
    &[("pool_id", Int), ("capacity", Int), ("taken", Int), ("issued", Int), ("version", Int)];

pub(crate) const ORDER: &[Column] = &[
    ("order_id", Int),
    ("order_no", Text),
    ("member_id", Int),
    ("meal_id", Int),
    ("payer_account_id", Int),
    ("quantity", Int),
    ("options", Text),
    ("total_cents", Int),
    ("notes", Text),
    ("status", Text),
    ("placed_by", Int),
    ("group_order_id", Int),
    ("redeemed_at", Int),
    ("redeemed_by", Int),
    ("pickup_code", Text),
    ("pickup_window", Text),
    ("created_at", Int),
    ("updated_at", Int),
    ("version", Int),
];

pub(crate) const GROUP_ORDER: &[Column] = &[
    ("group_order_id", Int),
    ("department_id", Int),
    ("meal_id", Int),
    ("placed_by", Int),
    ("remark", Text),
    ("created_at", Int),
    ("version", Int),
];

pub(crate) const SUBSCRIPTION: &[Column] = &[
    ("subscription_id", Int),
    ("owner_kind", Text),
    ("owner_id", Int),
    ("members", Text),
    ("slot", Text),
    ("weekdays", Int),
    ("first_date", Text),
    ("last_date", Text),
    ("notes", Text),
    ("pickup_window", Text),
    ("status", Text),
    ("created_by", Int),
    ("created_at", Int),
    ("updated_at", Int),
    ("version", Int),
];

pub(crate) const SUBSCRIPTION_RUN: &[Column] = &[
    ("subscription_id", Int),
    ("meal_id", Int),
    ("results", Text),
    ("group_order_id", Int),
    ("ran_at", Int),
    ("version", Int),
];

pub(crate) const HOLD: &[Column] =
    &[("order_id", Int), ("pool_id", Int), ("quantity", Int), ("state", Text), ("expires_at", Int), ("version", Int)];

pub(crate) const ACCOUNT: &[Column] = &[
    ("account_id", Int),
    ("owner_kind", Text),
    ("owner_id", Int),
    ("currency", Text),
    ("balance", Int),
    ("entry_count", Int),
    ("is_closed", Int),
    ("version", Int),
];

pub(crate) const ERASURE: &[Column] = &[("member_id", Int), ("erased_at", Int), ("version", Int)];

pub(crate) const JOB: &[Column] = &[("name", Text), ("paused", Int), ("last_run", Int), ("version", Int)];

pub(crate) const JOB_RUN: &[Column] = &[
    ("run_id", Int),
    ("job", Text),
    ("node", Int),
    ("claim", Int),
    ("triggered_by", Int),
    ("started_at", Int),
    ("state", Text),
    ("lease_until", Int),
    ("ended_at", Int),
    ("counts", Text),
    ("error", Text),
    ("version", Int),
];

pub(crate) const TOPUP: &[Column] = &[
    ("topup_id", Int),
    ("order_no", Text),
    ("member_id", Int),
    ("amount_cents", Int),
    ("client", Text),
    ("status", Text),
    ("transaction_id", Text),
    ("paid_at", Int),
    ("source", Text),
    ("refunded_cents", Int),
    ("refund_id", Int),
    ("failure", Text),
    ("expires_at", Int),
    ("next_check_at", Int),
    ("checks", Int),
    ("created_at", Int),
    ("updated_at", Int),
    ("pays_for", Int),
    ("version", Int),
];

pub(crate) const PAYMENT: &[Column] =
    &[("payment_id", Int), ("topup_id", Int), ("created_at", Int), ("state", Text), ("error", Text), ("version", Int)];

pub(crate) const REFUND: &[Column] = &[
    ("refund_id", Int),
    ("refund_no", Text),
    ("topup_id", Int),
    ("session_id", Int),
    ("amount_cents", Int),
    ("reason", Text),
    ("state", Text),
    ("next_check_at", Int),
    ("checks", Int),
    ("created_at", Int),
    ("updated_at", Int),
    ("version", Int),
];

pub(crate) const EXCEPTION: &[Column] = &[
    ("exception_id", Int),
    ("kind", Text),
    ("subject", Text),
    ("evidence", Text),
    ("proposed", Text),
    ("state", Text),
    ("resolved_by", Int),
    ("resolved_at", Int),
    ("action", Text),
    ("note", Text),
    ("owner_id", Int),
    ("due_at", Int),
    ("created_at", Int),
    ("updated_at", Int),
    ("version", Int),
];

pub(crate) const PRODUCT: &[Column] = &[
    ("product_id", Int),
    ("name_zh", Text),
    ("name_en", Text),
    ("description", Text),
    ("price_cents", Int),
    ("member_limit", Int),
    ("on_sale", Int),
    ("pictures", Text),
    ("movements", Int),
    ("rounds", Int),
    ("created_at", Int),
    ("updated_at", Int),
    ("version", Int),
];

pub(crate) const ROUND: &[Column] = &[
    ("round_id", Int),
    ("product_id", Int),
    ("number", Int),
    ("share_price_cents", Int),
    ("member_limit", Int),
    ("opens_at", Int),
    ("closes_at", Int),
    ("prize_order_id", Int),
    ("secret", Blob),
    ("commitment", Text),
    ("next_number", Int),
    ("free_numbers", Text),
    ("status", Text),
    ("ended_at", Int),
    ("winning_number", Int),
    ("winning_order_id", Int),
    ("winner_id", Int),
    ("created_at", Int),
    ("updated_at", Int),
    ("version", Int),
];

pub(crate) const SHOP_ORDER: &[Column] = &[
    ("order_id", Int),
    ("order_no", Text),
    ("member_id", Int),
    ("kind", Text),
    ("product_id", Int),
    ("round_id", Int),
    ("quantity", Int),
    ("piece_price_cents", Int),
    ("share_price_cents", Int),
    ("total_cents", Int),
    ("pay_with", Text),
    ("address_sealed", Blob),
    ("notes", Text),
    ("share_numbers", Text),
    ("status", Text),
    ("fulfilment", Text),
    ("expires_at", Int),
    ("paid_at", Int),
    ("ended_at", Int),
    ("created_at", Int),
    ("updated_at", Int),
    ("version", Int),
];

pub(crate) const STUCK: &[Column] =
    &[("order_id", Int), ("attempts", Int), ("retry_at", Int), ("last_error", Text), ("version", Int)];

pub(crate) const STORE: &[Column] = &[
    ("store_id", Int),
    ("code", Text),
    ("name", Text),
    ("kind", Text),
    ("property", Text),
    ("address", Text),
    ("phone", Text),
    ("created_at", Int),
    ("updated_at", Int),
    ("version", Int),
];

pub(crate) const DEVICE: &[Column] = &[
    ("device_id", Int),
    ("code", Text),
    ("name", Text),
    ("store_id", Int),
    ("is_online", Int),
    ("heard_at", Int),
    ("planogram", Text),
    ("planogram_version", Int),
    ("session_id", Int),
    ("created_at", Int),
    ("updated_at", Int),
    ("version", Int),
];

pub(crate) const ERP_PRODUCT: &[Column] = &[("code", Text), ("product_id", Int), ("told_at", Int), ("version", Int)];

pub(crate) const SALES_DOCUMENT: &[Column] = &[
    ("date", Text),
    ("store_id", Int),
    ("document_no", Text),
    ("sends", Int),
    ("created_at", Int),
    ("updated_at", Int),
    ("version", Int),
];

pub(crate) const ALERT: &[Column] = &[
    ("alert_id", Int),
    ("rule", Text),
    ("subject", Text),
    ("state", Text),
    ("value", Int),
    ("threshold", Int),
    ("since", Int),
    ("told_at", Int),
    ("resolved_at", Int),
    ("updated_at", Int),
    ("version", Int),
];

pub(crate) const SILENCE: &[Column] =
    &[("rule", Text), ("until_at", Int), ("reason", Text), ("set_by", Int), ("updated_at", Int), ("version", Int)];

pub(crate) const REPORT: &[Column] =
    &[("report_id", Int), ("kind", Text), ("date", Text), ("figures", Text), ("made_at", Int), ("version", Int)];

pub(crate) const DOOR_SESSION: &[Column] = &[
    ("session_id", Int),
    ("session_no", Text),
    ("member_id", Int),
    ("device_id", Int),
    ("pay", Text),
    ("status", Text),
    ("failure", Text),
    ("opened_at", Int),
    ("closed_at", Int),
    ("vendor_order_no", Text),
    ("settlement", Text),
    ("due_at", Int),
    ("created_at", Int),
    ("updated_at", Int),
    ("version", Int),
];

pub(crate) const SCORE_ORDER: &[Column] = &[
    ("session_id", Int),
    ("most_cents", Int),
    ("status", Text),
    ("order_id", Int),
    ("total_cents", Int),
    ("from_cents", Int),
    ("ended_at", Int),
    ("transaction_id", Text),
    ("paid_at", Int),
    ("source", Text),
    ("refunded_cents", Int),
    ("ending", Text),
    ("next_check_at", Int),
    ("checks", Int),
    ("created_at", Int),
    ("updated_at", Int),
    ("version", Int),
];

pub(crate) const CABINET_ORDER: &[Column] = &[
    ("order_id", Int),
    ("order_no", Text),
    ("member_id", Int),
    ("device_id", Int),
    ("store_id", Int),
    ("session_id", Int),
    ("vendor_order_no", Text),
    ("items", Text),
    ("total_cents", Int),
    ("tickets", Int),
    ("pay", Text),
    ("status", Text),
    ("reason", Text),
    ("paid_at", Int),
    ("withdrawn_at", Int),
    ("attempts", Text),
    ("order_type", Text),
    ("related_order_id", Int),
    ("related_order_no", Text),
    ("complaint_id", Int),
    ("standing", Text),
    ("kept_tickets", Int),
    ("created_at", Int),
    ("updated_at", Int),
    ("version", Int),
];

pub(crate) const CABINET_LINE: &[Column] =
    &[("order_id", Int), ("number", Int), ("product_id", Int), ("quantity", Int), ("total_cents", Int)];

pub(crate) const COMPLAINT: &[Column] = &[
    ("complaint_id", Int),
    ("member_id", Int),
    ("order_id", Int),
    ("order_no", Text),
    ("text", Text),
    ("pictures", Text),
    ("status", Text),
    ("owner_id", Int),
    ("replies", Text),
    ("refunded_cents", Int),
    ("answered_at", Int),
    ("closed_at", Int),
    ("created_at", Int),
    ("updated_at", Int),
    ("version", Int),
];

pub(crate) const CORRECTION: &[Column] = &[
    ("correction_id", Int),
    ("order_id", Int),
    ("items", Text),
    ("reason", Text),
    ("difference_cents", Int),
    ("asked_by", Int),
    ("status", Text),
    ("decided_by", Int),
    ("decided_at", Int),
    ("note", Text),
    ("surcharge_id", Int),
    ("created_at", Int),
    ("updated_at", Int),
    ("version", Int),
];

/// The cells of a whole row as the column lists above name them; the second part is the row's version.
pub(crate) trait FromRow: Sized {
    fn from_cells(cells: &mut Cells) -> Result<Self, Error>;

    fn versioned(row: Row) -> Result<(Self, i64), Error> {
        let mut cells = row.cells();
        Ok((Self::from_cells(&mut cells)?, cells.int()?))
    }
}

fn checked<T: TryFrom<V>, V>(value: V, what: &'static str) -> Result<T, Error> {
    T::try_from(value).map_err(|_| Error::inconsistent(format!("out of range: {what}")))
}

fn instant(cells: &mut Cells) -> Result<Instant, Error> {
    cells.int().map(Instant::from_millis)
}

fn opt_instant(cells: &mut Cells) -> Result<Option<Instant>, Error> {
    Ok(cells.opt_int()?.map(Instant::from_millis))
}

/// The index and the text, or neither.
pub(crate) fn openid(cells: &mut Cells) -> Result<Option<Openid>, Error> {
    match (cells.opt_blob()?, cells.opt_blob()?) {
        (Some(index), Some(sealed)) => {
            Ok(Some(Openid { index: checked(index, "index of an openid")?, sealed: Sealed::new(sealed) }))
        }
        (None, None) => Ok(None),
        _ => Err(Error::inconsistent("half an openid")),
    }
}

impl FromRow for Member {
    fn from_cells(cells: &mut Cells) -> Result<Self, Error> {
        Ok(Self {
            id: MemberId::new(cells.int()?),
            uid: cells.text()?,
            openid: openid(cells)?,
            account: cells.opt_text()?.map(|text| checked(text, "account")).transpose()?,
            nickname: cells.text()?,
            avatar_url: cells.opt_text()?,
            department: cells.opt_int()?.map(DepartmentId::new),
            status: cells.word("member status")?,
            overdraft_limit: cells.opt_int()?.map(|limit| checked(limit, "overdraft limit")).transpose()?,
            grants: cells.json("grants")?,
            created_at: instant(cells)?,
        })
    }
}

impl FromRow for Department {
    fn from_cells(cells: &mut Cells) -> Result<Self, Error> {
        Ok(Self {
            id: DepartmentId::new(cells.int()?),
            code: checked(cells.text()?, "department code")?,
            name: checked(cells.text()?, "department name")?,
            pays: cells.word("payer")?,
            overdraft_limit: cells.opt_int()?.map(|limit| checked(limit, "overdraft limit")).transpose()?,
            members_may_cancel: cells.int()? != 0,
            created_at: instant(cells)?,
        })
    }
}

impl FromRow for HouseRole {
    fn from_cells(cells: &mut Cells) -> Result<Self, Error> {
        Ok(Self {
            code: cells.parse("role")?,
            id: RoleId::new(cells.int()?),
            name_zh: checked(cells.text()?, "name of a role")?,
            name_en: checked(cells.text()?, "name of a role")?,
            scope: cells.word("scope of a role")?,
            permissions: permissions(cells)?,
            revision: cells.int()?,
            deleted_at: opt_instant(cells)?,
        })
    }
}

/// What a role allows; the administrator's row only says that it is everything.
pub(crate) fn permissions(cells: &mut Cells) -> Result<Permissions, Error> {
    let text = cells.text()?;
    if text == "all" {
        return Ok(Permissions::ALL);
    }
    serde_json::from_str(&text).map_err(|error| Error::inconsistent(format!("permissions of a role: {error}")))
}

impl FromRow for Session {
    fn from_cells(cells: &mut Cells) -> Result<Self, Error> {
        Ok(Self {
            token_hash: checked(cells.blob()?, "token hash")?,
            member: MemberId::new(cells.int()?),
            created_at: instant(cells)?,
            expires_at: instant(cells)?,
            revoked_at: opt_instant(cells)?,
        })
    }
}

impl FromRow for SecondFactor {
    fn from_cells(cells: &mut Cells) -> Result<Self, Error> {
        let member = MemberId::new(cells.int()?);
        let offer = match (cells.opt_blob()?, opt_instant(cells)?) {
            (Some(secret), Some(until)) => Some(FactorOffer { secret, until }),
            (None, None) => None,
            _ => return Err(Error::inconsistent("an offered secret has an end")),
        };
        let active = match (cells.opt_blob()?, cells.opt_int()?, cells.opt_blob()?, opt_instant(cells)?) {
            (Some(secret), Some(last_step), Some(hashes), Some(since)) => {
                let (recovery, rest) = hashes.as_chunks();
                if !rest.is_empty() {
                    return Err(Error::inconsistent("the hash of a recovery code has 32 bytes"));
                }
                Some(ActiveFactor { secret, last_step, recovery: recovery.iter().copied().collect(), since })
            }
            (None, None, None, None) => None,
            _ => return Err(Error::inconsistent("a second factor is on as a whole")),
        };
        Ok(Self { member, offer, active, updated_at: instant(cells)? })
    }
}

impl FromRow for SignInTicket {
    fn from_cells(cells: &mut Cells) -> Result<Self, Error> {
        Ok(Self {
            token_hash: checked(cells.blob()?, "token hash")?,
            member: MemberId::new(cells.int()?),
            purpose: cells.word("purpose of a ticket")?,
            created_at: instant(cells)?,
            expires_at: instant(cells)?,
            ended_at: opt_instant(cells)?,
        })
    }
}

impl FromRow for Meal {
    fn from_cells(cells: &mut Cells) -> Result<Self, Error> {
        Ok(Self {
            id: MealId::new(cells.int()?),
            date: cells.parse("date")?,
            slot: cells.parse("slot")?,
            title: cells.opt_text()?.map(|text| checked(text, "title")).transpose()?,
            description: checked(cells.text()?, "description")?,
            base_price: Cents::new(cells.int()?),
            options: cells.json("options")?,
            status: cells.word("meal status")?,
            orders_close_at: opt_instant(cells)?,
            pickup_windows: cells.json("pickup windows")?,
            created_at: instant(cells)?,
            updated_at: instant(cells)?,
        })
    }
}

impl FromRow for Pool {
    fn from_cells(cells: &mut Cells) -> Result<Self, Error> {
        Ok(Self { id: PoolId::new(cells.int()?), capacity: cells.int()?, taken: cells.int()?, issued: cells.int()? })
    }
}

impl FromRow for MealOrder {
    fn from_cells(cells: &mut Cells) -> Result<Self, Error> {
        Ok(Self {
            id: OrderId::new(cells.int()?),
            order_no: cells.text()?,
            member: MemberId::new(cells.int()?),
            meal: MealId::new(cells.int()?),
            payer: AccountId::new(cells.int()?),
            quantity: checked(cells.int()?, "quantity")?,
            options: cells.json("options")?,
            total: Cents::new(cells.int()?),
            notes: checked(cells.text()?, "notes")?,
            status: cells.word("order status")?,
            placed_by: cells.opt_int()?.map(MemberId::new),
            group_order: cells.opt_int()?.map(GroupOrderId::new),
            redeemed_at: opt_instant(cells)?,
            redeemed_by: cells.opt_int()?.map(MemberId::new),
            pickup_code: cells.opt_text()?.map(|text| checked(text, "pick-up code")).transpose()?,
            pickup_window: cells.opt_text()?.map(|text| checked(text, "pick-up window")).transpose()?,
            created_at: instant(cells)?,
            updated_at: instant(cells)?,
        })
    }
}

impl FromRow for GroupOrder {
    fn from_cells(cells: &mut Cells) -> Result<Self, Error> {
        Ok(Self {
            id: GroupOrderId::new(cells.int()?),
            department: DepartmentId::new(cells.int()?),
            meal: MealId::new(cells.int()?),
            placed_by: cells.opt_int()?.map(MemberId::new),
            remark: checked(cells.text()?, "remark")?,
            created_at: instant(cells)?,
        })
    }
}

impl FromRow for Subscription {
    fn from_cells(cells: &mut Cells) -> Result<Self, Error> {
        let id = SubscriptionId::new(cells.int()?);
        let (kind, owner) = (cells.text()?, cells.int()?);
        let owner = match kind.as_str() {
            "member" => Subscriber::Member(MemberId::new(owner)),
            "department" => Subscriber::Department(DepartmentId::new(owner)),
            _ => return Err(Error::inconsistent(format!("no subscriber {kind} {owner}"))),
        };
        Ok(Self {
            id,
            owner,
            members: cells.json("members")?,
            slot: cells.parse("slot")?,
            weekdays: checked(cells.int()?, "days of the week")?,
            first_date: cells.parse("first date")?,
            last_date: cells.opt_text()?.map(|text| checked(text, "last date")).transpose()?,
            notes: checked(cells.text()?, "notes")?,
            pickup_window: cells.opt_text()?.map(|text| checked(text, "pick-up window")).transpose()?,
            status: cells.word("subscription status")?,
            created_by: cells.opt_int()?.map(MemberId::new),
            created_at: instant(cells)?,
            updated_at: instant(cells)?,
        })
    }
}

impl FromRow for SubscriptionRun {
    fn from_cells(cells: &mut Cells) -> Result<Self, Error> {
        Ok(Self {
            subscription: SubscriptionId::new(cells.int()?),
            meal: MealId::new(cells.int()?),
            results: cells.json("results")?,
            group_order: cells.opt_int()?.map(GroupOrderId::new),
            ran_at: instant(cells)?,
        })
    }
}

impl FromRow for Hold {
    fn from_cells(cells: &mut Cells) -> Result<Self, Error> {
        Ok(Self {
            order: OrderId::new(cells.int()?),
            pool: PoolId::new(cells.int()?),
            quantity: cells.int()?,
            state: cells.word::<HoldState>("hold state")?,
            expires_at: opt_instant(cells)?,
        })
    }
}

impl FromRow for Account {
    fn from_cells(cells: &mut Cells) -> Result<Self, Error> {
        let id = AccountId::new(cells.int()?);
        let (kind, owner) = (cells.text()?, cells.int()?);
        let owner = match (kind.as_str(), owner) {
            ("member", id) => Owner::Member(MemberId::new(id)),
            ("department", id) => Owner::Department(DepartmentId::new(id)),
            ("meal", id) => Owner::Meal(MealId::new(id)),
            ("product", id) => Owner::Product(ProductId::new(id)),
            ("round", id) => Owner::Round(RoundId::new(id)),
            ("device", id) => Owner::Device(DeviceId::new(id)),
            ("system", 1) => Owner::System(SystemAccount::Grants),
            ("system", 2) => Owner::System(SystemAccount::Adjustments),
            ("system", 3) => Owner::System(SystemAccount::Wechat),
            _ => return Err(Error::inconsistent(format!("no owner {kind} {owner}"))),
        };
        let currency: Currency = cells.word("currency")?;
        Ok(Self {
            id,
            owner,
            currency,
            balance: Cents::new(cells.int()?),
            entries: cells.int()?,
            is_closed: cells.int()? != 0,
        })
    }
}

impl FromRow for Erasure {
    fn from_cells(cells: &mut Cells) -> Result<Self, Error> {
        Ok(Self { member: MemberId::new(cells.int()?), erased_at: instant(cells)? })
    }
}

impl FromRow for Job {
    fn from_cells(cells: &mut Cells) -> Result<Self, Error> {
        Ok(Self { name: cells.text()?, paused: cells.int()? != 0, last_run: cells.opt_int()?.map(RunId::new) })
    }
}

impl FromRow for JobRun {
    fn from_cells(cells: &mut Cells) -> Result<Self, Error> {
        Ok(Self {
            id: RunId::new(cells.int()?),
            job: cells.text()?,
            node: cells.int()?,
            claim: cells.int()?,
            triggered_by: cells.opt_int()?.map(MemberId::new),
            started_at: instant(cells)?,
            state: run_state(cells)?,
        })
    }
}

fn run_state(cells: &mut Cells) -> Result<RunState, Error> {
    let status = cells.word("state of a run")?;
    let (lease_until, ended_at) = (opt_instant(cells)?, opt_instant(cells)?);
    let counts = cells.opt_text()?.map(|text| serde_json::from_str(&text)).transpose();
    let counts = counts.map_err(|error| Error::inconsistent(format!("not counts: {error}")))?;
    match (status, lease_until, ended_at, counts, cells.opt_text()?) {
        (RunStatus::Running, Some(lease_until), None, None, None) => Ok(RunState::Running { lease_until }),
        (RunStatus::Succeeded, None, Some(ended_at), Some(counts), None) => {
            Ok(RunState::Succeeded { ended_at, counts })
        }
        (RunStatus::Failed, None, Some(ended_at), None, Some(error)) => Ok(RunState::Failed { ended_at, error }),
        (RunStatus::Abandoned, None, Some(ended_at), None, None) => Ok(RunState::Abandoned { ended_at }),
        (status, ..) => Err(Error::inconsistent(format!("a run cannot be {} like this", status.as_str()))),
    }
}

impl FromRow for kernel::Store {
    fn from_cells(cells: &mut Cells) -> Result<Self, Error> {
        Ok(Self {
            id: StoreId::new(cells.int()?),
            code: cells.checked("code of a store")?,
            name: cells.checked("name of a store")?,
            kind: cells.parse("kind of a store")?,
            property: cells.parse("property of a store")?,
            address: cells.checked("address")?,
            phone: cells.checked("phone")?,
            created_at: instant(cells)?,
            updated_at: instant(cells)?,
        })
    }
}

impl FromRow for Device {
    fn from_cells(cells: &mut Cells) -> Result<Self, Error> {
        Ok(Self {
            id: DeviceId::new(cells.int()?),
            code: cells.checked("code of a device")?,
            name: cells.checked("name of a device")?,
            store: StoreId::new(cells.int()?),
            is_online: cells.int()? != 0,
            heard_at: opt_instant(cells)?,
            planogram: cells.json("a planogram")?,
            planogram_version: cells.int()?,
            session: cells.opt_int()?.map(DoorSessionId::new),
            created_at: instant(cells)?,
            updated_at: instant(cells)?,
        })
    }
}

impl FromRow for DoorSession {
    fn from_cells(cells: &mut Cells) -> Result<Self, Error> {
        let (id, session_no) = (DoorSessionId::new(cells.int()?), cells.text()?);
        let (member, device) = (MemberId::new(cells.int()?), DeviceId::new(cells.int()?));
        let (pay, status) = (cells.parse("way to pay")?, cells.parse("status of an opening")?);
        let (failure, opened_at, closed_at) = (cells.opt_text()?, opt_instant(cells)?, opt_instant(cells)?);
        let (vendor_order_no, settlement) = (cells.opt_text()?, cells.opt_text()?);
        let settlement: Option<Settlement> = settlement
            .map(|text| serde_json::from_str(&text))
            .transpose()
            .map_err(|error| Error::inconsistent(format!("no settlement: {error}")))?;
        if settlement.as_ref().map(|settlement| &settlement.vendor_order_no) != vendor_order_no.as_ref() {
            return Err(Error::inconsistent("a settlement under two numbers"));
        }
        Ok(Self {
            id,
            session_no,
            member,
            device,
            pay,
            status,
            failure,
            opened_at,
            closed_at,
            settlement,
            due_at: opt_instant(cells)?,
            created_at: instant(cells)?,
            updated_at: instant(cells)?,
        })
    }
}

impl FromRow for ScoreOrder {
    fn from_cells(cells: &mut Cells) -> Result<Self, Error> {
        let (session, most) = (DoorSessionId::new(cells.int()?), Cents::new(cells.int()?));
        Ok(Self {
            session,
            most,
            state: score_state(cells)?,
            next_check_at: instant(cells)?,
            checks: cells.int()?,
            created_at: instant(cells)?,
            updated_at: instant(cells)?,
        })
    }
}

fn score_state(cells: &mut Cells) -> Result<ScoreState, Error> {
    let (status, order) = (cells.text()?, cells.opt_int()?.map(OrderId::new));
    let (total, from) = (cells.opt_int()?.map(Cents::new), cells.opt_int()?.map(Cents::new));
    let charge = match (order, total, opt_instant(cells)?) {
        (order, Some(total), Some(ended_at)) => Some(ScoreCharge { order, total, ended_at }),
        (None, None, None) => None,
        _ => return Err(Error::inconsistent("half a charge")),
    };
    let receipt = receipt(cells)?;
    let end = cells.opt_text()?.map(|word| word.parse()).transpose();
    let end = end.map_err(|()| Error::inconsistent("no end of a pay score order"))?;
    match (status.as_str(), charge, from, receipt, end) {
        ("starting", None, None, None, None) => Ok(ScoreState::Starting),
        ("running", None, None, None, None) => Ok(ScoreState::Running),
        ("completing", Some(charge), None, None, None) => Ok(ScoreState::Completing(charge)),
        ("collecting", Some(charge), None, None, None) => Ok(ScoreState::Collecting(charge)),
        ("lowering", Some(charge), Some(from), None, None) => Ok(ScoreState::Lowering { charge, from }),
        ("paid", Some(charge), None, Some(receipt), None) => Ok(ScoreState::Paid { charge, receipt }),
        ("cancelling", None, None, None, None) => Ok(ScoreState::Cancelling),
        ("over", None, None, None, Some(end)) => Ok(ScoreState::Over { end }),
        _ => Err(Error::inconsistent(format!("a pay score order cannot be {status} like this"))),
    }
}

impl FromRow for CabinetOrder {
    fn from_cells(cells: &mut Cells) -> Result<Self, Error> {
        let (id, order_no) = (OrderId::new(cells.int()?), cells.text()?);
        let (member, device) = (MemberId::new(cells.int()?), DeviceId::new(cells.int()?));
        let (store, session) = (StoreId::new(cells.int()?), DoorSessionId::new(cells.int()?));
        let (vendor_order_no, items) = (cells.text()?, cells.json("what was taken")?);
        let (total, tickets) = (Cents::new(cells.int()?), Tickets::new(cells.int()?));
        let (pay, status) = (cells.parse("way to pay")?, cells.text()?);
        let reason = cells.opt_text()?.map(|word| word.parse()).transpose();
        let reason = reason.map_err(|()| Error::inconsistent("no reason why an order is unpaid"))?;
        let state = match (status.as_str(), reason, opt_instant(cells)?, opt_instant(cells)?) {
            ("unpaid", Some(reason), None, None) => CabinetOrderState::Unpaid { reason },
            ("paid", None, Some(paid_at), None) => CabinetOrderState::Paid { paid_at },
            ("withdrawn", None, None, Some(withdrawn_at)) => CabinetOrderState::Withdrawn { withdrawn_at },
            _ => return Err(Error::inconsistent(format!("a cabinet order cannot be {status} like this"))),
        };
        let attempts = cells.json("attempts to pay")?;
        let (order_type, related, related_no) = (cells.parse("order type")?, cells.opt_int()?, cells.opt_text()?);
        let (complaint, standing) = (cells.opt_int()?.map(ComplaintId::new), cells.opt_text()?);
        let standing = standing.map(|text| serde_json::from_str(&text)).transpose();
        let standing = standing.map_err(|_| Error::inconsistent("no standing of a cabinet order"))?;
        let part = match (related, related_no, standing) {
            (None, None, Some(standing)) => OrderPart::Whole(standing),
            (Some(order), Some(order_no), None) => {
                OrderPart::Surcharge { order: OrderId::new(order), order_no, complaint }
            }
            _ => return Err(Error::inconsistent(format!("cabinet order {id} is neither whole nor a part"))),
        };
        let kept = Tickets::new(cells.int()?);
        let (created_at, updated_at) = (instant(cells)?, instant(cells)?);
        let order = Self {
            id,
            order_no,
            member,
            device,
            store,
            session,
            vendor_order_no,
            items,
            total,
            tickets,
            pay,
            state,
            attempts,
            part,
            kept,
            created_at,
            updated_at,
        };
        if order.order_type() == order_type {
            Ok(order)
        } else {
            Err(Error::inconsistent(format!("cabinet order {id} is {order_type:?} and {:?}", order.part)))
        }
    }
}

impl FromRow for Correction {
    fn from_cells(cells: &mut Cells) -> Result<Self, Error> {
        let (id, order) = (CorrectionId::new(cells.int()?), OrderId::new(cells.int()?));
        let (items, reason) = (cells.json("corrected quantities")?, checked(cells.text()?, "reason")?);
        let (difference, asked_by) = (Cents::new(cells.int()?), cells.opt_int()?.map(MemberId::new));
        let (status, by) = (cells.text()?, cells.opt_int()?.map(MemberId::new));
        let (at, note) = (opt_instant(cells)?, cells.opt_text()?);
        let surcharge = cells.opt_int()?.map(OrderId::new);
        let state = match (status.as_str(), by, at, note) {
            ("waiting", None, None, None) => CorrectionState::Waiting,
            ("done", agreed_by, Some(at), None) => CorrectionState::Done { agreed_by, at, surcharge },
            ("refused", Some(by), Some(at), Some(note)) => {
                CorrectionState::Refused { by, at, note: checked(note, "note")? }
            }
            _ => return Err(Error::inconsistent(format!("a correction cannot be {status} like this"))),
        };
        let (created_at, updated_at) = (instant(cells)?, instant(cells)?);
        Ok(Self { id, order, items, reason, difference, asked_by, state, created_at, updated_at })
    }
}

impl FromRow for Complaint {
    fn from_cells(cells: &mut Cells) -> Result<Self, Error> {
        let (id, member) = (ComplaintId::new(cells.int()?), MemberId::new(cells.int()?));
        let (order, order_no) = (OrderId::new(cells.int()?), cells.text()?);
        let (text, pictures) = (checked(cells.text()?, "complaint")?, cells.json("pictures")?);
        let status: ComplaintStatus = cells.parse("complaint status")?;
        let complaint = Self {
            id,
            member,
            order,
            order_no,
            text,
            pictures,
            owner: cells.opt_int()?.map(MemberId::new),
            replies: cells.json("replies")?,
            refunded: Cents::new(cells.int()?),
            answered_at: opt_instant(cells)?,
            closed_at: opt_instant(cells)?,
            created_at: instant(cells)?,
            updated_at: instant(cells)?,
        };
        if complaint.status() == status {
            Ok(complaint)
        } else {
            Err(Error::inconsistent(format!("complaint {id} is not {status:?}")))
        }
    }
}

impl FromRow for ErpProduct {
    fn from_cells(cells: &mut Cells) -> Result<Self, Error> {
        let (code, product) = (cells.checked("code of a product")?, ProductId::new(cells.int()?));
        Ok(Self { code, product, told_at: instant(cells)? })
    }
}

impl FromRow for SalesDocument {
    fn from_cells(cells: &mut Cells) -> Result<Self, Error> {
        let (date, store) = (cells.parse("date")?, StoreId::new(cells.int()?));
        let (document_no, sends) = (cells.text()?, cells.int()?);
        Ok(Self { date, store, document_no, sends, created_at: instant(cells)?, updated_at: instant(cells)? })
    }
}

impl FromRow for Alert {
    fn from_cells(cells: &mut Cells) -> Result<Self, Error> {
        let (id, rule, subject) = (AlertId::new(cells.int()?), cells.parse("alert rule")?, cells.text()?);
        let (state, value, threshold) = (cells.text()?, cells.int()?, cells.int()?);
        let (since, told_at) = (instant(cells)?, opt_instant(cells)?);
        let state = match (state.as_str(), opt_instant(cells)?) {
            ("firing", None) => AlertState::Firing,
            ("resolved", Some(at)) => AlertState::Resolved { at },
            _ => return Err(Error::inconsistent(format!("an alert cannot be {state} like this"))),
        };
        Ok(Self { id, rule, subject, value, threshold, since, told_at, state, updated_at: instant(cells)? })
    }
}

impl FromRow for Silence {
    fn from_cells(cells: &mut Cells) -> Result<Self, Error> {
        Ok(Self {
            rule: cells.parse("alert rule")?,
            until: instant(cells)?,
            reason: cells.checked("reason")?,
            set_by: cells.opt_int()?.map(MemberId::new),
            updated_at: instant(cells)?,
        })
    }
}

impl FromRow for Report {
    fn from_cells(cells: &mut Cells) -> Result<Self, Error> {
        Ok(Self {
            id: ReportId::new(cells.int()?),
            kind: cells.parse("kind of a report")?,
            date: cells.parse("date")?,
            figures: cells.json("figures of a report")?,
            made_at: instant(cells)?,
        })
    }
}

impl FromRow for Topup {
    fn from_cells(cells: &mut Cells) -> Result<Self, Error> {
        let (id, order_no) = (OrderId::new(cells.int()?), cells.text()?);
        let (member, amount) = (MemberId::new(cells.int()?), Cents::new(cells.int()?));
        let client = cells.word("client")?;
        let state = topup_state(cells)?;
        Ok(Self {
            id,
            order_no,
            member,
            amount,
            client,
            state,
            expires_at: instant(cells)?,
            next_check_at: instant(cells)?,
            checks: cells.int()?,
            created_at: instant(cells)?,
            updated_at: instant(cells)?,
            pays_for: cells.opt_int()?.map(OrderId::new),
        })
    }
}

fn receipt(cells: &mut Cells) -> Result<Option<Receipt>, Error> {
    let (transaction, paid_at, source) = (cells.opt_text()?, opt_instant(cells)?, cells.opt_text()?);
    let source = source.map(|word| serde_json::from_value(word.into())).transpose();
    let source = source.map_err(|_| Error::inconsistent("no source of a payment"))?;
    match (transaction, paid_at, source, cells.opt_int()?) {
        (Some(transaction_id), Some(paid_at), Some(source), Some(refunded)) => {
            Ok(Some(Receipt { transaction_id, paid_at, source, refunded: Cents::new(refunded) }))
        }
        (None, None, None, None) => Ok(None),
        _ => Err(Error::inconsistent("half a receipt")),
    }
}

fn topup_state(cells: &mut Cells) -> Result<TopupState, Error> {
    let (status, receipt) = (cells.word("status of a top-up")?, receipt(cells)?);
    let (refund, failure) = (cells.opt_int()?.map(RefundId::new), cells.opt_text()?);
    match (status, receipt, refund, failure) {
        (TopupStatus::Pending, None, None, None) => Ok(TopupState::Pending),
        (TopupStatus::Paid, Some(receipt), None, None) => Ok(TopupState::Paid(receipt)),
        (TopupStatus::Expired, None, None, None) => Ok(TopupState::Expired),
        (TopupStatus::Failed, None, None, Some(reason)) => Ok(TopupState::Failed { reason }),
        (TopupStatus::Refunding, Some(receipt), Some(refund), None) => Ok(TopupState::Refunding { receipt, refund }),
        (TopupStatus::Refunded, Some(receipt), None, None) => Ok(TopupState::Refunded(receipt)),
        (status, ..) => Err(Error::inconsistent(format!("a top-up cannot be {} like this", status.as_str()))),
    }
}

impl FromRow for Payment {
    fn from_cells(cells: &mut Cells) -> Result<Self, Error> {
        let (id, topup) = (PaymentId::new(cells.int()?), OrderId::new(cells.int()?));
        let created_at = instant(cells)?;
        let (state, error) = (cells.text()?, cells.opt_text()?);
        let state = match (state.as_str(), error) {
            ("asked", None) => PaymentState::Asked,
            ("accepted", None) => PaymentState::Accepted,
            ("refused", Some(error)) => PaymentState::Refused { error },
            _ => return Err(Error::inconsistent(format!("a payment cannot be {state} like this"))),
        };
        Ok(Self { id, topup, created_at, state })
    }
}

fn refund_of(cells: &mut Cells) -> Result<RefundOf, Error> {
    let (order, session) = (OrderId::new(cells.int()?), cells.opt_int()?.map(DoorSessionId::new));
    Ok(session.map_or(RefundOf::Topup(order), |session| RefundOf::Score { session, order }))
}

impl FromRow for Refund {
    fn from_cells(cells: &mut Cells) -> Result<Self, Error> {
        Ok(Self {
            id: RefundId::new(cells.int()?),
            refund_no: cells.text()?,
            of: refund_of(cells)?,
            amount: Cents::new(cells.int()?),
            reason: cells.text()?,
            state: cells.word("state of a refund")?,
            next_check_at: instant(cells)?,
            checks: cells.int()?,
            created_at: instant(cells)?,
            updated_at: instant(cells)?,
        })
    }
}

impl FromRow for Exception {
    fn from_cells(cells: &mut Cells) -> Result<Self, Error> {
        let (id, kind, subject) = (cells.int()?, cells.parse("kind of an exception")?, cells.text()?);
        let (evidence, proposed, state) = (cells.text()?, cells.parse("action")?, cells.text()?);
        let (by, at) = (cells.opt_int()?.map(MemberId::new), opt_instant(cells)?);
        let (action, note) = (cells.opt_text()?.map(|word| word.parse()), cells.opt_text()?);
        let state = match (state.as_str(), at, action, note) {
            ("open", None, None, None) => ExceptionState::Open,
            ("resolved", Some(at), Some(Ok(action)), Some(note)) => ExceptionState::Resolved { by, at, action, note },
            _ => return Err(Error::inconsistent(format!("an exception cannot be {state} like this"))),
        };
        Ok(Self {
            id,
            kind,
            subject,
            evidence,
            proposed,
            state,
            owner: cells.opt_int()?.map(MemberId::new),
            due_at: instant(cells)?,
            created_at: instant(cells)?,
            updated_at: instant(cells)?,
        })
    }
}

impl FromRow for Product {
    fn from_cells(cells: &mut Cells) -> Result<Self, Error> {
        Ok(Self {
            id: ProductId::new(cells.int()?),
            name_zh: checked(cells.text()?, "name")?,
            name_en: cells.opt_text()?.map(|text| checked(text, "name")).transpose()?,
            description: checked(cells.text()?, "description")?,
            price: Cents::new(cells.int()?),
            member_limit: cells.opt_int()?.map(|limit| checked(limit, "limit")).transpose()?,
            on_sale: cells.int()? == 1,
            pictures: cells.json("pictures")?,
            movements: cells.int()?,
            rounds: cells.int()?,
            created_at: instant(cells)?,
            updated_at: instant(cells)?,
        })
    }
}

impl FromRow for Round {
    fn from_cells(cells: &mut Cells) -> Result<Self, Error> {
        let (id, product) = (RoundId::new(cells.int()?), ProductId::new(cells.int()?));
        let (number, share_price) = (cells.int()?, Cents::new(cells.int()?));
        let member_limit = cells.opt_int()?.map(|limit| checked(limit, "limit")).transpose()?;
        let (opens_at, closes_at, prize) = (instant(cells)?, instant(cells)?, OrderId::new(cells.int()?));
        let secret = DrawSecret(checked(cells.blob()?, "draw secret")?);
        let (commitment, next_number, free_numbers) = (cells.text()?, cells.int()?, cells.json("free numbers")?);
        let (status, ended_at) = (cells.word("round status")?, opt_instant(cells)?);
        let (winning, order, winner) = (cells.opt_int()?, cells.opt_int()?, cells.opt_int()?);
        let state = match (status, ended_at, winning, order, winner) {
            (RoundStatus::Open, None, None, None, None) => RoundState::Open,
            (RoundStatus::SoldOut, Some(since), None, None, None) => RoundState::SoldOut { since },
            (RoundStatus::Failed, Some(failed_at), None, None, None) => RoundState::Failed { failed_at },
            (RoundStatus::Drawn, Some(drawn_at), Some(winning_number), Some(order), Some(member)) => {
                let (order, member) = (OrderId::new(order), MemberId::new(member));
                RoundState::Drawn { drawn_at, winning_number, order, member }
            }
            _ => return Err(Error::inconsistent(format!("round {id} fits no state"))),
        };
        Ok(Self {
            id,
            product,
            number,
            share_price,
            member_limit,
            opens_at,
            closes_at,
            prize,
            secret,
            commitment,
            next_number,
            free_numbers,
            state,
            created_at: instant(cells)?,
            updated_at: instant(cells)?,
        })
    }
}

pub(crate) fn kind_of(goods: Goods) -> &'static str {
    match goods {
        Goods::Pieces { .. } => "pieces",
        Goods::Shares { .. } => "shares",
        Goods::PiecesAndShares { .. } => "pieces_and_shares",
        Goods::Prize { .. } => "prize",
    }
}

/// Kind, product and round.
pub(crate) fn goods(cells: &mut Cells) -> Result<Goods, Error> {
    let kind = cells.text()?;
    let (product, round) = (cells.opt_int()?.map(ProductId::new), cells.opt_int()?.map(RoundId::new));
    Ok(match (kind.as_str(), product, round) {
        ("pieces", Some(product), None) => Goods::Pieces { product },
        ("shares", None, Some(round)) => Goods::Shares { round },
        ("pieces_and_shares", Some(product), Some(round)) => Goods::PiecesAndShares { product, round },
        ("prize", Some(product), Some(round)) => Goods::Prize { product, round },
        _ => return Err(Error::inconsistent(format!("no goods: {kind} of {product:?}, {round:?}"))),
    })
}

impl FromRow for ShopOrder {
    fn from_cells(cells: &mut Cells) -> Result<Self, Error> {
        let (id, order_no, member) = (OrderId::new(cells.int()?), cells.text()?, MemberId::new(cells.int()?));
        let (goods, quantity) = (goods(cells)?, checked(cells.int()?, "quantity")?);
        let (piece_price, share_price, total) =
            (Cents::new(cells.int()?), Cents::new(cells.int()?), Cents::new(cells.int()?));
        let pay_with = cells.word("way to pay")?;
        let address = cells.opt_blob()?.map(Sealed::new);
        let (notes, share_numbers) = (checked(cells.text()?, "notes")?, cells.json("share numbers")?);
        let status: ShopStatus = cells.word("shop order status")?;
        let fulfilment = cells.opt_text()?.map(fulfilment).transpose()?;
        let (expires_at, paid_at, ended_at) = (opt_instant(cells)?, opt_instant(cells)?, opt_instant(cells)?);
        let state = match (status, fulfilment, expires_at, paid_at, ended_at) {
            (ShopStatus::Pending, None, Some(expires_at), None, None) => ShopOrderState::Unpaid { expires_at },
            (ShopStatus::Paid | ShopStatus::Completed, Some(fulfilment), None, Some(paid_at), None) => {
                ShopOrderState::Paid { paid_at, fulfilment }
            }
            (ShopStatus::Cancelled, None, None, None, Some(ended_at)) => ShopOrderState::Cancelled { ended_at },
            (ShopStatus::Expired, None, None, None, Some(ended_at)) => ShopOrderState::Expired { ended_at },
            (ShopStatus::Refunded, Some(fulfilment), None, Some(paid_at), Some(ended_at)) => {
                ShopOrderState::Refunded { paid_at, ended_at, fulfilment }
            }
            _ => return Err(Error::inconsistent(format!("shop order {id} fits no state"))),
        };
        let order = Self {
            id,
            order_no,
            member,
            goods,
            quantity,
            piece_price,
            share_price,
            total,
            pay_with,
            delivery: address.map_or(Delivery::PickUp, Delivery::To),
            notes,
            share_numbers,
            state,
            created_at: instant(cells)?,
            updated_at: instant(cells)?,
        };
        if order.status() == status {
            Ok(order)
        } else {
            Err(Error::inconsistent(format!("shop order {id} is {status:?} and {:?}", order.state)))
        }
    }
}

impl FromRow for StuckOrder {
    fn from_cells(cells: &mut Cells) -> Result<Self, Error> {
        Ok(Self {
            order: OrderId::new(cells.int()?),
            attempts: cells.int()?,
            retry_at: opt_instant(cells)?,
            last_error: cells.text()?,
        })
    }
}

fn fulfilment(text: String) -> Result<Fulfilment, Error> {
    let found = Fulfilment::ALL.into_iter().find(|fulfilment| fulfilment.as_str() == text);
    found.ok_or_else(|| Error::inconsistent(format!("{text:?} is no fulfilment")))
}
