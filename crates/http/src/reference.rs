//! The pages of the documentation that are made from the code, and the test that they are as the code is.

use std::collections::BTreeMap;
use std::fmt::Write;

use kernel::{Code, Permission, Role};
use serde_json::Value;

use crate::caller::Access;
use crate::endpoint::Endpoint;
use crate::openapi::{Schemas, document};

/// `docs/codes.md`.
pub(crate) fn codes() -> String {
    let mut page = String::from(
        "# Error codes\n\nMade from the code by `FANPIAO_WRITE_DOCS=1 cargo test -p fanpiao-http reference`.\n\n\
         A code keeps its meaning for ever; a status alone may stand for several.\n\n| code | status | meaning |\n|---|---|---|\n",
    );
    for code in Code::ALL {
        // Writing into a String cannot fail.
        let _ = writeln!(page, "| `{}` | {} | {} |", code.as_str(), code.status(), code.doc());
    }
    page
}

/// `docs/permissions.md`.
pub(crate) fn permissions(endpoints: &[Endpoint]) -> String {
    let mut page = String::from(
        "# Permissions\n\nMade from the code by `FANPIAO_WRITE_DOCS=1 cargo test -p fanpiao-http reference`.\n\n\
         ## What each permission allows\n\n| permission | allows | roles |\n|---|---|---|\n",
    );
    for permission in Permission::ALL {
        let roles: Vec<_> =
            Role::ALL.iter().filter(|role| role.permissions().contains(permission)).map(|role| role.as_str()).collect();
        let _ = writeln!(page, "| `{}` | {} | {} |", permission.as_str(), permission.doc(), roles.join(", "));
    }

    page.push_str("\n## What each endpoint needs\n\n| endpoint | needs |\n|---|---|\n");
    let sorted: BTreeMap<_, _> =
        endpoints.iter().map(|endpoint| ((endpoint.path(), endpoint.method().as_str()), endpoint.access())).collect();
    for ((path, method), access) in sorted {
        let needs = match access {
            Access::Public => "nothing".to_owned(),
            Access::SignedIn => "a signed-in member".to_owned(),
            Access::Needs(permission) => format!("`{}`", permission.as_str()),
        };
        let _ = writeln!(page, "| `{method} {path}` | {needs} |");
    }
    page
}

/// `web/api/openapi.json`, which the web clients' types are made from: `/openapi.json` without what is the same for every
/// operation, its failures and its headers.
pub(crate) fn openapi(endpoints: &[Endpoint]) -> String {
    let mut document = document(endpoints, &Schemas::of(endpoints));
    let paths = document["paths"].as_object_mut().into_iter().flat_map(|paths| paths.values_mut());
    for operation in paths.filter_map(Value::as_object_mut).flat_map(|methods| methods.values_mut()) {
        if let Some(responses) = operation["responses"].as_object_mut() {
            responses.retain(|status, _| status.starts_with('2'));
            responses.values_mut().filter_map(Value::as_object_mut).for_each(|response| {
                response.shift_remove("headers");
            });
        }
    }
    format!("{document:#}\n")
}

#[test]
fn the_pages_are_as_the_code_is() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let endpoints = crate::endpoints();
    let pages = [
        ("docs/codes.md", codes()),
        ("docs/permissions.md", permissions(&endpoints)),
        ("web/api/openapi.json", openapi(&endpoints)),
    ];
    for (name, made) in pages {
        let path = format!("{root}/{name}");
        if std::env::var_os("FANPIAO_WRITE_DOCS").is_some() {
            std::fs::write(&path, &made).expect("the page");
        }
        let stored = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(stored == made, "{name} is stale: run FANPIAO_WRITE_DOCS=1 cargo test -p fanpiao-http reference");
    }
}
