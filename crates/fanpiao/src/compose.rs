//! Puts the parts together as the configuration says.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http_api::{App, Limits};
use kernel::{CabinetRules, Cents, Overdraft, ShopRules};
use service::{
    AlertDelivery, Ambient, BackUp, BookSubscriptions, Compensation, ConsistencyCheck, EndRounds, Erp, FinishErasures,
    ForgetOldRows, Job, LaneSettings, LeakedPasswords, MakeReports, OpenDelivery, Pay, PullErpProducts, Recharge,
    RefundDelivery, ReleaseExpiredOrders, ReportDelivery, SalesDelivery, ScoreDelivery, SealAudit, SendErpSales,
    Service, Settings, System, TidyPictures, Vendor, WatchAlerts,
};
use store::Store;
use tracing_subscriber::EnvFilter;
use wechat::mini::{self, MiniProgram};
use wechat::pay::{self, Merchant, PublicKey};
use wechat::{Secret, TransportConfig, UnixTime, payscore};

use crate::Problem;
use crate::config::{Config, LogFormat, Retention, SecondFactor, VendorProtocol};

const MINUTE_MS: i64 = 60_000;

pub(crate) fn start_log(config: &Config) {
    let filter = EnvFilter::new(&config.log.filter);
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match config.log.format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().init(),
    }
}

/// For a command that ends by itself: without jobs.
pub(crate) async fn start_service(config: &Config) -> Result<Service, Problem> {
    start(config, Vec::new()).await
}

pub(crate) async fn start_server(config: &Config) -> Result<Service, Problem> {
    let mut jobs = service::pay_jobs(&recharge(config));
    jobs.extend(service::cabinet_jobs());
    jobs.push(Box::new(ConsistencyCheck));
    jobs.push(Box::new(SealAudit));
    let Retention { answers_days, sessions_days, job_runs_days, reports_days } = config.retention;
    jobs.push(Box::new(ForgetOldRows { answers_days, sessions_days, job_runs_days, reports_days }));
    let every_ms = i64::from(config.shop.release_every_minutes) * MINUTE_MS;
    jobs.push(Box::new(ReleaseExpiredOrders { every_ms }));
    jobs.push(Box::new(EndRounds { every_ms: MINUTE_MS }));
    jobs.push(Box::new(TidyPictures));
    jobs.push(Box::new(FinishErasures));
    jobs.push(Box::new(WatchAlerts));
    if let Some(minute) = config.reports.minute() {
        jobs.push(Box::new(MakeReports { minute, kinds: config.reports.kinds() }));
    }
    let backup = &config.backup;
    if let (Some(folder), Some(minute)) = (backup.folder.clone(), backup.minute()) {
        let (keep_days, keep_weeks) = (backup.keep_days.into(), backup.keep_weeks.into());
        jobs.push(Box::new(BackUp { folder, minute, keep_days, keep_weeks }));
    }
    if config.erp.url.is_some() {
        jobs.push(Box::new(SendErpSales));
    }
    if let Some(minutes) = config.erp.pull_every_minutes {
        jobs.push(Box::new(PullErpProducts { every_minutes: minutes.into() }));
    }
    jobs.push(Box::new(BookSubscriptions { every_ms: MINUTE_MS }));
    start(config, jobs).await
}

async fn start(config: &Config, jobs: Vec<Box<dyn Job>>) -> Result<Service, Problem> {
    let mut settings = Settings::new(config.house.zone.clone());
    settings.overdraft_limit = config.wallet.overdraft_limit_cents.map(Overdraft::from);
    settings.shop = ShopRules {
        pay_within_ms: i64::from(config.shop.pay_within_minutes) * MINUTE_MS,
        most_unpaid: config.shop.most_unpaid.into(),
    };
    settings.cabinet = CabinetRules {
        most: Cents::new(config.cabinet.max_cents.into()),
        correction_limit: Cents::new(config.cabinet.correction_limit_cents.into()),
        least_tickets: config.cabinet.min_tickets.into(),
        score_most: config.wechat.score_service_id.as_ref().map(|_| Cents::new(config.cabinet.score_max_cents.into())),
        ..CabinetRules::default()
    };
    settings.vendor = vendor(config)?;
    settings.erp = erp(config)?;
    settings.alerts = config.alerts()?;
    settings.keys = config.data_keys()?;
    settings.demand_second_factor = config.security.second_factor == SecondFactor::Required;
    settings.leaked_passwords = leaked_passwords(config)?;
    settings.session_ms = i64::from(config.session.lifetime_hours) * 3_600_000;
    settings.lanes = LaneSettings { postgres_lanes: config.lanes.postgres, queue: config.lanes.queue };
    settings.mini_program = mini_program(config)?;
    settings.recharge = recharge(config);
    settings.pay = merchant(config)?.map(Arc::new);
    settings.jobs = jobs;
    settings.pictures = config.pictures()?;
    settings.deliveries = vec![
        Box::new(RefundDelivery),
        Box::new(OpenDelivery),
        Box::new(ScoreDelivery),
        Box::new(SalesDelivery),
        Box::new(AlertDelivery),
        Box::new(ReportDelivery),
    ];
    let store = Store::new(&config.database.url).map_err(|error| error.to_string())?;
    let started = Service::start(store, Arc::new(System), settings).await;
    started.map_err(|error| format!("the database cannot be used: {error}"))
}

