use std::sync::{Arc, PoisonError};

use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::json;

use super::{Refusal, plain};
use crate::keys::random_bytes;
use crate::world::Shared;

/// The access token in force, and the one before it for as long as it still works.
#[derive(Default)]
pub(super) struct Tokens {
    current: Option<(String, i64)>,
    previous: Option<(String, i64)>,
}

const LIFE_MS: i64 = 7200 * 1000;
const OVERLAP_MS: i64 = 300 * 1000;

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    grant_type: String,
    #[serde(default)]
    appid: String,
    #[serde(default)]
    secret: String,
    #[serde(default)]
    force_refresh: bool,
}

pub(super) async fn stable_token(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    shared.log.add("POST", "/cgi-bin/stable_token", 200, None);
    let refuse = |errcode, errmsg| Refusal { errcode, errmsg }.into_response();
    let Ok(asked) = serde_json::from_slice::<Asked>(&body) else {
        return refuse(47001, "data format error");
    };
    match &asked {
        Asked { appid, .. } if *appid != shared.config.appid => return refuse(40013, "invalid appid"),
        Asked { secret, .. } if *secret != shared.config.app_secret => return refuse(40125, "invalid appsecret"),
        Asked { grant_type, .. } if grant_type != "client_credential" => return refuse(40002, "invalid grant_type"),
        _ => {}
    }
    let Some(bytes) = random_bytes::<60>() else {
        return refuse(-1, "system error");
    };
    let fresh = format!("SIM_{}", URL_SAFE_NO_PAD.encode(bytes));
    let now_ms = shared.config.clock.business_ms();
    let mut tokens = shared.mini.tokens.lock().unwrap_or_else(PoisonError::into_inner);
    let (token, expires_at) = tokens.give(fresh, asked.force_refresh, now_ms);
    plain(json!({"access_token": token, "expires_in": (expires_at - now_ms) / 1000}).to_string())
}

impl Tokens {
    fn give(&mut self, fresh: String, force: bool, now_ms: i64) -> (String, i64) {
        if let Some((token, expires_at)) = &self.current
            && !force
            && now_ms < expires_at - OVERLAP_MS
        {
            return (token.clone(), *expires_at);
        }
        // Forced, the old one ends at once; otherwise both work until it ends by itself.
        self.previous = if force { None } else { self.current.take() };
        self.current = Some((fresh.clone(), now_ms + LIFE_MS));
        (fresh, now_ms + LIFE_MS)
    }

    fn accepts(&self, token: &str, now_ms: i64) -> Result<(), Refusal> {
        let known = [&self.current, &self.previous].into_iter().flatten().find(|(known, _)| known == token);
        match known {
            Some((_, expires_at)) if now_ms < *expires_at => Ok(()),
            Some(_) => Err(Refusal { errcode: 42001, errmsg: "access_token expired" }),
            None => {
                Err(Refusal { errcode: 40001, errmsg: "invalid credential, access_token is invalid or not latest" })
            }
        }
    }
}

#[derive(Deserialize)]
pub(super) struct WithToken {
    #[serde(default)]
    access_token: String,
}

impl WithToken {
    pub(super) fn check(&self, shared: &Shared) -> Result<(), Refusal> {
        if self.access_token.is_empty() {
            return Err(Refusal { errcode: 41001, errmsg: "access_token missing" });
        }
        let tokens = shared.mini.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.accepts(&self.access_token, shared.config.clock.business_ms())
    }
}

#[cfg(test)]
mod tests {
    use super::{LIFE_MS, OVERLAP_MS, Tokens};

    #[test]
    fn a_token_is_stable_then_overlaps_and_a_forced_one_ends_it() {
        let mut tokens = Tokens::default();
        assert_eq!(tokens.give("a".to_owned(), false, 0), ("a".to_owned(), LIFE_MS));
        assert_eq!(tokens.give("b".to_owned(), false, 1).0, "a");
        let late = LIFE_MS - OVERLAP_MS;
        assert_eq!(tokens.give("c".to_owned(), false, late).0, "c");
        assert!(tokens.accepts("a", late).is_ok() && tokens.accepts("c", late).is_ok());
        assert_eq!(tokens.accepts("a", LIFE_MS).err().map(|refusal| refusal.errcode), Some(42001));
        tokens.give("d".to_owned(), true, late);
        assert_eq!(tokens.accepts("c", late).err().map(|refusal| refusal.errcode), Some(40001));
    }
}
