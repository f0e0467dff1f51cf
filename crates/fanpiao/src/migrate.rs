//! `fanpiao migrate`.

use std::process::ExitCode;

use service::{Ambient, System};
use store::Store;

use crate::Problem;
use crate::config::Config;

pub(crate) async fn run(config: &Config) -> Result<ExitCode, Problem> {
    let store = Store::new(&config.database.url).map_err(|error| error.to_string())?;
    let mut writer = store.writer().await.map_err(|error| format!("the database cannot be opened: {error}"))?;
    let migrated = writer.migrate(System.now().as_millis()).await.map_err(|error| error.to_string())?;
    if migrated.from == migrated.to {
        say!("the schema is up to date: {}", migrated.to);
    } else {
        say!("the schema went from {} to {}", migrated.from, migrated.to);
    }
    Ok(ExitCode::SUCCESS)
}
