use axum::http::Method;
use kernel::{Address, Code, Command, Delivery, Look, NoteLook, Permission};
use schemars::JsonSchema;
use serde::Serialize;

use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::reply::Reply;

use crate::endpoints::shop::{OrderNoPath, find};

/// Where an order goes.
#[derive(Serialize, JsonSchema)]
struct AddressAnswer {
    /// Absent for what is picked up.
    address: Option<Address>,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::PersonalAddress,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/shop/orders/{order_no}/address",
            id: "seeAddress",
            tag: Tag::Shop,
            summary: "The whole address of a shop order",
            description: "Everywhere else staff get it masked. The look is noted in the audit trail.",
            codes: &[Code::NotFound],
        },
        handle,
    )
}

async fn handle(app: App, caller: Caller, input: Input<OrderNoPath>) -> Result<Reply<AddressAnswer>, Failure> {
    let order = find(&app, &input.path.order_no).await?;
    let Delivery::To(sealed) = order.delivery else { return Ok(Reply::ok(AddressAnswer { address: None })) };
    let look = NoteLook { member: order.member, at: Look::Address(order.id) };
    app.service().run(caller.asks(Command::NoteLook(look))).await?;
    Ok(Reply::ok(AddressAnswer { address: Some(app.service().vault().address(order.member, &sealed)?) }))
}
