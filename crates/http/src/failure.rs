//! What a caller is told when something does not go as asked, and what the log is told. The two are never the same text.

use axum::http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use jiff::tz::TimeZone;
use kernel::{Code, Refusal, RoleScope};
use serde::Serialize;
use serde_json::{Value, json};

use crate::frame::Setting;
use crate::input::Problem;
use crate::reply;
use crate::texts::{self, Language, Text, say};

#[derive(Debug)]
pub(crate) enum Failure {
    /// Nothing more is known than the code.
    Code(Code),
    Said(Code, Text),
    Invalid(Vec<Problem>),
    /// With words and details of the endpoint's own.
    Detailed {
        code: Code,
        message: String,
        details: Value,
    },
    MethodNotAllowed {
        allow: HeaderValue,
    },
    NotReady,
    /// Asked more than it may; so many seconds from now it may again.
    TooMany {
        wait: u32,
    },
    Service(service::Failure),
    /// A fault of ours, in the log's words.
    Fault(String),
    FaultAlreadyLogged,
}

impl From<service::Failure> for Failure {
    fn from(failure: service::Failure) -> Self {
        Self::Service(failure)
    }
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Self {
        Self::Service(error.into())
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Service(service::Failure::Refused(refusal))
    }
}

#[derive(Serialize)]
struct Envelope<'a> {
    success: bool,
    message: &'a str,
    error_code: Code,
    details: Value,
    request_id: &'a str,
}

/// The parts of an error answer before they are written.
struct Told {
    code: Code,
    message: String,
    details: Value,
    header: Option<(axum::http::HeaderName, HeaderValue)>,
}

impl Told {
    fn plain(code: Code, text: Text, language: Language) -> Self {
        Self { code, message: text.in_language(language).to_owned(), details: json!({}), header: None }
    }
}

impl Failure {
    pub(crate) fn fault(log: impl Into<String>) -> Self {
        Self::Fault(log.into())
    }

    pub(crate) fn fault_already_logged() -> Self {
        Self::FaultAlreadyLogged
    }

    pub(crate) fn invalid(field: &str, problem: String) -> Self {
        Self::Invalid(vec![Problem::new(field, problem)])
    }

    /// A range that begins after it ends.
    pub(crate) fn ends_before_it_begins(first: &str, last: &str, language: Language) -> Self {
        Self::invalid(first, say!(language, "不得晚于 {last}", "must not be later than {last}"))
    }

    /// What a row of an answer says of a part that failed.
    pub(crate) fn in_words(self, language: Language, zone: &TimeZone) -> (Code, String) {
        let told = self.told(language, zone);
        (told.code, told.message)
    }

