//! Two servers on a Patroni cluster of three whose primary is killed while orders come in: how long no order is acknowledged, and
//! whether every acknowledged one is there afterwards, once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use testing::TempDir;
use testing::postgres::{Programs, give_up_root};

use crate::servers::{Client, House, Process, sign_in_admin};

const MEMBERS: usize = 3;
const MEALS: usize = 300;
/// Before and after the primary is killed.
const LOAD: Duration = Duration::from_secs(10);
/// So long may anything take that has to come by itself.
const PATIENCE: Duration = Duration::from_secs(180);
const PAUSE: Duration = Duration::from_millis(100);

/// What is killed of the primary.
#[derive(Clone, Copy)]
enum Blow {
    /// PostgreSQL; its Patroni sees that.
    Database,
    /// Patroni first, then PostgreSQL: nobody is left who could tell.
    Member,
}

impl Blow {
    fn name(self) -> &'static str {
        match self {
            Self::Database => "PostgreSQL",
            Self::Member => "PostgreSQL and its Patroni",
        }
    }
}

/// `program` is the server, `callers` how many wait for an answer at any time.
pub(crate) fn run(program: &Path, callers: usize) -> Result<(), String> {
    println!("{:<28} {:>9} {:>10} {:>8} {:>6} {:>6}", "killed", "outage s", "acked", "retries", "lost", "extra");
    let mut is_whole = true;
    for blow in [Blow::Database, Blow::Member] {
        let Figures { outage, acknowledged, retries, lost, extra } = measure(program, callers, blow)?;
        let seconds = outage.as_secs_f64();
        println!("{:<28} {seconds:>9.1} {acknowledged:>10} {retries:>8} {lost:>6} {extra:>6}", blow.name());
        is_whole &= lost == 0 && extra == 0;
    }
    if is_whole { Ok(()) } else { Err("orders were lost, or are there twice".to_owned()) }
}

struct Figures {
    /// The longest time without an acknowledged order.
    outage: Duration,
    acknowledged: usize,
    retries: usize,
    lost: usize,
    extra: usize,
}

fn measure(program: &Path, callers: usize, blow: Blow) -> Result<Figures, String> {
    let folder = TempDir::new();
    let mut cluster = Cluster::start()?;
    let house = House::furnish(program, &cluster.url(), &folder)?;
    let servers = [house.serve()?, house.serve()?];
    let load = Load::prepare(&servers, callers)?;
    let killed = thread::scope(|scope| {
        for caller in 0..callers {
            let load = &load;
            scope.spawn(move || load.call(caller));
        }
        let killed = load.has_gone_on(LOAD, 0).and_then(|()| {
            let before = load.acknowledged();
            let leader = cluster.strike(blow)?;
            // Whoever was answered in the moment of the blow is not the service that is back.
            load.has_gone_on(LOAD, before + 2 * callers)?;
            Ok(leader)
        });
        load.done.store(true, Ordering::Relaxed);
        killed
    });
    let leader = killed?;
    load.went_well()?;
    // A PostgreSQL that died alone may have been started again where it was.
    let is_another = |name: &String| *name != leader || matches!(blow, Blow::Database);
    cluster.wait_for("a leader", |roles| roles.get("leader").is_some_and(is_another))?;
    let figures = load.verify()?;
    house.check()?;
    Ok(figures)
}

/// Callers that ask again, under the same key and at the other server, until they are answered.
struct Load {
    servers: Vec<String>,
    admin: String,
    tokens: Vec<String>,
    meals: Vec<u64>,
    started: Instant,
    acks: Mutex<Vec<(Duration, u64, u64)>>,
    retries: AtomicUsize,
    wrong: Mutex<Option<String>>,
    done: AtomicBool,
}

