//! Text as a spreadsheet's XML holds it.

/// The most that a cell holds, counted as UTF-16 does.
const MOST_UNITS: usize = 32_767;

/// Bytes at which a text may need more than copying.
const SPECIAL: [bool; 256] = {
    let mut special = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        special[byte] = true;
        byte += 1;
    }
    special[b'\n' as usize] = false;
    special[b'\t' as usize] = false;
    special[b'&' as usize] = true;
    special[b'<' as usize] = true;
    special[b'>' as usize] = true;
    special[b'"' as usize] = true;
    special[b'_' as usize] = true;
    // The first byte of U+FFFE and U+FFFF, which XML forbids.
    special[0xef] = true;
    special
};

const REPLACEMENT: &[u8] = "\u{fffd}".as_bytes();

/// Appends `text` so that a reader gets it back, but for characters that XML cannot hold: those are replaced.
pub(crate) fn push_escaped(out: &mut Vec<u8>, text: &str) {
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|&byte| SPECIAL[usize::from(byte)]) {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        let taken = match rest {
            [b'&', ..] => one(out, b"&amp;"),
            [b'<', ..] => one(out, b"&lt;"),
            [b'>', ..] => one(out, b"&gt;"),
            [b'"', ..] => one(out, b"&quot;"),
            // A bare one would be read as the end of a line.
            [b'\r', ..] => one(out, b"&#13;"),
            // `_x0041_` is how a spreadsheet itself hides characters: who means these seven has to hide the first.
            [b'_', b'x', a, b, c, d, b'_', ..] if [a, b, c, d].iter().all(|digit| digit.is_ascii_hexdigit()) => {
                one(out, b"_x005F_")
            }
            [0xef, 0xbf, 0xbe | 0xbf, ..] => one(out, REPLACEMENT) + 2,
            [byte @ (b'_' | 0xef), ..] => one(out, &[*byte]),
            _ => one(out, REPLACEMENT),
        };
        rest = &rest[taken..];
    }
    out.extend_from_slice(rest);
}

fn one(out: &mut Vec<u8>, bytes: &[u8]) -> usize {
    out.extend_from_slice(bytes);
    1
}

/// As much of `text` as a cell holds, and whether that is all of it.
pub(crate) fn fitting(text: &str) -> (&str, bool) {
    // No character takes more units than bytes.
    if text.len() <= MOST_UNITS {
        return (text, true);
    }
    let (mut units, mut room_for_mark) = (0, 0);
    for (at, character) in text.char_indices() {
        units += character.len_utf16();
        if units > MOST_UNITS {
            return (&text[..room_for_mark], false);
        }
        if units < MOST_UNITS {
            room_for_mark = at + character.len_utf8();
        }
    }
    (text, true)
}

/// Whether a program that reads the text as if somebody had typed it could take it for a formula. The full-width signs count:
/// an Asian keyboard types them.
pub(crate) fn is_formula_like(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'])
}

/// Whether an XML reader would be free to drop spaces of it.
pub(crate) fn needs_spaces_kept(text: &str) -> bool {
    let is_space = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_whitespace);
    let bytes = text.as_bytes();
    is_space(bytes.first()) || is_space(bytes.last())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(text: &str) -> String {
        let mut out = Vec::new();
        push_escaped(&mut out, text);
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn only_what_must_be_is_changed() {
        for (text, expected) in [
            ("", ""),
            ("红烧肉 🍱 a_b", "红烧肉 🍱 a_b"),
            ("<a&b>\"", "&lt;a&amp;b&gt;&quot;"),
            ("a\tb\nc\rd", "a\tb\nc&#13;d"),
            ("\u{0}\u{b}x\u{1f}", "\u{fffd}\u{fffd}x\u{fffd}"),
            ("a\u{ffff}b\u{fffe}", "a\u{fffd}b\u{fffd}"),
            ("ＡＢ\u{feff}\u{fffd}", "ＡＢ\u{feff}\u{fffd}"),
            ("_x0041_", "_x005F_x0041_"),
            ("_x004_ _x00zz_ __x0041_", "_x004_ _x00zz_ __x005F_x0041_"),
            ("_", "_"),
        ] {
            assert_eq!(escaped(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_cell_holds_so_much() {
        let most = "饭".repeat(MOST_UNITS);
        assert_eq!(fitting(&most), (most.as_str(), true));
        let more = format!("{most}a");
        assert_eq!(fitting(&more), (&more[..(MOST_UNITS - 1) * 3], false));
        let pairs = "🍱".repeat(MOST_UNITS / 2 + 1);
        let (kept, is_all) = fitting(&pairs);
        assert_eq!((kept.encode_utf16().count(), is_all), (MOST_UNITS - 1, false));
    }

    #[test]
    fn a_formula_is_known_by_its_first_sign() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1", "＠x"] {
            assert!(is_formula_like(text), "{text:?}");
        }
        for text in ["", "1=1", " =1", "红", "'=1"] {
            assert!(!is_formula_like(text), "{text:?}");
        }
    }
}
