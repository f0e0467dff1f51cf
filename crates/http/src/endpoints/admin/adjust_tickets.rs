use axum::http::Method;
use kernel::{AdjustTickets, CabinetCommand, Code, Command, MemberId, Outcome, Permission, Reason};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::member::MemberPath;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::Nothing;
use crate::reply::Reply;
use crate::texts;

/// How many, and why.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TicketAdjustment {
    /// Below zero to take back. Not zero.
    tickets: i64,
    reason: Reason,
}

/// What a member has now.
#[derive(Serialize, JsonSchema)]
struct TicketBalance {
    user_id: MemberId,
    tickets: i64,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::WalletWrite,
        Declaration {
            method: Method::POST,
            path: "/api/v1/admin/members/{user_id}/tickets",
            id: "adjustTickets",
            tag: Tag::Administration,
            summary: "Give a member gift tickets, or take some back",
            description: "500 of them are a yuan. Nobody has fewer than none.",
            codes: &[Code::NotFound, Code::BusinessRule, Code::InsufficientTickets],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<MemberPath, Nothing, TicketAdjustment>,
) -> Result<Reply<TicketBalance>, Failure> {
    let (amount, reason) = (input.body.tickets, input.body.reason);
    let command = CabinetCommand::AdjustTickets(AdjustTickets { member: input.path.user_id, amount, reason });
    let Outcome::Tickets { member, tickets } = app.service().run(caller.asks(Command::Cabinet(command))).await? else {
        return Err(Failure::fault("adjusting tickets answered something else"));
    };
    Ok(Reply::saying(texts::SAVED, TicketBalance { user_id: member, tickets }))
}
