use axum::http::Method;
use kernel::{
    Code, Command, CreateDepartment, DepartmentCode, DepartmentId, Instant, Outcome, Payer, Permission, Title,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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

/// A department.
#[derive(Serialize, JsonSchema)]
struct DepartmentAnswer {
    department_id: DepartmentId,
    code: DepartmentCode,
    name: Title,
    pays: Payer,
    created_at: Instant,
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
) -> Result<Reply<DepartmentAnswer>, Failure> {
    let command = Command::CreateDepartment(CreateDepartment {
        code: input.body.code,
        name: input.body.name,
        pays: input.body.pays,
    });
    let Outcome::Department { department } = app.service().run(caller.asks(command)).await? else {
        return Err(Failure::fault("a department command answered something else"));
    };
    let answer = DepartmentAnswer {
        department_id: department.id,
        code: department.code,
        name: department.name,
        pays: department.pays,
        created_at: department.created_at,
    };
    Ok(Reply::saying(texts::CREATED, answer))
}
