//! What the project needs of a machine, and how to get it.

use std::path::PathBuf;
use std::process::Command;

use testing::postgres::{OLDEST_VERSION, Programs};

use crate::commands::{cargo, find_on_path, is_root, run, target_folder, version_of};
use crate::{unknown_argument, web};

pub(crate) const HELP: &str = "\
Usage: cargo xtask setup [--install] [NAME…]

Shows what this machine has of what the project needs, and fails when something is missing without which it cannot be
built and tested. With names, only those are looked at, and all of them must be there.

  --install   install what is missing: Debian packages with apt-get (as root, or through sudo), Rust's components with
              rustup, and cargo-deny from source into the target folder (two minutes)
";

/// Held to one version, so that a lint which passed today passes tomorrow.
const CARGO_DENY_VERSION: &str = "0.20.2";

pub(crate) fn main(args: &[String]) -> Result<(), String> {
    let mut install = false;
    let mut names = Vec::new();
    for arg in args {
        match arg.as_str() {
            "--install" => install = true,
            flag if flag.starts_with('-') => return Err(unknown_argument(flag, HELP)),
            name => names.push(name),
        }
    }
    let chosen = choose(&names)?;
    if install {
        install_missing(&chosen, names.is_empty())?;
    }
    report(&chosen, !names.is_empty())
}

/// Installs those of `names` that are missing; for the commands that take `--install` themselves.
pub(crate) fn install(names: &[&str]) -> Result<(), String> {
    let chosen = choose(names)?;
    install_missing(&chosen, false)?;
    report(&chosen, true)
}

/// Says what is missing of `names`, and how to get it.
pub(crate) fn need(names: &[&str]) -> Result<(), String> {
    report(&choose(names)?, true)
}

/// `cargo-deny` on `PATH` or where we install it.
pub(crate) fn cargo_deny() -> Option<PathBuf> {
    let own = tools_folder().join("bin/cargo-deny");
    if own.is_file() { Some(own) } else { find_on_path("cargo-deny") }
}

/// The version of Node if it is new enough for the web clients, or else what is wrong.
pub(crate) fn node() -> Result<String, String> {
    let version = version_of(Command::new("node").arg("--version")).ok_or("not found")?;
    if find_on_path("npm").is_none() {
        return Err(format!("node {version} is here, but not npm"));
    }
    if major(&version).is_some_and(|major| major >= 20) { Ok(version) } else { Err(format!("{version} is too old")) }
}

struct Need {
    name: &'static str,
    what_for: &'static str,
    when: When,
    find: fn() -> Result<String, String>,
    get: Get,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    Always,
    /// Wanted, but the commands that use it say so when they go without.
    Wanted,
    /// As `Always` as soon as there are web clients in `web/`.
    Web,
    /// As `Wanted` as soon as there are web clients in `web/`.
    BrowserTests,
    /// Used when it happens to be there.
    Optional,
}

