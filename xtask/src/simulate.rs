//! The simulation: the service under one seed after the other.

use crate::bugs;
use crate::commands::{cargo, run};

pub(crate) const HELP: &str = "\
Usage: cargo xtask simulate [--release] [--seeds N] [--from SEED] [--seed SEED]
       cargo xtask simulate --bugs [--seeds N] [NAME…]

Runs the whole service in one process, under one seed after the other, on all cores: people and administrators ask, the
process ends between two steps, the database fails, clocks jump, WeChat is not to be relied on. An auditor compares its
own books with the database and with WeChat's after every step. What it finds is printed with the seed that repeats it. docs/simulation.md tells of it.

  --release     optimized: slower to build, several times as many seeds a second; for millions of them
  --seeds N     so many seeds: 1000 without it
  --from SEED   beginning with this one
  --seed SEED   this one alone
  --bugs        instead: takes one guard after the other out of a copy of the code, as the patches in
                crates/simulation/bugs say, all of them or those that are named, and tells which seed finds it
";

pub(crate) fn main(args: &[String]) -> Result<(), String> {
    if let Some((_, bugs)) = args.split_first().filter(|(first, _)| *first == "--bugs") {
        return bugs::main(bugs);
    }
    let (own, seeds): (Vec<&String>, Vec<&String>) = args.iter().partition(|arg| *arg == "--release");
    let mut simulator = cargo();
    simulator.args(["run", "--quiet", "--locked", "--package", "fanpiao-simulation"]);
    run(simulator.args(own).arg("--").args(seeds))
}
