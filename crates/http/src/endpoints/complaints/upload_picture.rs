use axum::http::Method;
use kernel::{Code, Permission};

use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::endpoints::pictures::{self, NewPicture};
use crate::endpoints::shop::PictureAnswer;
use crate::failure::Failure;
use crate::input::Nothing;
use crate::reply::Reply;

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::CabinetUse,
        Declaration {
            method: Method::POST,
            path: "/api/v1/complaints/pictures",
            id: "uploadComplaintPicture",
            tag: Tag::Cabinets,
            summary: "Keep a picture for a complaint",
            description: "It gets its name from its content, for the `pictures` of a complaint. What no complaint shows within a day \
                is removed.",
            codes: &[Code::Unavailable],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, Nothing, NewPicture>,
) -> Result<Reply<PictureAnswer>, Failure> {
    pictures::keep(&app, caller.language, input.body).await
}
