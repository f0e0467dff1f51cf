use axum::http::Method;
use kernel::{AlertCommand, Code, Command, Instant, Outcome, Permission, Reason, SilenceRule};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{RulePath, SilenceRow};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::Nothing;
use crate::reply::Reply;
use crate::texts;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SilenceBody {
    until: Instant,
    reason: Reason,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::AlertWrite,
        Declaration {
            method: Method::PUT,
            path: "/api/v1/admin/alerts/rules/{rule}/silence",
            id: "silenceAlertRule",
            tag: Tag::Operation,
            summary: "Tell nobody of a rule's alerts for a while",
            description: "They are written down all the same. What still fires when the silence is over is told then. Set again, it \
                          takes the place of the one before.",
            codes: &[Code::BusinessRule],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<RulePath, Nothing, SilenceBody>,
) -> Result<Reply<SilenceRow>, Failure> {
    let SilenceBody { until, reason } = input.body;
    let command = AlertCommand::SilenceRule(SilenceRule { rule: input.path.rule, until, reason });
    let Outcome::Silence { silence } = app.service().run(caller.asks(Command::Alert(command))).await? else {
        return Err(Failure::fault("a silence answered something else"));
    };
    Ok(Reply::saying(texts::RULE_SILENCED, SilenceRow::new(silence, None)))
}
