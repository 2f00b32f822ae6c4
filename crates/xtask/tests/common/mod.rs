//! What the workspace rules share: the metadata of the workspace, and its source files.
#![allow(dead_code, reason = "each test program uses its part")]

use cargo_metadata::{Metadata, MetadataCommand};
use std::fs;
use std::path::{Path, PathBuf};

/// The folder of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("crates/xtask").to_path_buf()
}

/// `cargo metadata` of the workspace, without the packages it depends on.
pub(crate) fn members() -> Metadata {
    MetadataCommand::new().current_dir(root()).no_deps().exec().expect("cargo metadata")
}

/// All of `cargo metadata`, as resolved for Linux.
pub(crate) fn everything() -> Metadata {
    let linux = ["--filter-platform", LINUX].map(str::to_owned);
    let mut command = MetadataCommand::new();
    command.current_dir(root()).other_options(linux).exec().expect("cargo metadata")
}

/// The platform whose packages are counted, whatever the tests run on.
pub(crate) const LINUX: &str = "x86_64-unknown-linux-gnu";

/// Every `.rs` file of the workspace, with its path from the root.
pub(crate) fn sources() -> Vec<(String, String)> {
    let root = root();
    let mut found = Vec::new();
    for top in ["crates", "examples", "benches", "fuzz"] {
        collect(&root.join(top), &mut found);
    }
    found.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let name = path.strip_prefix(&root).expect("below the root").to_string_lossy().into_owned();
        (name, text)
    };
    found.into_iter().map(read).collect()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
        let path = entry.expect("a folder entry").path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Fails with all complaints at once, and with what to do about them.
pub(crate) fn report(complaints: &[String], what_to_do: &str) {
    assert!(complaints.is_empty(), "\n  {}\n{what_to_do}\n", complaints.join("\n  "));
}
