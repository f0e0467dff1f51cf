//! The schema, step by step. One text for both engines: what differs has a name in braces or a type that is translated.

use std::time::Duration;

use crate::engine::Patience;
use crate::{Cause, Engine, Error, Store, Value, Writer};

#[derive(Clone, Copy)]
struct Migration {
    number: i64,
    name: &'static str,
    text: &'static str,
}

const ALL: &[Migration] = &[
    Migration { number: 1, name: "foundation", text: include_str!("migrations/0001_foundation.sql") },
    Migration { number: 2, name: "adjustments", text: include_str!("migrations/0002_adjustments.sql") },
    Migration { number: 3, name: "audit_indexes", text: include_str!("migrations/0003_audit_indexes.sql") },
    Migration { number: 4, name: "fewer_pages", text: include_str!("migrations/0004_fewer_pages.sql") },
    Migration { number: 5, name: "jobs", text: include_str!("migrations/0005_jobs.sql") },
    Migration { number: 6, name: "topups", text: include_str!("migrations/0006_topups.sql") },
    Migration {
        number: 7,
        name: "sessions_of_a_member",
        text: include_str!("migrations/0007_sessions_of_a_member.sql"),
    },
    Migration { number: 8, name: "group_orders", text: include_str!("migrations/0008_group_orders.sql") },
    Migration { number: 9, name: "shop", text: include_str!("migrations/0009_shop.sql") },
    Migration { number: 10, name: "pickup", text: include_str!("migrations/0010_pickup.sql") },
    Migration { number: 11, name: "subscriptions", text: include_str!("migrations/0011_subscriptions.sql") },
    Migration { number: 12, name: "audit_seals", text: include_str!("migrations/0012_audit_seals.sql") },
    Migration { number: 13, name: "shop_payments", text: include_str!("migrations/0013_shop_payments.sql") },
    Migration { number: 14, name: "cabinets", text: include_str!("migrations/0014_cabinets.sql") },
    Migration { number: 15, name: "forgetting", text: include_str!("migrations/0015_forgetting.sql") },
    Migration {
        number: 16,
        name: "corrections_and_complaints",
        text: include_str!("migrations/0016_corrections_and_complaints.sql"),
    },
    Migration { number: 17, name: "erp", text: include_str!("migrations/0017_erp.sql") },
    Migration { number: 18, name: "openings", text: include_str!("migrations/0018_openings.sql") },
    Migration { number: 19, name: "planograms", text: include_str!("migrations/0019_planograms.sql") },
    Migration { number: 20, name: "plain_checks", text: include_str!("migrations/0020_plain_checks.sql") },
    Migration { number: 21, name: "order_search", text: include_str!("migrations/0021_order_search.sql") },
    Migration { number: 22, name: "pay_score", text: include_str!("migrations/0022_pay_score.sql") },
    Migration { number: 23, name: "totp", text: include_str!("migrations/0023_totp.sql") },
    Migration { number: 24, name: "personal_data", text: include_str!("migrations/0024_personal_data.sql") },
    Migration { number: 25, name: "alerts", text: include_str!("migrations/0025_alerts.sql") },
    Migration { number: 26, name: "erasures", text: include_str!("migrations/0026_erasures.sql") },
    Migration { number: 27, name: "reports", text: include_str!("migrations/0027_reports.sql") },
    Migration { number: 30, name: "programs", text: include_str!("migrations/0030_programs.sql") },
];

/// The step that made the database say which programs can work with it.
const PROGRAMS: i64 = 30;

/// Any number that no other program uses for a lock in the same database.
const LOCK: &str = "SELECT 1 FROM pg_advisory_xact_lock(4736251083)";

const HISTORY: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (
    number     INTEGER NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL,
    applied_at INTEGER NOT NULL
) {table}";