fn recharge(config: &Config) -> Recharge {
    let recharge = &config.recharge;
    Recharge {
        least: Cents::new(recharge.min_cents),
        most: Cents::new(recharge.max_cents),
        expire_ms: recharge.expire_mins * 60_000,
        compensation: Compensation {
            enabled: recharge.compensation_enabled,
            interval_mins: recharge.compensation_interval_mins,
            threshold_mins: recharge.compensation_threshold_mins,
            batch_size: recharge.compensation_batch_size,
            concurrency: recharge.compensation_concurrency,
        },
        reconcile_minute: recharge.reconcile_minute().unwrap_or_default(),
    }
}

/// The house as a merchant. Its keys are read here, once.
fn merchant(config: &Config) -> Result<Option<Pay>, Problem> {
    let wechat = &config.wechat;
    let (Some(mchid), Some(appid), Some(notify_url)) = (&wechat.mchid, &wechat.appid, &wechat.notify_url) else {
        return Ok(None);
    };
    let read = |name: &str, path: &Path| {
        std::fs::read_to_string(path)
            .map_err(|error| format!("configuration: wechat.{name}: {}: {error}", path.display()))
    };
    let private_key_pem = match (&wechat.private_key, &wechat.private_key_file) {
        (Some(key), _) => key.clone(),
        (None, Some(path)) => Secret::new(read("private_key_file", path)?),
        (None, None) => Secret::new(""),
    };
    let public_key = match (&wechat.public_key, &wechat.public_key_file) {
        (Some(pem), _) => Some(pem.clone()),
        (None, Some(path)) => Some(read("public_key_file", path)?),
        (None, None) => None,
    };
    let public_keys = wechat.public_key_id.clone().zip(public_key).map(|(id, pem)| PublicKey { id, pem });
    let merchant = Merchant::new(pay::Config {
        base_url: wechat.base_url.clone().unwrap_or_else(|| "https://api.mch.weixin.qq.com".to_owned()),
        mchid: mchid.clone(),
        certificate_serial: wechat.certificate_serial.clone().unwrap_or_default(),
        private_key_pem,
        apiv3_key: wechat.apiv3_key.clone().unwrap_or_else(|| Secret::new("")),
        apiv2_key: None,
        public_keys: public_keys.into_iter().collect(),
        certificates: Vec::new(),
        transport: TransportConfig::default(),
        clock: Arc::new(|| UnixTime::from_secs(System.now().as_millis() / 1000)),
    });
    let merchant = merchant.map_err(|error| format!("configuration: wechat: {error}"))?;
    Ok(Some(Pay {
        merchant,
        appid: appid.clone(),
        notify_url: notify_url.trim_end_matches('/').to_owned(),
        description: config.recharge.description.clone(),
        score: wechat
            .score_service_id
            .as_ref()
            .map(|service_id| payscore::Service { appid: appid.clone(), service_id: service_id.clone() }),
    }))
}

fn leaked_passwords(config: &Config) -> Result<Option<LeakedPasswords>, Problem> {
    let Some(path) = &config.security.leaked_passwords else { return Ok(None) };
    let list = LeakedPasswords::open(path);
    list.map(Some).map_err(|error| format!("security.leaked_passwords: {}: {error}", path.display()))
}

/// Who opens the cabinets' doors.
fn vendor(config: &Config) -> Result<Option<Vendor>, Problem> {
    let cabinet = &config.cabinet;
    let (Some(partner), Some(secret), Some(base_url), Some(callback_url)) =
        (&cabinet.vendor, &cabinet.vendor_secret, &cabinet.vendor_url, &cabinet.callback_url)
    else {
        return Ok(None);
    };
    let (partner, secret) = (partner.clone(), secret.expose());
    let vendor = match (cabinet.vendor_protocol, cabinet.vendor_addresses.clone()) {
        (VendorProtocol::Md5, Some(addresses)) => Vendor::md5(partner, secret, base_url, callback_url, addresses),
        (VendorProtocol::Md5, None) => Err("MD5 needs the vendor's addresses".to_owned()),
        (VendorProtocol::Signed, None) => Vendor::signed(partner, secret, base_url, callback_url),
        (VendorProtocol::Signed, Some(addresses)) => {
            Vendor::signed(partner, secret, base_url, callback_url).map(|vendor| vendor.only_from(addresses))
        }
    };
    vendor.map(Some).map_err(|error| format!("configuration: cabinet: {error}"))
}

/// Who tells of products and is told of sales.
fn erp(config: &Config) -> Result<Option<Erp>, Problem> {
    let (Some(partner), Some(secret)) = (&config.erp.partner, &config.erp.secret) else { return Ok(None) };
    let erp = Erp::new(partner.clone(), secret.expose(), config.erp.url.as_deref());
    erp.map(Some).map_err(|error| format!("configuration: erp: {error}"))
}

fn mini_program(config: &Config) -> Result<Option<MiniProgram>, Problem> {
    let (Some(appid), Some(secret)) = (&config.wechat.appid, &config.wechat.app_secret) else {
        return Ok(None);
    };
    let mut program = mini::Config::new(appid.clone(), secret.clone());
    if let Some(base_url) = &config.wechat.base_url {
        program.base_url.clone_from(base_url);
    }
    MiniProgram::new(program).map(Some).map_err(|error| format!("configuration: wechat: {error}"))
}

pub(crate) fn app(service: Service, config: &Config) -> App {
    let limits = Limits {
        request: Duration::from_secs(config.server.request_timeout_secs),
        drain: Duration::from_secs(config.server.drain_timeout_secs),
        rates: config.limits.rates(),
        proxies: config.server.trusted_proxies.clone(),
        origins: config.server.cors_origins.clone(),
        ..Limits::default()
    };
    App::new(service, limits, config.settings())
}
