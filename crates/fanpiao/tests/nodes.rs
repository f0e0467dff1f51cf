//! Two servers on one PostgreSQL: one of them is killed, the primary under them is lost, a newer one is put beside an older one. Whoever
//! was not answered asks again under the same key, wherever somebody answers.

#![cfg(test)]

mod common;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Output;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex};
use std::thread;
use std::time::Duration;

use common::{Home, Process, ask, check, create_meal, fanpiao, must_add_admin, sign_in, sign_in_admin};
use testing::postgres::{Cluster, fresh_database_on, run_sql};

const CALLERS: usize = 8;
const MEMBERS: usize = 32;
const MEALS: usize = 6;

/// Orders of each member for each meal, each under a key of its own.
struct Load {
    round: usize,
    servers: Vec<SocketAddr>,
    tokens: Vec<String>,
    meals: Vec<i64>,
    next: AtomicUsize,
    orders: Mutex<BTreeMap<String, i64>>,
    grown: Condvar,
}

impl Load {
    fn prepare(servers: &[&Process]) -> Self {
        Self::prepare_round(servers, 0)
    }

    fn prepare_round(servers: &[&Process], round: usize) -> Self {
        let servers: Vec<_> = servers.iter().map(|server| server.address).collect();
        let admin = sign_in_admin(servers[0]);
        let date = |meal: usize| format!("2030-{:02}-{:02}", round + 1, meal + 1);
        Self {
            round,
            tokens: (0..MEMBERS).map(|at| sign_in(servers[0], &format!("member{round}of{at}"))).collect(),
            meals: (0..MEALS).map(|meal| create_meal(servers[0], &admin, &date(meal), 1000)).collect(),
            servers,
            next: AtomicUsize::new(0),
            orders: Mutex::default(),
            grown: Condvar::new(),
        }
    }

    /// Has everything ordered, and does `blow` when `after` orders are acknowledged.
    fn run(&self, after: usize, blow: impl FnOnce()) {
        thread::scope(|scope| {
            for caller in 0..CALLERS {
                scope.spawn(move || self.call(caller));
            }
            let (orders, late) = (self.orders.lock().expect("whole"), Duration::from_secs(120));
            let (orders, waited) =
                self.grown.wait_timeout_while(orders, late, |orders| orders.len() < after).expect("whole");
            assert!(!waited.timed_out(), "{} orders of {after} are acknowledged", orders.len());
            drop(orders);
            blow();
        });
    }

    fn call(&self, caller: usize) {
        let mut server = caller;
        loop {
            let at = self.next.fetch_add(1, Ordering::Relaxed);
            if at >= MEMBERS * MEALS {
                return;
            }
            let key = self.key(at);
            for tries in 0.. {
                assert!(tries < 1200, "{key} is never answered");
                if let Some(order) = self.place(self.servers[server % self.servers.len()], at, &key) {
                    self.orders.lock().expect("whole").insert(key, order);
                    self.grown.notify_all();
                    break;
                }
                // To the other one, which may know more.
                server += 1;
                thread::sleep(Duration::from_millis(50));
            }
        }
    }

    fn key(&self, at: usize) -> String {
        format!("round-{}-{at}", self.round)
    }