    pub(crate) fn into_response(self, setting: &Setting, zone: &TimeZone) -> Response {
        let told = self.told(setting.language, zone);
        let envelope = Envelope {
            success: false,
            message: &told.message,
            error_code: told.code,
            details: told.details,
            request_id: setting.id.as_str(),
        };
        let status = StatusCode::from_u16(told.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = reply::json(status, &envelope)
            .unwrap_or_else(|_| reply::response(StatusCode::INTERNAL_SERVER_ERROR, reply::JSON, "{}"));
        if let Some((name, value)) = told.header {
            response.headers_mut().insert(name, value);
        }
        response
    }

    fn told(self, language: Language, zone: &TimeZone) -> Told {
        let plain = |code| Told::plain(code, texts::code(code), language);
        match self {
            Self::Code(Code::InvalidToken) => challenge(plain(Code::InvalidToken)),
            Self::Code(Code::Unavailable) => later(plain(Code::Unavailable), 5),
            Self::Code(code) => plain(code),
            Self::Said(code, text) => Told::plain(code, text, language),
            Self::Invalid(problems) => Told { details: json!({ "fields": problems }), ..plain(Code::ValidationError) },
            Self::Detailed { code, message, details } => Told { code, message, details, header: None },
            Self::MethodNotAllowed { allow } => Told { header: Some((ALLOW, allow)), ..plain(Code::MethodNotAllowed) },
            Self::NotReady => later(Told::plain(Code::Unavailable, texts::NOT_READY, language), 2),
            Self::TooMany { wait } => later(plain(Code::RateLimited), wait),
            Self::Service(failure) => told_by_service(failure, language, zone),
            Self::Fault(log) => {
                tracing::error!(fault = log, "a request failed");
                plain(Code::Internal)
            }
            Self::FaultAlreadyLogged => plain(Code::Internal),
        }
    }
}

fn told_by_service(failure: service::Failure, language: Language, zone: &TimeZone) -> Told {
    let plain = |code| Told::plain(code, texts::code(code), language);
    match failure {
        service::Failure::Refused(refusal) => {
            let message = texts::refusal(&refusal, language, zone);
            Told { code: refusal.code(), details: details(&refusal, &message), message, header: None }
        }
        service::Failure::KeyReused => plain(Code::IdempotencyConflict),
        service::Failure::InvalidToken => challenge(plain(Code::InvalidToken)),
        service::Failure::BadCredentials => {
            challenge(Told::plain(Code::InvalidToken, texts::BAD_CREDENTIALS, language))
        }
        service::Failure::Contended => plain(Code::ConcurrencyError),
        service::Failure::Overloaded => later(plain(Code::Unavailable), 1),
        service::Failure::Unavailable { reason } => {
            tracing::warn!(reason, "a request was turned away");
            later(plain(Code::Unavailable), 5)
        }
        service::Failure::OutcomeUnknown => later(plain(Code::OutcomeUnknown), 1),
        service::Failure::Provider { reason } => {
            tracing::warn!(reason, "an outside service failed");
            plain(Code::ProviderError)
        }
        service::Failure::Internal { reason } => {
            tracing::error!(reason, "a request failed");
            plain(Code::Internal)
        }
    }
}

fn later(told: Told, seconds: u32) -> Told {
    Told { header: Some((RETRY_AFTER, seconds.into())), ..told }
}

fn challenge(told: Told) -> Told {
    Told { header: Some((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))), ..told }
}

/// The refusal's figures under the names that the rest of the API uses, and the field to look at where there is one.
fn details(refusal: &Refusal, message: &str) -> Value {
    let mut details = match refusal {
        Refusal::InsufficientBalance { balance, needed, floor } => json!({
            "refusal": "insufficient_balance",
            "balance_cents": balance,
            "needed_cents": needed,
            "floor_cents": floor,
        }),
        Refusal::DateTaken { date, slot, meal } => json!({
            "refusal": "date_taken", "date": date, "slot": slot, "meal_id": meal,
        }),
        Refusal::DuplicateOrder { order } => json!({ "refusal": "duplicate_order", "order_id": order }),
        other => serde_json::to_value(other).unwrap_or_default(),
    };
    let field = match refusal {
        Refusal::UnknownOption { .. } | Refusal::OptionChosenTwice { .. } => "selected_options",
        Refusal::UnknownWindow { .. } => "pickup_window",
        Refusal::OptionIdTwice { .. } => "options",
        Refusal::AmountNotPositive | Refusal::AmountZero => "amount_cents",
        Refusal::StockOutOfRange { .. } => "delta",
        Refusal::SharesOutOfRange { .. } => "total_shares",
        Refusal::TooManyPictures { .. } => "pictures",
        Refusal::RoundTimes => "closes_at",
        Refusal::PlanogramTooLarge { .. } | Refusal::ProductTwice { .. } => "products",
        Refusal::NegativePrice => "base_price_cents",
        Refusal::RoleOfAll => "role",
        Refusal::HandlesNoComplaints => "user_id",
        Refusal::RoleScope { scope: RoleScope::Department | RoleScope::House, .. } => "department_id",
        Refusal::RoleScope { scope: RoleScope::Store, .. } => "store_id",
        Refusal::PermissionScope { .. } => "permissions",
        Refusal::CodeWrong | Refusal::CodeUsed => "code",
        Refusal::CapacityOutOfRange { .. } => "capacity",
        _ => return details,
    };
    details["fields"] = json!([Problem::new(field, message)]);
    details
}
