//! Meal orders.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{
    Cents, Date, DepartmentId, MealId, MealOrder, MealStatus, MemberId, Note, OrderId, OrderStatus, Slot, Title,
};

use crate::rows::{self, FromRow};
use crate::sql::Kind::Int;
use crate::sql::statements;
use crate::{Batch, Error, Lock, Row, SetStatement, Store, Value};

const ONE: &str = "SELECT o.order_id, o.order_no, o.member_id, o.meal_id, o.payer_account_id, o.quantity, o.options, \
     o.total_cents, o.notes, o.status, o.placed_by, o.group_order_id, o.redeemed_at, o.redeemed_by, o.pickup_code, o.pickup_window, o.created_at, o.updated_at, a.balance \
     FROM meal_orders AS o JOIN accounts AS a ON a.account_id = o.payer_account_id WHERE o.order_id = $1";
const MEAL: &str = "SELECT meal_id FROM meal_orders WHERE order_id = $1";
const OF_MEAL: &str = "SELECT o.order_id, o.order_no, o.member_id, o.meal_id, o.payer_account_id, o.quantity, o.options, \
     o.total_cents, o.notes, o.status, o.placed_by, o.group_order_id, o.redeemed_at, o.redeemed_by, o.pickup_code, o.pickup_window, o.created_at, o.updated_at, u.nickname \
     FROM meal_orders AS o JOIN members AS u ON u.member_id = o.member_id \
     WHERE o.meal_id = $1 AND o.order_id > $2 AND (o.status IN ('active', 'locked', 'completed') OR $3 = 'ended') \
     ORDER BY o.order_id LIMIT $4";
const COUNT_OF_MEAL: &str = "SELECT COUNT(*) FROM meal_orders \
     WHERE meal_id = $1 AND (status IN ('active', 'locked', 'completed') OR $2 = 'ended')";
// A member's orders are walked by the member's own index, whatever else is asked for. The meals are looked up one by one in
// subqueries: joined, a narrow range of dates would be a reason to begin with the meals and to pass everybody's orders. The
// subquery answers yes or no, because PostgreSQL expects next to nothing of comparisons with one and would read and sort them all.
const HISTORY: &str = "SELECT o.order_id, o.order_no, o.member_id, o.meal_id, o.payer_account_id, o.quantity, o.options, \
     o.total_cents, o.notes, o.status, o.placed_by, o.group_order_id, o.redeemed_at, o.redeemed_by, o.pickup_code, o.pickup_window, o.created_at, o.updated_at, m.date, m.slot, m.description, m.status, \
     d.department_id, d.name FROM meal_orders AS o JOIN meals AS m ON m.meal_id = o.meal_id \
     LEFT JOIN departments AS d ON d.department_id = o.payer_account_id / 2 \
     WHERE o.member_id = $1 AND (SELECT x.date BETWEEN $2 AND $3 FROM meals AS x WHERE x.meal_id = o.meal_id) \
     AND (o.status = $4 OR $4 = 'any') ORDER BY o.order_id DESC LIMIT $5 OFFSET $6";
// The orders are read once and then summed up in four ways.
const STATISTICS: &str = "WITH mine AS MATERIALIZED (SELECT o.status, o.quantity, o.total_cents, \
     (SELECT m.date || m.slot FROM meals AS m WHERE m.meal_id = o.meal_id) AS meal \
     FROM meal_orders AS o WHERE o.member_id = $1), \
     dated AS MATERIALIZED (SELECT status, quantity, total_cents, SUBSTR(meal, 1, 10) AS date, SUBSTR(meal, 11) AS slot \
     FROM mine WHERE SUBSTR(meal, 1, 10) BETWEEN $2 AND $3), \
     standing AS (SELECT quantity, total_cents, date, slot FROM dated WHERE status IN ('active', 'locked', 'completed')) \
     SELECT 'general', '', COUNT(*), CAST(COALESCE(SUM(total_cents), 0) AS BIGINT), \
     CAST(COALESCE(SUM(quantity), 0) AS BIGINT), COUNT(DISTINCT date) FROM standing UNION ALL \
     SELECT 'status', status, COUNT(*), CAST(SUM(total_cents) AS BIGINT), 0, 0 FROM dated GROUP BY status UNION ALL \
     SELECT 'slot', slot, COUNT(*), CAST(SUM(total_cents) AS BIGINT), 0, 0 FROM standing GROUP BY slot UNION ALL \
     SELECT 'date', date, COUNT(*), CAST(SUM(total_cents) AS BIGINT), 0, 0 FROM standing WHERE date >= $4 GROUP BY date";
