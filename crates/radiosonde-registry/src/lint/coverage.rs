//! No finding without a registry that has it: what `tests/mistakes*` holds is compared with the
//! places in the source that report something.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use crate::{Registry, report::sites};

/// What a place that reports something looks like.
const CALLS: &[&str] = &[".wrong(", ".wrong_key(", ".unreadable(", ".breaks(", ".breaks_by_name("];

#[test]
fn every_place_that_reports_has_a_golden_message() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = entries(&root.join("tests")).into_iter().filter(|path| {
        let name = path.file_name().and_then(|name| name.to_str());
        path.is_dir() && name.is_some_and(|name| name.starts_with("mistakes"))
    });
    let registries = folders.flat_map(|folder| entries(&folder));
    for path in registries.filter(|path| path.extension().is_some_and(|end| end == "json")) {
        assert!(Registry::load(&path).is_err(), "{path:?}");
    }
    // Nobody keeps a file of ten thousand metrics; `tests/mistakes.rs` holds its message.
    let many = format!("{{\"schema_version\":1,\"metrics\":[{}]}}", vec!["{}"; 10_001].join(","));
    assert!(Registry::parse("many", &many).is_err());
    let many = many.replace("{}", r#"{"name":"a","type":"gauge"}"#);
    assert!(Registry::parse("many", &many).is_err());

    let noted = sites::noted();
    let noted: BTreeSet<(&str, u32)> = noted
        .iter()
        .filter_map(|(file, line)| Some((file.rsplit_once("/src/")?.1, *line)))
        .collect();
    let places = places(&root.join("src"));
    assert!(places.len() > 50, "the source is not read: {places:?}");
    let silent: Vec<String> = places
        .iter()
        .filter(|(file, line)| !noted.contains(&(file.as_str(), *line)))
        .map(|(file, line)| format!("src/{file}:{line}"))
        .collect();
    assert!(
        silent.is_empty(),
        "add a registry to tests/mistakes that these report (XTASK_BLESS=1 writes its message):\n{}",
        silent.join("\n")
    );
}

/// File below `src` and line of everything that reports.
fn places(source: &Path) -> BTreeSet<(String, u32)> {
    let mut folders = vec![source.to_owned()];
    let mut places = BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for path in entries(&folder) {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).expect("source");
            if path.ends_with("lint/coverage.rs") {
                continue;
            }
            let file = path.strip_prefix(source).expect("below src").display().to_string();
            // A function that tracks its caller hands on what it was asked to report elsewhere.
            let mut hands_on = false;
            for (line, number) in text.lines().zip(1..) {
                match line.trim_end() {
                    "    #[track_caller]" => hands_on = true,
                    "    }" => hands_on = false,
                    _ => {}
                }
                let is_code = !line.trim_start().starts_with("//");
                if is_code && !hands_on && CALLS.iter().any(|call| line.contains(call)) {
                    let _new = places.insert((file.clone(), number));
                }
            }
        }
    }
    places
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let read = fs::read_dir(folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    read.map(|entry| entry.expect("an entry").path()).collect()
}
