//! The rules every crate and every file of the workspace keeps.

mod common;

use common::{members, report, root, sources};
use std::fs;

/// Lines of code in one file, tests and comments not counted. Aim at 400; this is the wall.
const CODE_LINES_MAX: usize = 600;

/// The only places of `unsafe` in what is published: the mapped rings, the cells that metrics are
/// counted in, and the `unsafe fn` by which somebody asks a layer for a type. Tests write allocators that record, and fork, stop and signal processes; there is no
/// other way to.
const UNSAFE_IN: [&str; 6] = [
    "crates/radiosonde-metrics/src/cells",
    "crates/radiosonde-record/src/ring",
    "crates/radiosonde-tracing/src/asked.rs",
    "crates/radiosonde-tracing/tests/allocator.rs",
    "crates/radiosonde/tests/common/allocator.rs",
    "crates/radiosonde/tests/common/process.rs",
];

/// The crates these are in, which cannot forbid it everywhere.
const HOLD_UNSAFE: [&str; 3] = ["radiosonde-metrics", "radiosonde-record", "radiosonde-tracing"];

#[test]
fn every_crate_takes_lints_and_description_from_the_workspace() {
    let workspace = members();
    let mut complaints = Vec::new();
    for package in workspace.workspace_packages() {
        let mut complain = |what: &str| complaints.push(format!("{}: {what}", package.name));
        let manifest = fs::read_to_string(&package.manifest_path).expect("a manifest");
        if !has_workspace_lints(&manifest) {
            complain("no `[lints] workspace = true`");
        }
        if package.description.as_deref().is_none_or(|text| !text.ends_with('.')) {
            complain("no description, or one that is no sentence");
        }
        if package.license.as_deref() != Some("MIT OR Apache-2.0") {
            complain("no `license.workspace = true`");
        }
        if package.rust_version.is_none() {
            complain("no `rust-version.workspace = true`");
        }
        let folder = package.manifest_path.parent().and_then(|folder| folder.file_name());
        if folder != Some(package.name.as_str()) && package.name.as_str() != "radiosonde-benches" {
            complain("its folder has another name");
        }
        let crates = workspace.workspace_root.join("crates");
        let published =
            package.manifest_path.starts_with(crates) && package.name.as_str() != "xtask";
        if published == package.publish.is_some() {
            complain("crates are published; xtask, benches and examples say `publish = false`");
        }
        for dependency in package.dependencies.iter().filter(|found| found.path.is_none()) {
            let inherited = manifest.lines().any(|line| {
                line.starts_with(dependency.name.as_str()) && line.contains("workspace = true")
            });
            if !inherited {
                complain(&format!("{} is not taken from the root version table", dependency.name));
            }
        }
    }
    report(&complaints, "Mend the Cargo.toml named first on the line.");
}

fn has_workspace_lints(manifest: &str) -> bool {
    let mut lines = manifest.lines().map(str::trim);
    lines.by_ref().any(|line| line == "[lints]") && lines.next() == Some("workspace = true")
}

#[test]
fn every_line_of_the_version_table_turns_default_features_off() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("the root manifest");
    let table = manifest.split_once("[workspace.dependencies]").expect("a version table").1;
    let table = table.split("\n[").next().unwrap_or(table);
    let lines = table.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let complaints: Vec<String> = lines
        .filter(|line| !line.contains("default-features = false"))
        .map(str::to_owned)
        .collect();
    report(
        &complaints,
        "Say `default-features = false` in the root Cargo.toml: crates ask for what they use.",
    );
}

#[test]
fn every_crate_root_forbids_unsafe_code() {
    let workspace = members();
    let mut complaints = Vec::new();
    for package in workspace.workspace_packages() {
        for target in &package.targets {
            if target.is_test()
                || target.is_bench()
                || target.is_example()
                || target.is_custom_build()
            {
                continue;
            }
            let text = fs::read_to_string(&target.src_path).expect("a crate root");
            let forbids = text.lines().any(|line| line.trim() == "#![forbid(unsafe_code)]");
            let holds_unsafe = HOLD_UNSAFE.contains(&package.name.as_str());
            if !forbids && !holds_unsafe {
                complaints.push(target.src_path.to_string());
            }
        }
    }
    report(&complaints, "Write `#![forbid(unsafe_code)]` below the crate's documentation.");
}

#[test]
fn unsafe_stands_only_in_its_places() {
    let mut complaints = Vec::new();
    for (path, text) in sources() {
        let code = code_only(&text);
        let lines = code.lines().enumerate().filter(|(_, line)| has_word(line, "unsafe"));
        if !UNSAFE_IN.iter().any(|place| path.starts_with(place)) {
            complaints.extend(lines.map(|(number, _)| format!("{path}:{}", number + 1)));
        }
    }
    report(
        &complaints,
        "`unsafe` belongs to the rings, the cells of metrics and `asked`; use their safe API.",
    );
}

#[test]
fn every_test_the_documents_name_is_there() {
    let sources = sources();
    let mut complaints = Vec::new();
    for name in ["rings.md", "proofs.md"] {
        let text = fs::read_to_string(root().join("docs").join(name)).expect("a document");
        for test in text.split('`').skip(1).step_by(2).filter(|word| is_test_name(word)) {
            let function = format!("fn {test}(");
            if !sources.iter().any(|(_, source)| source.contains(&function)) {
                complaints.push(format!("docs/{name}: {test}"));
            }
        }
    }
    report(&complaints, "Name the test that is there now.");
}

/// A sentence in lower case, such as this function would be called.
fn is_test_name(word: &str) -> bool {
    let plain = word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    plain && word.matches('_').count() >= 3
}

