use axum::http::header::{CACHE_CONTROL, ETAG};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::Response;
use kernel::{Code, PictureKind};
use schemars::JsonSchema;
use serde::Deserialize;
use service::PictureName;

use crate::App;
use crate::caller::Visitor;
use crate::endpoint::{Answer, Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::reply::{self, Answers};
use crate::texts::Language;

#[derive(Deserialize, JsonSchema)]
struct PicturePath {
    name: String,
}

/// Its name is made from its content, so whoever has it never has to ask again.
struct PictureFile {
    kind: PictureKind,
    tag: HeaderValue,
    bytes: Vec<u8>,
}

impl Answers for PictureFile {
    fn form() -> Answer {
        Answer::Page("image/*")
    }

    fn into_response(self, _: Language) -> Result<Response, Failure> {
        let media_type = HeaderValue::from_static(self.kind.media_type());
        let mut response = reply::response(StatusCode::OK, media_type, self.bytes);
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
        headers.insert(ETAG, self.tag);
        Ok(response)
    }
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::public(
        Declaration {
            method: Method::GET,
            path: "/api/v1/pictures/{name}",
            id: "showPicture",
            tag: Tag::Shop,
            summary: "A picture",
            description: "For anybody: a name cannot be guessed without the picture.",
            codes: &[Code::NotFound, Code::RateLimited, Code::Unavailable],
        },
        handle,
    )
}

async fn handle(app: App, _: Visitor, input: Input<PicturePath>) -> Result<PictureFile, Failure> {
    let missing = || Failure::Code(Code::NotFound);
    let name: PictureName = input.path.name.parse().map_err(|()| missing())?;
    let pictures = app.service().pictures().ok_or_else(missing)?;
    match pictures.read(&name, app.service().now()).await {
        Ok(Some(bytes)) => {
            let tag = HeaderValue::try_from(format!("\"{name}\"")).map_err(|_| missing())?;
            Ok(PictureFile { kind: name.kind(), tag, bytes })
        }
        Ok(None) => Err(missing()),
        Err(error) => {
            tracing::error!(%error, "a picture cannot be read");
            Err(Failure::Code(Code::Unavailable))
        }
    }
}
