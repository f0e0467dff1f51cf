//! Pictures as files. A file's time of change is when somebody last had the picture in hand.

use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use kernel::Instant;

use super::PictureName;

#[derive(Debug, Clone)]
pub(super) struct Folder {
    folder: PathBuf,
}

impl Folder {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    pub(super) async fn keep(&self, name: &PictureName, bytes: Vec<u8>, now: Instant) -> io::Result<()> {
        let place = self.place(name);
        blocking(move || if touch(&place, now)? { Ok(()) } else { write(&place, &bytes, now) }).await
    }

    /// Whether it is there, and stays so for a while from now on.
    pub(super) async fn touch(&self, name: &PictureName, now: Instant) -> io::Result<bool> {
        let place = self.place(name);
        blocking(move || touch(&place, now)).await
    }

    pub(super) async fn read(&self, name: &PictureName) -> io::Result<Option<Vec<u8>>> {
        let place = self.place(name);
        blocking(move || match std::fs::read(place) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        })
        .await
    }

    /// Those that nobody has had in hand since.
    pub(super) async fn idle_since(&self, since: Instant) -> io::Result<Vec<PictureName>> {
        let folder = self.folder.clone();
        blocking(move || {
            let mut idle = Vec::new();
            for path in files(&folder)? {
                let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
                match name {
                    Some(name) if is_idle(&path, since)? => idle.push(name),
                    Some(_) => {}
                    // What somebody began to write, or to remove, before they were killed.
                    None if is_part(&path) && is_idle(&path, since)? => gone(std::fs::remove_file(&path))?,
                    None => {}
                }
            }
            Ok(idle)
        })
        .await
    }

    /// Whether it was removed: not where somebody has had it in hand since.
    pub(super) async fn remove_idle(&self, name: &PictureName, since: Instant) -> io::Result<bool> {
        let place = self.place(name);
        blocking(move || {
            // Out of reach first: whoever touches it from now on sees that it is gone.
            let aside = place.with_file_name(format!(".{}.part", place.file_name().unwrap_or_default().display()));
            if !renamed(&place, &aside)? {
                return Ok(false);
            }
            if is_idle(&aside, since)? {
                gone(std::fs::remove_file(&aside)).map(|()| true)
            } else {
                renamed(&aside, &place).map(|_| false)
            }
        })
        .await
    }

    fn place(&self, name: &PictureName) -> PathBuf {
        self.folder.join(name.folder()).join(name.to_string())
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

/// What is not there is nothing to speak of.
fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn renamed(from: &Path, to: &Path) -> io::Result<bool> {
    match std::fs::rename(from, to) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let inside = |folder: &Path| match std::fs::read_dir(folder) {
        Ok(inside) => inside.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>(),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(Vec::new()),
        Err(error) => Err(error),
    };
    let mut files = Vec::new();
    for folder in inside(folder)? {
        files.extend(inside(&folder)?);
    }
    Ok(files)
}

fn is_part(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "part")
}

fn time(at: Instant) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(at.as_millis()).unwrap_or_default())
}

