//! Just enough PEM and X.509 to get at a public key, a serial and a validity. Certificates come to us encrypted under the APIv3 key or from the
//! operator's own configuration, so there is no chain to check.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::sign::hex_upper;
use crate::time::UnixTime;

/// The DER bytes of the first block with this label.
pub(crate) fn decode(pem: &str, label: &str) -> Option<Vec<u8>> {
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let start = pem.find(&begin)? + begin.len();
    let length = pem[start..].find(&end)?;
    let text: String = pem[start..start + length].chars().filter(|c| !c.is_ascii_whitespace()).collect();
    STANDARD.decode(text).ok()
}

/// What matters in a certificate.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Certificate {
    /// Upper-case hexadecimal, as `Wechatpay-Serial` writes it.
    pub(crate) serial: String,
    pub(crate) not_before: UnixTime,
    pub(crate) not_after: UnixTime,
    /// SubjectPublicKeyInfo.
    pub(crate) public_key: Vec<u8>,
}

impl Certificate {
    pub(crate) fn from_pem(pem: &str) -> Option<Self> {
        Self::from_der(&decode(pem, "CERTIFICATE")?)
    }

    pub(crate) fn from_der(der: &[u8]) -> Option<Self> {
        let (certificate, _) = Element::read(der)?.expect(SEQUENCE)?;
        let (to_be_signed, _) = Element::read(certificate)?.expect(SEQUENCE)?;
        let mut rest = to_be_signed;
        if rest.first() == Some(&EXPLICIT_VERSION) {
            rest = Element::read(rest)?.rest;
        }
        let (serial, rest) = Element::read(rest)?.expect(INTEGER)?;
        let (_algorithm, rest) = Element::read(rest)?.expect(SEQUENCE)?;
        let (_issuer, rest) = Element::read(rest)?.expect(SEQUENCE)?;
        let (validity, rest) = Element::read(rest)?.expect(SEQUENCE)?;
        let (_subject, rest) = Element::read(rest)?.expect(SEQUENCE)?;
        let public_key = Element::read(rest)?;
        if public_key.tag != SEQUENCE {
            return None;
        }
        let not_before = Element::read(validity)?;
        let not_after = Element::read(not_before.rest)?;
        // A serial with its top bit set carries a zero byte in front, which is no part of the number.
        let serial = if serial.len() > 1 && serial[0] == 0 { &serial[1..] } else { serial };
        Some(Self {
            serial: hex_upper(serial),
            not_before: not_before.time()?,
            not_after: not_after.time()?,
            public_key: public_key.whole.to_vec(),
        })
    }
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const EXPLICIT_VERSION: u8 = 0xA0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// One DER element at the head of some bytes.
struct Element<'a> {
    tag: u8,
    content: &'a [u8],
    whole: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Element<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let (&tag, after_tag) = bytes.split_first()?;
        let (&first, after_length) = after_tag.split_first()?;
        let (length, header) = match first {
            0..=0x7F => (usize::from(first), 2),
            0x81..=0x83 => {
                let count = usize::from(first & 0x0F);
                let digits = after_length.get(..count)?;
                (digits.iter().fold(0, |sum, digit| (sum << 8) | usize::from(*digit)), 2 + count)
            }
            // Indefinite, or longer than any certificate.
            _ => return None,
        };
        let end = header + length;
        Some(Self { tag, content: bytes.get(header..end)?, whole: &bytes[..end], rest: &bytes[end..] })
    }

    fn expect(self, tag: u8) -> Option<(&'a [u8], &'a [u8])> {
        (self.tag == tag).then_some((self.content, self.rest))
    }

    fn time(&self) -> Option<UnixTime> {
        let text = std::str::from_utf8(self.content).ok()?.strip_suffix('Z')?;
        let (date, time) = match self.tag {
            // Two-digit years: 1950 to 2049.
            UTC_TIME if text.is_ascii() && text.len() == 12 => {
                let century = if &text[..2] < "50" { "20" } else { "19" };
                (format!("{century}{}", &text[..6]), &text[6..])
            }
            GENERALIZED_TIME if text.is_ascii() && text.len() == 14 => (text[..8].to_owned(), &text[8..]),
            _ => return None,
        };
        UnixTime::parse_rfc3339(&format!(
            "{}-{}-{}T{}:{}:{}Z",
            &date[..4],
            &date[4..6],
            &date[6..],
            &time[..2],
            &time[2..4],
            &time[4..]
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::{Certificate, Element, decode};

    #[test]
    fn lengths_that_lie_are_refused() {
        for bytes in
            [&[][..], &[0x30], &[0x30, 1], &[0x30, 0x80, 0], &[0x30, 0x84, 0, 0, 0, 1, 0], &[0x30, 0x82, 0xFF, 0xFF]]
        {
            assert!(Element::read(bytes).is_none(), "{bytes:?}");
        }
        let element = Element::read(&[0x02, 0x81, 0x01, 7, 9]).expect("well formed");
        assert_eq!((element.content, element.rest), (&[7][..], &[9][..]));
        assert!(Certificate::from_der(&[0x30, 2, 0x30, 0]).is_none());
    }

    #[test]
    fn pem_blocks() {
        let text = "noise\n-----BEGIN X-----\r\nAQ\r\nID\r\n-----END X-----\n";
        assert_eq!(decode(text, "X"), Some(vec![1, 2, 3]));
        for broken in
            ["", "-----BEGIN X-----", "-----BEGIN X-----\n!\n-----END X-----", "-----END X----------BEGIN X-----"]
        {
            assert_eq!(decode(broken, "X"), None);
        }
    }
}
