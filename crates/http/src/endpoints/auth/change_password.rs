use axum::http::Method;
use kernel::{Code, Refusal};
use schemars::JsonSchema;
use serde::Deserialize;
use service::WeakPassword;
use store::queries;

use super::Secret;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::Nothing;
use crate::reply::Reply;
use crate::texts::{self, Language, say};
use crate::throttle::Client;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewPassword {
    current_password: Secret,
    /// At least twelve characters.
    new_password: Secret,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::signed_in(
        Declaration {
            method: Method::PUT,
            path: "/api/v1/auth/password",
            id: "changeOwnPassword",
            tag: Tag::SignIn,
            summary: "Change one's own password",
            description: "For who has an account. All other sessions end. A wrong current password counts as a failed \
                          sign-in.",
            codes: &[Code::BusinessRule],
        },
        handle,
    )
}

async fn handle(app: App, caller: Caller, input: Input<Nothing, Nothing, NewPassword>) -> Result<Reply<()>, Failure> {
    let member = queries::members::one(app.store(), caller.identity.member).await?;
    let account = member.and_then(|member| member.account).ok_or(Refusal::NoAccount)?;
    let NewPassword { current_password, new_password } = input.body;
    must_be_strong(&app, &new_password, account.as_str(), caller.language).await?;
    let client = Some(Client::of(caller.address));
    let give_back = app.admit(client, account.as_str())?;
    let (current, new) = (current_password.reveal(), new_password.reveal());
    match app.service().change_password(&caller.identity, account.as_str(), current, new).await {
        Err(service::Failure::BadCredentials) => {
            Err(Failure::invalid("current_password", say!(caller.language, "与现在的密码不符", "is not the password")))
        }
        done => {
            give_back();
            done?;
            Ok(Reply::saying(texts::PASSWORD_CHANGED, ()))
        }
    }
}

pub(in crate::endpoints) async fn must_be_strong(
    app: &App,
    password: &Secret,
    account: &str,
    language: Language,
) -> Result<(), Failure> {
    let Some(weak) = app.service().weakness(password.reveal(), account).await? else { return Ok(()) };
    let (shortest, longest) = (WeakPassword::SHORTEST, WeakPassword::LONGEST);
    let problem = match weak {
        WeakPassword::Length => {
            say!(language, "须为 {shortest} 到 {longest} 个字符", "must have {shortest} to {longest} characters")
        }
        WeakPassword::TooUniform => say!(language, "用的字符种类太少", "is made of too few different characters"),
        WeakPassword::Sequence => say!(
            language,
            "大多是字母表、数字或键盘上的顺序，太容易猜",
            "mostly goes along the alphabet, the digits or the keyboard",
        ),
        WeakPassword::LikeAccount => {
            say!(language, "与账号名太像", "is little more than the name of the account")
        }
        WeakPassword::Leaked => {
            say!(
                language,
                "在已外泄的密码名单上，最容易被人试出来",
                "is on the list of leaked passwords, which others try first"
            )
        }
    };
    Err(Failure::invalid("new_password", problem))
}
