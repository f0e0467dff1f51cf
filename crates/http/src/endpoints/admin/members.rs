use axum::http::Method;
use kernel::{AccountName, Cents, DepartmentCode, Instant, MemberId, MemberStatus, Permission, RoleCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use service::Vault;
use store::queries;
use store::queries::members::{Filter, Shown};

use super::member_roles::GrantAnswer;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::endpoints::auth::DepartmentInfo;
use crate::failure::Failure;
use crate::input::{Cursor, Limit, Nothing, Search};
use crate::reply::{CursorInfo, Reply};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct MemberQuery {
    /// A part of the nickname or of the account name, or a whole `user_id` or `uid`.
    query: Option<Search>,
    /// The code of a department.
    department: Option<DepartmentCode>,
    status: Option<MemberStatus>,
    /// Held anywhere.
    role: Option<RoleCode>,
    /// Only those whose balance is below zero.
    #[serde(default)]
    overdrawn: bool,
    #[serde(default)]
    limit: Limit,
    /// `page_info.next_cursor` of the page before.
    #[serde(default)]
    cursor: Cursor,
    /// Whether to count them all, which takes longer the more there are.
    #[serde(default)]
    count: bool,
}

/// A page of members, oldest first.
#[derive(Serialize, JsonSchema)]
struct MemberPage {
    members: Vec<MemberRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_count: Option<i64>,
    page_info: CursorInfo,
}

/// A member as administrators see one.
#[derive(Serialize, JsonSchema)]
pub(crate) struct MemberRow {
    user_id: MemberId,
    /// The public id, a UUID.
    uid: String,
    /// The last eight characters of what WeChat calls the member.
    openid: Option<String>,
    /// What the member signs in with, where that is not WeChat.
    account: Option<AccountName>,
    nickname: String,
    avatar_url: Option<String>,
    department: Option<DepartmentInfo>,
    roles: Vec<RoleCode>,
    /// The same roles with where they are held.
    grants: Vec<GrantAnswer>,
    status: MemberStatus,
    balance_cents: Cents,
    /// How far below zero the wallet may go; absent where the house rule holds.
    overdraft_limit_cents: Option<Cents>,
    created_at: Instant,
}

impl MemberRow {
    pub(super) fn new(vault: &Vault, shown: Shown) -> Result<Self, service::Failure> {
        let member = shown.member;
        Ok(Self {
            user_id: member.id,
            uid: member.uid,
            openid: member.openid.map(|openid| vault.openid_tail(&openid)).transpose()?,
            account: member.account,
            nickname: member.nickname,
            avatar_url: member.avatar_url,
            department: shown.department.map(DepartmentInfo::from),
            roles: member.grants.roles(),
            grants: GrantAnswer::list(&member.grants),
            status: member.status,
            balance_cents: shown.balance,
            overdraft_limit_cents: member.overdraft_limit.map(kernel::Overdraft::cents),
            created_at: member.created_at,
        })
    }
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::MemberRead,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/members",
            id: "listMembers",
            tag: Tag::Administration,
            summary: "Members and their balances",
            description: "All filters have to hold. A search by name, by role, and by who is overdrawn, looks at one member \
                          after the other until the page is full.",
            codes: &[],
        },
        handle,
    )
}

async fn handle(app: App, _: Caller, input: Input<Nothing, MemberQuery>) -> Result<Reply<MemberPage>, Failure> {
    let query = input.query;
    let filter = Filter {
        query: query.query.map(Search::into_inner),
        department: query.department,
        status: query.status,
        role: query.role,
        overdrawn: query.overdrawn,
    };
    let after = MemberId::new(query.cursor.get());
    let found = queries::members::list(app.store(), &filter, after, query.limit.and_one()).await?;
    let total_count = match query.count {
        true => Some(queries::members::count(app.store(), &filter).await?),
        false => None,
    };
    let (found, page_info) = CursorInfo::cut(found, query.limit, |shown| shown.member.id.get());
    let members = found.into_iter().map(|shown| MemberRow::new(app.service().vault(), shown));
    Ok(Reply::ok(MemberPage { members: members.collect::<Result<_, _>>()?, total_count, page_info }))
}
