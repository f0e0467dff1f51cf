//! Pictures: looked at before they are kept, named after their content, and found again by name alone.

use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{SHA256, digest};
use kernel::{Instant, Picture, PictureKind};

/// Why a picture is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PictureRefused {
    /// Neither PNG nor JPEG nor WebP, whatever it is called, or cut off.
    NoPicture,
    TooLong,
    /// A side is too long, or there are too many points.
    TooLarge,
}

/// Where pictures are kept. A file's time of change is when somebody last had the picture in hand to put it on a product, so that
/// one that is on none can be told from one that is about to be.
#[derive(Debug, Clone)]
pub struct Pictures {
    folder: PathBuf,
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
    /// As much as fits into a request with its envelope.
    pub const MOST_BYTES: usize = 720 * 1024;
    pub const MOST_SIDE: u32 = 8192;
    /// What decoding it takes of a phone's memory goes by this.
    pub const MOST_POINTS: u64 = 24_000_000;

    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Keeps a picture that can be shown safely. The same one again is the same file.
    ///
    /// # Errors
    /// What the disk says, or why it is refused.
    pub async fn keep(&self, bytes: Vec<u8>, now: Instant) -> io::Result<Result<Picture, PictureRefused>> {
        let picture = match look(&bytes) {
            Ok(picture) => picture,
            Err(refused) => return Ok(Err(refused)),
        };
        let place = self.place(&PictureName::of(&picture));
        blocking(move || if touch(&place, now)? { Ok(()) } else { write(&place, &bytes, now) }).await?;
        Ok(Ok(picture))
    }

    /// What is known of a picture that is kept, for somebody who is about to put it on a product.
    ///
    /// # Errors
    /// What the disk says.
    pub async fn find(&self, name: &PictureName, now: Instant) -> io::Result<Option<Picture>> {
        let place = self.place(name);
        let is_kept = blocking(move || touch(&place, now)).await?;
        if !is_kept {
            return Ok(None);
        }
        Ok(self.read(name).await?.and_then(|bytes| look(&bytes).ok()))
    }

