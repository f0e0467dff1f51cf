//! A zip archive, written from its first byte to its last without going back: sizes follow each part's bytes.

use std::io::Write;

use flate2::{Compress, Compression, Crc, FlushCompress, Status};

use crate::Error;

/// Beyond it every size would need the longer records of ZIP64, which not every spreadsheet reads.
const MOST_BYTES: u64 = 0xffff_ffff;
/// Sizes and checksum stand behind the part.
const SIZES_FOLLOW: u16 = 1 << 3;
const DEFLATED: u16 = 8;
const VERSION: u16 = 20;
/// 1980-01-01 00:00, where the format's calendar begins: the same rows make the same bytes.
const MODIFIED: [u16; 2] = [0, 0x0021];

pub(crate) struct Zip<W> {
    out: W,
    written: u64,
    compress: Compress,
    packed: Vec<u8>,
    open: Option<Open>,
    parts: Vec<Part>,
    most_bytes: u64,
}

struct Open {
    name: String,
    offset: u64,
    crc: Crc,
    size: u64,
    packed_size: u64,
}

struct Part {
    name: String,
    offset: u32,
    crc: u32,
    size: u32,
    packed_size: u32,
}

impl<W: Write> Zip<W> {
    pub(crate) fn new(out: W) -> Self {
        Self {
            out,
            written: 0,
            // The fastest level: a sheet is so regular that the slower ones save little.
            compress: Compress::new(Compression::fast(), false),
            packed: Vec::with_capacity(64 * 1024),
            open: None,
            parts: Vec::new(),
            most_bytes: MOST_BYTES,
        }
    }

    /// Begins a part; the one before it has to be ended.
    pub(crate) fn begin(&mut self, name: String) -> Result<(), Error> {
        if self.open.is_some() {
            return Err(Error::Unfinished);
        }
        let offset = self.written;
        let header = Record::new(0x0403_4b50)
            .short(VERSION)
            .short(SIZES_FOLLOW)
            .short(DEFLATED)
            .short(MODIFIED[0])
            .short(MODIFIED[1])
            .long(0)
            .long(0)
            .long(0)
            .short(length_of(&name)?)
            .short(0)
            .text(&name);
        self.put(&header.0)?;
        self.compress.reset();
        self.open = Some(Open { name, offset, crc: Crc::new(), size: 0, packed_size: 0 });
        Ok(())
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let open = self.open.as_mut().ok_or(Error::Unfinished)?;
        open.crc.update(bytes);
        open.size += bytes.len() as u64;
        self.pack(bytes, FlushCompress::None)
    }

    pub(crate) fn end(&mut self) -> Result<(), Error> {
        self.pack(&[], FlushCompress::Finish)?;
        let open = self.open.take().ok_or(Error::Unfinished)?;
        let part = Part {
            offset: self.small(open.offset)?,
            crc: open.crc.sum(),
            size: self.small(open.size)?,
            packed_size: self.small(open.packed_size)?,
            name: open.name,
        };
        let sizes = Record::new(0x0807_4b50).long(part.crc).long(part.packed_size).long(part.size);
        self.put(&sizes.0)?;
        self.parts.push(part);
        Ok(())
    }

    /// Writes the directory, which makes an archive of what came before.
    pub(crate) fn finish(mut self) -> Result<W, Error> {
        if self.open.is_some() {
            return Err(Error::Unfinished);
        }
        let start = self.written;
        for part in std::mem::take(&mut self.parts) {
            let entry = Record::new(0x0201_4b50)
                .short(VERSION)
                .short(VERSION)
                .short(SIZES_FOLLOW)
                .short(DEFLATED)
                .short(MODIFIED[0])
                .short(MODIFIED[1])
                .long(part.crc)
                .long(part.packed_size)
                .long(part.size)
                .short(length_of(&part.name)?)
                .short(0)
                .short(0)
                .short(0)
                .short(0)
                .long(0)
                .long(part.offset)
                .text(&part.name);
            self.put(&entry.0)?;
            self.packed.clear();
            self.parts.push(part);
        }
        let count = u16::try_from(self.parts.len()).map_err(|_| Error::TooLarge)?;
        let end = Record::new(0x0605_4b50)
            .short(0)
            .short(0)
            .short(count)
            .short(count)
            .long(self.small(self.written - start)?)
            .long(self.small(start)?)
            .short(0);
        self.put(&end.0)?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn pack(&mut self, mut bytes: &[u8], flush: FlushCompress) -> Result<(), Error> {
        loop {
            let before = self.compress.total_in();
            self.packed.clear();
            let status = self.compress.compress_vec(bytes, &mut self.packed, flush);
            let status = status.map_err(std::io::Error::from)?;
            let taken = usize::try_from(self.compress.total_in() - before).unwrap_or(bytes.len());
            bytes = &bytes[taken..];
            let packed = std::mem::take(&mut self.packed);
            let put = self.put(&packed);
            let is_full = packed.len() == packed.capacity();
            self.packed = packed;
            put?;
            if let Some(open) = &mut self.open {
                open.packed_size += self.packed.len() as u64;
                if open.size > self.most_bytes {
                    return Err(Error::TooLarge);
                }
            }
            let is_done = match flush {
                FlushCompress::Finish => status == Status::StreamEnd,
                _ => bytes.is_empty() && !is_full,
            };
            if is_done {
                return Ok(());
            }
        }
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.written += bytes.len() as u64;
        if self.written > self.most_bytes {
            return Err(Error::TooLarge);
        }
        Ok(self.out.write_all(bytes)?)
    }

    fn small(&self, size: u64) -> Result<u32, Error> {
        u32::try_from(size).map_err(|_| Error::TooLarge)
    }
}

fn length_of(name: &str) -> Result<u16, Error> {
    u16::try_from(name.len()).map_err(|_| Error::TooLarge)
}

/// Little-endian numbers behind a signature.
struct Record(Vec<u8>);

impl Record {
    fn new(signature: u32) -> Self {
        Self(signature.to_le_bytes().to_vec())
    }

    fn short(mut self, value: u16) -> Self {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    fn long(mut self, value: u32) -> Self {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    fn text(mut self, text: &str) -> Self {
        self.0.extend_from_slice(text.as_bytes());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_the_format_can_count_is_refused() {
        let mut zip = Zip::new(Vec::new());
        zip.most_bytes = 1000;
        zip.begin("part".to_owned()).expect("begun");
        let refused = zip.write(&[b'x'; 1001]).expect_err("too large");
        assert!(matches!(refused, Error::TooLarge), "{refused}");

        // What cannot be packed leaves as many bytes as came in.
        let mut zip = Zip::new(Vec::new());
        zip.most_bytes = 1000;
        zip.begin("part".to_owned()).expect("begun");
        let mut state = 1_u32;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .take(990)
        .collect();
        let written = zip.write(&noise).and_then(|()| zip.end()).and_then(|()| zip.finish().map(drop));
        assert!(matches!(written, Err(Error::TooLarge)), "{written:?}");
    }

    #[test]
    fn parts_follow_each_other() {
        let mut zip = Zip::new(Vec::new());
        assert!(matches!(zip.write(b"x"), Err(Error::Unfinished)));
        zip.begin("one".to_owned()).expect("begun");
        assert!(matches!(zip.begin("two".to_owned()), Err(Error::Unfinished)));
        assert!(matches!(zip.finish(), Err(Error::Unfinished)));
    }
}
