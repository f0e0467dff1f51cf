use axum::http::Method;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel::{Code, Permission};
use schemars::JsonSchema;
use serde::Deserialize;
use service::{PictureRefused, Pictures};

use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::endpoints::shop::PictureAnswer;
use crate::failure::Failure;
use crate::input::{Nothing, Problem};
use crate::reply::Reply;
use crate::texts::{self, say};

/// A picture.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewPicture {
    /// Its bytes in Base64: a PNG, JPEG or WebP of at most 720 KiB, 8192 points a side and 24 million points.
    content: String,
}

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
    let language = caller.language;
    let wrong = |problem| Failure::Invalid(vec![Problem::new("content", problem)]);
    let pictures = kept(&app)?;
    let Ok(bytes) = STANDARD.decode(input.body.content) else {
        return Err(wrong(say!(language, "不是合法的 Base64", "is not valid Base64")));
    };
    let most = Pictures::MOST_BYTES / 1024;
    let refused = match pictures.keep(bytes, app.service().now()).await {
        Ok(Ok(picture)) => return Ok(Reply::saying(texts::SAVED, PictureAnswer::of(&picture))),
        Ok(Err(refused)) => refused,
        Err(error) => {
            tracing::error!(%error, "a picture cannot be kept");
            return Err(Failure::Code(Code::Unavailable));
        }
    };
    Err(wrong(match refused {
        PictureRefused::NoPicture => say!(language, "须为 PNG、JPEG 或 WebP 图片", "must be a PNG, JPEG or WebP"),
        PictureRefused::TooLong => say!(language, "不能超过 {most} KiB", "must not exceed {most} KiB"),
        PictureRefused::TooLarge => {
            let (side, points) = (Pictures::MOST_SIDE, Pictures::MOST_POINTS / 1_000_000);
            say!(
                language,
                "边长不能超过 {side} 像素，总像素不能超过 {points} 百万",
                "must not exceed {side} points a side and {points} million in all",
            )
        }
    }))
}

pub(super) fn kept(app: &App) -> Result<&Pictures, Failure> {
    let pictures = app.service().pictures();
    pictures.ok_or_else(|| {
        tracing::error!("there is no place for pictures: set shop.pictures or shop.bucket");
        Failure::Code(Code::Unavailable)
    })
}
