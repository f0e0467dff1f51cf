//! Rules for the files of this repository that no other tool checks.

use std::borrow::Cow;
use std::path::Path;
use std::process::Command;

/// A file that is tracked by git, or would be with the next `git add`.
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) content: Vec<u8>,
}

impl File {
    pub(crate) fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.content)
    }
}

pub(crate) fn list_files() -> Result<Vec<File>, String> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .output()
        .map_err(|error| format!("cannot run git: {error}; get it with `cargo xtask setup --install git`"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("git cannot list the files of this repository: {}", said.trim()));
    }
    let mut files = Vec::new();
    for path in String::from_utf8_lossy(&output.stdout).split('\0').filter(|path| !path.is_empty()) {
        // A link has no content of its own, and a file that was deleted but not yet staged has none any more.
        if !Path::new(path).symlink_metadata().is_ok_and(|found| found.is_file()) {
            continue;
        }
        let content = std::fs::read(path).map_err(|error| format!("cannot read {path}: {error}"))?;
        files.push(File { path: path.to_owned(), content });
    }
    Ok(files)
}

/// Says what is wrong with one file, each complaint beginning with where.
pub(crate) fn check_file(path: &str, content: &[u8]) -> Vec<String> {
    let mut complaints = Vec::new();
    if content.len() > LARGEST_FILE {
        complaints.push(format!("{path}: {} bytes; a file has at most {LARGEST_FILE}", content.len()));
    }
    if content.contains(&0) {
        return complaints;
    }
    let name = path.rsplit('/').next().unwrap_or(path);
    let is_lock = LOCK_FILES.contains(&name);
    for (number, line) in (1..).zip(String::from_utf8_lossy(content).lines()) {
        let mut complain = |what: String| complaints.push(format!("{path}:{number}: {what}"));
        if let Some(host) = REGISTRY_HOSTS.iter().find(|host| line.contains(*host)) {
            complain(format!("names the package registry {host}; which one to use is the machine's own setting"));
        } else if is_lock && has_download_address(name, line) {
            complain(format!("holds a download address: {}", line.trim()));
        }
        if let Some(root) = MACHINE_PATHS.iter().find(|root| holds_path(line, root)) {
            complain(format!("holds a path of one machine, under {root}"));
        }
        // The checksums in a lock file may spell anything.
        if !is_lock && let Some(word) = UNFINISHED.iter().find(|word| holds_word(line, word)) {
            complain(format!("says {word}; finish it, or write down what is not there as a fact"));
        }
    }
    complaints
}

const LARGEST_FILE: usize = 1024 * 1024;

const LOCK_FILES: [&str; 6] =
    ["Cargo.lock", "package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "yarn.lock", "bun.lock"];

/// What cargo writes for every crate of the public registry, wherever it was really fetched from.
const CARGO_SOURCE: &str = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";

// The words below are put together so that this file passes its own check.
const REGISTRY_HOSTS: [&str; 12] = [
    concat!("registry.npm", "js.org"),
    concat!("registry.npm", "mirror.com"),
    concat!("registry.ya", "rnpkg.com"),
    concat!("npm.pkg.", "github.com"),
    concat!("static.", "crates.io"),
    concat!("index.", "crates.io"),
    concat!("crates.io/", "api"),
    concat!("rsproxy", ".cn"),
    concat!("mirrors.", "tuna"),
    concat!("mirrors.", "ustc"),
    concat!("pypi", ".org"),
    concat!("python", "hosted.org"),
];
const MACHINE_PATHS: [&str; 4] =
    [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/Us", "ers/")];
const UNFINISHED: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

fn has_download_address(lock_file: &str, line: &str) -> bool {
    let line = line.trim();
    if lock_file == "Cargo.lock" {
        return line.starts_with("source = ") && line != CARGO_SOURCE;
    }
    let is_address = line.contains("://");
    is_address && (line.contains("resolved") || [".tgz", ".tar.gz", ".zip"].iter().any(|end| line.contains(end)))
}

/// Whether an absolute path under `root` begins in this line; a folder of that name further down a path is not one.
fn holds_path(line: &str, root: &str) -> bool {
    line.match_indices(root).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|before| before.is_alphanumeric() || "_-.~/*})$".contains(before))
    })
}

fn holds_word(line: &str, word: &str) -> bool {
    let is_part = |neighbour: Option<char>| neighbour.is_some_and(|it| it.is_alphanumeric() || it == '_');
    line.match_indices(word)
        .any(|(at, _)| !is_part(line[..at].chars().next_back()) && !is_part(line[at + word.len()..].chars().next()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(path: &str, content: &str) -> usize {
        check_file(path, content.as_bytes()).len()
    }

    #[test]
    fn a_lock_file_holds_no_addresses() {
        assert_eq!(complaints("Cargo.lock", &format!("name = \"a\"\n{CARGO_SOURCE}\n")), 0);
        assert_eq!(complaints("Cargo.lock", "source = \"git+https://example.com/a#1\"\n"), 1);
        assert_eq!(complaints("Cargo.lock", "source = \"sparse+https://mirror.example/index/\"\n"), 1);

        let lock = "web/admin/package-lock.json";
        assert_eq!(complaints(lock, "\"resolved\": \"https://mirror.example/a.tgz\","), 1);
        assert_eq!(complaints(lock, "\"resolved\": \"../api\",\n\"url\": \"https://opencollective.com/a\""), 0);
        assert_eq!(complaints(lock, &format!("\"resolved\": \"https://{}/a.tgz\"", REGISTRY_HOSTS[0])), 1);
        assert_eq!(complaints("docs/a.md", "\"resolved\": \"https://mirror.example/a.tgz\","), 0);
    }

    #[test]
    fn no_file_names_a_registry() {
        for host in REGISTRY_HOSTS {
            assert_eq!(complaints("web/admin/.npmrc", &format!("registry=https://{host}/")), 1, "{host}");
        }
    }

    #[test]
    fn no_file_holds_a_path_of_one_machine() {
        for root in MACHINE_PATHS {
            assert_eq!(complaints("docs/a.md", &format!("see {root}somewhere")), 1, "{root}");
            assert_eq!(complaints("docs/a.md", &format!("\"{root}somewhere\"")), 1, "{root}");
            assert_eq!(
                complaints("docs/a.md", &format!("pages{root}index.vue, ./src{root}a, ${{dir}}{root}")),
                0,
                "{root}"
            );
        }
    }

    #[test]
    fn nothing_is_left_unfinished() {
        for word in UNFINISHED {
            assert_eq!(complaints("a.rs", &format!("// {word}: later")), 1, "{word}");
            assert_eq!(complaints("a.rs", &format!("let {word}S = {word}_LIST;")), 0, "{word}");
            assert_eq!(complaints("Cargo.lock", &format!("checksum = \"+{word}+\"")), 0, "{word}");
        }
    }

    #[test]
    fn a_file_is_not_large_and_a_picture_is_not_read_as_text() {
        assert_eq!(check_file("a.png", &vec![0; LARGEST_FILE]).len(), 0);
        assert_eq!(check_file("a.png", &vec![0; LARGEST_FILE + 1]).len(), 1);
        assert_eq!(check_file("a.png", format!("\0{}", UNFINISHED[0]).as_bytes()).len(), 0);
    }

    #[test]
    fn a_complaint_says_where() {
        let complaints = check_file("a.rs", format!("fn a() {{}}\n// {}\n", UNFINISHED[0]).as_bytes());
        assert!(complaints[0].starts_with("a.rs:2: says "), "{complaints:?}");
    }
}
