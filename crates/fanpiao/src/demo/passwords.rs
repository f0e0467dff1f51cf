//! The demo's passwords and its data key: made once, kept beside its database; the passwords are printed at every start.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use service::{Ambient, KeyRing};

use crate::Problem;

pub(super) struct Passwords {
    pub(super) admin: String,
    pub(super) dept_admin: String,
}

pub(super) fn keep(folder: &Path, ambient: &dyn Ambient) -> Result<Passwords, Problem> {
    let path = folder.join("passwords.txt");
    let text = kept(&path, || format!("{}\n{}\n", make(ambient), make(ambient)))?;
    let mut lines = text.lines().map(str::to_owned);
    match (lines.next(), lines.next()) {
        (Some(admin), Some(dept_admin)) => Ok(Passwords { admin, dept_admin }),
        _ => Err(format!("{}: two passwords expected; remove the folder to begin anew", path.display())),
    }
}

pub(super) fn keep_data_key(folder: &Path, ambient: &dyn Ambient) -> Result<String, Problem> {
    kept(&folder.join("data-keys.txt"), || KeyRing::new_line("demo", ambient))
}

/// What a file holds, which nobody else can read. It is made where it is not there.
fn kept(path: &Path, make: impl FnOnce() -> String) -> Result<String, Problem> {
    let problem = |error: std::io::Error| format!("{}: {error}", path.display());
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(mut file) => {
            let text = make();
            file.write_all(text.as_bytes()).map_err(problem)?;
            Ok(text)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => std::fs::read_to_string(path).map_err(problem),
        Err(error) => Err(problem(error)),
    }
}

/// Twelve letters and digits that nobody confuses when reading them aloud.
fn make(ambient: &dyn Ambient) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz23456789x";
    let mut bytes = [0; 12];
    ambient.fill(&mut bytes);
    bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect()
}
