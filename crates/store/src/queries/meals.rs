//! Meals with what is left of them.

use kernel::{Date, Meal, MealId, MealStatus, Pool};

use crate::rows::FromRow;
use crate::{Error, Row, Store, Value};

/// Which meals a list shows.
#[derive(Debug, Clone, Copy)]
pub struct Filter {
    pub from: Option<Date>,
    pub to: Option<Date>,
    pub status: Option<MealStatus>,
    pub drafts: Drafts,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drafts {
    Shown,
    Hidden,
}

const ONE: &str = "SELECT m.meal_id, m.date, m.slot, m.title, m.description, m.base_price_cents, m.options, m.status, \
     m.orders_close_at, m.pickup_windows, m.created_at, m.updated_at, p.pool_id, p.capacity, p.taken, p.issued \
     FROM meals AS m JOIN pools AS p ON p.pool_id = m.meal_id WHERE m.meal_id = $1";
const LIST: &str = "SELECT m.meal_id, m.date, m.slot, m.title, m.description, m.base_price_cents, m.options, m.status, \
     m.orders_close_at, m.pickup_windows, m.created_at, m.updated_at, p.pool_id, p.capacity, p.taken, p.issued \
     FROM meals AS m JOIN pools AS p ON p.pool_id = m.meal_id \
     WHERE m.date >= $1 AND m.date <= $2 AND (m.status = $3 OR $3 = 'any') AND (m.status <> 'draft' OR $4 = 'shown') \
     ORDER BY m.date, CASE m.slot WHEN 'breakfast' THEN 1 WHEN 'lunch' THEN 2 ELSE 3 END, m.meal_id LIMIT $5 OFFSET $6";
const COUNT: &str = "SELECT COUNT(*) FROM meals AS m \
     WHERE m.date >= $1 AND m.date <= $2 AND (m.status = $3 OR $3 = 'any') AND (m.status <> 'draft' OR $4 = 'shown')";

impl Filter {
    fn parameters(&self) -> Vec<Value<'static>> {
        let text =
            |date: Option<Date>, otherwise: &str| date.map_or_else(|| otherwise.to_owned(), |date| date.to_string());
        let drafts = match self.drafts {
            Drafts::Shown => "shown",
            Drafts::Hidden => "hidden",
        };
        vec![
            Value::Text(text(self.from, "0000-01-01").into()),
            Value::Text(text(self.to, "9999-12-31").into()),
            Value::from(self.status.map_or("any", MealStatus::as_str)),
            Value::from(drafts),
        ]
    }
}

fn meal(row: Row) -> Result<(Meal, Pool), Error> {
    let mut cells = row.cells();
    Ok((Meal::from_cells(&mut cells)?, Pool::from_cells(&mut cells)?))
}

pub async fn one(store: &Store, id: MealId) -> Result<Option<(Meal, Pool)>, Error> {
    let rows = store.query(ONE, vec![id.get().into()]).await?;
    rows.into_iter().next().map(meal).transpose()
}

/// In the order in which they are eaten.
pub async fn list(store: &Store, filter: &Filter, limit: i64, offset: i64) -> Result<Vec<(Meal, Pool)>, Error> {
    let mut parameters = filter.parameters();
    parameters.extend([limit.into(), offset.into()]);
    store.query(LIST, parameters).await?.into_iter().map(meal).collect()
}

pub async fn count(store: &Store, filter: &Filter) -> Result<i64, Error> {
    super::number(store.query(COUNT, filter.parameters()).await?)
}
