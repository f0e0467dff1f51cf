//! What a kitchen makes for a meal, and who fetches it. Each reads the orders of one meal, and no others.

use kernel::{
    Date, DepartmentId, Instant, Meal, MealId, MealOption, MemberId, Note, OrderId, PickupCode, PickupWindow, Quantity,
    Title,
};

use super::exports::Stream;
use crate::rows::FromRow;
use crate::{Error, Row, Store};

const COUNTS: &str = "SELECT d.department_id, d.name, o.pickup_window, o.options, COUNT(*), CAST(SUM(o.quantity) AS BIGINT), \
     COUNT(o.redeemed_at) FROM meal_orders AS o JOIN members AS u ON u.member_id = o.member_id \
     LEFT JOIN departments AS d ON d.department_id = u.department_id \
     WHERE o.meal_id = $1 AND o.status IN ('active', 'locked', 'completed') \
     GROUP BY d.department_id, d.name, o.pickup_window, o.options ORDER BY d.name, d.department_id, o.pickup_window, o.options";
const NOTES: &str = "SELECT o.notes, CAST(SUM(o.quantity) AS BIGINT) AS portions FROM meal_orders AS o \
     WHERE o.meal_id = $1 AND o.status IN ('active', 'locked', 'completed') AND o.notes <> '' \
     GROUP BY o.notes ORDER BY portions DESC, o.notes LIMIT $2";
const FETCHED: &str = "SELECT COUNT(*), COUNT(o.redeemed_at) FROM meal_orders AS o \
     WHERE o.meal_id = $1 AND o.status IN ('active', 'locked', 'completed')";
const LIST: &str = "SELECT o.order_id, o.order_no, o.pickup_code, o.member_id, u.nickname, d.department_id, d.name, o.quantity, \
     o.options, o.notes, o.pickup_window, o.redeemed_at, r.nickname FROM meal_orders AS o \
     JOIN members AS u ON u.member_id = o.member_id LEFT JOIN departments AS d ON d.department_id = u.department_id \
     LEFT JOIN members AS r ON r.member_id = o.redeemed_by \
     WHERE o.meal_id = $1 AND o.order_id > $2 AND o.status IN ('active', 'locked', 'completed') \
     AND (o.redeemed_at IS NULL OR $3 = 'all') ORDER BY o.order_id LIMIT $4";
const PRINTED: &str = "SELECT o.order_id, o.order_no, o.pickup_code, o.member_id, u.nickname, d.department_id, d.name, o.quantity, \
     o.options, o.notes, o.pickup_window, o.redeemed_at, r.nickname FROM meal_orders AS o \
     JOIN members AS u ON u.member_id = o.member_id LEFT JOIN departments AS d ON d.department_id = u.department_id \
     LEFT JOIN members AS r ON r.member_id = o.redeemed_by \
     WHERE o.meal_id = $1 AND o.status IN ('active', 'locked', 'completed') \
     ORDER BY COALESCE(d.name, ''), u.nickname, o.order_id";
const MEAL: &str = "SELECT m.meal_id, m.date, m.slot, m.title, m.description, m.base_price_cents, m.options, m.status, \
     m.orders_close_at, m.pickup_windows, m.created_at, m.updated_at FROM meals AS m WHERE m.meal_id = $1";
const BY_CODE: &str = "SELECT o.order_id, o.meal_id FROM meals AS m JOIN meal_orders AS o ON o.meal_id = m.meal_id \
     WHERE m.date = $1 AND m.status <> 'canceled' AND o.pickup_code = $2";
const BY_CODE_OF_MEAL: &str =
    "SELECT o.order_id, o.meal_id FROM meal_orders AS o WHERE o.meal_id = $1 AND o.pickup_code = $2";

/// A department as a list names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    pub id: DepartmentId,
    pub name: Title,
}

/// Orders that stand and are alike: of one department, fetched at one time, with the same options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alike {
    /// Absent for members of no department.
    pub department: Option<Named>,
    pub window: Option<PickupWindow>,
    pub options: Vec<MealOption>,
    pub orders: i64,
    pub portions: i64,
    pub redeemed: i64,
}

pub async fn counts(store: &Store, meal: MealId) -> Result<Vec<Alike>, Error> {
    let row = |row: Row| {
        let mut cells = row.cells();
        Ok(Alike {
            department: named(cells.opt_int()?, cells.opt_text()?)?,
            window: cells.opt_text()?.map(window).transpose()?,
            options: cells.json("options")?,
            orders: cells.int()?,
            portions: cells.int()?,
            redeemed: cells.int()?,
        })
    };
    store.query(COUNTS, vec![meal.get().into()]).await?.into_iter().map(row).collect()
}

