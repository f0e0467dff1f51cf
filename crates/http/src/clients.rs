//! The web clients, as they were built into this binary: the console under `/admin/`, the members' client under `/`. Files are
//! found by their whole name in a table, never on a disk.

use std::collections::BTreeMap;

use axum::extract::Request;
use axum::http::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, LOCATION, VARY,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use bytes::Bytes;

use crate::openapi::tag;
use crate::reply::{Kept, response};

include!(concat!(env!("OUT_DIR"), "/clients.rs"));

/// A file of a client, and the same compressed where that makes it smaller.
struct File {
    path: &'static str,
    plain: &'static [u8],
    gzip: Option<&'static [u8]>,
    brotli: Option<&'static [u8]>,
}

const INDEX: &str = "index.html";
/// What is under it has a hash of its content in its name: whoever has such a file has it for ever.
const HASHED: &str = "assets/";
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

/// No script, style or request of anybody else's, and no style in an attribute.
const CONSOLE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; \
     manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
/// Its toolkit writes style attributes and keeps its icons in `data:`.
const MEMBERS_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; \
     font-src 'self' data:; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'",
);

pub(crate) struct Clients {
    /// The longest prefix first.
    clients: [Client; 2],
    /// First segments of paths that belong to endpoints.
    reserved: Vec<&'static str>,
}

struct Client {
    /// Begins and ends with a slash.
    prefix: &'static str,
    policy: HeaderValue,
    missing: &'static str,
    files: BTreeMap<&'static str, Stored>,
}

struct Stored {
    content_type: HeaderValue,
    /// In the order in which they are preferred; the last one is the file as it is.
    versions: Vec<Version>,
}

struct Version {
    encoding: Option<&'static str>,
    tag: HeaderValue,
    body: Bytes,
}

impl Clients {
    /// Those in this binary. `paths` are the endpoints': no client answers in their place.
    pub(crate) fn built_in(paths: impl Iterator<Item = &'static str>) -> Self {
        Self::of(CONSOLE, MEMBERS_CLIENT, paths)
    }

    fn of(console: &'static [File], members: &'static [File], paths: impl Iterator<Item = &'static str>) -> Self {
        let client = |prefix, policy, missing, files: &'static [File]| Client {
            prefix,
            policy,
            missing,
            files: files.iter().map(|file| (file.path, Stored::new(file))).collect(),
        };
        Self {
            clients: [
                client("/admin/", CONSOLE_POLICY, include_str!("no_console.html"), console),
                client("/", MEMBERS_POLICY, include_str!("no_members_client.html"), members),
            ],
            reserved: paths.filter_map(first_segment).collect(),
        }
    }

    /// What a client has under this path, whatever the method; nothing where that is not a client's business.
    pub(crate) fn answer(&self, request: &Request) -> Option<Response> {
        let (path, headers) = (request.uri().path(), request.headers());
        if path == "/admin" {
            let mut moved = Response::default();
            *moved.status_mut() = StatusCode::PERMANENT_REDIRECT;
            moved.headers_mut().insert(LOCATION, HeaderValue::from_static("/admin/"));
            return Some(moved);
        }
        let (client, name) =
            self.clients.iter().find_map(|client| Some((client, path.strip_prefix(client.prefix)?)))?;
        let name = if name.is_empty() { INDEX } else { name };
        if let Some(file) = client.files.get(name) {
            return Some(client.send(name, file, headers));
        }
        let is_page = name == INDEX || (is_navigation(headers) && !self.is_reserved(path));
        if !is_page {
            return None;
        }
        match client.files.get(INDEX) {
            // The client's own router knows what to show there.
            Some(index) => Some(client.send(INDEX, index, headers)),
            None => Some(response(StatusCode::NOT_FOUND, HTML, client.missing)),
        }
    }

    fn is_reserved(&self, path: &str) -> bool {
        first_segment(path).is_some_and(|first| self.reserved.contains(&first))
    }
}

impl Client {
    fn send(&self, name: &str, file: &Stored, headers: &HeaderMap) -> Response {
        const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");
        const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
        let version = file.best_for(headers);
        let kept = Kept { content_type: file.content_type.clone(), tag: &version.tag, body: &version.body };
        let mut answer = kept.answer(headers);
        let headers = answer.headers_mut();
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        headers.insert(CONTENT_SECURITY_POLICY, self.policy.clone());
        // A phone's camera reads the codes that members show; nothing else is asked of it.
        headers.insert(PERMISSIONS_POLICY, HeaderValue::from_static("camera=(self), geolocation=(), microphone=()"));
        headers.insert(OPENER_POLICY, HeaderValue::from_static("same-origin"));
        if let Some(encoding) = version.encoding {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        if name.starts_with(HASHED) {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
        }
        answer
    }
}

impl Stored {
    fn new(file: &'static File) -> Self {
        let version = |encoding, bytes: &'static [u8]| {
            let body = Bytes::from_static(bytes);
            Version { encoding, tag: tag(&body), body }
        };
        let brotli = file.brotli.map(|bytes| version(Some("br"), bytes));
        let gzip = file.gzip.map(|bytes| version(Some("gzip"), bytes));
        Self {
            content_type: content_type(file.path),
            versions: brotli.into_iter().chain(gzip).chain([version(None, file.plain)]).collect(),
        }
    }

