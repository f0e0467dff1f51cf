use axum::http::Method;
use kernel::{Cents, Date, ExceptionKind, Permission};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries::cabinet_stats as queries;

use super::{Days, mean};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::Nothing;
use crate::reply::Reply;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SettlingQuery {
    date_from: Date,
    /// This day still counts; 92 days at most.
    date_to: Date,
}

/// What people had to settle, and how long it took them.
#[derive(Serialize, JsonSchema)]
struct SettlingStats {
    exceptions: Vec<ExceptionStats>,
    complaints: ComplaintStats,
}

#[derive(Serialize, JsonSchema)]
struct ExceptionStats {
    kind: ExceptionKind,
    raised: i64,
    settled: i64,
    /// Open, and past their deadline.
    overdue: i64,
    /// Of those that are settled.
    mean_ms: Option<i64>,
}

#[derive(Serialize, JsonSchema)]
struct ComplaintStats {
    filed: i64,
    answered: i64,
    closed: i64,
    /// To the first answer.
    mean_answer_ms: Option<i64>,
    mean_close_ms: Option<i64>,
    refunded_cents: Cents,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::CabinetRead,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/stats/settling",
            id: "settlingStats",
            tag: Tag::Cabinets,
            summary: "How long exceptions and complaints took",
            description: "Of those that came up in these days, as they stand now.",
            codes: &[],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, SettlingQuery>,
) -> Result<Reply<SettlingStats>, Failure> {
    let days = Days::new(&app, input.query.date_from, input.query.date_to, caller.language)?;
    let exceptions = queries::settling(app.store(), days.ids(), app.service().now()).await?;
    let complaints = queries::complaining(app.store(), days.ids()).await?;
    let row = |(kind, of): (ExceptionKind, queries::Settling)| ExceptionStats {
        kind,
        raised: of.raised,
        settled: of.settled,
        overdue: of.overdue,
        mean_ms: mean(of.settled_ms, of.settled),
    };
    Ok(Reply::ok(SettlingStats {
        exceptions: exceptions.into_iter().map(row).collect(),
        complaints: ComplaintStats {
            filed: complaints.filed,
            answered: complaints.answered,
            closed: complaints.closed,
            mean_answer_ms: mean(complaints.answered_ms, complaints.answered),
            mean_close_ms: mean(complaints.closed_ms, complaints.closed),
            refunded_cents: complaints.refunded,
        },
    }))
}
