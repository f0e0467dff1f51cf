use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::code::Code;
use super::seal::{Apiv3Key, Sealed};
use super::sign::{MerchantKey, SignedParts, nonce};
use super::verify::{KeyStore, SignatureHeaders, VerifyError};
use crate::error::{Error, Kind, Outcome};
use crate::secret::{Secret, scrub};
use crate::time::{Clock, UnixTime};
use crate::transport::{Answer, Call, Transport, TransportConfig, base_url};

/// A key of the public-key mode.
#[derive(Debug, Clone)]
pub struct PublicKey {
    /// `PUB_KEY_ID_…`
    pub id: String,
    pub pem: String,
}

/// A merchant and its secrets.
#[derive(Clone)]
pub struct Config {
    /// Scheme, host and port; `https://api.mch.weixin.qq.com` in earnest.
    pub base_url: String,
    pub mchid: String,
    /// Serial number of the merchant's certificate.
    pub certificate_serial: String,
    /// `apiclient_key.pem`.
    pub private_key_pem: Secret,
    pub apiv3_key: Secret,
    /// Only the front end of pay score still needs it.
    pub apiv2_key: Option<Secret>,
    /// Keys of the public-key mode. Requests ask for answers under the first one.
    pub public_keys: Vec<PublicKey>,
    /// Platform certificates (PEM) known from before; more are downloaded by [`Merchant::refresh_certificates`].
    pub certificates: Vec<String>,
    pub transport: TransportConfig,
    pub clock: Arc<dyn Clock>,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("base_url", &self.base_url).field("mchid", &self.mchid).finish_non_exhaustive()
    }
}

/// One merchant at WeChat Pay: the client that signs, sends once, verifies and parses.
///
/// Every failed call says whether its outcome is known ([`Error::outcome`]). Nothing is repeated here, and no number is made here.
pub struct Merchant {
    base: Url,
    mchid: String,
    key: MerchantKey,
    apiv3_key: Apiv3Key,
    apiv2_key: Option<Secret>,
    first_public_key: Option<String>,
    keys: RwLock<KeyStore>,
    /// When certificates were last asked for, and for how long not again. Held during the download, so that one asks for all.
    last_refresh: Mutex<Option<(UnixTime, u64)>>,
    transport: Transport,
    clock: Arc<dyn Clock>,
}

