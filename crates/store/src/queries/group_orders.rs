//! What departments booked, with the orders of their members.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{
    Cents, Date, DepartmentId, GroupOrder, GroupOrderId, Instant, MealId, MemberId, OrderId, OrderStatus, Slot,
};

use crate::lists::{ListStatement, Page, Placed, Sorting, Unlisted, Way, lists};
use crate::rows::FromRow;
use crate::sql::Kind::{Int, Text};
use crate::sql::statements;
use crate::{Batch, Cells, Error, Lock, Row, SetStatement, Store, Value};

const ONE: &str = "SELECT g.group_order_id, g.department_id, g.meal_id, g.placed_by, g.remark, g.created_at \
     FROM group_orders AS g WHERE g.group_order_id = $1";
const OF_DATE: &str = "SELECT g.group_order_id, g.department_id, g.meal_id, g.placed_by, g.remark, g.created_at, m.date, m.slot, \
     u.nickname FROM meals AS m JOIN group_orders AS g ON g.meal_id = m.meal_id \
     LEFT JOIN members AS u ON u.member_id = g.placed_by \
     WHERE m.date = $1 AND g.department_id = $2 ORDER BY g.group_order_id DESC LIMIT $3 OFFSET $4";
const ALL: &str = "SELECT g.group_order_id, g.department_id, g.meal_id, g.placed_by, g.remark, g.created_at, m.date, m.slot, \
     u.nickname FROM group_orders AS g JOIN meals AS m ON m.meal_id = g.meal_id \
     LEFT JOIN members AS u ON u.member_id = g.placed_by \
     WHERE g.department_id = $1 ORDER BY g.group_order_id DESC LIMIT $2 OFFSET $3";
const LISTED_OF_DATE: &str = "SELECT {place}, g.group_order_id, g.department_id, g.meal_id, g.placed_by, g.remark, g.created_at, m.date, m.slot, \
     u.nickname FROM meals AS m JOIN group_orders AS g ON g.meal_id = m.meal_id \
     LEFT JOIN members AS u ON u.member_id = g.placed_by WHERE {after} AND m.date = $1 AND g.department_id = $2";
const LISTED: &str = "SELECT {place}, g.group_order_id, g.department_id, g.meal_id, g.placed_by, g.remark, g.created_at, m.date, m.slot, \
     u.nickname FROM group_orders AS g JOIN meals AS m ON m.meal_id = g.meal_id \
     LEFT JOIN members AS u ON u.member_id = g.placed_by WHERE {after} AND g.department_id = $1";
const COUNT_OF_DATE: &str = "SELECT COUNT(*) FROM meals AS m JOIN group_orders AS g ON g.meal_id = m.meal_id \
     WHERE m.date = $1 AND g.department_id = $2";
const COUNT: &str = "SELECT COUNT(*) FROM group_orders WHERE department_id = $1";
const SUMS: &str = "SELECT m.date, m.slot, COUNT(DISTINCT g.group_order_id), COUNT(*), \
     CAST(SUM(o.total_cents) AS BIGINT), COUNT(o.redeemed_at) FROM meals AS m \
     JOIN group_orders AS g ON g.meal_id = m.meal_id JOIN meal_orders AS o ON o.group_order_id = g.group_order_id \
     WHERE m.date >= $1 AND m.date <= $2 AND g.department_id = $3 AND o.status IN ('active', 'locked', 'completed') \
     GROUP BY m.date, m.slot ORDER BY m.date, CASE m.slot WHEN 'breakfast' THEN 1 WHEN 'lunch' THEN 2 ELSE 3 END";
const MEALS_OF: &str =
    "SELECT m.meal_id, m.slot FROM meals AS m WHERE m.date = $1 AND m.status NOT IN ('draft', 'canceled')";

const PART: &str = "SELECT o.group_order_id, o.order_id, o.member_id, u.uid, u.nickname, o.total_cents, o.status, o.redeemed_at \
     FROM meal_orders AS o JOIN members AS u ON u.member_id = o.member_id WHERE o.group_order_id = {group_order_id}";

statements! {
    PARTS = SetStatement::query(&[("group_order_id", Int)], PART, Lock::None);
    BY_UID = SetStatement::select("members", &[("uid", Text)], &[("uid", Text), ("member_id", Int)], "", Lock::None);
}

/// How lists of group orders are sorted.
pub enum GroupOrderSorting {}

impl Sorting for GroupOrderSorting {
    const WAYS: &'static [Way] = &[Way::by_id("createdAt"), Way::by_text("date", "m.date")];
}

lists! {
    LIST = ListStatement::new::<GroupOrderSorting>("g.group_order_id", 1, LISTED);
    LIST_OF_DATE = ListStatement::new::<GroupOrderSorting>("g.group_order_id", 2, LISTED_OF_DATE);
}

pub async fn one(store: &Store, id: GroupOrderId) -> Result<Option<GroupOrder>, Error> {
    let rows = store.query(ONE, vec![id.get().into()]).await?;
    rows.into_iter().next().map(|row| GroupOrder::from_cells(&mut row.cells())).transpose()
}

