//! Many seeds, on all cores, until one finds something: `cargo xtask simulate`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command at a terminal talks to a person")]

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Mutex, PoisonError};

use simulation::{Found, run};

const HELP: &str = "\
Usage: simulate [--seeds N] [--from SEED] [--seed SEED]

  --seeds N     so many seeds; 1000 without it
  --from SEED   beginning with this one; 1 without it
  --seed SEED   this one alone
";

struct Wanted {
    from: u64,
    seeds: u64,
}

fn main() -> ExitCode {
    let wanted = match wanted(std::env::args().skip(1)) {
        Ok(wanted) => wanted,
        Err(error) => {
            eprintln!("error: {error}\n\n{HELP}");
            return ExitCode::FAILURE;
        }
    };
    match simulate(&wanted) {
        Ok(counts) => {
            for (what, count) in counts {
                println!("{count:>10}  {what}");
            }
            println!("{} seeds from {} on: nothing found", wanted.seeds, wanted.from);
            ExitCode::SUCCESS
        }
        Err(found) => {
            eprintln!("{found}");
            ExitCode::FAILURE
        }
    }
}

fn wanted(mut arguments: impl Iterator<Item = String>) -> Result<Wanted, String> {
    let mut wanted = Wanted { from: 1, seeds: 1000 };
    while let Some(argument) = arguments.next() {
        let mut number = || {
            let text = arguments.next().unwrap_or_default();
            text.parse::<u64>().map_err(|_| format!("{argument} wants a number, not {text:?}"))
        };
        match argument.as_str() {
            "--seeds" => wanted.seeds = number()?,
            "--from" => wanted.from = number()?,
            "--seed" => wanted = Wanted { from: number()?, seeds: 1 },
            _ => return Err(format!("unknown argument {argument:?}")),
        }
    }
    Ok(wanted)
}

/// What happened in all of them, or the first that was found.
fn simulate(wanted: &Wanted) -> Result<BTreeMap<String, u64>, Box<Found>> {
    let (next, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
    let result = Mutex::new(Ok(BTreeMap::new()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while !is_over.load(SeqCst) {
                    let at = next.fetch_add(1, SeqCst);
                    if at >= wanted.seeds {
                        return;
                    }
                    let ran = run(wanted.from + at);
                    let mut result = result.lock().unwrap_or_else(PoisonError::into_inner);
                    match (ran, result.as_mut()) {
                        (Ok(ran), Ok(counts)) => {
                            for (what, count) in ran.counts {
                                *counts.entry(what).or_insert(0) += count;
                            }
                        }
                        (Err(found), Ok(_)) => {
                            is_over.store(true, SeqCst);
                            *result = Err(found);
                        }
                        (_, Err(_)) => {}
                    }
                }
            });
        }
    });
    result.into_inner().unwrap_or_else(PoisonError::into_inner)
}