impl Merchant {
    /// Checks every key at once, so that a wrong one stops the start and not the first payment. Sends nothing.
    pub fn new(config: Config) -> Result<Self, Error> {
        if config.mchid.is_empty() || !config.mchid.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Error::config("mchid: digits expected"));
        }
        if config.apiv2_key.as_ref().is_some_and(|key| key.expose().len() != 32) {
            return Err(Error::config("APIv2 key: exactly 32 characters"));
        }
        let mut keys = KeyStore::default();
        for public_key in &config.public_keys {
            keys.add_public_key(&public_key.id, &public_key.pem)?;
        }
        for certificate in &config.certificates {
            keys.add_certificate(certificate)?;
        }
        Ok(Self {
            base: base_url(&config.base_url)?,
            mchid: config.mchid,
            key: MerchantKey::from_pem(&config.private_key_pem, &config.certificate_serial)?,
            apiv3_key: Apiv3Key::new(&config.apiv3_key)?,
            apiv2_key: config.apiv2_key,
            first_public_key: config.public_keys.into_iter().next().map(|key| key.id),
            keys: RwLock::new(keys),
            last_refresh: Mutex::new(None),
            transport: Transport::new(&config.transport)?,
            clock: config.clock,
        })
    }

    /// Who asks: the merchant number.
    pub fn mchid(&self) -> &str {
        &self.mchid
    }

    /// The serials of WeChat's keys that we hold now.
    pub fn key_serials(&self) -> Vec<String> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).serials().map(str::to_owned).collect()
    }

    /// Whether WeChat's certificates are all that its signatures are checked with: no key of the public-key mode is configured.
    pub fn needs_certificates(&self) -> bool {
        self.first_public_key.is_none()
    }

    /// Downloads WeChat's certificates. Call it at start and every few hours where no public key is configured, and after an
    /// [`VerifyError::UnknownSerial`]: it answers false, and sends nothing, soon after the last try, so that strangers who make up serials
    /// cannot make us call WeChat. After a failure it may be tried again sooner.
    pub async fn refresh_certificates(&self) -> Result<bool, Error> {
        let mut last_refresh = self.last_refresh.lock().await;
        let now = self.clock.now();
        if last_refresh.is_some_and(|(at, pause_s)| at.distance(now) < pause_s) {
            return Ok(false);
        }
        *last_refresh = Some((now, PAUSE_AFTER_FAILURE_S));
        self.download_certificates().await?;
        *last_refresh = Some((now, PAUSE_AFTER_REFRESH_S));
        Ok(true)
    }

    async fn download_certificates(&self) -> Result<(), Error> {
        let answer = self.exchange(&Ask::get("/v3/certificates".to_owned())).await?;
        let mut keys = self.keys.read().unwrap_or_else(PoisonError::into_inner).clone();
        if answer.status == 200 {
            // What the APIv3 key opens is authentic; only then is the answer's own signature checked, perhaps with a key from inside it.
            for certificate in open_certificates(&self.apiv3_key, &answer)? {
                keys.add_certificate(&certificate)?;
            }
        }
        let now = self.clock.now();
        keys.drop_ended(now);
        verify(&keys, &answer, now).map_err(|why| Error::unverified(answer.status, why))?;
        if answer.status != 200 {
            return Err(refusal(&answer, &[]));
        }
        let mut current = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        *current = keys;
        Ok(())
    }

    /// Sends a call and reads the JSON of a believed success.
    pub(crate) async fn call<T: DeserializeOwned>(&self, ask: Ask) -> Result<T, Error> {
        let answer = self.believed(&ask).await?;
        // serde's own text would quote values.
        serde_json::from_slice(&answer.body)
            .map_err(|_| Error::answer(answer.status, "fields are missing or of another type"))
    }

    /// Sends a call whose success says nothing more (204).
    pub(crate) async fn call_empty(&self, ask: Ask) -> Result<(), Error> {
        self.believed(&ask).await.map(|_| ())
    }

    async fn believed(&self, ask: &Ask) -> Result<Answer, Error> {
        let answer = self.exchange(ask).await?;
        let mut verdict = self.check(&answer);
        if matches!(verdict, Err(VerifyError::UnknownSerial(_))) && self.try_refresh().await {
            verdict = self.check(&answer);
        }
        verdict.map_err(|why| Error::unverified(answer.status, why))?;
        match answer.status {
            200 | 204 => Ok(answer),
            _ => Err(refusal(&answer, &ask.secrets())),
        }
    }

    /// A certificate may have been rotated in; the answer at hand is checked again with it.
    async fn try_refresh(&self) -> bool {
        matches!(self.refresh_certificates().await, Ok(true))
    }

    fn check(&self, answer: &Answer) -> Result<(), VerifyError> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        verify(&keys, answer, self.clock.now())
    }

    /// Signs and sends; the answer is not checked yet.
    async fn exchange(&self, ask: &Ask) -> Result<Answer, Error> {
        let url = self.base.join(&ask.path_and_query).map_err(|_| Error::input("path", "not a path"))?;
        let mut call = self.signed(ask.method.clone(), url, &ask.body, LONGEST_ANSWER)?;
        call.headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        self.transport.send(call).await
    }

    /// A file from an address that WeChat gave us. It comes unsigned: the caller checks its hash.
    pub(crate) async fn fetch_file(&self, address: &str) -> Result<Vec<u8>, Error> {
        let url = Url::parse(address).map_err(|_| Error::answer(200, "the download address is none"))?;
        if !self.may_download_from(&url) {
            // Our signature is not for other hosts.
            return Err(Error::answer(200, "the download address leads elsewhere"));
        }
        let mut call = self.signed(Method::GET, url, &[], LONGEST_FILE)?;
        call.headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        let answer = self.transport.fetch(call).await?;
        if answer.status == 200 { Ok(answer.body) } else { Err(Error::answer(answer.status, "no file")) }
    }

    fn may_download_from(&self, url: &Url) -> bool {
        const HOSTS: [&str; 2] = ["api.mch.weixin.qq.com", "api2.mch.weixin.qq.com"];
        let both_real = self.base.host_str().is_some_and(|host| HOSTS.contains(&host))
            && url.host_str().is_some_and(|host| HOSTS.contains(&host))
            && url.scheme() == "https"
            && url.port().is_none();
        (url.origin() == self.base.origin() || both_real)
            && url.path().starts_with("/v3/billdownload/")
            && url.username().is_empty()
            && url.password().is_none()
    }

    fn signed(&self, method: Method, url: Url, body: &[u8], longest_answer: usize) -> Result<Call, Error> {
        // Taken from the address itself, so that what is signed is what goes on the wire.
        let path_and_query = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let now = self.clock.now();
        let nonce = nonce()?;
        let parts = SignedParts {
            method: method.as_str(),
            path_and_query: &path_and_query,
            timestamp: now,
            nonce: &nonce,
            body,
        };
        let mut authorization = HeaderValue::try_from(self.key.authorization(&self.mchid, &parts)?)
            .map_err(|_| Error::config("authorization: not a header"))?;
        authorization.set_sensitive(true);
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, authorization);
        if !body.is_empty() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if let Some(serial) = self.wanted_serial(now) {
            let serial = HeaderValue::try_from(serial).map_err(|_| Error::config("key id: not a header"))?;
            headers.insert(HeaderName::from_static("wechatpay-serial"), serial);
        }
        Ok(Call { method, url, headers, body: body.to_vec(), longest_answer })
    }

    /// The key under which we would like the answer; none where we hold none yet.
    fn wanted_serial(&self, now: UnixTime) -> Option<String> {
        if self.first_public_key.is_some() {
            return self.first_public_key.clone();
        }
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.best_certificate(now).map(str::to_owned)
    }

    pub(crate) fn verify_notification(&self, headers: &SignatureHeaders<'_>, body: &[u8]) -> Result<(), VerifyError> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).verify(headers, body, self.clock.now())
    }

    pub(crate) fn now(&self) -> UnixTime {
        self.clock.now()
    }

    pub(crate) fn key(&self) -> &MerchantKey {
        &self.key
    }

    pub(crate) fn apiv3_key(&self) -> &Apiv3Key {
        &self.apiv3_key
    }

    pub(crate) fn apiv2_key(&self) -> Result<&Secret, Error> {
        self.apiv2_key.as_ref().ok_or_else(|| Error::config("APIv2 key: not configured"))
    }

    /// The believed answer must be about this merchant: a signature does not say which request it answers.
    pub(crate) fn is_mine(&self, mchid: &str) -> Result<(), Error> {
        if mchid == self.mchid { Ok(()) } else { Err(Error::mismatch("mchid")) }
    }
}

