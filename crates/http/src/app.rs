//! Everything that the handlers share, made once at the start.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::ALLOW;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::Response;
use axum::routing::MethodRouter;
use jiff::tz::TimeZone;
use kernel::Code;

use crate::clients::Clients;
use crate::cors::Origins;
use crate::endpoint::{Endpoint, Route};
use crate::failure::Failure;
use crate::file;
use crate::frame::framed;
use crate::metrics::{Metrics, RouteIndex};
use crate::openapi::{OpenApi, Schemas};
use crate::setting::Setting;
use crate::stream::Streams;
use crate::texts;
use crate::throttle::{Client, Proxies, Rates, Throttles};
use service::{Service, Tally};
use store::Store;
use tokio::sync::Semaphore;

/// What one request may cost.
#[derive(Debug, Clone)]
pub struct Limits {
    pub body_bytes: usize,
    /// From the first header to the last byte of the answer's making.
    pub request: Duration,
    /// For the head of a request, and between two requests of one connection.
    pub header: Duration,
    /// How long running requests may take to end when the server stops.
    pub drain: Duration,
    pub rates: Rates,
    /// Whose word for another address is taken. What they ask themselves is not limited by address.
    pub proxies: Proxies,
    /// Foreign pages that may call the API.
    pub origins: Origins,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 1 << 20,
            request: Duration::from_secs(30),
            header: Duration::from_secs(30),
            drain: Duration::from_secs(30),
            rates: Rates::default(),
            proxies: Proxies::default(),
            origins: Origins::default(),
        }
    }
}

/// Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Shared>);

struct Shared {
    service: Service,
    throttles: Throttles,
    limits: Limits,
    settings: Vec<Setting>,
    metrics: Metrics,
    openapi: OpenApi,
    endpoints: Vec<Endpoint>,
    routes: Vec<Route>,
    files: Arc<Semaphore>,
    streams: Arc<Streams>,
    clients: Clients,
}

impl App {
    /// The settings are shown; what holds is in the service and the limits.
    #[must_use]
    pub fn new(service: Service, limits: Limits, settings: Vec<Setting>) -> Self {
        Self::with_endpoints(service, limits, settings, crate::endpoints::all())
    }

    pub(crate) fn with_endpoints(
        service: Service,
        limits: Limits,
        settings: Vec<Setting>,
        endpoints: Vec<Endpoint>,
    ) -> Self {
        let measured = endpoints.iter().map(|endpoint| (endpoint.method().to_string(), endpoint.path()));
        let metrics = Metrics::new(measured);
        let schemas = Schemas::of(&endpoints);
        Self(Arc::new(Shared {
            service,
            throttles: Throttles::new(&limits.rates),
            limits,
            settings,
            metrics,
            openapi: OpenApi::of(&endpoints, &schemas),
            routes: schemas.routes(&endpoints),
            clients: Clients::built_in(endpoints.iter().map(Endpoint::path)),
            endpoints,
            files: Arc::new(Semaphore::new(file::MOST_AT_ONCE)),
            streams: Streams::new(),
        }))
    }

    pub(crate) fn service(&self) -> &Service {
        &self.0.service
    }

    pub(crate) fn store(&self) -> &Store {
        self.0.service.store()
    }

    pub(crate) fn zone(&self) -> &TimeZone {
        self.0.service.zone()
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.0.limits
    }

    pub(crate) fn settings(&self) -> &[Setting] {
        &self.0.settings
    }

    pub(crate) fn throttles(&self) -> &Throttles {
        &self.0.throttles
    }

    /// Whether somebody may try to sign in now. What it answers gives the try back to who was right.
    pub(crate) fn admit(&self, client: Option<Client>, account: &str) -> Result<impl FnOnce() + use<'_>, Failure> {
        let admitted = self.0.throttles.sign_in(client, account, self.0.service.now());
        admitted.inspect_err(|_| self.0.service.count(Tally::Lockout))
    }

    /// One permit for each file that may be made at a time.
    pub(crate) fn files(&self) -> Arc<Semaphore> {
        Arc::clone(&self.0.files)
    }

    pub(crate) fn streams(&self) -> &Arc<Streams> {
        &self.0.streams
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    pub(crate) fn openapi(&self) -> &OpenApi {
        &self.0.openapi
    }

    pub(crate) fn endpoints(&self) -> &[Endpoint] {
        &self.0.endpoints
    }

    /// The routes of every endpoint, the web clients beside them, and an answer of ours for every other path and method.
    pub fn router(&self) -> Router {
        let mut paths: BTreeMap<&'static str, (MethodRouter, Vec<&str>)> = BTreeMap::new();
        for (endpoint, route) in self.endpoints().iter().zip(&self.0.routes) {
            let (methods, names) = paths.entry(endpoint.path()).or_default();
            *methods = endpoint.mount(std::mem::take(methods), self.clone(), route.clone());
            names.push(endpoint.method().as_str());
            if endpoint.method() == Method::GET {
                names.push("HEAD");
            }
        }
        let mut router = Router::new();
        for (path, (methods, mut names)) in paths {
            names.push("OPTIONS");
            let allow = HeaderValue::try_from(names.join(", ")).unwrap_or(HeaderValue::from_static("OPTIONS"));
            let app = self.clone();
            let other_method = async move |request: Request| {
                framed(&app, RouteIndex::UNKNOWN, request, async |request, _| wrong_method(&request, allow)).await
            };
            router = router.route(path, methods.fallback(other_method));
        }
        let app = self.clone();
        router.fallback(async move |request: Request| {
            framed(&app, RouteIndex::UNKNOWN, request, async |request, _| match app.0.clients.answer(&request) {
                Some(file) if matches!(*request.method(), Method::GET | Method::HEAD) => Ok(file),
                Some(_) => wrong_method(&request, HeaderValue::from_static("GET, HEAD, OPTIONS")),
                None => Err(Failure::Said(Code::NotFound, texts::NO_SUCH_PATH)),
            })
            .await
        })
    }
}

/// `OPTIONS` is told what there is, any other method that it is none of that.
fn wrong_method(request: &Request, allow: HeaderValue) -> Result<Response, Failure> {
    if request.method() != Method::OPTIONS {
        return Err(Failure::MethodNotAllowed { allow });
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(ALLOW, allow);
    Ok(response)
}
