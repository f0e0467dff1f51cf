//! `fanpiao keys`: a new key, and everything under it. After that earlier keys can be taken out of the configuration.

use std::process::ExitCode;

use service::{KeyRing, System};

use crate::arguments::NewKeyArguments;
use crate::config::Config;
use crate::{Problem, compose};

pub(crate) fn new(arguments: &NewKeyArguments) -> Result<ExitCode, Problem> {
    let line = KeyRing::new_line(&arguments.id, &System);
    KeyRing::parse(&line)?;
    say!("{line}");
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn rotate(config: Config) -> Result<ExitCode, Problem> {
    let service = compose::start_service(&config).await?;
    let resealed = service.reseal().await;
    service.stop().await;
    let resealed = resealed.map_err(|failure| format!("not everything is sealed under the newest key: {failure:?}"))?;
    say!("{resealed} secrets are sealed under the newest key now, and all others were before");
    Ok(ExitCode::SUCCESS)
}
