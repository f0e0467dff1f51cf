//! The configuration as it is shown: in the console, and as TOML by `fanpiao config check`. No secret is ever in it.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use http_api::{Proxies, Setting, SettingSource, SettingValue as Value};
use kernel::AlertRule;
use service::Networks;
use wechat::Secret;

use crate::config::{
    AlertSettings, Backup, Cabinet, Config, Database, Erp, House, Lanes, Language, Limits, Log, LogFormat, MailBy,
    Recharge, Reports, Retention, SecondFactor, Security, Server, Session, Shop, VendorProtocol, Wallet, Wechat,
};

/// What of a field may be shown.
trait Shown {
    fn shown(&self) -> Value;
}

/// Every field of a section with its key, some with more than the file says; one that is forgotten does not compile.
macro_rules! section {
    (@ $field:ident) => { $field.shown() };
    (@ $field:ident $shown:expr) => { $shown.shown() };
    ($name:literal, $section:expr, $Type:ident { $($field:ident $(= $shown:expr)?),+ $(,)? }) => {{
        let $Type { $($field),+ } = $section;
        vec![$((concat!($name, ".", stringify!($field)).to_owned(), section!(@ $field $($shown)?))),+]
    }};
}

impl Config {
    /// What is in force, in the order of the sections.
    pub(crate) fn settings(&self) -> Vec<Setting> {
        // Where pictures are kept by default is a matter of where the database is.
        let usual = Self { database: Database { url: self.database.url.clone() }, ..Self::default() };
        let settings = self.shown().into_iter().zip(usual.shown()).map(|((key, value), (_, usual))| {
            let known = self.sources.get(&key).copied();
            let source = known.unwrap_or(if value == usual { SettingSource::Default } else { SettingSource::Command });
            Setting { key, value, source }
        });
        settings.collect()
    }

    fn shown(&self) -> Vec<(String, Value)> {
        let Self {
            server,
            database,
            backup,
            house,
            wallet,
            shop,
            session,
            security,
            retention,
            limits,
            lanes,
            wechat,
            recharge,
            cabinet,
            erp,
            alerts,
            alert_rules,
            reports,
            log,
            sources: _,
        } = self;
        let rules = AlertRule::ALL.iter().map(|rule| {
            let threshold = alert_rules.get(rule.as_str()).map_or(rule.usual_threshold(), |set| set.0.into());
            (format!("alert_rules.{}", rule.as_str()), threshold.shown())
        });
        [
            section!(
                "server",
                server,
                Server { listen, request_timeout_secs, drain_timeout_secs, trusted_proxies, cors_origins }
            ),
            section!("database", database, Database { url }),
            section!("backup", backup, Backup { folder, at, keep_days, keep_weeks }),
            section!("house", house, House { zone }),
            section!("wallet", wallet, Wallet { overdraft_limit_cents }),
            section!("shop", shop, Shop {
                pay_within_minutes,
                most_unpaid,
                release_every_minutes,
                pictures = self.picture_folder().filter(|_| pictures.is_some() || bucket.is_none()),
                bucket,
                bucket_region,
                bucket_key_id,
                bucket_secret,
            }),
            section!("session", session, Session { lifetime_hours }),
            section!("security", security, Security { data_keys, data_keys_file, second_factor, leaked_passwords }),
            section!("retention", retention, Retention { answers_days, sessions_days, job_runs_days, reports_days }),
            section!(
                "limits",
                limits,
                Limits {
                    address_burst,
                    address_per_minute,
                    member_burst,
                    member_per_minute,
                    partner_burst,
                    partner_per_minute,
                    address_failures_burst,
                    address_failures_per_minute,
                    account_failures_burst,
                    account_failures_per_minute,
                }
            ),
            section!("lanes", lanes, Lanes { postgres, queue }),
            section!(
                "wechat",
                wechat,
                Wechat {
                    appid,
                    app_secret,
                    base_url,
                    mchid,
                    certificate_serial,
                    private_key_file,
                    private_key,
                    apiv3_key,
                    public_key_id,
                    public_key_file,
                    public_key,
                    notify_url,
                    score_service_id,
                }
            ),
            section!(
                "recharge",
                recharge,
                Recharge {
                    min_cents,
                    max_cents,
                    expire_mins,
                    description,
                    compensation_enabled,
                    compensation_interval_mins,
                    compensation_threshold_mins,
                    compensation_batch_size,
                    compensation_concurrency,
                    reconcile_at,
                }
            ),
            section!(
                "cabinet",
                cabinet,
                Cabinet {
                    vendor,
                    vendor_secret,
                    vendor_protocol,
                    vendor_addresses,
                    vendor_url,
                    callback_url,
                    max_cents,
                    correction_limit_cents,
                    min_tickets,
                    score_max_cents,
                }
            ),
            section!("erp", erp, Erp { partner, secret, url, pull_every_minutes }),
            section!(
                "alerts",
                alerts,
                AlertSettings {
                    repeat_minutes,
                    language,
                    console_url,
                    wecom_url,
                    dingtalk_url,
                    dingtalk_secret,
                    feishu_url,
                    feishu_secret,
                    webhook_url,
                    webhook_secret,
                    mail_host,
                    mail_port,
                    mail_security,
                    mail_account,
                    mail_password,
                    mail_password_file,
                    mail_from,
                    mail_to,
                    mail_ca_file,
                }
            ),
            rules.collect(),
            section!("reports", reports, Reports { at, daily, exceptions, health }),
            section!("log", log, Log { filter, format }),
        ]
        .concat()
    }
}

