//! Deliberate bugs: each takes one guard out of a copy of the code, and the simulation has to find that out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::commands::{cargo, target_folder};

const FOLDER: &str = "crates/simulation/bugs";
const SEEDS: u64 = 400;

/// Finds each of the named bugs, or all of them.
pub(crate) fn main(args: &[String]) -> Result<(), String> {
    let mut seeds = SEEDS;
    let mut names = Vec::new();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--seeds" => {
                let number = args.next().and_then(|text| text.parse().ok());
                seeds = number.ok_or("`--seeds` wants a number")?;
            }
            flag if flag.starts_with('-') => return Err(format!("unknown argument `{flag}`")),
            name => names.push(name.to_owned()),
        }
    }
    let known = all(Path::new("."))?;
    if let Some(unknown) = names.iter().find(|name| !known.contains(name)) {
        return Err(format!("there is no bug `{unknown}` in {FOLDER}"));
    }
    let wanted = if names.is_empty() { known } else { names };
    let copy = Copy::make(&target_folder().join("bugs"))?;
    let mut missed = Vec::new();
    for name in &wanted {
        let found = copy.find(name, seeds)?;
        println!("{name}: {}", found.as_deref().unwrap_or("nothing was found"));
        if found.is_none() {
            missed.push(name.as_str());
        }
    }
    println!("{} of {} bugs were found", wanted.len() - missed.len(), wanted.len());
    if missed.is_empty() { Ok(()) } else { Err(format!("not found in {seeds} seeds: {}", missed.join(", "))) }
}

/// The names of all bugs, in their order.
fn all(root: &Path) -> Result<Vec<String>, String> {
    let problem = |error| format!("cannot list {FOLDER}: {error}");
    let mut names = Vec::new();
    for entry in fs::read_dir(root.join(FOLDER)).map_err(problem)? {
        let path = entry.map_err(problem)?.path();
        if path.extension().is_some_and(|extension| extension == "patch") {
            names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
        }
    }
    names.sort_unstable();
    Ok(names)
}

fn patch(root: &Path, name: &str) -> PathBuf {
    root.join(FOLDER).join(format!("{name}.patch"))
}

/// The sources once more, with a target of their own: what a bug does not touch is built once.
struct Copy {
    folder: PathBuf,
    tree: PathBuf,
}

impl Copy {
    /// Only what differs is written, so that cargo builds nothing else anew.
    fn make(folder: &Path) -> Result<Self, String> {
        let listed = Command::new("git").args(["ls-files", "-z", "--", ".", ":!web", ":!docs"]).output();
        let listed = listed.map_err(|error| format!("cannot run git: {error}"))?;
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        let tree = folder.join("tree");
        for path in listed.split_terminator('\0') {
            let to = tree.join(path);
            // What was deleted and is still known to git is no part of the sources.
            let Ok(content) = fs::read(path) else { continue };
            if fs::read(&to).is_ok_and(|before| before == content) {
                continue;
            }
            let parent = to.parent().unwrap_or(&tree);
            let written = fs::create_dir_all(parent).and_then(|()| fs::write(&to, content));
            written.map_err(|error| format!("cannot write {}: {error}", to.display()))?;
        }
        Ok(Self { folder: folder.to_owned(), tree })
    }

    /// What the simulation says of the first seed under which it notices.
    fn find(&self, name: &str, seeds: u64) -> Result<Option<String>, String> {
        let patch = fs::canonicalize(patch(Path::new("."), name)).map_err(|error| format!("{name}: {error}"))?;
        self.apply(&patch, &[])?;
        let found = self.build().and_then(|()| self.simulate(seeds));
        self.apply(&patch, &["--reverse"])?;
        found.map_err(|error| format!("{name}: {error}"))
    }

    fn apply(&self, patch: &Path, also: &[&str]) -> Result<(), String> {
        let mut git = Command::new("git");
        // Or it would look for the repository around the copy.
        git.current_dir(&self.tree).env("GIT_CEILING_DIRECTORIES", &self.folder).arg("apply").args(also).arg(patch);
        let status = git.status().map_err(|error| format!("cannot run git: {error}"))?;
        if status.success() { Ok(()) } else { Err(format!("{} does not apply", patch.display())) }
    }

    fn build(&self) -> Result<(), String> {
        let mut build = cargo();
        build.args(["build", "--quiet", "--locked", "--workspace", "--bin", "simulate"]);
        build.current_dir(&self.tree).env("CARGO_TARGET_DIR", self.folder.join("target"));
        build.env("CARGO_INCREMENTAL", "1").env("CARGO_PROFILE_DEV_DEBUG", "0");
        // What is left behind by a guard that is gone, and used by nobody, is warned of; that is only shown where it does not build.
        let output = build.output().map_err(|error| format!("cannot run cargo: {error}"))?;
        let said = || String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() { Ok(()) } else { Err(format!("it does not build: {}", said())) }
    }

    fn simulate(&self, seeds: u64) -> Result<Option<String>, String> {
        let mut simulate = Command::new(self.folder.join("target/debug/simulate"));
        simulate.args(["--seeds", &seeds.to_string()]);
        let output = simulate.output().map_err(|error| format!("cannot run the simulation: {error}"))?;
        if output.status.success() {
            return Ok(None);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let line = said.lines().find(|line| line.starts_with("seed "));
        line.map(|line| Some(line.to_owned())).ok_or_else(|| format!("the simulation says: {said}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bug_can_still_be_made() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository");
        let names = all(root).expect("listed");
        assert!(names.len() >= 15, "{names:?}");
        for name in names {
            let mut git = Command::new("git");
            git.current_dir(root).args(["apply", "--check"]).arg(patch(root, &name));
            assert!(git.status().expect("git runs").success(), "{name} does not apply any more");
        }
    }
}