#[derive(Clone, Copy)]
enum Get {
    Debian(&'static [&'static str]),
    Rustup(&'static str),
    CargoDeny,
    /// A person must do it, as this says.
    ByHand(&'static str),
}

const NEEDS: &[Need] = &[
    Need {
        name: "git",
        what_for: "the repository's own checks ask it which files are ours (lint)",
        when: When::Always,
        find: || program("git", "--version"),
        get: Get::Debian(&["git"]),
    },
    Need {
        name: "cc",
        what_for: "a C compiler for SQLite and the cryptography (build)",
        when: When::Always,
        find: || program("cc", "--version"),
        get: Get::Debian(&["gcc", "libc6-dev"]),
    },
    Need {
        name: "rustfmt",
        what_for: "formatting (lint)",
        when: When::Always,
        find: || version_of(cargo().args(["fmt", "--version"])).ok_or("not found".to_owned()),
        get: Get::Rustup("rustfmt"),
    },
    Need {
        name: "clippy",
        what_for: "lints (lint)",
        when: When::Always,
        find: || version_of(cargo().args(["clippy", "--version"])).ok_or("not found".to_owned()),
        get: Get::Rustup("clippy"),
    },
    Need {
        name: "postgresql",
        what_for: "a throw-away server (test, bench)",
        when: When::Always,
        find: || {
            let programs = Programs::find().map_err(|_| format!("none of version {OLDEST_VERSION} or newer"))?;
            Ok(format!("{} in {}", programs.version, programs.folder.display()))
        },
        get: Get::Debian(&["postgresql"]),
    },
    Need {
        name: "cargo-deny",
        what_for: "licences, sources and advisories of dependencies (lint)",
        when: When::Wanted,
        find: || {
            let path = cargo_deny().ok_or("not found")?;
            version_of(Command::new(path).arg("--version")).ok_or("does not start".to_owned())
        },
        get: Get::CargoDeny,
    },
    Need {
        name: "node",
        what_for: "Node 20 or newer with npm, for the web clients (lint, test, demo)",
        when: When::Web,
        find: node,
        get: Get::Debian(&["nodejs", "npm"]),
    },
    Need {
        name: "chromium",
        what_for: "the web clients' tests in a browser (test)",
        when: When::BrowserTests,
        find: || program("chromium", "--version"),
        get: Get::Debian(&["chromium"]),
    },
    Need {
        name: "chinese-font",
        what_for: "Chinese in the pictures that the web clients' tests take (test)",
        when: When::BrowserTests,
        find: || {
            let family = version_of(Command::new("fc-list").args([":lang=zh", "family"]));
            family.filter(|family| !family.is_empty()).ok_or("not found".to_owned())
        },
        get: Get::Debian(&["fontconfig", "fonts-noto-cjk"]),
    },
    Need {
        name: "python",
        what_for: "Python 3 with venv, for other people's programs that read what we write (test)",
        when: When::Wanted,
        find: || {
            let version = version_of(Command::new("python3").arg("--version")).ok_or("not found")?;
            // Debian has the module in a package of its own, without which an environment has no pip.
            match version_of(Command::new("python3").args(["-c", "import ensurepip, venv; print('there')"])) {
                Some(_) => Ok(version),
                None => Err(format!("{version} is here, but not its venv module")),
            }
        },
        get: Get::Debian(&["python3", "python3-venv"]),
    },
    Need {
        name: "patroni",
        what_for: "Patroni with etcd, for servers on a cluster that loses its primary (bench patroni)",
        when: When::Optional,
        find: || {
            let version = program("patroni", "--version").map_err(|_| "no patroni")?;
            let etcd = program("etcd", "--version").map_err(|_| "no etcd")?;
            // The Python that Debian's patroni runs on, whatever else is on the path.
            match version_of(Command::new("/usr/bin/python3").args(["-c", "import etcd, psycopg2; print('there')"])) {
                Some(_) => Ok(format!("{version}, {etcd}")),
                None => Err("Debian's Python lacks its modules etcd or psycopg2".to_owned()),
            }
        },
        get: Get::Debian(&["patroni", "etcd-server", "python3-etcd", "python3-psycopg2"]),
    },
    Need {
        name: "cargo-nextest",
        what_for: "a faster runner; without it `cargo test` is used (test)",
        when: When::Optional,
        find: || version_of(cargo().args(["nextest", "--version"])).ok_or("not found".to_owned()),
        get: Get::ByHand("cargo install --locked cargo-nextest"),
    },
];

impl Need {
    fn is_missing(&self) -> bool {
        (self.find)().is_err()
    }

    fn is_required(&self) -> bool {
        match self.when {
            When::Always => true,
            When::Web => !web::parts().is_empty(),
            When::Wanted | When::BrowserTests | When::Optional => false,
        }
    }

    fn is_installed_unasked(&self) -> bool {
        match self.when {
            When::Always | When::Wanted => true,
            When::Web | When::BrowserTests => !web::parts().is_empty(),
            When::Optional => false,
        }
    }

    fn how_to_get(&self) -> String {
        match self.get {
            Get::Debian(packages) => {
                format!("`cargo xtask setup --install {}` (Debian: {})", self.name, packages.join(" "))
            }
            Get::Rustup(component) => format!("`rustup component add {component}`"),
            Get::CargoDeny => format!("`cargo xtask setup --install {}`", self.name),
            Get::ByHand(command) => format!("`{command}`"),
        }
    }
}

fn choose(names: &[&str]) -> Result<Vec<&'static Need>, String> {
    if names.is_empty() {
        return Ok(NEEDS.iter().collect());
    }
    let known = || NEEDS.iter().map(|need| need.name).collect::<Vec<_>>().join(", ");
    let find = |name: &&str| {
        NEEDS.iter().find(|need| need.name == *name).ok_or_else(|| format!("`{name}` is none of {}", known()))
    };
    names.iter().map(find).collect()
}

