//! Single fields that some calls want encrypted: names, account numbers. RSA-OAEP with SHA-1 in both places.

use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OaepPrivateDecryptingKey, OaepPublicEncryptingKey, PrivateDecryptingKey, PublicEncryptingKey,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::pem;
use crate::error::Error;
use crate::secret::Secret;

/// Encrypts a field for WeChat, with the PEM of its public key. `Wechatpay-Serial` of the request must name that key.
pub fn seal_field(public_key_pem: &str, plain: &Secret) -> Result<String, Error> {
    let problem = || Error::config("public key: cannot encrypt");
    let der = pem::decode(public_key_pem, "PUBLIC KEY").ok_or_else(problem)?;
    let key = PublicEncryptingKey::from_der(&der).map_err(|_| problem())?;
    let key = OaepPublicEncryptingKey::new(key).map_err(|_| problem())?;
    let mut sealed = vec![0; key.ciphertext_size()];
    let plain = plain.expose().as_bytes();
    if plain.len() > key.max_plaintext_size(&OAEP_SHA1_MGF1SHA1) {
        return Err(Error::input("field", "too long to encrypt"));
    }
    let sealed = key.encrypt(&OAEP_SHA1_MGF1SHA1, plain, &mut sealed, None).map_err(|_| problem())?;
    Ok(STANDARD.encode(sealed))
}

/// Decrypts a field that WeChat encrypted for the merchant; `None` where it was not for this key.
pub fn open_field(private_key_pem: &Secret, sealed: &str) -> Option<Secret> {
    let der = pem::decode(private_key_pem.expose(), "PRIVATE KEY")?;
    let key = OaepPrivateDecryptingKey::new(PrivateDecryptingKey::from_pkcs8(&der).ok()?).ok()?;
    let sealed = STANDARD.decode(sealed).ok()?;
    let mut plain = vec![0; key.min_output_size()];
    let plain = key.decrypt(&OAEP_SHA1_MGF1SHA1, &sealed, &mut plain, None).ok()?;
    String::from_utf8(plain.to_vec()).ok().map(Secret::new)
}
