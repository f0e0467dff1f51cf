use axum::http::Method;
use kernel::{Code, Command, MealId, Noun, Permission, RedeemOrder, Refusal, Shown};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries;

use super::{OrderAnswer, run};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{DryRun, Nothing, Search};
use crate::reply::Reply;
use crate::texts::{self, Language, say};

/// What was scanned or read out: one of the three.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Redemption {
    /// A pick-up code. What a QR code says and order numbers are taken here too.
    code: Option<Search>,
    /// What a QR code says.
    qr: Option<Search>,
    order_no: Option<Search>,
    /// Which meal a code is for; one of today's where absent.
    meal_id: Option<MealId>,
}

/// The order that was handed out, and whose it is.
#[derive(Serialize, JsonSchema)]
struct Redeemed {
    #[serde(flatten)]
    order: OrderAnswer,
    nickname: String,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::OrderRedeem,
        Declaration {
            method: Method::POST,
            path: "/api/v1/orders/redeem",
            id: "redeemOrder",
            tag: Tag::Orders,
            summary: "Hand an order out",
            description: "Once: the second time is told when it was handed out and by whom. On the meal's day, or later from a list \
                that was printed; the code of an earlier day's order needs its `meal_id`. `dry_run=true` shows the order first.",
            codes: &[Code::NotFound, Code::InvalidStatusTransition, Code::BusinessRule],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, DryRun, Redemption>,
) -> Result<Reply<Redeemed>, Failure> {
    let Redemption { code, qr, order_no, meal_id } = input.body;
    let given: Vec<Search> = [code, qr, order_no].into_iter().flatten().collect();
    let [shown] = given.as_slice() else {
        let problem = say!(caller.language, "code、qr、order_no 须填且只填一项", "say one of code, qr and order_no");
        return Err(Failure::invalid("code", problem));
    };
    let missing = Refusal::NotFound { noun: Noun::Order };
    let found = match Shown::read(shown.as_str()).ok_or_else(|| missing.clone())? {
        Shown::Order(order) => queries::orders::meal(app.store(), order).await?.map(|meal| (order, meal)),
        Shown::Code(code) => {
            let today = app.service().now().date_in(app.zone());
            queries::kitchen::coded(app.store(), &code, meal_id, today).await?
        }
    };
    let found = found.filter(|&(_, meal)| meal_id.is_none_or(|wanted| wanted == meal));
    let (order, meal) = found.ok_or(missing)?;
    let dry_run = input.query.dry_run;
    let language = caller.language;
    let command = Command::RedeemOrder(RedeemOrder { order, meal });
    let outcome = match run(&app, caller.tries(dry_run, command)).await {
        Ok(outcome) => outcome,
        Err(failure) => return Err(with_name(&app, failure, language).await),
    };
    let member = queries::members::one(app.store(), outcome.order.member).await?;
    let nickname = member.map(|member| member.nickname).unwrap_or_default();
    let message = if dry_run { texts::DRY_RUN } else { texts::REDEEMED };
    Ok(Reply::saying(message, Redeemed { order: OrderAnswer::placed(outcome), nickname }))
}

/// Says who was faster, where somebody was.
async fn with_name(app: &App, failure: Failure, language: Language) -> Failure {
    let Failure::Service(service::Failure::Refused(refusal)) = &failure else {
        return failure;
    };
    let &Refusal::AlreadyRedeemed { at, by: Some(by) } = refusal else {
        return failure;
    };
    match queries::members::one(app.store(), by).await {
        Ok(Some(member)) => {
            let mut details = serde_json::to_value(refusal).unwrap_or_default();
            details["redeemed_by"] = member.nickname.as_str().into();
            let message = texts::redeemed_by(at, &member.nickname, language, app.zone());
            Failure::Detailed { code: refusal.code(), message, details }
        }
        Ok(None) | Err(_) => failure,
    }
}
