use axum::http::Method;
use kernel::{ChangeSubscription, Code, Command, Outcome, Permission, SubscriptionStatus};

use super::{SubscriptionAnswer, SubscriptionPath, own};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::reply::Reply;
use crate::texts;

const CODES: &[Code] = &[Code::NotFound, Code::InvalidStatusTransition];

pub(crate) fn pause() -> Endpoint {
    Endpoint::needs(
        Permission::OrderPlace,
        Declaration {
            method: Method::POST,
            path: "/api/v1/subscriptions/{subscription_id}/pause",
            id: "pauseSubscription",
            tag: Tag::Orders,
            summary: "Pause a standing booking",
            description: "Nothing is booked until it is resumed. Orders that it has made stay.",
            codes: CODES,
        },
        |app, caller, input| handle(app, caller, input, SubscriptionStatus::Paused),
    )
}

pub(crate) fn resume() -> Endpoint {
    Endpoint::needs(
        Permission::OrderPlace,
        Declaration {
            method: Method::POST,
            path: "/api/v1/subscriptions/{subscription_id}/resume",
            id: "resumeSubscription",
            tag: Tag::Orders,
            summary: "Resume a standing booking",
            description: "Meals that still take orders are booked within a minute.",
            codes: CODES,
        },
        |app, caller, input| handle(app, caller, input, SubscriptionStatus::Active),
    )
}

pub(crate) fn end() -> Endpoint {
    Endpoint::needs(
        Permission::OrderPlace,
        Declaration {
            method: Method::POST,
            path: "/api/v1/subscriptions/{subscription_id}/end",
            id: "endSubscription",
            tag: Tag::Orders,
            summary: "End a standing booking",
            description: "For good. Orders that it has made stay.",
            codes: CODES,
        },
        |app, caller, input| handle(app, caller, input, SubscriptionStatus::Ended),
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<SubscriptionPath>,
    status: SubscriptionStatus,
) -> Result<Reply<SubscriptionAnswer>, Failure> {
    let subscription = own(&app, &caller, input.path.subscription_id).await?;
    let (owner, subscription) = (subscription.owner, subscription.id);
    let command = Command::ChangeSubscription(ChangeSubscription { subscription, owner, status });
    match app.service().run(caller.asks(command)).await? {
        Outcome::Subscription { subscription } => {
            Ok(Reply::saying(texts::SAVED, SubscriptionAnswer::one(&app, subscription).await?))
        }
        _ => Err(Failure::fault("a subscription command answered something else")),
    }
}