const APPLIED: &str = "SELECT COALESCE(MAX(number), 0) FROM schema_migrations";
const RECORD: &str = "INSERT INTO schema_migrations (number, name, applied_at) VALUES ($1, $2, $3)";
const RECORD_OLDEST: &str = "UPDATE schema_migrations SET oldest_program = $1 WHERE number = $2";
/// Newer steps than a program knows, and those of them that it cannot work with.
const NEWER: &str = "SELECT COALESCE(MAX(number), 0), \
                     COUNT(*) FILTER (WHERE number > $1 AND (oldest_program IS NULL OR oldest_program > $1)) \
                     FROM schema_migrations";
const RUNNING_BEFORE_PROGRAMS: &str = "SELECT number, 0 FROM nodes WHERE lease_until > $1 ORDER BY number";
const RUNNING: &str = "SELECT number, schema FROM nodes WHERE lease_until > $1 ORDER BY number";

/// A step that has to wait for a table does not keep those waiting for long who come to the table after it.
const STEP_LOCK: &str = "SET LOCAL lock_timeout = '500ms'";
const AGAIN: Duration = Duration::from_millis(500);

/// What starting up did to the schema.
#[derive(Debug, PartialEq, Eq)]
pub struct Migrated {
    pub from: i64,
    pub to: i64,
}

/// One step from a schema to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaStep {
    pub number: i64,
    pub name: &'static str,
    /// The oldest program that goes on beside it, by the newest step that it knows; absent where none does that does not know
    /// the step itself.
    pub oldest_program: Option<i64>,
}

impl SchemaStep {
    fn breaks(&self, program: i64) -> bool {
        program < self.oldest_program.unwrap_or(self.number)
    }
}

/// What bringing the schema up to date would do.
#[derive(Debug, PartialEq, Eq)]
pub struct Plan {
    pub from: i64,
    pub steps: Vec<SchemaStep>,
    /// The numbers of running servers that one of the steps would break.
    pub in_the_way: Vec<i64>,
}

/// What schema a database has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schema {
    pub number: i64,
    /// Whether this program can work with it.
    pub is_fit: bool,
}

/// The number of the newest migration that this program knows.
#[must_use]
pub fn expected_schema() -> i64 {
    newest(steps())
}

fn newest(steps: &[Migration]) -> i64 {
    steps.iter().map(|migration| migration.number).max().unwrap_or(0)
}

/// A debug build takes one more step out of the file that `FANPIAO_NEXT_STEP` names: the program of the next version, for the tests
/// of two versions on one database. A release build has none of it.
#[cfg(debug_assertions)]
fn steps() -> &'static [Migration] {
    static WITH_THE_NEXT: std::sync::OnceLock<Vec<Migration>> = std::sync::OnceLock::new();
    WITH_THE_NEXT.get_or_init(|| {
        let next = std::env::var_os("FANPIAO_NEXT_STEP").map(std::fs::read_to_string);
        let next = next.map(|text| {
            let text = text.unwrap_or_else(|error| panic!("FANPIAO_NEXT_STEP: {error}"));
            Migration { number: newest(ALL) + 1, name: "next", text: text.leak() }
        });
        ALL.iter().copied().chain(next).collect()
    })
}

#[cfg(not(debug_assertions))]
fn steps() -> &'static [Migration] {
    ALL
}

impl Migration {
    fn step(&self) -> SchemaStep {
        let first_line = self.text.lines().next().unwrap_or_default();
        let oldest = first_line.strip_prefix("-- Beside programs from ").and_then(|rest| rest.strip_suffix('.'));
        let oldest_program = oldest.and_then(|number| number.parse().ok());
        SchemaStep { number: self.number, name: self.name, oldest_program }
    }
}

fn in_dialect(text: &str, engine: Engine) -> String {
    match engine {
        Engine::Sqlite => text.replace("{table}", "STRICT").replace("{clustered}", "STRICT, WITHOUT ROWID"),
        Engine::Postgres => {
            let text = text.replace(" {table}", "").replace(" {clustered}", "");
            text.replace(" INTEGER", " BIGINT").replace(" BLOB ", " BYTEA ")
        }
    }
}

