//! A meal's workbook through the endpoint, on both engines, beside the same four sheets made with pandas and openpyxl.

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use aws_lc_rs::digest::{SHA256, digest};
use axum::body::Body;
use axum::http::Request as HttpRequest;
use axum::http::header::AUTHORIZATION;
use http_api::{App, Limits};
use http_body_util::BodyExt;
use kernel::{
    Actor, AddMember, Chosen, Command as Ask, CreateMeal, MealId, MemberId, MenuOption, NewGrant, NewSession,
    OpenSession, Openid, OptionId, Outcome, PlaceOrder, Profile, Role, RoleGrant, Scope, Slot,
};
use serde_json::{Value, json};
use service::{Request, Service, System, uuid};
use store::Store;
use tokio::task::JoinSet;
use tower::ServiceExt;

use crate::process::{figures, median, peak_mb, python};

const CALLERS: usize = 256;
const TOKEN: &str = "only for this run";
const PEER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/sheets.py");

/// `arguments`: how many orders (100,000), how many rounds (3).
pub(crate) async fn run(arguments: &[String]) -> Result<(), String> {
    let number = |at: usize, otherwise: usize| match arguments.get(at) {
        Some(text) => text.parse().map_err(|error| format!("{text}: {error}")),
        None => Ok(otherwise),
    };
    let (orders, rounds) = (number(0, 100_000)?, number(1, 3)?);
    let folder = testing::TempDir::new();
    let database = testing::postgres::fresh_database();
    let file = folder.join("bench.db");
    let sqlite = format!("sqlite:{}", file.display());
    let meals = [
        ("sqlite", sqlite.as_str(), fill(&sqlite, orders).await?),
        ("postgres", database.url(), fill(database.url(), orders).await?),
    ];
    let python = python(folder.path(), "pandas, openpyxl", &["pandas", "openpyxl"]);

    println!(
        "a meal of {orders} orders as a workbook of four sheets, medians of {rounds} rounds, each in a new process"
    );
    let (mut ours, mut theirs) = ([Vec::new(), Vec::new()], Vec::new());
    for _ in 0..rounds {
        for ((engine, url, meal), figures) in meals.iter().zip(&mut ours) {
            figures.push(export(url, *meal, &folder.join(format!("{engine}.xlsx")))?);
        }
        if let Ok(python) = &python {
            let meal = meals[0].2.get().to_string();
            let mut command = Command::new(python);
            command.arg(PEER).arg(&file).arg(meal).arg(folder.join("pandas.xlsx"));
            theirs.push(figures(&mut command)?);
        }
    }
    let size = |name: &str| std::fs::metadata(folder.join(name)).map_or(0, |file| file.len() / 1024);
    println!("{:<20} {:>9} {:>9} {:>9} {:>8} {:>8}", "", "seconds", "peak MB", "idle MB", "file KB", "ratio");
    let their_time = median(&theirs, "seconds");
    for ((engine, ..), figures) in meals.iter().zip(&ours) {
        println!(
            "{engine:<20} {:>9.3} {:>9.0} {:>9.0} {:>8} {:>7.1}×",
            median(figures, "seconds"),
            median(figures, "peak_mb"),
            median(figures, "idle_mb"),
            size(&format!("{engine}.xlsx")),
            ratio(their_time, median(figures, "seconds"))
        );
    }
    match python {
        Ok(_) => println!(
            "{:<20} {their_time:>9.3} {:>9.0} {:>9} {:>8}",
            "pandas, openpyxl",
            median(&theirs, "peak_mb"),
            "",
            size("pandas.xlsx")
        ),
        Err(problem) => println!(
            "pandas and openpyxl were left out: {problem}\nThey need python3 with venv and pip, or a python3 that has both, \
             named in FANPIAO_BENCH_PYTHON."
        ),
    }
    Ok(())
}

/// One export in this process, which has done nothing else: `arguments` are the database, the meal and the file.
#[expect(clippy::disallowed_methods, reason = "a measurement")]
pub(crate) async fn export_once(arguments: &[String]) -> Result<(), String> {
    let [url, meal, path] = arguments else {
        return Err("needs a database, a meal and a file".to_owned());
    };
    let service = start(url).await?;
    let router = App::new(service.clone(), Limits::default(), Vec::new()).router();
    let request = HttpRequest::get(format!("/api/v1/meals/{meal}/export"))
        .header(AUTHORIZATION, format!("Bearer {TOKEN}"))
        .body(Body::empty())
        .map_err(|error| error.to_string())?;
    let mut file = std::fs::File::create(path).map_err(|error| error.to_string())?;
    let idle_mb = peak_mb();

    let started = Instant::now();
    let response = router.oneshot(request).await.map_err(|never| never.to_string())?;
    let status = response.status();
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| error.to_string())?;
        if let Ok(bytes) = frame.into_data() {
            file.write_all(&bytes).map_err(|error| error.to_string())?;
        }
    }
    let seconds = started.elapsed().as_secs_f64();

    service.stop().await;
    if !status.is_success() {
        return Err(format!("answered {status}"));
    }
    println!("{}", json!({"seconds": seconds, "peak_mb": peak_mb(), "idle_mb": idle_mb}));
    Ok(())
}