    fn best_for(&self, headers: &HeaderMap) -> &Version {
        let accepted = |version: &&Version| version.encoding.is_none_or(|encoding| accepts(headers, encoding));
        self.versions.iter().find(accepted).unwrap_or(&self.versions[self.versions.len() - 1])
    }
}

fn content_type(path: &str) -> HeaderValue {
    let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending);
    HeaderValue::from_static(match ending {
        "html" => return HTML,
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" => "application/json; charset=utf-8",
        "webmanifest" => "application/manifest+json; charset=utf-8",
        "txt" => "text/plain; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "woff" => "font/woff",
        "ttf" => "font/ttf",
        "wasm" => "application/wasm",
        _ => "application/octet-stream",
    })
}

fn first_segment(path: &str) -> Option<&str> {
    path.split('/').nth(1)
}

/// Whether a person goes there, and not a script, a style sheet or a picture.
fn is_navigation(headers: &HeaderMap) -> bool {
    words(headers, ACCEPT).any(|(kind, _)| kind == "text/html")
}

fn accepts(headers: &HeaderMap, encoding: &str) -> bool {
    words(headers, ACCEPT_ENCODING).any(|(word, quality)| {
        let refused = quality.starts_with("q=0") && quality[3..].chars().all(|digit| "0.".contains(digit));
        word.eq_ignore_ascii_case(encoding) && !refused
    })
}

