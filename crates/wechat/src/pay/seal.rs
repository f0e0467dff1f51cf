//! AES-256-GCM under the APIv3 key: how notifications and certificates come.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::error::Error;
use crate::lenient::or_default;
use crate::secret::Secret;

/// The APIv3 key: 32 ASCII characters from the merchant console.
pub struct Apiv3Key(LessSafeKey);

impl Apiv3Key {
    /// Checks the length and the alphabet; a key with a space at its end would open nothing.
    pub fn new(key: &Secret) -> Result<Self, Error> {
        let bytes = key.expose().as_bytes();
        if bytes.len() != 32 || !bytes.is_ascii() {
            return Err(Error::config("APIv3 key: exactly 32 ASCII characters"));
        }
        let key = UnboundKey::new(&AES_256_GCM, bytes).map_err(|_| Error::config("APIv3 key: not usable"))?;
        Ok(Self(LessSafeKey::new(key)))
    }

    /// The plain bytes; `None` where the key, the nonce, the associated data or the ciphertext is not what it was when it was sealed.
    pub fn open(&self, sealed: &Sealed) -> Option<Vec<u8>> {
        if sealed.algorithm != "AEAD_AES_256_GCM" {
            return None;
        }
        let nonce = Nonce::try_assume_unique_for_key(sealed.nonce.as_bytes()).ok()?;
        let mut bytes = STANDARD.decode(&sealed.ciphertext).ok()?;
        let length = self.0.open_in_place(nonce, Aad::from(sealed.associated_data.as_bytes()), &mut bytes).ok()?.len();
        bytes.truncate(length);
        Some(bytes)
    }
}

impl fmt::Debug for Apiv3Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Apiv3Key(…)")
    }
}

/// Something that WeChat encrypted.
#[derive(Debug, Clone, Deserialize)]
pub struct Sealed {
    pub algorithm: String,
    pub nonce: String,
    #[serde(default, deserialize_with = "or_default")]
    pub associated_data: String,
    pub ciphertext: String,
    /// What kind of thing is inside: `transaction`, `refund`, `payscore`.
    #[serde(default, deserialize_with = "or_default")]
    pub original_type: String,
}
