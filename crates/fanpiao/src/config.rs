//! The configuration: one TOML file, then the environment, then flags. What is unknown or wrong stops the start by its name.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use http_api::{Origins, Proxies, Rate, Rates, SettingSource};
use kernel::{AlertChannel, ReportKind};
use serde::{Deserialize, Deserializer, de};
use service::{AlertLanguage, Alerts, Bucket, Channel, KeyRing, MailSecurity, MailSettings, Networks, Pictures};
use toml::{Table, Value};
use wechat::Secret;

use crate::Problem;
use crate::arguments::SettingFlags;

const PREFIX: &str = "FANPIAO_";

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
pub(crate) struct Config {
    pub(crate) server: Server,
    pub(crate) database: Database,
    pub(crate) backup: Backup,
    pub(crate) house: House,
    pub(crate) wallet: Wallet,
    pub(crate) shop: Shop,
    pub(crate) session: Session,
    pub(crate) security: Security,
    pub(crate) retention: Retention,
    pub(crate) limits: Limits,
    pub(crate) lanes: Lanes,
    pub(crate) wechat: Wechat,
    pub(crate) recharge: Recharge,
    pub(crate) cabinet: Cabinet,
    pub(crate) erp: Erp,
    pub(crate) alerts: AlertSettings,
    /// By the rule's name.
    pub(crate) alert_rules: BTreeMap<String, Threshold>,
    pub(crate) reports: Reports,
    pub(crate) log: Log,
    /// Where each setting was found, by section and key; what is not in here is at its default, or the program's own.
    #[serde(skip)]
    pub(crate) sources: BTreeMap<String, SettingSource>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Server {
    #[serde(deserialize_with = "typed")]
    pub(crate) listen: SocketAddr,
    /// How long one request may take, from its first byte to its answer.
    #[serde(deserialize_with = "typed")]
    pub(crate) request_timeout_secs: u64,
    /// How long running requests may take to end when the server stops.
    #[serde(deserialize_with = "typed")]
    pub(crate) drain_timeout_secs: u64,
    /// Our own proxies, whose `X-Forwarded-For` is believed.
    #[serde(deserialize_with = "typed")]
    pub(crate) trusted_proxies: Proxies,
    /// Foreign pages that may call the API.
    #[serde(deserialize_with = "typed")]
    pub(crate) cors_origins: Origins,
}

/// So much at once, and then so much a minute; 0 at once is no limit.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    #[serde(deserialize_with = "typed")]
    pub(crate) address_burst: u32,
    #[serde(deserialize_with = "typed")]
    pub(crate) address_per_minute: u32,
    #[serde(deserialize_with = "typed")]
    pub(crate) member_burst: u32,
    #[serde(deserialize_with = "typed")]
    pub(crate) member_per_minute: u32,
    #[serde(deserialize_with = "typed")]
    pub(crate) partner_burst: u32,
    #[serde(deserialize_with = "typed")]
    pub(crate) partner_per_minute: u32,
    #[serde(deserialize_with = "typed")]
    pub(crate) address_failures_burst: u32,
    #[serde(deserialize_with = "typed")]
    pub(crate) address_failures_per_minute: u32,
    #[serde(deserialize_with = "typed")]
    pub(crate) account_failures_burst: u32,
    #[serde(deserialize_with = "typed")]
    pub(crate) account_failures_per_minute: u32,
}