impl fmt::Debug for Merchant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Merchant")
            .field("base", &self.base.as_str())
            .field("mchid", &self.mchid)
            .finish_non_exhaustive()
    }
}

/// WeChat wants certificates refreshed at least twice a day; this is how often we do it at most.
const PAUSE_AFTER_REFRESH_S: u64 = 300;
const PAUSE_AFTER_FAILURE_S: u64 = 10;
const LONGEST_ANSWER: usize = 1024 * 1024;
const LONGEST_FILE: usize = 256 * 1024 * 1024;

/// One call before it is signed. The body is made once: these bytes are signed and these bytes are sent.
pub(crate) struct Ask {
    method: Method,
    path_and_query: String,
    body: Vec<u8>,
    /// Texts that must not come back in an error.
    secrets: Vec<Secret>,
}

impl Ask {
    pub(crate) fn get(path_and_query: String) -> Self {
        Self { method: Method::GET, path_and_query, body: Vec::new(), secrets: Vec::new() }
    }

    pub(crate) fn post(path: String, body: &impl Serialize) -> Result<Self, Error> {
        let body = serde_json::to_vec(body).map_err(|_| Error::input("body", "not writable as JSON"))?;
        Ok(Self { method: Method::POST, path_and_query: path, body, secrets: Vec::new() })
    }

    pub(crate) fn hiding(mut self, secret: &Secret) -> Self {
        self.secrets.push(secret.clone());
        self
    }

    fn secrets(&self) -> Vec<&str> {
        self.secrets.iter().map(Secret::expose).collect()
    }

    #[cfg(test)]
    pub(crate) fn body(&self) -> &str {
        std::str::from_utf8(&self.body).expect("JSON is text")
    }

    #[cfg(test)]
    pub(crate) fn path_and_query(&self) -> &str {
        &self.path_and_query
    }
}

/// A text as one segment of a path or one value of a query. The star stays, as in WeChat's own tools.
pub(crate) fn segment(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'*' => encoded.push(char::from(byte)),
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}

