//! The schema, step by step. One text for both engines: what differs has a name in braces or a type that is translated.

use crate::engine::Patience;
use crate::{Engine, Error, Value, Writer};

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
    Migration { number: 28, name: "roles", text: include_str!("migrations/0028_roles.sql") },
];

/// Any number that no other program uses for a lock in the same database.
const LOCK: &str = "SELECT 1 FROM pg_advisory_xact_lock(4736251083)";

const HISTORY: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (
    number     INTEGER NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL,
    applied_at INTEGER NOT NULL
) {table}";

/// What starting up did to the schema.
#[derive(Debug, PartialEq, Eq)]
pub struct Migrated {
    pub from: i64,
    pub to: i64,
}

/// The number of the newest migration that this program knows.
#[must_use]
pub fn expected_schema() -> i64 {
    ALL.iter().map(|migration| migration.number).max().unwrap_or(0)
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

impl Writer {
    /// Brings the schema up to date. Whoever starts at the same time waits for the first.
    ///
    /// # Errors
    /// Where the database is newer than this program, or a step fails; then nothing of it remains.
    pub async fn migrate(&mut self, now_ms: i64) -> Result<Migrated, Error> {
        self.wait(Patience::Endless).await?;
        self.begin().await?;
        let migrated = match self.migrate_inside(now_ms).await {
            Ok(migrated) => self.commit().await.map(|()| migrated),
            Err(error) => {
                self.rollback().await;
                Err(error)
            }
        };
        self.wait(Patience::Usual).await?;
        migrated
    }

    async fn migrate_inside(&mut self, now_ms: i64) -> Result<Migrated, Error> {
        let engine = self.engine();
        if engine == Engine::Postgres {
            self.query(LOCK, &[]).await?;
        }
        self.script(&in_dialect(HISTORY, engine)).await?;
        let rows = self.query("SELECT number FROM schema_migrations ORDER BY number DESC LIMIT 1", &[]).await?;
        let from = rows.into_iter().next().map_or(Ok(0), |row| row.cells().int())?;
        let to = expected_schema();
        if from > to {
            return Err(Error::inconsistent(format!("the database has schema {from}, this program knows up to {to}")));
        }
        for migration in ALL.iter().filter(|migration| migration.number > from) {
            self.script(&in_dialect(migration.text, engine)).await?;
            let record = "INSERT INTO schema_migrations (number, name, applied_at) VALUES ($1, $2, $3)";
            self.query(record, &[Value::Int(migration.number), migration.name.into(), Value::Int(now_ms)]).await?;
        }
        Ok(Migrated { from, to })
    }
}
