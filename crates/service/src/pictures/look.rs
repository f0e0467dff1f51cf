//! What the bytes of a picture say of it, and whether it can be shown safely.

use aws_lc_rs::digest::{SHA256, digest};
use kernel::{Picture, PictureKind};

use super::PictureRefused;

/// As much as fits into a request with its envelope.
pub(super) const MOST_BYTES: usize = 720 * 1024;
pub(super) const MOST_SIDE: u32 = 8192;
/// What decoding it takes of a phone's memory goes by this.
pub(super) const MOST_POINTS: u64 = 24_000_000;

/// What the bytes say they are. Their sender is not asked.
pub(super) fn look(bytes: &[u8]) -> Result<Picture, PictureRefused> {
    if bytes.len() > MOST_BYTES {
        return Err(PictureRefused::TooLong);
    }
    let sizes = [(PictureKind::Png, png(bytes)), (PictureKind::Jpeg, jpeg(bytes)), (PictureKind::Webp, webp(bytes))];
    let found = sizes.into_iter().find_map(|(kind, size)| size.map(|size| (kind, size)));
    let (kind, (width, height)) = found.ok_or(PictureRefused::NoPicture)?;
    if width == 0 || height == 0 {
        return Err(PictureRefused::NoPicture);
    }
    let longest = width.max(height);
    if longest > MOST_SIDE || u64::from(width) * u64::from(height) > MOST_POINTS {
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
pub(super) mod tests {
    use super::*;
    use crate::PictureName;

    pub(crate) fn png_of(width: u32, height: u32) -> Vec<u8> {
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
        assert_eq!(look(&png_of(MOST_SIDE + 1, 1)), Err(PictureRefused::TooLarge));
        assert_eq!(look(&png_of(MOST_SIDE, MOST_SIDE)), Err(PictureRefused::TooLarge));
        assert_eq!(look(&png_of(u32::MAX, u32::MAX)), Err(PictureRefused::TooLarge));
        assert_eq!(look(&vec![0; MOST_BYTES + 1]), Err(PictureRefused::TooLong));
    }
}
