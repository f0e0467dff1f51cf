//! Pictures in a bucket that speaks the S3 protocol. When an object was changed is when somebody last had the picture in hand.
//!
//! A picture that is removed is only put aside at first, for as long again: whoever took it in hand in the very moment still has it, and a
//! picture that is asked for comes back.

use std::fmt::Write;
use std::io;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use kernel::Instant;
use reqwest::header::LAST_MODIFIED;
use reqwest::{Method, Response, StatusCode, Url};
use wechat::Secret;

use super::PictureName;
use super::look::MOST_BYTES;
use crate::outbound;

const TIMEOUT: Duration = Duration::from_secs(15);
/// A list of a thousand objects has about a third of this.
const MOST_LISTED: usize = 1024 * 1024;
const HERE: &str = "pictures/";
const ASIDE: &str = "removed/";

/// A bucket and who we are there.
#[derive(Debug, Clone)]
pub struct Bucket {
    /// Ends with a slash; objects are below it.
    address: Url,
    host: String,
    name: String,
    region: String,
    key_id: String,
    secret: Secret,
    client: reqwest::Client,
}

/// One request, as far as its signature goes.
struct Call<'a> {
    method: Method,
    key: &'a str,
    /// Sorted by name.
    query: &'a [(&'a str, &'a str)],
    /// Sorted by name, in lower case.
    headers: &'a [(&'a str, &'a str)],
    body: Vec<u8>,
}

impl Call<'_> {
    fn new(method: Method, key: &str) -> Call<'_> {
        Call { method, key, query: &[], headers: &[], body: Vec::new() }
    }
}

impl Bucket {
    /// `address` is where the bucket's objects are: `https://NAME.s3.example.com`, or `https://s3.example.com/NAME`.
    ///
    /// # Errors
    /// What is wrong with the address.
    pub fn new(address: &str, region: String, key_id: String, secret: Secret) -> Result<Self, String> {
        let address = format!("{}/", address.trim_end_matches('/'));
        let address = Url::parse(&address).map_err(|error| error.to_string())?;
        let domain = address.host_str().filter(|_| matches!(address.scheme(), "http" | "https"));
        let domain = domain.ok_or("must begin with https://")?;
        let host = address.port().map_or_else(|| domain.to_owned(), |port| format!("{domain}:{port}"));
        let name = match address.path().trim_matches('/') {
            "" => domain.split('.').next().unwrap_or_default().to_owned(),
            name if name.contains('/') => return Err("must end with the bucket's name".to_owned()),
            name => name.to_owned(),
        };
        #[expect(clippy::disallowed_methods, reason = "this is the client through which every call to a bucket goes")]
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .build()
            .map_err(|error| error.without_url().to_string())?;
        Ok(Self { address, host, name, region, key_id, secret, client })
    }

    pub(super) async fn keep(&self, name: &PictureName, bytes: Vec<u8>, now: Instant) -> io::Result<()> {
        if self.touch(name, now).await? { Ok(()) } else { self.put(name, bytes, now).await }
    }

    /// Whether it is there, and stays so for a while from now on.
    pub(super) async fn touch(&self, name: &PictureName, now: Instant) -> io::Result<bool> {
        let here = key(HERE, name);
        Ok(self.copy(&here, &here, now).await? || self.copy(&key(ASIDE, name), &here, now).await?)
    }

    pub(super) async fn read(&self, name: &PictureName, now: Instant) -> io::Result<Option<Vec<u8>>> {
        if let Some(bytes) = self.get(&key(HERE, name), now).await? {
            return Ok(Some(bytes));
        }
        let Some(bytes) = self.get(&key(ASIDE, name), now).await? else { return Ok(None) };
        self.put(name, bytes.clone(), now).await?;
        Ok(Some(bytes))
    }

    pub(super) async fn idle_since(&self, since: Instant, now: Instant) -> io::Result<Vec<PictureName>> {
        let mut idle = Vec::new();
        for prefix in [HERE, ASIDE] {
            let mut token = None;
            loop {
                let list = self.list(prefix, token.as_deref(), now).await?;
                for object in list.split("<Contents>").skip(1) {
                    let changed = between(object, "<LastModified>", "</LastModified>").and_then(|at| at.parse().ok());
                    let changed: jiff::Timestamp = changed.ok_or_else(|| odd("a list without times"))?;
                    let name = between(object, "<Key>", "</Key>").and_then(|key| key.rsplit('/').next()?.parse().ok());
                    idle.extend(name.filter(|_| changed.as_millisecond() < since.as_millis()));
                }
                match between(&list, "<NextContinuationToken>", "</NextContinuationToken>") {
                    Some(next) => token = Some(next.replace("&amp;", "&")),
                    None => break,
                }
            }
        }
        Ok(idle)
    }

