use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::http::{HeaderValue, Method};

use crate::endpoint::{Declaration, Endpoint, Tag};
use crate::reply::Kept;
use crate::{docs_page, manual};

pub(crate) fn endpoint() -> Endpoint {
    let declared = Declaration {
        method: Method::GET,
        path: "/docs/configuration",
        id: "configurationDocs",
        tag: Tag::Operation,
        summary: "What can be configured, as a page",
        description: "What each setting means, with its default.",
        codes: &[],
    };
    Endpoint::page(declared, "text/html", |_, headers| {
        let manual = manual::configuration();
        let kept = Kept {
            content_type: HeaderValue::from_static("text/html; charset=utf-8"),
            tag: &manual.tag,
            body: &manual.page,
        };
        let mut response = kept.answer(headers);
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, docs_page::content_security_policy());
        Ok(response)
    })
}
