//! The simulation's keys. All of them are public; see `keys/README.md`.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rand::{self, SystemRandom};
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The simulated merchant. Real numbers begin with a 1, so this one can never be somebody's.
pub const MCHID: &str = "0900000001";
/// Serial of the merchant's certificate.
pub const MERCHANT_SERIAL: &str = "51A0000000000000000000000000000000000001";
/// The merchant's `apiclient_key.pem`.
pub const MERCHANT_PRIVATE_KEY_PEM: &str = include_str!("../keys/merchant.key.pem");
/// Seals notifications and certificates.
pub const APIV3_KEY: &str = "sim-apiv3-key-works-on-loopback.";
/// Signs the jump of pay score's front end.
pub const APIV2_KEY: &str = "sim-apiv2-key-works-on-loopback.";
/// Id of the key of the public-key mode.
pub const PUBLIC_KEY_ID: &str = "PUB_KEY_ID_0109000000012026010100000000000001";
/// The key of the public-key mode.
pub const PUBLIC_KEY_PEM: &str = include_str!("../keys/public_mode.pub.pem");
/// The platform certificate in use at first.
pub const PLATFORM_CERTIFICATE_PEM: &str = include_str!("../keys/platform_1.cert.pem");
/// The one that a rotation brings.
pub const NEXT_PLATFORM_CERTIFICATE_PEM: &str = include_str!("../keys/platform_2.cert.pem");
pub(crate) const PLATFORM_SERIAL: &str = "51A0000000000000000000000000000000000A01";
pub(crate) const NEXT_PLATFORM_SERIAL: &str = "51A0000000000000000000000000000000000A02";

const MERCHANT_PUBLIC_KEY_PEM: &str = include_str!("../keys/merchant.pub.pem");

/// Which key WeChat signs with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signer {
    Platform,
    NextPlatform,
    PublicMode,
}

impl Signer {
    pub(crate) fn of_serial(serial: &str) -> Option<Self> {
        match serial {
            PLATFORM_SERIAL => Some(Self::Platform),
            NEXT_PLATFORM_SERIAL => Some(Self::NextPlatform),
            PUBLIC_KEY_ID => Some(Self::PublicMode),
            _ => None,
        }
    }

    pub(crate) fn serial(self) -> &'static str {
        match self {
            Self::Platform => PLATFORM_SERIAL,
            Self::NextPlatform => NEXT_PLATFORM_SERIAL,
            Self::PublicMode => PUBLIC_KEY_ID,
        }
    }
}

pub(crate) struct Keys {
    platform: KeyPair,
    next_platform: KeyPair,
    public_mode: KeyPair,
    merchant: UnparsedPublicKey<Vec<u8>>,
    random: SystemRandom,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(…)")
    }
}

impl Keys {
    pub(crate) fn load() -> Option<Self> {
        let pair = |pem: &str| KeyPair::from_pkcs8(&der(pem)?).ok();
        Some(Self {
            platform: pair(include_str!("../keys/platform_1.key.pem"))?,
            next_platform: pair(include_str!("../keys/platform_2.key.pem"))?,
            public_mode: pair(include_str!("../keys/public_mode.key.pem"))?,
            merchant: UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der(MERCHANT_PUBLIC_KEY_PEM)?),
            random: SystemRandom::new(),
        })
    }

    /// Whether the merchant signed this text; the signature in base64.
    pub(crate) fn is_merchants(&self, text: &[u8], signature: &str) -> bool {
        STANDARD.decode(signature).is_ok_and(|signature| self.merchant.verify(text, &signature).is_ok())
    }

    pub(crate) fn sign(&self, signer: Signer, text: &[u8]) -> String {
        let pair = match signer {
            Signer::Platform => &self.platform,
            Signer::NextPlatform => &self.next_platform,
            Signer::PublicMode => &self.public_mode,
        };
        let mut signature = vec![0; pair.public_modulus_len()];
        // Signing with a sound key of this length does not fail; an empty signature would be refused by whoever gets it.
        match pair.sign(&RSA_PKCS1_SHA256, &self.random, text, &mut signature) {
            Ok(()) => STANDARD.encode(signature),
            Err(_) => String::new(),
        }
    }
}

/// What AES-256-GCM under the APIv3 key makes of a text: nonce and ciphertext, both as they travel.
pub(crate) fn seal(key: &str, associated_data: &str, plain: &[u8]) -> Option<(String, String)> {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.as_bytes()).ok()?);
    // Twelve characters, because a nonce travels as text.
    let nonce = &random_hex(NONCE_LEN / 2)?;
    let mut sealed = plain.to_vec();
    let unique = Nonce::try_assume_unique_for_key(nonce.as_bytes()).ok()?;
    key.seal_in_place_append_tag(unique, Aad::from(associated_data.as_bytes()), &mut sealed).ok()?;
    Some((nonce.clone(), STANDARD.encode(sealed)))
}

pub(crate) fn random_hex(bytes: usize) -> Option<String> {
    let mut random = vec![0; bytes];
    fill(&mut random)?;
    Some(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

pub(crate) fn random_bytes<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    fill(&mut bytes).map(|()| bytes)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the simulation stands outside: its tokens are as unforeseeable as WeChat's"
)]
fn fill(bytes: &mut [u8]) -> Option<()> {
    rand::fill(bytes).ok()
}

/// The bytes between the dashes.
fn der(pem: &str) -> Option<Vec<u8>> {
    let lines = pem.lines().filter(|line| !line.starts_with("-----"));
    STANDARD.decode(lines.collect::<String>()).ok()
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::{APIV2_KEY, APIV3_KEY, Keys, Signer, seal};

    #[test]
    fn the_keys_load_and_have_their_lengths() {
        let keys = Keys::load().expect("sound keys");
        assert_eq!((APIV3_KEY.len(), APIV2_KEY.len()), (32, 32));
        for signer in [Signer::Platform, Signer::NextPlatform, Signer::PublicMode] {
            assert_eq!(keys.sign(signer, b"text").len(), 344);
            assert_eq!(Signer::of_serial(signer.serial()), Some(signer));
        }
        assert!(!keys.is_merchants(b"text", &keys.sign(Signer::Platform, b"text")));
    }

    #[test]
    fn the_merchant_of_the_shared_vectors_would_be_verified_alike() {
        use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../wechat/tests/vectors.json")).expect("vectors are JSON");
        let key = super::der(vectors["keys"]["merchant_public_key_spki"].as_str().expect("a key")).expect("base64");
        let keys = Keys {
            merchant: UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key),
            ..Keys::load().expect("sound keys")
        };
        for vector in vectors["request_sign"].as_array().expect("a list") {
            let (message, signature) = (vector["sign_message"].as_str(), vector["signature"].as_str());
            let (message, signature) = (message.expect("text"), signature.expect("text"));
            assert!(keys.is_merchants(message.as_bytes(), signature), "{}", vector["name"]);
            assert!(!keys.is_merchants(format!("{message}x").as_bytes(), signature));
        }
    }

    #[test]
    fn seals_are_text_and_differ() {
        let (nonce, sealed) = seal(APIV3_KEY, "transaction", b"{}").expect("seals");
        assert_eq!(nonce.len(), 12);
        assert_eq!(STANDARD.decode(&sealed).expect("base64").len(), 2 + 16);
        assert_ne!(seal(APIV3_KEY, "transaction", b"{}").expect("seals").1, sealed);
    }
}
