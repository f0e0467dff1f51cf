//! The simulation: the service under one seed after the other.

use crate::commands::{cargo, run};

pub(crate) const HELP: &str = "\
Usage: cargo xtask simulate [--release] [--seeds N] [--from SEED] [--seed SEED]

Runs the whole service in one process, under one seed after the other, on all cores: people and administrators ask, the
process ends between two steps, the database fails, clocks jump. An auditor compares its own books with the database
after every step. What it finds is printed with the seed that repeats it. docs/simulation.md tells of it.

  --release     optimized: slower to build, several times as many seeds a second; for millions of them
  --seeds N     so many seeds: 1000 without it
  --from SEED   beginning with this one
  --seed SEED   this one alone
";

pub(crate) fn main(args: &[String]) -> Result<(), String> {
    let (own, seeds): (Vec<&String>, Vec<&String>) = args.iter().partition(|arg| *arg == "--release");
    let mut simulator = cargo();
    simulator.args(["run", "--quiet", "--locked", "--package", "fanpiao-simulation"]);
    run(simulator.args(own).arg("--").args(seeds))
}
