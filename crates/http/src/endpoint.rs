//! One declaration makes an endpoint: its route, who may call it, how its input is read, and its page in the documentation.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use axum::routing::{MethodFilter, MethodRouter};
use bytes::Bytes;
use kernel::{Code, Permission};
use schemars::generate::SchemaGenerator;
use schemars::{JsonSchema, Schema};
use serde::de::DeserializeOwned;

use crate::App;
use crate::caller::{Access, Caller, Identity, Visitor};
use crate::failure::Failure;
use crate::frame::{Setting, framed};
use crate::input::{self, Nothing, Shape};
use crate::metrics::RouteIndex;
use crate::reply::Answers;

/// A chapter of the documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tag {
    SignIn,
    Meals,
    Orders,
    Shop,
    Cabinets,
    Wallet,
    Booking,
    Administration,
    Operation,
}

impl Tag {
    pub(crate) const ALL: [Self; 9] = [
        Self::SignIn,
        Self::Meals,
        Self::Orders,
        Self::Shop,
        Self::Cabinets,
        Self::Wallet,
        Self::Booking,
        Self::Administration,
        Self::Operation,
    ];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::SignIn => "Sign in",
            Self::Meals => "Meals",
            Self::Orders => "Orders",
            Self::Shop => "Shop",
            Self::Cabinets => "Cabinets",
            Self::Wallet => "Wallet",
            Self::Booking => "Batch booking",
            Self::Administration => "Administration",
            Self::Operation => "Operation",
        }
    }
}

/// What an endpoint is, apart from its types and its code. Who may call it is said by the function that makes it one.
pub(crate) struct Declaration {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    /// The operation's name in generated clients.
    pub(crate) id: &'static str,
    pub(crate) tag: Tag,
    pub(crate) summary: &'static str,
    pub(crate) description: &'static str,
    /// What it may answer beside the codes that follow from its form: see [`Endpoint::codes`].
    pub(crate) codes: &'static [Code],
}

/// The parts of a request that passed every check of form.
#[derive(Debug)]
pub(crate) struct Input<P = Nothing, Q = Nothing, B = Nothing> {
    pub(crate) path: P,
    pub(crate) query: Q,
    pub(crate) body: B,
}

