//! HTTP itself: methods, headers, ids, limits of time, and the end.

use std::collections::BTreeSet;
use std::time::Duration;

use http_api::Limits;
use kernel::Role;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::support::{Answer, Home, Server};

#[tokio::test]
async fn what_is_not_there_is_said_in_the_envelope() {
    let server = Server::start(Home::sqlite()).await;
    for path in ["/apis", "/api/v1", "/api/v1/meals/", "/api/v2/meals", "/api/v1/orders/1/2"] {
        let answer = server.ask(&format!("GET {path}")).send().await;
        answer.failed(404, "NOT_FOUND");
        assert_eq!(answer.message(), "没有这个路径");
    }
    let answer = server.ask("PATCH /api/v1/orders/1").in_english().send().await;
    answer.failed(405, "METHOD_NOT_ALLOWED");
    let methods: BTreeSet<_> = answer.header("allow").expect("a list").split(", ").collect();
    assert_eq!(methods, ["DELETE", "GET", "HEAD", "OPTIONS", "PUT"].into());
    let options = server.ask("OPTIONS /api/v1/auth/login").send().await;
    assert_eq!(
        (options.status.as_u16(), options.header("allow"), options.text.as_str()),
        (204, Some("POST, OPTIONS"), "")
    );
    let head = server.ask("HEAD /health/live").send().await;
    assert_eq!((head.status.as_u16(), head.text.as_str()), (200, ""));
}

#[tokio::test]
async fn every_answer_is_guarded_and_has_an_id() {
    let server = Server::start(Home::sqlite()).await;
    let mut made = BTreeSet::new();
    for what in
        ["GET /health/live", "GET /nowhere", "PUT /health/live", "GET /api/v1/auth/me", "GET /docs", "OPTIONS /docs"]
    {
        let answer = server.ask(what).send().await;
        assert!(made.insert(answer.header("x-request-id").expect("an id").to_owned()));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{what}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{what}");
        assert!(answer.header("content-security-policy").is_some_and(|policy| policy.contains("default-src 'none'")));
        let kept = if what == "GET /docs" { "no-cache" } else { "no-store" };
        assert_eq!(answer.header("cache-control"), Some(kept), "{what}");
    }
    let own = server.ask("GET /nowhere").header("x-request-id", "phone-7_a.b").send().await;
    assert_eq!(own.json["request_id"], json!("phone-7_a.b"));
    for strange in ["", "two words", "x\"y", "<b>", &"x".repeat(65)] {
        let answer = server.ask("GET /nowhere").header("x-request-id", strange).send().await;
        answer.failed(404, "NOT_FOUND");
        assert_ne!(answer.header("x-request-id"), Some(strange));
    }
}

#[tokio::test]
async fn a_page_of_another_origin_asks_in_vain_unless_it_is_named() {
    const FRIEND: &str = "https://app.example.com";
    let open = |answer: &Answer| answer.header("access-control-allow-origin").map(str::to_owned);
    let closed = Server::start(Home::sqlite()).await;
    for what in ["GET /health/live", "OPTIONS /api/v1/auth/login"] {
        let answer = closed.ask(what).header("origin", FRIEND).send().await;
        assert_eq!((open(&answer), answer.header("vary")), (None, None), "{what}");
    }

    let limits =
        Limits { origins: "https://app.example.com, http://localhost:5173".parse().expect("two"), ..Limits::default() };
    let server = Server::start_with(Home::sqlite(), limits, |_| {}).await;
    let preflight = server.ask("OPTIONS /api/v1/auth/login").header("origin", FRIEND);
    let preflight = preflight.header("access-control-request-method", "POST").send().await;
    assert_eq!((preflight.status.as_u16(), open(&preflight).as_deref()), (204, Some(FRIEND)));
    assert_eq!(preflight.header("access-control-allow-methods"), Some("POST, OPTIONS"));
    let allowed: BTreeSet<_> = preflight.header("access-control-allow-headers").expect("a list").split(", ").collect();
    assert!(allowed.is_superset(&["authorization", "content-type", "idempotency-key"].into()), "{allowed:?}");
    // A refusal is to be read as well.
    let refused = server.ask("GET /api/v1/auth/me").header("origin", "http://localhost:5173").send().await;
    refused.failed(401, "INVALID_TOKEN");
    assert_eq!(open(&refused).as_deref(), Some("http://localhost:5173"));
    assert_eq!(refused.header("access-control-allow-credentials"), None);
    for stranger in
        ["https://app.example.com.evil.example", "http://app.example.com", "https://app.example.com:444", "null", "*"]
    {
        let answer = server.ask("GET /health/live").header("origin", stranger).send().await;
        assert_eq!((open(&answer), answer.header("vary")), (None, Some("origin")), "{stranger}");
    }
}

