use axum::http::Method;
use kernel::{AlertCommand, Code, Command, EndSilence, Permission};

use super::RulePath;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::reply::Reply;
use crate::texts;

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::AlertWrite,
        Declaration {
            method: Method::DELETE,
            path: "/api/v1/admin/alerts/rules/{rule}/silence",
            id: "endAlertSilence",
            tag: Tag::Operation,
            summary: "End a silence before its time",
            description: "What fires is told with the next round.",
            codes: &[Code::NotFound],
        },
        handle,
    )
}

async fn handle(app: App, caller: Caller, input: Input<RulePath>) -> Result<Reply<()>, Failure> {
    let command = AlertCommand::EndSilence(EndSilence { rule: input.path.rule });
    app.service().run(caller.asks(Command::Alert(command))).await?;
    Ok(Reply::saying(texts::SILENCE_ENDED, ()))
}
