use serde::Deserialize;

use super::{MiniProgram, parse};
use crate::error::Error;
use crate::secret::Secret;

/// Who a sign-in code stands for.
///
/// The session key must stay on the server, and it is no proof of being signed in: issue a token of your own.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct MiniSession {
    /// The person, within this appid.
    pub openid: Secret,
    pub session_key: Secret,
    /// The person across appids; only where the mini program is bound to an open platform account.
    pub unionid: Option<Secret>,
}

impl MiniProgram {
    /// Trades a code from `wx.login` for the person behind it. A code works once and for five minutes; do not repeat the call.
    pub async fn code2session(&self, code: &str) -> Result<MiniSession, Error> {
        if code.is_empty() || code.len() > LONGEST_CODE {
            return Err(Error::input("js_code", format!("1 to {LONGEST_CODE} bytes")));
        }
        let query = [
            ("appid", self.appid.as_str()),
            ("secret", self.secret.expose()),
            ("js_code", code),
            ("grant_type", "authorization_code"),
        ];
        let answer = self.get("/sns/jscode2session", &query).await?;
        let session: MiniSession = parse(answer.status, &answer.body, &[self.secret.expose(), code])?;
        if session.openid.expose().is_empty() {
            return Err(Error::answer(answer.status, "an empty openid"));
        }
        Ok(session)
    }
}

/// Real codes have 32 characters; the bound keeps nonsense off the wire.
const LONGEST_CODE: usize = 256;

#[cfg(test)]
mod tests {
    use super::{MiniSession, parse};
    use crate::{Kind, Outcome};

    #[test]
    fn success_without_errcode_or_with_zero() {
        for body in [
            r#"{"openid":"oA","session_key":"k"}"#,
            r#"{"errcode":0,"errmsg":"ok","openid":"oA","session_key":"k","unionid":"u","extra":[1]}"#,
        ] {
            let session: MiniSession = parse(200, body.as_bytes(), &[]).expect("parses");
            assert_eq!(session.openid.expose(), "oA");
        }
    }

    #[test]
    fn refusals_carry_the_number_and_lose_the_code() {
        let body = br#"{"errcode":40029,"errmsg":"invalid code 0a1b2c3d, rid: 6512"}"#;
        let error = parse::<MiniSession>(200, body, &["0a1b2c3d"]).expect_err("refused");
        assert_eq!((error.errcode(), error.outcome()), (Some(40029), Outcome::Refused));
        assert_eq!(error.to_string(), "refused with errcode 40029: invalid code …, rid: 6512");
        let busy = parse::<MiniSession>(200, br#"{"errcode":-1,"errmsg":"system error"}"#, &[]).expect_err("busy");
        assert_eq!(busy.outcome(), Outcome::Unknown);
    }

    #[test]
    fn nonsense_is_an_unknown_outcome_and_is_not_quoted() {
        for (status, body) in [
            (200, &b"<html>"[..]),
            (200, b""),
            (200, br#"{"openid":7,"session_key":"k"}"#),
            (200, br#"{"openid":"oSECRET"}"#),
            (200, br#"{"errcode":"40029"}"#),
            (200, br#"["oSECRET"]"#),
            (502, br#"{"openid":"oSECRET","session_key":"k"}"#),
        ] {
            let error = parse::<MiniSession>(status, body, &[]).expect_err("nonsense");
            assert!(matches!(error.kind(), Kind::Answer { .. }), "{error}");
            assert_eq!(error.outcome(), Outcome::Unknown);
            assert!(!format!("{error} {error:?}").contains("oSECRET"));
        }
    }
}
