use axum::http::Method;
use kernel::{Code, MemberStatus, Permission};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::lists::Page;
use store::queries;
use store::queries::departments::Shown as Found;
use store::queries::members::{Filter, MemberSorting, Shown};

use super::TextId;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::{Cursor, Limit, Nothing, Search};
use crate::list::listed;
use crate::reply::{CursorInfo, Reply};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct MembersQuery {
    /// A part of the name or of the account, or a whole id.
    keyword: Option<Search>,
    department_id: Option<TextId>,
    #[serde(default)]
    limit: Limit,
    /// `pageInfo.next_cursor` of the page before.
    #[serde(default)]
    cursor: Cursor,
}

/// A page of a department's members who can be booked for.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct DepartmentMembers {
    department_id: TextId,
    department_name: kernel::Title,
    members: Vec<DepartmentMember>,
    page_info: CursorInfo,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
struct DepartmentMember {
    user_id: String,
    name: String,
    avatar_url: Option<String>,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::DepartmentBook,
        Declaration {
            method: Method::GET,
            path: "/api/dining/enhanced/dept-members",
            id: "listDepartmentMembers",
            tag: Tag::Booking,
            summary: "Who can be booked for",
            description: "A department's active members, oldest first.",
            codes: &[Code::NotFound],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, MembersQuery>,
) -> Result<Reply<DepartmentMembers>, Failure> {
    let query = input.query;
    let id = super::department(&app, &caller, query.department_id).await?;
    let found = queries::departments::one(app.store(), id).await?;
    let Found { department, .. } = found.ok_or(kernel::Refusal::NotFound { noun: kernel::Noun::Department })?;
    let filter = Filter {
        query: query.keyword.map(Search::into_inner),
        department: Some(department.code),
        status: Some(MemberStatus::Active),
        role: None,
        overdrawn: false,
    };
    let page = Page::after_id::<MemberSorting>(Some(query.cursor.get()), query.limit.and_one());
    let found = listed(queries::members::list(app.store(), &filter, &page).await, caller.language)?;
    let found = found.into_iter().map(|placed| placed.row).collect();
    let (found, page_info) = CursorInfo::cut(found, query.limit, |shown: &Shown| shown.member.id.get());
    let row = |Shown { member, .. }: Shown| DepartmentMember {
        user_id: member.uid,
        name: member.nickname,
        avatar_url: member.avatar_url,
    };
    Ok(Reply::ok(DepartmentMembers {
        department_id: TextId(id.get()),
        department_name: department.name,
        members: found.into_iter().map(row).collect(),
        page_info,
    }))
}
