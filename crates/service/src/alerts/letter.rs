//! A letter as RFC 5322 has it: in seven bits, with lines that any server takes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use jiff::tz::TimeZone;
use kernel::Instant;

/// Of a line of base64, as RFC 2045 has it.
const LINE: usize = 76;
/// So many bytes of a text fit into one encoded word of 75 characters.
const WORD: usize = 45;

pub(super) struct Letter<'a> {
    pub(super) from: &'a str,
    pub(super) to: &'a [String],
    pub(super) subject: &'a str,
    pub(super) text: &'a str,
    /// The same however often the letter is sent, so that a reader sees it once.
    pub(super) id: &'a str,
    pub(super) at: Instant,
}

impl Letter<'_> {
    /// With CRLF at the end of each line. No line begins with a dot, so none has to be doubled.
    pub(super) fn written(&self, zone: &TimeZone) -> String {
        let at = Timestamp::from_millisecond(self.at.as_millis()).unwrap_or(Timestamp::UNIX_EPOCH);
        let date = DateTimePrinter::new().zoned_to_string(&at.to_zoned(zone.clone())).unwrap_or_default();
        let domain = self.from.rsplit_once('@').map_or("localhost", |(_, domain)| domain);
        let mut letter = format!(
            "Date: {date}\r\nFrom: {from}\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{id}@{domain}>\r\n\
             Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Content-Transfer-Encoding: base64\r\n\r\n",
            from = self.from,
            to = self.to.join(",\r\n "),
            subject = subject(self.subject),
            id = self.id,
        );
        let text = STANDARD.encode(self.text.replace('\n', "\r\n"));
        for line in text.as_bytes().chunks(LINE) {
            letter.extend(line.iter().map(|&byte| char::from(byte)));
            letter.push_str("\r\n");
        }
        letter
    }
}

/// As it is where it is plain ASCII, otherwise in encoded words of whole characters.
fn subject(text: &str) -> String {
    if text.len() <= LINE && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_owned();
    }
    let mut words = vec![String::new()];
    for character in text.chars().filter(|character| !character.is_control()) {
        if words.last().is_some_and(|word| word.len() + character.len_utf8() > WORD) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.push(character);
        }
    }
    let encoded: Vec<_> = words.iter().map(|word| format!("=?UTF-8?B?{}?=", STANDARD.encode(word))).collect();
    encoded.join("\r\n ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_plain_and_whole() {
        let zone = TimeZone::get("Asia/Shanghai").expect("bundled");
        let to = ["ops@example.com".to_owned(), "boss@example.com".to_owned()];
        let text = "饭票日报 2026-03-01\n.\n".to_owned() + &"一".repeat(100);
        let letter = Letter {
            from: "fanpiao@example.com",
            to: &to,
            subject: "饭票日报 2026-03-01",
            text: &text,
            id: "7",
            at: "2026-03-01T23:30:00Z".parse().expect("an instant"),
        };
        let written = letter.written(&zone);
        let (head, body) = written.split_once("\r\n\r\n").expect("two parts");
        assert_eq!(
            head,
            "Date: Mon, 2 Mar 2026 07:30:00 +0800\r\nFrom: fanpiao@example.com\r\nTo: ops@example.com,\r\n boss@example.com\r\n\
             Subject: =?UTF-8?B?6aWt56Wo5pel5oqlIDIwMjYtMDMtMDE=?=\r\nMessage-ID: <7@example.com>\r\n\
             Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Content-Transfer-Encoding: base64"
        );
        assert!(written.is_ascii() && written.split("\r\n").all(|line| line.len() <= 78 && !line.starts_with('.')));
        assert!(!written.replace("\r\n", "").contains(['\r', '\n']), "every line ends as it must");
        let read = STANDARD.decode(body.replace("\r\n", "")).expect("base64");
        assert_eq!(String::from_utf8(read).expect("a text"), text.replace('\n', "\r\n"));
    }

    #[test]
    fn a_long_subject_is_cut_between_characters() {
        assert_eq!(subject("Fanpiao alerts 2"), "Fanpiao alerts 2");
        let long = subject(&"饭🍚".repeat(20));
        let mut read = String::new();
        for word in long.split("\r\n ") {
            assert!(word.len() <= 75, "{word}");
            let inner = word.strip_prefix("=?UTF-8?B?").and_then(|word| word.strip_suffix("?=")).expect("encoded");
            read += &String::from_utf8(STANDARD.decode(inner).expect("base64")).expect("whole characters");
        }
        assert_eq!(read, "饭🍚".repeat(20));
        let bent = subject("a\r\nBcc: x@example.com");
        assert!(!bent.contains('\n') && bent.starts_with("=?UTF-8?B?"), "no subject begins a header: {bent}");
    }
}
