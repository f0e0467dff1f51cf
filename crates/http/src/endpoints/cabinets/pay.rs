use axum::http::Method;
use kernel::{
    CabinetCommand, CabinetOrderState, Code, Command, Outcome, PayCabinetOrder, Permission, Refusal, UnpaidReason,
};
use store::queries::cabinets as queries;

use super::{CabinetOrderAnswer, CabinetOrderPath, find};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::Nothing;
use crate::reply::Reply;
use crate::texts;

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::CabinetUse,
        Declaration {
            method: Method::POST,
            path: "/api/v1/cabinet/orders/{order_no}/pay",
            id: "payCabinetOrder",
            tag: Tag::Cabinets,
            summary: "Pay a cabinet order",
            description: "With tickets: all of it or nothing. An attempt that fails is written down with the order. Of what pay score \
                          collects WeChat is asked whether it has; until then it cannot be paid in tickets.",
            codes: &[Code::NotFound, Code::InvalidStatusTransition, Code::InsufficientTickets, Code::BusinessRule],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<CabinetOrderPath, Nothing, Nothing>,
) -> Result<Reply<CabinetOrderAnswer>, Failure> {
    let order = find(&app, &input.path.order_no).await?;
    if order.member != caller.identity.member {
        return Err(Refusal::NotYours.into());
    }
    if order.state == (CabinetOrderState::Unpaid { reason: UnpaidReason::PayScoreCollecting }) {
        app.service().ask_about_score(order.session).await?;
        let order = find(&app, &input.path.order_no).await?;
        if order.is_paid() {
            return Ok(Reply::saying(texts::SHOP_ORDER_PAID, CabinetOrderAnswer::of(&app, order).await?));
        }
    }
    let command = PayCabinetOrder { order: order.id, device: order.device, member: order.member };
    match app.service().run(caller.asks(Command::Cabinet(CabinetCommand::Pay(command)))).await? {
        Outcome::CabinetOrder { order } if order.is_unpaid() => {
            let tickets = queries::tickets(app.store(), order.member).await?;
            Err(Refusal::InsufficientTickets { tickets, needed: order.tickets.get() }.into())
        }
        Outcome::CabinetOrder { order } => {
            Ok(Reply::saying(texts::SHOP_ORDER_PAID, CabinetOrderAnswer::of(&app, order).await?))
        }
        _ => Err(Failure::fault("paying a cabinet order answered something else")),
    }
}
