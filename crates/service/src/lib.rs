//! The hands: commands go through the lanes, everything else is a query. Clock, chance and ids enter here.

mod alerts;
mod ambient;
mod backups;
mod cabinet_events;
mod cabinets;
mod check;
mod connections;
mod crash;
mod erasures;
mod erp;
mod exceptions;
mod forget;
mod ids;
mod jobs;
mod keyring;
mod lane;
mod lanes;
mod leaked;
mod mask;
mod metrics;
mod networks;
mod node;
mod outbound;
mod outbox;
mod passwords;
mod pay;
mod pay_jobs;
mod pictures;
mod refusals;
mod reports;
mod request;
mod scores;
mod second_factor;
mod service;
mod sessions;
mod shop;
mod shop_pay;
mod sign_in;
mod subscriptions;
mod tallies;
mod totp;
mod vault;
mod vendor;

pub use alerts::{AlertDelivery, AlertLanguage, Alerts, Channel, MailSecurity, MailSettings, WatchAlerts};
pub use ambient::{Ambient, System, uuid};
pub use backups::BackUp;
pub use cabinet_events::{EventKind, EventRefused};
pub use cabinets::{OpenDelivery, cabinet_jobs};
pub use check::{CheckReport, Checks, ConsistencyCheck, Finding, SealAudit, check};
pub use connections::{Connection, Partner};
pub use erasures::FinishErasures;
pub use erp::{CountedSales, Erp, PullErpProducts, Sales, SalesDelivery, SalesLine, SendErpSales};
pub use forget::ForgetOldRows;
pub use ids::{IdGenerator, first_id_at};
pub use jobs::{Job, JobMetrics, JobView, Ran, Schedule};
pub use keyring::KeyRing;
pub use lanes::LaneSettings;
pub use leaked::LeakedPasswords;
pub use metrics::{Histogram, Metrics};
pub use networks::Networks;
pub use outbox::{Delivering, Delivery, Undelivered};
pub use passwords::{WeakPassword, hash_password};
pub use pay::{CallbackRefused, Compensation, Pay, PayWay, Payer, Recharge};
pub use pay_jobs::{Reconciled, RefundDelivery, pay_jobs};
pub use pictures::{Bucket, PictureName, PictureRefused, Pictures};
pub use reports::{MakeReports, ReportDelivery};
pub use request::{Failure, IdempotencyKey, Request};
pub use scores::ScoreDelivery;
pub use second_factor::{Entered, FactorSecret, Ticket};
pub use service::{Health, Service, Settings};
pub use sessions::Caller;
pub use shop::{EndRounds, ReleaseExpiredOrders, TidyPictures};
pub use shop_pay::RefundTo;
pub use sign_in::SignedIn;
pub use subscriptions::BookSubscriptions;
pub use tallies::Tally;
pub use vault::Vault;
pub use vendor::{Believed, Vendor};

/// What one check can find.
pub mod findings {
    pub use crate::check::{
        BalanceFinding as Balance, CapacityFinding as Capacity, HoldFinding as Hold, LedgerFinding as Ledger,
        RunningFinding as Running, SealFinding as Seal, ShareFinding as Shares, StatusFinding as Status,
        StockFinding as Stock, TransferFinding as Transfer,
    };
}
