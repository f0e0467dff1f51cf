//! The vendor whose cabinets we open: how we ask it, and how it proves itself. Only translates; what follows is decided elsewhere.

use std::time::Duration;

use kernel::{DeviceCode, DoorSession};
use partner::signature::{self, Accepted, Headers, PartnerKey, SignatureError};
use serde::{Deserialize, Serialize};

/// A door is worth waiting for so long; asked again, the vendor knows the request by its number.
const TIMEOUT: Duration = Duration::from_secs(5);
const OPEN_DOOR: &str = "/doors/open";

/// A cabinet vendor that speaks our signed protocol.
pub struct Vendor {
    partner: String,
    key: PartnerKey,
    open_door: reqwest::Url,
    /// Where it sends its events.
    callback_url: String,
    client: reqwest::Client,
}

/// What the vendor says when it is asked to open a door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DoorAnswer {
    /// It will; its events tell how that goes.
    Accepted,
    /// It certainly will not.
    Refused { reason: String },
}

#[derive(Serialize)]
struct Opening<'a> {
    request_id: &'a str,
    device_code: &'a str,
    /// After this it must not open any more.
    expires_at: Option<kernel::Instant>,
    callback_url: &'a str,
}

#[derive(Deserialize)]
struct Said {
    accepted: bool,
    reason: Option<String>,
}

impl Vendor {
    /// `partner` is its name in both directions, `base_url` where it listens, `callback_url` where it reaches this API.
    ///
    /// # Errors
    /// What is wrong with the secret or the address.
    pub fn new(partner: String, secret: &str, base_url: &str, callback_url: &str) -> Result<Self, String> {
        let key = PartnerKey::new(secret).ok_or("the secret must have at least 16 bytes")?;
        let open_door = format!("{}{OPEN_DOOR}", base_url.trim_end_matches('/'));
        let open_door = reqwest::Url::parse(&open_door).map_err(|error| format!("the address: {error}"))?;
        #[expect(clippy::disallowed_methods, reason = "this is the client through which every call to a vendor goes")]
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .build()
            .map_err(|error| error.without_url().to_string())?;
        let callback_url = format!("{}/callbacks/cabinet", callback_url.trim_end_matches('/'));
        Ok(Self { partner, key, open_door, callback_url, client })
    }

    /// Asks for a door to be opened, under the opening's own number however often.
    ///
    /// # Errors
    /// Where nobody knows what the vendor has understood. The text is for the log.
    pub(crate) async fn open(
        &self,
        session: &DoorSession,
        device: &DeviceCode,
        now_s: i64,
        nonce: &str,
    ) -> Result<DoorAnswer, String> {
        let opening = Opening {
            request_id: &session.session_no,
            device_code: device.as_str(),
            expires_at: session.due_at,
            callback_url: &self.callback_url,
        };
        let body = serde_json::to_vec(&opening).map_err(|error| error.to_string())?;
        let request = signature::Request { method: "POST", path_and_query: self.open_door.path(), body: &body };
        let headers = signature::sign(&self.key, &self.partner, &request, now_s, nonce).ok_or("a bad nonce")?;
        let mut call = self.client.post(self.open_door.clone()).header("content-type", "application/json");
        for (name, value) in headers {
            call = call.header(name, value);
        }
        let answer = call.body(body).send().await.map_err(|error| error.without_url().to_string())?;
        let status = answer.status();
        if !status.is_success() {
            return Err(format!("the vendor answered {status}"));
        }
        let said: Said = answer.json().await.map_err(|error| error.without_url().to_string())?;
        Ok(match said {
            Said { accepted: true, .. } => DoorAnswer::Accepted,
            Said { reason, .. } => DoorAnswer::Refused { reason: reason.unwrap_or_else(|| "refused".to_owned()) },
        })
    }

    /// Believes a message of the vendor's, or says why not.
    pub(crate) fn believe<'h>(
        &self,
        headers: &Headers<'h>,
        request: &signature::Request<'_>,
        now_s: i64,
    ) -> Result<Accepted<'h>, SignatureError> {
        // Whose key it would be does not matter: nobody else has one.
        if headers.partner_id != self.partner {
            return Err(SignatureError::Wrong);
        }
        signature::verify(&self.key, headers, request, now_s)
    }
}
