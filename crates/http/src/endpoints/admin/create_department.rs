use axum::http::Method;
use kernel::{Code, Command, CreateDepartment, DepartmentCode, Outcome, Payer, Permission, Title};
use schemars::JsonSchema;
use serde::Deserialize;

use super::edit_department::DepartmentSettings;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::Nothing;
use crate::reply::Reply;
use crate::texts;

/// A department to be.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewDepartment {
    code: DepartmentCode,
    name: Title,
    /// Whose account the members' meals are paid from.
    pays: Payer,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::DepartmentWrite,
        Declaration {
            method: Method::POST,
            path: "/api/v1/admin/departments",
            id: "createDepartment",
            tag: Tag::Administration,
            summary: "Create a department",
            description: "Its code is its own for ever.",
            codes: &[Code::BusinessRule],
        },
        handle,
    )
}

async fn handle(
    app: App,
    caller: Caller,
    input: Input<Nothing, Nothing, NewDepartment>,
) -> Result<Reply<DepartmentSettings>, Failure> {
    let command = Command::CreateDepartment(CreateDepartment {
        code: input.body.code,
        name: input.body.name,
        pays: input.body.pays,
    });
    let Outcome::Department { department } = app.service().run(caller.asks(command)).await? else {
        return Err(Failure::fault("a department command answered something else"));
    };
    Ok(Reply::saying(texts::CREATED, department.into()))
}