/// A group order, its meal's place in the calendar, and the name of who placed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub group_order: GroupOrder,
    pub date: Date,
    pub slot: Slot,
    pub placed_by: Option<String>,
}

impl FromRow for Listed {
    fn from_cells(cells: &mut Cells) -> Result<Self, Error> {
        Ok(Self {
            group_order: GroupOrder::from_cells(cells)?,
            date: cells.parse("date")?,
            slot: cells.parse("slot")?,
            placed_by: cells.opt_text()?,
        })
    }
}

/// One department's, in the order asked for.
pub async fn listed(
    store: &Store,
    department: DepartmentId,
    date: Option<Date>,
    page: &Page,
) -> Result<Vec<Placed<Listed>>, Unlisted> {
    let (list, parameters) = by_date(department, date, &*LIST_OF_DATE, &*LIST);
    list.page(store, parameters, page, Listed::from_cells).await
}

/// One department's, newest first, by number.
pub async fn list(
    store: &Store,
    department: DepartmentId,
    date: Option<Date>,
    limit: i64,
    offset: i64,
) -> Result<Vec<Listed>, Error> {
    let (text, mut parameters) = by_date(department, date, OF_DATE, ALL);
    parameters.extend([limit.into(), offset.into()]);
    store.query(text, parameters).await?.into_iter().map(|row| Listed::from_cells(&mut row.cells())).collect()
}

pub async fn count(store: &Store, department: DepartmentId, date: Option<Date>) -> Result<i64, Error> {
    let (text, parameters) = by_date(department, date, COUNT_OF_DATE, COUNT);
    super::number(store.query(text, parameters).await?)
}

fn by_date<T>(department: DepartmentId, date: Option<Date>, dated: T, any: T) -> (T, Vec<Value<'static>>) {
    match date {
        Some(date) => (dated, vec![date.to_string().into(), department.get().into()]),
        None => (any, vec![department.get().into()]),
    }
}

/// One member's order in a group order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub order: OrderId,
    pub member: MemberId,
    pub uid: String,
    pub nickname: String,
    pub total: Cents,
    pub status: OrderStatus,
    pub redeemed_at: Option<Instant>,
}

/// The orders of each of these group orders, oldest first.
pub async fn parts(store: &Store, groups: &BTreeSet<GroupOrderId>) -> Result<BTreeMap<GroupOrderId, Vec<Part>>, Error> {
    let mut parts: BTreeMap<GroupOrderId, Vec<Part>> = BTreeMap::new();
    if groups.is_empty() {
        return Ok(parts);
    }
    for row in store.select(Batch::of(&PARTS, groups.iter().map(|id| [id.get().into()]))).await? {
        let mut cells = row.cells();
        parts.entry(GroupOrderId::new(cells.int()?)).or_default().push(Part {
            order: OrderId::new(cells.int()?),
            member: MemberId::new(cells.int()?),
            uid: cells.text()?,
            nickname: cells.text()?,
            total: Cents::new(cells.int()?),
            status: cells.word("order status")?,
            redeemed_at: cells.opt_int()?.map(Instant::from_millis),
        });
    }
    parts.values_mut().for_each(|parts| parts.sort_by_key(|part| part.order));
    Ok(parts)
}

/// Who has these public ids; those whom nobody has are left out.
pub async fn members(store: &Store, uids: &BTreeSet<&str>) -> Result<BTreeMap<String, MemberId>, Error> {
    if uids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let found = store.select(Batch::of(&BY_UID, uids.iter().map(|uid| [(*uid).to_owned().into()]))).await?;
    let row = |row: Row| {
        let mut cells = row.cells();
        Ok((cells.text()?, MemberId::new(cells.int()?)))
    };
    found.into_iter().map(row).collect()
}

/// What a department's group orders add up to for one meal: orders that stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sum {
    pub date: Date,
    pub slot: Slot,
    pub group_orders: i64,
    pub members: i64,
    pub total: Cents,
    pub redeemed: i64,
}

pub async fn sums(store: &Store, department: DepartmentId, from: Date, to: Date) -> Result<Vec<Sum>, Error> {
    let parameters = vec![from.to_string().into(), to.to_string().into(), department.get().into()];
    let row = |row: Row| {
        let mut cells = row.cells();
        Ok(Sum {
            date: cells.parse("date")?,
            slot: cells.parse("slot")?,
            group_orders: cells.int()?,
            members: cells.int()?,
            total: Cents::new(cells.int()?),
            redeemed: cells.int()?,
        })
    };
    store.query(SUMS, parameters).await?.into_iter().map(row).collect()
}

/// The meals that a kitchen or a department asks about by date.
pub async fn meals_of(store: &Store, date: Date) -> Result<Vec<(MealId, Slot)>, Error> {
    let rows = store.query(MEALS_OF, vec![date.to_string().into()]).await?;
    let row = |row: Row| {
        let mut cells = row.cells();
        Ok((MealId::new(cells.int()?), cells.parse("slot")?))
    };
    rows.into_iter().map(row).collect()
}
