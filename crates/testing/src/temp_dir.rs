use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::unique_name;

/// A new, empty folder in the system's temporary folder, removed with everything in it when dropped.
///
/// A process that is killed leaves its folder behind: whatever must not stay, such as a running server, needs a guard
/// outside the process, as [`crate::postgres::Cluster`] has one.
#[derive(Debug)]
pub struct TempDir {
    path: PathBuf,
}

impl TempDir {
    /// # Panics
    ///
    /// When the folder cannot be made: a test has nothing to fall back on.
    #[must_use]
    pub fn new() -> Self {
        let path = create_unique("fanpiao-test").unwrap_or_else(|error| {
            panic!("cannot make a folder in {}: {error}", std::env::temp_dir().display());
        });
        Self { path }
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Default for TempDir {
    fn default() -> Self {
        Self::new()
    }
}

impl Deref for TempDir {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.path
    }
}

impl AsRef<Path> for TempDir {
    fn as_ref(&self) -> &Path {
        &self.path
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        // A panic here would hide the failure of the test that is being unwound.
        let _ = fs::remove_dir_all(&self.path);
    }
}

pub(crate) fn create_unique(prefix: &str) -> io::Result<PathBuf> {
    let path = std::env::temp_dir().join(unique_name(prefix, '-'));
    fs::create_dir(&path)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::TempDir;

    #[test]
    fn a_folder_is_new_and_goes_with_its_contents() {
        let one = TempDir::new();
        let other = TempDir::new();
        assert_ne!(one.path(), other.path());

        std::fs::create_dir(one.join("inside")).unwrap();
        std::fs::write(one.join("inside/file"), "content").unwrap();
        let path = one.path().to_owned();
        drop(one);

        assert!(!path.exists());
        assert!(other.exists());
    }
}