impl Store {
    /// What schema the database has.
    ///
    /// # Errors
    /// Where it cannot be read, or has none.
    pub async fn schema(&self) -> Result<Schema, Error> {
        let program = expected_schema();
        let rows = self.query(NEWER, vec![Value::Int(program)]).await?;
        let (number, unfit) = newer(rows)?;
        Ok(Schema { number, is_fit: number >= program && unfit == 0 })
    }
}

fn newer(rows: Vec<crate::Row>) -> Result<(i64, i64), Error> {
    let mut cells = rows.into_iter().next().ok_or_else(|| Error::inconsistent("no count"))?.cells();
    Ok((cells.int()?, cells.int()?))
}

impl Writer {
    /// Brings the schema up to date. Whoever starts at the same time waits for the first.
    ///
    /// # Errors
    /// Where the database is newer than this program and cannot live with it, a server runs that could not live with a step, or a
    /// step fails; then nothing of it remains.
    pub async fn migrate(&mut self, now_ms: i64) -> Result<Migrated, Error> {
        self.migrate_with(steps(), now_ms, true).await
    }

    /// The same, whatever becomes of servers that run.
    ///
    /// # Errors
    /// As [`Writer::migrate`].
    pub async fn migrate_regardless(&mut self, now_ms: i64) -> Result<Migrated, Error> {
        self.migrate_with(steps(), now_ms, false).await
    }

    /// What [`Writer::migrate`] would do to a database that has a schema.
    ///
    /// # Errors
    /// Where it has none, or is too new for this program.
    pub async fn plan(&mut self, now_ms: i64) -> Result<Plan, Error> {
        self.begin().await?;
        let planned = self.plan_inside(steps(), now_ms).await;
        self.rollback().await;
        planned
    }

    async fn migrate_with(&mut self, steps: &[Migration], now_ms: i64, spares: bool) -> Result<Migrated, Error> {
        self.wait(Patience::Endless).await?;
        let mut waits = false;
        let migrated = loop {
            self.begin().await?;
            let error = match self.migrate_inside(steps, now_ms, spares).await {
                Ok(migrated) => break self.commit().await.map(|()| migrated),
                Err(error) => error,
            };
            self.rollback().await;
            if self.engine() == Engine::Sqlite || error.cause != Cause::Contended {
                break Err(error);
            }
            if !std::mem::replace(&mut waits, true) {
                tracing::info!(%error, "a step of the schema waits for those who are at a table");
            }
            tokio::time::sleep(AGAIN).await;
        };
        self.wait(Patience::Usual).await?;
        migrated
    }

    async fn migrate_inside(&mut self, steps: &[Migration], now_ms: i64, spares: bool) -> Result<Migrated, Error> {
        let engine = self.engine();
        if engine == Engine::Postgres {
            self.query(LOCK, &[]).await?;
            self.script(STEP_LOCK).await?;
        }
        self.script(&in_dialect(HISTORY, engine)).await?;
        let Plan { from, steps: planned, in_the_way } = self.plan_inside(steps, now_ms).await?;
        if spares && !in_the_way.is_empty() {
            let text = format!(
                "the schema is {from}, and going on to {} needs other servers of before stopped: {in_the_way:?} run on this \
                 database. A server that was killed lets go of it after 15 seconds",
                newest(steps)
            );
            return Err(Error::new(Cause::Other, text));
        }
        for step in &planned {
            let Some(migration) = steps.iter().find(|migration| migration.number == step.number) else { continue };
            self.script(&in_dialect(migration.text, engine)).await?;
            self.query(RECORD, &[Value::Int(step.number), step.name.into(), Value::Int(now_ms)]).await?;
            if let Some(oldest) = step.oldest_program {
                self.query(RECORD_OLDEST, &[Value::Int(oldest), Value::Int(step.number)]).await?;
            }
        }
        Ok(Migrated { from, to: planned.last().map_or(from, |step| step.number) })
    }