/// As TOML.
impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut open = String::new();
        for Setting { key, value, .. } in self.settings() {
            let (section, name) = key.split_once('.').unwrap_or(("", &key));
            if section != open {
                let gap = if open.is_empty() { "" } else { "\n" };
                writeln!(f, "{gap}[{section}]")?;
                section.clone_into(&mut open);
            }
            match value {
                Value::Text(text) => writeln!(f, "{name} = {text:?}")?,
                Value::Number(number) => writeln!(f, "{name} = {number}")?,
                Value::Switch(is_on) => writeln!(f, "{name} = {is_on}")?,
                Value::Secret { is_set: true } => writeln!(f, "{name} = \"***\"")?,
                Value::Absent | Value::Secret { is_set: false } => writeln!(f, "# {name}: none{}", without(&key))?,
            }
        }
        Ok(())
    }
}

/// What it means that a setting is absent, where that is more than it says.
fn without(key: &str) -> &'static str {
    match key {
        "backup.folder" => ", the server makes no backups",
        "wallet.overdraft_limit_cents" => ", a wallet may go below zero any way",
        "security.leaked_passwords" => ", a password that everybody knows may be taken",
        "wechat.appid" => ", nobody can sign in by WeChat",
        "wechat.mchid" => ", nobody can pay by WeChat",
        "cabinet.vendor" => ", no door opens",
        "erp.partner" => ", there is no ERP",
        _ => "",
    }
}

/// The same: no secret reaches a log either.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An address without the password in front of its `@`, and without what its query says but for what is known to be no secret.
fn masked(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
    let rest = match rest.rsplit_once('@') {
        Some((user, host)) => {
            let user = user.split_once(':').map_or(user.to_owned(), |(name, _)| format!("{name}:***"));
            format!("{user}@{host}")
        }
        None => rest.to_owned(),
    };
    let hidden = |part: &str| match part.split_once('=') {
        Some(("sslmode" | "sslrootcert", _)) => part.to_owned(),
        Some((name, _)) => format!("{name}=***"),
        None => "***".to_owned(),
    };
    let query = query.map(|query| format!("?{}", query.split('&').map(hidden).collect::<Vec<_>>().join("&")));
    format!("{scheme}://{rest}{}", query.unwrap_or_default())
}

impl<T: Shown> Shown for Option<T> {
    fn shown(&self) -> Value {
        self.as_ref().map_or(Value::Absent, T::shown)
    }
}

/// A secret is always one that may be absent, so this is all that is ever said of one.
impl Shown for Option<Secret> {
    fn shown(&self) -> Value {
        Value::Secret { is_set: self.is_some() }
    }
}

impl Shown for String {
    fn shown(&self) -> Value {
        Value::Text(masked(self))
    }
}

impl Shown for PathBuf {
    fn shown(&self) -> Value {
        Value::Text(self.display().to_string())
    }
}

impl Shown for bool {
    fn shown(&self) -> Value {
        Value::Switch(*self)
    }
}

impl Shown for jiff::tz::TimeZone {
    fn shown(&self) -> Value {
        Value::Text(self.iana_name().unwrap_or("UTC").to_owned())
    }
}

macro_rules! numbers {
    ($($type:ty)+) => {$(
        impl Shown for $type {
            fn shown(&self) -> Value {
                Value::Number(i64::try_from(*self).unwrap_or(i64::MAX))
            }
        }
    )+};
}
numbers!(i64 u16 u32 u64 usize);

macro_rules! texts {
    ($($type:ty)+) => {$(
        impl Shown for $type {
            fn shown(&self) -> Value {
                Value::Text(self.to_string())
            }
        }
    )+};
}
texts!(SocketAddr Proxies Networks);

macro_rules! words {
    ($($type:ident { $($word:literal = $variant:ident),+ })+) => {$(
        impl Shown for $type {
            fn shown(&self) -> Value {
                Value::Text(match self { $(Self::$variant => $word),+ }.to_owned())
            }
        }
    )+};
}
words! {
    SecondFactor { "optional" = Optional, "required" = Required }
    VendorProtocol { "signed" = Signed, "md5" = Md5 }
    Language { "zh" = Zh, "en" = En }
    MailBy { "tls" = Tls, "starttls" = StartTls }
    LogFormat { "text" = Text, "json" = Json }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_documented() {
        let rows = include_str!("../../../docs/configuration.md").lines().filter(|line| line.starts_with('|'));
        let keys: Vec<_> = rows.filter_map(|row| row.split(" | ").next()).collect();
        for Setting { key, .. } in Config::default().settings() {
            let key = format!("`{}`", key.trim_start_matches("alert_rules."));
            assert!(keys.iter().any(|keys| keys.contains(&key)), "docs/configuration.md does not tell of {key}");
        }
    }

    #[test]
    fn addresses_tell_no_secret() {
        for (text, shown) in [
            ("sqlite:/var/lib/fanpiao/fanpiao.db", "sqlite:/var/lib/fanpiao/fanpiao.db"),
            ("postgres://me:hidden@host/db", "postgres://me:***@host/db"),
            ("postgres://me:hid@den@host/db", "postgres://me:***@host/db"),
            ("postgres://me@host/db?sslmode=require", "postgres://me@host/db?sslmode=require"),
            ("postgres://host/db?user=me&password=hidden", "postgres://host/db?user=***&password=***"),
            ("https://erp.example.com/in?hidden", "https://erp.example.com/in?***"),
            ("饭票充值", "饭票充值"),
        ] {
            assert_eq!(masked(text), shown);
        }
    }
}
