//! One's own second factor. None of these keep anything under an idempotency key: secrets and codes are shown once.

pub(in crate::endpoints) mod confirm;
pub(in crate::endpoints) mod offer;
pub(in crate::endpoints) mod recovery_codes;
pub(in crate::endpoints) mod show;
pub(in crate::endpoints) mod turn_off;

use kernel::{Code, Instant, Member, MemberId, Refusal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use service::FactorSecret;
use store::queries;

use super::Secret;
use crate::App;
use crate::caller::Caller;
use crate::failure::Failure;
use crate::qr;
use crate::texts::say;
use crate::throttle::Client;

/// What somebody has of a second factor.
#[derive(Serialize, JsonSchema)]
pub(in crate::endpoints) struct SecondFactorInfo {
    on: bool,
    since: Option<Instant>,
    recovery_codes_left: usize,
}

impl SecondFactorInfo {
    pub(in crate::endpoints) async fn of(app: &App, member: MemberId) -> Result<Self, Failure> {
        let factor = queries::second_factors::one(app.store(), member).await?;
        let active = factor.and_then(|factor| factor.active);
        Ok(Self {
            on: active.is_some(),
            since: active.as_ref().map(|active| active.since),
            recovery_codes_left: active.map_or(0, |active| active.recovery.len()),
        })
    }
}

/// A secret for an authenticator app. It counts once a code of it was confirmed.
#[derive(Serialize, JsonSchema)]
pub(super) struct OfferedSecret {
    /// To be typed.
    secret: String,
    /// What the picture holds.
    uri: String,
    /// To be scanned: a picture as SVG.
    qr: String,
    /// Seconds.
    expires_in: i64,
}

impl OfferedSecret {
    pub(super) fn of(secret: FactorSecret) -> Result<Self, Failure> {
        let qr = qr::svg(&qr::code(&secret.uri)?, 200, &[]);
        Ok(Self { secret: secret.text, uri: secret.uri, qr, expires_in: secret.expires_in_secs })
    }
}

/// Each signs in once where the app is not at hand. Shown this once.
#[derive(Serialize, JsonSchema)]
pub(super) struct RecoveryCodes {
    pub(super) recovery_codes: Vec<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PasswordAndCode {
    password: Secret,
    /// Of the app, or a recovery code.
    code: Secret,
}

/// Asks for the password again. Who gets it or the code wrong is counted as one who fails to sign in; who does not calls what
/// comes back.
async fn password_again<'a>(
    app: &'a App,
    caller: &Caller,
    password: &Secret,
) -> Result<(Member, impl FnOnce() + use<'a>), Failure> {
    let member = queries::members::one(app.store(), caller.identity.member).await?;
    let member = member.ok_or(Failure::Code(Code::InvalidToken))?;
    let account = member.account.as_ref().ok_or(Refusal::NoAccount)?;
    let give_back = app.admit(Some(Client::of(caller.address)), account.as_str())?;
    if app.service().is_password(&caller.identity, account.as_str(), password.reveal()).await? {
        Ok((member, give_back))
    } else {
        Err(Failure::invalid("password", say!(caller.language, "与现在的密码不符", "is not the password")))
    }
}

/// Leaves a try that failed by its code counted.
pub(super) fn counted<T>(done: Result<T, service::Failure>, give_back: impl FnOnce()) -> Result<T, Failure> {
    if !matches!(done, Err(service::Failure::Refused(Refusal::CodeWrong | Refusal::CodeUsed))) {
        give_back();
    }
    Ok(done?)
}
