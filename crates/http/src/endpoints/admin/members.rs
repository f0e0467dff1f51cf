use axum::http::Method;
use kernel::{AccountName, Cents, DepartmentCode, Instant, MemberId, MemberStatus, Permission, RoleCode};
use schemars::JsonSchema;
use serde::Serialize;
use service::Vault;
use store::lists::{Page, Placed};
use store::queries;
use store::queries::members::{Filter, MemberSorting, Shown};

use super::member_roles::GrantAnswer;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::endpoints::auth::DepartmentInfo;
use crate::failure::Failure;
use crate::input::{Nothing, Search};
use crate::list::{self, FileColumn, Filed, Listed, Shown as Cell, list_query, listed};
use crate::reply::{CursorInfo, Reply};
use crate::texts::{self, Language};

list_query!(MemberQuery, MemberFileQuery, MemberSorting, {
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
} {
    /// Whether to count them all, which takes longer the more there are.
    #[serde(default)]
    count: bool,
});

/// A page of members.
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
            description: "Oldest first, unless asked for otherwise. All filters have to hold. A search by name, by role, and by who is overdrawn, looks at one member \
                          after the other until the page is full.",
            codes: &[],
        },
        handle,
    )
}

pub(crate) fn export() -> Endpoint {
    list::file::<Members>(
        Permission::MemberRead,
        "/api/v1/admin/members/export",
        "exportMembers",
        Tag::Administration,
        "Members and their balances as a workbook",
        &[],
    )
}

/// Members, as the list shows them.
enum Members {}

impl MemberFileQuery {
    fn filter(&self) -> Filter {
        Filter {
            query: self.query.clone().map(Search::into_inner),
            department: self.department.clone(),
            status: self.status,
            role: self.role,
            overdrawn: self.overdrawn,
        }
    }
}

impl Listed for Members {
    type Path = Nothing;
    type Query = MemberFileQuery;
    type Row = MemberRow;

    async fn find(
        app: &App,
        caller: &Caller,
        _: &Nothing,
        query: &MemberFileQuery,
        page: &Page,
    ) -> Result<Vec<Placed<MemberRow>>, Failure> {
        let found = queries::members::list(app.store(), &query.filter(), page).await;
        let row = |shown: Placed<Shown>| shown.try_map(|shown| MemberRow::new(app.service().vault(), shown));
        Ok(listed(found, caller.language)?.into_iter().map(row).collect::<Result<_, _>>()?)
    }
}

impl Filed for Members {
    const NAMES: (&'static str, &'static str) = ("用户", "members");
    const COLUMNS: &'static [FileColumn<MemberRow>] = &[
        FileColumn::new("用户ID", 18, |row| Cell::Integer(row.user_id.get())),
        FileColumn::new("昵称", 16, |row| Cell::text(&row.nickname)),
        FileColumn::new("账号", 16, |row| Cell::or_nothing(row.account.as_ref(), |name| Cell::text(name.as_str()))),
        FileColumn::new("部门", 16, |row| Cell::or_nothing(row.department.as_ref(), |of| Cell::text(of.name()))),
        FileColumn::new("余额(元)", 12, |row| Cell::Cents(row.balance_cents)),
        FileColumn::new("透支额度(元)", 14, |row| Cell::or_nothing(row.overdraft_limit_cents, Cell::Cents)),
        FileColumn::new("状态", 10, |row| Cell::text(texts::member_status(row.status, Language::Chinese))),
        FileColumn::new("加入时间", 20, |row| Cell::Moment(row.created_at)),
        FileColumn::new("UID", 38, |row| Cell::text(&row.uid)),
    ];
}

async fn handle(app: App, caller: Caller, input: Input<Nothing, MemberQuery>) -> Result<Reply<MemberPage>, Failure> {
    let count = input.query.count;
    let asked = input.query.split();
    let total_count = match count {
        true => Some(queries::members::count(app.store(), &asked.0.filter()).await?),
        false => None,
    };
    let (members, page_info) = list::read::<Members>(&app, &caller, &input.path, asked).await?;
    Ok(Reply::ok(MemberPage { members, total_count, page_info }))
}
