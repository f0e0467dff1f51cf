//! What reports count, and the reports that were kept. Ids carry the time, so that a day is a range of each primary key.

use kernel::{
    AlertFigures, CabinetFigures, Cents, CountedFigures, Date, Instant, JobFigures, MealFigures, MemberId,
    RaisedExceptions, RefundFigures, Report, ReportKind, SettledExceptions, ShopFigures, Tickets, WaitingException,
};

use super::cabinet_stats::IdSpan;
use super::number;
use crate::rows::FromRow;
use crate::{Cells, Error, Row, Store, Value};

const MEALS: &str = "SELECT m.slot, COUNT(o.order_id), CAST(COALESCE(SUM(o.quantity), 0) AS BIGINT), \
     CAST(COALESCE(SUM(o.total_cents), 0) AS BIGINT), \
     CASE WHEN m.status = 'completed' THEN COUNT(o.order_id) - COUNT(o.redeemed_at) END FROM meals AS m \
     LEFT JOIN meal_orders AS o ON o.meal_id = m.meal_id AND o.status IN ('active', 'locked', 'completed') \
     WHERE m.date = $1 AND m.status IN ('published', 'locked', 'completed') GROUP BY m.meal_id, m.slot, m.status";
const SHOP: &str = "SELECT COUNT(*), COUNT(*) FILTER (WHERE status IN ('paid', 'completed')), \
     CAST(COALESCE(SUM(CASE WHEN status IN ('paid', 'completed') THEN total_cents ELSE 0 END), 0) AS BIGINT), \
     COUNT(*) FILTER (WHERE status = 'expired'), COUNT(*) FILTER (WHERE status = 'cancelled') \
     FROM shop_orders WHERE order_id >= $1 AND order_id < $2 AND kind <> 'prize'";
const OPENINGS: &str = "SELECT COUNT(*), COUNT(*) FILTER (WHERE status = 'held') FROM door_sessions \
     WHERE session_id >= $1 AND session_id < $2";
const CABINETS: &str = "SELECT COUNT(*) FILTER (WHERE order_type <> 'surcharge'), \
     CAST(COALESCE(SUM(CASE WHEN status <> 'withdrawn' THEN total_cents ELSE 0 END), 0) AS BIGINT), \
     CAST(COALESCE(SUM(CASE WHEN status = 'paid' THEN total_cents ELSE 0 END), 0) AS BIGINT) \
     FROM cabinet_orders WHERE order_id >= $1 AND order_id < $2";
const CABINET_EXCEPTIONS: &str = "SELECT COUNT(*) FROM exceptions WHERE exception_id >= $1 AND exception_id < $2 AND kind IN \
     ('unknown_goods', 'price_mismatch', 'amount_over_limit', 'settlement_missing', 'settlement_conflict', 'callback_mismatch', \
     'cabinet_alarm', 'pay_score_mismatch', 'stock_negative')";
const REFUNDS: &str = "SELECT COUNT(*), CAST(COALESCE(SUM(amount_cents), 0) AS BIGINT) FROM refunds \
     WHERE refund_id >= $1 AND refund_id < $2";
const TICKETS: &str = "SELECT CAST(COALESCE(SUM(balance), 0) AS BIGINT) FROM accounts WHERE currency = 'TICKET' AND owner_kind = 'member'";
const OPEN: &str = "SELECT COUNT(*), COUNT(*) FILTER (WHERE due_at < $1) FROM exceptions WHERE state = 'open'";
const WAITING: &str = "SELECT exception_id, kind, subject, created_at, due_at, owner_id FROM exceptions \
     WHERE state = 'open' ORDER BY exception_id LIMIT $1";
const RAISED: &str = "SELECT kind, COUNT(*) FROM exceptions WHERE exception_id >= $1 AND exception_id < $2 \
     GROUP BY kind ORDER BY kind";
const SETTLED: &str = "SELECT kind, action, COUNT(*) FROM exceptions \
     WHERE state = 'resolved' AND resolved_at >= $1 AND resolved_at < $2 GROUP BY kind, action ORDER BY kind, action";
const JOBS: &str = "SELECT job, COUNT(*), COUNT(*) FILTER (WHERE state IN ('failed', 'abandoned')) FROM job_runs \
     WHERE run_id >= $1 AND run_id < $2 GROUP BY job ORDER BY job";
const OUTBOX: &str = "SELECT COUNT(*), MIN(due_at) FROM outbox WHERE state = 'waiting' AND due_at < $1";
const SERVERS: &str = "SELECT COUNT(*) FROM nodes WHERE lease_until > $1";
const COUNTED: &str = "SELECT name, CAST(SUM(count) AS BIGINT) FROM tallies WHERE minute >= $1 AND minute < $2 \
     GROUP BY name ORDER BY name";
