//! The web clients. A client is a folder named here that has a `package.json` with the scripts `check`, `test` and
//! `build`; lint, test and demo find it by that and need no other change.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

use testing::postgres::Programs;

use crate::commands::{run, target_folder};
use crate::setup;

const PARTS: [&str; 2] = ["web/admin", "web/client"];

/// The clients that exist.
pub(crate) fn parts() -> Vec<&'static Path> {
    PARTS.iter().map(Path::new).filter(|part| part.join("package.json").is_file()).collect()
}

/// Runs one script in every client; all of them run, also after a failure.
pub(crate) fn run_script(script: &str) -> Result<(), String> {
    run_script_with(script, |_| {})
}

/// Runs the clients' tests against `server`, which holds the clients as they were built, on SQLite and on PostgreSQL.
pub(crate) fn test(server: &Path, postgres_url: &str) -> Result<(), String> {
    let mut folders = vec![Programs::find()?.folder];
    folders.extend(env::var_os("PATH").iter().flat_map(env::split_paths));
    let path = env::join_paths(folders).map_err(|error| error.to_string())?;
    run_script_with("test", |command| {
        // They make databases of their own, with `psql`.
        command.env("FANPIAO_SERVER", server).env("FANPIAO_E2E_POSTGRES", postgres_url).env("PATH", &path);
    })
}

fn run_script_with(script: &str, prepare: impl Fn(&mut Command)) -> Result<(), String> {
    let parts = parts();
    if parts.is_empty() {
        return Ok(());
    }
    setup::node().map_err(|problem| {
        format!(
            "the web clients need Node 20 or newer with npm ({problem}); get it with `cargo xtask setup --install node`"
        )
    })?;
    let failures: Vec<String> = parts.iter().filter_map(|part| run_in(part, script, &prepare).err()).collect();
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n")) }
}

fn run_in(part: &Path, script: &str, prepare: &impl Fn(&mut Command)) -> Result<(), String> {
    println!("==> {}", part.display());
    if !packages_are_current(part) {
        run(Command::new("npm").args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(part))?;
    }
    let mut command = Command::new("npm");
    prepare(command.args(["run", script]).current_dir(part));
    let failures = target_folder().join(format!("failures-{}.txt", part.display().to_string().replace('/', "-")));
    let _ = fs::remove_file(&failures);
    command.env("FANPIAO_FAILURES", std::path::absolute(&failures).map_err(|error| error.to_string())?);
    let outcome = run(&mut command);
    // Written by the tests' reporter, see web/failures.mjs.
    let failed = fs::read_to_string(&failures).unwrap_or_default();
    match outcome {
        Ok(()) => {
            print!("{failed}");
            Ok(())
        }
        Err(error) => Err(format!("{}: {error}\n{failed}", part.display())),
    }
}

/// npm writes its own lock file into `node_modules` when an installation is complete.
fn packages_are_current(part: &Path) -> bool {
    let modified = |path: &str| part.join(path).metadata().and_then(|found| found.modified()).ok();
    match (modified("node_modules/.package-lock.json"), modified("package-lock.json")) {
        (Some(installed), Some(wanted)) => installed >= wanted,
        _ => false,
    }
}