impl Load {
    #[expect(clippy::disallowed_methods, reason = "a measurement")]
    fn prepare(servers: &[Process], callers: usize) -> Result<Self, String> {
        let servers: Vec<_> = servers.iter().map(|server| server.address.clone()).collect();
        let mut client = Client::connect(&servers[0])?;
        let admin = format!("Bearer {}", sign_in_admin(&mut client)?);
        let mut tokens = Vec::with_capacity(callers);
        for caller in 0..callers {
            let body = format!(r#"{{"code":"sim-caller{caller}"}}"#);
            tokens.push(format!("Bearer {}", client.ask("POST", "/api/v1/auth/login", &[], &body)?.text("token")?));
        }
        let mut meals = Vec::with_capacity(MEALS);
        for meal in 0..MEALS {
            let date = format!("{}-{:02}-{:02}", 2150 + meal / 336, meal / 28 % 12 + 1, meal % 28 + 1);
            let body = format!(
                r#"{{"date":"{date}","slot":"lunch","title":"bench","description":"","base_price_cents":1500,"capacity":100000,"options":[],"status":"published"}}"#
            );
            meals.push(client.ask("POST", "/api/v1/meals", &[("Authorization", &admin)], &body)?.number("meal_id")?);
        }
        Ok(Self {
            servers,
            admin,
            tokens,
            meals,
            started: Instant::now(),
            acks: Mutex::default(),
            retries: AtomicUsize::new(0),
            wrong: Mutex::default(),
            done: AtomicBool::new(false),
        })
    }

    /// One caller, a member of its own: a meal after the other, one order each.
    fn call(&self, caller: usize) {
        let (mut server, mut client) = (caller, None);
        // No two begin at the same meal, and every meal is somebody's.
        for meal in (0..self.meals.len()).map(|at| (at + caller * 7) % self.meals.len()) {
            if let Err(problem) = self.order(caller, self.meals[meal], &mut server, &mut client) {
                self.wrong.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(problem);
                return;
            }
            if self.done.load(Ordering::Relaxed) {
                return;
            }
            // People order now and then; without this the meals would be used up before anything has happened.
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn order(&self, caller: usize, meal: u64, server: &mut usize, client: &mut Option<Client>) -> Result<(), String> {
        let (key, body) = (format!("{caller}-{meal}"), format!(r#"{{"meal_id":{meal},"quantity":1}}"#));
        let headers = [("Authorization", &*self.tokens[caller]), ("Idempotency-Key", &*key)];
        let begun = self.started.elapsed();
        loop {
            let address = &self.servers[*server % self.servers.len()];
            let connected = match client.take() {
                Some(client) => Ok(client),
                None => Client::connect(address),
            };
            let asked = connected.and_then(|mut connection| {
                let answer = connection.ask("POST", "/api/v1/orders", &headers, &body)?;
                *client = Some(connection);
                Ok(answer)
            });
            match asked {
                Ok(answer) if answer.is_success() => {
                    let ack = (self.started.elapsed(), meal, answer.number("order_id")?);
                    self.acks.lock().unwrap_or_else(PoisonError::into_inner).push(ack);
                    return Ok(());
                }
                // It is busy, or cannot reach the database, or does not know what became of the order.
                Ok(answer) if answer.status >= 500 || answer.status == 409 || answer.status == 429 => {}
                Ok(answer) => return Err(format!("{}: {}", answer.status, answer.body)),
                Err(_) => {}
            }
            if self.started.elapsed() > begun + PATIENCE {
                return Err(format!("order {key} was not answered in {} s", PATIENCE.as_secs()));
            }
            self.retries.fetch_add(1, Ordering::Relaxed);
            (*server, *client) = (*server + 1, None);
            thread::sleep(PAUSE);
        }
    }

    fn acknowledged(&self) -> usize {
        self.acks.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn went_well(&self) -> Result<(), String> {
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner).clone().map_or(Ok(()), Err)
    }

    /// Waits until more than `least` are acknowledged, and then this long.
    fn has_gone_on(&self, long: Duration, least: usize) -> Result<(), String> {
        let begun = self.started.elapsed();
        while self.acknowledged() <= least {
            self.went_well()?;
            if self.started.elapsed() > begun + PATIENCE {
                return Err("the service does not come back".to_owned());
            }
            thread::sleep(PAUSE);
        }
        thread::sleep(long);
        self.went_well()
    }

    /// Looks for every acknowledged order, and for others.
    fn verify(&self) -> Result<Figures, String> {
        let acks = self.acks.lock().unwrap_or_else(PoisonError::into_inner);
        let mut moments: Vec<_> = acks.iter().map(|ack| ack.0).collect();
        moments.sort_unstable();
        let outage = moments.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default();
        let acknowledged: BTreeSet<_> = acks.iter().map(|&(_, meal, order)| (meal, order)).collect();
        let mut stored = Vec::new();
        let mut client = Client::connect(&self.servers[0])?;
        for &meal in &self.meals {
            let mut cursor = String::new();
            loop {
                let path = format!("/api/v1/meals/{meal}/orders?limit=100{cursor}");
                let page = client.ask("GET", &path, &[("Authorization", &self.admin)], "")?;
                if !page.is_success() {
                    return Err(format!("{path}: {} {}", page.status, page.body));
                }
                stored.extend(page.numbers("order_id").map(|order| (meal, order)));
                match page.text("next_cursor") {
                    Ok(next) => cursor = format!("&cursor={next}"),
                    Err(_) => break,
                }
            }
        }
        let found: BTreeSet<_> = stored.iter().copied().collect();
        let doubly = acks.len() - acknowledged.len();
        Ok(Figures {
            outage,
            acknowledged: acks.len(),
            retries: self.retries.load(Ordering::Relaxed),
            lost: acknowledged.difference(&found).count() + doubly,
            extra: stored.len() - acknowledged.intersection(&found).count(),
        })
    }
}

/// etcd and the members, each with its Patroni, in a folder of their own.
struct Cluster {
    members: BTreeMap<String, Member>,
    _etcd: Process,
    folder: TempDir,
}

struct Member {
    patroni: Option<Process>,
    data: PathBuf,
    port: u16,
    rest: u16,
}

impl Cluster {
    fn start() -> Result<Self, String> {
        let folder = TempDir::new();
        let programs = Programs::find()?;
        let [client, peer, rest @ ..] = free_ports::<{ 2 + 2 * MEMBERS }>()?;
        let log = |name: &str| fs::File::create(folder.join(name)).map_err(|error| error.to_string());
        let mut etcd = Command::new("etcd");
        let (client_url, peer_url) = (format!("http://127.0.0.1:{client}"), format!("http://127.0.0.1:{peer}"));
        etcd.arg("--data-dir").arg(folder.join("etcd")).args(["--listen-client-urls", &client_url]);
        etcd.args(["--advertise-client-urls", &client_url, "--listen-peer-urls", &peer_url]);
        etcd.args(["--initial-advertise-peer-urls", &peer_url, "--initial-cluster", &format!("default={peer_url}")]);
        give_up_root(&mut etcd, &folder)?;
        let etcd = Process::silent(etcd.stdout(Stdio::null()).stderr(log("etcd.log")?))?;
        let mut cluster = Self { members: BTreeMap::new(), _etcd: etcd, folder };
        for (number, ports) in rest.chunks(2).enumerate() {
            let name = format!("member{number}");
            let home = cluster.folder.join(&name);
            fs::create_dir(&home).map_err(|error| error.to_string())?;
            let mut member = Member { patroni: None, data: home.join("data"), port: ports[0], rest: ports[1] };
            let settings = home.join("patroni.yml");
            let written = fs::write(&settings, member.settings(&name, &home, client, &programs));
            written.map_err(|error| error.to_string())?;
            let mut patroni = Command::new("patroni");
            give_up_root(patroni.arg(&settings).current_dir(&home).env("LC_ALL", "C"), &home)?;
            let log = fs::File::create(home.join("log")).map_err(|error| error.to_string())?;
            let errors = log.try_clone().map_err(|error| error.to_string())?;
            member.patroni = Some(Process::silent(patroni.stdout(log).stderr(errors))?);
            cluster.members.insert(name, member);
            // The first one makes the cluster, so that it is known which the others copy.
            cluster.wait_for("a leader", |roles| roles.contains_key("leader"))?;
        }
        cluster.wait_for("a synchronous standby", |roles| roles.contains_key("sync_standby"))?;
        Ok(cluster)
    }

    fn url(&self) -> String {
        let hosts: Vec<_> = self.members.values().map(|member| format!("127.0.0.1:{}", member.port)).collect();
        format!("postgres://fanpiao@{}/postgres", hosts.join(","))
    }

    /// Who is what, as the members say.
    fn roles(&self) -> BTreeMap<String, String> {
        let mut roles = BTreeMap::new();
        for member in self.members.values() {
            let asked = Client::connect(&format!("127.0.0.1:{}", member.rest))
                .and_then(|mut client| client.ask("GET", "/cluster", &[("Connection", "close")], ""));
            let Ok(answer) = asked else { continue };
            for part in answer.body.split('{').filter(|part| part.contains("\"role\"")) {
                let word =
                    |name: &str| Some(part.split_once(&format!("\"{name}\": \""))?.1.split('"').next()?.to_owned());
                if let (Some(role), Some(name), Some(state)) = (word("role"), word("name"), word("state"))
                    && ["running", "streaming"].contains(&&*state)
                {
                    roles.insert(role, name);
                }
            }
            return roles;
        }
        roles
    }

    #[expect(clippy::disallowed_methods, reason = "a measurement")]
    fn wait_for(&self, what: &str, is_there: impl Fn(&BTreeMap<String, String>) -> bool) -> Result<(), String> {
        let begun = Instant::now();
        while !is_there(&self.roles()) {
            if begun.elapsed() > PATIENCE {
                return Err(format!("{what} was waited for in vain for {} s: {:?}", PATIENCE.as_secs(), self.logs()));
            }
            thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// The ends of the members' logs.
    fn logs(&self) -> String {
        let mut ends = String::new();
        for name in self.members.keys() {
            let log = fs::read_to_string(self.folder.join(name).join("log")).unwrap_or_default();
            let last = log.lines().rev().take(4).collect::<Vec<_>>().join("\n  ");
            let _ = writeln!(ends, "{name}: {last}");
        }
        ends
    }

    /// Kills the leader, and says which that was.
    fn strike(&mut self, blow: Blow) -> Result<String, String> {
        let leader = self.roles().remove("leader").ok_or("there is no leader to kill")?;
        let member = self.members.get_mut(&leader).ok_or("an unknown leader")?;
        if matches!(blow, Blow::Member) {
            member.patroni = None;
        }
        member.kill_postgres();
        Ok(leader)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for member in self.members.values_mut() {
            member.patroni = None;
            member.kill_postgres();
        }
    }
}

impl Member {
    fn settings(&self, name: &str, home: &Path, etcd: u16, programs: &Programs) -> String {
        let Self { port, rest, data, .. } = self;
        let (home, data, bin) = (home.display(), data.display(), programs.folder.display());
        format!(
            "\
scope: fanpiao
name: {name}
restapi: {{listen: '127.0.0.1:{rest}', connect_address: '127.0.0.1:{rest}'}}
etcd3: {{host: '127.0.0.1:{etcd}'}}
bootstrap:
  dcs:
    # No commit is acknowledged that is not on two machines, and nobody becomes the leader who does not have it.
    synchronous_mode: true
    synchronous_mode_strict: true
    ttl: 20
    loop_wait: 5
    retry_timeout: 5
    postgresql:
      use_pg_rewind: true
      parameters: {{max_connections: 100}}
  initdb: [{{encoding: UTF8}}, {{locale: C}}]
postgresql:
  listen: 127.0.0.1:{port}
  connect_address: 127.0.0.1:{port}
  data_dir: {data}
  bin_dir: {bin}
  pgpass: {home}/pgpass
  authentication:
    superuser: {{username: fanpiao}}
    replication: {{username: replicator}}
  parameters: {{unix_socket_directories: '{home}'}}
  pg_hba:
    - local all all trust
    - host all all 127.0.0.1/32 trust
    - host replication all 127.0.0.1/32 trust
"
        )
    }

    /// All of its processes at once, as they are.
    fn kill_postgres(&self) {
        let Ok(text) = fs::read_to_string(self.data.join("postmaster.pid")) else { return };
        let Some(postmaster) = text.lines().next().and_then(|line| line.trim().parse::<u32>().ok()) else { return };
        let is_ours = fs::read_link(format!("/proc/{postmaster}/cwd")).is_ok_and(|folder| folder == self.data);
        if !is_ours {
            return;
        }
        let mut ids = vec![postmaster];
        ids.extend(children(postmaster));
        let ids = ids.iter().map(u32::to_string);
        drop(Command::new("kill").arg("-KILL").args(ids).stderr(Stdio::null()).status());
        // The folder can be removed when nobody writes into it any more.
        while Path::new(&format!("/proc/{postmaster}/cwd")).read_link().is_ok() {
            thread::sleep(Duration::from_millis(10));
        }
    }
}

fn children(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let is_child = |id: &u32| {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        // Behind the name, which may hold anything, stand the state and the parent.
        let after = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        after.split_whitespace().nth(1).and_then(|id| id.parse().ok()) == Some(parent)
    };
    ids.filter(is_child).collect()
}

/// Ports that are free now, all of them different.
fn free_ports<const COUNT: usize>() -> Result<[u16; COUNT], String> {
    let no_port = |error: std::io::Error| format!("there is no free port on 127.0.0.1: {error}");
    let mut listeners = Vec::with_capacity(COUNT);
    let mut ports = [0; COUNT];
    for port in &mut ports {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(no_port)?;
        *port = listener.local_addr().map_err(no_port)?.port();
        listeners.push(listener);
    }
    Ok(ports)
}
