//! Orders by closed-loop callers, each order by a member of its own; then the proof that all of them are there.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use service::{Ambient, System};
use tokio::task::JoinSet;

use super::client::{Ask, Client, find};
use crate::Problem;
use crate::arguments::PlaceOrdersArguments;

const SETUP_CALLERS: usize = 64;

/// What the lanes of all servers have done, as they tell in their metrics.
#[derive(Clone, Copy, Default)]
struct Lanes {
    batches: f64,
    commands: f64,
    batch_seconds: f64,
    commit_seconds: f64,
    retries: f64,
}

struct Run {
    lanes: Lanes,
    meals: usize,
    elapsed: Duration,
    latencies: Vec<Duration>,
    /// Whose, for which meal, under which id.
    answered: Vec<(usize, i64, i64)>,
    refused: usize,
}

/// One request by the member of that number, about an order for that meal.
struct Todo {
    method: &'static str,
    path: String,
    body: Arc<str>,
    member: usize,
    meal: i64,
}

pub(super) async fn run(arguments: &PlaceOrdersArguments) -> Result<ExitCode, Problem> {
    let servers = arguments.server.iter().map(|server| {
        let address = server.strip_prefix("http://").unwrap_or(server);
        address.parse().map_err(|error| format!("--server {address}: {error}"))
    });
    let servers: Vec<SocketAddr> = servers.collect::<Result<_, Problem>>()?;
    let password = std::fs::read_to_string(&arguments.password_file);
    let password = password.map_err(|error| format!("{}: {error}", arguments.password_file.display()))?;
    let password = password.lines().next().unwrap_or_default().to_owned();
    // Makes codes and keys of this run differ from those of every other one.
    let nonce = System.now().as_millis().to_string();

    let mut client = Client::connect(servers[0]).await?;
    let body = json!({ "account": arguments.account, "password": password }).to_string();
    let signed_in = ask(&mut client, "POST", "/api/v1/auth/password", "", &body).await?;
    let admin = string(&signed_in["token"])?;
    eprintln!("signing {} members in", arguments.orders);
    let tokens = Arc::new(sign_in(servers[0], arguments.orders, &nonce).await?);

    for (at, &meals) in arguments.meals.iter().enumerate() {
        // Twice the room, for whoever wants a second portion.
        let meals = create_meals(&mut client, &admin, meals, 2 * arguments.orders).await?;
        let go = async |what: &'static str, todo: Vec<Todo>| {
            let before = Lanes::of(&servers).await?;
            let nonce = format!("{nonce}-{at}-{what}");
            let mut run = drive(&servers, arguments.callers, meals.len(), Arc::clone(&tokens), todo, nonce).await?;
            run.lanes = Lanes::of(&servers).await?.since(before);
            Ok::<_, Problem>(run)
        };
        let run = go("place", place(tokens.len(), &meals)).await?;
        report("place", &run, arguments);
        verify(&mut client, &admin, &meals, &run).await?;
        if arguments.change {
            let changed = go("change", change("PUT", r#"{"quantity":2}"#, &run)).await?;
            report("change", &changed, arguments);
            report("cancel", &go("cancel", change("DELETE", "", &changed)).await?, arguments);
        }
    }
    check(&mut client, &admin).await?;
    Ok(ExitCode::SUCCESS)
}

#[expect(clippy::float_arithmetic, reason = "figures for people")]
impl Lanes {
    async fn of(servers: &[SocketAddr]) -> Result<Self, Problem> {
        let mut all = Self::default();
        for &server in servers {
            let mut client = Client::connect(server).await?;
            let page = Ask { method: "GET", path: "/metrics", token: "", key: "", body: "" };
            let page = String::from_utf8_lossy(client.ask(&page).await?.body).into_owned();
            let figure = |name: &str| -> f64 {
                let found = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
                found.unwrap_or(f64::NAN)
            };
            all.batches += figure("fanpiao_lane_batches_total");
            all.commands += figure("fanpiao_lane_commands_total");
            all.batch_seconds += figure("fanpiao_lane_batch_seconds_sum");
            all.commit_seconds += figure("fanpiao_lane_commit_seconds_sum");
            all.retries += figure("fanpiao_lane_retries_total");
        }
        Ok(all)
    }

    fn since(self, before: Self) -> Self {
        Self {
            batches: self.batches - before.batches,
            commands: self.commands - before.commands,
            batch_seconds: self.batch_seconds - before.batch_seconds,
            commit_seconds: self.commit_seconds - before.commit_seconds,
            retries: self.retries - before.retries,
        }
    }
}

async fn ask(client: &mut Client, method: &'static str, path: &str, token: &str, body: &str) -> Result<Value, Problem> {
    let answer = client.ask(&Ask { method, path, token, key: "", body }).await?;
    answer.data().map_err(|problem| format!("{method} {path}: {problem}"))
}

fn string(value: &Value) -> Result<String, Problem> {
    value.as_str().map(str::to_owned).ok_or_else(|| format!("a text expected, found {value}"))
}

fn number(value: &Value) -> Result<i64, Problem> {
    value.as_i64().ok_or_else(|| format!("a number expected, found {value}"))
}

async fn sign_in(server: SocketAddr, members: usize, nonce: &str) -> Result<Vec<String>, Problem> {
    let mut callers = JoinSet::new();
    let next = Arc::new(AtomicUsize::new(0));
    for _ in 0..SETUP_CALLERS {
        let (next, nonce) = (Arc::clone(&next), nonce.to_owned());
        callers.spawn(async move {
            let mut client = Client::connect(server).await?;
            let mut tokens = Vec::new();
            loop {
                let member = next.fetch_add(1, Relaxed);
                if member >= members {
                    return Ok::<_, Problem>(tokens);
                }
                let body = json!({ "code": format!("sim-bench{member}-{nonce}") }).to_string();
                let signed_in = ask(&mut client, "POST", "/api/v1/auth/login", "", &body).await?;
                tokens.push(string(&signed_in["token"])?);
            }
        });
    }
    let mut tokens = Vec::with_capacity(members);
    while let Some(ended) = callers.join_next().await {
        tokens.extend(ended.map_err(|error| error.to_string())??);
    }
    Ok(tokens)
}

/// Meals far in the future, each roomy enough for all orders.
async fn create_meals(client: &mut Client, admin: &str, count: usize, capacity: usize) -> Result<Vec<i64>, Problem> {
    let mut meals = Vec::with_capacity(count);
    let mut date: kernel::Date = "2150-01-01".parse().map_err(|error: kernel::InvalidTime| error.to_string())?;
    let mut stride = 1;
    while meals.len() < count {
        for slot in kernel::Slot::ALL {
            if meals.len() == count {
                break;
            }
            let body = json!({
                "date": date, "slot": slot, "title": "bench", "description": "", "base_price_cents": 1500,
                "capacity": capacity, "options": [], "status": "published",
            });
            let body = body.to_string();
            let ask = Ask { method: "POST", path: "/api/v1/meals", token: admin, key: "", body: &body };
            let answer = client.ask(&ask).await?;
            // The date is taken by an earlier run: look further on, in growing steps.
            if answer.status == 400 {
                stride = (stride * 2).min(60);
                break;
            }
            stride = 1;
            meals.push(number(&answer.data()?["meal_id"])?);
        }
        date = date.plus_days(stride);
    }
    Ok(meals)
}

/// An order of every member, the meals in turn.
fn place(members: usize, meals: &[i64]) -> Vec<Todo> {
    let bodies: Vec<Arc<str>> =
        meals.iter().map(|meal| format!(r#"{{"meal_id":{meal},"quantity":1}}"#).into()).collect();
    let order = |member: usize| {
        let (meal, body) = (meals[member % meals.len()], Arc::clone(&bodies[member % meals.len()]));
        Todo { method: "POST", path: "/api/v1/orders".to_owned(), body, member, meal }
    };
    (0..members).map(order).collect()
}

/// The same to every order of a run.
fn change(method: &'static str, body: &str, run: &Run) -> Vec<Todo> {
    let body: Arc<str> = body.into();
    let todo = |&(member, meal, order): &(usize, i64, i64)| {
        let path = format!("/api/v1/orders/{order}");
        Todo { method, path, body: Arc::clone(&body), member, meal }
    };
    run.answered.iter().map(todo).collect()
}

#[expect(clippy::disallowed_methods, reason = "a measurement")]
async fn drive(
    servers: &[SocketAddr],
    callers: usize,
    meals: usize,
    tokens: Arc<Vec<String>>,
    todo: Vec<Todo>,
    nonce: String,
) -> Result<Run, Problem> {
    let (todo, next) = (Arc::new(todo), Arc::new(AtomicUsize::new(0)));
    let mut clients = Vec::with_capacity(callers);
    for caller in 0..callers {
        clients.push(Client::connect(servers[caller % servers.len()]).await?);
    }
    let started = Instant::now();
    let mut running = JoinSet::new();
    for mut client in clients {
        let (tokens, todo, next, nonce) = (Arc::clone(&tokens), Arc::clone(&todo), Arc::clone(&next), nonce.clone());
        running.spawn(async move {
            let (mut latencies, mut answered, mut refused) = (Vec::new(), Vec::new(), 0);
            while let Some(Todo { method, path, body, member, meal }) = todo.get(next.fetch_add(1, Relaxed)) {
                let key = format!("{nonce}-{member}");
                let asked = Instant::now();
                let answer = client.ask(&Ask { method, path, token: &tokens[*member], key: &key, body }).await?;
                latencies.push(asked.elapsed());
                match order_id(answer.body).filter(|_| (200..300).contains(&answer.status)) {
                    Some(order) => answered.push((*member, *meal, order)),
                    None => {
                        if refused == 0 {
                            eprintln!("{}: {}", answer.status, String::from_utf8_lossy(answer.body));
                        }
                        refused += 1;
                    }
                }
            }
            Ok::<_, Problem>((latencies, answered, refused))
        });
    }
    let mut run = Run {
        lanes: Lanes::default(),
        meals,
        elapsed: Duration::ZERO,
        latencies: Vec::new(),
        answered: Vec::new(),
        refused: 0,
    };
    while let Some(ended) = running.join_next().await {
        let (latencies, answered, refused) = ended.map_err(|error| error.to_string())??;
        run.latencies.extend(latencies);
        run.answered.extend(answered);
        run.refused += refused;
    }
    run.elapsed = started.elapsed();
    run.latencies.sort_unstable();
    Ok(run)
}

fn order_id(body: &[u8]) -> Option<i64> {
    let name = b"\"order_id\":";
    let digits = &body[find(body, name)? + name.len()..];
    let end = digits.iter().position(|byte| !byte.is_ascii_digit())?;
    std::str::from_utf8(&digits[..end]).ok()?.parse().ok()
}

#[expect(clippy::float_arithmetic, reason = "figures for people")]
fn report(what: &str, run: &Run, arguments: &PlaceOrdersArguments) {
    let at = |permille: usize| {
        run.latencies.get((run.latencies.len() * permille / 1000).min(run.latencies.len().max(1) - 1))
    };
    let ms = |permille| at(permille).map_or(0.0, |latency| latency.as_secs_f64() * 1000.0);
    let rate = run.answered.len() as f64 / run.elapsed.as_secs_f64();
    let (p50, p99, most) = (ms(500), ms(990), ms(1000));
    let Lanes { batches, commands, batch_seconds, commit_seconds, retries } = run.lanes;
    let (batch, batch_ms, commit_ms) =
        (commands / batches, batch_seconds / batches * 1000.0, commit_seconds / batches * 1000.0);
    if arguments.json {
        let figures = json!({
            "what": what, "meals": run.meals, "callers": arguments.callers, "orders": run.answered.len(), "refused": run.refused,
            "orders_per_second": rate, "p50_ms": p50, "p99_ms": p99, "max_ms": most,
            "batch_commands": batch, "batch_ms": batch_ms, "commit_ms": commit_ms, "retries": retries,
        });
        say!("{figures}");
    } else {
        say!(
            "{what}  {:>4} meals  {:>4} callers  {:>7} orders  {rate:>8.0}/s  p50 {p50:.1} ms  p99 {p99:.1} ms  max {most:.1} ms  {} refused  \
             {batch:.0} in a batch of {batch_ms:.1} ms, {commit_ms:.1} ms of it the commit  {retries:.0} retries",
            run.meals,
            arguments.callers,
            run.answered.len(),
            run.refused,
        );
    }
}

/// What was acknowledged is stored, each once, and nothing else.
async fn verify(client: &mut Client, admin: &str, meals: &[i64], run: &Run) -> Result<(), Problem> {
    let acknowledged: BTreeSet<_> = run.answered.iter().map(|&(_, meal, order)| (meal, order)).collect();
    if acknowledged.len() != run.answered.len() {
        return Err("two orders were acknowledged under one id".to_owned());
    }
    let mut stored = BTreeSet::new();
    for &meal in meals {
        let found = ask(client, "GET", &format!("/api/v1/meals/{meal}"), admin, "").await?;
        let here = acknowledged.range((meal, 0)..=(meal, i64::MAX)).count();
        if number(&found["ordered_quantity"])? != i64::try_from(here).unwrap_or(-1) {
            return Err(format!("meal {meal}: {here} orders acknowledged, {} counted", found["ordered_quantity"]));
        }
        let mut cursor = String::new();
        loop {
            let path = format!("/api/v1/meals/{meal}/orders?limit=100{cursor}");
            let page = ask(client, "GET", &path, admin, "").await?;
            for order in page["orders"].as_array().into_iter().flatten() {
                stored.insert((meal, number(&order["order_id"])?));
            }
            match page["page_info"]["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
    }
    if stored != acknowledged {
        let lost = acknowledged.difference(&stored).count();
        let extra = stored.difference(&acknowledged).count();
        return Err(format!("{lost} acknowledged orders are not stored, {extra} stored ones were not acknowledged"));
    }
    eprintln!("verified: {} orders acknowledged, the same {} stored", acknowledged.len(), stored.len());
    Ok(())
}

async fn check(client: &mut Client, admin: &str) -> Result<(), Problem> {
    let report = ask(client, "GET", "/api/v1/admin/consistency", admin, "").await?;
    for (name, finding) in report["checks"].as_object().into_iter().flatten() {
        if finding["status"] != "pass" {
            return Err(format!("the books are wrong: {name}: {finding}"));
        }
    }
    eprintln!("verified: taken equals holds, balances equal entries, nothing oversold");
    Ok(())
}
