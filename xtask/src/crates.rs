//! Rules for the crates: which may use which, and that all obey the workspace's lints.

use std::borrow::Cow;
use std::collections::BTreeMap;

use toml::{Table, Value};

/// The arrows of ARCHITECTURE.md. What a crate may use of ours in what it ships; its tests may use more.
const MAY_USE: &[(&str, &[&str])] = &[
    ("fanpiao-kernel", &[]),
    ("fanpiao-store", &["fanpiao-kernel"]),
    ("fanpiao-wechat", &[]),
    ("fanpiao-partner", &[]),
    ("fanpiao-sheets", &[]),
    ("fanpiao-service", &["fanpiao-kernel", "fanpiao-store", "fanpiao-wechat", "fanpiao-partner", "fanpiao-sheets"]),
    ("fanpiao-http", &["fanpiao-kernel", "fanpiao-store", "fanpiao-service", "fanpiao-sheets"]),
    ("fanpiao-sim", &["fanpiao-wechat", "fanpiao-partner"]),
    (
        "fanpiao",
        &[
            "fanpiao-kernel",
            "fanpiao-store",
            "fanpiao-wechat",
            "fanpiao-partner",
            "fanpiao-sheets",
            "fanpiao-service",
            "fanpiao-http",
            "fanpiao-sim",
        ],
    ),
    ("fanpiao-testing", &[]),
    (
        "fanpiao-simulation",
        &["fanpiao-kernel", "fanpiao-store", "fanpiao-wechat", "fanpiao-service", "fanpiao-sim", "fanpiao-testing"],
    ),
    (
        "fanpiao-bench",
        &[
            "fanpiao-kernel",
            "fanpiao-store",
            "fanpiao-wechat",
            "fanpiao-partner",
            "fanpiao-sheets",
            "fanpiao-service",
            "fanpiao-http",
            "fanpiao-sim",
            "fanpiao-testing",
        ],
    ),
    ("xtask", &["fanpiao-testing"]),
];

/// Checks all the manifests of this workspace, given with their paths.
pub(crate) fn check<'a>(manifests: impl Iterator<Item = (&'a str, Cow<'a, str>)>) -> Result<Vec<String>, String> {
    let mut members = Vec::new();
    let mut shared = Table::new();
    for (path, text) in manifests {
        let manifest: Table = text.parse().map_err(|error| format!("{path}: {error}"))?;
        if let Some(dependencies) = table(&manifest, &["workspace", "dependencies"]) {
            shared = dependencies.clone();
        }
        // What is a workspace of its own, as the fuzz targets are, is built by other rules.
        if manifest.contains_key("package") && !manifest.contains_key("workspace") {
            members.push((path, manifest));
        }
    }

    let mut complaints = Vec::new();
    for (path, manifest) in &members {
        let name = name_of(manifest);
        if table(manifest, &["lints"]).and_then(|lints| lints.get("workspace")) != Some(&Value::Boolean(true)) {
            complaints.push(format!("{path}: needs `[lints] workspace = true`"));
        }
        let Some((_, allowed)) = MAY_USE.iter().find(|(of, _)| *of == name) else {
            complaints.push(format!("{path}: say in xtask/src/crates.rs what `{name}` may use"));
            continue;
        };
        for used in shipped_dependencies(manifest, &shared) {
            let is_ours = members.iter().any(|(_, other)| name_of(other) == used);
            if is_ours && !allowed.contains(&used.as_str()) {
                complaints.push(format!("{path}: `{name}` must not use `{used}`; xtask/src/crates.rs has the arrows"));
            }
        }
    }
    Ok(complaints)
}

fn name_of(manifest: &Table) -> &str {
    table(manifest, &["package"]).and_then(|package| package.get("name")).and_then(Value::as_str).unwrap_or_default()
}

