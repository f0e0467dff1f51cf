//! What is known about persons, sealed before it goes anywhere and opened only where it is shown or used. An openid is found again by its
//! index: a keyed hash, under a key that stands sealed in the database and never changes.

use std::sync::Arc;

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use kernel::{Address, MemberId, Openid, Sealed};
use serde_json::Value;
use store::personal::{Clear, Covered, FIRST, Personal, Sealing, covered};
use store::{Patience, Writer};

use crate::mask::masked;
use crate::{Ambient, Failure, KeyRing, Service, crash};

const INDEX_KEY: &str = "index_key";
/// How many characters of an openid a person may see.
const TAIL: usize = 8;

pub struct Vault {
    keys: KeyRing,
    /// Absent where there are no keys.
    index: Option<Key>,
    ambient: Arc<dyn Ambient>,
}

impl Vault {
    /// Opens the key of the index, or makes one, and seals what was written in clear before there was a vault. Whoever is killed at it goes
    /// on the next time.
    pub(crate) async fn open(
        writer: &mut Writer,
        keys: KeyRing,
        ambient: Arc<dyn Ambient>,
    ) -> Result<Self, store::Error> {
        let before = writer.sealing().await?;
        if keys.is_empty() {
            return Self::without_keys(writer, before, ambient).await;
        }
        if before.is_none() {
            let mut key = [0; 32];
            ambient.fill(&mut key);
            let sealed = keys.seal(ambient.as_ref(), INDEX_KEY, &key).map_err(said)?;
            writer.begin_sealing(&sealed).await?;
        }
        let sealing = writer.sealing().await?.ok_or_else(|| wrong("the key of the index is gone"))?;
        let index = keys.open(INDEX_KEY, &sealing.index_key).map_err(|failure| {
            wrong(format!("personal data in it is sealed under other keys than security.data_keys holds: {failure:?}"))
        })?;
        let vault = Self { keys, index: Some(Key::new(HMAC_SHA256, &index)), ambient };
        if !sealing.is_done {
            // Another server may be at it.
            writer.wait(Patience::Endless).await?;
            let sealed = vault.seal_what_is_clear(writer).await?;
            // Who was killed may have sealed something.
            if sealed || before.is_some() {
                writer.wipe().await?;
            }
            writer.end_sealing(vault.ambient.now().as_millis()).await?;
            writer.wait(Patience::Usual).await?;
        }
        Ok(vault)
    }

    /// That is enough for whoever knows nothing of persons.
    async fn without_keys(
        writer: &mut Writer,
        before: Option<Sealing>,
        ambient: Arc<dyn Ambient>,
    ) -> Result<Self, store::Error> {
        let needed = || wrong("security.data_keys is needed to seal personal data: `fanpiao keys new ID` makes a key");
        if before.is_some() {
            return Err(needed());
        }
        for what in Personal::ALL {
            writer.cover(what, &FIRST, &|_| Err(needed())).await?;
        }
        Ok(Self { keys: KeyRing::default(), index: None, ambient })
    }

    /// Whether there was anything.
    async fn seal_what_is_clear(&self, writer: &mut Writer) -> Result<bool, store::Error> {
        let mut found = false;
        for what in Personal::ALL {
            let mut place = FIRST;
            while let Some(last) = writer.cover(what, &place, &|clear| self.cover(clear).map_err(said)).await? {
                (place, found) = (last, true);
                crash::at("portion-sealed");
            }
        }
        let mut place = FIRST;
        while let Some(last) = writer.cover_answers(&place, &|answer| self.cover_answer(&answer)).await? {
            (place, found) = (last, true);
        }
        Ok(found)
    }

    fn cover(&self, clear: Clear) -> Result<Covered, Failure> {
        Ok(match clear {
            Clear::Openid { member, openid } => Covered::Openid { member, openid: self.seal_openid(&openid)? },
            Clear::Address { order, member, address } => {
                Covered::Address { order, member, address: self.seal_address(member, &address)? }
            }
            Clear::Bill { date, body } => Covered::Bill { body: self.seal_bill(&date, &body)?, date },
        })
    }

    fn cover_answer(&self, answer: &str) -> Result<String, store::Error> {
        let mut answer = serde_json::from_str(answer).map_err(|_| wrong("a kept answer cannot be read"))?;
        self.cover_inside(&mut answer).map_err(said)?;
        Ok(answer.to_string())
    }

