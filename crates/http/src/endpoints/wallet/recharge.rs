use axum::http::Method;
use kernel::{Code, Command, Grant, MemberId, Note, Outcome, Permission, Price};
use schemars::JsonSchema;
use serde::Deserialize;

use super::WalletChange;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{Nothing, Problem};
use crate::reply::Reply;
use crate::texts::{self, Language, say};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RechargeQuery {
    user_id: Option<MemberId>,
    amount_cents: Option<Price>,
    /// Gives the same answer, or the same refusal, and changes nothing.
    #[serde(default)]
    dry_run: bool,
}

/// Whom to give how much. Each field may stand in the query instead.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Recharge {
    user_id: Option<MemberId>,
    /// Above zero.
    amount_cents: Option<Price>,
    reason: Option<Note>,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::WalletWrite,
        Declaration {
            method: Method::POST,
            path: "/api/v1/users/balance/recharge",
            id: "rechargeBalance",
            tag: Tag::Wallet,
            summary: "Put money into a wallet",
            description: "By an administrator. `user_id` and `amount_cents` stand in the body or in the query.",
            codes: &[Code::NotFound, Code::BusinessRule],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, RechargeQuery, Recharge>,
) -> Result<Reply<WalletChange>, Failure> {
    let (query, body) = (input.query, input.body);
    let member = once("user_id", query.user_id, body.user_id, caller.language);
    let amount = once("amount_cents", query.amount_cents, body.amount_cents, caller.language);
    let (member, amount) = match (member, amount) {
        (Ok(member), Ok(amount)) => (member, amount),
        (member, amount) => {
            let wrong = [member.err(), amount.err()];
            return Err(Failure::Invalid(wrong.into_iter().flatten().collect()));
        }
    };
    let command = Command::Grant(Grant { member, amount, reason: body.reason.unwrap_or_default() });
    let Outcome::Wallet(outcome) = app.service().run(caller.tries(query.dry_run, command)).await? else {
        return Err(Failure::fault("a grant answered something else"));
    };
    let message = if query.dry_run { texts::DRY_RUN } else { texts::RECHARGED };
    Ok(Reply::saying(message, outcome.into()))
}

/// A field that may stand in either place, or in both if it says the same.
fn once<T: PartialEq>(field: &str, query: Option<T>, body: Option<T>, language: Language) -> Result<T, Problem> {
    match (query, body) {
        (Some(query), Some(body)) if query != body => Err(Problem::new(
            field,
            say!(language, "请求参数与请求内容不一致", "differs between the query and the body"),
        )),
        (Some(given), _) | (None, Some(given)) => Ok(given),
        (None, None) => Err(Problem::new(field, say!(language, "必填", "is required"))),
    }
}