const ALERTS: &str = "SELECT rule, COUNT(*) FILTER (WHERE alert_id >= $1 AND alert_id < $2), COUNT(*) FILTER (WHERE state = 'firing') \
     FROM alerts WHERE state = 'firing' OR (alert_id >= $1 AND alert_id < $2) GROUP BY rule ORDER BY rule";
const OWNERS: &str = "SELECT DISTINCT u.member_id, u.nickname FROM exceptions AS e JOIN members AS u ON u.member_id = e.owner_id \
     ORDER BY u.member_id";

const LATEST: &str = "SELECT MAX(date) FROM reports WHERE kind = $1";
const ONE: &str = "SELECT report_id, kind, date, figures, made_at FROM reports WHERE kind = $1 AND date = $2";
const LIST: &str = "SELECT report_id, kind, date, figures, made_at FROM reports \
     WHERE report_id < $1 AND (kind = $2 OR $2 = 'any') ORDER BY report_id DESC LIMIT $3";

/// The minutes that tallies are counted by.
const MINUTE_MS: i64 = 60_000;

/// In the order of the day.
pub async fn meals(store: &Store, date: Date) -> Result<Vec<MealFigures>, Error> {
    let read = |row: Row| {
        let mut cells = row.cells();
        Ok(MealFigures {
            slot: cells.parse("slot")?,
            orders: cells.int()?,
            portions: cells.int()?,
            revenue_cents: Cents::new(cells.int()?),
            no_shows: cells.opt_int()?,
        })
    };
    let rows = store.query(MEALS, vec![date.to_string().into()]).await?;
    let mut meals: Vec<_> = rows.into_iter().map(read).collect::<Result<_, Error>>()?;
    meals.sort_by_key(|meal: &MealFigures| meal.slot);
    Ok(meals)
}

/// Prizes are nobody's order.
pub async fn shop(store: &Store, span: IdSpan) -> Result<ShopFigures, Error> {
    let mut cells = only(store, SHOP, of(span)).await?;
    Ok(ShopFigures {
        orders: cells.int()?,
        paid: cells.int()?,
        revenue_cents: Cents::new(cells.int()?),
        expired: cells.int()?,
        cancelled: cells.int()?,
    })
}

pub async fn cabinets(store: &Store, span: IdSpan) -> Result<CabinetFigures, Error> {
    let mut openings = only(store, OPENINGS, of(span)).await?;
    let mut orders = only(store, CABINETS, of(span)).await?;
    Ok(CabinetFigures {
        openings: openings.int()?,
        held: openings.int()?,
        orders: orders.int()?,
        sales_cents: Cents::new(orders.int()?),
        paid_cents: Cents::new(orders.int()?),
        exceptions: number(store.query(CABINET_EXCEPTIONS, of(span)).await?)?,
    })
}

pub async fn refunds(store: &Store, span: IdSpan) -> Result<RefundFigures, Error> {
    let mut cells = only(store, REFUNDS, of(span)).await?;
    Ok(RefundFigures { count: cells.int()?, amount_cents: Cents::new(cells.int()?) })
}

/// All members' together; looks at every account.
pub async fn tickets(store: &Store) -> Result<Tickets, Error> {
    let tickets = number(store.query(TICKETS, Vec::new()).await?)?;
    Ok(Tickets::new(tickets))
}

/// How many exceptions are open, and how many of them are past their deadline.
pub async fn open_exceptions(store: &Store, now: Instant) -> Result<(i64, i64), Error> {
    let mut cells = only(store, OPEN, vec![now.as_millis().into()]).await?;
    Ok((cells.int()?, cells.int()?))
}

/// The longest open ones first.
pub async fn waiting_exceptions(store: &Store, limit: i64) -> Result<Vec<WaitingException>, Error> {
    let read = |row: Row| {
        let mut cells = row.cells();
        Ok(WaitingException {
            exception_id: cells.int()?,
            exception_kind: cells.parse("kind of an exception")?,
            subject: cells.text()?,
            since: Instant::from_millis(cells.int()?),
            due_at: Instant::from_millis(cells.int()?),
            owner_id: cells.opt_int()?.map(MemberId::new),
        })
    };
    store.query(WAITING, vec![limit.into()]).await?.into_iter().map(read).collect()
}