#[test]
fn every_file_begins_by_saying_what_it_is() {
    let silent = sources().into_iter().filter(|(_, text)| !text.starts_with("//!"));
    let complaints: Vec<String> = silent.map(|(path, _)| path).collect();
    report(&complaints, "Begin the file with a `//!` line that says what it is.");
}

#[test]
fn no_file_grows_without_end() {
    let mut complaints = Vec::new();
    for (path, text) in sources() {
        let lines = lines_of_code(&text);
        if lines > CODE_LINES_MAX && !path.contains("/tests/") {
            complaints.push(format!("{path}: {lines} lines of code"));
        }
    }
    report(
        &complaints,
        &format!("Split it by subject: 400 lines is the aim, {CODE_LINES_MAX} the wall."),
    );
}

#[test]
fn nothing_public_is_called_get() {
    let mut complaints = Vec::new();
    for (path, text) in sources() {
        let code = code_only(&text);
        let lines = code.lines().enumerate().filter(|(_, line)| line.contains("pub fn get_"));
        complaints.extend(lines.map(|(number, _)| format!("{path}:{}", number + 1)));
    }
    report(
        &complaints,
        "An accessor is called like what it returns: `report()`, not `get_report()`.",
    );
}

/// Lines that are neither empty nor comment, up to the tests at the file's foot.
fn lines_of_code(text: &str) -> usize {
    let code = code_only(text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or(text));
    code.lines().filter(|line| !line.trim().is_empty()).count()
}

/// The text without comments and without what stands in string and character literals; the line
/// breaks stay, so that line numbers do.
fn code_only(text: &str) -> String {
    let bytes: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    let starts = |at: usize, what: &str| {
        what.chars().eq(bytes.iter().skip(at).take(what.chars().count()).copied())
    };
    while let Some(&c) = bytes.get(at) {
        let end = if starts(at, "//") {
            find(&bytes, at, "\n")
        } else if starts(at, "/*") {
            block_comment_end(&bytes, at)
        } else if let Some(end) = string_end(&bytes, at) {
            end
        } else if c == '\'' {
            // A character, or else a lifetime or label.
            if bytes.get(at + 1) == Some(&'\\') {
                find(&bytes, at + 3, "'") + 1
            } else if bytes.get(at + 2) == Some(&'\'') {
                at + 3
            } else {
                at + 1
            }
        } else {
            out.push(c);
            at += 1;
            continue;
        };
        let end = end.clamp(at + 1, bytes.len());
        out.extend(bytes[at..end].iter().filter(|c| **c == '\n'));
        at = end;
    }
    out
}

/// Where the string literal that starts here ends; none when none starts here.
fn string_end(text: &[char], at: usize) -> Option<usize> {
    if text[at] == '"' {
        let mut end = at + 1;
        while end < text.len() && text[end] != '"' {
            end += if text[end] == '\\' { 2 } else { 1 };
        }
        return Some(end + 1);
    }
    // A raw string: an `r` that is not the end of a name, any number of #, a quote.
    let in_name =
        at > 0 && (text[at - 1].is_alphanumeric() || text[at - 1] == '_') && text[at - 1] != 'b';
    if text[at] != 'r' || in_name {
        return None;
    }
    let hashes = text[at + 1..].iter().take_while(|c| **c == '#').count();
    if text.get(at + 1 + hashes) != Some(&'"') {
        return None;
    }
    let close = format!("\"{}", "#".repeat(hashes));
    Some(find(text, at + 2 + hashes, &close) + close.len())
}

fn block_comment_end(text: &[char], at: usize) -> usize {
    let (mut depth, mut end) = (0_usize, at);
    while end + 1 < text.len() {
        match (text[end], text[end + 1]) {
            ('/', '*') => depth += 1,
            ('*', '/') => depth -= 1,
            _ => {
                end += 1;
                continue;
            }
        }
        end += 2;
        if depth == 0 {
            return end;
        }
    }
    text.len()
}

fn find(text: &[char], from: usize, what: &str) -> usize {
    let what: Vec<char> = what.chars().collect();
    let from = from.min(text.len());
    text[from..]
        .windows(what.len())
        .position(|window| window == what)
        .map_or(text.len(), |at| from + at)
}

fn has_word(line: &str, word: &str) -> bool {
    line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|found| found == word)
}

#[test]
fn comments_and_strings_are_not_code() {
    for (text, expected) in [
        ("a // unsafe\nb", "a \nb"),
        ("a /* unsafe /* twice */ still */ b", "a  b"),
        (r#"f("unsafe \" still", x)"#, "f(, x)"),
        ("r#\"unsafe \" still\"# + 1", " + 1"),
        ("br\"x\" + for\"y\"", "b + for"),
        (r"let c = '\''; let d = '\u{1f}'; let l: &'a str", "let c = ; let d = ; let l: &a str"),
        ("let q = '\"'; unsafe {}", "let q = ; unsafe {}"),
        ("\"unterminated", ""),
        ("'", ""),
    ] {
        assert_eq!(code_only(text), expected, "{text}");
    }
    assert!(has_word("unsafe { x }", "unsafe"));
    assert!(!has_word("#![forbid(unsafe_code)]", "unsafe"));
}

#[test]
fn tests_at_the_foot_do_not_count_as_code() {
    let text = "//! Says.\n\n/// Doc.\nfn f() {\n    // why\n    g();\n}\n\n#[cfg(test)]\nmod tests {\n    fn t() {}\n}\n";
    assert_eq!(lines_of_code(text), 3);
}
