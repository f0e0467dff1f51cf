//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser};
use kernel::{CapacityStrategy, RoleCode};

/// Fanpiao 饭票: meals, wallet, shop and cabinets on one server.
#[derive(Parser)]
#[command(version, disable_help_subcommand = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) settings: SettingFlags,
    #[command(subcommand)]
    pub(crate) subcommand: Subcommand,
}

/// Flags win over the environment (FANPIAO_SECTION__KEY), the environment over the file.
#[derive(Args)]
pub(crate) struct SettingFlags {
    /// The TOML file with the settings.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// sqlite:PATH or postgres://…
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) database: Option<String>,
    /// Where to listen, as 127.0.0.1:8080; port 0 takes a free one.
    #[arg(long, global = true, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
}

#[derive(clap::Subcommand)]
pub(crate) enum Subcommand {
    /// Serve the API.
    Serve,
    /// Serve a house full of made-up data, with a simulated WeChat beside it. Loopback only.
    Demo(DemoArguments),
    /// Bring the schema up to date and end.
    Migrate,
    /// Check the books; ends with 1 where they are wrong.
    Check(CheckArguments),
    /// Show what would put the books right, and with --apply do it; ends with 1 where they are wrong in the end.
    Repair(RepairArguments),
    /// Write a copy of the whole database into a new file, while the server goes on.
    Backup(BackupArguments),
    /// Fill the database from a backup, and check the books.
    Restore(RestoreArguments),
    #[command(subcommand)]
    User(UserCommand),
    #[command(subcommand)]
    Keys(KeysCommand),
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Run the simulated outside world alone. Loopback only.
    Sim(SimArguments),
    #[command(subcommand)]
    Bench(BenchCommand),
}

#[derive(Args)]
pub(crate) struct DemoArguments {
    /// Where the demo keeps its passwords, and its database unless --database names another one.
    #[arg(long, default_value = "fanpiao-demo")]
    pub(crate) folder: PathBuf,
}

#[derive(Args)]
pub(crate) struct CheckArguments {
    /// Print the whole report as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct RepairArguments {
    /// Do it. Without this nothing is changed.
    #[arg(long)]
    pub(crate) apply: bool,
    /// Who gives way where more was ordered than there is: cancel_latest (the newest orders) or reduce_proportional (everybody a
    /// share). Without it such meals are left as they are.
    #[arg(long, value_name = "STRATEGY")]
    pub(crate) capacity: Option<CapacityStrategy>,
}

#[derive(Args)]
pub(crate) struct BackupArguments {
    /// A file that is not there yet. It appears when the backup is whole.
    pub(crate) file: PathBuf,
}

#[derive(Args)]
pub(crate) struct RestoreArguments {
    /// What `fanpiao backup` wrote.
    pub(crate) file: PathBuf,
    /// Where the database is not empty, put what is there aside first. Nothing of it is deleted.
    #[arg(long)]
    pub(crate) replace: bool,
}

/// Manage people from the command line.
#[derive(clap::Subcommand)]
pub(crate) enum UserCommand {
    /// Add somebody who signs in with an account and a password.
    Add(UserAddArguments),
    /// Take the second factor from somebody who has lost it.
    ResetSecondFactor(ResetSecondFactorArguments),
}

/// The keys that secrets in the database are sealed under.
#[derive(clap::Subcommand)]
pub(crate) enum KeysCommand {
    /// Print a new key as a line for the configuration.
    New(NewKeyArguments),
    /// Seal everything under the newest key, while the server goes on.
    Rotate,
}

#[derive(Args)]
pub(crate) struct NewKeyArguments {
    /// What it is called, as 2026-11; no two keys are called alike.
    pub(crate) id: String,
}

#[derive(Args)]
pub(crate) struct ResetSecondFactorArguments {
    #[arg(long)]
    pub(crate) account: String,
    /// Stands in the audit trail.
    #[arg(long)]
    pub(crate) reason: String,
}

#[derive(Args)]
pub(crate) struct UserAddArguments {
    #[arg(long)]
    pub(crate) account: String,
    /// Read the password from standard input: it must not show in the list of processes.
    #[arg(long, required = true)]
    pub(crate) password_stdin: bool,
    /// The code of a role: member, dept_admin, store_staff, support, finance, admin, or one that the house has made.
    #[arg(long)]
    pub(crate) role: RoleCode,
    /// The department's code; needed for a role that is held in a department, as dept_admin is.
    #[arg(long)]
    pub(crate) department: Option<String>,
    /// The code of the one store that a role like store_staff is held in; without it, in all of them.
    #[arg(long)]
    pub(crate) store: Option<String>,
    #[arg(long)]
    pub(crate) nickname: Option<String>,
}

/// Look at the configuration.
#[derive(clap::Subcommand)]
pub(crate) enum ConfigCommand {
    /// Read the configuration as `serve` would, say what is wrong with it, and print what is in force, secrets masked.
    Check,
}

#[derive(Args)]
pub(crate) struct SimArguments {
    /// Where the simulated world listens.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub(crate) at: SocketAddr,
}

/// Measure a running server.
#[derive(clap::Subcommand)]
pub(crate) enum BenchCommand {
    /// Place orders as fast as closed-loop callers can, then verify that every one of them is there.
    PlaceOrders(PlaceOrdersArguments),
}

#[derive(Args, Clone)]
pub(crate) struct PlaceOrdersArguments {
    /// The running server, as http://127.0.0.1:8080. Members sign in with codes that the simulated WeChat understands.
    #[arg(long)]
    pub(crate) server: String,
    /// An administrator's account.
    #[arg(long, default_value = "admin")]
    pub(crate) account: String,
    /// The file with the administrator's password.
    #[arg(long)]
    pub(crate) password_file: PathBuf,
    /// How many callers wait for an answer at any time.
    #[arg(long, default_value_t = 256)]
    pub(crate) callers: usize,
    /// How many orders to place, each by a member of its own.
    #[arg(long, default_value_t = 50_000)]
    pub(crate) orders: usize,
    /// Over how many meals to spread them; give it several times to measure one after the other.
    #[arg(long, default_values_t = [1, 100])]
    pub(crate) meals: Vec<usize>,
    /// Print the figures as one line of JSON a run.
    #[arg(long)]
    pub(crate) json: bool,
}
