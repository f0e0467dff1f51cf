//! Building the product and running it.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use testing::postgres::{Cluster, SERVER_VARIABLE};

use crate::commands::{cargo, run, target_folder};
use crate::test::with_postgres;
use crate::{nodes, patroni, setup, unknown_argument, web};

pub(crate) const DEMO_HELP: &str = "\
Usage: cargo xtask demo [-- ARGS…]

Builds the web clients when Node is there, builds the server in release mode, and becomes `fanpiao demo ARGS…`.
";

pub(crate) const BENCH_HELP: &str = "\
Usage: cargo xtask bench [--debug] [ARGS…]
       cargo xtask bench [--debug] nodes [ORDERS [CALLERS [ROUNDS]]]
       cargo xtask bench [--debug] [--install] patroni [CALLERS]

Builds the server and the benchmarks in release mode, starts a throw-away PostgreSQL cluster, and runs the benchmarks
with the given arguments; `cargo xtask bench -- --help` shows theirs. They find the server program in
FANPIAO_BENCH_SERVER and PostgreSQL in FANPIAO_TEST_POSTGRES; when the latter is set already, that server is used.

`nodes` puts the same load (25000 orders, 256 callers, 3 rounds) on one, two and four servers that share a PostgreSQL.
`patroni` runs two servers on a Patroni cluster of three on loopback, kills the primary under the load of its callers
(32), first PostgreSQL alone and then together with its Patroni, and fails where an acknowledged order is not there
afterwards, once. These two build the server alone, or take the one that FANPIAO_BENCH_SERVER names.

  --debug      do not optimize: to try a benchmark out, not to measure
  --install    install what `patroni` needs when it is missing: Debian packages, with apt-get

`cargo xtask bench all` runs all of them and writes docs/performance.md, `cargo xtask bench soak` an hour of mixed load.
";

pub(crate) const PEERS_HELP: &str = "\
Usage: cargo xtask peers

