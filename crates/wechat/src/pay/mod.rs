//! WeChat Pay APIv3.
//!
//! [`Merchant`] is the client. Everything that it needs to know when it signs or verifies is also here on its own, as functions over bytes, so that it
//! can be checked without a network.

mod bill_table;
mod bills;
mod code;
mod field;
mod merchant;
mod money;
mod notify;
mod pem;
mod prepay;
mod refunds;
mod seal;
mod sign;
mod transactions;
mod verify;

pub use bill_table::{BillProblem, FundFlow, FundFlowRow, RefundState, TradeBill, TradeRow};
pub use bills::{BillFile, TradeBillKind};
pub use code::Code;
pub use field::{open_field, seal_field};
pub use merchant::{Config, Merchant, PublicKey};
pub use money::Fen;
pub use notify::{Event, Notification, NotifyError};
pub use prepay::{H5Scene, H5System, Order, PrepayId};
pub use refunds::{Refund, RefundNotice, RefundOf, RefundRequest, RefundStatus};
pub use seal::{Apiv3Key, Sealed};
pub use sign::{AppPayParams, MerchantKey, PayParams, SCHEME, SignedParts, hmac_sha256_v2};
pub use transactions::{Paid, TradeState, Transaction};
pub use verify::{FRESH_S, KeyStore, SignatureHeaders, VerifyError};

pub(crate) use merchant::{Ask, segment};
pub(crate) use prepay::{check_notify_url, check_number, check_text};
pub(crate) use sign::nonce;
