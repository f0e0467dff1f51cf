//! `fanpiao demo`: a house full of made-up data, with the simulated outside world beside it.

mod data;
mod passwords;

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use service::System;

use crate::arguments::DemoArguments;
use crate::config::Config;
use crate::{Problem, compose, serve, sim_world};

/// On a database of its own, unless one is named on the command line: a configuration may name a real house's.
pub(crate) async fn run(
    arguments: &DemoArguments,
    database: Option<&str>,
    mut config: Config,
) -> Result<ExitCode, Problem> {
    compose::start_log(&config);
    if !config.server.listen.ip().is_loopback() {
        return Err("the demo has made-up data and known accounts: it listens on loopback only".to_owned());
    }
    let folder = &arguments.folder;
    std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let world = sim_world::start_with(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), data::world()).await?;
    if database.is_none() {
        config.database.url = format!("sqlite:{}", folder.join("fanpiao.db").display());
    }
    config.shop.pictures.get_or_insert_with(|| folder.join("pictures"));
    config.wechat.appid = Some(sim::APPID.to_owned());
    config.wechat.app_secret = Some(wechat::Secret::new(sim::APP_SECRET));
    config.wechat.base_url = Some(world.base_url().to_owned());

    let listener = serve::listen(&config).await?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    config.wechat.mchid = Some(sim::pay::MCHID.to_owned());
    config.wechat.certificate_serial = Some(sim::pay::MERCHANT_SERIAL.to_owned());
    config.wechat.private_key = Some(wechat::Secret::new(sim::pay::MERCHANT_PRIVATE_KEY_PEM));
    config.wechat.apiv3_key = Some(wechat::Secret::new(sim::pay::APIV3_KEY));
    config.wechat.public_key_id = Some(sim::pay::PUBLIC_KEY_ID.to_owned());
    config.wechat.public_key = Some(sim::pay::PUBLIC_KEY_PEM.to_owned());
    config.wechat.notify_url = Some(format!("http://{address}/api/v1"));
    config.wechat.score_service_id = Some(sim::pay::SERVICE_ID.to_owned());
    config.cabinet.vendor = Some(sim::cabinet::VENDOR.to_owned());
    config.cabinet.vendor_secret = Some(wechat::Secret::new(sim::cabinet::VENDOR_SECRET));
    config.cabinet.vendor_url = Some(format!("{}/vendor", world.base_url()));
    config.cabinet.callback_url = Some(format!("http://{address}/api/v1"));
    config.alerts.webhook_url = Some(wechat::Secret::new(sim::robots::webhook_url(world.base_url())));
    config.alerts.webhook_secret = Some(wechat::Secret::new(sim::robots::ROBOT_SECRET));
    config.alerts.console_url = Some(format!("http://{address}/admin"));
    if config.security.data_keys_file.is_none() && config.security.data_keys.is_none() {
        config.security.data_keys = Some(wechat::Secret::new(passwords::keep_data_key(folder, &System)?));
    }
    // Without jobs: what they count should be there by then.
    let filling = compose::start_service(&config).await?;
    let passwords = passwords::keep(folder, filling.ambient())?;
    data::fill(&filling, &passwords).await?;
    filling.stop().await;
    let service = compose::start_server(&config).await?;

    say!("Fanpiao 饭票 demo on http://{address}");
    say!("  console          http://{address}/admin/");
    say!("  members' client  http://{address}/");
    say!("  API description  http://{address}/docs");
    say!("  data             {}", folder.display());
    say!("  simulated WeChat {}", world.base_url());
    say!("  pay top-ups and allow pay score at {}/sim/", world.base_url());
    say!("  alerts and reports are told to {}/sim/robots", world.base_url());
    say!("");
    say!("Sign in to the console, or with POST /api/v1/auth/password:");
    say!("  administrator             {}  {}", data::ADMIN, passwords.admin);
    say!("  department administrator  {}  {}", data::DEPT_ADMIN, passwords.dept_admin);
    say!("Members sign in with POST /api/v1/auth/login and a code that works once, for example:");
    for (name, nickname) in data::members().take(3) {
        say!("  {{\"code\": \"sim-{name}-1\"}}  {nickname}");
    }
    say!("Cabinets open on {}; their doors close by themselves.", data::cabinet_qrs().join(", "));
    let stopped = serve::stopped();
    say!("Ctrl-C ends it; the data stays. fanpiao listens on http://{address}");

    http_api::serve(listener, compose::app(service.clone(), &config), stopped).await;
    service.stop().await;
    world.stop().await;
    Ok(ExitCode::SUCCESS)
}
