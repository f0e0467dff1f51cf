//! Between the password and the session: what a ticket is good for.

pub(in crate::endpoints) mod code;
pub(in crate::endpoints) mod confirm;
pub(in crate::endpoints) mod offer;

use kernel::{Code, TicketPurpose};
use serde_json::json;
use service::Ticket;

use crate::failure::Failure;
use crate::texts::{self, Language};

/// What somebody with the right password is told who is not in yet.
pub(super) fn told(ticket: &Ticket, language: Language) -> Failure {
    let text = match ticket.purpose {
        TicketPurpose::Code => texts::code(Code::SecondFactorRequired),
        TicketPurpose::SetUp => texts::SET_UP_REQUIRED,
    };
    Failure::Detailed {
        code: Code::SecondFactorRequired,
        message: text.in_language(language).to_owned(),
        details: json!({
            "step": ticket.purpose.as_str(), "token": ticket.token, "expires_in": ticket.expires_in_secs,
        }),
    }
}
