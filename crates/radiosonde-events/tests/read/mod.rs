//! Day files as a test reads them.

use std::path::Path;

use radiosonde_store::reader::Chunk;
use radiosonde_store::sealed::Reader;

/// The names that end like this, sorted.
pub(crate) fn names(root: &Path, suffix: &str) -> Vec<String> {
    let entries = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = entries.map(|name| name.into_string().unwrap()).collect();
    names.retain(|name| name.ends_with(suffix));
    names.sort();
    names
}

/// The lines of all files whose names begin like this, with the name.
pub(crate) fn all_lines(root: &Path, prefix: &str) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    for name in names(root, "")
        .into_iter()
        .filter(|name| name.starts_with(prefix) && !name.ends_with(".tmp"))
    {
        let text = String::from_utf8(bytes(&root.join(&name))).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'), "{name} ends in half a line");
        lines.extend(text.lines().map(|line| (name.clone(), line.to_owned())));
    }
    lines
}

/// What is in a file, plain or sealed.
fn bytes(path: &Path) -> Vec<u8> {
    if path.extension().is_none_or(|end| end != "zst") {
        return std::fs::read(path).unwrap();
    }
    let mut all = Vec::new();
    let mut reader = Reader::open(path).unwrap();
    while let Some(chunk) = reader.next_chunk().unwrap() {
        match chunk {
            Chunk::Lines { bytes, .. } => all.extend_from_slice(bytes),
            other => panic!("{}: {other:?}", path.display()),
        }
    }
    all
}
