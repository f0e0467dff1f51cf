use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::http::{HeaderValue, Method};

use crate::docs_page;
use crate::endpoint::{Declaration, Endpoint, Tag};
use crate::reply::Kept;

pub(crate) fn endpoint() -> Endpoint {
    let declared = Declaration {
        method: Method::GET,
        path: "/docs",
        id: "docs",
        tag: Tag::Operation,
        summary: "This description as a page",
        description: "Needs nothing from elsewhere and runs no script.",
        codes: &[],
    };
    Endpoint::page(declared, "text/html", |app, headers| {
        let openapi = app.openapi();
        let kept = Kept {
            content_type: HeaderValue::from_static("text/html; charset=utf-8"),
            tag: &openapi.page_tag,
            body: &openapi.page,
        };
        let mut response = kept.answer(headers);
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, docs_page::content_security_policy());
        Ok(response)
    })
}
