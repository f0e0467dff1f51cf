//! Signing in: WeChat vouches, or a password does; then the session is a command like any other.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kernel::{Actor, CloseSession, Command, Member, NewSession, OpenSession, Outcome, Profile, SignIn};

use crate::ambient::uuid;
use crate::sessions::hash_token;
use crate::{Caller, Entered, Failure, Request, Service};

#[derive(Debug, Clone)]
pub struct SignedIn {
    pub token: String,
    pub expires_in_secs: i64,
    pub member: Member,
}

impl Service {
    /// # Errors
    /// `BadCredentials` where WeChat does not know the code, `Provider` where WeChat cannot be asked.
    pub async fn sign_in_wechat(&self, code: &str) -> Result<SignedIn, Failure> {
        let Some(mini) = self.mini_program() else {
            return Err(Failure::Provider { reason: "no mini program is configured".to_owned() });
        };
        let session = mini.code2session(code).await.map_err(|error| match error.errcode() {
            // Invalid, used, and a person whom WeChat blocks.
            Some(40029 | 40163 | 40226) => Failure::BadCredentials,
            _ => Failure::Provider { reason: error.to_string() },
        })?;
        let (token, new) = self.new_session();
        let profile = Profile { uid: uuid(self.ambient()), nickname: "微信用户".to_owned() };
        let openid = self.vault().seal_openid(session.openid.expose())?;
        let command = Command::SignIn(SignIn { openid, profile, session: new });
        self.enter(token, command).await
    }

    /// # Errors
    /// `BadCredentials`, whichever of the two is wrong.
    pub async fn sign_in_password(&self, account: &str, password: &str) -> Result<Entered, Failure> {
        let member = self.believe(account, password).await?;
        if let Some(purpose) = self.asked_beside_password(member).await? {
            return self.open_ticket(member, purpose).await.map(Entered::Half);
        }
        let (token, session) = self.new_session();
        self.enter(token, Command::OpenSession(OpenSession { member, session })).await.map(Entered::In)
    }

    pub async fn sign_out(&self, caller: &Caller) -> Result<(), Failure> {
        let command = Command::CloseSession(CloseSession { member: caller.member, token_hash: caller.token_hash });
        self.run(Request { command, actor: caller.actor(), key: None, dry_run: false }).await.map(drop)
    }

    /// What nobody can guess.
    pub(crate) fn new_token(&self) -> String {
        let mut bytes = [0; 32];
        self.ambient().fill(&mut bytes);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    pub(crate) fn new_session(&self) -> (String, NewSession) {
        let token = self.new_token();
        let expires_at = self.now().plus_millis(self.session_ms());
        let session = NewSession { token_hash: hash_token(&token), expires_at };
        (token, session)
    }

    async fn enter(&self, token: String, command: Command) -> Result<SignedIn, Failure> {
        self.enter_as(Actor::house(), token, command).await
    }

    pub(crate) async fn enter_as(&self, actor: Actor, token: String, command: Command) -> Result<SignedIn, Failure> {
        let request = Request { command, actor, key: None, dry_run: false };
        match self.run(request).await? {
            Outcome::Session(session) => {
                let expires_in_secs = (session.expires_at.as_millis() - self.now().as_millis()) / 1000;
                Ok(SignedIn { token, expires_in_secs, member: session.member })
            }
            other => Err(Failure::Internal { reason: format!("signing in answered {other:?}") }),
        }
    }
}
