use axum::http::Method;
use kernel::{CabinetCommand, Code, Command, Complaint, ComplaintText, FileComplaint, Outcome, Permission};
use schemars::JsonSchema;
use serde::Deserialize;

use super::ComplaintAnswer;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::endpoints::{cabinets, pictures};
use crate::failure::Failure;
use crate::input::Nothing;
use crate::reply::Reply;
use crate::texts;

/// What is wrong with an order.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewComplaint {
    /// One of one's own cabinet orders.
    order_no: String,
    text: ComplaintText,
    /// The names of pictures that were uploaded; four at most.
    #[serde(default)]
    pictures: Vec<String>,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::CabinetUse,
        Declaration {
            method: Method::POST,
            path: "/api/v1/complaints",
            id: "fileComplaint",
            tag: Tag::Cabinets,
            summary: "Complain about a cabinet order",
            description: "An order has one complaint at a time. A surcharge's is one about the order that it belongs to.",
            codes: &[Code::NotFound, Code::BusinessRule, Code::Unavailable],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, Nothing, NewComplaint>,
) -> Result<Reply<ComplaintAnswer>, Failure> {
    let NewComplaint { order_no, text, pictures } = input.body;
    let order = cabinets::find(&app, &order_no).await?.whole();
    let pictures = pictures::named(&app, caller.language, &pictures, Complaint::MOST_PICTURES).await?;
    let member = caller.identity.member;
    let command = CabinetCommand::FileComplaint(FileComplaint { member, order, text, pictures });
    match app.service().run(caller.asks(Command::Cabinet(command))).await? {
        Outcome::Complaint(made) => Ok(Reply::saying(texts::COMPLAINT_FILED, made.complaint.into())),
        _ => Err(Failure::fault("a complaint answered something else")),
    }
}
