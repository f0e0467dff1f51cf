use std::{error, fmt};

use crate::pay::{Code, VerifyError};

/// What is known about the effect of a call that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing left this machine. Repeating is safe.
    NotSent,
    /// WeChat answered, and the answer can be believed: it refused, and nothing happened.
    Refused,
    /// It may have happened or not. Ask, or repeat with the same number and the same content; never take a new number.
    Unknown,
}

/// Why a call or a check failed. The texts hold no secret, no token and no openid.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// The configuration cannot work: a key that is not one, a base address that is none.
    Config(String),
    /// The caller's input breaks a limit that WeChat states; `field` in WeChat's words.
    Input { field: &'static str, problem: String },
    /// No connection came about.
    Connect(String),
    /// The connection broke or the time was up after the request may have left.
    Lost(String),
    /// An answer came, but it cannot be understood.
    Answer { status: u16, problem: String },
    /// An answer came that is not WeChat's, or not fresh, or not for us to believe.
    Unverified { status: u16, why: VerifyError },
    /// A believed answer speaks of something else than was asked about; the field that differs.
    Mismatch(&'static str),
    /// The mini program API refused.
    Mini { errcode: i64, errmsg: String },
    /// WeChat Pay refused. `number` is the tail of its request id, which support asks for and which tells reasons apart that share a code.
    Pay { status: u16, code: Code, message: String, number: Option<u64> },
}

/// A failed call: what went wrong, and whether the outcome is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    kind: Kind,
    outcome: Outcome,
}

impl Error {
    pub(crate) fn new(kind: Kind, outcome: Outcome) -> Self {
        Self { kind, outcome }
    }

    pub(crate) fn config(problem: impl Into<String>) -> Self {
        Self::new(Kind::Config(problem.into()), Outcome::NotSent)
    }

    pub(crate) fn input(field: &'static str, problem: impl Into<String>) -> Self {
        Self::new(Kind::Input { field, problem: problem.into() }, Outcome::NotSent)
    }

    pub(crate) fn answer(status: u16, problem: impl Into<String>) -> Self {
        Self::new(Kind::Answer { status, problem: problem.into() }, Outcome::Unknown)
    }

    pub(crate) fn unverified(status: u16, why: VerifyError) -> Self {
        Self::new(Kind::Unverified { status, why }, Outcome::Unknown)
    }

    pub(crate) fn mismatch(field: &'static str) -> Self {
        Self::new(Kind::Mismatch(field), Outcome::Unknown)
    }

    /// What went wrong.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// Whether it may have taken effect all the same.
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// True where nothing happened at WeChat, so that giving up or taking another way is safe.
    pub fn is_definite(&self) -> bool {
        self.outcome != Outcome::Unknown
    }

    /// The number with which the mini program API refused.
    pub fn errcode(&self) -> Option<i64> {
        match self.kind {
            Kind::Mini { errcode, .. } => Some(errcode),
            _ => None,
        }
    }

    /// WeChat Pay's word for why it refused.
    pub fn code(&self) -> Option<&Code> {
        match &self.kind {
            Kind::Pay { code, .. } => Some(code),
            _ => None,
        }
    }

    /// WeChat Pay says that there is no such order or refund. Only meaningful with [`Error::is_definite`].
    pub fn is_not_found(&self) -> bool {
        matches!(self.code(), Some(Code::OrderNotExist | Code::ResourceNotExists))
    }

    /// The order is paid already, so it cannot be closed: query it.
    pub fn is_already_paid(&self) -> bool {
        match &self.kind {
            Kind::Pay { code, number, .. } => {
                *code == Code::OrderPaid || matches!(number, Some(268_449_538 | 268_498_689))
            }
            _ => false,
        }
    }

    /// Too many calls: nothing happened, and later it may.
    pub fn is_rate_limited(&self) -> bool {
        self.code() == Some(&Code::FrequencyLimited) || matches!(self.errcode(), Some(45009 | 45011))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Config(problem) => write!(f, "configuration: {problem}"),
            Kind::Input { field, problem } => write!(f, "{field}: {problem}"),
            Kind::Connect(problem) => write!(f, "no connection: {problem}"),
            Kind::Lost(problem) => write!(f, "connection lost: {problem}"),
            Kind::Answer { status, problem } => write!(f, "answer {status} not understood: {problem}"),
            Kind::Unverified { status, why } => write!(f, "answer {status} not believed: {why}"),
            Kind::Mismatch(field) => write!(f, "the answer is about another {field}"),
            Kind::Pay { status, code, message, number: None } => write!(f, "refused, {status} {code}: {message}"),
            Kind::Pay { status, code, message, number: Some(number) } => {
                write!(f, "refused, {status} {code}: {message} ({number})")
            }
            Kind::Mini { errcode, errmsg } => write!(f, "refused with errcode {errcode}: {errmsg}"),
        }?;
        match self.outcome {
            Outcome::Unknown => f.write_str(" (outcome unknown)"),
            Outcome::NotSent | Outcome::Refused => Ok(()),
        }
    }
}

impl error::Error for Error {}
