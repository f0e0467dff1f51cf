//! What only endpoints made for the purpose can show: panics, endless work, and answers that cannot be.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request};
use axum::response::Response;
use http_body_util::BodyExt;
use kernel::Code;
use serde_json::{Value, json};
use service::{Service, Settings, System};
use store::Store;
use tower::ServiceExt;

use crate::caller::Visitor;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::file::{Turn, Workbook};
use crate::openapi::Schemas;
use crate::reply::Reply;
use crate::{App, Limits};

fn declared(method: Method) -> Declaration {
    Declaration {
        method,
        path: "/try",
        id: "try",
        tag: Tag::Operation,
        summary: "A trial",
        description: "A trial.",
        codes: &[],
    }
}

async fn answer_of(endpoint: Endpoint) -> (Response, App, testing::TempDir) {
    let folder = testing::TempDir::new();
    let store = Store::new(&format!("sqlite:{}", folder.path().join("fanpiao.db").display())).expect("an address");
    let settings = Settings::new(jiff::tz::TimeZone::UTC);
    let service = Service::start(store, Arc::new(System), settings).await.expect("started");
    let limits = Limits { request: Duration::from_millis(50), ..Limits::default() };
    let request = Request::builder().method(endpoint.method()).uri("/try");
    let app = App::with_endpoints(service, limits, Vec::new(), vec![endpoint]);
    let request = request.body(Body::empty()).expect("a request");
    let response = app.router().oneshot(request).await.expect("infallible");
    (response, app, folder)
}

async fn try_it(endpoint: Endpoint) -> (u16, Value, App) {
    let (response, app, _folder) = answer_of(endpoint).await;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.expect("a body").to_bytes();
    (status, serde_json::from_slice(&body).expect("JSON"), app)
}

#[tokio::test]
async fn a_panic_tells_the_caller_nothing_and_is_counted() {
    async fn handle(_: App, _: Visitor, _: Input) -> Result<Reply<()>, Failure> {
        panic!("a secret of the inside");
    }
    let (status, body, app) = try_it(Endpoint::public(declared(Method::GET), handle)).await;
    assert_eq!((status, &body["error_code"]), (500, &json!("INTERNAL_ERROR")));
    assert!(!body.to_string().contains("secret"));
    let mut page = String::new();
    app.metrics().write(&mut page);
    assert!(page.contains("fanpiao_http_requests_running 0\n"));
    assert!(page.contains("path=\"/try\",status=\"5xx\"} 1\n"));
}

#[tokio::test]
async fn a_fault_tells_the_caller_nothing() {
    async fn handle(_: App, _: Visitor, _: Input) -> Result<Reply<()>, Failure> {
        Err(Failure::fault("a secret of the inside"))
    }
    let (status, body, _) = try_it(Endpoint::public(declared(Method::GET), handle)).await;
    assert_eq!((status, &body["error_code"]), (500, &json!("INTERNAL_ERROR")));
    assert!(!body.to_string().contains("secret"));
}

#[tokio::test]
async fn what_takes_too_long_is_unavailable_or_unknown() {
    async fn handle(_: App, _: Visitor, _: Input) -> Result<Reply<()>, Failure> {
        std::future::pending().await
    }
    let (status, body, _) = try_it(Endpoint::public(declared(Method::GET), handle)).await;
    assert_eq!((status, &body["error_code"]), (503, &json!("SERVICE_UNAVAILABLE")));
    let (status, body, _) = try_it(Endpoint::public(declared(Method::POST), handle)).await;
    assert_eq!((status, &body["error_code"]), (503, &json!("OUTCOME_UNKNOWN")));
}

/// Whatever ends a file early, its reader does not take what came for all of it.
#[tokio::test]
async fn a_file_that_is_cut_off_is_no_file() {
    async fn handle(app: App, which: usize) -> Result<Workbook, Failure> {
        let turn = Turn::wait(&app).await?;
        Workbook::new(&app, turn, "x", "x", move |mut out| {
            std::io::Write::write_all(&mut out, b"a beginning")?;
            match which {
                0 => Err("a secret of the inside".into()),
                1 => panic!("a secret of the inside"),
                2 => Ok(()),
                _ => Ok(out.end()?),
            }
        })
    }
    for which in 0..4 {
        let handle = move |app: App, _: Visitor, _: Input| handle(app, which);
        let (response, _, _folder) = answer_of(Endpoint::public(declared(Method::GET), handle)).await;
        assert_eq!(response.status().as_u16(), 200);
        let body = response.into_body().collect().await;
        assert_eq!(body.is_ok(), which == 3, "{which}");
    }
}

/// Who takes nothing is given up after a while, and the next one has the turn.
#[tokio::test]
async fn a_file_that_nobody_takes_is_given_up() {
    async fn handle(app: App, _: Visitor, _: Input) -> Result<Workbook, Failure> {
        let turn = Turn::wait(&app).await?;
        Workbook::new(&app, turn, "x", "x", |mut out| {
            for _ in 0..100 {
                std::io::Write::write_all(&mut out, &[0; 64 * 1024])?;
            }
            Ok(out.end()?)
        })
    }
    let (held, app, _folder) = answer_of(Endpoint::public(declared(Method::GET), handle)).await;
    let files = app.files();
    let all = u32::try_from(crate::file::MOST_AT_ONCE).expect("a few");
    let freed = tokio::time::timeout(Duration::from_secs(60), files.acquire_many(all)).await;
    drop(freed.expect("given up").expect("open"));
    assert!(held.into_body().collect().await.is_err());
}

#[test]
fn a_type_reads_as_it_writes() {
    assert_eq!(Schemas::of(&crate::endpoints()).conflicts(), [""; 0]);
}

/// The codes that an endpoint declares are those that its form does not give it already.
#[test]
fn no_code_is_declared_twice() {
    for endpoint in crate::endpoints() {
        let mut declared: Vec<Code> = endpoint.declared.codes.to_vec();
        let count = declared.len();
        declared.sort_unstable();
        declared.dedup();
        assert_eq!(declared.len(), count, "{}", endpoint.path());
        let mut from_form = endpoint.codes_of_form();
        from_form.retain(|code| [Code::ValidationError, Code::Internal, Code::PermissionDenied].contains(code));
        assert!(!declared.iter().any(|code| from_form.contains(code)), "{}", endpoint.path());
    }
}