    /// Members with their openids, and shop orders with their addresses, wherever they stand in it.
    fn cover_inside(&self, value: &mut Value) -> Result<(), Failure> {
        match value {
            Value::Object(fields) => {
                if let Some(openid) = fields.get_mut("openid")
                    && let Some(text) = openid.as_str()
                {
                    *openid = serde_json::json!(self.seal_openid(text)?);
                }
                if let Some(member) = fields.get("member").and_then(Value::as_i64)
                    && let Some(address) = fields.get_mut("delivery").and_then(|delivery| delivery.get_mut("to"))
                    && let Some(text) = address.as_str()
                {
                    *address = serde_json::json!(self.seal_address(MemberId::new(member), text)?);
                }
                fields.values_mut().try_for_each(|value| self.cover_inside(value))
            }
            Value::Array(values) => values.iter_mut().try_for_each(|value| self.cover_inside(value)),
            _ => Ok(()),
        }
    }

    pub(crate) fn keys(&self) -> &KeyRing {
        &self.keys
    }

    fn seal(&self, about: &str, plain: &[u8]) -> Result<Vec<u8>, Failure> {
        self.keys.seal(self.ambient.as_ref(), about, plain)
    }

    fn open_text(&self, about: &str, sealed: &Sealed) -> Result<String, Failure> {
        let plain = self.keys.open(about, sealed.as_bytes())?;
        String::from_utf8(plain).map_err(|_| Failure::Internal { reason: "what was sealed is no text".to_owned() })
    }

    /// By what an openid is found. Nobody can compute it, or test a guess, without the key.
    pub(crate) fn index_of(&self, openid: &str) -> Result<[u8; 32], Failure> {
        let key = self.index.as_ref().ok_or_else(no_key)?;
        let mut index = [0; 32];
        index.copy_from_slice(sign(key, format!("openid:{openid}").as_bytes()).as_ref());
        Ok(index)
    }

    /// # Errors
    /// Where there is no data key.
    pub fn seal_openid(&self, openid: &str) -> Result<Openid, Failure> {
        let index = self.index_of(openid)?;
        Ok(Openid { index, sealed: Sealed::new(self.seal(&about_openid(&index), openid.as_bytes())?) })
    }

    /// # Errors
    /// Where its key is not in the ring, or somebody has changed it.
    pub fn openid(&self, openid: &Openid) -> Result<String, Failure> {
        self.open_text(&about_openid(&openid.index), &openid.sealed)
    }

    /// Enough of an openid to tell people apart, too little to be of use elsewhere.
    ///
    /// # Errors
    /// As `openid`.
    pub fn openid_tail(&self, openid: &Openid) -> Result<String, Failure> {
        self.openid(openid).map(|openid| tail(&openid).to_owned())
    }

    /// # Errors
    /// Where there is no data key.
    pub fn seal_address(&self, member: MemberId, address: &str) -> Result<Sealed, Failure> {
        if self.keys.is_empty() {
            return Err(no_key());
        }
        Ok(Sealed::new(self.seal(&about_address(member), address.as_bytes())?))
    }

    /// # Errors
    /// Where its key is not in the ring, or it was sealed for somebody else.
    pub fn address(&self, member: MemberId, address: &Sealed) -> Result<Address, Failure> {
        let text = self.open_text(&about_address(member), address)?;
        Address::try_from(text).map_err(|_| Failure::Internal { reason: "what was sealed is no address".to_owned() })
    }

    /// What of it everybody may read who has to do with the order.
    ///
    /// # Errors
    /// As `address`.
    pub fn address_masked(&self, member: MemberId, address: &Sealed) -> Result<String, Failure> {
        self.address(member, address).map(|address| masked(address.as_str()))
    }

    /// A bill says who paid.
    pub(crate) fn seal_bill(&self, date: &str, body: &[u8]) -> Result<Vec<u8>, Failure> {
        self.seal(&about_bill(date), body)
    }

    /// The same under the newest key.
    fn reseal(&self, row: &Covered) -> Result<Vec<u8>, Failure> {
        let about = match row {
            Covered::Openid { openid, .. } => about_openid(&openid.index),
            Covered::Address { member, .. } => about_address(*member),
            Covered::Bill { date, .. } => about_bill(date),
        };
        self.seal(&about, &self.keys.open(&about, row.sealed())?)
    }
}

impl Service {
    /// Seals everything under the newest key that is not yet, and says how much that was.
    pub async fn reseal(&self) -> Result<usize, Failure> {
        Ok(self.reseal_index_key().await? + self.reseal_factors().await? + self.reseal_persons().await?)
    }