    pub(super) async fn remove_idle(&self, name: &PictureName, since: Instant, now: Instant) -> io::Result<bool> {
        let (here, aside) = (key(HERE, name), key(ASIDE, name));
        match self.changed_at(&here, now).await? {
            Some(changed) if changed >= since => Ok(false),
            Some(_) => {
                let is_aside = self.copy(&here, &aside, now).await?;
                self.delete(&here, now).await?;
                Ok(is_aside)
            }
            None => match self.changed_at(&aside, now).await? {
                Some(changed) if changed < since => self.delete(&aside, now).await.map(|()| true),
                _ => Ok(false),
            },
        }
    }

    async fn get(&self, key: &str, now: Instant) -> io::Result<Option<Vec<u8>>> {
        match self.send(Call::new(Method::GET, key), now).await? {
            Some(response) => bounded(response, MOST_BYTES).await.map(Some),
            None => Ok(None),
        }
    }

    async fn put(&self, name: &PictureName, bytes: Vec<u8>, now: Instant) -> io::Result<()> {
        let (key, headers) = (key(HERE, name), [("content-type", name.kind().media_type())]);
        let call = Call { headers: &headers, body: bytes, ..Call::new(Method::PUT, &key) };
        self.send(call, now).await?.map(drop).ok_or_else(|| odd("no such bucket"))
    }

    /// Whether there was something to copy. Onto itself it only makes the object look new.
    async fn copy(&self, from: &str, to: &str, now: Instant) -> io::Result<bool> {
        let source = format!("/{}/{from}", self.name);
        let headers = [("x-amz-copy-source", &*source), ("x-amz-metadata-directive", "REPLACE")];
        let Some(response) = self.send(Call { headers: &headers, ..Call::new(Method::PUT, to) }, now).await? else {
            return Ok(false);
        };
        // A copy that fails half-way has begun with 200.
        let said = bounded(response, MOST_LISTED).await?;
        if String::from_utf8_lossy(&said).contains("<Error>") { Err(odd("a copy failed")) } else { Ok(true) }
    }

    async fn changed_at(&self, key: &str, now: Instant) -> io::Result<Option<Instant>> {
        let Some(response) = self.send(Call::new(Method::HEAD, key), now).await? else { return Ok(None) };
        let changed = response.headers().get(LAST_MODIFIED).and_then(|at| at.to_str().ok());
        let changed = changed.and_then(|at| jiff::fmt::rfc2822::parse(at).ok());
        let changed = changed.ok_or_else(|| odd("an object without a time"))?;
        Ok(Some(Instant::from_millis(changed.timestamp().as_millisecond())))
    }

    async fn delete(&self, key: &str, now: Instant) -> io::Result<()> {
        self.send(Call::new(Method::DELETE, key), now).await.map(drop)
    }

    async fn list(&self, prefix: &str, token: Option<&str>, now: Instant) -> io::Result<String> {
        let mut query = vec![("list-type", "2"), ("prefix", prefix)];
        if let Some(token) = token {
            query.insert(0, ("continuation-token", token));
        }
        let response = self.send(Call { query: &query, ..Call::new(Method::GET, "") }, now).await?;
        let bytes = bounded(response.ok_or_else(|| odd("no such bucket"))?, MOST_LISTED).await?;
        String::from_utf8(bytes).map_err(|_| odd("a list that is no text"))
    }

    /// `None` where there is no such object.
    async fn send(&self, call: Call<'_>, now: Instant) -> io::Result<Option<Response>> {
        let mut url = self.address.join(call.key).map_err(io::Error::other)?;
        let query = query_text(call.query);
        url.set_query((!query.is_empty()).then_some(&*query));
        let mut request = self.client.request(call.method.clone(), url.clone());
        for (name, value) in call.headers {
            request = request.header(*name, *value);
        }
        for (name, value) in self.sign(&call, url.path(), &query, now) {
            request = request.header(name, value);
        }
        let response = request.body(call.body).send().await.map_err(|error| io::Error::other(error.without_url()))?;
        match response.status() {
            status if status.is_success() => Ok(Some(response)),
            StatusCode::NOT_FOUND => Ok(None),
            status => Err(odd(&status.to_string())),
        }
    }