const ACTIVITY: &str = "WITH mine AS MATERIALIZED (SELECT o.total_cents, \
     (SELECT m.date FROM meals AS m WHERE m.meal_id = o.meal_id) AS date FROM meal_orders AS o \
     WHERE o.member_id = $1 AND o.status IN ('active', 'locked', 'completed')) \
     SELECT COUNT(*), CAST(COALESCE(SUM(total_cents), 0) AS BIGINT), COUNT(*) FILTER (WHERE date >= $2), \
     CAST(COALESCE(SUM(total_cents) FILTER (WHERE date >= $2), 0) AS BIGINT), \
     COUNT(DISTINCT CASE WHEN date >= $2 THEN date END) FROM mine";

statements! {
    STANDING = SetStatement::select(
        "meal_orders",
        &[("meal_id", Int), ("member_id", Int)],
        rows::ORDER,
        "t.status IN ('active', 'locked', 'completed')",
        Lock::None,
    );
    MEALS = SetStatement::select("meal_orders", &[("order_id", Int)], &[("order_id", Int), ("meal_id", Int)], "", Lock::None);
}

/// An order, and what its payer has now.
pub async fn one(store: &Store, id: OrderId) -> Result<Option<(MealOrder, Cents)>, Error> {
    let rows = store.query(ONE, vec![id.get().into()]).await?;
    let row = |row: Row| {
        let mut cells = row.cells();
        Ok((MealOrder::from_cells(&mut cells)?, Cents::new(cells.int()?)))
    };
    rows.into_iter().next().map(row).transpose()
}

/// The order that has this number, and its meal.
pub async fn numbered(store: &Store, number: &str) -> Result<Option<(OrderId, MealId)>, Error> {
    let Some(id) = kernel::numbered_order("MEAL", number.trim()) else {
        return Ok(None);
    };
    Ok(meal(store, id).await?.map(|meal| (id, meal)))
}

/// The meal of an order, which never changes.
pub async fn meal(store: &Store, id: OrderId) -> Result<Option<MealId>, Error> {
    let rows = store.query(MEAL, vec![id.get().into()]).await?;
    let first = rows.into_iter().next();
    first.map(|row| Ok(MealId::new(row.cells().int()?))).transpose()
}

/// The meals of those of these orders that exist.
pub async fn meals(store: &Store, ids: &BTreeSet<OrderId>) -> Result<BTreeMap<OrderId, MealId>, Error> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let found = store.select(Batch::of(&MEALS, ids.iter().map(|id| [id.get().into()]))).await?;
    let row = |row: Row| {
        let mut cells = row.cells();
        Ok((OrderId::new(cells.int()?), MealId::new(cells.int()?)))
    };
    found.into_iter().map(row).collect()
}

/// One member's orders for these meals that are neither canceled nor refunded.
pub async fn standing(store: &Store, meals: &[MealId], member: MemberId) -> Result<Vec<MealOrder>, Error> {
    if meals.is_empty() {
        return Ok(Vec::new());
    }
    let keys = meals.iter().map(|meal| [meal.get().into(), member.get().into()]);
    let found = store.select(Batch::of(&STANDING, keys)).await?;
    found.into_iter().map(|row| MealOrder::from_cells(&mut row.cells())).collect()
}

/// Whether a list shows orders that were canceled or refunded as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    Shown,
    Hidden,
}

impl Ended {
    fn word(self) -> &'static str {
        match self {
            Self::Shown => "ended",
            Self::Hidden => "standing",
        }
    }
}

/// A meal's orders with their members' nicknames, oldest first, from the one after `after` on.
pub async fn of_meal(
    store: &Store,
    meal: MealId,
    ended: Ended,
    after: OrderId,
    limit: i64,
) -> Result<Vec<(MealOrder, String)>, Error> {
    let parameters = vec![meal.get().into(), after.get().into(), ended.word().into(), limit.into()];
    let row = |row: Row| {
        let mut cells = row.cells();
        Ok((MealOrder::from_cells(&mut cells)?, cells.text()?))
    };
    store.query(OF_MEAL, parameters).await?.into_iter().map(row).collect()
}

pub async fn count_of_meal(store: &Store, meal: MealId, ended: Ended) -> Result<i64, Error> {
    super::number(store.query(COUNT_OF_MEAL, vec![meal.get().into(), ended.word().into()]).await?)
}

/// Which dates of meals are meant, both included.
#[derive(Debug, Clone, Copy, Default)]
pub struct Dates {
    pub from: Option<Date>,
    pub to: Option<Date>,
}

