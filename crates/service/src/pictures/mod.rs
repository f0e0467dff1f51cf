//! Pictures: looked at before they are kept, named after their content, and found again by name alone.

mod bucket;
mod folder;
mod look;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;

use kernel::{Instant, Picture, PictureKind};

pub use bucket::Bucket;
use folder::Folder;
use look::look;

/// Why a picture is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PictureRefused {
    /// Neither PNG nor JPEG nor WebP, whatever it is called, or cut off.
    NoPicture,
    TooLong,
    /// A side is too long, or there are too many points.
    TooLarge,
}

/// Where pictures are kept. Each place knows when somebody last had a picture in hand to put it on a product, so that one that is on
/// none can be told from one that is about to be.
#[derive(Debug, Clone)]
pub struct Pictures(Place);

#[derive(Debug, Clone)]
enum Place {
    Folder(Folder),
    Bucket(Bucket),
}

/// `HASH.png`, `.jpg` or `.webp`: sixty-four hexadecimal digits and an ending, so that a name never is a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PictureName {
    hash: String,
    kind: PictureKind,
}

impl PictureName {
    #[must_use]
    pub fn of(picture: &Picture) -> Self {
        Self { hash: picture.hash.clone(), kind: picture.kind }
    }

    #[must_use]
    pub fn kind(&self) -> PictureKind {
        self.kind
    }

    pub(crate) fn hash(&self) -> &str {
        &self.hash
    }

    /// Folders by the first two digits keep each of them short.
    fn folder(&self) -> &str {
        &self.hash[..2]
    }
}

impl fmt::Display for PictureName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.hash, self.kind.ending())
    }
}

impl FromStr for PictureName {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (hash, ending) = text.split_once('.').ok_or(())?;
        let is_hash = hash.len() == 64 && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let kind = PictureKind::ALL.into_iter().find(|kind| kind.ending() == ending).ok_or(())?;
        if is_hash { Ok(Self { hash: hash.to_owned(), kind }) } else { Err(()) }
    }
}

impl Pictures {
    pub const MOST_BYTES: usize = look::MOST_BYTES;
    pub const MOST_SIDE: u32 = look::MOST_SIDE;
    pub const MOST_POINTS: u64 = look::MOST_POINTS;

    #[must_use]
    pub fn in_folder(folder: PathBuf) -> Self {
        Self(Place::Folder(Folder::new(folder)))
    }

    #[must_use]
    pub fn in_bucket(bucket: Bucket) -> Self {
        Self(Place::Bucket(bucket))
    }

    /// Keeps a picture that can be shown safely. The same one again is the same file.
    ///
    /// # Errors
    /// What the place says, or why the picture is refused.
    pub async fn keep(&self, bytes: Vec<u8>, now: Instant) -> io::Result<Result<Picture, PictureRefused>> {
        let picture = match look(&bytes) {
            Ok(picture) => picture,
            Err(refused) => return Ok(Err(refused)),
        };
        let name = PictureName::of(&picture);
        match &self.0 {
            Place::Folder(folder) => folder.keep(&name, bytes, now).await?,
            Place::Bucket(bucket) => bucket.keep(&name, bytes, now).await?,
        }
        Ok(Ok(picture))
    }

    /// What is known of a picture that is kept, for somebody who is about to put it on a product.
    ///
    /// # Errors
    /// What the place says.
    pub async fn find(&self, name: &PictureName, now: Instant) -> io::Result<Option<Picture>> {
        let is_kept = match &self.0 {
            Place::Folder(folder) => folder.touch(name, now).await?,
            Place::Bucket(bucket) => bucket.touch(name, now).await?,
        };
        if !is_kept {
            return Ok(None);
        }
        Ok(self.read(name, now).await?.and_then(|bytes| look(&bytes).ok()))
    }

    /// # Errors
    /// What the place says.
    pub async fn read(&self, name: &PictureName, now: Instant) -> io::Result<Option<Vec<u8>>> {
        match &self.0 {
            Place::Folder(folder) => folder.read(name).await,
            Place::Bucket(bucket) => bucket.read(name, now).await,
        }
    }

    /// Those that nobody has had in hand since.
    pub(crate) async fn idle_since(&self, since: Instant, now: Instant) -> io::Result<Vec<PictureName>> {
        match &self.0 {
            Place::Folder(folder) => folder.idle_since(since).await,
            Place::Bucket(bucket) => bucket.idle_since(since, now).await,
        }
    }

    /// Whether it was removed: not where somebody has had it in hand since.
    pub(crate) async fn remove_idle(&self, name: &PictureName, since: Instant, now: Instant) -> io::Result<bool> {
        match &self.0 {
            Place::Folder(folder) => folder.remove_idle(name, since).await,
            Place::Bucket(bucket) => bucket.remove_idle(name, since, now).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_never_a_path() {
        let hash = "0".repeat(64);
        assert!(format!("{hash}.png").parse::<PictureName>().is_ok());
        for name in [
            "../../etc/passwd",
            "..",
            "",
            ".png",
            &hash,
            &format!("{hash}.svg"),
            &format!("{hash}.png/"),
            &format!("{hash}.png.png"),
            &format!("{hash}.PNG"),
            &format!("{}.png", "A".repeat(64)),
            &format!("{}.png", "0".repeat(63)),
            &format!("../{}.png", "0".repeat(61)),
            &format!("{}\0.png", "0".repeat(63)),
        ] {
            assert!(name.parse::<PictureName>().is_err(), "{name:?}");
        }
    }
}