/// What an endpoint answers with.
pub(crate) enum Answer {
    /// The envelope around this type.
    Enveloped(fn(&mut SchemaGenerator) -> Schema),
    /// A file of this media type, made while it is sent.
    File(&'static str),
    /// Events of this media type, sent as they happen.
    Events(&'static str),
    /// A page of this media type.
    Page(&'static str),
    /// The envelope around an object of which a partner's protocol says what is in it.
    Partner,
    /// Nothing, or an error of WeChat's own kind.
    Notification,
}

pub struct Endpoint {
    pub(crate) declared: Declaration,
    pub(crate) access: Access,
    pub(crate) path: fn(&mut SchemaGenerator) -> Schema,
    pub(crate) query: fn(&mut SchemaGenerator) -> Schema,
    pub(crate) body: fn(&mut SchemaGenerator) -> Schema,
    pub(crate) answer: Answer,
    mount: Box<dyn Fn(MethodRouter, App, Route) -> MethodRouter + Send + Sync>,
}

/// An endpoint's schemas and its place among the measures, as its running code needs them.
#[derive(Clone)]
pub(crate) struct Route {
    pub(crate) index: RouteIndex,
    pub(crate) access: Access,
    pub(crate) shapes: Arc<Shapes>,
}

#[derive(Debug)]
pub(crate) struct Shapes {
    pub(crate) path: Shape,
    pub(crate) query: Shape,
    pub(crate) body: Shape,
}

impl Endpoint {
    /// Anybody may call it.
    pub(crate) fn public<P, Q, B, R, F, Fut>(declared: Declaration, handle: F) -> Self
    where
        P: DeserializeOwned + JsonSchema + Send + 'static,
        Q: DeserializeOwned + JsonSchema + Send + 'static,
        B: DeserializeOwned + JsonSchema + Send + 'static,
        R: Answers,
        F: Fn(App, Visitor, Input<P, Q, B>) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<R, Failure>> + Send + 'static,
    {
        Self::new(declared, Access::Public, handle)
    }

    /// Any signed-in member may call it.
    pub(crate) fn signed_in<P, Q, B, R, F, Fut>(declared: Declaration, handle: F) -> Self
    where
        P: DeserializeOwned + JsonSchema + Send + 'static,
        Q: DeserializeOwned + JsonSchema + Send + 'static,
        B: DeserializeOwned + JsonSchema + Send + 'static,
        R: Answers,
        F: Fn(App, Caller, Input<P, Q, B>) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<R, Failure>> + Send + 'static,
    {
        Self::new(declared, Access::SignedIn, handle)
    }

    /// Who holds the permission may call it.
    pub(crate) fn needs<P, Q, B, R, F, Fut>(permission: Permission, declared: Declaration, handle: F) -> Self
    where
        P: DeserializeOwned + JsonSchema + Send + 'static,
        Q: DeserializeOwned + JsonSchema + Send + 'static,
        B: DeserializeOwned + JsonSchema + Send + 'static,
        R: Answers,
        F: Fn(App, Caller, Input<P, Q, B>) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<R, Failure>> + Send + 'static,
    {
        Self::new(declared, Access::Needs(permission), handle)
    }

    /// A page for anybody, without envelope.
    pub(crate) fn page<F>(declared: Declaration, media_type: &'static str, handle: F) -> Self
    where
        F: Fn(&App, &HeaderMap) -> Result<Response, Failure> + Clone + Send + Sync + 'static,
    {
        let filter = filter(&declared.method);
        let mount = move |methods: MethodRouter, app: App, route: Route| {
            let handle = handle.clone();
            methods.on(filter, move |request: Request| paged(app.clone(), route.index, request, handle.clone()))
        };
        Self {
            declared,
            access: Access::Public,
            path: inline_schema_of::<Nothing>,
            query: inline_schema_of::<Nothing>,
            body: schema_of::<Nothing>,
            answer: Answer::Page(media_type),
            mount: Box::new(mount),
        }
    }

    /// For a partner, who proves itself by what it sends.
    pub(crate) fn partner<F, Fut>(declared: Declaration, handle: F) -> Self
    where
        F: Fn(App, Parts, Bytes) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<Response, Failure>> + Send + 'static,
    {
        Self::callback(Answer::Partner, declared, handle)
    }

    /// For WeChat, which proves itself by what it sends.
    pub(crate) fn notification<F, Fut>(declared: Declaration, handle: F) -> Self
    where
        F: Fn(App, Parts, Bytes) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<Response, Failure>> + Send + 'static,
    {
        Self::callback(Answer::Notification, declared, handle)
    }

    fn callback<F, Fut>(answer: Answer, declared: Declaration, handle: F) -> Self
    where
        F: Fn(App, Parts, Bytes) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<Response, Failure>> + Send + 'static,
    {
        let filter = filter(&declared.method);
        let mount = move |methods: MethodRouter, app: App, route: Route| {
            let handle = handle.clone();
            methods.on(filter, move |request: Request| {
                let (app, handle) = (app.clone(), handle.clone());
                async move {
                    framed(&app, route.index, request, async |request, _| {
                        let (parts, body) = request.into_parts();
                        let limits = app.limits();
                        // What was signed is the bytes, and their sender may call them anything.
                        let bytes = input::read_raw(&parts.headers, body, limits.body_bytes, limits.request).await?;
                        handle(app.clone(), parts, bytes).await
                    })
                    .await
                }
            })
        };
        Self {
            declared,
            access: Access::Public,
            path: inline_schema_of::<Nothing>,
            query: inline_schema_of::<Nothing>,
            body: schema_of::<Nothing>,
            answer,
            mount: Box::new(mount),
        }
    }

    fn new<C, P, Q, B, R, F, Fut>(declared: Declaration, access: Access, handle: F) -> Self
    where
        C: Identity + 'static,
        P: DeserializeOwned + JsonSchema + Send + 'static,
        Q: DeserializeOwned + JsonSchema + Send + 'static,
        B: DeserializeOwned + JsonSchema + Send + 'static,
        R: Answers,
        F: Fn(App, C, Input<P, Q, B>) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<R, Failure>> + Send + 'static,
    {
        let filter = filter(&declared.method);
        let mount = move |methods: MethodRouter, app: App, route: Route| {
            let handle = handle.clone();
            methods.on(filter, move |request: Request| {
                let (app, route, handle) = (app.clone(), route.clone(), handle.clone());
                async move {
                    framed(&app, route.index, request, |request, setting| {
                        answer(&app, &route, request, setting, handle)
                    })
                    .await
                }
            })
        };
        Self {
            declared,
            access,
            path: inline_schema_of::<P>,
            query: inline_schema_of::<Q>,
            body: schema_of::<B>,
            answer: R::form(),
            mount: Box::new(mount),
        }
    }

    pub(crate) fn mount(&self, methods: MethodRouter, app: App, route: Route) -> MethodRouter {
        (self.mount)(methods, app, route)
    }

    #[must_use]
    pub fn method(&self) -> &Method {
        &self.declared.method
    }

    #[must_use]
    pub fn path(&self) -> &'static str {
        self.declared.path
    }

    #[must_use]
    pub fn access(&self) -> Access {
        self.access
    }

    /// Whether it changes something, and so takes a body and an idempotency key.
    pub(crate) fn is_write(&self) -> bool {
        !self.declared.method.is_safe()
    }

    /// Everything it may answer when it does not do what was asked: what its form makes possible, and what it declares.
    pub(crate) fn codes(&self) -> Vec<Code> {
        let mut codes = self.codes_of_form();
        codes.extend(self.declared.codes);
        codes.sort_unstable();
        codes.dedup();
        codes
    }

    pub(crate) fn codes_of_form(&self) -> Vec<Code> {
        let mut codes = vec![Code::RateLimited, Code::Internal];
        match self.answer {
            Answer::Page(_) => return codes,
            Answer::Partner | Answer::Notification => {
                codes.extend([Code::RequestTimeout, Code::PayloadTooLarge]);
                return codes;
            }
            Answer::Enveloped(_) | Answer::File(_) | Answer::Events(_) => {}
        }
        codes.extend([Code::ValidationError, Code::Unavailable]);
        if self.access != Access::Public {
            codes.push(Code::InvalidToken);
        }
        if matches!(self.access, Access::Needs(_)) {
            codes.push(Code::PermissionDenied);
        }
        if self.is_write() {
            codes.extend([
                Code::RequestTimeout,
                Code::PayloadTooLarge,
                Code::UnsupportedMediaType,
                Code::OutcomeUnknown,
            ]);
            if self.access != Access::Public {
                codes.extend([Code::IdempotencyConflict, Code::ConcurrencyError]);
            }
        }
        codes
    }
}

async fn paged<F>(app: App, index: RouteIndex, request: Request, handle: F) -> Response
where
    F: Fn(&App, &HeaderMap) -> Result<Response, Failure>,
{
    framed(&app, index, request, async |request, _| handle(&app, request.headers())).await
}

fn filter(method: &Method) -> MethodFilter {
    match MethodFilter::try_from(method.clone()) {
        Ok(filter) => filter,
        Err(_) => panic!("{method} is not a method that routes know"),
    }
}

pub(crate) fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// Parameters are listed one by one: their struct has no name outside.
fn inline_schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    T::json_schema(generator)
}

/// In this order: who asks, may they, does the body come whole and in time, is everything well-formed; then the handler.
async fn answer<C, P, Q, B, R, F, Fut>(
    app: &App,
    route: &Route,
    request: Request,
    setting: Setting,
    handle: F,
) -> Result<Response, Failure>
where
    C: Identity,
    P: DeserializeOwned + Send,
    Q: DeserializeOwned,
    B: DeserializeOwned,
    R: Answers,
    F: Fn(App, C, Input<P, Q, B>) -> Fut,
    Fut: Future<Output = Result<R, Failure>>,
{
    let language = setting.language;
    let limits = app.limits();
    let (mut parts, body) = request.into_parts();
    let is_write = !parts.method.is_safe();

    let asked = C::of(app, route.access, &parts, language);
    let mut caller = match tokio::time::timeout(left(&setting, limits.request), asked).await {
        Ok(identified) => identified?,
        Err(_) => return Err(Failure::Code(Code::Unavailable)),
    };
    let bytes = if is_write {
        let bytes = input::read(&parts.headers, body, limits.body_bytes, left(&setting, limits.request)).await?;
        caller = caller.keyed(&parts, &bytes, language)?;
        bytes
    } else {
        Default::default()
    };
    let input = read_input(&mut parts, &bytes, &route.shapes, language).await?;

    match tokio::time::timeout(left(&setting, limits.request), handle(app.clone(), caller, input)).await {
        Ok(replied) => replied?.into_response(language),
        // The command may be on its way: nobody can say that nothing was done.
        Err(_) if is_write => Err(Failure::Code(Code::OutcomeUnknown)),
        Err(_) => Err(Failure::Code(Code::Unavailable)),
    }
}

fn left(setting: &Setting, whole: Duration) -> Duration {
    whole.saturating_sub(setting.started.elapsed())
}

/// Names what is wrong in the path, the query and the body all at once.
async fn read_input<P, Q, B>(
    parts: &mut Parts,
    bytes: &[u8],
    shapes: &Shapes,
    language: crate::texts::Language,
) -> Result<Input<P, Q, B>, Failure>
where
    P: DeserializeOwned + Send,
    Q: DeserializeOwned,
    B: DeserializeOwned,
{
    let path = match input::path(parts, &shapes.path, language).await {
        Ok(path) => Ok(path),
        Err(Failure::Invalid(problems)) => Err(problems),
        Err(other) => return Err(other),
    };
    let query = input::query(parts.uri.query().unwrap_or_default(), &shapes.query, language);
    let body = input::json(bytes, &shapes.body, language);
    match (path, query, body) {
        (Ok(path), Ok(query), Ok(body)) => Ok(Input { path, query, body }),
        (path, query, body) => {
            let wrong = [path.err(), query.err(), body.err()];
            Err(Failure::Invalid(wrong.into_iter().flatten().flatten().collect()))
        }
    }
}
