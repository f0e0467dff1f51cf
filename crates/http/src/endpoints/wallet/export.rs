use axum::http::Method;
use jiff::tz::TimeZone;
use kernel::{Currency, MemberId, Owner, Permission};
use sheets::{Cell, Column};
use store::queries;
use store::queries::exports::Stream;
use store::queries::ledger::Line;

use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::file::{Out, Turn, Workbook, Written};
use crate::texts::{self, Language};

const COLUMNS: [Column<'static>; 6] = [
    Column::new("流水ID", 18),
    Column::new("时间", 20),
    Column::new("说明", 24),
    Column::new("金额(元)", 12),
    Column::new("余额(元)", 12),
    Column::new("关联订单ID", 18),
];

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::WalletOwn,
        Declaration {
            method: Method::GET,
            path: "/api/v1/users/balance/export",
            id: "exportOwnLedger",
            tag: Tag::Wallet,
            summary: "One's own ledger as a workbook",
            description: "Every movement with the balance after it, newest first.",
            codes: &[],
        },
        handle,
    )
}

async fn handle(app: App, caller: Caller, _: Input) -> Result<Workbook, Failure> {
    let today = app.service().now().date_in(app.zone());
    statement(&app, caller.identity.member, &today.to_string()).await
}

/// A member's ledger as a file; `which` tells it from others of its kind.
pub(in crate::endpoints) async fn statement(app: &App, member: MemberId, which: &str) -> Result<Workbook, Failure> {
    let turn = Turn::wait(app).await?;
    let wallet = Owner::Member(member).account(Currency::Cny);
    let lines = queries::exports::entries(app.store(), wallet).await?;
    let zone = app.zone().clone();
    let (name, plain_name) = (format!("余额流水_{which}"), format!("ledger_{which}"));
    Workbook::new(app, turn, &name, &plain_name, move |out| write(out, zone, lines))
}

fn write(out: Out, zone: TimeZone, mut lines: Stream<Line>) -> Written {
    let mut book = sheets::Workbook::new(out, zone, &["余额流水"])?;
    let mut sheet = book.sheet(0, &COLUMNS)?;
    while let Some(line) = lines.blocking_next()? {
        sheet.row(&[
            Cell::Integer(line.transfer.get()),
            Cell::Moment(line.created_at.as_millis()),
            Cell::Text(texts::entry(line.kind).in_language(Language::Chinese)),
            Cell::Cents(line.amount.get()),
            Cell::Cents(line.balance_after.get()),
            line.order.map_or(Cell::Empty, |order| Cell::Integer(order.get())),
        ])?;
    }
    sheet.end()?;
    Ok(book.finish()?.end()?)
}