/// What members asked for, with the number of portions, the most frequent first.
pub async fn notes(store: &Store, meal: MealId, limit: i64) -> Result<Vec<(Note, i64)>, Error> {
    let row = |row: Row| {
        let mut cells = row.cells();
        Ok((cells.checked("notes")?, cells.int()?))
    };
    store.query(NOTES, vec![meal.get().into(), limit.into()]).await?.into_iter().map(row).collect()
}

/// How many of a meal's orders stand, and how many of those were handed out.
pub async fn fetched(store: &Store, meal: MealId) -> Result<(i64, i64), Error> {
    let rows = store.query(FETCHED, vec![meal.get().into()]).await?;
    let Some(row) = rows.into_iter().next() else {
        return Err(Error::inconsistent("a count is missing"));
    };
    let mut cells = row.cells();
    Ok((cells.int()?, cells.int()?))
}

/// An order as the counter knows it: who fetches what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    pub order: OrderId,
    pub order_no: String,
    pub code: Option<PickupCode>,
    pub member: MemberId,
    pub nickname: String,
    pub department: Option<Named>,
    pub quantity: Quantity,
    pub options: Vec<MealOption>,
    pub notes: Note,
    pub window: Option<PickupWindow>,
    pub redeemed_at: Option<Instant>,
    pub redeemed_by: Option<String>,
}

/// Which orders a pick-up list shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    All,
    /// Those that nobody has come for yet.
    Waiting,
}

/// Oldest first, from the one after `after` on.
pub async fn list(store: &Store, meal: MealId, which: Which, after: OrderId, limit: i64) -> Result<Vec<Fetch>, Error> {
    let which = match which {
        Which::All => "all",
        Which::Waiting => "waiting",
    };
    let parameters = vec![meal.get().into(), after.get().into(), which.into(), limit.into()];
    store.query(LIST, parameters).await?.into_iter().map(fetch).collect()
}

/// A meal and its whole list, by department and name.
pub async fn printed(store: &Store, id: MealId) -> Result<Option<(Meal, Stream<Fetch>)>, Error> {
    let key = || vec![id.get().into()];
    let mut rows = store.stream(vec![(MEAL, key()), (PRINTED, key())]);
    let Some((0, row)) = rows.next().await? else {
        return Ok(None);
    };
    let meal = Meal::from_cells(&mut row.cells())?;
    Ok(Some((meal, Stream::of(rows, fetch).await?)))
}

/// The order with a code, and its meal: of that meal, or of a date's meals, whose codes all differ.
pub async fn coded(
    store: &Store,
    code: &PickupCode,
    meal: Option<MealId>,
    date: Date,
) -> Result<Option<(OrderId, MealId)>, Error> {
    let code = code.as_str().to_owned().into();
    let rows = match meal {
        Some(meal) => store.query(BY_CODE_OF_MEAL, vec![meal.get().into(), code]).await?,
        None => store.query(BY_CODE, vec![date.to_string().into(), code]).await?,
    };
    let row = |row: Row| {
        let mut cells = row.cells();
        Ok((OrderId::new(cells.int()?), MealId::new(cells.int()?)))
    };
    rows.into_iter().next().map(row).transpose()
}

fn fetch(row: Row) -> Result<Fetch, Error> {
    let mut cells = row.cells();
    Ok(Fetch {
        order: OrderId::new(cells.int()?),
        order_no: cells.text()?,
        code: match cells.opt_text()? {
            Some(code) => Some(code.try_into().map_err(|_| Error::inconsistent("out of range: pick-up code"))?),
            None => None,
        },
        member: MemberId::new(cells.int()?),
        nickname: cells.text()?,
        department: named(cells.opt_int()?, cells.opt_text()?)?,
        quantity: cells.int()?.try_into().map_err(|_| Error::inconsistent("out of range: quantity"))?,
        options: cells.json("options")?,
        notes: cells.checked("notes")?,
        window: cells.opt_text()?.map(window).transpose()?,
        redeemed_at: cells.opt_int()?.map(Instant::from_millis),
        redeemed_by: cells.opt_text()?,
    })
}

fn named(id: Option<i64>, name: Option<String>) -> Result<Option<Named>, Error> {
    let (Some(id), Some(name)) = (id, name) else {
        return Ok(None);
    };
    let name = name.try_into().map_err(|_| Error::inconsistent("out of range: department name"))?;
    Ok(Some(Named { id: DepartmentId::new(id), name }))
}

fn window(text: String) -> Result<PickupWindow, Error> {
    text.try_into().map_err(|_| Error::inconsistent("out of range: pick-up window"))
}
