//! One file for each mistake in alerts, dashboards, objectives and reports, and what is said of it.
//!
//! `XTASK_BLESS=1 cargo test -p radiosonde-registry` writes the messages anew.

use std::{collections::BTreeSet, fs, path::Path};

use radiosonde_registry::Registry;

#[test]
fn each_mistake_has_one_finding_with_place_and_fix() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mistakes_operations");
    let bless = std::env::var_os("XTASK_BLESS").is_some();
    let mut wrong = Vec::new();
    let names = names(&folder);
    for name in &names {
        let file = format!("{name}.json");
        let text = fs::read_to_string(folder.join(&file)).expect("readable");
        let Err(errors) = Registry::parse(&file, &text) else {
            wrong.push(format!("{file}: no finding"));
            continue;
        };
        let [error] = errors.0.as_slice() else {
            wrong.push(format!("{file}: not one finding:\n{errors}"));
            continue;
        };
        assert!(error.line > 0 && !error.path.is_empty() && !error.fix.is_empty(), "{error}");
        let golden = folder.join(format!("{name}.txt"));
        if bless {
            fs::write(&golden, format!("{error}\n")).expect("written");
        } else if fs::read_to_string(&golden).unwrap_or_default() != format!("{error}\n") {
            wrong.push(format!("{name}.txt does not say: {error}"));
        }
    }
    assert!(wrong.is_empty(), "{}\n{} of {}", wrong.join("\n"), wrong.len(), names.len());
    assert!(names.len() > 100, "{}", names.len());
}

/// The files of the folder without their endings; a message without a file is a mistake here.
fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let paths: Vec<_> = entries.map(|entry| entry.expect("readable").path()).collect();
    let with = |ending: &str| -> BTreeSet<String> {
        let ending = Some(std::ffi::OsStr::new(ending));
        let matching = paths.iter().filter(|path| path.extension() == ending);
        matching.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect()
    };
    let (files, messages) = (with("json"), with("txt"));
    let orphans: Vec<_> = messages.difference(&files).collect();
    assert!(orphans.is_empty(), "messages without files: {orphans:?}");
    files
}
