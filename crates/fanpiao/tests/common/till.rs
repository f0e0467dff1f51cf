//! A house with a till at the simulated WeChat, each a process of its own.

use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::{Value, json};
use sim::pay;

use super::{Home, Process, ask, check, fanpiao, must_add_admin, sign_in, sign_in_admin};

/// An address that stays while the servers behind it come and go, as a proxy before them does: WeChat sends its notifications there.
pub(crate) struct Door {
    pub(crate) address: SocketAddr,
    /// The port of the server of the moment.
    behind: Arc<AtomicU16>,
    ended: Arc<AtomicBool>,
    keeper: Option<JoinHandle<()>>,
}

impl Door {
    fn open() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("bound");
        let (behind, ended) = (Arc::new(AtomicU16::new(0)), Arc::new(AtomicBool::new(false)));
        let (port, over) = (Arc::clone(&behind), Arc::clone(&ended));
        let keeper = thread::spawn(move || {
            for caller in listener.incoming().flatten() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                // Where nobody is behind the door, the caller sees a connection that breaks at once.
                if let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port.load(Ordering::SeqCst))) {
                    drop(pass(&caller, &server));
                    drop(pass(&server, &caller));
                }
            }
        });
        Self { address, behind, ended, keeper: Some(keeper) }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        if let Some(keeper) = self.keeper.take() {
            drop(keeper.join());
        }
    }
}

fn pass(from: &TcpStream, to: &TcpStream) -> io::Result<()> {
    let (mut from, mut to) = (from.try_clone()?, to.try_clone()?);
    thread::spawn(move || {
        drop(io::copy(&mut from, &mut to));
        drop(from.shutdown(Shutdown::Both));
        drop(to.shutdown(Shutdown::Both));
    });
    Ok(())
}

/// A house with a till, whose server dies and comes back.
pub(crate) struct Till {
    pub(crate) home: Home,
    pub(crate) world: Process,
    pub(crate) door: Door,
    pub(crate) server: Process,
    pub(crate) member: String,
    pub(crate) admin: String,
    asked: u32,
    /// What the member should have by now.
    pub(crate) balance: i64,
}

impl Till {
    pub(crate) fn open(home: Home) -> Self {
        let world = Process::world();
        must_add_admin(&home);
        let door = Door::open();
        let server = serve(&home, &world, &door, None);
        let (member, admin) = (sign_in(server.address, "li"), sign_in_admin(server.address));
        let till = Self { home, world, door, server, member, admin, asked: 0, balance: 0 };
        till.act("/sim/settings", &json!({"refund_after_s": 0, "refund_interval_s": 0}));
        till
    }

    /// The next server will die at `step`.
    pub(crate) fn serve_until(&mut self, step: &str) {
        let next = serve(&self.home, &self.world, &self.door, Some(step));
        std::mem::replace(&mut self.server, next).kill();
    }

    /// The next server is started like this.
    pub(crate) fn serve_as(&mut self, command: &mut Command) {
        let next = Process::start(command);
        self.door.behind.store(next.address.port(), Ordering::SeqCst);
        std::mem::replace(&mut self.server, next).kill();
    }

    /// Asks the server to stop, and waits until it has.
    pub(crate) fn stop(&mut self) {
        self.server.signal("TERM");
        self.server.ended();
    }

    pub(crate) fn come_back(&mut self) {
        self.server = serve(&self.home, &self.world, &self.door, None);
    }

    /// The next server will die at `step` by its own doing, maybe before it listens.
    pub(crate) fn die_at(&mut self, step: &str) {
        let next = Process::doomed(command(&self.home, &self.world, &self.door).env(CRASH_AT, step));
        std::mem::replace(&mut self.server, next).kill();
    }

    pub(crate) fn come_back_after(&mut self, step: &str, meanwhile: &[&str]) {
        self.server.died_of_kill(step);
        for sql in meanwhile {
            self.tamper(sql);
        }
        self.server = serve(&self.home, &self.world, &self.door, None);
    }

