use axum::http::Method;
use kernel::{Code, Noun, Permission, Refusal};
use store::queries;

use super::member::MemberPath;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::endpoints::wallet::export::statement;
use crate::failure::Failure;
use crate::file::Workbook;

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::WalletRead,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/members/{user_id}/ledger/export",
            id: "exportMemberLedger",
            tag: Tag::Administration,
            summary: "A member's ledger as a workbook",
            description: "Every movement with the balance after it, newest first.",
            codes: &[Code::NotFound],
        },
        handle,
    )
}

async fn handle(app: App, _: Caller, input: Input<MemberPath>) -> Result<Workbook, Failure> {
    let member = input.path.user_id;
    if queries::members::one(app.store(), member).await?.is_none() {
        return Err(Refusal::NotFound { noun: Noun::Member }.into());
    }
    let today = app.service().now().date_in(app.zone());
    statement(&app, member, &format!("{member}_{today}")).await
}