    /// # Errors
    /// What the disk says.
    pub async fn read(&self, name: &PictureName) -> io::Result<Option<Vec<u8>>> {
        let place = self.place(name);
        blocking(move || match std::fs::read(place) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        })
        .await
    }

    /// Those that nobody has had in hand since.
    pub(crate) async fn idle_since(&self, since: Instant) -> io::Result<Vec<PictureName>> {
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
    pub(crate) async fn remove_idle(&self, name: &PictureName, since: Instant) -> io::Result<bool> {
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

    /// Folders by the first two digits keep each of them short.
    fn place(&self, name: &PictureName) -> PathBuf {
        self.folder.join(&name.hash[..2]).join(name.to_string())
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

/// Whether it is there, and stays so for a while from now on.
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

/// What the bytes say they are. Their sender is not asked.
fn look(bytes: &[u8]) -> Result<Picture, PictureRefused> {
    if bytes.len() > Pictures::MOST_BYTES {
        return Err(PictureRefused::TooLong);
    }
    let sizes = [(PictureKind::Png, png(bytes)), (PictureKind::Jpeg, jpeg(bytes)), (PictureKind::Webp, webp(bytes))];
    let found = sizes.into_iter().find_map(|(kind, size)| size.map(|size| (kind, size)));
    let (kind, (width, height)) = found.ok_or(PictureRefused::NoPicture)?;
    if width == 0 || height == 0 {
        return Err(PictureRefused::NoPicture);
    }
    let longest = width.max(height);
    if longest > Pictures::MOST_SIDE || u64::from(width) * u64::from(height) > Pictures::MOST_POINTS {
        return Err(PictureRefused::TooLarge);
    }
    let hash = digest(&SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Picture { hash, kind, width, height })
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

/// From the header chunk, which comes first; the last chunk has to be there too.
fn png(bytes: &[u8]) -> Option<(u32, u32)> {
    let whole = bytes.starts_with(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR") && bytes.ends_with(b"IEND\xaeB`\x82");
    let (width, height) = (number(bytes, 16)?, number(bytes, 20)?);
    whole.then_some((u32::from_be_bytes(width), u32::from_be_bytes(height)))
}

/// From the first frame header; every segment before it says how long it is.
fn jpeg(bytes: &[u8]) -> Option<(u32, u32)> {
    if !bytes.starts_with(b"\xff\xd8\xff") || !bytes.ends_with(b"\xff\xd9") {
        return None;
    }
    let mut at = 2;
    loop {
        let [mark, kind] = number(bytes, at)?;
        if mark != 0xff {
            return None;
        }
        match kind {
            // Filling, and marks without a segment.
            0xff => at += 1,
            0x01 | 0xd0..=0xd7 => at += 2,
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                let (height, width) = (number(bytes, at + 5)?, number(bytes, at + 7)?);
                return Some((u16::from_be_bytes(width).into(), u16::from_be_bytes(height).into()));
            }
            // The picture begins, or ends, and nobody said how large it is.
            0xd8..=0xda => return None,
            _ => at += 2 + usize::from(u16::from_be_bytes(number(bytes, at + 2)?)),
        }
    }
}

/// From the first chunk, of which there are three kinds.
fn webp(bytes: &[u8]) -> Option<(u32, u32)> {
    let length = usize::try_from(u32::from_le_bytes(number(bytes, 4)?)).ok()?;
    if !bytes.starts_with(b"RIFF") || bytes.get(8..12)? != b"WEBP" || length.checked_add(8)? != bytes.len() {
        return None;
    }
    let word = |at| number(bytes, at).map(|two| u32::from(u16::from_le_bytes(two)));
    let three = |at| number(bytes, at).map(|[a, b, c]: [u8; 3]| u32::from_le_bytes([a, b, c, 0]));
    match bytes.get(12..16)? {
        b"VP8 " if bytes.get(23..26)? == b"\x9d\x01\x2a" => Some((word(26)? & 0x3fff, word(28)? & 0x3fff)),
        b"VP8L" if *bytes.get(20)? == 0x2f => {
            let bits = u32::from_le_bytes(number(bytes, 21)?);
            Some(((bits & 0x3fff) + 1, ((bits >> 14) & 0x3fff) + 1))
        }
        b"VP8X" => Some((three(24)? + 1, three(27)? + 1)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png_of(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        bytes.extend(width.to_be_bytes());
        bytes.extend(height.to_be_bytes());
        bytes.extend(b"\x08\x02\0\0\0\0\0\0\0\0\0\0\0IEND\xaeB`\x82");
        bytes
    }

    fn jpeg_of(width: u16, height: u16) -> Vec<u8> {
        let mut bytes = b"\xff\xd8\xff\xe0\0\x04ab\xff\xff\xdb\0\x03x\xff\xc2\0\x11\x08".to_vec();
        bytes.extend(height.to_be_bytes());
        bytes.extend(width.to_be_bytes());
        bytes.extend(b"\x03\x01\x22\0\xff\xda\0\x02\xff\xd9");
        bytes
    }

    fn webp_of(chunk: &[u8]) -> Vec<u8> {
        let mut bytes = b"RIFF".to_vec();
        bytes.extend(u32::try_from(4 + chunk.len()).expect("short").to_le_bytes());
        bytes.extend(b"WEBP");
        bytes.extend(chunk);
        bytes
    }

    #[test]
    fn the_content_says_what_it_is_and_how_large() {
        let lossy = webp_of(b"VP8 \x0a\0\0\0\0\0\0\x9d\x01\x2a\x40\x01\xf0\0");
        let lossless = webp_of(b"VP8L\x05\0\0\0\x2f\x3f\xc1\x3b\0\0");
        let extended = webp_of(b"VP8X\x0a\0\0\0\0\0\0\0\x3f\x01\0\xef\0\0");
        for (bytes, kind, size) in [
            (png_of(320, 240), PictureKind::Png, (320, 240)),
            (jpeg_of(320, 240), PictureKind::Jpeg, (320, 240)),
            (lossy, PictureKind::Webp, (320, 240)),
            (lossless, PictureKind::Webp, (320, 240)),
            (extended, PictureKind::Webp, (320, 240)),
        ] {
            let picture = look(&bytes).expect("a picture");
            assert_eq!((picture.kind, (picture.width, picture.height)), (kind, size));
            assert_eq!(PictureName::of(&picture).to_string().parse(), Ok(PictureName::of(&picture)));
            // Every shorter beginning of it is none, and none makes it panic.
            for end in 0..bytes.len() {
                assert_eq!(look(&bytes[..end]), Err(PictureRefused::NoPicture), "{kind:?} cut off at {end}");
            }
        }
    }

    #[test]
    fn what_cannot_be_shown_safely_is_refused() {
        for bytes in [
            &b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"[..],
            b"<?xml version='1.0'?><svg/>",
            b"GIF89a\x01\0\x01\0\0\0\0;",
            b"<html>\xff\xd8\xff",
            b"",
            b"BM",
        ] {
            assert_eq!(look(bytes), Err(PictureRefused::NoPicture));
        }
        assert_eq!(look(&png_of(0, 9)), Err(PictureRefused::NoPicture));
        assert_eq!(look(&png_of(Pictures::MOST_SIDE + 1, 1)), Err(PictureRefused::TooLarge));
        assert_eq!(look(&png_of(Pictures::MOST_SIDE, Pictures::MOST_SIDE)), Err(PictureRefused::TooLarge));
        assert_eq!(look(&png_of(u32::MAX, u32::MAX)), Err(PictureRefused::TooLarge));
        assert_eq!(look(&vec![0; Pictures::MOST_BYTES + 1]), Err(PictureRefused::TooLong));
    }

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

    #[tokio::test]
    async fn a_picture_is_kept_once_and_whole() {
        let folder = testing::TempDir::new();
        let pictures = Pictures::new(folder.join("pictures"));
        let (bytes, now) = (png_of(3, 2), Instant::from_millis(1000));
        let kept = pictures.keep(bytes.clone(), now).await.expect("written").expect("a picture");
        assert_eq!(pictures.keep(bytes.clone(), now).await.expect("written"), Ok(kept.clone()));
        let name = PictureName::of(&kept);
        assert_eq!(pictures.read(&name).await.expect("read"), Some(bytes));
        assert_eq!(pictures.find(&name, now).await.expect("read"), Some(kept));
        let other = format!("{}.png", "0".repeat(64)).parse().expect("a name");
        assert_eq!(pictures.read(&other).await.expect("read"), None);
        let files = std::fs::read_dir(folder.join("pictures").join(&name.to_string()[..2])).expect("a folder");
        assert_eq!(files.count(), 1, "nothing half written is left");
    }
    #[tokio::test]
    async fn only_what_nobody_has_had_in_hand_is_removed() {
        let folder = testing::TempDir::new();
        let pictures = Pictures::new(folder.join("pictures"));
        let at = Instant::from_millis;
        assert_eq!(pictures.idle_since(at(9000)).await.expect("no folder yet"), []);
        let mut names = Vec::new();
        for width in 1..=3 {
            let kept = pictures.keep(png_of(width, 1), at(1000)).await.expect("written").expect("a picture");
            names.push(PictureName::of(&kept));
        }
        let half = folder.join("pictures").join(&names[0].to_string()[..2]).join(".7-0.part");
        let half_written = std::fs::File::create(&half).expect("written");
        half_written.set_modified(time(at(1000))).expect("set");
        assert_eq!(pictures.idle_since(at(1000)).await.expect("read"), [], "not since the very moment");
        assert!(half.exists());
        pictures.find(&names[1], at(5000)).await.expect("read").expect("a picture");
        let mut idle = pictures.idle_since(at(5000)).await.expect("read");
        assert!(!half.exists(), "what was half written is gone");
        idle.sort_by_key(ToString::to_string);
        let mut expected = vec![names[0].clone(), names[2].clone()];
        expected.sort_by_key(ToString::to_string);
        assert_eq!(idle, expected);
        // Somebody takes it up between the look and the removal.
        pictures.keep(png_of(1, 1), at(5000)).await.expect("written").expect("a picture");
        assert!(!pictures.remove_idle(&names[0], at(5000)).await.expect("looked at"));
        assert!(pictures.remove_idle(&names[2], at(5000)).await.expect("removed"));
        assert!(!pictures.remove_idle(&names[2], at(5000)).await.expect("looked at"));
        let there = async |name| pictures.read(name).await.expect("read").is_some();
        assert_eq!([there(&names[0]).await, there(&names[1]).await, there(&names[2]).await], [true, true, false]);
        assert_eq!(pictures.find(&names[2], at(6000)).await.expect("read"), None);
        assert_eq!(files(&folder.join("pictures")).expect("read").len(), 2, "and nothing else is left");
    }
}
