//! A man in the middle between a client and a PostgreSQL server: it reads what the client says, and may change or cut it.
//!
//! This is how tests break a connection at an exact moment, and how they take a protection out of a statement without the
//! program having a switch for it.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// What the client is doing with a text of SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// It sends the text to be run at once: `BEGIN`, `COMMIT`, scripts.
    Script,
    /// It sends the text to be prepared.
    Prepare,
    /// It runs what it has prepared from this text.
    Run,
}

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Pass,
    /// The connection breaks, and the server never sees the message.
    Cut,
    /// The server gets the message and answers it, the client sees a broken connection instead of the answer.
    CutAfterwards,
    /// The server gets the message and answers it, the client gets an answer that belongs to no question.
    Garble,
}

/// A client asks with one of these two codes, the last byte apart, whether it may encrypt.
const ENCRYPTION_CODE: [u8; 3] = [0x04, 0xd2, 0x16];

type Rule = Box<dyn FnMut(Moment, &str) -> Verdict + Send>;

/// Listens on loopback and passes everything on to one server, until dropped.
pub struct Proxy {
    url: String,
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

struct Shared {
    server: SocketAddr,
    rewrites: Vec<(String, String)>,
    rule: Mutex<Rule>,
    /// Whether new connections are turned away.
    closed: AtomicBool,
    /// Whether the proxy itself is going.
    ended: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Proxy {
    /// Stands before the server of `url`, `postgres://user@host:port/database`.
    ///
    /// # Panics
    ///
    /// When the address cannot be read or there is no port to listen on.
    #[must_use]
    pub fn start(url: &str) -> Self {
        Self::rewriting(url, &[])
    }

    /// The same, and in every statement that is prepared each first text of `rewrites` is replaced by the second, which must
    /// have the same length.
    ///
    /// # Panics
    ///
    /// When the lengths differ, the address cannot be read or there is no port to listen on.
    #[must_use]
    pub fn rewriting(url: &str, rewrites: &[(&str, &str)]) -> Self {
        for (from, to) in rewrites {
            assert_eq!(from.len(), to.len(), "{from:?} and {to:?} must have the same length");
        }
        let (before, host, after) = split(url);
        let server = host
            .to_socket_addrs()
            .ok()
            .and_then(|mut found| found.next())
            .unwrap_or_else(|| panic!("{host} is no host:port"));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap_or_else(|error| panic!("no port: {error}"));
        let address = listener.local_addr().unwrap_or_else(|error| panic!("no address: {error}"));
        let shared = Arc::new(Shared {
            server,
            rewrites: rewrites.iter().map(|&(from, to)| (from.to_owned(), to.to_owned())).collect(),
            rule: Mutex::new(Box::new(|_, _| Verdict::Pass)),
            closed: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            open: Mutex::default(),
        });
        let accepting = Arc::clone(&shared);
        let accepting = thread::spawn(move || accept(&listener, &accepting));
        Self { url: format!("{before}{address}{after}"), address, shared, accepting: Some(accepting) }
    }

    /// The same database by way of the proxy.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on `rule` is asked about every text of SQL.
    pub fn rule(&self, rule: impl FnMut(Moment, &str) -> Verdict + Send + 'static) {
        *lock(&self.shared.rule) = Box::new(rule);
    }

    /// Breaks all connections and turns new ones away, until [`Proxy::open`].
    pub fn close(&self) {
        self.shared.closed.store(true, Ordering::SeqCst);
        self.cut();
    }

    pub fn open(&self) {
        self.shared.closed.store(false, Ordering::SeqCst);
    }

    /// Breaks all connections there are.
    pub fn cut(&self) {
        for stream in lock(&self.shared.open).drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        // The accepting thread waits for a connection; this one tells it to look up.
        let _ = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
        self.cut();
    }
}

/// What stands before the host and port of an address, they themselves, and what stands behind.
fn split(url: &str) -> (&str, &str, &str) {
    let authority = url.find("://").map_or(0, |at| at + 3);
    let end = url[authority..].find(['/', '?']).map_or(url.len(), |at| authority + at);
    let host = url[authority..end].rfind('@').map_or(authority, |at| authority + at + 1);
    (&url[..host], &url[host..end], &url[end..])
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for client in listener.incoming() {
        let Ok(client) = client else { return };
        if shared.ended.load(Ordering::SeqCst) {
            return;
        }
        if !shared.closed.load(Ordering::SeqCst) {
            // Where the server is away the client sees a connection that breaks at once.
            let _ = serve(client, shared);
        }
    }
}

fn serve(client: TcpStream, shared: &Arc<Shared>) -> io::Result<()> {
    let server = TcpStream::connect(shared.server)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    lock(&shared.open).extend([client.try_clone()?, server.try_clone()?]);

    let verdict = Arc::new(Mutex::new(Verdict::Pass));
    let (from_server, to_client, verdict_on_answer) = (server.try_clone()?, client.try_clone()?, Arc::clone(&verdict));
    thread::spawn(move || {
        let _ = pass_answers(&from_server, &to_client, &verdict_on_answer);
        let _ = from_server.shutdown(Shutdown::Both);
        let _ = to_client.shutdown(Shutdown::Both);
    });
    let shared = Arc::clone(shared);
    thread::spawn(move || {
        let _ = pass_messages(&client, &server, &shared, &verdict);
        let _ = server.shutdown(Shutdown::Both);
        let _ = client.shutdown(Shutdown::Both);
    });
    Ok(())
}

fn pass_answers(mut server: &TcpStream, mut client: &TcpStream, verdict: &Mutex<Verdict>) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let length = server.read(&mut buffer)?;
        let verdict = std::mem::replace(&mut *lock(verdict), Verdict::Pass);
        match verdict {
            _ if length == 0 => return Ok(()),
            Verdict::Cut | Verdict::CutAfterwards => return Ok(()),
            // "Parsed", which nobody has asked for, before what was asked for.
            Verdict::Garble => client.write_all(&[&b"1\0\0\0\x04"[..], &buffer[..length]].concat())?,
            Verdict::Pass => client.write_all(&buffer[..length])?,
        }
    }
}

