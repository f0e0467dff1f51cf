//! What cabinets sold, how it was paid for, when they were there, and how long people waited. Ids carry the time, so that a span of days is
//! a range of each primary key.

use kernel::{Cents, DeviceId, ExceptionKind, Instant};

use crate::{Error, Row, Store, Value};

/// From a first id on, up to the one before a last.
#[derive(Debug, Clone, Copy)]
pub struct IdSpan {
    pub from: i64,
    pub until: i64,
}

/// What was sold in a store, by a device, of a product. Withdrawn orders cost nothing, surcharges what they charged or gave back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sold {
    pub id: i64,
    pub name: String,
    /// Orders, or pieces where it is a product.
    pub count: i64,
    pub total: Cents,
    /// What of it is paid.
    pub paid: Cents,
}

/// What was sold in a quarter of an hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarterHour {
    pub begins_at: Instant,
    pub orders: i64,
    pub total: Cents,
    pub paid: Cents,
}

/// How orders were paid for, surcharges that charged among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payments {
    pub orders: i64,
    /// As they were made.
    pub paid_at_once: i64,
    pub paid_later: i64,
    pub unpaid: i64,
    pub withdrawn: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Availability {
    pub device: DeviceId,
    pub code: String,
    /// What of the time asked for it was there.
    pub span_ms: i64,
    pub online_ms: i64,
    /// How often it went offline.
    pub outages: i64,
}

/// What people had to settle, and how long it took them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settling {
    pub raised: i64,
    pub settled: i64,
    /// Not settled, and past its deadline.
    pub overdue: i64,
    /// Of the settled ones, all together.
    pub settled_ms: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaining {
    pub filed: i64,
    pub answered: i64,
    pub closed: i64,
    /// From being filed to the first answer, all together.
    pub answered_ms: i64,
    /// To the end.
    pub closed_ms: i64,
    pub refunded: Cents,
}

/// What sales are added up by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SoldBy {
    Store,
    Device,
    Product,
}

const BY_STORE: &str = "SELECT s.store_id, s.name, COUNT(*) FILTER (WHERE o.order_type <> 'surcharge'), \
     CAST(SUM(CASE WHEN o.status <> 'withdrawn' THEN o.total_cents ELSE 0 END) AS BIGINT), \
     CAST(SUM(CASE WHEN o.status = 'paid' THEN o.total_cents ELSE 0 END) AS BIGINT) \
     FROM cabinet_orders AS o JOIN stores AS s ON s.store_id = o.store_id \
     WHERE o.order_id >= $1 AND o.order_id < $2 AND s.store_id > $3 GROUP BY s.store_id, s.name ORDER BY s.store_id LIMIT $4";
const BY_DEVICE: &str = "SELECT d.device_id, d.code, COUNT(*) FILTER (WHERE o.order_type <> 'surcharge'), \
     CAST(SUM(CASE WHEN o.status <> 'withdrawn' THEN o.total_cents ELSE 0 END) AS BIGINT), \
     CAST(SUM(CASE WHEN o.status = 'paid' THEN o.total_cents ELSE 0 END) AS BIGINT) \
     FROM cabinet_orders AS o JOIN devices AS d ON d.device_id = o.device_id \
     WHERE o.order_id >= $1 AND o.order_id < $2 AND d.device_id > $3 GROUP BY d.device_id, d.code ORDER BY d.device_id LIMIT $4";
const BY_PRODUCT: &str = "SELECT p.product_id, p.name_zh, CAST(SUM(l.quantity) AS BIGINT), CAST(SUM(l.total_cents) AS BIGINT), \
     CAST(SUM(CASE WHEN o.status = 'paid' THEN l.total_cents ELSE 0 END) AS BIGINT) \
     FROM cabinet_orders AS o JOIN cabinet_lines AS l ON l.order_id = o.order_id JOIN products AS p ON p.product_id = l.product_id \
     WHERE o.order_id >= $1 AND o.order_id < $2 AND o.status <> 'withdrawn' AND p.product_id > $3 \
     GROUP BY p.product_id, p.name_zh ORDER BY p.product_id LIMIT $4";
