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
        Permission::ShopWrite,
        Declaration {
            method: Method::POST,
            path: "/api/v1/admin/pictures",
            id: "uploadPicture",
            tag: Tag::Shop,
            summary: "Keep a picture",
            description: "It gets its name from its content; a product shows it once its name is among the product's `pictures`. What is on no product for a day is removed.",
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
