//! QR codes as pictures for printing.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};
use qrcodegen::{QrCode, QrCodeEcc};

use crate::failure::Failure;

/// Light modules around a code: readers look for them.
const QUIET: i32 = 4;
/// Lengths within an SVG are counted in tenths of a module.
const MODULE: i32 = 10;
const LINE: i32 = 40;
const LARGEST_LETTER: i32 = 30;

/// A code that can still be read where a quarter of it is worn off.
pub(crate) fn code(text: &str) -> Result<QrCode, Failure> {
    QrCode::encode_text(text, QrCodeEcc::Quartile).map_err(|_| Failure::fault("a text is too long for a QR code"))
}

/// So many dots wide, with lines of text beneath.
pub(crate) fn svg(code: &QrCode, width: i32, lines: &[&str]) -> String {
    let side = (code.size() + 2 * QUIET) * MODULE;
    let whole = side + i32::try_from(lines.len()).unwrap_or(0) * LINE;
    let height = i64::from(width) * i64::from(whole) / i64::from(side);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {side} {whole}\">\
         <rect width=\"{side}\" height=\"{whole}\" fill=\"#fff\"/><path fill=\"#000\" shape-rendering=\"crispEdges\" d=\""
    );
    for (row, from, length) in runs(code) {
        let (x, y, length) = ((from + QUIET) * MODULE, (row + QUIET) * MODULE, length * MODULE);
        let _ = write!(svg, "M{x} {y}h{length}v{MODULE}h-{length}z");
    }
    svg.push_str("\"/>");
    for (at, line) in (0..).zip(lines) {
        let letters = i32::try_from(line.chars().count()).unwrap_or(i32::MAX).max(1);
        let size = LARGEST_LETTER.min(side / letters);
        let (x, y) = (side / 2, side + at * LINE + LARGEST_LETTER - MODULE);
        let _ = write!(
            svg,
            "<text x=\"{x}\" y=\"{y}\" font-family=\"sans-serif\" font-size=\"{size}\" text-anchor=\"middle\">{}</text>",
            escaped(line)
        );
    }
    svg.push_str("</svg>\n");
    svg
}

/// So many dots wide and high: as many whole dots a module as fit, and light around it.
pub(crate) fn png(code: &QrCode, side: i32) -> io::Result<Vec<u8>> {
    let scale = (side / (code.size() + 2 * QUIET)).max(1);
    let margin = (side - code.size() * scale) / 2;
    let is_dark = |x: i32, y: i32| code.get_module((x - margin).div_euclid(scale), (y - margin).div_euclid(scale));
    let mut rows = ZlibEncoder::new(Vec::new(), Compression::default());
    for y in 0..side {
        // Each row begins with its filter: none. Eight dots are a byte, the first one its highest bit; light is 1.
        let dots = (0..side)
            .step_by(8)
            .map(|from| (0..8).fold(0_u8, |byte, bit| byte << 1 | u8::from(!is_dark(from + bit, y))));
        let row: Vec<u8> = std::iter::once(0).chain(dots).collect();
        rows.write_all(&row)?;
    }
    let size = side.to_be_bytes();
    // One bit a dot, in grey; deflated, filtered as is usual, not interlaced.
    let header = [&size[..], &size, &[1, 0, 0, 0, 0]].concat();
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    for (name, data) in [(b"IHDR", header), (b"IDAT", rows.finish()?), (b"IEND", Vec::new())] {
        chunk(&mut png, name, &data);
    }
    Ok(png)
}

fn chunk(png: &mut Vec<u8>, name: &[u8; 4], data: &[u8]) {
    let mut crc = Crc::new();
    crc.update(name);
    crc.update(data);
    png.extend(u32::try_from(data.len()).unwrap_or(u32::MAX).to_be_bytes());
    png.extend_from_slice(name);
    png.extend_from_slice(data);
    png.extend(crc.sum().to_be_bytes());
}

/// Dark modules beside each other: row, first column, how many.
fn runs(code: &QrCode) -> Vec<(i32, i32, i32)> {
    let mut runs = Vec::new();
    for row in 0..code.size() {
        let mut column = 0;
        while column < code.size() {
            let length = (column..code.size()).take_while(|&x| code.get_module(x, row)).count();
            let length = i32::try_from(length).unwrap_or(0);
            if length > 0 {
                runs.push((row, column, length));
            }
            column += length + 1;
        }
    }
    runs
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            other => escaped.push(other),
        }
    }
    escaped
}