#[tokio::test]
async fn health_and_metrics_speak() {
    let server = Server::start(Home::sqlite()).await;
    let member = server.person(Role::Member).await;
    assert_eq!(*server.ask("GET /health/live").send().await.data(), json!({"status": "live"}));
    assert_eq!(*server.ask("GET /health/ready").send().await.data(), json!({"status": "ready"}));
    server.ask("GET /api/v1/meals/7").by(&member).send().await.failed(404, "NOT_FOUND");
    let page = server.ask("GET /metrics").send().await;
    assert_eq!(page.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    for line in [
        "fanpiao_http_requests_total{method=\"GET\",path=\"/api/v1/meals/{meal_id}\",status=\"4xx\"} 1",
        "fanpiao_http_requests_total{method=\"GET\",path=\"/health/live\",status=\"2xx\"} 1",
        "fanpiao_http_requests_running 1",
    ] {
        assert!(page.text.lines().any(|written| written == line), "{line} is missing in\n{}", page.text);
    }
    assert!(page.text.contains("fanpiao_lane_commands_total "), "{}", page.text);
    assert!(!page.text.contains(&member.token));
}

/// A figure that is renamed here must not leave a silent alert there.
#[tokio::test]
async fn alerts_and_dashboards_name_only_what_is_told() {
    let server = Server::start(Home::sqlite()).await;
    let page = server.ask("GET /metrics").send().await.text;
    for (file, least) in [
        (include_str!("../../../../deploy/prometheus/fanpiao.rules.yml"), 8),
        (include_str!("../../../../deploy/grafana/fanpiao.json"), 15),
    ] {
        let words = file.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
        let names: BTreeSet<_> =
            words.filter(|word| word.starts_with("fanpiao_") || word.starts_with("recharge_")).collect();
        assert!(names.len() >= least, "{names:?}");
        for name in names {
            let figure = ["_bucket", "_sum", "_count"].iter().find_map(|part| name.strip_suffix(part));
            let told = format!("# TYPE {} ", figure.unwrap_or(name));
            assert!(page.contains(&told), "{name} is not told");
        }
    }
}

/// A real listener on a free port of the loopback.
pub(crate) struct Listening {
    address: std::net::SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<()>,
    server: Server,
}

impl Listening {
    pub(crate) async fn start(limits: Limits) -> Self {
        let server = Server::start_with(Home::sqlite(), limits, |_| {}).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async move { drop(stopped.await) };
        let ended = tokio::spawn(http_api::serve(listener, server.app.clone(), shutdown));
        Self { address, stop, ended, server }
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("a connection")
    }
}

pub(crate) async fn read_answer(stream: &mut TcpStream) -> (String, Value) {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok())
                .unwrap_or(0);
            if body.len() >= length {
                return (head.to_owned(), serde_json::from_str(body).unwrap_or_default());
            }
        }
        let mut more = [0; 4096];
        let read = stream.read(&mut more).await.expect("more");
        assert!(read > 0, "the connection ended after {text:?}");
        bytes.extend_from_slice(&more[..read]);
    }
}