    async fn reseal_index_key(&self) -> Result<usize, Failure> {
        let Some(Sealing { index_key: from, .. }) = Sealing::read(self.store()).await? else { return Ok(0) };
        let vault = self.vault();
        if vault.keys.is_under_newest(&from) {
            return Ok(0);
        }
        let to = vault.seal(INDEX_KEY, &vault.keys.open(INDEX_KEY, &from)?)?;
        let renewed =
            self.lanes().chore(move |writer| Box::pin(async move { writer.renew_index_key(&from, &to).await })).await;
        renewed.map(usize::from)
    }

    async fn reseal_persons(&self) -> Result<usize, Failure> {
        let (vault, mut resealed) = (self.vault(), 0);
        for what in Personal::ALL {
            let mut place = FIRST;
            loop {
                let rows = covered(self.store(), what, place).await?;
                let Some(last) = rows.last() else { break };
                place = last.place();
                let stale = rows.into_iter().filter(|row| !vault.keys.is_under_newest(row.sealed()));
                let renewed = stale.map(|row| vault.reseal(&row).map(|sealed| (row, sealed)));
                let renewed: Vec<_> = renewed.collect::<Result<_, _>>()?;
                resealed +=
                    self.lanes().chore(move |writer| Box::pin(async move { writer.renew(&renewed).await })).await?;
            }
        }
        Ok(resealed)
    }
}

fn tail(openid: &str) -> &str {
    let start = openid.char_indices().rev().nth(TAIL - 1).map_or(0, |(at, _)| at);
    &openid[start..]
}

fn about_openid(index: &[u8; 32]) -> String {
    index.iter().fold("openid:".to_owned(), |about, byte| format!("{about}{byte:02x}"))
}

fn about_address(member: MemberId) -> String {
    format!("address:{member}")
}

fn about_bill(date: &str) -> String {
    format!("bill:{date}")
}

fn no_key() -> Failure {
    Failure::Unavailable { reason: "there is no data key to seal personal data under".to_owned() }
}

#[expect(clippy::needless_pass_by_value, reason = "it maps errors")]
fn said(failure: Failure) -> store::Error {
    wrong(format!("{failure:?}"))
}

fn wrong(text: impl Into<String>) -> store::Error {
    store::Error::inconsistent(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::System;

    fn vault() -> Vault {
        let keys = KeyRing::parse(&KeyRing::new_line("a", &System)).expect("a ring");
        Vault { keys, index: Some(Key::new(HMAC_SHA256, &[7; 32])), ambient: Arc::new(System) }
    }

    #[test]
    fn eight_characters_are_shown() {
        for (openid, expected) in
            [("", ""), ("short", "short"), ("o_abcdefgh", "abcdefgh"), ("饭饭饭饭饭饭饭饭饭", "饭饭饭饭饭饭饭饭")]
        {
            assert_eq!(tail(openid), expected);
        }
    }

    #[test]
    fn what_is_sealed_opens_in_its_own_place_only() {
        let vault = vault();
        let (one, other) = (vault.seal_openid("one").expect("sealed"), vault.seal_openid("other").expect("sealed"));
        assert_eq!(vault.openid(&one).expect("opened"), "one");
        assert_eq!(one.index, vault.index_of("one").expect("a key"));
        assert_ne!(one.sealed, vault.seal_openid("one").expect("sealed").sealed, "never twice the same");
        let moved = Openid { index: one.index, sealed: other.sealed };
        vault.openid(&moved).expect_err("another's");
        let (buyer, another) = (MemberId::new(1), MemberId::new(2));
        let address = vault.seal_address(buyer, "a street").expect("sealed");
        assert_eq!(vault.address(buyer, &address).expect("opened").as_str(), "a street");
        vault.address(another, &address).expect_err("another's");
    }

    #[test]
    fn a_kept_answer_is_sealed_inside() {
        let vault = vault();
        let answer = r#"{"done":{"shop_order":{"order":{"member":5,"delivery":{"to":"a street"}},"members":[{"openid":"one"},{"openid":null}]}}}"#;
        let covered = vault.cover_answer(answer).expect("sealed");
        assert!(!covered.contains("street") && !covered.contains("\"one\""), "{covered}");
        assert_eq!(vault.cover_answer(&covered).expect("sealed"), covered, "once is enough");
        let order = &serde_json::from_str::<Value>(&covered).expect("JSON")["done"]["shop_order"];
        let address = serde_json::from_value(order["order"]["delivery"]["to"].clone()).expect("sealed");
        assert_eq!(vault.address(MemberId::new(5), &address).expect("opened").as_str(), "a street");
        let openid = serde_json::from_value(order["members"][0]["openid"].clone()).expect("sealed");
        assert_eq!(vault.openid(&openid).expect("opened"), "one");
    }
}
