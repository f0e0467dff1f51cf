//! Fetching a day's bill.

use std::io::Read;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use flate2::read::GzDecoder;
use serde::Deserialize;

use super::merchant::{Ask, Merchant, segment};
use super::sign::hex_upper;
use crate::error::Error;

/// Which payments a trade bill lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TradeBillKind {
    All,
    Success,
    Refund,
}

impl TradeBillKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::All => "ALL",
            Self::Success => "SUCCESS",
            Self::Refund => "REFUND",
        }
    }
}

/// A bill as it came, uncompressed; its hash has been checked.
#[derive(Clone, PartialEq, Eq)]
pub struct BillFile {
    pub text: Vec<u8>,
    /// Lower-case hexadecimal.
    pub sha1: String,
}

impl std::fmt::Debug for BillFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BillFile").field("bytes", &self.text.len()).field("sha1", &self.sha1).finish()
    }
}

impl Merchant {
    /// The trade bill of a Beijing day, `2026-01-01`. Two calls: the application, whose answer is signed and names the hash, and the file.
    ///
    /// [`Code::NoStatementExist`](super::Code::NoStatementExist) means no business that day, or a wrong day; it is no empty bill.
    pub async fn trade_bill(&self, day: &str, kind: TradeBillKind) -> Result<BillFile, Error> {
        check_day(day)?;
        self.bill(format!("/v3/bill/tradebill?bill_date={day}&bill_type={}&tar_type=GZIP", kind.as_str())).await
    }

    /// The fund flow bill of the basic account on a Beijing day.
    pub async fn fund_flow_bill(&self, day: &str) -> Result<BillFile, Error> {
        check_day(day)?;
        self.bill(format!("/v3/bill/fundflowbill?bill_date={day}&account_type={}&tar_type=GZIP", segment("BASIC")))
            .await
    }

    async fn bill(&self, path_and_query: String) -> Result<BillFile, Error> {
        let offer: Offer = self.call(Ask::get(path_and_query)).await?;
        let bytes = self.fetch_file(&offer.download_url).await?;
        unpack(bytes, &offer)
    }
}

#[derive(Deserialize)]
struct Offer {
    hash_type: String,
    hash_value: String,
    download_url: String,
}

/// Inflates where needed, and believes the text only if the signed hash fits it.
fn unpack(bytes: Vec<u8>, offer: &Offer) -> Result<BillFile, Error> {
    if offer.hash_type != "SHA1" {
        return Err(Error::answer(200, "a hash of an unknown kind"));
    }
    let text = if bytes.starts_with(&GZIP_MAGIC) { inflate(&bytes)? } else { bytes };
    let sha1 = hex_upper(digest(&SHA1_FOR_LEGACY_USE_ONLY, &text).as_ref()).to_ascii_lowercase();
    if !sha1.eq_ignore_ascii_case(&offer.hash_value) {
        return Err(Error::answer(200, "the hash of the bill does not fit"));
    }
    Ok(BillFile { text, sha1 })
}

fn inflate(bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let mut text = Vec::new();
    // One more than allowed, so that "too long" can be told from "just fits".
    let read = GzDecoder::new(bytes).take(LONGEST_BILL + 1).read_to_end(&mut text);
    match read {
        Ok(length) if length as u64 <= LONGEST_BILL => Ok(text),
        Ok(_) => Err(Error::answer(200, "the bill is too long")),
        Err(_) => Err(Error::answer(200, "the bill does not inflate")),
    }
}

const GZIP_MAGIC: [u8; 2] = [0x1F, 0x8B];
const LONGEST_BILL: u64 = 512 * 1024 * 1024;

fn check_day(day: &str) -> Result<(), Error> {
    let instant = crate::time::UnixTime::parse_rfc3339(&format!("{day}T00:00:00+08:00"));
    match instant {
        Some(_) if day.len() == 10 => Ok(()),
        _ => Err(Error::input("bill_date", "a day as 2026-01-01")),
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::{Offer, check_day, unpack};

    #[test]
    fn bills_unpack_from_both_forms_and_a_wrong_hash_is_refused() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/vectors.json")).expect("vectors are JSON");
        for bill in vectors["bills"].as_array().expect("a list") {
            let text = |name: &str| bill[name].as_str().expect("a text").to_owned();
            let raw = STANDARD.decode(text("raw_base64")).expect("base64");
            let mut offer = Offer {
                hash_type: text("hash_type"),
                hash_value: text("hash_value").to_ascii_uppercase(),
                download_url: String::new(),
            };
            let packed = STANDARD.decode(text("gzip_base64")).expect("base64");
            assert_eq!(unpack(packed.clone(), &offer).expect("fits").text, raw);
            assert_eq!(unpack(raw.clone(), &offer).expect("fits").sha1, text("hash_value"));
            assert!(unpack(packed[..packed.len() - 9].to_vec(), &offer).is_err(), "cut short");
            assert!(unpack(raw[1..].to_vec(), &offer).is_err(), "changed");
            offer.hash_type = "MD5".to_owned();
            assert!(unpack(raw, &offer).is_err(), "another kind of hash");
        }
    }

    #[test]
    fn days() {
        assert!(check_day("2026-02-28").is_ok());
        for day in ["", "2026-02-29", "20260228", "2026-02-28T", "2026-2-28"] {
            assert!(check_day(day).is_err(), "{day}");
        }
    }
}
