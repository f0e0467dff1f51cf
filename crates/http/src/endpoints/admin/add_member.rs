use axum::http::Method;
use kernel::{AccountName, AddMember, Code, Command, DepartmentCode, Outcome, Permission, Profile, Title};
use schemars::JsonSchema;
use serde::Deserialize;
use service::uuid;

use super::edit_member::MemberSettings;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::Nothing;
use crate::reply::Reply;
use crate::texts;

/// A member to be.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewMember {
    nickname: Title,
    /// What the member will sign in with, beside a password.
    account: Option<AccountName>,
    /// The code of a department.
    department: Option<DepartmentCode>,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::MemberWrite,
        Declaration {
            method: Method::POST,
            path: "/api/v1/admin/members",
            id: "addMember",
            tag: Tag::Administration,
            summary: "Add a member",
            description: "For somebody who does not come by way of WeChat. Without an account the member cannot sign in, and a \
                          department books for them. A password and roles are given by calls of their own.",
            codes: &[Code::NotFound, Code::BusinessRule],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, Nothing, NewMember>,
) -> Result<Reply<MemberSettings>, Failure> {
    let NewMember { nickname, account, department } = input.body;
    let command = Command::AddMember(AddMember {
        profile: Profile { uid: uuid(app.service().ambient()), nickname: nickname.into() },
        account,
        password_hash: None,
        openid: None,
        department,
        overdraft_limit: None,
        grants: Vec::new(),
    });
    let Outcome::Member { member } = app.service().run(caller.asks(command)).await? else {
        return Err(Failure::fault("a new member answered something else"));
    };
    Ok(Reply::saying(texts::CREATED, member.into()))
}