    pub(crate) fn ask_as(
        &self,
        token: &str,
        method: &str,
        path: &str,
        key: &str,
        body: &Value,
    ) -> io::Result<(u16, Value)> {
        let bearer = format!("Bearer {token}");
        let headers = [("Authorization", bearer.as_str()), ("Idempotency-Key", key)];
        let headers = if key.is_empty() { &headers[..1] } else { &headers[..] };
        let body = if body.is_null() { String::new() } else { body.to_string() };
        ask(self.server.address, method, path, headers, &body)
    }

    pub(crate) fn key(&mut self) -> String {
        self.asked += 1;
        format!("ask-{}", self.asked)
    }

    /// An error is a connection that broke.
    pub(crate) fn create(&self, key: &str) -> io::Result<String> {
        let body = json!({"amount_cents": 1000, "client": "native"});
        let (status, made) = self.ask_as(&self.member, "POST", "/api/v1/recharge/orders", key, &body)?;
        assert_eq!(status, 200, "{made}");
        assert!(made["data"]["code_url"].is_string(), "payable: {made}");
        Ok(made["data"]["order_no"].as_str().expect("a number").to_owned())
    }

    pub(crate) fn refund(&self, order_no: &str, key: &str) -> io::Result<()> {
        let body = json!({"order_no": order_no, "amount_cents": 300, "reason": "wanted back"});
        let (status, refund) = self.ask_as(&self.admin, "POST", "/api/v1/admin/refunds", key, &body)?;
        assert_eq!(status, 200, "{refund}");
        Ok(())
    }

    pub(crate) fn query(&self, order_no: &str) -> io::Result<(u16, Value)> {
        let path = format!("/api/v1/recharge/orders/{order_no}/query");
        self.ask_as(&self.member, "POST", &path, "", &Value::Null)
    }

    pub(crate) fn status(&self, order_no: &str) -> String {
        let path = format!("/api/v1/recharge/orders/{order_no}");
        let (_, found) = self.ask_as(&self.member, "GET", &path, "", &Value::Null).expect("the server is there");
        found["data"]["status"].as_str().expect("a status").to_owned()
    }

    pub(crate) fn until(&self, order_no: &str, status: &str) {
        for _ in 0..600 {
            if self.status(order_no) == status {
                return;
            }
            // WeChat repeats what did not arrive.
            self.act("/sim/clock", &json!({"advance_s": 2}));
            thread::sleep(Duration::from_millis(100));
        }
        panic!("{order_no} is {}, not {status}", self.status(order_no));
    }