const BY_QUARTER: &str = "SELECT o.created_at / 900000, COUNT(*) FILTER (WHERE o.order_type <> 'surcharge'), \
     CAST(SUM(CASE WHEN o.status <> 'withdrawn' THEN o.total_cents ELSE 0 END) AS BIGINT), \
     CAST(SUM(CASE WHEN o.status = 'paid' THEN o.total_cents ELSE 0 END) AS BIGINT) \
     FROM cabinet_orders AS o WHERE o.order_id >= $1 AND o.order_id < $2 \
     GROUP BY o.created_at / 900000 ORDER BY o.created_at / 900000";
const PAYMENTS: &str = "SELECT COUNT(*), COUNT(*) FILTER (WHERE status = 'paid' AND paid_at = created_at), \
     COUNT(*) FILTER (WHERE status = 'paid' AND paid_at > created_at), COUNT(*) FILTER (WHERE status = 'unpaid'), \
     COUNT(*) FILTER (WHERE status = 'withdrawn') \
     FROM cabinet_orders WHERE order_id >= $1 AND order_id < $2 AND total_cents >= 0";
// Each device's history begins with what was last heard of it before. The trail has no word of one of which nothing was heard: offline.
const AVAILABILITY: &str = "WITH page AS (SELECT device_id, code, CASE WHEN created_at > $3 THEN created_at ELSE CAST($3 AS BIGINT) END AS since \
     FROM devices WHERE device_id > $1 AND created_at < $6 ORDER BY device_id LIMIT $2), \
     seen AS (SELECT p.device_id, p.since AS at, CAST(0 AS BIGINT) AS audit_id, COALESCE((SELECT a.action FROM audits AS a \
     WHERE a.object_id = p.device_id AND a.audit_id < $4 AND a.action IN ('device.online', 'device.offline') \
     ORDER BY a.audit_id DESC LIMIT 1), 'device.offline') AS action FROM page AS p \
     UNION ALL SELECT p.device_id, a.at, a.audit_id, a.action FROM page AS p JOIN audits AS a ON a.object_id = p.device_id \
     AND a.audit_id >= $4 AND a.audit_id < $5 AND a.action IN ('device.online', 'device.offline')), \
     spans AS (SELECT device_id, at, audit_id, action, LEAD(at) OVER (PARTITION BY device_id ORDER BY audit_id) AS until FROM seen) \
     SELECT p.device_id, p.code, CAST($6 AS BIGINT) - p.since, \
     CAST(SUM(CASE WHEN s.action = 'device.online' THEN COALESCE(s.until, CAST($6 AS BIGINT)) - s.at ELSE 0 END) AS BIGINT), \
     COUNT(*) FILTER (WHERE s.action = 'device.offline' AND s.audit_id > 0) \
     FROM page AS p JOIN spans AS s ON s.device_id = p.device_id GROUP BY p.device_id, p.code, p.since ORDER BY p.device_id";
const SETTLING: &str = "SELECT kind, COUNT(*), COUNT(*) FILTER (WHERE state = 'resolved'), \
     COUNT(*) FILTER (WHERE state = 'open' AND due_at < $1), \
     CAST(COALESCE(SUM(resolved_at - created_at), 0) AS BIGINT) \
     FROM exceptions WHERE exception_id >= $2 AND exception_id < $3 GROUP BY kind ORDER BY kind";
const COMPLAINING: &str = "SELECT COUNT(*), COUNT(answered_at), COUNT(closed_at), \
     CAST(COALESCE(SUM(answered_at - created_at), 0) AS BIGINT), CAST(COALESCE(SUM(closed_at - created_at), 0) AS BIGINT), \
     CAST(COALESCE(SUM(refunded_cents), 0) AS BIGINT) FROM complaints WHERE complaint_id >= $1 AND complaint_id < $2";

const QUARTER_MS: i64 = 900_000;

