use axum::http::Method;

use crate::endpoint::{Declaration, Endpoint, Tag};
use crate::reply::{self, Kept};

pub(crate) fn endpoint() -> Endpoint {
    let declared = Declaration {
        method: Method::GET,
        path: "/openapi.json",
        id: "openapi",
        tag: Tag::Operation,
        summary: "This description",
        description: "OpenAPI 3.1, made from the code that answers.",
        codes: &[],
    };
    Endpoint::page(declared, "application/json", |app, headers| {
        let openapi = app.openapi();
        let kept = Kept { content_type: reply::JSON, tag: &openapi.document_tag, body: &openapi.document };
        Ok(kept.answer(headers))
    })
}
