//! What has moved in a department's account.

use axum::http::Method;
use jiff::tz::TimeZone;
use kernel::{
    Cents, Code, Currency, DepartmentId, Instant, MemberId, Noun, OrderId, Owner, Permission, Refusal, TransferId,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sheets::{Cell, Column};
use store::queries;
use store::queries::departments::{Movement, Shown};
use store::queries::exports::Stream;

use super::edit_department::DepartmentPath;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::file::{Out, Turn, Workbook, Written};
use crate::input::{Cursor, Limit};
use crate::reply::{CursorInfo, Reply};
use crate::texts::{self, Language};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DepartmentLedgerQuery {
    #[serde(default)]
    limit: Limit,
    /// `page_info.next_cursor` of the page before.
    cursor: Option<Cursor>,
}

/// A page of a department's ledger, newest first.
#[derive(Serialize, JsonSchema)]
struct DepartmentLedger {
    balance_cents: Cents,
    history: Vec<DepartmentLine>,
    total_count: i64,
    page_info: CursorInfo,
}

/// One movement of a department's money.
#[derive(Serialize, JsonSchema)]
struct DepartmentLine {
    ledger_id: TransferId,
    /// Positive where money came in.
    amount_cents: Cents,
    description: &'static str,
    related_order_id: Option<OrderId>,
    /// Whose order it is.
    member: Option<LineMember>,
    created_at: Instant,
    balance_after_cents: Cents,
}

#[derive(Serialize, JsonSchema)]
struct LineMember {
    user_id: MemberId,
    nickname: String,
}

impl DepartmentLine {
    fn new(Movement { line, member }: Movement, language: Language) -> Self {
        Self {
            ledger_id: line.transfer,
            amount_cents: line.amount,
            description: texts::entry(line.kind).in_language(language),
            related_order_id: line.order,
            member: member.map(|(user_id, nickname)| LineMember { user_id, nickname }),
            created_at: line.created_at,
            balance_after_cents: line.balance_after,
        }
    }
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::WalletRead,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/departments/{department_id}/ledger",
            id: "departmentLedger",
            tag: Tag::Administration,
            summary: "A department's ledger",
            description: "Every movement of its account with the balance after it and, for an order, whose it is. A page costs the \
                          same however long the history is.",
            codes: &[Code::NotFound],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<DepartmentPath, DepartmentLedgerQuery>,
) -> Result<Reply<DepartmentLedger>, Failure> {
    let id = input.path.department_id;
    existing(&app, id).await?;
    let account = Owner::Department(id).account(Currency::Cny);
    let balance = queries::ledger::balance(app.store(), account).await?;
    let (balance_cents, total_count) = balance.map_or((Cents::ZERO, 0), |found| (found.balance, found.entries));
    // The cursor is the number of the last movement that was shown.
    let newest = input.query.cursor.map_or(total_count, |cursor| cursor.get().saturating_sub(1));
    let limit = input.query.limit;
    let found = queries::departments::movements(app.store(), account, newest, limit.and_one()).await?;
    let (found, page_info) = CursorInfo::cut(found, limit, |movement| movement.line.number);
    let history = found.into_iter().map(|movement| DepartmentLine::new(movement, caller.language)).collect();
    Ok(Reply::ok(DepartmentLedger { balance_cents, history, total_count, page_info }))
}

async fn existing(app: &App, id: DepartmentId) -> Result<Shown, Failure> {
    let found = queries::departments::one(app.store(), id).await?;
    Ok(found.ok_or(Refusal::NotFound { noun: Noun::Department })?)
}

const COLUMNS: [Column<'static>; 7] = [
    Column::new("流水ID", 18),
    Column::new("时间", 20),
    Column::new("说明", 24),
    Column::new("金额(元)", 12),
    Column::new("余额(元)", 12),
    Column::new("关联订单ID", 18),
    Column::new("用餐人", 16),
];

pub(crate) fn export() -> Endpoint {
    Endpoint::needs(
        Permission::WalletRead,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/departments/{department_id}/ledger/export",
            id: "exportDepartmentLedger",
            tag: Tag::Administration,
            summary: "A department's ledger as a workbook",
            description: "Every movement with the balance after it, newest first.",
            codes: &[Code::NotFound],
        },
        statement,
    )
}

async fn statement(app: App, _: Caller, input: Input<DepartmentPath>) -> Result<Workbook, Failure> {
    let id = input.path.department_id;
    let code = existing(&app, id).await?.department.code;
    let turn = Turn::wait(&app).await?;
    let account = Owner::Department(id).account(Currency::Cny);
    let movements = queries::departments::all_movements(app.store(), account).await?;
    let (zone, today) = (app.zone().clone(), app.service().now().date_in(app.zone()));
    let (name, plain_name) = (format!("部门流水_{}_{today}", code.as_str()), format!("department_ledger_{id}_{today}"));
    Workbook::new(&app, turn, &name, &plain_name, move |out| write(out, zone, movements))
}

fn write(out: Out, zone: TimeZone, mut movements: Stream<Movement>) -> Written {
    let mut book = sheets::Workbook::new(out, zone, &["部门流水"])?;
    let mut sheet = book.sheet(0, &COLUMNS)?;
    while let Some(Movement { line, member }) = movements.blocking_next()? {
        sheet.row(&[
            Cell::Integer(line.transfer.get()),
            Cell::Moment(line.created_at.as_millis()),
            Cell::Text(texts::entry(line.kind).in_language(Language::Chinese)),
            Cell::Cents(line.amount.get()),
            Cell::Cents(line.balance_after.get()),
            line.order.map_or(Cell::Empty, |order| Cell::Integer(order.get())),
            member.as_ref().map_or(Cell::Empty, |(_, nickname)| Cell::Text(nickname)),
        ])?;
    }
    sheet.end()?;
    Ok(book.finish()?.end()?)
}
