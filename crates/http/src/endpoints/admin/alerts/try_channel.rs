use axum::http::Method;
use kernel::{AlertChannel, Code, Permission};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::reply::Reply;
use crate::texts;

#[derive(Deserialize, JsonSchema)]
struct ChannelPath {
    channel: AlertChannel,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::AlertWrite,
        Declaration {
            method: Method::POST,
            path: "/api/v1/admin/alerts/channels/{channel}/test",
            id: "tryAlertChannel",
            tag: Tag::Operation,
            summary: "Send a channel a test message",
            description: "Answers when the channel has taken it. Why it has not is in the log.",
            codes: &[Code::ProviderError],
        },
        handle,
    )
}

async fn handle(app: App, caller: Caller, input: Input<ChannelPath>) -> Result<Reply<()>, Failure> {
    app.service().try_channel(input.path.channel, |command| caller.asks(command)).await?;
    Ok(Reply::saying(texts::CHANNEL_TRIED, ()))
}