pub async fn raised_exceptions(store: &Store, span: IdSpan) -> Result<Vec<RaisedExceptions>, Error> {
    let read = |row: Row| {
        let mut cells = row.cells();
        Ok(RaisedExceptions { exception_kind: cells.parse("kind of an exception")?, count: cells.int()? })
    };
    store.query(RAISED, of(span)).await?.into_iter().map(read).collect()
}

/// Whenever they were raised.
pub async fn settled_exceptions(
    store: &Store,
    (from, until): (Instant, Instant),
) -> Result<Vec<SettledExceptions>, Error> {
    let read = |row: Row| {
        let mut cells = row.cells();
        let (exception_kind, action) =
            (cells.parse("kind of an exception")?, cells.parse("what was done about an exception")?);
        Ok(SettledExceptions { exception_kind, action, count: cells.int()? })
    };
    let parameters = vec![from.as_millis().into(), until.as_millis().into()];
    store.query(SETTLED, parameters).await?.into_iter().map(read).collect()
}

pub async fn jobs(store: &Store, span: IdSpan) -> Result<Vec<JobFigures>, Error> {
    let read = |row: Row| {
        let mut cells = row.cells();
        Ok(JobFigures { job: cells.text()?, runs: cells.int()?, failed: cells.int()? })
    };
    store.query(JOBS, of(span)).await?.into_iter().map(read).collect()
}

/// How many messages that were due before a moment wait in the outbox, and when the oldest of them was.
pub async fn outbox(store: &Store, before: Instant) -> Result<(i64, Option<Instant>), Error> {
    let mut cells = only(store, OUTBOX, vec![before.as_millis().into()]).await?;
    Ok((cells.int()?, cells.opt_int()?.map(Instant::from_millis)))
}

pub async fn servers(store: &Store, now: Instant) -> Result<i64, Error> {
    number(store.query(SERVERS, vec![now.as_millis().into()]).await?)
}

/// What all servers counted of what rules watch.
pub async fn counted(store: &Store, (from, until): (Instant, Instant)) -> Result<Vec<CountedFigures>, Error> {
    let read = |row: Row| {
        let mut cells = row.cells();
        Ok(CountedFigures { rule: cells.parse("alert rule")?, count: cells.int()? })
    };
    let minute = |at: Instant| Value::Int(at.as_millis().div_euclid(MINUTE_MS));
    store.query(COUNTED, vec![minute(from), minute(until)]).await?.into_iter().map(read).collect()
}

pub async fn alerts(store: &Store, span: IdSpan) -> Result<Vec<AlertFigures>, Error> {
    let read = |row: Row| {
        let mut cells = row.cells();
        Ok(AlertFigures { rule: cells.parse("alert rule")?, fired: cells.int()?, firing: cells.int()? })
    };
    store.query(ALERTS, of(span)).await?.into_iter().map(read).collect()
}

/// Everybody who sees to an exception or has, and what they are called now.
pub async fn owners(store: &Store) -> Result<Vec<(MemberId, String)>, Error> {
    let read = |row: Row| {
        let mut cells = row.cells();
        Ok((MemberId::new(cells.int()?), cells.text()?))
    };
    store.query(OWNERS, Vec::new()).await?.into_iter().map(read).collect()
}

/// The last day that a report of a kind was made of.
pub async fn latest(store: &Store, kind: ReportKind) -> Result<Option<Date>, Error> {
    let date = only(store, LATEST, vec![kind.as_str().into()]).await?.opt_text()?;
    date.map(|date| date.parse().map_err(|_| Error::inconsistent("a report has no date"))).transpose()
}

pub async fn one(store: &Store, kind: ReportKind, date: Date) -> Result<Option<Report>, Error> {
    let rows = store.query(ONE, vec![kind.as_str().into(), date.to_string().into()]).await?;
    rows.into_iter().next().map(|row| Report::from_cells(&mut row.cells())).transpose()
}

/// Newest first, those before `before`.
pub async fn list(store: &Store, kind: Option<ReportKind>, before: i64, limit: i64) -> Result<Vec<Report>, Error> {
    let kind = kind.map_or("any", ReportKind::as_str);
    let rows = store.query(LIST, vec![before.into(), kind.into(), limit.into()]).await?;
    rows.into_iter().map(|row| Report::from_cells(&mut row.cells())).collect()
}

fn of(span: IdSpan) -> Vec<Value<'static>> {
    vec![span.from.into(), span.until.into()]
}

async fn only(store: &Store, sql: &'static str, parameters: Vec<Value<'static>>) -> Result<Cells, Error> {
    let row = store.query(sql, parameters).await?.into_iter().next();
    row.map(Row::cells).ok_or_else(|| Error::inconsistent("a sum over everything has one row"))
}