    /// The order, or nothing where one has to ask again.
    fn place(&self, server: SocketAddr, at: usize, key: &str) -> Option<i64> {
        let (token, meal) = (&self.tokens[at % MEMBERS], self.meals[at / MEMBERS]);
        let headers = [("Authorization", &*format!("Bearer {token}")), ("Idempotency-Key", key)];
        let body = format!(r#"{{"meal_id":{meal},"quantity":1}}"#);
        let (status, answer) = ask(server, "POST", "/api/v1/orders", &headers, &body).ok()?;
        assert!(status == 200 || status >= 500 || status == 409, "{key}: {status} {answer}");
        answer["data"]["order_id"].as_i64()
    }

    /// Every key stands for the order that was acknowledged, at this server, and every meal has its orders once.
    fn is_whole(&self, home: &Home, server: SocketAddr) {
        let orders = self.orders.lock().expect("whole");
        assert_eq!(orders.len(), MEMBERS * MEALS);
        for at in 0..MEMBERS * MEALS {
            let key = self.key(at);
            assert_eq!(self.place(server, at, &key), orders.get(&key).copied(), "{key}");
        }
        let bearer = format!("Bearer {}", sign_in_admin(server));
        for meal in &self.meals {
            let path = format!("/api/v1/meals/{meal}");
            let (_, answer) = ask(server, "GET", &path, &[("Authorization", &bearer)], "").expect("answered");
            assert_eq!(answer["data"]["ordered_quantity"], MEMBERS, "meal {meal}");
        }
        let (right, printed) = check(home);
        assert!(right, "{printed}");
    }
}

fn is_ready(server: SocketAddr) -> bool {
    ask(server, "GET", "/health/ready", &[], "").is_ok_and(|(status, _)| status == 200)
}

/// Waits for something that has to come, however busy the machine is.
fn until(what: &str, done: impl Fn() -> bool) {
    for _ in 0..1200 {
        if done() {
            return;
        }
        thread::sleep(Duration::from_millis(100));
    }
    panic!("waited in vain: {what}");
}

#[test]
fn either_server_is_killed_and_the_other_goes_on() {
    let home = Home::postgres();
    let world = Process::world();
    must_add_admin(&home);
    for round in 0..2 {
        let (killed, other) = (Process::serve(&home, world.address), Process::serve(&home, world.address));
        let load = Load::prepare_round(&[&killed, &other], round);
        let left = other.address;
        load.run(MEMBERS * MEALS / 4, || killed.kill());
        load.is_whole(&home, left);
        // Another one in its place knows the same.
        let again = Process::serve(&home, world.address);
        load.is_whole(&home, again.address);
    }
}

/// The primary is lost while orders come in; what was acknowledged is on the standby, which is told to write from now on.
#[test]
fn a_lost_primary_is_followed_by_its_standby() {
    let mut primary = Cluster::start().expect("a server");
    let database = fresh_database_on(&primary.url());
    let mut standby = Cluster::start_standby_of(&primary).expect("a standby");
    run_sql(&primary.url(), "ALTER SYSTEM SET synchronous_standby_names = '*'").expect("told");
    run_sql(&primary.url(), "SELECT pg_reload_conf()").expect("read again");
    let synchronous = "SELECT COUNT(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
    until("a synchronous standby", || run_sql(&primary.url(), synchronous).is_ok_and(|count| count == "1"));

    let url = database.url().replace(&primary.address(), &format!("{},{}", primary.address(), standby.address()));
    // The database goes with its servers, and there is nobody any more whom it could be dropped on.
    std::mem::forget(database);
    let home = Home::Servers(url);
    let world = Process::world();
    must_add_admin(&home);
    let servers = [Process::serve(&home, world.address), Process::serve(&home, world.address)];
    let load = Load::prepare(&[&servers[0], &servers[1]]);
    load.run(MEMBERS * MEALS / 4, || {
        primary.crash().expect("stopped");
        standby.promote().expect("promoted");
    });
    for server in &servers {
        until("it is ready again", || is_ready(server.address));
        load.is_whole(&home, server.address);
    }
}

/// A program of the next version, which has one more step.
fn next_version(home: &Home, step: &std::path::Path) -> std::process::Command {
    let mut command = fanpiao(home);
    command.env("FANPIAO_NEXT_STEP", step);
    command
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A newer server brings its step and serves beside the older one, and nobody is turned away meanwhile.
#[test]
fn two_versions_serve_on_one_schema() {
    let (home, folder) = (Home::postgres(), testing::TempDir::new());
    let world = Process::world();
    must_add_admin(&home);
    let old = Process::serve(&home, world.address);
    let step = folder.join("next.sql");
    let beside = format!("-- Beside programs from {}.\n", store::expected_schema());
    let text = "ALTER TABLE meal_orders ADD COLUMN later INTEGER;\nALTER TABLE accounts ADD COLUMN later INTEGER;\n";
    std::fs::write(&step, beside + text).expect("written");

    let load = Load::prepare(&[&old]);
    let (done, new) = (AtomicBool::new(false), Mutex::new(None));
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut command = next_version(&home, &step);
            let world = format!("http://{}", world.address);
            command.args(["serve", "--listen", "127.0.0.1:0"]).env("FANPIAO_WECHAT__BASE_URL", world);
            *new.lock().expect("whole") = Some(Process::start(&mut command));
            done.store(true, Ordering::Relaxed);
        });
        // One by one, until the newer one serves, and some more.
        let mut at = 0;
        while at < MEMBERS * MEALS && (at < MEMBERS || !done.load(Ordering::Relaxed)) {
            let order = load.place(old.address, at, &load.key(at));
            let order = order.unwrap_or_else(|| panic!("order {at} was turned away"));
            load.orders.lock().expect("whole").insert(load.key(at), order);
            at += 1;
        }
        load.next.store(at, Ordering::Relaxed);
    });
    let new = new.into_inner().expect("whole").expect("started");
    let load = Load { servers: vec![old.address, new.address], ..load };
    load.run(0, || ());
    for server in [&old, &new] {
        assert!(is_ready(server.address));
        load.is_whole(&home, server.address);
    }
    // Back to the version before, as long as nothing else has happened.
    drop(old);
    load.is_whole(&home, Process::serve(&home, world.address).address);
}

/// A step that the older servers cannot live with waits for them, and says so; forced, it stops them from being ready.
#[test]
fn a_step_that_breaks_older_servers_waits_for_them() {
    let (home, folder) = (Home::postgres(), testing::TempDir::new());
    let world = Process::world();
    must_add_admin(&home);
    let old = Process::serve(&home, world.address);
    let step = folder.join("next.sql");
    std::fs::write(&step, "ALTER TABLE meal_orders ADD COLUMN later INTEGER NOT NULL DEFAULT 0;\n").expect("written");
    let migrate = |arguments: &[&str]| {
        let output = next_version(&home, &step).arg("migrate").args(arguments).output().expect("ran");
        (output.status.success(), said(&output))
    };
    let (planned, plan) = migrate(&["--plan"]);
    assert!(planned && plan.contains("all servers of before have to be stopped"), "{plan}");
    assert!(plan.contains("to be stopped first: server "), "{plan}");
    let (is_done, refused) = migrate(&[]);
    assert!(!is_done && refused.contains("run on this database"), "{refused}");
    let output = next_version(&home, &step).args(["serve", "--listen", "127.0.0.1:0"]).output().expect("ran");
    assert!(!output.status.success() && said(&output).contains("run on this database"), "{}", said(&output));
    assert!(is_ready(old.address), "nothing has happened");

    let (is_done, forced) = migrate(&["--force"]);
    assert!(is_done && forced.contains("the schema went from"), "{forced}");
    assert!(!is_ready(old.address));
    let output = fanpiao(&home).args(["serve", "--listen", "127.0.0.1:0"]).output().expect("ran");
    assert!(!output.status.success() && said(&output).contains("this program knows up to"), "{}", said(&output));
}