    /// Something that a person does to the world.
    pub(crate) fn act(&self, path: &str, body: &Value) -> Value {
        let (status, answer) = ask(self.world.address, "POST", path, &[], &body.to_string()).expect("the world stands");
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    pub(crate) fn pay(&self, order_no: &str, notice: &Value) {
        self.act(&format!("/sim/orders/{order_no}/pay"), &json!({"notice": notice}));
    }

    /// An order that is paid, and everybody knows it.
    pub(crate) fn paid(&mut self) -> String {
        let key = self.key();
        let order_no = self.create(&key).expect("the server is there");
        self.pay(&order_no, &json!({}));
        self.until(&order_no, "paid");
        self.balance += 1000;
        order_no
    }

    pub(crate) fn tamper(&self, sql: &str) {
        self.writing(async |writer: &mut store::Writer| drop(writer.query(sql, &[]).await.expect("changed")));
    }

    pub(crate) fn writing(&self, work: impl AsyncFnOnce(&mut store::Writer)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let mut writer = store::Store::new(&self.home.url()).expect("an address").writer().await.expect("opened");
            writer.begin().await.expect("begun");
            work(&mut writer).await;
            writer.commit().await.expect("committed");
        });
    }

    pub(crate) fn number(&self, sql: &'static str) -> i64 {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let rows = store::Store::new(&self.home.url()).expect("an address").query(sql, Vec::new()).await;
            let row = rows.expect("read").into_iter().next().expect("a row");
            row.cells().int().expect("a number")
        })
    }

    /// The member's balance, WeChat's books and ours say the same, and nothing is waiting or open.
    pub(crate) fn agree(&self, step: &str) {
        const MEMBER: &str = "SELECT a.balance FROM accounts AS a JOIN members AS m ON a.account_id = m.member_id * 2 \
                              WHERE m.openid_sealed IS NOT NULL";
        let (status, books) = ask(self.world.address, "GET", "/sim/books", &[], "").expect("the world stands");
        assert_eq!(status, 200);
        let sum = |name: &str| books[name].as_i64().expect("a sum");
        assert_eq!(sum("paid_total") - sum("refunded_total"), self.balance, "{step}: {books}");
        assert_eq!(self.number(MEMBER), self.balance, "{step}");
        assert_eq!(self.number("SELECT -balance FROM accounts WHERE account_id = 6"), self.balance, "{step}");
        assert_eq!(self.number("SELECT COUNT(*) FROM exceptions"), 0, "{step}");
        let (right, printed) = check(&self.home);
        assert!(right, "{step}: {printed}");
    }

    /// Every callback that is on disk has had its effect.
    pub(crate) fn nothing_waits(&self, step: &str) {
        for _ in 0..600 {
            if self.number("SELECT COUNT(*) FROM callbacks WHERE processed_at IS NULL") == 0 {
                return;
            }
            thread::sleep(Duration::from_millis(100));
        }
        panic!("{step}: a callback has no effect");
    }
}

const CRASH_AT: &str = "FANPIAO_CRASH_AT";

pub(crate) fn command(home: &Home, world: &Process, door: &Door) -> Command {
    let mut command = fanpiao(home);
    command
        .args(["serve", "--listen", "127.0.0.1:0"])
        .env("FANPIAO_WECHAT__BASE_URL", format!("http://{}", world.address))
        .env("FANPIAO_WECHAT__MCHID", pay::MCHID)
        .env("FANPIAO_WECHAT__CERTIFICATE_SERIAL", pay::MERCHANT_SERIAL)
        .env("FANPIAO_WECHAT__PRIVATE_KEY", pay::MERCHANT_PRIVATE_KEY_PEM)
        .env("FANPIAO_WECHAT__APIV3_KEY", pay::APIV3_KEY)
        .env("FANPIAO_WECHAT__PUBLIC_KEY_ID", pay::PUBLIC_KEY_ID)
        .env("FANPIAO_WECHAT__PUBLIC_KEY", pay::PUBLIC_KEY_PEM)
        .env("FANPIAO_WECHAT__NOTIFY_URL", format!("http://{}/api/v1", door.address))
        .env("FANPIAO_WECHAT__SCORE_SERVICE_ID", pay::SERVICE_ID)
        .env("FANPIAO_CABINET__VENDOR", sim::cabinet::VENDOR)
        .env("FANPIAO_CABINET__VENDOR_SECRET", sim::cabinet::VENDOR_SECRET)
        .env("FANPIAO_CABINET__VENDOR_URL", format!("http://{}/vendor", world.address))
        .env("FANPIAO_CABINET__CALLBACK_URL", format!("http://{}/api/v1", door.address))
        .env("FANPIAO_ERP__PARTNER", sim::erp::ERP)
        .env("FANPIAO_ERP__SECRET", sim::erp::ERP_SECRET)
        .env("FANPIAO_ERP__URL", format!("http://{}/erp", world.address));
    command
}

pub(crate) fn serve(home: &Home, world: &Process, door: &Door, crash_at: Option<&str>) -> Process {
    let mut command = command(home, world, door);
    if let Some(step) = crash_at {
        command.env(CRASH_AT, step);
    }
    let server = Process::start(&mut command);
    door.behind.store(server.address.port(), Ordering::SeqCst);
    server
}
