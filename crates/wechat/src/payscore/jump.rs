//! What our front end hands to `wx.openBusinessView`. Signed in the older way, with the APIv2 key.

use std::fmt;

use serde::Serialize;

use crate::error::Error;
use crate::pay::{Merchant, hmac_sha256_v2, nonce};
use crate::secret::Secret;

const SIGN_TYPE: &str = "HMAC-SHA256";

/// `wxpayScoreUse`: the person confirms an order. The package works once.
#[derive(Clone, Serialize)]
pub struct UseJump {
    pub mch_id: String,
    pub package: String,
    pub timestamp: String,
    pub nonce_str: String,
    pub sign_type: &'static str,
    pub sign: String,
}

/// `wxpayScoreDetail`: the person sees an order, and may pay it.
#[derive(Clone, Serialize)]
pub struct DetailJump {
    pub mch_id: String,
    pub service_id: String,
    pub out_order_no: String,
    pub timestamp: String,
    pub nonce_str: String,
    pub sign_type: &'static str,
    pub sign: String,
}

impl Merchant {
    /// For confirming an order; `package` from its start.
    pub fn use_jump(&self, package: &Secret) -> Result<UseJump, Error> {
        let timestamp = self.now().secs().to_string();
        Ok(UseJump::sign(self.mchid(), package, timestamp, nonce()?, self.apiv2_key()?))
    }

    /// For looking at an order.
    pub fn detail_jump(&self, service_id: &str, out_order_no: &str) -> Result<DetailJump, Error> {
        let timestamp = self.now().secs().to_string();
        Ok(DetailJump::sign(self.mchid(), service_id, out_order_no, timestamp, nonce()?, self.apiv2_key()?))
    }
}

impl UseJump {
    fn sign(mch_id: &str, package: &Secret, timestamp: String, nonce_str: String, key: &Secret) -> Self {
        let params = [
            ("mch_id", mch_id),
            ("package", package.expose()),
            ("timestamp", &timestamp),
            ("nonce_str", &nonce_str),
            ("sign_type", SIGN_TYPE),
        ];
        let sign = hmac_sha256_v2(&params, key);
        let (mch_id, package) = (mch_id.to_owned(), package.expose().to_owned());
        Self { mch_id, package, timestamp, nonce_str, sign_type: SIGN_TYPE, sign }
    }
}

impl DetailJump {
    fn sign(
        mch_id: &str,
        service_id: &str,
        out_order_no: &str,
        timestamp: String,
        nonce_str: String,
        key: &Secret,
    ) -> Self {
        let params = [
            ("mch_id", mch_id),
            ("service_id", service_id),
            ("out_order_no", out_order_no),
            ("timestamp", &timestamp),
            ("nonce_str", &nonce_str),
            ("sign_type", SIGN_TYPE),
        ];
        let sign = hmac_sha256_v2(&params, key);
        let (mch_id, service_id, out_order_no) = (mch_id.to_owned(), service_id.to_owned(), out_order_no.to_owned());
        Self { mch_id, service_id, out_order_no, timestamp, nonce_str, sign_type: SIGN_TYPE, sign }
    }
}

impl fmt::Debug for UseJump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UseJump").field("mch_id", &self.mch_id).finish_non_exhaustive()
    }
}

impl fmt::Debug for DetailJump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DetailJump").field("out_order_no", &self.out_order_no).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{DetailJump, UseJump};
    use crate::secret::Secret;

    #[test]
    fn signatures_are_those_of_independent_clients() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/vectors.json")).expect("vectors are JSON");
        let key = Secret::new(vectors["keys"]["apiv2_key"].as_str().expect("a key"));
        let all = vectors["payscore_front_sign"].as_array().expect("a list");
        let of = |index: usize, name: &str| all[index]["params"][name].as_str().expect("a text").to_owned();
        let package = Secret::new(of(0, "package"));
        let used = UseJump::sign(&of(0, "mch_id"), &package, of(0, "timestamp"), of(0, "nonce_str"), &key);
        assert_eq!(used.sign, all[0]["sign"]);
        let (service_id, out_order_no) = (of(1, "service_id"), of(1, "out_order_no"));
        let seen = DetailJump::sign(
            &of(1, "mch_id"),
            &service_id,
            &out_order_no,
            of(1, "timestamp"),
            of(1, "nonce_str"),
            &key,
        );
        assert_eq!(seen.sign, all[1]["sign"]);
    }
}
