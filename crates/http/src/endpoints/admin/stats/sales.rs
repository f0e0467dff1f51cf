use axum::http::Method;
use kernel::{Cents, Date, Permission};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries::cabinet_stats::{self as queries, QuarterHour, Sold, SoldBy};

use super::Days;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{Cursor, Limit, Nothing};
use crate::reply::{CursorInfo, Reply};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SalesQuery {
    by: SalesBy,
    date_from: Date,
    /// This day still counts; 92 days at most.
    date_to: Date,
    #[serde(default)]
    limit: Limit,
    /// `page_info.next_cursor` of the page before.
    #[serde(default)]
    cursor: Cursor,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum SalesBy {
    Store,
    Device,
    Product,
    /// Of the day, in the configured zone.
    Hour,
}

/// A page of sales.
#[derive(Serialize, JsonSchema)]
struct SalesPage {
    sales: Vec<Sale>,
    page_info: CursorInfo,
}

/// What was sold there, of it, or then.
#[derive(Serialize, JsonSchema)]
struct Sale {
    /// The store's, the device's, the product's; the hour of the day.
    id: i64,
    /// What people call it.
    name: String,
    /// Orders, or pieces where it is a product.
    count: i64,
    /// With what corrections and complaints charged or gave back; complaints count for no product.
    total_cents: Cents,
    /// What of it is paid.
    paid_cents: Cents,
}

impl From<Sold> for Sale {
    fn from(sold: Sold) -> Self {
        let Sold { id, name, count, total, paid } = sold;
        Self { id, name, count, total_cents: total, paid_cents: paid }
    }
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::CabinetRead,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/stats/cabinet-sales",
            id: "cabinetSales",
            tag: Tag::Cabinets,
            summary: "What cabinets sold",
            description: "By store, device, product or hour of the day. What was never sold is not listed.",
            codes: &[],
        },
        handle,
    )
}

async fn handle(app: App, caller: Caller, input: Input<Nothing, SalesQuery>) -> Result<Reply<SalesPage>, Failure> {
    let SalesQuery { by, date_from, date_to, limit, cursor } = input.query;
    let days = Days::new(&app, date_from, date_to, caller.language)?;
    let by = match by {
        SalesBy::Store => SoldBy::Store,
        SalesBy::Device => SoldBy::Device,
        SalesBy::Product => SoldBy::Product,
        SalesBy::Hour => {
            let sales = hours(&app, &queries::quarter_hours(app.store(), days.ids()).await?);
            let (sales, page_info) = CursorInfo::cut(sales, Limit::default(), |sale| sale.id);
            return Ok(Reply::ok(SalesPage { sales, page_info }));
        }
    };
    let found = queries::sold(app.store(), by, days.ids(), cursor.get(), limit.and_one()).await?;
    let (found, page_info) = CursorInfo::cut(found, limit, |sold| sold.id);
    Ok(Reply::ok(SalesPage { sales: found.into_iter().map(Sale::from).collect(), page_info }))
}

/// Quarters of an hour begin with the hour in every zone, whatever its clocks do.
fn hours(app: &App, quarters: &[QuarterHour]) -> Vec<Sale> {
    const HOUR_MS: i64 = 3_600_000;
    let zone = app.service().zone();
    let mut hours: Vec<_> = (0..24)
        .map(|id| Sale { id, name: format!("{id:02}:00"), count: 0, total_cents: Cents::ZERO, paid_cents: Cents::ZERO })
        .collect();
    for quarter in quarters {
        let midnight = quarter.begins_at.date_in(zone).start_in(zone).as_millis();
        let hour = (quarter.begins_at.as_millis() - midnight) / HOUR_MS;
        let hour = &mut hours[usize::try_from(hour).unwrap_or(0).min(23)];
        hour.count += quarter.orders;
        hour.total_cents = Cents::new(hour.total_cents.get() + quarter.total.get());
        hour.paid_cents = Cents::new(hour.paid_cents.get() + quarter.paid.get());
    }
    hours.retain(|hour| hour.count != 0 || hour.total_cents != Cents::ZERO);
    hours
}
