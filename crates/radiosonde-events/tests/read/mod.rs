//! Day files as a test reads them.

use std::path::Path;

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
    for name in names(root, "").into_iter().filter(|name| name.starts_with(prefix)) {
        let text = std::fs::read(root.join(&name)).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'), "{name} ends in half a line");
        lines.extend(text.lines().map(|line| (name.clone(), line.to_owned())));
    }
    lines
}
