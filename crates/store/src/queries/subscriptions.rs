//! What is booked until told otherwise, and what came of it.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{Date, Instant, MealId, MemberId, Slot, Subscriber, Subscription, SubscriptionId, SubscriptionRun};

use crate::lists::{ListStatement, Page, Placed, Sorting, Unlisted, Way, lists};
use crate::rows::FromRow;
use crate::sql::Kind::{Int, Text};
use crate::sql::statements;
use crate::{Batch, Error, Lock, Row, SetStatement, Store};

const OPEN_MEALS: &str = "SELECT m.meal_id, m.date, m.slot FROM meals AS m WHERE m.date >= $1 AND m.status = 'published' \
     AND (m.orders_close_at IS NULL OR m.orders_close_at > $2) ORDER BY m.date, m.slot";
// A bit is asked for without the operators that the engines write differently.
const DUE: &str = "SELECT s.subscription_id FROM subscriptions AS s WHERE s.status = 'active' AND s.slot = $1 \
     AND s.subscription_id > $2 AND s.first_date <= $3 AND (s.last_date IS NULL OR s.last_date >= $3) \
     AND (s.weekdays / $4) % 2 = 1 AND NOT EXISTS (SELECT 1 FROM subscription_runs AS r \
     WHERE r.subscription_id = s.subscription_id AND r.meal_id = $5) ORDER BY s.subscription_id LIMIT $6";
const ONE: &str = "SELECT s.subscription_id, s.owner_kind, s.owner_id, s.members, s.slot, s.weekdays, s.first_date, s.last_date, \
     s.notes, s.pickup_window, s.status, s.created_by, s.created_at, s.updated_at FROM subscriptions AS s \
     WHERE s.subscription_id = $1";
const LISTED: &str = "SELECT {place}, s.subscription_id, s.owner_kind, s.owner_id, s.members, s.slot, s.weekdays, s.first_date, s.last_date, \
     s.notes, s.pickup_window, s.status, s.created_by, s.created_at, s.updated_at FROM subscriptions AS s \
     WHERE {after} AND s.owner_id = $1 AND s.owner_kind = $2";
const UNENDED: &str = "SELECT COUNT(*) FROM subscriptions AS s \
     WHERE s.owner_id = $1 AND s.owner_kind = $2 AND s.status IN ('active', 'paused')";
const RUNS: &str = "SELECT r.subscription_id, r.meal_id, r.results, r.group_order_id, r.ran_at, m.date, m.slot \
     FROM subscription_runs AS r JOIN meals AS m ON m.meal_id = r.meal_id \
     WHERE r.subscription_id = $1 AND r.meal_id < $2 ORDER BY r.meal_id DESC LIMIT $3";

/// How lists of what is booked until told otherwise are sorted.
pub enum SubscriptionSorting {}

impl Sorting for SubscriptionSorting {
    const WAYS: &'static [Way] = &[
        Way::by_id("created_at"),
        Way::by_text("first_date", "s.first_date"),
        // What has no end comes after all that has one.
        Way::by_text("last_date", "COALESCE(s.last_date, '9999')"),
        Way::by_number("updated_at", "s.updated_at"),
    ];
}

lists! {
    LIST = ListStatement::new::<SubscriptionSorting>("s.subscription_id", 2, LISTED);
}

statements! {
    NAMES = SetStatement::select(
        "members", &[("member_id", Int)], &[("member_id", Int), ("uid", Text), ("nickname", Text)], "", Lock::None,
    );
}

/// A meal that takes orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenMeal {
    pub id: MealId,
    pub date: Date,
    pub slot: Slot,
}

pub async fn open_meals(store: &Store, from: Date, now: Instant) -> Result<Vec<OpenMeal>, Error> {
    let row = |row: Row| {
        let mut cells = row.cells();
        Ok(OpenMeal { id: MealId::new(cells.int()?), date: cells.parse("date")?, slot: cells.parse("slot")? })
    };
    let parameters = vec![from.to_string().into(), now.as_millis().into()];
    store.query(OPEN_MEALS, parameters).await?.into_iter().map(row).collect()
}

/// Which subscriptions cover a meal and have not booked it, from the one after `after` on.
pub async fn due(
    store: &Store,
    meal: &OpenMeal,
    after: SubscriptionId,
    limit: i64,
) -> Result<Vec<SubscriptionId>, Error> {
    let day = 1_i64 << meal.date.weekday();
    let (slot, date) = (meal.slot.as_str().into(), meal.date.to_string().into());
    let parameters = vec![slot, after.get().into(), date, day.into(), meal.id.get().into(), limit.into()];
    let row = |row: Row| row.cells().int().map(SubscriptionId::new);
    store.query(DUE, parameters).await?.into_iter().map(row).collect()
}

pub async fn one(store: &Store, id: SubscriptionId) -> Result<Option<Subscription>, Error> {
    let rows = store.query(ONE, vec![id.get().into()]).await?;
    rows.into_iter().next().map(|row| Subscription::from_cells(&mut row.cells())).transpose()
}

pub async fn of_owner(store: &Store, owner: Subscriber, page: &Page) -> Result<Vec<Placed<Subscription>>, Unlisted> {
    LIST.page(store, vec![owner.id().into(), owner.kind().into()], page, Subscription::from_cells).await
}

/// How many an owner has that are not over.
pub async fn unended(store: &Store, owner: Subscriber) -> Result<i64, Error> {
    super::number(store.query(UNENDED, vec![owner.id().into(), owner.kind().into()]).await?)
}

/// What came of a subscription, the newest meal first.
pub async fn runs(
    store: &Store,
    id: SubscriptionId,
    before: MealId,
    limit: i64,
) -> Result<Vec<(SubscriptionRun, Date, Slot)>, Error> {
    let row = |row: Row| {
        let mut cells = row.cells();
        Ok((SubscriptionRun::from_cells(&mut cells)?, cells.parse("date")?, cells.parse("slot")?))
    };
    let parameters = vec![id.get().into(), before.get().into(), limit.into()];
    store.query(RUNS, parameters).await?.into_iter().map(row).collect()
}

/// A member as a list names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    pub uid: String,
    pub nickname: String,
}

pub async fn names(store: &Store, members: &BTreeSet<MemberId>) -> Result<BTreeMap<MemberId, Named>, Error> {
    if members.is_empty() {
        return Ok(BTreeMap::new());
    }
    let found = store.select(Batch::of(&NAMES, members.iter().map(|id| [id.get().into()]))).await?;
    let row = |row: Row| {
        let mut cells = row.cells();
        Ok((MemberId::new(cells.int()?), Named { uid: cells.text()?, nickname: cells.text()? }))
    };
    found.into_iter().map(row).collect()
}