fn export(url: &str, meal: MealId, path: &Path) -> Result<Value, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(own);
    command.args(["export-once", url, &meal.get().to_string()]).arg(path);
    figures(&mut command)
}

#[expect(clippy::float_arithmetic, reason = "figures for people")]
fn ratio(a: f64, b: f64) -> f64 {
    a / b
}

async fn start(url: &str) -> Result<Service, String> {
    let zone = jiff::tz::TimeZone::get("Asia/Shanghai").map_err(|error| error.to_string())?;
    let store = Store::new(url).map_err(|error| error.to_string())?;
    let service = Service::start(store, Arc::new(System), crate::settings(zone)?).await;
    service.map_err(|error| error.to_string())
}

/// An administrator with a token, and a meal with so many orders by as many members.
async fn fill(url: &str, orders: usize) -> Result<MealId, String> {
    let service = start(url).await?;
    let mut token_hash = [0; 32];
    token_hash.copy_from_slice(digest(&SHA256, TOKEN.as_bytes()).as_ref());
    let grant = NewGrant::As(RoleGrant { role: Role::Admin.code(), scope: Scope::Everywhere });
    let admin = add_member(&service, "管理员".to_owned(), None, vec![grant]).await?;
    let session = NewSession { token_hash, expires_at: service.now().plus_millis(24 * 3_600_000) };
    let open = Ask::OpenSession(OpenSession { member: admin, session });
    service.run(Request::by_house(open)).await.map_err(|failure| format!("{failure:?}"))?;
    let meal = add_meal(&service, orders).await?;

    let mut running = JoinSet::new();
    for caller in 0..CALLERS {
        let service = service.clone();
        running.spawn(async move {
            for at in (caller..orders).step_by(CALLERS) {
                place(&service, meal, at).await?;
            }
            Ok::<_, String>(())
        });
    }
    while let Some(ended) = running.join_next().await {
        ended.map_err(|error| error.to_string())??;
    }
    service.stop().await;
    Ok(meal)
}

async fn add_member(
    service: &Service,
    nickname: String,
    openid: Option<Openid>,
    grants: Vec<NewGrant>,
) -> Result<MemberId, String> {
    let command = Ask::AddMember(AddMember {
        profile: Profile { uid: uuid(service.ambient()), nickname },
        account: None,
        password_hash: None,
        openid,
        department: None,
        overdraft_limit: None,
        grants,
    });
    match service.run(Request::by_house(command)).await {
        Ok(Outcome::Member { member }) => Ok(member.id),
        other => Err(format!("{other:?}")),
    }
}

async fn add_meal(service: &Service, orders: usize) -> Result<MealId, String> {
    let options = [("鸡腿", 300), ("卤蛋", 150), ("加饭", 100), ("不要饭", -200), ("例汤", 200), ("酸奶", 450)];
    let option = |(name, price): (&str, i64)| {
        Some(MenuOption { id: None, name: name.to_owned().try_into().ok()?, price_cents: price.try_into().ok()? })
    };
    let command = Ask::CreateMeal(CreateMeal {
        date: "2150-01-01".parse().map_err(|error: kernel::InvalidTime| error.to_string())?,
        slot: Slot::Lunch,
        title: None,
        description: "红烧肉、清炒时蔬、米饭"
            .to_owned()
            .try_into()
            .map_err(|error: kernel::InvalidText| error.to_string())?,
        base_price: 1500.try_into().map_err(|error: kernel::OutOfRange| error.to_string())?,
        capacity: i64::try_from(orders * 3).map_err(|error| error.to_string())?,
        options: options.into_iter().filter_map(option).collect(),
        orders_close_at: None,
        pickup_windows: Vec::new(),
        publish: true,
    });
    match service.run(Request::by_house(command)).await {
        Ok(Outcome::Meal(meal)) => Ok(meal.meal.id),
        other => Err(format!("{other:?}")),
    }
}

/// One to three portions, none to three options, a remark on every third.
async fn place(service: &Service, meal: MealId, at: usize) -> Result<(), String> {
    let nickname = format!("{}小明{at}", ["张", "欧阳", "🍱", "=", "O'Neill & "][at % 5]);
    let openid = service.vault().seal_openid(&format!("oUpF8uMuAJO_M2pxb1Q9{at:08}"));
    let openid = openid.map_err(|failure| format!("{failure:?}"))?;
    let member = add_member(service, nickname, Some(openid), Vec::new()).await?;
    let id = |option: usize| Chosen { id: OptionId::Number(i64::try_from(option % 6).unwrap_or(0) + 1) };
    let notes = if at.is_multiple_of(3) { "少放辣，谢谢！放在前台就好" } else { "" };
    let command = Ask::PlaceOrder(PlaceOrder {
        member,
        meal,
        quantity: (i64::try_from(at % 3).unwrap_or(0) + 1)
            .try_into()
            .map_err(|error: kernel::OutOfRange| error.to_string())?,
        options: (0..at % 4).map(|option| id(at / 4 + option)).collect(),
        notes: notes.to_owned().try_into().map_err(|error: kernel::InvalidText| error.to_string())?,
        pickup_window: None,
    });
    let request = Request { actor: Actor { member: Some(member), ..Actor::house() }, ..Request::by_house(command) };
    service.run(request).await.map(drop).map_err(|failure| format!("{failure:?}"))
}
