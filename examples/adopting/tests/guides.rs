//! The guides show the programs that are built and run here, to the letter.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn guides_show_the_programs_as_they_are_and_no_others() {
    let programs = files(&here().join("src/bin"), "rs");
    let guides = files(&here().join("../../docs/adopting"), "md");
    let index = here().join("../../docs/adopting.md");
    let pages = guides.iter().map(PathBuf::as_path).chain([index.as_path()]);
    let mut shown = BTreeMap::new();
    for page in pages {
        for block in blocks(&fs::read_to_string(page).unwrap(), "rust") {
            shown.insert(block, page.display().to_string());
        }
    }
    for program in programs {
        let text = as_shown(&fs::read_to_string(&program).unwrap());
        let found = shown.remove(&text);
        assert!(found.is_some(), "no guide shows {} as it is", program.display());
    }
    // Blocks of `rust,ignore` are of programs that cannot be built here, and say so.
    let whole: Vec<_> = shown.iter().filter(|(block, _)| block.contains("fn main()")).collect();
    assert!(whole.is_empty(), "no such program in src/bin: {whole:#?}");
}

#[test]
fn the_index_leads_to_every_guide() {
    let index = fs::read_to_string(here().join("../../docs/adopting.md")).unwrap();
    for guide in files(&here().join("../../docs/adopting"), "md") {
        let name = guide.file_name().unwrap().to_string_lossy();
        assert!(index.contains(&format!("(adopting/{name})")), "docs/adopting.md: {name}");
    }
}

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Without the lints of this workspace, which are none of a reader's.
fn as_shown(program: &str) -> String {
    let lines = program.lines().filter(|line| !line.starts_with("#!["));
    lines.map(|line| format!("{line}\n")).collect()
}

fn files(directory: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let found: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|e| e == extension)).collect();
    assert!(!found.is_empty(), "nothing in {}", directory.display());
    found
}

/// The blocks of a page that are fenced as this.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut block: Option<(bool, String)> = None;
    for line in page.lines() {
        match (&mut block, line.strip_prefix("```")) {
            (None, Some(fence)) => block = Some((fence == language, String::new())),
            (Some(_), Some(_)) => {
                let (is_wanted, text) = block.take().unwrap_or_default();
                found.extend(is_wanted.then_some(text));
            }
            (Some((_, text)), None) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    found
}
