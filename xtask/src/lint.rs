//! Everything that can be said about the code without running it.

use std::path::Path;
use std::process::Command;

use crate::commands::{cargo, is_ci, run};
use crate::{crates, repository, setup, unknown_argument, web};

pub(crate) const HELP: &str = "\
Usage: cargo xtask lint [--offline]

Checks formatting, runs clippy with warnings as errors, checks the dependencies with cargo-deny (licences, bans, sources;
security advisories when their database can be reached), the rules of this repository (xtask/src/repository.rs and
xtask/src/crates.rs), and the web clients. All of it runs, also after a failure. What could not be checked is said at
the end; with CI=true a missing cargo-deny is a failure.

  --offline   do not ask for the advisory database
";

pub(crate) fn main(args: &[String]) -> Result<(), String> {
    let mut outcome = Outcome::default();
    let mut offline = false;
    for arg in args {
        match arg.as_str() {
            "--offline" => offline = true,
            other => return Err(unknown_argument(other, HELP)),
        }
    }

    outcome.add(run(cargo().args(["fmt", "--all", "--check"])));
    outcome.add(run(cargo()
        .args(["clippy", "--workspace", "--all-targets", "--locked"])
        .args(["--", "--deny", "warnings"])));
    check_dependencies(&mut outcome, offline);
    check_repository(&mut outcome);
    outcome.add(web::run_script("check"));

    outcome.report()
}

#[derive(Default)]
struct Outcome {
    failures: Vec<String>,
    not_checked: Vec<String>,
}

impl Outcome {
    fn add(&mut self, result: Result<(), String>) {
        if let Err(failure) = result {
            self.failures.push(failure);
        }
    }

    fn report(self) -> Result<(), String> {
        for gap in &self.not_checked {
            println!("NOT CHECKED: {gap}");
        }
        match self.failures.len() {
            0 => {
                println!("lint: no complaints");
                Ok(())
            }
            1 => Err(self.failures.concat()),
            count => Err(format!("{count} failures:\n{}", self.failures.join("\n"))),
        }
    }
}

fn check_dependencies(outcome: &mut Outcome, offline: bool) {
    let Some(cargo_deny) = setup::cargo_deny() else {
        let gap = "licences, bans, sources and advisories of the dependencies: cargo-deny is missing; get it with \
             `cargo xtask setup --install cargo-deny`";
        if is_ci() {
            outcome.failures.push(gap.to_owned());
        } else {
            outcome.not_checked.push(gap.to_owned());
        }
        return;
    };
    // cargo-deny looks at the dependencies for every platform; a build fetches those for this one.
    if let Err(error) = run(cargo().args(["fetch", "--locked"])) {
        outcome.failures.push(error);
        return;
    }
    outcome.add(run(Command::new(&cargo_deny)
        .args(["--offline", "--locked", "--log-level", "warn"])
        .args(["check", "licenses", "bans", "sources"])));
    check_advisories(outcome, &cargo_deny, offline);
}

fn check_advisories(outcome: &mut Outcome, cargo_deny: &Path, offline: bool) {
    if offline {
        outcome.not_checked.push("security advisories: --offline was asked for".to_owned());
        return;
    }
    let mut fetch = Command::new(cargo_deny);
    fetch.args(["--locked", "--log-level", "error", "fetch", "db"]);
    // It fetches with git, which would otherwise ask for a password, or wait for ever on a network that swallows packets.
    fetch.envs([("GIT_TERMINAL_PROMPT", "0"), ("GIT_HTTP_LOW_SPEED_LIMIT", "1000"), ("GIT_HTTP_LOW_SPEED_TIME", "30")]);
    if let Err(error) = run(&mut fetch) {
        outcome.not_checked.push(format!("security advisories: their database could not be reached; {error}"));
        return;
    }
    outcome.add(run(Command::new(cargo_deny).args(["--locked", "--log-level", "warn"]).args([
        "check",
        "--disable-fetch",
        "advisories",
    ])));
}

fn check_repository(outcome: &mut Outcome) {
    println!("==> the rules of this repository");
    let complaints = repository::list_files().and_then(|files| {
        let mut complaints = Vec::new();
        for file in &files {
            complaints.extend(repository::check_file(&file.path, &file.content));
        }
        let manifests = files.iter().filter(|file| file.path.ends_with("Cargo.toml"));
        complaints.extend(crates::check(manifests.map(|file| (file.path.as_str(), file.text())))?);
        Ok(complaints)
    });
    match complaints {
        Ok(complaints) if complaints.is_empty() => {}
        Ok(complaints) => {
            for complaint in &complaints {
                println!("{complaint}");
            }
            outcome.failures.push(format!("{} breaches of the rules of this repository", complaints.len()));
        }
        Err(error) => outcome.failures.push(error),
    }
}
