//! The demo's passwords: made once, kept beside its database, printed at every start.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use service::Ambient;

use crate::Problem;

pub(super) struct Passwords {
    pub(super) admin: String,
    pub(super) dept_admin: String,
}

pub(super) fn keep(folder: &Path, ambient: &dyn Ambient) -> Result<Passwords, Problem> {
    let path = folder.join("passwords.txt");
    let problem = |error: std::io::Error| format!("{}: {error}", path.display());
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
        Ok(mut file) => {
            let made = Passwords { admin: make(ambient), dept_admin: make(ambient) };
            writeln!(file, "{}\n{}", made.admin, made.dept_admin).map_err(problem)?;
            Ok(made)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let text = std::fs::read_to_string(&path).map_err(problem)?;
            let mut lines = text.lines().map(str::to_owned);
            match (lines.next(), lines.next()) {
                (Some(admin), Some(dept_admin)) => Ok(Passwords { admin, dept_admin }),
                _ => Err(format!("{}: two passwords expected; remove the folder to begin anew", path.display())),
            }
        }
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
