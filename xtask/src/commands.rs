//! Running other programs.

use std::env;
use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Every command runs at the root of the repository, wherever it was typed.
pub(crate) fn enter_repository() -> Result<(), String> {
    let Some(xtask) = env::var_os("CARGO_MANIFEST_DIR") else {
        return Err("run it as `cargo xtask`, which says where the repository is".to_owned());
    };
    let root = Path::new(&xtask).parent().unwrap_or(Path::new("."));
    env::set_current_dir(root).map_err(|error| format!("cannot enter {}: {error}", root.display()))
}

/// `cargo`, without the variables that described xtask's own package to us: a build script may watch them, and would
/// then run again for every change between `cargo build` and `cargo xtask`.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
        {
            command.env_remove(&*name);
        }
    }
    command
}

/// Runs it with our input and output, after saying what it is.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let shown = show(command);
    println!("==> {shown}");
    let status = command.status().map_err(|error| format!("cannot run `{shown}`: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{shown}` failed ({status})")) }
}

/// The first line that a program prints about its version, if the program is there and works.
pub(crate) fn version_of(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    if !output.status.success() {
        return None;
    }
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().next().map(|line| line.trim().to_owned())
}

pub(crate) fn find_on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(program)).find(|candidate| candidate.is_file())
}

/// Where cargo puts what it builds: this program was built there too, as `<target>/<profile>/xtask`.
pub(crate) fn target_folder() -> PathBuf {
    let own = env::current_exe().ok();
    own.as_deref().and_then(Path::parent).and_then(Path::parent).map_or_else(|| "target".into(), Path::to_path_buf)
}

pub(crate) fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

pub(crate) fn is_ci() -> bool {
    env::var("CI").is_ok_and(|value| value == "true")
}

fn show(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args()).map(OsStr::to_string_lossy);
    words
        .map(|word| if word.contains(char::is_whitespace) { format!("'{word}'") } else { word.into_owned() })
        .collect::<Vec<_>>()
        .join(" ")
}
