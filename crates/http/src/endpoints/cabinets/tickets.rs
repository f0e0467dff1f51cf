use axum::http::Method;
use kernel::{Currency, Instant, MemberId, Owner, Permission, Tickets};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries;
use store::queries::cabinets::TicketLine;

use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{Cursor, Limit, Nothing};
use crate::reply::{CursorInfo, Reply};
use crate::texts::{self, Language};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TicketQuery {
    #[serde(default)]
    limit: Limit,
    /// `page_info.next_cursor` of the page before.
    cursor: Option<Cursor>,
}

/// What a member has, and a page of how that came about, newest first.
#[derive(Serialize, JsonSchema)]
pub(crate) struct TicketLedger {
    tickets: Tickets,
    history: Vec<TicketLineAnswer>,
    total_count: i64,
    page_info: CursorInfo,
}

/// One movement of tickets.
#[derive(Serialize, JsonSchema)]
struct TicketLineAnswer {
    /// Below zero for what went.
    tickets: Tickets,
    description: &'static str,
    /// The cabinet order, or the surcharge, that it is about.
    order_no: Option<String>,
    tickets_after: Tickets,
    created_at: Instant,
}

impl TicketLineAnswer {
    fn of(line: TicketLine, language: Language) -> Self {
        let TicketLine { number: _, kind, order_no, amount, left, created_at } = line;
        let description = texts::ticket_entry(kind).in_language(language);
        Self { tickets: amount, description, order_no, tickets_after: left, created_at }
    }
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::CabinetUse,
        Declaration {
            method: Method::GET,
            path: "/api/v1/cabinet/tickets",
            id: "ticketHistory",
            tag: Tag::Cabinets,
            summary: "One's own tickets",
            description: "How many there are, and every movement with what was left after it. 500 of them are a yuan.",
            codes: &[],
        },
        handle,
    )
}

async fn handle(app: App, caller: Caller, input: Input<Nothing, TicketQuery>) -> Result<Reply<TicketLedger>, Failure> {
    ledger(&app, caller.identity.member, input.query, caller.language).await
}

pub(crate) async fn ledger(
    app: &App,
    member: MemberId,
    query: TicketQuery,
    language: Language,
) -> Result<Reply<TicketLedger>, Failure> {
    let account = Owner::Member(member).account(Currency::Ticket);
    let balance = queries::ledger::balance(app.store(), account).await?;
    let (tickets, total_count) = balance.map_or((0, 0), |found| (found.balance.get(), found.entries));
    // The cursor is the number of the last movement that was shown.
    let newest = query.cursor.map_or(total_count, |cursor| cursor.get().saturating_sub(1));
    let lines = queries::cabinets::ticket_lines(app.store(), member, newest, query.limit.and_one()).await?;
    let (lines, page_info) = CursorInfo::cut(lines, query.limit, |line| line.number);
    let history = lines.into_iter().map(|line| TicketLineAnswer::of(line, language)).collect();
    Ok(Reply::ok(TicketLedger { tickets: Tickets::new(tickets), history, total_count, page_info }))
}
