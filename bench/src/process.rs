//! Measurements that get a process of their own, so that its peak memory is its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// The last line that a process prints, which is JSON.
pub(crate) fn figures(command: &mut Command) -> Result<Value, String> {
    let ended = command.stderr(Stdio::inherit()).output().map_err(|error| format!("{command:?}: {error}"))?;
    if !ended.status.success() {
        return Err(format!("{command:?} failed"));
    }
    let text = String::from_utf8_lossy(&ended.stdout).into_owned();
    let last = text.lines().last().unwrap_or_default();
    serde_json::from_str(last).map_err(|error| format!("{error}: {last}"))
}

/// The most memory that this process ever had, where the system tells.
pub(crate) fn peak_mb() -> f64 {
    memory_mb(std::process::id(), "VmHWM")
}

/// What the system says of a process' memory under this name.
#[expect(clippy::float_arithmetic, reason = "figures for people")]
pub(crate) fn memory_mb(process: u32, name: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok());
    kilobytes.map_or(f64::NAN, |kilobytes| kilobytes / 1024.0)
}

/// How long this process has been on a processor, where the system tells: other work on the machine does not lengthen it much.
#[expect(clippy::float_arithmetic, reason = "figures for people")]
pub(crate) fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Behind the name, which may hold anything, stand the state and ten numbers before the times, in hundredths of a second.
    let numbers = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
    let ticks: Vec<f64> = numbers.skip(11).take(2).filter_map(|number| number.parse().ok()).collect();
    if ticks.len() == 2 { (ticks[0] + ticks[1]) / 100.0 } else { f64::NAN }
}

pub(crate) fn median(figures: &[Value], name: &str) -> f64 {
    let mut values: Vec<f64> = figures.iter().filter_map(|one| one[name].as_f64()).collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A Python that has these modules: the one that is named, or a new environment in the folder, into which pip installs.
pub(crate) fn python(folder: &Path, modules: &str, install: &[&str]) -> Result<PathBuf, String> {
    let has_all = |python: &Path| {
        let mut command = Command::new(python);
        let asked = command.args(["-c", &format!("import {modules}")]).stderr(Stdio::null());
        asked.status().is_ok_and(|status| status.success())
    };
    let named = std::env::var_os("FANPIAO_BENCH_PYTHON").map(PathBuf::from);
    for python in named.into_iter().chain([PathBuf::from("python3")]) {
        if has_all(&python) {
            return Ok(python);
        }
    }
    let environment = folder.join("python");
    let run = |command: &mut Command| {
        let ended = command.stdout(Stdio::null()).stderr(Stdio::piped()).output();
        let ended = ended.map_err(|error| format!("{command:?}: {error}"))?;
        if ended.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&ended.stderr);
        Err(said.lines().last().unwrap_or("python3 failed").to_owned())
    };
    run(Command::new("python3").args(["-m", "venv"]).arg(&environment))?;
    let python = environment.join("bin/python");
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(install))?;
    Ok(python)
}