/// The packages that a crate needs for more than its tests.
fn shipped_dependencies(manifest: &Table, shared: &Table) -> Vec<String> {
    let mut sections = vec![manifest];
    if let Some(targets) = table(manifest, &["target"]) {
        sections.extend(targets.values().filter_map(Value::as_table));
    }
    let mut packages = BTreeMap::new();
    for section in sections {
        for kind in ["dependencies", "build-dependencies"] {
            for (key, value) in table(section, &[kind]).into_iter().flatten() {
                packages.insert(package_name(key, value, shared), ());
            }
        }
    }
    packages.into_keys().collect()
}

/// A dependency may go by another name than its package, here or in the workspace's list.
fn package_name(key: &str, value: &Value, shared: &Table) -> String {
    let inherits = value.get("workspace").is_some();
    let described = if inherits { shared.get(key) } else { Some(value) };
    described.and_then(|value| value.get("package")).and_then(Value::as_str).unwrap_or(key).to_owned()
}

fn table<'a>(of: &'a Table, path: &[&str]) -> Option<&'a Table> {
    path.iter().try_fold(of, |table, key| table.get(*key)?.as_table())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = r#"
        [workspace.dependencies]
        kernel = { path = "crates/kernel", package = "fanpiao-kernel" }
        store = { path = "crates/store", package = "fanpiao-store" }
        sim = { path = "crates/sim", package = "fanpiao-sim" }
    "#;

    fn check_with(name: &str, rest: &str) -> Vec<String> {
        let others = ["fanpiao-kernel", "fanpiao-store", "fanpiao-sim"].into_iter().filter(|other| *other != name);
        let mut manifests = vec![("Cargo.toml", Cow::Borrowed(ROOT))];
        manifests.extend(others.map(|other| ("other/Cargo.toml", manifest(other, "[lints]\nworkspace = true"))));
        manifests.push(("one/Cargo.toml", manifest(name, rest)));
        check(manifests.into_iter()).unwrap()
    }

    fn manifest(name: &str, rest: &str) -> Cow<'static, str> {
        Cow::Owned(format!("[package]\nname = \"{name}\"\n{rest}"))
    }

    #[test]
    fn arrows_run_one_way() {
        let lints = "[lints]\nworkspace = true";
        for (name, dependencies, complaints) in [
            ("fanpiao-store", "[dependencies]\nkernel.workspace = true\nserde = \"1\"", 0),
            ("fanpiao-kernel", "[dependencies]\nstore.workspace = true", 1),
            ("fanpiao-kernel", "[build-dependencies]\nstore.workspace = true", 1),
            ("fanpiao-kernel", "[target.'cfg(unix)'.dependencies]\nstore.workspace = true", 1),
            ("fanpiao-kernel", "[dependencies]\nmine = { path = \"../store\", package = \"fanpiao-store\" }", 1),
            ("fanpiao-http", "[dependencies]\nsim = { workspace = true }", 1),
            ("fanpiao-http", "[dev-dependencies]\nsim = { workspace = true }", 0),
            ("fanpiao-wechat", "[dependencies]\nkernel.workspace = true", 1),
            ("fanpiao", "[dependencies]\nsim.workspace = true\nstore.workspace = true", 0),
        ] {
            let found = check_with(name, &format!("{dependencies}\n{lints}"));
            assert_eq!(found.len(), complaints, "{name} with {dependencies}: {found:?}");
        }
    }

    #[test]
    fn every_crate_has_the_workspace_lints() {
        for lints in ["", "[lints.rust]\nunsafe_code = \"allow\"", "[lints]\nworkspace = false"] {
            let found = check_with("fanpiao-store", lints);
            assert_eq!(found, ["one/Cargo.toml: needs `[lints] workspace = true`"], "{lints}");
        }
    }

    #[test]
    fn a_new_crate_is_asked_for_its_arrows() {
        let found = check_with("fanpiao-new", "[lints]\nworkspace = true");
        assert_eq!(found, ["one/Cargo.toml: say in xtask/src/crates.rs what `fanpiao-new` may use"]);
    }
}
