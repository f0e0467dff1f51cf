use std::sync::{Arc, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::json;

use super::{BUSY, Issued, Refusal, SLOW_DOWN, SignIns, plain};
use crate::keys::random_bytes;
use crate::world::Shared;

/// The person that the self-describing codes of `name` lead to: 28 characters, like a real openid.
pub fn openid_of(name: &str) -> String {
    let hash = digest(&SHA256, format!("openid of {name}").as_bytes());
    let mut openid = format!("o{}", URL_SAFE_NO_PAD.encode(hash));
    openid.truncate(28);
    openid
}

/// Whom the page lists.
const MOST_REMEMBERED: usize = 50;

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    appid: String,
    #[serde(default)]
    secret: String,
    #[serde(default)]
    js_code: String,
    #[serde(default)]
    grant_type: String,
}

pub(super) async fn code2session(State(shared): State<Arc<Shared>>, Query(asked): Query<Asked>) -> Response {
    let config = &shared.config;
    if let Err(refusal) = check_caller(&asked, &config.appid, &config.app_secret) {
        return refusal.into_response();
    }
    let now_ms = config.clock.business_ms();
    let mut sign_ins = shared.mini.sign_ins.lock().unwrap_or_else(PoisonError::into_inner);
    let person = match sign_ins.redeem(&asked.js_code, now_ms, config.sign_ins_per_minute) {
        Ok(person) => person,
        Err(refusal) => return refusal.into_response(),
    };
    drop(sign_ins);
    let Some(session_key) = random_bytes::<16>().map(|bytes| STANDARD.encode(bytes)) else {
        return BUSY.into_response();
    };
    let mut answer = json!({"session_key": session_key, "openid": person.openid});
    if let Some(unionid) = person.unionid {
        answer["unionid"] = unionid.into();
    }
    plain(answer.to_string())
}

fn check_caller(asked: &Asked, appid: &str, secret: &str) -> Result<(), Refusal> {
    let refuse = |errcode, errmsg| Err(Refusal { errcode, errmsg });
    match asked {
        Asked { appid, .. } if appid.is_empty() => refuse(41002, "appid missing"),
        Asked { secret, .. } if secret.is_empty() => refuse(41004, "appsecret missing"),
        Asked { js_code, .. } if js_code.is_empty() => refuse(41008, "missing code"),
        Asked { appid: given, .. } if given != appid => refuse(40013, "invalid appid"),
        Asked { secret: given, .. } if given != secret => refuse(40125, "invalid appsecret"),
        Asked { grant_type, .. } if grant_type != "authorization_code" => refuse(40002, "invalid grant_type"),
        _ => Ok(()),
    }
}

struct Person {
    openid: String,
    unionid: Option<String>,
}

impl SignIns {
    fn redeem(&mut self, code: &str, now_ms: i64, tries_per_minute: u32) -> Result<Person, Refusal> {
        const INVALID: Refusal = Refusal { errcode: 40029, errmsg: "invalid code" };
        const USED: Refusal = Refusal { errcode: 40163, errmsg: "code been used" };
        if let Some(name) = described_name(code) {
            let openid = openid_of(name);
            self.admit(&openid, now_ms, tries_per_minute)?;
            if !self.used.insert(fingerprint(code)) {
                return Err(USED);
            }
            self.remember(&openid, name);
            return Ok(Person { openid, unionid: None });
        }
        let openid = self.issued.get(code).ok_or(INVALID)?.openid.clone();
        self.admit(&openid, now_ms, tries_per_minute)?;
        let issued = self.issued.get_mut(code).ok_or(INVALID)?;
        if issued.used {
            return Err(USED);
        }
        if now_ms >= issued.expires_at_ms {
            return Err(INVALID);
        }
        issued.used = true;
        let unionid = issued.unionid.clone();
        self.remember(&openid, "");
        Ok(Person { openid, unionid })
    }

