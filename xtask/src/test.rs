//! All tests, on a PostgreSQL server that is there only for them.

use std::env;
use std::process::Command;

use testing::postgres::{Cluster, SERVER_VARIABLE};

use crate::commands::{cargo, run, version_of};
use crate::run::{built_server, peers_with};
use crate::{setup, unknown_argument, web};

pub(crate) const HELP: &str = "\
Usage: cargo xtask test [--install] [--rust-only] [-p PACKAGE]… [FILTER…]

Starts a throw-away PostgreSQL cluster, runs the Rust tests (with cargo-nextest when it is installed, otherwise with
cargo test), then the tests of the web clients against the server with them in it, and removes the cluster, whatever
happens. In the end other people's programs read our files and answers (`cargo xtask peers`). Filters are parts of names of Rust tests; with a filter or a package only those run.

  --install      install PostgreSQL and what the web clients need first, when they are missing
  --rust-only    leave out the web clients and other people's programs
  -p PACKAGE     the tests of this package only

When FANPIAO_TEST_POSTGRES names a server (postgres://user@host:port/postgres), the tests use that one and none is
started. Each test makes a database of its own there and drops it.
";

pub(crate) fn main(args: &[String]) -> Result<(), String> {
    let options = Options::parse(args)?;
    if options.install {
        setup::install(&["postgresql"])?;
        if options.with_web() && !web::parts().is_empty() {
            setup::install(&["node", "chromium", "chinese-font"])?;
        }
        if options.with_web() {
            setup::install(&["python"])?;
        }
    }
    if options.with_web() {
        // First: the Rust tests build the server, with the clients in it, and nothing has to be built again for theirs.
        web::run_script("build")?;
    }
    run(rust(&options).arg("--no-run"))?;
    with_postgres(Cluster::start, |url| {
        let mut tests = rust(&options);
        tests.arg("--no-fail-fast").env(SERVER_VARIABLE, url);
        if !options.filters.is_empty() {
            tests.arg("--").args(&options.filters);
        }
        let tests = run(&mut tests);
        let mut failures: Vec<String> = tests.err().into_iter().collect();
        if options.with_web() {
            let server = built_server()?;
            failures.extend(web::test(&server, url).err());
            failures.extend(peers_with(&server).err());
        }
        if failures.is_empty() { Ok(()) } else { Err(failures.join("\n")) }
    })
}

/// Calls it with the address of a server: the one named in the environment, or a new cluster that ends with the call.
/// Should this process be killed meanwhile, the cluster's keeper ends it.
pub(crate) fn with_postgres(
    start: impl FnOnce() -> Result<Cluster, String>,
    action: impl FnOnce(&str) -> Result<(), String>,
) -> Result<(), String> {
    if let Ok(url) = env::var(SERVER_VARIABLE)
        && !url.is_empty()
    {
        return action(&url);
    }
    let cluster = start()?;
    println!("==> PostgreSQL at {}", cluster.url());
    action(&cluster.url())
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Options {
    install: bool,
    rust_only: bool,
    packages: Vec<String>,
    filters: Vec<String>,
}

impl Options {
    fn parse(args: &[String]) -> Result<Self, String> {
        let mut options = Self::default();
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--install" => options.install = true,
                "--rust-only" => options.rust_only = true,
                "-p" | "--package" => match args.next() {
                    Some(package) => options.packages.push(package.clone()),
                    None => return Err(format!("`{arg}` wants the name of a package\n\n{HELP}")),
                },
                flag if flag.starts_with('-') => return Err(unknown_argument(flag, HELP)),
                filter => options.filters.push(filter.to_owned()),
            }
        }
        Ok(options)
    }

    fn with_web(&self) -> bool {
        !self.rust_only && self.packages.is_empty() && self.filters.is_empty()
    }
}

fn rust(options: &Options) -> Command {
    let nextest = version_of(cargo().args(["nextest", "--version"])).is_some();
    let mut command = cargo();
    command.args(if nextest { &["nextest", "run"][..] } else { &["test"][..] }).arg("--locked");
    if nextest && env::var_os("CI").is_some() {
        command.args(["--profile", "ci"]);
    }
    if options.packages.is_empty() {
        command.arg("--workspace");
    }
    for package in &options.packages {
        command.args(["--package", package]);
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Options, String> {
        Options::parse(&args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn everything_runs_unless_something_is_named() {
        assert!(parse(&["--install"]).unwrap().with_web());
        assert!(!parse(&["--rust-only"]).unwrap().with_web());
        assert!(!parse(&["orders"]).unwrap().with_web());
        let one = parse(&["-p", "fanpiao-store", "orders", "meals"]).unwrap();
        assert!(!one.with_web());
        assert_eq!((one.packages.len(), one.filters.len()), (1, 2));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        assert!(parse(&["--instal"]).unwrap_err().contains("unknown argument `--instal`"));
        assert!(parse(&["-p"]).unwrap_err().contains("wants the name of a package"));
    }
}