    /// The headers that prove who asks: AWS Signature Version 4.
    fn sign(&self, call: &Call<'_>, path: &str, query: &str, now: Instant) -> [(&'static str, String); 3] {
        let at = jiff::Timestamp::from_millisecond(now.as_millis()).unwrap_or_default();
        let (day, time) = (at.strftime("%Y%m%d").to_string(), at.strftime("%Y%m%dT%H%M%SZ").to_string());
        let body = hex(digest(&SHA256, &call.body).as_ref());
        let mut headers = call.headers.to_vec();
        headers.extend([("host", &*self.host), ("x-amz-content-sha256", &body), ("x-amz-date", &time)]);
        headers.sort_unstable();
        let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
        let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let asked = format!("{}\n{path}\n{query}\n{lines}\n{names}\n{body}", call.method);
        let scope = format!("{day}/{}/s3/aws4_request", self.region);
        let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex(digest(&SHA256, asked.as_bytes()).as_ref()));
        let first = format!("AWS4{}", self.secret.expose()).into_bytes();
        let key = scope.split('/').fold(first, |key, part| mac(&key, part).as_ref().to_vec());
        let signature = hex(mac(&key, &text).as_ref());
        let proof =
            format!("AWS4-HMAC-SHA256 Credential={}/{scope},SignedHeaders={names},Signature={signature}", self.key_id);
        [("authorization", proof), ("x-amz-content-sha256", body), ("x-amz-date", time)]
    }
}

fn key(prefix: &str, name: &PictureName) -> String {
    format!("{prefix}{}/{name}", name.folder())
}

fn odd(what: &str) -> io::Error {
    io::Error::other(format!("the bucket of pictures: {what}"))
}

fn mac(key: &[u8], text: &str) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn query_text(query: &[(&str, &str)]) -> String {
    query.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect::<Vec<_>>().join("&")
}

fn escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => _ = write!(out, "%{byte:02X}"),
        }
        out
    })
}

fn between<'t>(text: &'t str, begin: &str, end: &str) -> Option<&'t str> {
    Some(text.split_once(begin)?.1.split_once(end)?.0)
}

