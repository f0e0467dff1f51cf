//! What people take home as a file: every row, streamed out of one snapshot.

use kernel::{
    AccountId, Cents, Date, Instant, Meal, MealId, MealOption, MemberId, Note, Openid, OrderId, OrderStatus, Quantity,
    Slot, Title,
};

use super::ledger::{self, Line};
use crate::rows::{FromRow, openid};
use crate::{Error, Row, Rows, Store};

const MEAL: &str = "SELECT m.meal_id, m.date, m.slot, m.title, m.description, m.base_price_cents, m.options, m.status, \
     m.orders_close_at, m.pickup_windows, m.created_at, m.updated_at FROM meals AS m WHERE m.meal_id = $1";
const ORDERS_OF_MEAL: &str = "SELECT o.order_id, u.nickname, u.openid_index, u.openid_sealed, o.quantity, o.options, o.total_cents, o.notes, \
     o.status, o.created_at FROM meal_orders AS o JOIN members AS u ON u.member_id = o.member_id \
     WHERE o.meal_id = $1 AND o.status IN ('active', 'locked', 'completed') ORDER BY o.order_id";
const ORDERS_OF_MEMBER: &str = "SELECT o.order_id, o.order_no, m.date, m.slot, m.title, o.quantity, o.options, \
     o.total_cents, o.notes, o.status, o.created_at, o.updated_at \
     FROM meal_orders AS o JOIN meals AS m ON m.meal_id = o.meal_id \
     WHERE o.member_id = $1 ORDER BY o.order_id DESC";
const ENTRIES: &str = "SELECT number, transfer_id, kind, order_id, amount, balance_after, created_at FROM entries \
     WHERE account_id = $1 ORDER BY number DESC";

/// A meal's order that stands, and who it is for. A member has at most one for each meal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderOfMeal {
    pub order: OrderId,
    pub nickname: String,
    /// Absent where the member never signed in through WeChat.
    pub openid: Option<Openid>,
    pub quantity: Quantity,
    pub options: Vec<MealOption>,
    pub total: Cents,
    pub notes: Note,
    pub status: OrderStatus,
    pub created_at: Instant,
}

/// A member's order, whatever became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderOfMember {
    pub order: OrderId,
    pub order_no: String,
    pub date: Date,
    pub slot: Slot,
    pub title: Option<Title>,
    pub quantity: Quantity,
    pub options: Vec<MealOption>,
    pub total: Cents,
    pub notes: Note,
    pub status: OrderStatus,
    pub created_at: Instant,
    pub updated_at: Instant,
}

/// Rows of one kind, taken on a thread that may block.
pub struct Stream<T> {
    rows: Rows,
    first: Option<Row>,
    read: fn(Row) -> Result<T, Error>,
}

impl<T> Stream<T> {
    /// Waits for the first row, so that what keeps a database from answering at all is known before anything is sent.
    pub(super) async fn of(mut rows: Rows, read: fn(Row) -> Result<T, Error>) -> Result<Self, Error> {
        let first = rows.next().await?.map(|(_, row)| row);
        Ok(Self { rows, first, read })
    }

    pub fn blocking_next(&mut self) -> Result<Option<T>, Error> {
        let row = match self.first.take() {
            Some(first) => Some(first),
            None => self.rows.blocking_next()?.map(|(_, row)| row),
        };
        row.map(self.read).transpose()
    }
}

/// A meal and its orders that stand, oldest first.
pub async fn meal(store: &Store, id: MealId) -> Result<Option<(Meal, Stream<OrderOfMeal>)>, Error> {
    let key = || vec![id.get().into()];
    let mut rows = store.stream(vec![(MEAL, key()), (ORDERS_OF_MEAL, key())]);
    let Some((0, row)) = rows.next().await? else {
        return Ok(None);
    };
    let meal = Meal::from_cells(&mut row.cells())?;
    Ok(Some((meal, Stream::of(rows, order_of_meal).await?)))
}

/// All orders of a member, newest first.
pub async fn orders(store: &Store, member: MemberId) -> Result<Stream<OrderOfMember>, Error> {
    let rows = store.stream(vec![(ORDERS_OF_MEMBER, vec![member.get().into()])]);
    Stream::of(rows, order_of_member).await
}

/// All entries of an account, newest first.
pub async fn entries(store: &Store, account: AccountId) -> Result<Stream<Line>, Error> {
    let rows = store.stream(vec![(ENTRIES, vec![account.get().into()])]);
    Stream::of(rows, |row| ledger::line(&mut row.cells())).await
}

fn order_of_meal(row: Row) -> Result<OrderOfMeal, Error> {
    let mut cells = row.cells();
    Ok(OrderOfMeal {
        order: OrderId::new(cells.int()?),
        nickname: cells.text()?,
        openid: openid(&mut cells)?,
        quantity: quantity(cells.int()?)?,
        options: cells.json("options")?,
        total: Cents::new(cells.int()?),
        notes: note(cells.text()?)?,
        status: cells.word("order status")?,
        created_at: Instant::from_millis(cells.int()?),
    })
}

fn order_of_member(row: Row) -> Result<OrderOfMember, Error> {
    let mut cells = row.cells();
    Ok(OrderOfMember {
        order: OrderId::new(cells.int()?),
        order_no: cells.text()?,
        date: cells.parse("date")?,
        slot: cells.parse("slot")?,
        title: cells.opt_text()?.map(title).transpose()?,
        quantity: quantity(cells.int()?)?,
        options: cells.json("options")?,
        total: Cents::new(cells.int()?),
        notes: note(cells.text()?)?,
        status: cells.word("order status")?,
        created_at: Instant::from_millis(cells.int()?),
        updated_at: Instant::from_millis(cells.int()?),
    })
}

fn quantity(value: i64) -> Result<Quantity, Error> {
    Quantity::try_from(value).map_err(|_| Error::inconsistent("out of range: quantity"))
}

fn note(text: String) -> Result<Note, Error> {
    Note::try_from(text).map_err(|_| Error::inconsistent("out of range: notes"))
}

pub(super) fn title(text: String) -> Result<Title, Error> {
    Title::try_from(text).map_err(|_| Error::inconsistent("out of range: title"))
}