    async fn plan_inside(&mut self, steps: &[Migration], now_ms: i64) -> Result<Plan, Error> {
        let program = newest(steps);
        let rows = self.query(APPLIED, &[]).await?;
        let from = rows.into_iter().next().map_or(Ok(0), |row| row.cells().int())?;
        if from > program {
            let (_, unfit) = newer(self.query(NEWER, &[Value::Int(program)]).await?)?;
            if unfit > 0 {
                let text = format!("the database has schema {from}, this program knows up to {program}");
                return Err(Error::inconsistent(text));
            }
        }
        let mut planned: Vec<_> = steps.iter().map(Migration::step).filter(|step| step.number > from).collect();
        planned.sort_by_key(|step| step.number);
        let mut in_the_way = Vec::new();
        if from > 0 && !planned.is_empty() {
            let sql = if from < PROGRAMS { RUNNING_BEFORE_PROGRAMS } else { RUNNING };
            for row in self.query(sql, &[Value::Int(now_ms)]).await? {
                let mut cells = row.cells();
                let (node, program) = (cells.int()?, cells.int()?);
                if planned.iter().any(|step| step.breaks(program)) {
                    in_the_way.push(node);
                }
            }
        }
        Ok(Plan { from, steps: planned, in_the_way })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_780_000_000_000;
    const LEASE: i64 = 15_000;

    #[test]
    fn a_step_says_rightly_beside_whom_it_goes() {
        for migration in ALL {
            let SchemaStep { number, oldest_program, .. } = migration.step();
            let says = migration.text.contains("-- Beside");
            assert_eq!(says, oldest_program.is_some(), "step {number}: its first line is not understood");
            let is_possible = oldest_program.is_none_or(|oldest| (PROGRAMS..number).contains(&oldest));
            assert!(is_possible, "step {number}: beside {oldest_program:?}");
        }
    }

    /// All steps, and some more of later versions.
    fn with(later: &[(i64, &'static str)]) -> Vec<Migration> {
        let last = newest(ALL);
        let later = later.iter().map(|&(after, text)| Migration { number: last + after, name: "later", text });
        ALL.iter().copied().chain(later).collect()
    }

    /// A database as the program of the version before has left it.
    async fn before_programs(writer: &mut Writer) {
        let steps: Vec<_> = ALL.iter().copied().filter(|migration| migration.number < PROGRAMS).collect();
        writer.migrate_with(&steps, NOW, true).await.expect("migrated");
    }

    async fn on_both(test: impl AsyncFn(&Store)) {
        let folder = testing::TempDir::new();
        test(&Store::new(&format!("sqlite:{}", folder.join("fanpiao.db").display())).expect("an address")).await;
        let database = testing::postgres::fresh_database();
        test(&Store::new(database.url()).expect("an address")).await;
    }

    #[tokio::test]
    async fn a_step_that_breaks_servers_waits_for_their_leases() {
        on_both(async |store| {
            let mut writer = store.writer().await.expect("a connection");
            before_programs(&mut writer).await;
            let lease = "INSERT INTO nodes (number, holder, lease_until, ids_until) VALUES (7, 'old', $1, 0)";
            writer.in_transaction(lease, &[Value::Int(NOW + LEASE)]).await.expect("leased");
            assert_eq!(writer.plan(NOW).await.expect("planned").in_the_way, [7]);
            let refused = writer.migrate(NOW).await.expect_err("somebody runs").to_string();
            assert!(refused.contains("[7] run on this database"), "{refused}");
            // Nothing of it was done.
            assert_eq!(writer.plan(NOW + LEASE - 1).await.expect("planned").in_the_way, [7]);
            assert!(writer.plan(NOW + LEASE).await.expect("planned").in_the_way.is_empty());
            let to = expected_schema();
            assert_eq!(writer.migrate_regardless(NOW).await.expect("told to").to, to);
            assert_eq!(store.schema().await.expect("read"), Schema { number: to, is_fit: true });
        })
        .await;
    }

    #[tokio::test]
    async fn a_step_goes_beside_the_programs_that_it_names() {
        let own = newest(ALL);
        let beside = format!("-- Beside programs from {own}.\nALTER TABLE nodes ADD COLUMN later INTEGER;").leak();
        let after_it = format!("-- Beside programs from {}.\nALTER TABLE nodes DROP COLUMN later;", own + 1).leak();
        on_both(async |store| {
            let mut writer = store.writer().await.expect("a connection");
            writer.migrate(NOW).await.expect("migrated");
            let node = writer.claim_node("of today", NOW, NOW + LEASE, 0).await.expect("asked").expect("a number");

            let tomorrow = with(&[(1, beside)]);
            let done = writer.migrate_with(&tomorrow, NOW, true).await.expect("nobody is in the way");
            assert_eq!(done, Migrated { from: own, to: own + 1 });
            assert_eq!(store.schema().await.expect("read"), Schema { number: own + 1, is_fit: true });
            // Who starts with the program of today finds its way.
            let back = writer.migrate(NOW).await.expect("nothing to do");
            assert_eq!(back, Migrated { from: own + 1, to: own + 1 });

            // The day after breaks the program of today, and not that of tomorrow.
            let after = with(&[(1, beside), (2, after_it)]);
            let refused = writer.migrate_with(&after, NOW, true).await.expect_err("somebody of today runs").to_string();
            assert!(refused.contains(&format!("[{}] run", node.number)), "{refused}");
            let knows = "UPDATE nodes SET schema = schema + 1";
            writer.in_transaction(knows, &[]).await.expect("replaced");
            writer.migrate_with(&after, NOW, true).await.expect("nobody is in the way");
            assert_eq!(store.schema().await.expect("read"), Schema { number: own + 2, is_fit: false });
            let refused = writer.migrate(NOW).await.expect_err("too new").to_string();
            assert!(refused.contains(&format!("schema {}, this program knows up to {own}", own + 2)), "{refused}");
            writer.migrate_with(&tomorrow, NOW, true).await.expect("tomorrow's can live with it");
        })
        .await;
    }

    /// Somebody reads for long; a step has to wait for the table, and others go on meanwhile.
    #[tokio::test]
    async fn a_step_that_waits_keeps_nobody_waiting() {
        let database = testing::postgres::fresh_database();
        let store = Store::new(database.url()).expect("an address");
        let mut writer = store.writer().await.expect("a connection");
        writer.migrate(NOW).await.expect("migrated");
        writer.claim_node("of today", NOW, NOW + LEASE, 0).await.expect("asked").expect("a number");
        let mut reader = store.writer().await.expect("a connection");
        reader.begin().await.expect("begun");
        reader.query("SELECT COUNT(*) FROM nodes", &[]).await.expect("read");

        let text =
            format!("-- Beside programs from {}.\nALTER TABLE nodes ADD COLUMN later INTEGER;", newest(ALL)).leak();
        let step = tokio::spawn(async move { writer.migrate_with(&with(&[(1, text)]), NOW, true).await });
        let mut lane = store.writer().await.expect("a connection");
        for _ in 0..8 {
            // A lane asks again, six times at most; a step that kept its place in the queue would make all of these fail.
            let mut tries = 0;
            while let Err(error) = lane.in_transaction("UPDATE nodes SET lease_until = lease_until", &[]).await {
                assert_eq!(error.cause, Cause::Contended, "{error}");
                tries += 1;
                assert!(tries < 6, "{error}");
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert!(!step.is_finished(), "it waits");
        reader.rollback().await;
        assert_eq!(step.await.expect("no panic").expect("migrated").to, newest(ALL) + 1);
    }
}
