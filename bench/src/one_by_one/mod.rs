//! The usual way to build it: the same server, but every order is a transaction of its own that locks the meal's row, checks,
//! writes and commits. It does the same work on the same schema and answers the same, so the two can be compared.

mod plan;
mod postgres;
mod sqlite;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http_api::{App, Limits, Rate, Rates};
use service::{Ambient, Service, System};
use store::{Engine, Store};
use wechat::Secret;
use wechat::mini::{self, MiniProgram};

use plan::{Order, Placed};

struct Shop {
    service: Service,
    engine: Orders,
    ids: AtomicI64,
}

enum Orders {
    Sqlite(sqlite::Writer),
    Postgres(postgres::Pool),
}

/// Serves until the process is ended. `arguments`: the database, the simulated world's address.
pub(crate) async fn serve(arguments: &[String]) -> Result<(), String> {
    let [database, world] = arguments else {
        return Err("usage: one-by-one DATABASE WORLD".to_owned());
    };
    let zone = jiff::tz::TimeZone::get("Asia/Shanghai").map_err(|error| error.to_string())?;
    let mut settings = crate::settings(zone)?;
    let mut program = mini::Config::new(sim::APPID, Secret::new(sim::APP_SECRET));
    program.base_url.clone_from(world);
    settings.mini_program = Some(MiniProgram::new(program).map_err(|error| error.to_string())?);
    let store = Store::new(database).map_err(|error| error.to_string())?;
    let engine = match store.engine() {
        Engine::Sqlite => Orders::Sqlite(sqlite::Writer::open(store.sqlite_path().ok_or("no path")?.to_owned())?),
        Engine::Postgres => Orders::Postgres(postgres::Pool::open(database).await?),
    };
    let service = Service::start(store, Arc::new(System), settings).await.map_err(|error| error.to_string())?;
    let app = App::new(service.clone(), unlimited(), Vec::new());
    // Far from the ids that the service makes of the time.
    let shop = Arc::new(Shop { service, engine, ids: AtomicI64::new(1 << 52) });
    let router = Router::new().route("/api/v1/orders", post(place)).with_state(shop).fallback_service(app.router());
    let listener = tokio::net::TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await;
    let listener = listener.map_err(|error| error.to_string())?;
    println!("fanpiao listens on http://{}", listener.local_addr().map_err(|error| error.to_string())?);
    axum::serve(listener, router).await.map_err(|error| error.to_string())
}

async fn place(State(shop): State<Arc<Shop>>, headers: HeaderMap, body: Bytes) -> Response {
    match try_place(&shop, &headers, &body).await {
        Ok(placed) => (StatusCode::CREATED, [(header::CONTENT_TYPE, "application/json")], placed).into_response(),
        Err((status, problem)) => (status, problem).into_response(),
    }
}

async fn try_place(shop: &Shop, headers: &HeaderMap, body: &[u8]) -> Result<String, (StatusCode, String)> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let token = text("authorization").and_then(|value| value.strip_prefix("Bearer "));
    let token = token.ok_or((StatusCode::UNAUTHORIZED, "no token".to_owned()))?;
    let caller = shop.service.authenticate(token).await;
    let caller = caller.map_err(|failure| (StatusCode::UNAUTHORIZED, format!("{failure:?}")))?;
    if !caller.rights.allow(kernel::Permission::OrderPlace) {
        return Err((StatusCode::FORBIDDEN, "not permitted".to_owned()));
    }
    let wanted: plan::Wanted =
        serde_json::from_slice(body).map_err(|error| (StatusCode::UNPROCESSABLE_ENTITY, error.to_string()))?;
    let first_id = shop.ids.fetch_add(3, Relaxed);
    let order = Order {
        member: caller.member.get(),
        meal: wanted.meal_id.get(),
        quantity: wanted.quantity.get(),
        key: text("idempotency-key").unwrap_or_default().to_owned(),
        id: first_id,
        transfer: first_id + 1,
        audit: first_id + 2,
        now: System.now().as_millis(),
    };
    let placed: Result<Placed, String> = match &shop.engine {
        Orders::Sqlite(writer) => writer.place(order).await,
        Orders::Postgres(pool) => pool.place(order).await,
    };
    let placed = placed.map_err(|problem| (StatusCode::BAD_REQUEST, problem))?;
    Ok(placed.answer())
}

/// One administrator reads every order back.
pub(crate) fn unlimited() -> Limits {
    let member = Rate { burst: 0, per_minute: 0 };
    Limits { rates: Rates { member, ..Rates::default() }, ..Limits::default() }
}
