//! Lists the files of the web clients, so that they become part of the binary. `web/dist` is always there; what is in it, the
//! clients' own builds put there. Without them the server is built all the same.

use std::error::Error;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let built = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../web/dist").canonicalize()?;
    println!("cargo:rerun-if-changed={}", built.display());
    let mut list = String::new();
    for (name, folder) in [("CONSOLE", "admin"), ("MEMBERS_CLIENT", "client")] {
        let root = built.join(folder);
        let mut files = Vec::new();
        if root.is_dir() {
            collect(&root, &mut files)?;
        }
        files.sort();
        writeln!(list, "const {name}: &[File] = &[")?;
        for file in files.iter().filter(|file| !is_compressed(file)) {
            let path = file.strip_prefix(&root)?;
            let compressed = |ending: &str| {
                let other = PathBuf::from(format!("{}.{ending}", file.display()));
                if files.contains(&other) { format!("Some({})", bytes_of(&other)) } else { "None".to_owned() }
            };
            writeln!(
                list,
                "File {{ path: {path:?}, plain: {}, gzip: {}, brotli: {} }},",
                bytes_of(file),
                compressed("gz"),
                compressed("br")
            )?;
        }
        writeln!(list, "];")?;
    }
    fs::write(Path::new(&env::var("OUT_DIR")?).join("clients.rs"), list)?;
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn is_compressed(file: &Path) -> bool {
    file.extension().is_some_and(|ending| ending == "gz" || ending == "br")
}

fn bytes_of(file: &Path) -> String {
    format!("include_bytes!({file:?})")
}
