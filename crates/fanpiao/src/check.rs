//! `fanpiao check`.

use std::process::ExitCode;

use service::{CheckReport, check};
use store::Store;

use crate::Problem;
use crate::arguments::CheckArguments;
use crate::config::Config;

pub(crate) async fn run(arguments: &CheckArguments, config: &Config) -> Result<ExitCode, Problem> {
    let store = Store::new(&config.database.url).map_err(|error| error.to_string())?;
    let report = check(&store, &service::System, &config.house.zone).await;
    let report = report.map_err(|error| format!("the books cannot be read: {error}"))?;
    if arguments.json {
        say!("{}", serde_json::to_string_pretty(&report).map_err(|error| error.to_string())?);
    } else {
        print(&report);
    }
    Ok(exit_code(&report))
}

pub(crate) fn print(report: &CheckReport) {
    for (name, count) in report.counts() {
        match count {
            0 => say!("ok   {name}"),
            count => say!("FAIL {name}: {count}"),
        }
    }
}

pub(crate) fn exit_code(report: &CheckReport) -> ExitCode {
    if report.passes() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
