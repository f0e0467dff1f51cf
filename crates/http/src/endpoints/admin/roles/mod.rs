//! What the house's roles allow.

pub(in crate::endpoints) mod create;
pub(in crate::endpoints) mod delete;
pub(in crate::endpoints) mod edit;
pub(in crate::endpoints) mod list;
pub(in crate::endpoints) mod permissions;
pub(in crate::endpoints) mod show;

use kernel::{Command, Noun, Outcome, Permissions, Refusal, RoleCode, RoleCommand, RoleScope, Title};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries;
use store::queries::roles::Shown;

use crate::App;
use crate::caller::Caller;
use crate::failure::Failure;

#[derive(Deserialize, JsonSchema)]
struct RolePath {
    role: RoleCode,
}

/// A role, what it allows, and how many hold it.
#[derive(Serialize, JsonSchema)]
struct RoleAnswer {
    code: RoleCode,
    name_zh: Title,
    name_en: Title,
    /// Where it can be held.
    scope: RoleScope,
    permissions: Permissions,
    /// Every house has it: it cannot be deleted.
    built_in: bool,
    /// It allows everything and stays as it is.
    fixed: bool,
    /// Goes up with every change; a change names the one that it was made from.
    version: i64,
    /// How many members hold it somewhere, those included who cannot sign in.
    holders: i64,
}

impl From<Shown> for RoleAnswer {
    fn from(Shown { role, holders }: Shown) -> Self {
        Self {
            code: role.code,
            built_in: role.code.built_in().is_some(),
            fixed: role.is_fixed(),
            name_zh: role.name_zh,
            name_en: role.name_en,
            scope: role.scope,
            permissions: role.permissions,
            version: role.revision,
            holders,
        }
    }
}

async fn shown(app: &App, code: RoleCode) -> Result<Shown, Failure> {
    let found = queries::roles::one(app.store(), code).await?;
    found.ok_or_else(|| Refusal::NotFound { noun: Noun::Role }.into())
}

/// The role as the command leaves it, with nobody counted yet.
async fn change(app: &App, caller: Caller, command: RoleCommand) -> Result<RoleAnswer, Failure> {
    let Outcome::Role { role } = app.service().run(caller.asks(Command::Role(command))).await? else {
        return Err(Failure::fault("a role command answered something else"));
    };
    Ok(Shown { role, holders: 0 }.into())
}
