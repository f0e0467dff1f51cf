//! The stable codes of everything that can go wrong. Programs rely on them: a code keeps its meaning for ever.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($variant:ident = $name:literal, $status:literal: $doc:literal),+ $(,)?) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        pub enum Code {
            $(#[doc = $doc] #[serde(rename = $name)] $variant),+
        }

        impl Code {
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// The HTTP status that goes with it.
            #[must_use]
            pub fn status(self) -> u16 {
                match self { $(Self::$variant => $status),+ }
            }

            #[must_use]
            pub fn doc(self) -> &'static str {
                match self { $(Self::$variant => $doc),+ }
            }
        }
    };
}

codes! {
    InvalidToken = "INVALID_TOKEN", 401: "The bearer token is missing, unknown, expired or revoked; or the sign-in was refused.",
    SecondFactorRequired = "SECOND_FACTOR_REQUIRED", 401: "The password is right, and more is asked for: details.step says what, details.token goes with the answer to it.",
    InvalidSignature = "INVALID_SIGNATURE", 401: "A partner's request is not signed, not fresh, was sent before, or does not fit its signature.",
    PermissionDenied = "PERMISSION_DENIED", 403: "The caller may not do this, or not to this object.",
    NotFound = "NOT_FOUND", 404: "There is no such object or path.",
    MethodNotAllowed = "METHOD_NOT_ALLOWED", 405: "The path exists, but not with this method.",
    RequestTimeout = "REQUEST_TIMEOUT", 408: "The request did not arrive in time. Nothing was done.",
    PayloadTooLarge = "PAYLOAD_TOO_LARGE", 413: "The body, or a list in it, is over its limit. Nothing was done.",
    UnsupportedMediaType = "UNSUPPORTED_MEDIA_TYPE", 415: "The body is not declared as application/json.",
    ValidationError = "VALIDATION_ERROR", 422: "The request is malformed; details.fields names each field and what is wrong with it.",
    BusinessRule = "BUSINESS_RULE_ERROR", 400: "A rule of the house forbids it; the message says which.",
    CapacityExceeded = "CAPACITY_EXCEEDED", 400: "Fewer portions are left than asked for.",
    OrderLocked = "ORDER_LOCKED", 400: "The order is locked and can no longer be changed by its owner.",
    MealNotOpen = "MEAL_NOT_OPEN", 400: "The meal does not take orders or changes now.",
    DuplicateOrder = "DUPLICATE_ORDER", 400: "The member already has an order for this meal.",
    InvalidStatusTransition = "INVALID_STATUS_TRANSITION", 400: "The object's state does not allow this step.",
    InsufficientBalance = "INSUFFICIENT_BALANCE", 400: "The wallet would fall below its floor.",
    InsufficientTickets = "INSUFFICIENT_TICKETS", 400: "Fewer tickets are left than this costs.",
    OutOfStock = "OUT_OF_STOCK", 400: "Fewer pieces are left than asked for.",
    UnpaidOrderExists = "UNPAID_ORDER_EXISTS", 400: "An earlier order has to be paid first.",
    DeviceOffline = "DEVICE_OFFLINE", 400: "The cabinet is offline; its door cannot be opened.",
    DeviceBusy = "DEVICE_BUSY", 400: "The cabinet is serving somebody else.",
    ConcurrencyError = "CONCURRENCY_ERROR", 409: "Others kept changing the same things; nothing was done, try again.",
    IdempotencyConflict = "IDEMPOTENCY_CONFLICT", 409: "This idempotency key was used with another request.",
    RateLimited = "RATE_LIMITED", 429: "Too many requests; Retry-After says when to come back.",
    ProviderError = "PROVIDER_ERROR", 502: "An outside service failed or could not be reached. Nothing was done.",
    OutcomeUnknown = "OUTCOME_UNKNOWN", 503: "The connection broke while the change was being committed: ask again with the same idempotency key.",
    Unavailable = "SERVICE_UNAVAILABLE", 503: "The service is overloaded, starting, stopping or has lost its database. Nothing was done; Retry-After says when to come back.",
    Internal = "INTERNAL_ERROR", 500: "A fault of the service. The request id leads to it in the log.",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_own_name_and_reads_back() {
        let names: std::collections::BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        for &code in Code::ALL {
            assert_eq!(serde_json::to_value(code).expect("JSON"), code.as_str());
            assert!((400..600).contains(&code.status()), "{code:?}");
        }
    }
}