Runs every crates/*/tests/peers/run.sh. They need Python 3 with venv, some of them Node.js with npm, and a package
registry; what they install stays in the target folder.
";

pub(crate) const FUZZ_HTTP_HELP: &str = "\
Usage: cargo xtask fuzz-http [EXAMPLES [SEED]]

Has schemathesis send so many requests (100) to every endpoint of a demo server, after those at the edges of what is described and with
sequences of calls: by an administrator, by a member, and by nobody. It fails on a panic, on an answer that is not described, on a
connection that breaks, and on books that do not fit afterwards. The seed (by default the number of the process) is
printed; with the same one the same is made up again. `cargo xtask peers` does a little of it. Needs Python 3 with venv,
and a package registry the first time.
";

pub(crate) fn demo(args: &[String]) -> Result<(), String> {
    let args = match args.split_first() {
        None => args,
        Some((separator, rest)) if separator == "--" => rest,
        Some((argument, _)) => return Err(unknown_argument(argument, DEMO_HELP)),
    };
    if !web::parts().is_empty() {
        match setup::node() {
            Ok(_) => web::run_script("build")?,
            Err(problem) => println!("the web clients are left out: they need Node 20 or newer with npm ({problem})"),
        }
    }
    let mut command = cargo();
    command.args(["run", "--release", "--locked", "--package", "fanpiao", "--", "demo"]).args(args);
    // cargo replaces itself with the program in turn, so signals reach the demo and nothing stands between.
    Err(format!("cannot run cargo: {}", command.exec()))
}

pub(crate) fn bench(args: &[String]) -> Result<(), String> {
    let flags = args.iter().take_while(|arg| ["--debug", "--install"].contains(&arg.as_str())).count();
    let (flags, args) = args.split_at(flags);
    let has = |flag: &str| flags.iter().any(|given| given == flag);
    let profile = if has("--debug") { Profile::Debug } else { Profile::Release };
    match args.split_first() {
        Some((name, args)) if name == "nodes" => {
            let counts = counts(args, [25_000, 256, 3])?;
            let server = bench_server(profile)?;
            with_postgres(Cluster::start_durable, |url| nodes::run(&server, url, counts))
        }
        Some((name, args)) if name == "patroni" => {
            let [callers] = counts(args, [32])?;
            if has("--install") { setup::install(&["postgresql", "patroni"]) } else { setup::need(&["patroni"]) }?;
            patroni::run(&bench_server(profile)?, callers)
        }
        _ => {
            let args = args.strip_prefix(&["--".to_owned()]).unwrap_or(args);
            run(profile.build().args(["--package", "fanpiao", "--package", "fanpiao-bench"]))?;
            let built = profile.folder();
            with_postgres(Cluster::start_durable, |url| {
                // Not by cargo: for one package alone it chooses other features, and builds everything again.
                let mut command = Command::new(built.join("fanpiao-bench"));
                let server = built.join("fanpiao");
                run(command.args(args).env(SERVER_VARIABLE, url).env(BENCH_SERVER_VARIABLE, server))
            })
        }
    }
}

/// Names the program that is measured.
const BENCH_SERVER_VARIABLE: &str = "FANPIAO_BENCH_SERVER";

#[derive(Clone, Copy)]
enum Profile {
    Debug,
    Release,
}

impl Profile {
    fn build(self) -> Command {
        let mut command = cargo();
        command.args(["build", "--locked"]);
        if let Self::Release = self {
            command.arg("--release");
        }
        command
    }

    fn folder(self) -> PathBuf {
        target_folder().join(if let Self::Release = self { "release" } else { "debug" })
    }
}

fn bench_server(profile: Profile) -> Result<PathBuf, String> {
    if let Some(named) = std::env::var_os(BENCH_SERVER_VARIABLE) {
        return absolute(Path::new(&named));
    }
    run(profile.build().args(["--package", "fanpiao"]))?;
    absolute(&profile.folder().join("fanpiao"))
}

/// Numbers in their order; those that are not given are the usual ones.
fn counts<const COUNT: usize>(args: &[String], mut usual: [usize; COUNT]) -> Result<[usize; COUNT], String> {
    if let Some(argument) = args.get(COUNT) {
        return Err(unknown_argument(argument, BENCH_HELP));
    }
    for (count, argument) in usual.iter_mut().zip(args) {
        *count = argument.parse().map_err(|_| unknown_argument(argument, BENCH_HELP))?;
    }
    Ok(usual)
}

pub(crate) fn peers(args: &[String]) -> Result<(), String> {
    if let Some(argument) = args.first() {
        return Err(unknown_argument(argument, PEERS_HELP));
    }
    peers_with(&build_server()?)
}

pub(crate) fn peers_with(server: &Path) -> Result<(), String> {
    let crates = std::fs::read_dir("crates").map_err(|error| format!("crates: {error}"))?;
    let mut folders: Vec<_> = crates.flatten().map(|entry| entry.path()).collect();
    folders.retain(|folder| folder.join("tests/peers/run.sh").is_file());
    folders.sort();
    let run_one = |folder: &PathBuf| peer(folder, server).and_then(|mut script| run(&mut script)).err();
    let failures: Vec<String> = folders.iter().filter_map(run_one).collect();
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n")) }
}

pub(crate) fn fuzz_http(args: &[String]) -> Result<(), String> {
    if let Some(argument) = args.get(2).or_else(|| args.iter().find(|arg| arg.parse::<u32>().is_err())) {
        return Err(unknown_argument(argument, FUZZ_HTTP_HELP));
    }
    let seed = args.get(1).cloned().unwrap_or_else(|| std::process::id().to_string());
    let mut script = peer(Path::new("crates/http"), &build_server()?)?;
    script.env("FANPIAO_FUZZ_EXAMPLES", args.first().map_or("100", String::as_str)).env("FANPIAO_FUZZ_SEED", seed);
    run(script.env("FANPIAO_FUZZ_PHASES", "coverage,fuzzing,stateful"))
}

fn build_server() -> Result<PathBuf, String> {
    run(cargo().args(["build", "--locked", "--package", "fanpiao"]))?;
    built_server()
}

/// What was built last, not optimized.
pub(crate) fn built_server() -> Result<PathBuf, String> {
    absolute(&target_folder().join("debug/fanpiao"))
}

/// The script of a crate that has other people's programs look at `server`.
fn peer(folder: &Path, server: &Path) -> Result<Command, String> {
    let mut script = Command::new(folder.join("tests/peers/run.sh"));
    let installed = target_folder().join("peers").join(folder.file_name().unwrap_or_default());
    script.env("FANPIAO_SERVER", server).env("FANPIAO_PEERS_FOLDER", absolute(&installed)?);
    Ok(script)
}

fn absolute(path: &Path) -> Result<PathBuf, String> {
    std::path::absolute(path).map_err(|error| error.to_string())
}
