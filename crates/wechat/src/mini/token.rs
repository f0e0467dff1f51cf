use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::{MiniProgram, parse};
use crate::error::Error;
use crate::secret::Secret;
use crate::time::UnixTime;
use crate::transport::Answer;

/// The access token, fetched once for everybody: whoever needs it while it is being fetched waits for that fetch.
#[derive(Default)]
pub(super) struct Cache(Mutex<Option<Token>>);

struct Token {
    text: Secret,
    expires_at: UnixTime,
}

/// WeChat hands out a new token in the last five minutes of the old one, and both work.
const RENEW_BEFORE_S: i64 = 240;

#[derive(Serialize)]
struct Wanted<'a> {
    grant_type: &'static str,
    appid: &'a str,
    secret: &'a str,
    force_refresh: bool,
}

#[derive(Deserialize)]
struct Given {
    access_token: Secret,
    expires_in: i64,
}

impl MiniProgram {
    /// Makes a call with the access token. Where WeChat says that the token is not good any more, fetches another and calls once
    /// more: a call refused for its token had no effect. `read` gets the answer and the token, which it keeps out of errors.
    pub(super) async fn post_with_token<T>(
        &self,
        path: &str,
        body: &(impl Serialize + Sync),
        now: UnixTime,
        read: impl Fn(Answer, &str) -> Result<T, Error> + Sync,
    ) -> Result<T, Error> {
        let token = self.token(now, None).await?;
        let answer = self.post(path, &[("access_token", token.expose())], body).await?;
        match read(answer, token.expose()) {
            Err(error) if matches!(error.errcode(), Some(40001 | 40014 | 42001)) => {
                let other = self.token(now, Some(&token)).await?;
                if other == token {
                    // WeChat holds it for good, so the fault is elsewhere.
                    return Err(error);
                }
                let answer = self.post(path, &[("access_token", other.expose())], body).await?;
                read(answer, other.expose())
            }
            result => result,
        }
    }

    async fn token(&self, now: UnixTime, refused: Option<&Secret>) -> Result<Secret, Error> {
        let mut cache = self.token.0.lock().await;
        if let Some(token) = &*cache
            && now < token.expires_at
            && refused != Some(&token.text)
        {
            return Ok(token.text.clone());
        }
        // Never forced: that would end the token of every other process.
        let wanted = Wanted {
            grant_type: "client_credential",
            appid: &self.appid,
            secret: self.secret.expose(),
            force_refresh: false,
        };
        let Answer { status, body, .. } = self.post("/cgi-bin/stable_token", &[], &wanted).await?;
        let given: Given = parse(status, &body, &[self.secret.expose()])?;
        if given.access_token.expose().is_empty() {
            return Err(Error::answer(status, "an empty token"));
        }
        let expires_at = now.saturating_add_secs(given.expires_in.saturating_sub(RENEW_BEFORE_S));
        *cache = Some(Token { text: given.access_token.clone(), expires_at });
        Ok(given.access_token)
    }
}