#[tokio::test]
async fn connections_are_kept_alive() {
    let listening = Listening::start(Limits::default()).await;
    let mut stream = listening.connect().await;
    for _ in 0..3 {
        stream.write_all(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("sent");
        let (head, body) = read_answer(&mut stream).await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert_eq!(body["data"]["status"], json!("live"));
    }
}

#[tokio::test]
async fn a_body_that_trickles_is_told_so_and_nothing_was_done() {
    let limits = Limits { request: Duration::from_secs(2), ..Limits::default() };
    let listening = Listening::start(limits).await;
    let member = listening.server.person(Role::Member).await;
    let mut stream = listening.connect().await;
    let head = format!(
        "POST /api/v1/orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: 50\r\n\r\n{{",
        member.token
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    let (head, body) = read_answer(&mut stream).await;
    assert!(head.starts_with("HTTP/1.1 408"), "{head}");
    assert_eq!(body["error_code"], json!("REQUEST_TIMEOUT"));
}

#[tokio::test]
async fn a_length_over_the_limit_is_refused_before_a_byte_of_it_is_read() {
    let listening = Listening::start(Limits::default()).await;
    let member = listening.server.person(Role::Member).await;
    let mut stream = listening.connect().await;
    let head = format!(
        "POST /api/v1/orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: 1048577\r\n\r\n",
        member.token
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    let (head, body) = read_answer(&mut stream).await;
    assert!(head.starts_with("HTTP/1.1 413"), "{head}");
    assert_eq!(body["error_code"], json!("PAYLOAD_TOO_LARGE"));
}

#[tokio::test]
async fn heads_are_limited_in_size_and_time() {
    let limits = Limits { header: Duration::from_millis(200), ..Limits::default() };
    let listening = Listening::start(limits).await;
    let mut slow = listening.connect().await;
    slow.write_all(b"GET /health/live HTTP/1.1\r\nX: ").await.expect("sent");
    let mut rest = Vec::new();
    // Whether it is told or just cut off, it holds the connection no longer.
    drop(slow.read_to_end(&mut rest).await);
    assert!(!String::from_utf8_lossy(&rest).contains("200 OK"));

    let listening = Listening::start(Limits::default()).await;
    let mut many = listening.connect().await;
    let head = format!("GET /health/live HTTP/1.1\r\nHost: x\r\n{}\r\n", "X: y\r\n".repeat(200));
    many.write_all(head.as_bytes()).await.expect("sent");
    let (head, _) = read_answer(&mut many).await;
    assert!(head.starts_with("HTTP/1.1 431"), "{head}");

    let mut large = listening.connect().await;
    let head = format!("GET /health/live HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "x".repeat(300_000));
    // The connection may be cut while we still send, and the answer with it.
    drop(large.write_all(head.as_bytes()).await);
    let mut rest = Vec::new();
    drop(large.read_to_end(&mut rest).await);
    assert!(!String::from_utf8_lossy(&rest).contains("200 OK"));
}

#[tokio::test]
async fn stopping_lets_what_runs_end() {
    let listening = Listening::start(Limits::default()).await;
    let member = listening.server.person(Role::Member).await;
    // One idle connection, and one in the middle of its request.
    let mut idle = listening.connect().await;
    idle.write_all(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("sent");
    read_answer(&mut idle).await;
    let mut busy = listening.connect().await;
    let head = format!(
        "POST /api/v1/orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: 13\r\n\r\n",
        member.token
    );
    busy.write_all(head.as_bytes()).await.expect("sent");
    running(&listening.server, 1).await;

    listening.stop.send(()).expect("still there");
    assert_eq!(idle.read(&mut [0; 16]).await.expect("an end"), 0);
    busy.write_all(b"{\"meal_id\":7}").await.expect("sent");
    let (head, body) = read_answer(&mut busy).await;
    assert!(head.starts_with("HTTP/1.1 404") && head.to_lowercase().contains("connection: close"), "{head}");
    assert_eq!(body["error_code"], json!("NOT_FOUND"));
    listening.ended.await.expect("ended");
}

/// Waits until so many requests are being answered, beside the question itself.
async fn running(server: &Server, count: usize) {
    let line = format!("fanpiao_http_requests_running {}", count + 1);
    while !server.ask("GET /metrics").send().await.text.lines().any(|written| written == line) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
