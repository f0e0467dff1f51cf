//! Alerts and silences as people see them, and what the rules measure.

use kernel::{Alert, AlertKey, AlertRule, DeviceCode, Instant, Silence};

use super::number;
use crate::lists::{ListStatement, Page, Placed, Sorting, Unlisted, Way, lists};
use crate::rows::FromRow;
use crate::{Error, Row, Store};

const LISTED: &str = "SELECT {place}, alert_id, rule, subject, state, value, threshold, since, told_at, resolved_at, updated_at \
     FROM alerts WHERE state = $1 AND {after} AND (rule = $2 OR $2 = 'any')";
const FIRING: &str = "SELECT rule, subject FROM alerts WHERE state = 'firing'";
const SILENCES: &str = "SELECT s.rule, s.until_at, s.reason, s.set_by, s.updated_at, u.nickname FROM silences AS s \
     LEFT JOIN members AS u ON u.member_id = s.set_by WHERE s.until_at > $1";
const TALLIES: &str = "SELECT name, CAST(SUM(count) AS BIGINT) FROM tallies WHERE minute >= $1 GROUP BY name";
const WAITING: &str = "SELECT MIN(due_at) FROM outbox WHERE state = 'waiting'";
const CALLBACKS: &str = "SELECT (SELECT COUNT(*) FROM callbacks WHERE processed_at IS NULL AND received_at < $1) + \
     (SELECT COUNT(*) FROM partner_events WHERE processed_at IS NULL AND received_at < $1)";
const EXCEPTIONS: &str = "SELECT COUNT(*) FROM exceptions WHERE state = 'open'";
const HELD: &str = "SELECT COUNT(*) FROM door_sessions WHERE status = 'held'";
const STUCK: &str = "SELECT COUNT(*) FROM stuck_orders AS s JOIN shop_orders AS o ON o.order_id = s.order_id \
     WHERE s.retry_at IS NULL AND o.status = 'pending'";
const TOPUPS: &str = "SELECT COUNT(*), COUNT(*) FILTER (WHERE status IN ('expired', 'failed')) FROM topups \
     WHERE topup_id >= $1 AND status <> 'pending'";
const OFFLINE: &str = "SELECT code, heard_at FROM devices WHERE is_online = 0 AND heard_at <= $1 ORDER BY device_id";
const FAILED_RUNS: &str = "SELECT COUNT(*) FROM job_runs WHERE job = $1 AND state IN ('failed', 'abandoned') AND run_id > \
     COALESCE((SELECT MAX(run_id) FROM job_runs WHERE job = $1 AND state = 'succeeded'), 0)";

/// A silence, and what whoever set it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    pub silence: Silence,
    pub nickname: Option<String>,
}

/// How lists of alerts are sorted.
pub enum AlertSorting {}

impl Sorting for AlertSorting {
    const WAYS: &'static [Way] =
        &[Way::by_id("since"), Way::by_text("rule", "rule"), Way::by_text("subject", "subject")];
}

lists! {
    LIST = ListStatement::new::<AlertSorting>("alert_id", 2, LISTED);
}

/// Those that fire, or those that are resolved.
pub async fn list(
    store: &Store,
    firing: bool,
    rule: Option<AlertRule>,
    page: &Page,
) -> Result<Vec<Placed<Alert>>, Unlisted> {
    let state = if firing { "firing" } else { "resolved" };
    let parameters = vec![state.into(), rule.map_or("any", AlertRule::as_str).into()];
    LIST.page(store, parameters, page, Alert::from_cells).await
}

pub async fn firing(store: &Store) -> Result<Vec<AlertKey>, Error> {
    let key = |row: Row| {
        let mut cells = row.cells();
        Ok((cells.parse("alert rule")?, cells.text()?))
    };
    store.query(FIRING, Vec::new()).await?.into_iter().map(key).collect()
}

pub async fn silences(store: &Store, now: Instant) -> Result<Vec<Shown>, Error> {
    let shown = |row: Row| {
        let mut cells = row.cells();
        Ok(Shown { silence: Silence::from_cells(&mut cells)?, nickname: cells.opt_text()? })
    };
    store.query(SILENCES, vec![now.as_millis().into()]).await?.into_iter().map(shown).collect()
}

/// What has been counted since the beginning of a minute, by name.
pub async fn tallies(store: &Store, minute: i64) -> Result<Vec<(String, i64)>, Error> {
    let tally = |row: Row| {
        let mut cells = row.cells();
        Ok((cells.text()?, cells.int()?))
    };
    store.query(TALLIES, vec![minute.into()]).await?.into_iter().map(tally).collect()
}

/// When the message that waits longest in the outbox was due.
pub async fn oldest_message(store: &Store) -> Result<Option<Instant>, Error> {
    let row = store.query(WAITING, Vec::new()).await?.into_iter().next();
    Ok(row.map(|row| row.cells().opt_int()).transpose()?.flatten().map(Instant::from_millis))
}

/// Callbacks and events that came before a moment and have had no effect.
pub async fn callbacks_waiting(store: &Store, before: Instant) -> Result<i64, Error> {
    number(store.query(CALLBACKS, vec![before.as_millis().into()]).await?)
}

pub async fn exceptions_open(store: &Store) -> Result<i64, Error> {
    number(store.query(EXCEPTIONS, Vec::new()).await?)
}

pub async fn openings_held(store: &Store) -> Result<i64, Error> {
    number(store.query(HELD, Vec::new()).await?)
}

pub async fn releases_parked(store: &Store) -> Result<i64, Error> {
    number(store.query(STUCK, Vec::new()).await?)
}

/// Of the top-ups from an id on: how many are not pending any more, and how many of these ended unpaid.
pub async fn topups_ended(store: &Store, from_id: i64) -> Result<(i64, i64), Error> {
    let row = store.query(TOPUPS, vec![from_id.into()]).await?.into_iter().next();
    let mut cells = row.ok_or_else(|| Error::inconsistent("a count has a row"))?.cells();
    Ok((cells.int()?, cells.int()?))
}

/// Cabinets that have been offline since a moment or longer, and since when.
pub async fn devices_offline(store: &Store, since: Instant) -> Result<Vec<(DeviceCode, Instant)>, Error> {
    let device = |row: Row| {
        let mut cells = row.cells();
        Ok((cells.checked("code of a device")?, Instant::from_millis(cells.int()?)))
    };
    store.query(OFFLINE, vec![since.as_millis().into()]).await?.into_iter().map(device).collect()
}

/// How many runs of a job have failed since the last one that did not.
pub async fn runs_failed(store: &Store, job: &str) -> Result<i64, Error> {
    number(store.query(FAILED_RUNS, vec![job.to_owned().into()]).await?)
}