impl Dates {
    pub(super) fn are_all(self) -> bool {
        self.from.is_none() && self.to.is_none()
    }

    pub(super) fn parameters(self) -> [Value<'static>; 2] {
        let text =
            |date: Option<Date>, end: &str| Value::from(date.map_or_else(|| end.to_owned(), |date| date.to_string()));
        [text(self.from, "0000-01-01"), text(self.to, "9999-12-31")]
    }
}

/// An order as its member finds it again, whoever booked it and whoever paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    pub order: MealOrder,
    pub date: Date,
    pub slot: Slot,
    pub description: Note,
    pub meal_status: MealStatus,
    /// Where a department paid, which.
    pub paid_by: Option<(DepartmentId, Title)>,
}

/// One member's orders, newest first.
pub async fn history(
    store: &Store,
    member: MemberId,
    dates: Dates,
    status: Option<OrderStatus>,
    limit: i64,
    offset: i64,
) -> Result<Vec<Remembered>, Error> {
    let [from, to] = dates.parameters();
    let status = status.map_or("any", OrderStatus::as_str);
    let parameters = vec![member.get().into(), from, to, status.into(), limit.into(), offset.into()];
    let row = |row: Row| {
        let mut cells = row.cells();
        Ok(Remembered {
            order: MealOrder::from_cells(&mut cells)?,
            date: cells.parse("date")?,
            slot: cells.parse("slot")?,
            description: cells.checked("description")?,
            meal_status: cells.word("meal status")?,
            paid_by: match cells.opt_int()? {
                Some(id) => Some((DepartmentId::new(id), cells.checked("department name")?)),
                None => None,
            },
        })
    };
    store.query(HISTORY, parameters).await?.into_iter().map(row).collect()
}

/// A number of orders and what they cost together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum {
    pub orders: i64,
    pub total: Cents,
}

/// One member's orders summed up. Orders that were canceled or refunded count by status only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Statistics {
    pub all: Sum,
    pub portions: i64,
    pub days: i64,
    pub by_status: Vec<(OrderStatus, Sum)>,
    pub by_slot: Vec<(Slot, Sum)>,
    /// Newest first.
    pub by_date: Vec<(Date, Sum)>,
}

/// Days before `trend_from` are in every figure but the days'.
pub async fn statistics(store: &Store, member: MemberId, dates: Dates, trend_from: Date) -> Result<Statistics, Error> {
    let [from, to] = dates.parameters();
    let parameters = vec![member.get().into(), from, to, trend_from.to_string().into()];
    let mut statistics = Statistics::default();
    for row in store.query(STATISTICS, parameters).await? {
        let mut cells = row.cells();
        let (kind, key) = (cells.text()?, cells.text()?);
        let sum = Sum { orders: cells.int()?, total: Cents::new(cells.int()?) };
        let strange = || Error::inconsistent(format!("{key:?} is no {kind}"));
        match kind.as_str() {
            "general" => {
                statistics.all = sum;
                (statistics.portions, statistics.days) = (cells.int()?, cells.int()?);
            }
            "status" => {
                let status = OrderStatus::ALL.into_iter().find(|status| status.as_str() == key);
                statistics.by_status.push((status.ok_or_else(strange)?, sum));
            }
            "slot" => statistics.by_slot.push((key.parse().map_err(|_| strange())?, sum)),
            "date" => statistics.by_date.push((key.parse().map_err(|_| strange())?, sum)),
            _ => return Err(strange()),
        }
    }
    statistics.by_status.sort_unstable_by_key(|&(status, _)| status);
    statistics.by_slot.sort_unstable_by_key(|&(slot, _)| slot);
    statistics.by_date.sort_unstable_by_key(|&(date, _)| std::cmp::Reverse(date));
    Ok(statistics)
}

/// How much a member orders.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Activity {
    pub lifetime: Sum,
    pub recent: Sum,
    pub recent_days: i64,
}

/// Recent is what is eaten from `recent_from` on. Orders that were canceled or refunded do not count.
pub async fn activity(store: &Store, member: MemberId, recent_from: Date) -> Result<Activity, Error> {
    let parameters = vec![member.get().into(), recent_from.to_string().into()];
    let rows = store.query(ACTIVITY, parameters).await?;
    let Some(row) = rows.into_iter().next() else {
        return Err(Error::inconsistent("a sum is missing"));
    };
    let mut cells = row.cells();
    let mut sum = || Ok::<_, Error>(Sum { orders: cells.int()?, total: Cents::new(cells.int()?) });
    let (lifetime, recent) = (sum()?, sum()?);
    Ok(Activity { lifetime, recent, recent_days: cells.int()? })
}