impl Limits {
    pub(crate) fn rates(&self) -> Rates {
        let rate = |burst, per_minute| Rate { burst, per_minute };
        Rates {
            address: rate(self.address_burst, self.address_per_minute),
            member: rate(self.member_burst, self.member_per_minute),
            partner: rate(self.partner_burst, self.partner_per_minute),
            address_failures: rate(self.address_failures_burst, self.address_failures_per_minute),
            account_failures: rate(self.account_failures_burst, self.account_failures_per_minute),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        let Rates { address, member, partner, address_failures, account_failures } = Rates::default();
        Self {
            address_burst: address.burst,
            address_per_minute: address.per_minute,
            member_burst: member.burst,
            member_per_minute: member.per_minute,
            partner_burst: partner.burst,
            partner_per_minute: partner.per_minute,
            address_failures_burst: address_failures.burst,
            address_failures_per_minute: address_failures.per_minute,
            account_failures_burst: account_failures.burst,
            account_failures_per_minute: account_failures.per_minute,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Database {
    pub(crate) url: String,
}

/// Backups that the server makes by itself.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Backup {
    /// Where they go; without it there are none. It has to be there.
    pub(crate) folder: Option<PathBuf>,
    /// When, `HH:MM`.
    pub(crate) at: String,
    /// Of so many days and weeks the last one is kept.
    #[serde(deserialize_with = "typed")]
    pub(crate) keep_days: u16,
    #[serde(deserialize_with = "typed")]
    pub(crate) keep_weeks: u16,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct House {
    /// Where the house is: decides which day it is.
    #[serde(deserialize_with = "zone")]
    pub(crate) zone: jiff::tz::TimeZone,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Wallet {
    /// How far below zero a wallet may go; absent for any way down, 0 for prepaid only.
    #[serde(deserialize_with = "typed_option")]
    pub(crate) overdraft_limit_cents: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Shop {
    /// How long an order can be paid.
    #[serde(deserialize_with = "typed")]
    pub(crate) pay_within_minutes: u32,
    /// How many unpaid orders one member may have at a time.
    #[serde(deserialize_with = "typed")]
    pub(crate) most_unpaid: u32,
    /// How often unpaid orders past their deadline are tidied up.
    #[serde(deserialize_with = "typed")]
    pub(crate) release_every_minutes: u32,
    /// Where pictures of products are kept; absent, beside a SQLite database, and nowhere with PostgreSQL.
    pub(crate) pictures: Option<PathBuf>,
    /// The S3-compatible bucket where they are kept instead; with it the next three are needed.
    pub(crate) bucket: Option<String>,
    pub(crate) bucket_region: Option<String>,
    pub(crate) bucket_key_id: Option<String>,
    #[serde(deserialize_with = "secret")]
    pub(crate) bucket_secret: Option<Secret>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Session {
    #[serde(deserialize_with = "typed")]
    pub(crate) lifetime_hours: u32,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Security {
    /// What secrets in the database are sealed under: `ID=BASE64` of 32 bytes each, the newest last.
    #[serde(deserialize_with = "secret")]
    pub(crate) data_keys: Option<Secret>,
    /// The same, a line each.
    pub(crate) data_keys_file: Option<PathBuf>,
    pub(crate) second_factor: SecondFactor,
    /// The hashes of passwords that nobody may take, in their order.
    pub(crate) leaked_passwords: Option<PathBuf>,
}

/// Who has to have a second factor.
#[derive(Deserialize, Clone, Copy, Default, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SecondFactor {
    /// Whoever wants one.
    #[default]
    Optional,
    /// Everybody who works here: who holds a role beside that of every member.
    Required,
}

/// How long what is not for good is kept.
#[derive(Deserialize, Clone, Copy)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Retention {
    #[serde(deserialize_with = "typed")]
    pub(crate) answers_days: u32,
    #[serde(deserialize_with = "typed")]
    pub(crate) sessions_days: u32,
    #[serde(deserialize_with = "typed")]
    pub(crate) job_runs_days: u32,
    #[serde(deserialize_with = "typed")]
    pub(crate) reports_days: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Lanes {
    /// How many lanes write to PostgreSQL; SQLite always has one.
    #[serde(deserialize_with = "typed")]
    pub(crate) postgres: usize,
    /// How many commands may wait in one lane.
    #[serde(deserialize_with = "typed")]
    pub(crate) queue: usize,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Wechat {
    /// Without it nobody can sign in by WeChat.
    pub(crate) appid: Option<String>,
    #[serde(deserialize_with = "secret")]
    pub(crate) app_secret: Option<Secret>,
    /// Another address than WeChat's own, for a simulated world.
    pub(crate) base_url: Option<String>,
    /// The merchant number. Without it nobody can pay by WeChat; with it the keys below are needed.
    pub(crate) mchid: Option<String>,
    /// Serial number of the merchant's certificate.
    pub(crate) certificate_serial: Option<String>,
    /// `apiclient_key.pem`: its path, or its text in the environment.
    pub(crate) private_key_file: Option<PathBuf>,
    #[serde(deserialize_with = "secret")]
    pub(crate) private_key: Option<Secret>,
    #[serde(deserialize_with = "secret")]
    pub(crate) apiv3_key: Option<Secret>,
    /// `PUB_KEY_ID_…`, and the file of that key. Without them WeChat's certificates are downloaded.
    pub(crate) public_key_id: Option<String>,
    pub(crate) public_key_file: Option<PathBuf>,
    pub(crate) public_key: Option<String>,
    /// Where WeChat reaches this API from outside, as `https://canteen.example.com/api/v1`.
    pub(crate) notify_url: Option<String>,
    /// The pay score service that collects for cabinets. Without it they take tickets only.
    pub(crate) score_service_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Recharge {
    #[serde(deserialize_with = "typed")]
    pub(crate) min_cents: i64,
    #[serde(deserialize_with = "typed")]
    pub(crate) max_cents: i64,
    /// How long a top-up order can be paid.
    #[serde(deserialize_with = "typed")]
    pub(crate) expire_mins: i64,
    /// What the payer reads on the bill.
    pub(crate) description: String,
    #[serde(deserialize_with = "typed")]
    pub(crate) compensation_enabled: bool,
    #[serde(deserialize_with = "typed")]
    pub(crate) compensation_interval_mins: i64,
    #[serde(deserialize_with = "typed")]
    pub(crate) compensation_threshold_mins: i64,
    #[serde(deserialize_with = "typed")]
    pub(crate) compensation_batch_size: i64,
    #[serde(deserialize_with = "typed")]
    pub(crate) compensation_concurrency: usize,
    /// When yesterday's bill is fetched, `HH:MM`. WeChat has it from 10:00 in Beijing.
    pub(crate) reconcile_at: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Cabinet {
    /// What the vendor is called in `X-Partner-Id`. Without it no door opens; with it the next three are needed.
    pub(crate) vendor: Option<String>,
    /// What both sides sign with; 16 bytes at least.
    #[serde(deserialize_with = "secret")]
    pub(crate) vendor_secret: Option<Secret>,
    /// How it signs.
    pub(crate) vendor_protocol: VendorProtocol,
    /// Where it sends from; absent, from anywhere. Needed where it signs with MD5.
    #[serde(deserialize_with = "typed_option")]
    pub(crate) vendor_addresses: Option<Networks>,
    /// Where the vendor listens.
    pub(crate) vendor_url: Option<String>,
    /// Where the vendor reaches this API from outside, as `https://canteen.example.com/api/v1`.
    pub(crate) callback_url: Option<String>,
    /// A dearer order waits for a person before it is charged.
    #[serde(deserialize_with = "typed")]
    pub(crate) max_cents: u32,
    /// How far one person may move what an order costs.
    #[serde(deserialize_with = "typed")]
    pub(crate) correction_limit_cents: u32,
    /// Who has fewer tickets opens no door.
    #[serde(deserialize_with = "typed")]
    pub(crate) min_tickets: u32,
    /// Up to how much WeChat's pay score is told that an opening will cost.
    #[serde(deserialize_with = "typed")]
    pub(crate) score_max_cents: u32,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum VendorProtocol {
    Signed,
    Md5,
}

impl Default for Cabinet {
    fn default() -> Self {
        Self {
            vendor: None,
            vendor_secret: None,
            vendor_protocol: VendorProtocol::Signed,
            vendor_addresses: None,
            vendor_url: None,
            callback_url: None,
            max_cents: 20_000,
            correction_limit_cents: 5_000,
            min_tickets: 2_500,
            score_max_cents: 20_000,
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Erp {
    /// What the ERP is called in `X-Partner-Id`. Without it there is none; with it the secret is needed.
    pub(crate) partner: Option<String>,
    /// What both sides sign with; 16 bytes at least.
    #[serde(deserialize_with = "secret")]
    pub(crate) secret: Option<Secret>,
    /// Where it listens. Without it nothing is sent and nothing pulled.
    pub(crate) url: Option<String>,
    /// How often products are pulled; absent, the ERP pushes them.
    #[serde(deserialize_with = "typed_option")]
    pub(crate) pull_every_minutes: Option<u32>,
}

/// Who is told of alerts, and how.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AlertSettings {
    /// What goes on firing is told again after so long.
    #[serde(deserialize_with = "typed")]
    pub(crate) repeat_minutes: u32,
    /// `zh` or `en`.
    pub(crate) language: Language,
    /// Where people reach the console, as `https://…/admin`.
    pub(crate) console_url: Option<String>,
    /// Robots' addresses are secrets themselves.
    #[serde(deserialize_with = "secret")]
    pub(crate) wecom_url: Option<Secret>,
    #[serde(deserialize_with = "secret")]
    pub(crate) dingtalk_url: Option<Secret>,
    #[serde(deserialize_with = "secret")]
    pub(crate) dingtalk_secret: Option<Secret>,
    #[serde(deserialize_with = "secret")]
    pub(crate) feishu_url: Option<Secret>,
    #[serde(deserialize_with = "secret")]
    pub(crate) feishu_secret: Option<Secret>,
    #[serde(deserialize_with = "secret")]
    pub(crate) webhook_url: Option<Secret>,
    /// 16 bytes at least.
    #[serde(deserialize_with = "secret")]
    pub(crate) webhook_secret: Option<Secret>,
    /// The mail server; with it, from and to are needed.
    pub(crate) mail_host: Option<String>,
    /// Absent, the usual one of `mail_security`.
    #[serde(deserialize_with = "typed_option")]
    pub(crate) mail_port: Option<u16>,
    /// `tls` or `starttls`.
    pub(crate) mail_security: MailBy,
    pub(crate) mail_account: Option<String>,
    #[serde(deserialize_with = "secret")]
    pub(crate) mail_password: Option<Secret>,
    pub(crate) mail_password_file: Option<PathBuf>,
    pub(crate) mail_from: Option<String>,
    /// With a comma between each two.
    pub(crate) mail_to: Option<String>,
    /// Authorities to believe instead of the machine's.
    pub(crate) mail_ca_file: Option<PathBuf>,
}

/// What is told of each day, on the day after.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Reports {
    /// When, `HH:MM`.
    pub(crate) at: String,
    #[serde(deserialize_with = "typed")]
    pub(crate) daily: bool,
    #[serde(deserialize_with = "typed")]
    pub(crate) exceptions: bool,
    #[serde(deserialize_with = "typed")]
    pub(crate) health: bool,
}

impl Default for Reports {
    fn default() -> Self {
        Self { at: "07:30".to_owned(), daily: true, exceptions: true, health: true }
    }
}

impl Reports {
    pub(crate) fn minute(&self) -> Option<u16> {
        minute_of_day(&self.at)
    }

    pub(crate) fn kinds(&self) -> BTreeSet<ReportKind> {
        let kinds = [
            (ReportKind::Daily, self.daily),
            (ReportKind::Exceptions, self.exceptions),
            (ReportKind::Health, self.health),
        ];
        kinds.into_iter().filter(|(_, is_wanted)| *is_wanted).map(|(kind, _)| kind).collect()
    }
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Language {
    Zh,
    En,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum MailBy {
    Tls,
    StartTls,
}

/// From where on a rule fires; 0 turns it off.
#[derive(Deserialize, Clone, Copy)]
#[serde(transparent)]
pub(crate) struct Threshold(#[serde(deserialize_with = "typed")] pub(crate) u32);

impl Default for AlertSettings {
    fn default() -> Self {
        Self {
            repeat_minutes: 240,
            language: Language::Zh,
            console_url: None,
            wecom_url: None,
            dingtalk_url: None,
            dingtalk_secret: None,
            feishu_url: None,
            feishu_secret: None,
            webhook_url: None,
            webhook_secret: None,
            mail_host: None,
            mail_port: None,
            mail_security: MailBy::Tls,
            mail_account: None,
            mail_password: None,
            mail_password_file: None,
            mail_from: None,
            mail_to: None,
            mail_ca_file: None,
        }
    }
}

impl AlertSettings {
    /// The channel of letters, where it is set.
    fn mail(&self) -> Result<Option<Channel>, Problem> {
        let Some(host) = &self.mail_host else {
            let set = [
                ("mail_account", self.mail_account.is_some()),
                ("mail_password", self.mail_password.is_some()),
                ("mail_password_file", self.mail_password_file.is_some()),
                ("mail_to", self.mail_to.is_some()),
            ];
            return match set.iter().find(|(_, is_set)| *is_set) {
                Some((name, _)) => Err(format!("mail_host: is needed with alerts.{name}")),
                None => Ok(None),
            };
        };
        let (Some(from), Some(to)) = (&self.mail_from, &self.mail_to) else {
            return Err("mail_from and alerts.mail_to: are needed with alerts.mail_host".to_owned());
        };
        let password = match (&self.mail_password, &self.mail_password_file) {
            (Some(_), Some(_)) => {
                return Err("mail_password and alerts.mail_password_file: only one of them can hold it".to_owned());
            }
            (Some(password), None) => Some(password.clone()),
            (None, Some(path)) => {
                let read = std::fs::read_to_string(path);
                let read = read.map_err(|error| format!("mail_password_file: {}: {error}", path.display()))?;
                Some(Secret::new(read.trim_end_matches(['\r', '\n'])))
            }
            (None, None) => None,
        };
        if self.mail_account.is_some() != password.is_some() {
            return Err("mail_account and alerts.mail_password belong together".to_owned());
        }
        let (security, usual_port) = match self.mail_security {
            MailBy::Tls => (MailSecurity::Tls, 465),
            MailBy::StartTls => (MailSecurity::StartTls, 587),
        };
        let settings = MailSettings {
            host: host.clone(),
            port: self.mail_port.unwrap_or(usual_port),
            security,
            account: self.mail_account.clone().zip(password),
            from: from.clone(),
            to: to.split(',').map(|address| address.trim().to_owned()).collect(),
        };
        let channel = Channel::mail(settings, self.mail_ca_file.as_deref());
        channel.map(Some).map_err(|problem| format!("mail_host: {problem}"))
    }

    /// Each channel's name, address and secret, as far as they are set.
    fn channels(&self) -> [(AlertChannel, &Option<Secret>, &Option<Secret>); 4] {
        [
            (AlertChannel::Wecom, &self.wecom_url, &None),
            (AlertChannel::Dingtalk, &self.dingtalk_url, &self.dingtalk_secret),
            (AlertChannel::Feishu, &self.feishu_url, &self.feishu_secret),
            (AlertChannel::Webhook, &self.webhook_url, &self.webhook_secret),
        ]
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Log {
    /// As `info` or `info,http_api=debug`.
    pub(crate) filter: String,
    pub(crate) format: LogFormat,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    Text,
    Json,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            request_timeout_secs: 30,
            drain_timeout_secs: 30,
            trusted_proxies: Proxies::default(),
            cors_origins: Origins::default(),
        }
    }
}

impl Default for Database {
    fn default() -> Self {
        Self { url: "sqlite:fanpiao.db".to_owned() }
    }
}

impl Default for Backup {
    fn default() -> Self {
        Self { folder: None, at: "02:30".to_owned(), keep_days: 7, keep_weeks: 4 }
    }
}

impl Backup {
    /// When it is made, in minutes after midnight.
    pub(crate) fn minute(&self) -> Option<u16> {
        minute_of_day(&self.at)
    }
}

/// `HH:MM` in minutes after midnight.
fn minute_of_day(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let part = |text: &str, most: u16| text.parse().ok().filter(|&value: &u16| text.len() == 2 && value <= most);
    Some(part(hour, 23)? * 60 + part(minute, 59)?)
}

impl Default for House {
    fn default() -> Self {
        Self { zone: jiff::tz::TimeZone::get("Asia/Shanghai").unwrap_or(jiff::tz::TimeZone::UTC) }
    }
}

impl Default for Shop {
    fn default() -> Self {
        Self {
            pay_within_minutes: 30,
            most_unpaid: 3,
            release_every_minutes: 5,
            pictures: None,
            bucket: None,
            bucket_region: None,
            bucket_key_id: None,
            bucket_secret: None,
        }
    }
}

impl Default for Session {
    fn default() -> Self {
        Self { lifetime_hours: 30 * 24 }
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self { answers_days: 7, sessions_days: 30, job_runs_days: 90, reports_days: 730 }
    }
}

impl Default for Lanes {
    fn default() -> Self {
        Self { postgres: 2, queue: 4096 }
    }
}

impl Default for Recharge {
    fn default() -> Self {
        Self {
            min_cents: 100,
            max_cents: 500_000,
            expire_mins: 30,
            description: "饭票充值".to_owned(),
            compensation_enabled: true,
            compensation_interval_mins: 5,
            compensation_threshold_mins: 5,
            compensation_batch_size: 50,
            compensation_concurrency: 5,
            reconcile_at: "10:30".to_owned(),
        }
    }
}

impl Recharge {
    /// When the bill is fetched, in minutes after midnight.
    pub(crate) fn reconcile_minute(&self) -> Option<u16> {
        minute_of_day(&self.reconcile_at)
    }

    fn problem(&self) -> Option<&'static str> {
        let (most_mins, most_cents) = (2 * 60, 100_000_000);
        if !(1..=most_cents).contains(&self.min_cents) {
            return Some("min_cents: must lie between 1 and 100000000");
        }
        if !(self.min_cents..=most_cents).contains(&self.max_cents) {
            return Some("max_cents: must lie between min_cents and 100000000");
        }
        if !(2..=most_mins).contains(&self.expire_mins) {
            return Some("expire_mins: must lie between 2 and 120");
        }
        if !(1..=1440).contains(&self.compensation_interval_mins) {
            return Some("compensation_interval_mins: must lie between 1 and 1440");
        }
        if !(0..=1440).contains(&self.compensation_threshold_mins) {
            return Some("compensation_threshold_mins: must lie between 0 and 1440");
        }
        if !(1..=1000).contains(&self.compensation_batch_size) {
            return Some("compensation_batch_size: must lie between 1 and 1000");
        }
        if !(1..=50).contains(&self.compensation_concurrency) {
            return Some("compensation_concurrency: must lie between 1 and 50");
        }
        self.reconcile_minute().is_none().then_some("reconcile_at: must be a time as 10:30")
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { filter: "info".to_owned(), format: LogFormat::Text }
    }
}

pub(crate) fn load(flags: &SettingFlags) -> Result<Config, Problem> {
    let file = match &flags.config {
        None => Table::new(),
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
            text.parse::<Table>().map_err(|error| format!("{}: {error}", path.display()))?
        }
    };
    let mut config = merge(file, std::env::vars())?;
    if let Some(url) = &flags.database {
        config.database.url.clone_from(url);
        config.sources.insert("database.url".to_owned(), SettingSource::Command);
    }
    if let Some(listen) = flags.listen {
        config.server.listen = listen;
        config.sources.insert("server.listen".to_owned(), SettingSource::Command);
    }
    Ok(config)
}

fn merge(mut table: Table, environment: impl Iterator<Item = (String, String)>) -> Result<Config, Problem> {
    let mut sources = BTreeMap::new();
    for (section, keys) in &table {
        let keys = keys.as_table().into_iter().flat_map(Table::keys);
        sources.extend(keys.map(|key| (format!("{section}.{key}"), SettingSource::File)));
    }
    for (name, value) in environment {
        // What the tests and benches of this project use has no section, and is none of the server's business.
        let Some((section, key)) = name.strip_prefix(PREFIX).and_then(|rest| rest.split_once("__")) else {
            continue;
        };
        let (section, key) = (section.to_lowercase(), key.to_lowercase());
        sources.insert(format!("{section}.{key}"), SettingSource::Environment);
        match table.entry(section.clone()).or_insert_with(|| Value::Table(Table::new())) {
            Value::Table(section) => drop(section.insert(key, Value::String(value))),
            _ => return Err(format!("configuration: {section} must be a section")),
        }
    }
    let mut config: Config = serde_path_to_error::deserialize(Value::Table(table)).map_err(|error| {
        let (path, message) = (error.path().to_string(), error.inner().message().trim().to_owned());
        format!("configuration: {path}: {message}")
    })?;
    config.sources = sources;
    config.checked()
}

impl Config {
    fn checked(self) -> Result<Self, Problem> {
        if self.lanes.postgres == 0 || self.lanes.postgres > 64 {
            return Err("configuration: lanes.postgres: must lie between 1 and 64".to_owned());
        }
        let Retention { answers_days, sessions_days, job_runs_days, reports_days } = self.retention;
        for (key, days) in [
            ("answers", answers_days),
            ("sessions", sessions_days),
            ("job_runs", job_runs_days),
            ("reports", reports_days),
        ] {
            if !(1..=3650).contains(&days) {
                return Err(format!("configuration: retention.{key}_days: must lie between 1 and 3650"));
            }
        }
        if self.backup.minute().is_none() {
            return Err("configuration: backup.at: must be a time as 02:30".to_owned());
        }
        if self.backup.keep_days == 0 {
            return Err("configuration: backup.keep_days: must be at least 1".to_owned());
        }
        let rates = self.limits.rates();
        for rate in [rates.address, rates.member, rates.address_failures, rates.account_failures] {
            if rate.burst > 0 && rate.per_minute == 0 {
                return Err("configuration: limits: without anything a minute a limit never ends".to_owned());
            }
        }
        let security = &self.security;
        if security.data_keys.is_some() && security.data_keys_file.is_some() {
            return Err(
                "configuration: security.data_keys and security.data_keys_file: only one of them can hold the keys"
                    .to_owned(),
            );
        }
        let has_keys = security.data_keys.is_some() || security.data_keys_file.is_some();
        if security.second_factor == SecondFactor::Required && !has_keys {
            return Err("configuration: security.data_keys: is needed with security.second_factor".to_owned());
        }
        self.data_keys()?;
        if self.lanes.queue == 0 {
            return Err("configuration: lanes.queue: must be at least 1".to_owned());
        }
        if !(1..=24 * 60).contains(&self.shop.pay_within_minutes) {
            return Err("configuration: shop.pay_within_minutes: must lie between 1 and 1440".to_owned());
        }
        if !(1..=24 * 60).contains(&self.shop.release_every_minutes) {
            return Err("configuration: shop.release_every_minutes: must lie between 1 and 1440".to_owned());
        }
        if self.shop.pictures.is_some() && self.shop.bucket.is_some() {
            return Err(
                "configuration: shop.pictures and shop.bucket: only one of them can keep the pictures".to_owned()
            );
        }
        self.pictures().map_err(|problem| format!("configuration: shop.{problem}"))?;
        if self.wechat.appid.is_some() != self.wechat.app_secret.is_some() {
            return Err("configuration: wechat.appid and wechat.app_secret belong together".to_owned());
        }
        if let Some(problem) = self.recharge.problem() {
            return Err(format!("configuration: recharge.{problem}"));
        }
        let wechat = &self.wechat;
        if wechat.mchid.is_some() {
            let needed = [
                ("appid", wechat.appid.is_some()),
                ("certificate_serial", wechat.certificate_serial.is_some()),
                ("private_key_file", wechat.private_key_file.is_some() || wechat.private_key.is_some()),
                ("apiv3_key", wechat.apiv3_key.is_some()),
                ("notify_url", wechat.notify_url.is_some()),
            ];
            if let Some((missing, _)) = needed.into_iter().find(|(_, there)| !there) {
                return Err(format!("configuration: wechat.{missing}: is needed with wechat.mchid"));
            }
            if wechat.public_key_id.is_some() != (wechat.public_key_file.is_some() || wechat.public_key.is_some()) {
                return Err("configuration: wechat.public_key_id and wechat.public_key_file belong together".to_owned());
            }
        }
        if wechat.appid.is_some() && !has_keys {
            let why = "is needed with wechat, to seal who people are: `fanpiao keys new ID` makes a key";
            return Err(format!("configuration: security.data_keys: {why}"));
        }
        let cabinet = &self.cabinet;
        if wechat.score_service_id.is_some() && wechat.mchid.is_none() {
            return Err("configuration: wechat.mchid: is needed with wechat.score_service_id".to_owned());
        }
        if wechat.score_service_id.is_some() && cabinet.score_max_cents == 0 {
            return Err("configuration: cabinet.score_max_cents: must be at least 1".to_owned());
        }
        if cabinet.vendor.is_some() {
            let needed = [
                ("vendor_secret", cabinet.vendor_secret.is_some()),
                ("vendor_url", cabinet.vendor_url.is_some()),
                ("callback_url", cabinet.callback_url.is_some()),
            ];
            if let Some((missing, _)) = needed.into_iter().find(|(_, there)| !there) {
                return Err(format!("configuration: cabinet.{missing}: is needed with cabinet.vendor"));
            }
            let has_addresses = cabinet.vendor_addresses.as_ref().is_some_and(|addresses| !addresses.is_empty());
            if cabinet.vendor_protocol == VendorProtocol::Md5 && !has_addresses {
                return Err("configuration: cabinet.vendor_addresses: is needed with MD5, which is weak".to_owned());
            }
        }
        let erp = &self.erp;
        if erp.partner.is_some() != erp.secret.is_some() {
            return Err("configuration: erp.partner and erp.secret belong together".to_owned());
        }
        if erp.pull_every_minutes.is_some_and(|minutes| !(1..=24 * 60).contains(&minutes)) {
            return Err("configuration: erp.pull_every_minutes: must lie between 1 and 1440".to_owned());
        }
        if erp.pull_every_minutes.is_some() && erp.url.is_none() {
            return Err("configuration: erp.url: is needed with erp.pull_every_minutes".to_owned());
        }
        if erp.url.is_some() && erp.partner.is_none() {
            return Err("configuration: erp.partner: is needed with erp.url".to_owned());
        }
        if !(1..=7 * 24 * 60).contains(&self.alerts.repeat_minutes) {
            return Err("configuration: alerts.repeat_minutes: must lie between 1 and 10080".to_owned());
        }
        if self.alerts.console_url.as_ref().is_some_and(|url| !url.starts_with("http")) {
            return Err("configuration: alerts.console_url: must begin with https://".to_owned());
        }
        if self.reports.minute().is_none() {
            return Err("configuration: reports.at: must be a time as 07:30".to_owned());
        }
        for (name, url, secret) in self.alerts.channels() {
            if url.is_none() && secret.is_some() {
                let name = name.as_str();
                return Err(format!("configuration: alerts.{name}_url: is needed with alerts.{name}_secret"));
            }
        }
        self.alerts()?;
        store::Store::new(&self.database.url).map_err(|error| format!("configuration: database.url: {error}"))?;
        tracing_subscriber::EnvFilter::try_new(&self.log.filter)
            .map_err(|error| format!("configuration: log.filter: {error}"))?;
        Ok(self)
    }
}

/// The environment has texts only, so a number may come as one.
fn typed<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(deserializer: D) -> Result<T, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let text = match &value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    text.parse().map_err(|error| de::Error::custom(format!("{text:?} cannot be used here: {error}")))
}

fn typed_option<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(deserializer: D) -> Result<Option<T>, D::Error> {
    typed(deserializer).map(Some)
}

fn zone<'de, D: Deserializer<'de>>(deserializer: D) -> Result<jiff::tz::TimeZone, D::Error> {
    let name = String::deserialize(deserializer)?;
    jiff::tz::TimeZone::get(&name)
        .map_err(|_| de::Error::custom(format!("{name:?} is no time zone; one is named like \"Asia/Shanghai\"")))
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    String::deserialize(deserializer).map(|text| Some(Secret::new(text)))
}

impl Config {
    /// What secrets in the database are sealed under.
    pub(crate) fn data_keys(&self) -> Result<KeyRing, Problem> {
        let (name, text) = match (&self.security.data_keys, &self.security.data_keys_file) {
            (Some(keys), _) => ("data_keys", keys.expose().to_owned()),
            (None, Some(path)) => {
                let read = std::fs::read_to_string(path);
                let problem = |error| format!("configuration: security.data_keys_file: {}: {error}", path.display());
                ("data_keys_file", read.map_err(problem)?)
            }
            (None, None) => return Ok(KeyRing::default()),
        };
        match KeyRing::parse(&text) {
            Ok(ring) if ring.is_empty() => Err(format!("configuration: security.{name}: holds no key")),
            ring => ring.map_err(|problem| format!("configuration: security.{name}: {problem}")),
        }
    }

    /// What is watched, and who is told.
    pub(crate) fn alerts(&self) -> Result<Alerts, Problem> {
        let mut alerts = Alerts {
            repeat_ms: i64::from(self.alerts.repeat_minutes) * 60_000,
            console_url: self.alerts.console_url.as_ref().map(|url| url.trim_end_matches('/').to_owned()),
            language: match self.alerts.language {
                Language::Zh => AlertLanguage::Chinese,
                Language::En => AlertLanguage::English,
            },
            ..Alerts::default()
        };
        for (name, threshold) in &self.alert_rules {
            let unknown = |()| format!("configuration: alert_rules.{name}: there is no such rule");
            alerts.thresholds.insert(name.parse().map_err(unknown)?, threshold.0.into());
        }
        for (name, url, secret) in self.alerts.channels() {
            if let Some(url) = url {
                let channel = Channel::new(name, url.expose(), secret.clone());
                let problem = |problem| format!("configuration: alerts.{}_url: {problem}", name.as_str());
                alerts.channels.push(channel.map_err(problem)?);
            }
        }
        let mail = self.alerts.mail().map_err(|problem| format!("configuration: alerts.{problem}"))?;
        alerts.channels.extend(mail);
        Ok(alerts)
    }

    /// Where pictures are kept. With several servers it has to be a bucket, or a folder that all of them see.
    pub(crate) fn pictures(&self) -> Result<Option<Pictures>, Problem> {
        let Shop { bucket: Some(address), bucket_region, bucket_key_id, bucket_secret, .. } = &self.shop else {
            return Ok(self.picture_folder().map(Pictures::in_folder));
        };
        let region = bucket_region.clone().ok_or("bucket_region: is needed with shop.bucket")?;
        let key_id = bucket_key_id.clone().ok_or("bucket_key_id: is needed with shop.bucket")?;
        let secret = bucket_secret.clone().ok_or("bucket_secret: is needed with shop.bucket")?;
        let bucket = Bucket::new(address, region, key_id, secret).map_err(|error| format!("bucket: {error}"))?;
        Ok(Some(Pictures::in_bucket(bucket)))
    }

    pub(crate) fn picture_folder(&self) -> Option<PathBuf> {
        let beside = || Some(Path::new(self.database.url.strip_prefix("sqlite:")?).with_file_name("pictures"));
        self.shop.pictures.clone().or_else(beside)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, environment: &[(&str, &str)]) -> Result<Config, Problem> {
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        merge(text.parse().expect("TOML"), environment)
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let file = "[server]\nlisten = \"127.0.0.1:1\"\n[wallet]\noverdraft_limit_cents = 500";
        let config = read(file, &[("FANPIAO_SERVER__LISTEN", "127.0.0.1:2"), ("FANPIAO_TEST_POSTGRES", "x")]);
        let config = config.expect("readable");
        assert_eq!(config.server.listen.port(), 2);
        assert_eq!(config.wallet.overdraft_limit_cents, Some(500));
        let config = read(file, &[("FANPIAO_WALLET__OVERDRAFT_LIMIT_CENTS", "0")]).expect("readable");
        assert_eq!(config.wallet.overdraft_limit_cents, Some(0));
    }

    #[test]
    fn a_setting_says_where_it_was_found() {
        let file = "[server]\nlisten = \"127.0.0.1:1\"\n[wallet]\noverdraft_limit_cents = 500";
        let mut config = read(file, &[("FANPIAO_SERVER__LISTEN", "127.0.0.1:2")]).expect("readable");
        config.lanes.queue = 9;
        let settings = config.settings();
        let source = |key: &str| settings.iter().find(|setting| setting.key == key).expect("listed").source;
        assert_eq!(source("server.listen"), SettingSource::Environment);
        assert_eq!(source("wallet.overdraft_limit_cents"), SettingSource::File);
        assert_eq!(source("lanes.queue"), SettingSource::Command);
        assert_eq!(source("shop.pictures"), SettingSource::Default);
        assert_eq!(source("alert_rules.forged"), SettingSource::Default);
    }

    #[test]
    fn what_is_shown_is_read_as_it_was() {
        let shown = read("[alert_rules]\nforged = 7", &[]).expect("readable").to_string();
        assert_eq!(read(&shown, &[]).expect("readable").to_string(), shown);
    }

    #[test]
    fn what_is_wrong_is_named() {
        type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);
        let md5 = "[cabinet]\nvendor = \"v\"\nvendor_secret = \"s\"\nvendor_url = \"http://v\"\ncallback_url = \"https://x\"\n\
             vendor_protocol = \"md5\"";
        let cases: [Case<'_>; 34] = [
            ("[security]\nsecond_factor = \"required\"", &[], "security.data_keys: is needed"),
            ("[security]\ndata_keys = \"a=b\"", &[], "security.data_keys: key a is not base64"),
            ("[security]\ndata_keys = \"\"", &[], "security.data_keys: holds no key"),
            ("[security]\ndata_keys = \"a\"\ndata_keys_file = \"b\"", &[], "only one of them can hold the keys"),
            ("[shop]\nbucket = \"https://b.example.com\"", &[], "shop.bucket_region: is needed"),
            ("[shop]\nbucket = \"https://b.example.com\"\npictures = \"p\"", &[], "shop.bucket: only one of them"),
            (
                "[shop]\nbucket = \"b\"\nbucket_region = \"r\"\nbucket_key_id = \"k\"\nbucket_secret = \"s\"",
                &[],
                "shop.bucket: ",
            ),
            (md5, &[], "cabinet.vendor_addresses: is needed"),
            ("[cabinet]\nvendor = \"v\"", &[], "cabinet.vendor_secret: is needed"),
            ("[recharge]\nexpire_mins = 1", &[], "recharge.expire_mins: must lie"),
            ("[recharge]\nreconcile_at = \"25:00\"", &[], "recharge.reconcile_at: must be"),
            (
                "[wechat]\nappid = \"wx1\"\napp_secret = \"s\"\nmchid = \"1\"",
                &[],
                "wechat.certificate_serial: is needed",
            ),
            ("[wechat]\nappid = \"wx1\"\napp_secret = \"s\"", &[], "security.data_keys: is needed with wechat"),
            ("[server]\nlisten_on = \"x\"", &[], "server.listen_on: unknown field"),
            ("[sever]\n", &[], "sever: unknown field"),
            ("", &[("FANPIAO_SERVER__LISTEN", "8080")], "server.listen: \"8080\" cannot be used here"),
            ("", &[("FANPIAO_WALLET__OVERDRAFT", "1")], "wallet.overdraft: unknown field"),
            ("[house]\nzone = \"Mars/Olympus\"", &[], "house.zone: \"Mars/Olympus\" is no time zone"),
            ("[database]\nurl = \"mysql://x\"", &[], "database.url: "),
            (
                "[server]\ntrusted_proxies = \"10.0.0.0/33\"",
                &[],
                "server.trusted_proxies: \"10.0.0.0/33\" cannot be used",
            ),
            ("[backup]\nat = \"2:30\"", &[], "backup.at: must be"),
            ("[alerts]\nmail_password = \"hidden\"", &[], "alerts.mail_host: is needed"),
            ("[alerts]\nmail_host = \"mail.example.com\"", &[], "alerts.mail_from and alerts.mail_to: are needed"),
            (
                "[alerts]\nmail_host = \"mail.example.com\"\nmail_from = \"a@example.com\"\nmail_to = \"b@example.com, c\"",
                &[],
                "alerts.mail_host: \"c\" is no address",
            ),
            ("[reports]\nat = \"24:00\"", &[], "reports.at: must be"),
            ("[alerts]\nconsole_url = \"house/admin\"", &[], "alerts.console_url: must begin"),
            ("[backup]\nkeep_days = 0", &[], "backup.keep_days: must be"),
            ("[alert_rules]\ndoors_open = 1", &[], "alert_rules.doors_open: there is no such rule"),
            ("", &[("FANPIAO_ALERT_RULES__FORGED", "many")], "alert_rules.forged: \"many\" cannot be used here"),
            ("[alerts]\nfeishu_secret = \"s\"", &[], "alerts.feishu_url: is needed"),
            (
                "[alerts]\nwebhook_url = \"https://x\"",
                &[],
                "alerts.webhook_url: the secret must have at least 16 bytes",
            ),
            ("[alerts]\nwecom_url = \"key\"", &[], "alerts.wecom_url: the address"),
            ("[limits]\nmember_per_minute = 0", &[], "limits: without anything a minute"),
            ("[lanes]\npostgres = -1", &[], "lanes.postgres: \"-1\" cannot be used here"),
        ];
        for (file, environment, expected) in cases {
            let problem = read(file, environment).expect_err("refused");
            assert!(problem.contains(expected), "{problem:?} should name {expected:?}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let file = "[database]\nurl = \"postgres://me:hidden@host/db\"\n[wechat]\nappid = \"wx1\"\napp_secret = \"hidden\"\n\
             mchid = \"1\"\ncertificate_serial = \"AB\"\nprivate_key = \"hidden\"\napiv3_key = \"hidden\"\nnotify_url = \"https://x\"\n\
             [shop]\nbucket = \"https://b.example.com\"\nbucket_region = \"r\"\nbucket_key_id = \"k\"\nbucket_secret = \"hidden\"\n\
             [cabinet]\nvendor = \"v\"\nvendor_secret = \"hidden\"\nvendor_url = \"https://me:hidden@v\"\ncallback_url = \"https://x\"\n\
             [erp]\npartner = \"e\"\nsecret = \"hidden\"\nurl = \"https://e/?key=hidden\"\n\
             [alerts]\nwecom_url = \"https://x/?key=hidden\"\nwebhook_url = \"https://hidden\"\nwebhook_secret = \"hidden+hidden+hidden\"\n\
             dingtalk_url = \"https://hidden\"\ndingtalk_secret = \"hidden\"\nfeishu_url = \"https://hidden\"\nfeishu_secret = \"hidden\"\n\
             mail_host = \"mail.example.com\"\nmail_account = \"a\"\nmail_password = \"hidden\"\nmail_from = \"a@example.com\"\n\
             mail_to = \"b@example.com\"\n\
             [security]\ndata_keys = \"hidden=hidden+hidden+hidden+hidden+hidden+hidden+0=\"";
        let config = read(file, &[]).expect("readable");
        let shown = config.to_string();
        assert!(!shown.contains("hidden") && shown.contains("postgres://me:***@host/db"), "{shown}");
        let unset: Vec<_> = config.settings().into_iter().map(|setting| setting.value).collect();
        assert!(!unset.contains(&http_api::SettingValue::Secret { is_set: false }), "not all secrets are tried");
    }
}