    fn remember(&mut self, openid: &str, name: &str) {
        self.people.retain(|(known, _)| known != openid);
        if self.people.len() == MOST_REMEMBERED {
            self.people.remove(0);
        }
        self.people.push((openid.to_owned(), name.to_owned()));
    }

    fn admit(&mut self, openid: &str, now_ms: i64, tries_per_minute: u32) -> Result<(), Refusal> {
        if self.blocked.contains(openid) {
            return Err(Refusal { errcode: 40226, errmsg: "code blocked" });
        }
        let minute = now_ms.div_euclid(60_000);
        if self.minute != minute {
            self.minute = minute;
            self.tries.clear();
        }
        let tries = self.tries.entry(openid.to_owned()).or_default();
        *tries = tries.saturating_add(1);
        if *tries > tries_per_minute {
            return Err(SLOW_DOWN);
        }
        Ok(())
    }
}

/// NAME of `sim-NAME` and `sim-NAME-NONCE`.
fn described_name(code: &str) -> Option<&str> {
    let rest = code.strip_prefix("sim-")?;
    let name = rest.split_once('-').map_or(rest, |(name, _)| name);
    (1..=64).contains(&name.len()).then_some(name)
}

pub(super) fn fingerprint(code: &str) -> u128 {
    digest(&SHA256, code.as_bytes()).as_ref().iter().take(16).fold(0, |sum, byte| (sum << 8) | u128::from(*byte))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CodeWanted {
    openid: String,
    unionid: Option<String>,
}

pub(super) async fn issue_code(State(shared): State<Arc<Shared>>, Json(wanted): Json<CodeWanted>) -> Response {
    if wanted.openid.is_empty() || wanted.openid.len() > 128 {
        return (StatusCode::UNPROCESSABLE_ENTITY, "openid: 1 to 128 bytes").into_response();
    }
    let Some(bytes) = random_bytes::<24>() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    // 32 characters like a real code, and with a first one that no self-describing code has.
    let code = format!("0{}", &URL_SAFE_NO_PAD.encode(bytes)[1..]);
    let expires_at_ms = shared.config.clock.business_ms() + CODE_LIFE_MS;
    let issued = Issued { openid: wanted.openid, unionid: wanted.unionid, expires_at_ms, used: false };
    shared.mini.sign_ins.lock().unwrap_or_else(PoisonError::into_inner).issued.insert(code.clone(), issued);
    Json(json!({"code": code, "expires_in": CODE_LIFE_MS / 1000})).into_response()
}

pub(super) const CODE_LIFE_MS: i64 = 5 * 60 * 1000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PersonWanted {
    openid: String,
    blocked: bool,
}

pub(super) async fn change_person(State(shared): State<Arc<Shared>>, Json(wanted): Json<PersonWanted>) -> Response {
    let mut sign_ins = shared.mini.sign_ins.lock().unwrap_or_else(PoisonError::into_inner);
    if wanted.blocked {
        sign_ins.blocked.insert(wanted.openid);
    } else {
        sign_ins.blocked.remove(&wanted.openid);
    }
    Json(json!({"done": true})).into_response()
}

#[cfg(test)]
mod tests {
    use super::{described_name, openid_of};

    #[test]
    fn self_describing_codes() {
        assert_eq!(described_name("sim-alice"), Some("alice"));
        assert_eq!(described_name("sim-alice-7-8"), Some("alice"));
        assert_eq!(described_name("sim-小王-1"), Some("小王"));
        for other in ["", "sim-", "sim--1", "Sim-alice", "alice", &format!("sim-{}", "x".repeat(65))] {
            assert_eq!(described_name(other), None, "{other}");
        }
    }

    #[test]
    fn an_openid_is_stable_and_looks_like_one() {
        assert_eq!(openid_of("alice"), openid_of("alice"));
        assert_ne!(openid_of("alice"), openid_of("bob"));
        let openid = openid_of("小王");
        assert!(openid.len() == 28 && openid.starts_with('o') && openid.is_ascii());
    }
}
