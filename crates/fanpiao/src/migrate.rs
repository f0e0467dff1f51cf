//! `fanpiao migrate`.

use std::process::ExitCode;

use service::{Ambient, System};
use store::{Plan, SchemaStep, Store};

use crate::Problem;
use crate::arguments::MigrateArguments;
use crate::config::Config;

pub(crate) async fn run(arguments: &MigrateArguments, config: &Config) -> Result<ExitCode, Problem> {
    let store = Store::new(&config.database.url).map_err(|error| error.to_string())?;
    let unusable = |error: store::Error| format!("the database cannot be used: {error}");
    let mut writer = store.writer().await.map_err(unusable)?;
    let now_ms = System.now().as_millis();
    let is_empty = store.is_empty().await.map_err(unusable)?;
    if arguments.plan && is_empty {
        say!("the database is empty: every step is missing");
        return Ok(ExitCode::SUCCESS);
    }
    if !is_empty {
        let Plan { steps, in_the_way, .. } = writer.plan(now_ms).await.map_err(unusable)?;
        steps.iter().for_each(show);
        if arguments.plan {
            match in_the_way.as_slice() {
                [] => say!("no server that runs is in the way"),
                servers => say!("to be stopped first: server {}", numbers(servers)),
            }
            return Ok(ExitCode::SUCCESS);
        }
    }
    let migrated = if arguments.force { writer.migrate_regardless(now_ms).await } else { writer.migrate(now_ms).await };
    let migrated = migrated.map_err(unusable)?;
    if migrated.from == migrated.to {
        say!("the schema is up to date: {}", migrated.to);
    } else {
        say!("the schema went from {} to {}", migrated.from, migrated.to);
    }
    Ok(ExitCode::SUCCESS)
}

fn show(step: &SchemaStep) {
    let SchemaStep { number, name, oldest_program } = step;
    match oldest_program {
        Some(oldest) => say!("step {number} ({name}): servers whose newest step is {oldest} or later go on"),
        None => say!("step {number} ({name}): all servers of before have to be stopped"),
    }
}

fn numbers(servers: &[i64]) -> String {
    servers.iter().map(i64::to_string).collect::<Vec<_>>().join(", ")
}
