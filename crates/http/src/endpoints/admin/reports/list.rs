use axum::http::Method;
use kernel::{Cents, DailyFigures, Date, Figures, Instant, Permission, Report, ReportKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries;

use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{Cursor, Limit, Nothing};
use crate::reply::{CursorInfo, Reply};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ReportQuery {
    kind: Option<ReportKind>,
    #[serde(default)]
    limit: Limit,
    /// `page_info.next_cursor` of the page before.
    cursor: Option<Cursor>,
}

/// A page of reports, newest first.
#[derive(Serialize, JsonSchema)]
struct ReportPage {
    reports: Vec<ReportRow>,
    page_info: CursorInfo,
}

#[derive(Serialize, JsonSchema)]
struct ReportRow {
    kind: ReportKind,
    /// The day that it is of.
    date: Date,
    made_at: Instant,
    /// What a daily report comes to.
    totals: Option<DayTotals>,
}

/// What was sold on a day, and what was put into wallets.
#[derive(Serialize, JsonSchema)]
struct DayTotals {
    meals_cents: Cents,
    shop_cents: Cents,
    cabinets_cents: Cents,
    topups_cents: Cents,
}

impl From<&DailyFigures> for DayTotals {
    fn from(figures: &DailyFigures) -> Self {
        Self {
            meals_cents: Cents::new(figures.meals.iter().map(|meal| meal.revenue_cents.get()).sum()),
            shop_cents: figures.shop.revenue_cents,
            cabinets_cents: figures.cabinets.sales_cents,
            topups_cents: figures.topups.paid_cents,
        }
    }
}

impl From<Report> for ReportRow {
    fn from(report: Report) -> Self {
        let totals = match &report.figures {
            Figures::Daily(figures) => Some(figures.into()),
            Figures::Exceptions(_) | Figures::Health(_) => None,
        };
        Self { kind: report.kind, date: report.date, made_at: report.made_at, totals }
    }
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::ReportRead,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/reports",
            id: "listReports",
            tag: Tag::Operation,
            summary: "Reports that were made",
            description: "Once a day, of the day before: which kinds and when is set in the configuration.",
            codes: &[],
        },
        handle,
    )
}

async fn handle(app: App, _: Caller, input: Input<Nothing, ReportQuery>) -> Result<Reply<ReportPage>, Failure> {
    let query = input.query;
    let before = query.cursor.map_or(i64::MAX, Cursor::get);
    let found = queries::reports::list(app.store(), query.kind, before, query.limit.and_one()).await?;
    let (found, page_info) = CursorInfo::cut(found, query.limit, |report| report.id.get());
    Ok(Reply::ok(ReportPage { reports: found.into_iter().map(ReportRow::from).collect(), page_info }))
}
