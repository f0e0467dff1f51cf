use axum::http::Method;
use kernel::{
    AccountName, Code, Command, DepartmentCode, DepartmentId, EditMember, Instant, Member, MemberId, MemberStatus,
    Note, Outcome, Permission, Title,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::member::MemberPath;
use super::member_roles::GrantAnswer;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{Nothing, double_option};
use crate::reply::Reply;
use crate::texts;

/// What to change; an absent field stays as it is.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct MemberPatch {
    nickname: Option<Title>,
    /// What the member signs in with from now on.
    account: Option<AccountName>,
    /// The code of a department; null for none.
    #[serde(default, deserialize_with = "double_option")]
    department: Option<Option<DepartmentCode>>,
    reason: Option<Note>,
}

/// What administrators decide of a member.
#[derive(Serialize, JsonSchema)]
pub(super) struct MemberSettings {
    user_id: MemberId,
    /// The public id, a UUID.
    uid: String,
    account: Option<AccountName>,
    nickname: String,
    department_id: Option<DepartmentId>,
    grants: Vec<GrantAnswer>,
    status: MemberStatus,
    created_at: Instant,
}

impl From<Member> for MemberSettings {
    fn from(member: Member) -> Self {
        Self {
            user_id: member.id,
            uid: member.uid,
            account: member.account,
            nickname: member.nickname,
            department_id: member.department,
            grants: GrantAnswer::list(&member.grants),
            status: member.status,
            created_at: member.created_at,
        }
    }
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::MemberWrite,
        Declaration {
            method: Method::PUT,
            path: "/api/v1/admin/members/{user_id}",
            id: "editMember",
            tag: Tag::Administration,
            summary: "Change a member",
            description: "Who pays for later orders goes by the new department; earlier orders keep their payer.",
            codes: &[Code::NotFound, Code::BusinessRule],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<MemberPath, Nothing, MemberPatch>,
) -> Result<Reply<MemberSettings>, Failure> {
    let MemberPatch { nickname, account, department, reason } = input.body;
    let command = Command::EditMember(EditMember {
        member: input.path.user_id,
        nickname,
        account,
        department,
        reason: reason.unwrap_or_default(),
    });
    let Outcome::Member { member } = app.service().run(caller.asks(command)).await? else {
        return Err(Failure::fault("a member's edit answered something else"));
    };
    Ok(Reply::saying(texts::SAVED, member.into()))
}
