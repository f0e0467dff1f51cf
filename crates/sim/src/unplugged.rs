use std::io;
use std::sync::OnceLock;

use axum::body::Body;
use axum::http::Request;
use reqwest::header::HeaderMap;
use reqwest::{Method, Url};

use crate::clock::Clock;
use crate::faults::{Fault, FaultKind};
use crate::pay::{self, Letter, OrderState, Paying};
use crate::settings::{RefundOutcome, Settings};
use crate::world::{Config, Shared, callback_client};

pub use crate::pay::CannotPay;

/// WeChat Pay in this process, without a socket and without time of its own: it answers the calls that are handed to it, and hands out
/// the notifications that are due. Whoever holds it decides what becomes of either on the way.
pub struct Unplugged(Shared);

/// What can go wrong with one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mishap {
    /// The connection breaks before anything is done.
    LostBefore,
    /// Everything is done, and then the connection breaks.
    LostAfter,
    /// A system error in place of doing anything.
    ErrorBefore,
    /// Everything is done, and a system error says otherwise.
    ErrorAfter,
    /// A gateway answers in place of WeChat, which has done everything.
    GatewayAfter,
    /// Too many calls.
    TooMany,
    /// Everything is done, and the answer is changed on its way.
    Tampered,
    /// Everything is done, and the answer is signed with a key that is not WeChat's.
    Forged,
}

impl Mishap {
    pub const ALL: [Self; 8] = [
        Self::LostBefore,
        Self::LostAfter,
        Self::ErrorBefore,
        Self::ErrorAfter,
        Self::GatewayAfter,
        Self::TooMany,
        Self::Tampered,
        Self::Forged,
    ];

    fn kind(self) -> FaultKind {
        match self {
            Self::LostBefore => FaultKind::DropBefore,
            Self::LostAfter => FaultKind::DropAfter,
            Self::ErrorBefore => FaultKind::SystemError,
            Self::ErrorAfter => FaultKind::SystemErrorAfter,
            Self::GatewayAfter => FaultKind::BadGatewayAfter,
            Self::TooMany => FaultKind::RateLimit,
            Self::Tampered => FaultKind::Tampered,
            Self::Forged => FaultKind::WrongKey,
        }
    }
}

/// A call to WeChat, as it goes out.
pub struct Call {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// What it is answered with.
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// Nothing where it breaks off.
async fn body_of(body: Body) -> Option<Vec<u8>> {
    axum::body::to_bytes(body, LONGEST_ANSWER).await.ok().map(Into::into)
}

/// A copy of a notification that is due.
pub struct Notification(Letter);

impl Notification {
    pub fn url(&self) -> &str {
        &self.0.url
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.0.headers.iter().find(|(given, _)| given.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub fn body(&self) -> &[u8] {
        &self.0.body
    }
}

/// Money that WeChat has taken for the merchant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    pub transaction_id: String,
    pub out_trade_no: String,
    pub total: i64,
}

/// Money that WeChat gives back, or would not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    pub out_refund_no: String,
    pub transaction_id: String,
    pub amount: i64,
    /// Absent while it is under way.
    pub ended: Option<RefundOutcome>,
}

const LONGEST_ANSWER: usize = 64 * 1024 * 1024;

impl Unplugged {
    /// # Errors
    /// Where its keys do not load.
    pub fn new(base_url: &str, clock: Clock, settings: Settings) -> io::Result<Self> {
        // Nobody calls anybody with it; it takes longer to make than all the rest.
        static CLIENT: OnceLock<Result<reqwest::Client, String>> = OnceLock::new();
        let client = CLIENT.get_or_init(|| callback_client().map_err(|error| error.to_string()));
        let client = client.clone().map_err(io::Error::other)?;
        let config = Config { clock, settings, ..Config::default() };
        Ok(Self(Shared::new(base_url.to_owned(), config, client)?))
    }

    pub fn settings(&self) -> Settings {
        self.0.settings()
    }

    pub fn set_settings(&self, settings: Settings) {
        self.0.set_settings(settings);
    }

    /// Answers one call. Nothing comes back where the connection breaks.
    pub async fn answer(&self, call: Call, mishap: Option<Mishap>) -> Option<Answer> {
        let Call { method, url, headers, body } = call;
        let path = url.path().to_owned();
        let path_and_query = url.query().map_or_else(|| path.clone(), |query| format!("{path}?{query}"));
        let (mut parts, ()) = Request::builder().method(method).uri(path_and_query).body(()).ok()?.into_parts();
        parts.headers = headers;
        if let Some(mishap) = mishap {
            self.0.faults.add(Fault { kind: mishap.kind(), path, method: None, times: Some(1), skip: 0, ms: 0 });
        }
        let (parts, body) = pay::answer(&self.0, parts, body.into()).await.into_parts();
        let body = body_of(body).await?;
        Some(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
    }

    /// Somebody pays an order.
    ///
    /// # Errors
    /// Why it cannot be paid.
    pub fn pay(&self, out_trade_no: &str) -> Result<(), CannotPay> {
        pay::pay(&self.0, &mut self.0.pay.book(), out_trade_no, Paying::default()).map(drop)
    }

    /// Lets everything happen that is due, and gives out what is to be sent. Whatever is not noted as taken comes again.
    pub fn due(&self) -> Vec<Notification> {
        pay::letters(&self.0).into_iter().map(Notification).collect()
    }

    /// How a notification was answered; nothing where it was lost, or its answer.
    pub fn note(&self, notification: &Notification, status: Option<u16>) {
        pay::arrived(&self.0, &notification.0, status);
    }

    /// A refund that is under way, or stuck, ends like this.
    pub fn end_refund(&self, out_refund_no: &str, outcome: RefundOutcome) -> bool {
        pay::settle(&self.0, &mut self.0.pay.book(), out_refund_no, outcome)
    }

    /// The numbers of the orders that can still be paid, in their order.
    pub fn unpaid(&self) -> Vec<String> {
        let now_ms = self.0.config.clock.business_ms();
        let book = self.0.pay.book();
        let unpaid = book.orders.values().filter(|order| order.state_at(now_ms) == OrderState::Unpaid);
        let mut numbers: Vec<_> = unpaid.map(|order| (order.number, order.out_trade_no.clone())).collect();
        numbers.sort_unstable();
        numbers.into_iter().map(|(_, out_trade_no)| out_trade_no).collect()
    }

    /// By transaction.
    pub fn payments(&self) -> Vec<Payment> {
        let book = self.0.pay.book();
        let payment = |payment: &pay::Payment| Payment {
            transaction_id: payment.transaction_id.clone(),
            out_trade_no: payment.out_trade_no.clone(),
            total: payment.total,
        };
        book.payments.values().map(payment).collect()
    }

    /// By the merchant's number.
    pub fn refunds(&self) -> Vec<Refund> {
        let book = self.0.pay.book();
        let refund = |refund: &pay::Refund| Refund {
            out_refund_no: refund.out_refund_no.clone(),
            transaction_id: refund.transaction_id.clone(),
            amount: refund.amount,
            ended: refund.ended.map(|(outcome, _)| outcome),
        };
        book.refunds.values().map(refund).collect()
    }
}
