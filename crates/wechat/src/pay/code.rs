use std::fmt;

/// WeChat Pay's word for why it refused. Older and newer spellings of the same thing are one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Code {
    ParamError,
    InvalidRequest,
    SignError,
    NoAuth,
    AppidMchidNotMatch,
    MchNotExists,
    OutTradeNoUsed,
    OrderPaid,
    OrderClosed,
    OrderNotExist,
    ResourceNotExists,
    /// The merchant's own balance does not cover the refund.
    NotEnough,
    UserAccountAbnormal,
    InvalidTransactionId,
    OpenidMismatch,
    TradeError,
    RuleLimit,
    FrequencyLimited,
    NoStatementExist,
    StatementCreating,
    SystemError,
    BankError,
    UserPaying,
    /// A word that we do not know. It is no proof that nothing happened.
    Other(String),
}

impl Code {
    /// Reads the word in any of its spellings.
    pub fn parse(word: &str) -> Self {
        match word {
            "PARAM_ERROR" => Self::ParamError,
            "INVALID_REQUEST" => Self::InvalidRequest,
            "SIGN_ERROR" => Self::SignError,
            "NO_AUTH" => Self::NoAuth,
            "APPID_MCHID_NOT_MATCH" => Self::AppidMchidNotMatch,
            "MCH_NOT_EXISTS" => Self::MchNotExists,
            "OUT_TRADE_NO_USED" => Self::OutTradeNoUsed,
            "ORDERPAID" | "ORDER_PAID" => Self::OrderPaid,
            "ORDERCLOSED" | "ORDER_CLOSED" => Self::OrderClosed,
            "ORDERNOTEXIST" | "ORDER_NOT_EXIST" => Self::OrderNotExist,
            "RESOURCE_NOT_EXISTS" => Self::ResourceNotExists,
            "NOTENOUGH" | "NOT_ENOUGH" => Self::NotEnough,
            "USER_ACCOUNT_ABNORMAL" => Self::UserAccountAbnormal,
            "INVALID_TRANSACTIONID" => Self::InvalidTransactionId,
            "OPENID_MISMATCH" => Self::OpenidMismatch,
            "TRADE_ERROR" => Self::TradeError,
            "RULE_LIMIT" | "RULELIMIT" => Self::RuleLimit,
            "FREQUENCY_LIMITED" | "FREQUENCY_LIMIT_EXCEED" => Self::FrequencyLimited,
            "NO_STATEMENT_EXIST" => Self::NoStatementExist,
            "STATEMENT_CREATING" => Self::StatementCreating,
            "SYSTEM_ERROR" | "SYSTEMERROR" => Self::SystemError,
            "BANKERROR" | "BANK_ERROR" => Self::BankError,
            "USERPAYING" => Self::UserPaying,
            other => Self::Other(crate::secret::scrub(other, &[])),
        }
    }

    /// The word in its newer spelling.
    pub fn as_str(&self) -> &str {
        match self {
            Self::ParamError => "PARAM_ERROR",
            Self::InvalidRequest => "INVALID_REQUEST",
            Self::SignError => "SIGN_ERROR",
            Self::NoAuth => "NO_AUTH",
            Self::AppidMchidNotMatch => "APPID_MCHID_NOT_MATCH",
            Self::MchNotExists => "MCH_NOT_EXISTS",
            Self::OutTradeNoUsed => "OUT_TRADE_NO_USED",
            Self::OrderPaid => "ORDER_PAID",
            Self::OrderClosed => "ORDER_CLOSED",
            Self::OrderNotExist => "ORDER_NOT_EXIST",
            Self::ResourceNotExists => "RESOURCE_NOT_EXISTS",
            Self::NotEnough => "NOT_ENOUGH",
            Self::UserAccountAbnormal => "USER_ACCOUNT_ABNORMAL",
            Self::InvalidTransactionId => "INVALID_TRANSACTIONID",
            Self::OpenidMismatch => "OPENID_MISMATCH",
            Self::TradeError => "TRADE_ERROR",
            Self::RuleLimit => "RULE_LIMIT",
            Self::FrequencyLimited => "FREQUENCY_LIMITED",
            Self::NoStatementExist => "NO_STATEMENT_EXIST",
            Self::StatementCreating => "STATEMENT_CREATING",
            Self::SystemError => "SYSTEM_ERROR",
            Self::BankError => "BANK_ERROR",
            Self::UserPaying => "USERPAYING",
            Self::Other(word) => word,
        }
    }

    /// Whether this word, in a believed 4xx answer, proves that the call had no effect.
    pub(crate) fn is_final(&self) -> bool {
        !matches!(self, Self::SystemError | Self::BankError | Self::UserPaying | Self::Other(_))
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
