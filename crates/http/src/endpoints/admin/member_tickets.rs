use axum::http::Method;
use kernel::{Code, Noun, Permission, Refusal};
use store::queries;

use super::member::MemberPath;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::endpoints::cabinets::tickets::{TicketLedger, TicketQuery, ledger};
use crate::failure::Failure;
use crate::reply::Reply;

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::WalletRead,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/members/{user_id}/tickets",
            id: "memberTickets",
            tag: Tag::Administration,
            summary: "A member's tickets",
            description: "As the member sees them. A page costs the same however long the history is.",
            codes: &[Code::NotFound],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<MemberPath, TicketQuery>,
) -> Result<Reply<TicketLedger>, Failure> {
    let member = input.path.user_id;
    if queries::members::one(app.store(), member).await?.is_none() {
        return Err(Refusal::NotFound { noun: Noun::Member }.into());
    }
    ledger(&app, member, input.query, caller.language).await
}