/// In the order of their ids, from the one after `after` on.
pub async fn sold(store: &Store, by: SoldBy, span: IdSpan, after: i64, limit: i64) -> Result<Vec<Sold>, Error> {
    let sql = match by {
        SoldBy::Store => BY_STORE,
        SoldBy::Device => BY_DEVICE,
        SoldBy::Product => BY_PRODUCT,
    };
    let read = |row: Row| {
        let mut cells = row.cells();
        Ok(Sold {
            id: cells.int()?,
            name: cells.text()?,
            count: cells.int()?,
            total: Cents::new(cells.int()?),
            paid: Cents::new(cells.int()?),
        })
    };
    let parameters = vec![span.from.into(), span.until.into(), after.into(), limit.into()];
    store.query(sql, parameters).await?.into_iter().map(read).collect()
}

/// Those in which something was sold, in the order of time.
pub async fn quarter_hours(store: &Store, span: IdSpan) -> Result<Vec<QuarterHour>, Error> {
    let read = |row: Row| {
        let mut cells = row.cells();
        Ok(QuarterHour {
            begins_at: Instant::from_millis(cells.int()? * QUARTER_MS),
            orders: cells.int()?,
            total: Cents::new(cells.int()?),
            paid: Cents::new(cells.int()?),
        })
    };
    store.query(BY_QUARTER, vec![span.from.into(), span.until.into()]).await?.into_iter().map(read).collect()
}

pub async fn payments(store: &Store, span: IdSpan) -> Result<Payments, Error> {
    let mut cells = only(store, PAYMENTS, vec![span.from.into(), span.until.into()]).await?;
    Ok(Payments {
        orders: cells.int()?,
        paid_at_once: cells.int()?,
        paid_later: cells.int()?,
        unpaid: cells.int()?,
        withdrawn: cells.int()?,
    })
}

/// How long each device that was there was online between two instants, from the device after `after` on.
pub async fn availability(
    store: &Store,
    (from, to): (Instant, Instant),
    span: IdSpan,
    after: DeviceId,
    limit: i64,
) -> Result<Vec<Availability>, Error> {
    let read = |row: Row| {
        let mut cells = row.cells();
        Ok(Availability {
            device: DeviceId::new(cells.int()?),
            code: cells.text()?,
            span_ms: cells.int()?,
            online_ms: cells.int()?,
            outages: cells.int()?,
        })
    };
    let parameters = vec![
        after.get().into(),
        limit.into(),
        from.as_millis().into(),
        span.from.into(),
        span.until.into(),
        to.as_millis().into(),
    ];
    store.query(AVAILABILITY, parameters).await?.into_iter().map(read).collect()
}

/// By kind.
pub async fn settling(store: &Store, span: IdSpan, now: Instant) -> Result<Vec<(ExceptionKind, Settling)>, Error> {
    let read = |row: Row| {
        let mut cells = row.cells();
        let kind = cells.parse("kind of an exception")?;
        let (raised, settled, overdue, settled_ms) = (cells.int()?, cells.int()?, cells.int()?, cells.int()?);
        Ok((kind, Settling { raised, settled, overdue, settled_ms }))
    };
    let parameters = vec![now.as_millis().into(), span.from.into(), span.until.into()];
    store.query(SETTLING, parameters).await?.into_iter().map(read).collect()
}

pub async fn complaining(store: &Store, span: IdSpan) -> Result<Complaining, Error> {
    let mut cells = only(store, COMPLAINING, vec![span.from.into(), span.until.into()]).await?;
    Ok(Complaining {
        filed: cells.int()?,
        answered: cells.int()?,
        closed: cells.int()?,
        answered_ms: cells.int()?,
        closed_ms: cells.int()?,
        refunded: Cents::new(cells.int()?),
    })
}

async fn only(store: &Store, sql: &'static str, parameters: Vec<Value<'static>>) -> Result<crate::Cells, Error> {
    let row = store.query(sql, parameters).await?.into_iter().next();
    row.map(Row::cells).ok_or_else(|| Error::inconsistent("a sum over everything has one row"))
}
