//! What a person or a CI runs on this repository: `cargo xtask help`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command at a terminal talks to a person")]

mod setup;

mod crates;
mod lint;
mod repository;

mod bugs;
mod nodes;
mod patroni;
mod run;
mod servers;
mod simulate;
mod test;

mod commands;
mod web;

use std::process::ExitCode;

const HELP: &str = "\
Usage: cargo xtask COMMAND

  setup [--install] [NAME…]   show what this machine has of what the project needs; install what is missing
  lint [--offline]            formatting, clippy, licences, and the rules of this repository
  test [--install] [--rust-only] [-p PACKAGE]… [FILTER…]
                              all tests, on a throw-away PostgreSQL
  demo [-- ARGS…]             build everything and run `fanpiao demo`
  bench [ARGS…]               build everything in release mode and run the benchmarks
  simulate [--release] [--seeds N] [--seed SEED]
                              run the whole service in one process, under many seeds
  simulate --bugs [NAME…]     show that the simulation finds what is taken out of the code on purpose
  peers                       hold our files and answers against other people's programs
  fuzz-http [EXAMPLES [SEED]] send a demo server what its description allows, and what it does not
  help [COMMAND]              this text, or what one command does
";

fn main() -> ExitCode {
    match dispatch(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(args: &[String]) -> Result<(), String> {
    commands::enter_repository()?;
    let Some((command, args)) = args.split_first() else {
        return Err(format!("no command given\n\n{HELP}"));
    };
    let wants_help = args.iter().take_while(|arg| *arg != "--").any(|arg| arg == "--help" || arg == "-h");
    match command.as_str() {
        "help" | "--help" | "-h" => help(args.first().map(String::as_str)),
        command if wants_help => help(Some(command)),
        "setup" => setup::main(args),
        "lint" => lint::main(args),
        "test" => test::main(args),
        "demo" => run::demo(args),
        "bench" => run::bench(args),
        "simulate" => simulate::main(args),
        "peers" => run::peers(args),
        "fuzz-http" => run::fuzz_http(args),
        other => Err(format!("there is no command `{other}`\n\n{HELP}")),
    }
}

fn help(command: Option<&str>) -> Result<(), String> {
    let text = match command {
        None => HELP,
        Some("setup") => setup::HELP,
        Some("lint") => lint::HELP,
        Some("test") => test::HELP,
        Some("demo") => run::DEMO_HELP,
        Some("bench") => run::BENCH_HELP,
        Some("simulate") => simulate::HELP,
        Some("peers") => run::PEERS_HELP,
        Some("fuzz-http") => run::FUZZ_HTTP_HELP,
        Some(other) => return Err(format!("there is no command `{other}`\n\n{HELP}")),
    };
    print!("{text}");
    Ok(())
}

/// Refuses an argument that a command does not know, rather than run something else than was meant.
fn unknown_argument(argument: &str, help: &str) -> String {
    format!("unknown argument `{argument}`\n\n{help}")
}
