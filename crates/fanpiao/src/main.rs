//! The binary: reads the configuration, puts the parts together and runs one of the subcommands.

#![expect(clippy::print_stderr, reason = "a command line program speaks to its user")]

/// Prints a line. Who has stopped reading, as `| head` does, has read enough.
macro_rules! say {
    ($($text:tt)*) => {
        drop(std::io::Write::write_fmt(&mut std::io::stdout(), format_args!("{}\n", format_args!($($text)*))))
    };
}

mod arguments;
mod backup;
mod bench;
mod check;
mod compose;
mod config;
mod demo;
mod keys;
mod migrate;
mod repair;
mod serve;
mod settings;
mod sim_world;
mod user;

use std::io::{self, Write};
use std::process::ExitCode;

use arguments::{Arguments, ConfigCommand, KeysCommand, Subcommand, UserCommand};
use clap::Parser;

/// What went wrong, for the person at the terminal.
type Problem = String;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments) {
        Ok(code) => code,
        Err(problem) => {
            eprintln!("fanpiao: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<ExitCode, Problem> {
    let load = || config::load(&arguments.settings);
    match &arguments.subcommand {
        Subcommand::Serve => block_on(serve::run(load()?)),
        Subcommand::Demo(demo) => block_on(demo::run(demo, arguments.settings.database.as_deref(), load()?)),
        Subcommand::Migrate(migrate) => block_on(migrate::run(migrate, &load()?)),
        Subcommand::Check(check) => block_on(check::run(check, &load()?)),
        Subcommand::Repair(repair) => block_on(repair::run(repair, load()?)),
        Subcommand::Backup(backup) => block_on(backup::backup(backup, load()?)),
        Subcommand::Restore(restore) => block_on(backup::restore(restore, load()?)),
        Subcommand::User(UserCommand::Add(user)) => block_on(user::add(user, load()?)),
        Subcommand::User(UserCommand::ResetSecondFactor(user)) => block_on(user::reset_second_factor(user, load()?)),
        Subcommand::Keys(KeysCommand::New(key)) => keys::new(key),
        Subcommand::Keys(KeysCommand::Rotate) => block_on(keys::rotate(load()?)),
        Subcommand::Config(ConfigCommand::Check) => {
            drop(write!(io::stdout(), "{}", load()?));
            Ok(ExitCode::SUCCESS)
        }
        Subcommand::Sim(sim) => block_on(sim_world::run(sim)),
        Subcommand::Bench(bench) => bench::run(bench),
    }
}

fn block_on(work: impl Future<Output = Result<ExitCode, Problem>>) -> Result<ExitCode, Problem> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| format!("no runtime: {error}"))?.block_on(work)
}