/// The words of a header's list, each with what stands behind its semicolon.
fn words(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = (&str, &str)> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(|word| {
        let (word, rest) = word.split_once(';').unwrap_or((word, ""));
        (word.trim(), rest.trim())
    })
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH};
    use http_body_util::BodyExt;

    use super::*;

    const FILES: &[File] = &[
        File { path: "index.html", plain: b"index", gzip: Some(b"index gz"), brotli: Some(b"index br") },
        File { path: "assets/a-1f.js", plain: b"script", gzip: Some(b"script gz"), brotli: None },
        File { path: "icon.svg", plain: b"icon", gzip: None, brotli: None },
    ];
    const PATHS: [&str; 3] = ["/api/v1/meals/{meal_id}", "/docs", "/health/live"];
    const PERSON: (HeaderName, &str) = (ACCEPT, "text/html,application/xhtml+xml,*/*;q=0.8");

    fn ask_of(files: &'static [File], path: &str, headers: &[(HeaderName, &str)]) -> Option<Response> {
        let mut request = Request::builder().uri(path);
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        let request = request.body(Body::empty()).expect("a request");
        Clients::of(files, files, PATHS.into_iter()).answer(&request)
    }

    fn ask(path: &str, headers: &[(HeaderName, &str)]) -> Option<Response> {
        ask_of(FILES, path, headers)
    }

    fn header(answer: &Response, name: HeaderName) -> Option<&str> {
        answer.headers().get(name).and_then(|value| value.to_str().ok())
    }

    async fn body(answer: Response) -> String {
        let bytes = answer.into_body().collect().await.expect("a body").to_bytes();
        String::from_utf8(bytes.to_vec()).expect("text")
    }

    #[tokio::test]
    async fn files_are_found_by_their_whole_name() {
        for (path, expected) in [
            ("/", Some("index")),
            ("/admin/", Some("index")),
            ("/index.html", Some("index")),
            ("/admin/icon.svg", Some("icon")),
            ("/admin/assets/a-1f.js", Some("script")),
            ("/assets/a-1f.js", Some("script")),
            ("/admin/assets/", None),
            ("/admin/assets/b.js", None),
            ("/admin/assets/a-1f.js.gz", None),
            ("/admin/../icon.svg", None),
            ("/admin/%2e%2e/icon.svg", None),
            ("/admin//icon.svg", None),
            ("/admin/ICON.SVG", None),
            ("/admin/etc/passwd", None),
            ("/adminicon.svg", None),
        ] {
            let answer = ask(path, &[]);
            assert_eq!(answer.is_some(), expected.is_some(), "{path}");
            if let (Some(answer), Some(expected)) = (answer, expected) {
                assert_eq!(body(answer).await, expected, "{path}");
            }
        }
    }

    #[tokio::test]
    async fn a_person_who_goes_somewhere_gets_the_client_and_nobody_else_does() {
        for path in ["/admin/members/7", "/admin/assets/b.js", "/orders", "/admin/../x", "/documents"] {
            let answer = ask(path, &[PERSON]).expect("a page");
            assert_eq!((header(&answer, CONTENT_TYPE), answer.status().as_u16()), (HTML.to_str().ok(), 200), "{path}");
            assert_eq!(body(answer).await, "index", "{path}");
            assert!(ask(path, &[(ACCEPT, "*/*")]).is_none(), "{path}");
        }
        for path in ["/api/v1/nothing", "/api", "/docs/nothing", "/health/nothing"] {
            assert!(ask(path, &[PERSON]).is_none(), "{path}");
        }
        let moved = ask("/admin", &[PERSON]).expect("an answer");
        assert_eq!((moved.status().as_u16(), header(&moved, LOCATION)), (308, Some("/admin/")));
    }

    #[tokio::test]
    async fn what_is_sent_is_as_small_as_the_browser_takes_it() {
        for (accepted, path, encoding, expected) in [
            ("gzip, deflate, br, zstd", "/admin/", Some("br"), "index br"),
            ("gzip;q=1.0, br;q=0", "/admin/", Some("gzip"), "index gz"),
            ("gzip;q=0.0, BR;q=0.5", "/admin/", Some("br"), "index br"),
            ("deflate", "/admin/", None, "index"),
            ("", "/admin/", None, "index"),
            ("br, gzip", "/admin/assets/a-1f.js", Some("gzip"), "script gz"),
            ("br, gzip", "/admin/icon.svg", None, "icon"),
        ] {
            let answer = ask(path, &[(ACCEPT_ENCODING, accepted)]).expect("a file");
            assert_eq!(header(&answer, CONTENT_ENCODING), encoding, "{accepted}");
            assert_eq!(header(&answer, VARY), Some("accept-encoding"));
            assert_eq!(body(answer).await, expected, "{accepted}");
        }
    }

    #[test]
    fn hashed_files_are_kept_for_ever_and_the_rest_is_asked_for_again() {
        let hashed = ask("/admin/assets/a-1f.js", &[]).expect("a file");
        assert_eq!(header(&hashed, CACHE_CONTROL), Some("public, max-age=31536000, immutable"));
        for path in ["/admin/", "/admin/icon.svg"] {
            let first = ask(path, &[]).expect("a file");
            assert_eq!(header(&first, CACHE_CONTROL), Some("no-cache"), "{path}");
            let tag = header(&first, ETAG).expect("a tag");
            let again = ask(path, &[(IF_NONE_MATCH, tag)]).expect("a file");
            assert_eq!(again.status().as_u16(), 304, "{path}");
        }
        let plain = ask("/admin/", &[]).expect("a file");
        let brotli = ask("/admin/", &[(ACCEPT_ENCODING, "br")]).expect("a file");
        assert_ne!(header(&plain, ETAG), header(&brotli, ETAG), "two versions are two things to a cache");
    }

    #[test]
    fn every_file_comes_with_a_policy() {
        for path in ["/admin/", "/admin/assets/a-1f.js", "/", "/icon.svg"] {
            let answer = ask(path, &[]).expect("a file");
            let policy = header(&answer, CONTENT_SECURITY_POLICY).expect("a policy");
            assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'"), "{policy}");
            assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe-eval"), "{policy}");
            assert_eq!(policy.contains("unsafe-inline"), !path.starts_with("/admin/"), "{policy}");
        }
    }

    #[tokio::test]
    async fn without_a_client_its_place_says_how_to_build_it() {
        for path in ["/admin/", "/", "/admin/index.html"] {
            let answer = ask_of(&[], path, &[]).expect("a page");
            assert_eq!((answer.status().as_u16(), header(&answer, CONTENT_TYPE)), (404, HTML.to_str().ok()), "{path}");
            assert!(body(answer).await.contains("cargo xtask demo"), "{path}");
        }
        assert!(ask_of(&[], "/admin/members", &[PERSON]).is_some());
        assert!(ask_of(&[], "/admin/assets/a.js", &[]).is_none());
    }

    #[test]
    fn the_type_of_every_built_in_file_is_known() {
        for file in CONSOLE.iter().chain(MEMBERS_CLIENT) {
            assert_ne!(content_type(file.path), "application/octet-stream", "{}", file.path);
        }
    }
}
