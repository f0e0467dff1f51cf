//! Notifications: verify the raw bytes, open the seal, read what is inside.

use std::{error, fmt};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::merchant::Merchant;
use super::refunds::RefundNotice;
use super::seal::{Apiv3Key, Sealed};
use super::transactions::Transaction;
use super::verify::{SignatureHeaders, VerifyError};
use crate::payscore::{PermissionNotice, ServiceOrder};
use crate::time::UnixTime;

/// A notification that is WeChat's and is for us.
#[derive(Debug, Clone)]
pub struct Notification {
    /// The same notification comes again under the same id.
    pub id: String,
    /// As WeChat writes it, `TRANSACTION.SUCCESS`.
    pub event_type: String,
    pub create_time: Option<UnixTime>,
    pub event: Event,
}

/// What a notification tells.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// An order was paid.
    Payment(Box<Transaction>),
    /// A refund ended: well, badly, or closed.
    Refund(Box<RefundNotice>),
    /// A pay score order was confirmed or paid.
    ServiceOrder(Box<ServiceOrder>),
    /// A person allowed or ended a pay score service.
    Permission(Box<PermissionNotice>),
    /// Something that we do not know, though it is WeChat's: keep it and answer success, or it comes for a day.
    Other,
}

/// Why a notification is not taken. Whatever it is, answer 4xx, and never success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotifyError {
    TooLong,
    /// The signature does not hold.
    Unverified(VerifyError),
    /// The signature holds, but the envelope is none.
    Envelope,
    /// The seal does not open with our APIv3 key.
    Sealed,
    /// What is inside is not what the event type says.
    Content,
    /// It is about another merchant.
    OtherMerchant,
}

impl fmt::Display for NotifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "longer than {LONGEST} bytes"),
            Self::Unverified(why) => why.fmt(f),
            Self::Envelope => f.write_str("not a notification"),
            Self::Sealed => f.write_str("does not open with the APIv3 key"),
            Self::Content => f.write_str("the content does not fit the event type"),
            Self::OtherMerchant => f.write_str("for another merchant"),
        }
    }
}

impl error::Error for NotifyError {}

impl Merchant {
    /// Reads a notification from its headers and its raw body. `header` must not care about case, and answers `None` for a header that
    /// comes twice. Nothing is sent; on [`VerifyError::UnknownSerial`] the caller may try [`Merchant::refresh_certificates`] and look again.
    pub fn open_notification<'a>(
        &self,
        header: impl Fn(&str) -> Option<&'a str>,
        body: &[u8],
    ) -> Result<Notification, NotifyError> {
        if body.len() > LONGEST {
            return Err(NotifyError::TooLong);
        }
        let headers = SignatureHeaders::from_lookup(header).map_err(NotifyError::Unverified)?;
        self.verify_notification(&headers, body).map_err(NotifyError::Unverified)?;
        open(self.apiv3_key(), self.mchid(), body)
    }

    /// Reads a notification that was believed when it arrived and has been stored since: only the seal is checked again, which nobody
    /// without the APIv3 key can make. The signature's five minutes may be long over.
    pub fn reopen_notification(&self, body: &[u8]) -> Result<Notification, NotifyError> {
        open(self.apiv3_key(), self.mchid(), body)
    }
}

const LONGEST: usize = 64 * 1024;

#[derive(Deserialize)]
struct Envelope {
    id: String,
    event_type: String,
    create_time: Option<String>,
    resource: Sealed,
}

fn open(key: &Apiv3Key, mchid: &str, body: &[u8]) -> Result<Notification, NotifyError> {
    let envelope: Envelope = serde_json::from_slice(body).map_err(|_| NotifyError::Envelope)?;
    if envelope.id.is_empty() {
        return Err(NotifyError::Envelope);
    }
    let plain = key.open(&envelope.resource).ok_or(NotifyError::Sealed)?;
    let event = match envelope.event_type.as_str() {
        "TRANSACTION.SUCCESS" => Event::Payment(mine(&plain, mchid, |it: &Transaction| &it.mchid)?),
        "REFUND.SUCCESS" | "REFUND.ABNORMAL" | "REFUND.CLOSED" => {
            Event::Refund(mine(&plain, mchid, |it: &RefundNotice| &it.mchid)?)
        }
        "PAYSCORE.USER_CONFIRM" | "PAYSCORE.USER_PAID" => {
            Event::ServiceOrder(mine(&plain, mchid, |it: &ServiceOrder| &it.mchid)?)
        }
        "PAYSCORE.USER_OPEN_SERVICE" | "PAYSCORE.USER_CLOSE_SERVICE" => {
            Event::Permission(mine(&plain, mchid, |it: &PermissionNotice| &it.mchid)?)
        }
        _ => Event::Other,
    };
    Ok(Notification {
        id: envelope.id,
        event_type: envelope.event_type,
        create_time: envelope.create_time.as_deref().and_then(UnixTime::parse_rfc3339),
        event,
    })
}

fn mine<T: DeserializeOwned>(plain: &[u8], mchid: &str, whose: impl Fn(&T) -> &str) -> Result<Box<T>, NotifyError> {
    let content: T = serde_json::from_slice(plain).map_err(|_| NotifyError::Content)?;
    if whose(&content) == mchid { Ok(Box::new(content)) } else { Err(NotifyError::OtherMerchant) }
}