fn verify(keys: &KeyStore, answer: &Answer, now: UnixTime) -> Result<(), VerifyError> {
    let headers = SignatureHeaders::from_lookup(|name| answer.header(name))?;
    keys.verify(&headers, &answer.body, now)
}

#[derive(Deserialize)]
struct ErrorBody {
    code: String,
    #[serde(default)]
    message: String,
}

/// A believed answer that is no success.
fn refusal(answer: &Answer, secrets: &[&str]) -> Error {
    let Ok(body) = serde_json::from_slice::<ErrorBody>(&answer.body) else {
        return Error::answer(answer.status, "an HTTP error without a code");
    };
    let code = Code::parse(&body.code);
    let number = answer.header("Request-ID").or_else(|| answer.header("Request-Id"));
    let number = number.and_then(|id| id.rsplit_once('-')).and_then(|(_, tail)| tail.parse().ok());
    // 202 is "not finished yet"; 5xx may have happened; only a known word in a believed 4xx is final.
    let is_final = (400..500).contains(&answer.status) && code.is_final();
    let outcome = if is_final { Outcome::Refused } else { Outcome::Unknown };
    Error::new(Kind::Pay { status: answer.status, code, message: scrub(&body.message, secrets), number }, outcome)
}

fn open_certificates(key: &Apiv3Key, answer: &Answer) -> Result<Vec<String>, Error> {
    #[derive(Deserialize)]
    struct Certificates {
        data: Vec<Entry>,
    }
    #[derive(Deserialize)]
    struct Entry {
        encrypt_certificate: Sealed,
    }
    let problem = |text| Error::answer(answer.status, text);
    let certificates: Certificates =
        serde_json::from_slice(&answer.body).map_err(|_| problem("not a list of certificates"))?;
    let open = |entry: &Entry| {
        let plain = key.open(&entry.encrypt_certificate)?;
        String::from_utf8(plain).ok()
    };
    certificates
        .data
        .iter()
        .map(|entry| open(entry).ok_or_else(|| problem("a certificate does not open with the APIv3 key")))
        .collect()
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;

    use super::{refusal, segment};
    use crate::error::{Kind, Outcome};
    use crate::transport::Answer;

    #[test]
    fn only_a_known_word_in_a_4xx_proves_that_nothing_happened() {
        for (status, body, outcome) in [
            (404, r#"{"code":"ORDER_NOT_EXIST","message":"x"}"#, Outcome::Refused),
            (404, r#"{"code":"ORDERNOTEXIST"}"#, Outcome::Refused),
            (429, r#"{"code":"FREQUENCY_LIMITED","message":"x"}"#, Outcome::Refused),
            (500, r#"{"code":"ORDER_NOT_EXIST","message":"x"}"#, Outcome::Unknown),
            (202, r#"{"code":"ORDER_NOT_EXIST","message":"x"}"#, Outcome::Unknown),
            (400, r#"{"code":"SYSTEM_ERROR","message":"x"}"#, Outcome::Unknown),
            (400, r#"{"code":"A_NEW_WORD","message":"x"}"#, Outcome::Unknown),
            (400, r#"{"message":"x"}"#, Outcome::Unknown),
            (404, "<html>", Outcome::Unknown),
            (404, "", Outcome::Unknown),
        ] {
            let answer = Answer { status, headers: HeaderMap::new(), body: body.as_bytes().to_vec() };
            assert_eq!(refusal(&answer, &[]).outcome(), outcome, "{status} {body}");
        }
    }

    #[test]
    fn a_refusal_keeps_the_number_and_loses_the_secret() {
        let mut headers = HeaderMap::new();
        headers.insert("request-id", "08F78BB5AF0610D302-268449538".parse().expect("a value"));
        let body = r#"{"code":"INVALID_REQUEST","message":"openid oSECRET 有误"}"#;
        let error = refusal(&Answer { status: 400, headers, body: body.as_bytes().to_vec() }, &["oSECRET"]);
        assert!(error.is_already_paid(), "by its number, whatever the word");
        assert!(matches!(error.kind(), Kind::Pay { number: Some(268_449_538), .. }));
        assert!(!error.to_string().contains("oSECRET"), "{error}");
    }

    #[test]
    fn segments_are_encoded_as_wechat_does() {
        assert_eq!(segment("A|B*C-1_2"), "A%7CB*C-1_2");
        assert_eq!(segment("a/b?c#d%e f~"), "a%2Fb%3Fc%23d%25e%20f%7E");
    }
}