fn report(needs: &[&Need], all_required: bool) -> Result<(), String> {
    let mut lacking = Vec::new();
    for need in needs {
        let (state, detail) = match (need.find)() {
            Ok(version) => ("present", version),
            Err(problem) => {
                if all_required || need.is_required() {
                    lacking.push(need.name);
                }
                ("missing", format!("{problem}; get it with {}", need.how_to_get()))
            }
        };
        println!("{state}  {:<13}  {}\n{:24} {detail}", need.name, need.what_for, "");
    }
    if lacking.is_empty() { Ok(()) } else { Err(format!("missing: {}", lacking.join(", "))) }
}

fn install_missing(needs: &[&Need], only_unasked: bool) -> Result<(), String> {
    let wanted = needs.iter().filter(|need| !only_unasked || need.is_installed_unasked());
    let missing: Vec<&Need> = wanted.copied().filter(|need| need.is_missing()).collect();
    let mut packages = Vec::new();
    for need in missing {
        match need.get {
            Get::Debian(names) => packages.extend_from_slice(names),
            Get::Rustup(component) => run(Command::new("rustup").args(["component", "add", component]))?,
            Get::CargoDeny => install_cargo_deny()?,
            Get::ByHand(command) => return Err(format!("{} is not installed for you; run `{command}`", need.name)),
        }
    }
    if packages.is_empty() { Ok(()) } else { install_debian(&packages) }
}

/// Debian's PostgreSQL package would make a cluster in /var/lib and start it at every boot; the tests need the programs
/// only, so that is switched off unless the machine already has a say about it.
const INSTALL_DEBIAN: &str = r#"
set -e
settings=/etc/postgresql-common/createcluster.conf
if ! [ -e "$settings" ]; then
    mkdir -p "${settings%/*}"
    echo 'create_main_cluster = false' >"$settings"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install --yes --no-install-recommends --option Dpkg::Options::=--force-confold "$@"
"#;

fn install_debian(packages: &[&str]) -> Result<(), String> {
    let by_hand = || format!("install these or what they are called on your system: {}", packages.join(" "));
    if find_on_path("apt-get").is_none() {
        return Err(format!("this machine has no apt-get; {}", by_hand()));
    }
    let mut command = if is_root() {
        Command::new("sh")
    } else if find_on_path("sudo").is_some() {
        let mut sudo = Command::new("sudo");
        sudo.arg("sh");
        sudo
    } else {
        return Err(format!("apt-get needs root, and there is no sudo; {}", by_hand()));
    };
    println!("==> apt-get install {}", packages.join(" "));
    let status = command.args(["-c", INSTALL_DEBIAN, "install"]).args(packages).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("apt-get failed ({status}); {}", by_hand())),
        Err(error) => Err(format!("apt-get cannot be started: {error}; {}", by_hand())),
    }
}

fn install_cargo_deny() -> Result<(), String> {
    let tools = tools_folder();
    let mut command = cargo();
    // Not optimized: it runs for seconds, and optimizing it takes minutes.
    command.args([
        "install",
        "--debug",
        "--locked",
        "--quiet",
        "--version",
        CARGO_DENY_VERSION,
        "cargo-deny",
        "--root",
    ]);
    command.arg(&tools).arg("--target-dir").arg(tools.join("build")).env("CARGO_PROFILE_DEV_DEBUG", "0");
    run(&mut command)?;
    // The intermediate files are ten times the program, and nothing builds on them.
    let _ = std::fs::remove_dir_all(tools.join("build"));
    Ok(())
}

fn tools_folder() -> PathBuf {
    target_folder().join("tools")
}

fn program(name: &str, flag: &str) -> Result<String, String> {
    version_of(Command::new(name).arg(flag)).ok_or("not found".to_owned())
}

/// Reads `20` out of `v20.20.2`.
fn major(version: &str) -> Option<u32> {
    version.trim_start_matches('v').split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_of_node_is_read() {
        assert_eq!(major("v20.20.2"), Some(20));
        assert_eq!(major("nightly"), None);
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        assert_eq!(choose(&["clippy", "git"]).map(|needs| needs.len()), Ok(2));
        let error = choose(&["postgres"]).map(|needs| needs.len()).unwrap_err();
        assert!(error.contains("`postgres` is none of git, cc"), "{error}");
    }
}