fn is_idle(path: &Path, since: Instant) -> io::Result<bool> {
    match std::fs::metadata(path) {
        Ok(data) => Ok(data.modified()? < time(since)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn touch(place: &Path, now: Instant) -> io::Result<bool> {
    match std::fs::File::open(place) {
        Ok(file) => file.set_modified(time(now)).map(|()| place.exists()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// All of it under its name, or nothing.
fn write(place: &Path, bytes: &[u8], now: Instant) -> io::Result<()> {
    let folder = place.parent().ok_or_else(|| io::Error::other("a picture has a folder"))?;
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile_in(folder)?;
    let kept = (|| {
        file.1.write_all(bytes)?;
        file.1.set_modified(time(now))?;
        file.1.sync_all()?;
        std::fs::rename(&file.0, place)?;
        std::fs::File::open(folder)?.sync_all()
    })();
    if kept.is_err() {
        drop(std::fs::remove_file(&file.0));
    }
    kept
}

/// A file that nobody else has, however many write the same picture at a time.
fn tempfile_in(folder: &Path) -> io::Result<(PathBuf, std::fs::File)> {
    for at in 0..1000 {
        let path = folder.join(format!(".{}-{at}.part", std::process::id()));
        match std::fs::File::create_new(&path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            created => return created.map(|file| (path, file)),
        }
    }
    Err(io::Error::other("too many pictures are being written"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Pictures;
    use crate::pictures::look::tests::png_of;

    #[tokio::test]
    async fn a_picture_is_kept_once_and_whole() {
        let folder = testing::TempDir::new();
        let pictures = Pictures::in_folder(folder.join("pictures"));
        let (bytes, now) = (png_of(3, 2), Instant::from_millis(1000));
        let kept = pictures.keep(bytes.clone(), now).await.expect("written").expect("a picture");
        assert_eq!(pictures.keep(bytes.clone(), now).await.expect("written"), Ok(kept.clone()));
        let name = PictureName::of(&kept);
        assert_eq!(pictures.read(&name, now).await.expect("read"), Some(bytes));
        assert_eq!(pictures.find(&name, now).await.expect("read"), Some(kept));
        let other = format!("{}.png", "0".repeat(64)).parse().expect("a name");
        assert_eq!(pictures.read(&other, now).await.expect("read"), None);
        let files = std::fs::read_dir(folder.join("pictures").join(&name.to_string()[..2])).expect("a folder");
        assert_eq!(files.count(), 1, "nothing half written is left");
    }

    #[tokio::test]
    async fn only_what_nobody_has_had_in_hand_is_removed() {
        let folder = testing::TempDir::new();
        let pictures = Pictures::in_folder(folder.join("pictures"));
        let at = Instant::from_millis;
        assert_eq!(pictures.idle_since(at(9000), at(9000)).await.expect("no folder yet"), []);
        let mut names = Vec::new();
        for width in 1..=3 {
            let kept = pictures.keep(png_of(width, 1), at(1000)).await.expect("written").expect("a picture");
            names.push(PictureName::of(&kept));
        }
        let half = folder.join("pictures").join(&names[0].to_string()[..2]).join(".7-0.part");
        let half_written = std::fs::File::create(&half).expect("written");
        half_written.set_modified(time(at(1000))).expect("set");
        assert_eq!(pictures.idle_since(at(1000), at(5000)).await.expect("read"), [], "not since the very moment");
        assert!(half.exists());
        pictures.find(&names[1], at(5000)).await.expect("read").expect("a picture");
        let mut idle = pictures.idle_since(at(5000), at(5000)).await.expect("read");
        assert!(!half.exists(), "what was half written is gone");
        idle.sort_by_key(ToString::to_string);
        let mut expected = vec![names[0].clone(), names[2].clone()];
        expected.sort_by_key(ToString::to_string);
        assert_eq!(idle, expected);
        // Somebody takes it up between the look and the removal.
        pictures.keep(png_of(1, 1), at(5000)).await.expect("written").expect("a picture");
        assert!(!pictures.remove_idle(&names[0], at(5000), at(5000)).await.expect("looked at"));
        assert!(pictures.remove_idle(&names[2], at(5000), at(5000)).await.expect("removed"));
        assert!(!pictures.remove_idle(&names[2], at(5000), at(5000)).await.expect("looked at"));
        let there = async |name| pictures.read(name, at(6000)).await.expect("read").is_some();
        assert_eq!([there(&names[0]).await, there(&names[1]).await, there(&names[2]).await], [true, true, false]);
        assert_eq!(pictures.find(&names[2], at(6000)).await.expect("read"), None);
        assert_eq!(files(&folder.join("pictures")).expect("read").len(), 2, "and nothing else is left");
    }
}