fn pass_messages(
    mut client: &TcpStream,
    mut server: &TcpStream,
    shared: &Shared,
    on_answer: &Mutex<Verdict>,
) -> io::Result<()> {
    let mut prepared = HashMap::new();
    let mut waiting = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    // What comes before the session has no kind before its length: maybe a question about encryption, then the greeting.
    let mut kind_bytes = 0;
    loop {
        let mut onward = Vec::new();
        while let Some(length) = message_length(&waiting, kind_bytes) {
            let mut message: Vec<u8> = waiting.drain(..length).collect();
            let verdict = if kind_bytes == 1 {
                judge(&mut message, &mut prepared, shared)
            } else {
                kind_bytes = usize::from(!message[4..].starts_with(&ENCRYPTION_CODE));
                Verdict::Pass
            };
            match verdict {
                Verdict::Pass => onward.append(&mut message),
                Verdict::Cut => return Ok(()),
                Verdict::CutAfterwards | Verdict::Garble => {
                    *lock(on_answer) = verdict;
                    onward.append(&mut message);
                }
            }
        }
        server.write_all(&onward)?;
        let length = client.read(&mut buffer)?;
        if length == 0 {
            return Ok(());
        }
        waiting.extend_from_slice(&buffer[..length]);
    }
}

fn message_length(waiting: &[u8], kind_bytes: usize) -> Option<usize> {
    let length = waiting.get(kind_bytes..kind_bytes + 4)?;
    let length = u32::from_be_bytes([length[0], length[1], length[2], length[3]]) as usize + kind_bytes;
    (waiting.len() >= length).then_some(length)
}

fn judge(message: &mut [u8], prepared: &mut HashMap<Vec<u8>, String>, shared: &Shared) -> Verdict {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (kind, body) = (message[0], &mut message[5..]);
    let (moment, sql) = match kind {
        b'Q' => (Moment::Script, text(until_zero(body))),
        b'P' => {
            let name = until_zero(body).to_vec();
            let body = &mut body[name.len() + 1..];
            for (from, to) in &shared.rewrites {
                while let Some(at) = body.windows(from.len()).position(|part| part == from.as_bytes()) {
                    body[at..at + from.len()].copy_from_slice(to.as_bytes());
                }
            }
            let sql = text(until_zero(body));
            prepared.insert(name, sql.clone());
            (Moment::Prepare, sql)
        }
        b'B' => {
            let portal = until_zero(body).len();
            let name = until_zero(&body[portal + 1..]);
            (Moment::Run, prepared.get(name).cloned().unwrap_or_default())
        }
        _ => return Verdict::Pass,
    };
    (lock(&shared.rule))(moment, &sql)
}

fn until_zero(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len())]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::{fresh_database, run_sql};

    #[test]
    fn texts_are_seen_and_connections_cut() {
        let database = fresh_database();
        let proxy = Proxy::start(database.url());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let listening = Arc::clone(&seen);
        proxy.rule(move |moment, sql| {
            lock(&listening).push((moment, sql.to_owned()));
            Verdict::Pass
        });
        assert_eq!(run_sql(proxy.url(), "SELECT 6 * 7").unwrap(), "42");
        assert_eq!(*lock(&seen), [(Moment::Script, "SELECT 6 * 7".to_owned())]);

        proxy.rule(|_, _| Verdict::Cut);
        assert!(run_sql(proxy.url(), "CREATE TABLE never (id BIGINT)").is_err());
        proxy.rule(|_, _| Verdict::CutAfterwards);
        assert!(run_sql(proxy.url(), "CREATE TABLE there (id BIGINT)").is_err());
        proxy.rule(|_, _| Verdict::Pass);
        let tables = "SELECT string_agg(relname, ' ') FROM pg_class WHERE relname IN ('never', 'there')";
        assert_eq!(run_sql(proxy.url(), tables).unwrap(), "there");

        proxy.close();
        assert!(run_sql(proxy.url(), "SELECT 1").is_err());
        proxy.open();
        assert_eq!(run_sql(proxy.url(), "SELECT 1").unwrap(), "1");
    }

    #[test]
    fn an_address_is_split() {
        let parts = split("postgres://me@127.0.0.1:5432/there?sslmode=disable");
        assert_eq!(parts, ("postgres://me@", "127.0.0.1:5432", "/there?sslmode=disable"));
        assert_eq!(split("postgres://[::1]:5432").1, "[::1]:5432");
    }
}