async fn bounded(response: Response, most: usize) -> io::Result<Vec<u8>> {
    outbound::bounded(response, most).await.map_err(|why| odd(&why))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

    use sim::{Clock, Config, World};

    use super::*;
    use crate::Pictures;
    use crate::pictures::look::tests::png_of;

    /// The examples that Amazon publishes for this signature.
    #[test]
    fn signed_as_the_published_examples_are() {
        let secret = Secret::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
        let key_id = "AKIAIOSFODNN7EXAMPLE".to_owned();
        let address = "https://examplebucket.s3.amazonaws.com";
        let bucket = Bucket::new(address, "us-east-1".to_owned(), key_id, secret).expect("an address");
        assert_eq!(bucket.name, "examplebucket");
        let now = Instant::from_millis(1_369_353_600_000);
        let get = Call { headers: &[("range", "bytes=0-9")], ..Call::new(Method::GET, "test.txt") };
        let [(_, proof), ..] = bucket.sign(&get, "/test.txt", "", now);
        assert_eq!(
            proof,
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,\
             SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,\
             Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
        );
        let query = query_text(&[("max-keys", "2"), ("prefix", "J")]);
        let [(_, proof), ..] = bucket.sign(&Call::new(Method::GET, ""), "/", &query, now);
        assert!(proof.ends_with("34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"), "{proof}");
    }

    #[test]
    fn an_address_names_the_bucket() {
        let named = |address: &str| {
            Bucket::new(address, "r".to_owned(), "k".to_owned(), Secret::new("s"))
                .map(|bucket| (bucket.host, bucket.name))
        };
        let of = |host: &str, name: &str| Ok((host.to_owned(), name.to_owned()));
        assert_eq!(named("http://127.0.0.1:9000/photos/"), of("127.0.0.1:9000", "photos"));
        assert_eq!(named("https://photos.example.com"), of("photos.example.com", "photos"));
        for address in ["photos", "ftp://example.com/photos", "https://example.com/a/b", ""] {
            assert!(named(address).is_err(), "{address}");
        }
    }

    struct Outside {
        world: World,
        clock: Arc<AtomicI64>,
    }

    impl Outside {
        async fn new() -> Self {
            let clock = Arc::new(AtomicI64::new(1_800_000_000_000));
            let source = Arc::clone(&clock);
            let config = Config { clock: Clock::from_source(move || source.load(Relaxed)), ..Config::default() };
            let address = "127.0.0.1:0".parse().expect("an address");
            Self { world: World::start_with(address, config).await.expect("starts"), clock }
        }

        fn bucket(&self, secret: &str) -> Bucket {
            let address = format!("{}/{}", self.world.base_url(), sim::bucket::NAME);
            let (region, key_id) = (sim::bucket::REGION.to_owned(), sim::bucket::KEY_ID.to_owned());
            Bucket::new(&address, region, key_id, Secret::new(secret)).expect("an address")
        }

        /// Seconds later.
        fn later(&self, seconds: i64) -> Instant {
            Instant::from_millis(self.clock.fetch_add(seconds * 1000, Relaxed) + seconds * 1000)
        }
    }

    async fn kept(pictures: &Pictures, width: u32, now: Instant) -> PictureName {
        PictureName::of(&pictures.keep(png_of(width, 1), now).await.expect("written").expect("a picture"))
    }

    #[tokio::test]
    async fn a_bucket_keeps_what_it_is_given_and_only_for_us() {
        let outside = Outside::new().await;
        let now = outside.later(0);
        let pictures = Pictures::in_bucket(outside.bucket(sim::bucket::SECRET));
        let name = kept(&pictures, 3, now).await;
        assert_eq!(kept(&pictures, 3, now).await, name);
        assert_eq!(pictures.read(&name, now).await.expect("read"), Some(png_of(3, 1)));
        assert_eq!(pictures.find(&name, now).await.expect("read").map(|picture| picture.width), Some(3));
        let other: PictureName = format!("{}.png", "0".repeat(64)).parse().expect("a name");
        assert_eq!(pictures.read(&other, now).await.expect("read"), None);
        assert_eq!(pictures.find(&other, now).await.expect("read"), None);

        let stranger = Pictures::in_bucket(outside.bucket("a secret that is not theirs"));
        assert!(stranger.read(&name, now).await.expect_err("refused").to_string().contains("403"));
        let late = Instant::from_millis(now.as_millis() + 3_600_000);
        assert!(pictures.read(&name, late).await.is_err(), "what is dated an hour off is not believed");
    }

    #[tokio::test]
    async fn what_is_idle_is_put_aside_and_comes_back_when_it_is_asked_for() {
        let outside = Outside::new().await;
        let pictures = Pictures::in_bucket(outside.bucket(sim::bucket::SECRET));
        // More than one page of the list.
        let mut names = Vec::new();
        for width in 1..=5 {
            names.push(kept(&pictures, width, outside.later(0)).await);
        }
        let now = outside.later(60);
        pictures.find(&names[0], now).await.expect("read").expect("a picture");
        let since = Instant::from_millis(now.as_millis() - 30_000);
        let idle = pictures.idle_since(since, now).await.expect("listed");
        assert_eq!((idle.len(), idle.contains(&names[0])), (4, false));
        assert!(!pictures.remove_idle(&names[0], since, now).await.expect("asked"), "it was in somebody's hand");
        for name in &names[1..] {
            assert!(pictures.remove_idle(name, since, now).await.expect("removed"));
        }
        assert_eq!(pictures.idle_since(since, now).await.expect("listed"), [], "put aside just now");

        // Asked for, and taken in hand: both are back as if nothing had been.
        assert_eq!(pictures.read(&names[1], now).await.expect("read"), Some(png_of(2, 1)));
        pictures.find(&names[2], now).await.expect("read").expect("a picture");
        let now = outside.later(60);
        let since = Instant::from_millis(now.as_millis() - 30_000);
        for name in pictures.idle_since(since, now).await.expect("listed") {
            pictures.remove_idle(&name, since, now).await.expect("asked");
        }
        let mut left = Vec::new();
        for name in &names {
            left.push(pictures.read(name, now).await.expect("read").is_some());
        }
        assert_eq!(left, [true, true, true, false, false], "aside for the second time they are gone for good");
    }
}
