//! `fanpiao backup` and `fanpiao restore`.

use std::process::ExitCode;

use service::{Ambient, System};
use store::Store;

use crate::arguments::{BackupArguments, CheckArguments, MigrateArguments, RestoreArguments};
use crate::config::Config;
use crate::{Problem, check, migrate};

pub(crate) async fn backup(arguments: &BackupArguments, config: Config) -> Result<ExitCode, Problem> {
    let store = Store::new(&config.database.url).map_err(|error| error.to_string())?;
    let file = &arguments.file;
    if store.is_empty().await.map_err(|error| error.to_string())? {
        return Err("there is nothing to back up: the database has no tables".to_owned());
    }
    store.backup(file).await.map_err(|error| format!("no backup was made: {error}"))?;
    let bytes = file.metadata().map_err(|error| format!("{}: {error}", file.display()))?.len();
    say!("{} holds the database: {} KiB", file.display(), bytes.div_ceil(1024));
    Ok(ExitCode::SUCCESS)
}

/// Into an empty database only: a server that runs on it would go on writing into what has been put aside.
pub(crate) async fn restore(arguments: &RestoreArguments, config: Config) -> Result<ExitCode, Problem> {
    let store = Store::new(&config.database.url).map_err(|error| error.to_string())?;
    let refused = |error: store::Error| format!("nothing was restored: {error}");
    store.examine(&arguments.file).await.map_err(refused)?;
    let mut aside = None;
    if !store.is_empty().await.map_err(refused)? {
        if !arguments.replace {
            return Err(
                "nothing was restored: the database is not empty; with --replace it is put aside first".to_owned()
            );
        }
        let now = System.now();
        if let Some(node) = store.running_node(now.as_millis()).await.map_err(refused)? {
            return Err(format!(
                "nothing was restored: server {node} runs on this database. Stop it first; a server that was killed lets go \
                 of it after 15 seconds"
            ));
        }
        aside = Some(store.set_aside(&format!("before-{}", now.as_millis())).await.map_err(refused)?);
    }
    // A fresh handle: the old one may hold connections to what was put aside.
    let store = Store::new(&config.database.url).map_err(|error| error.to_string())?;
    let restored = store.restore(&arguments.file).await;
    if let Some(aside) = aside {
        say!("what was there before is {aside}");
    }
    restored.map_err(refused)?;
    say!("{} is restored", arguments.file.display());
    // The servers whose leases are in the backup run somewhere else, if at all.
    migrate::run(&MigrateArguments { plan: false, force: true }, &config).await?;
    check::run(&CheckArguments { json: false }, &config).await
}
