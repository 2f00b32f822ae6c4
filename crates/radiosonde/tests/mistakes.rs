//! Mistakes in `init!` and in what uses a catalogue do not compile, and say what to write.

use std::{fs, path::Path};

#[test]
fn mistakes_do_not_compile_and_say_why() {
    // `catalog!` looks beside the manifest, which trybuild writes itself, elsewhere.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target directory");
    let project = target.join("tests/trybuild").join(env!("CARGO_PKG_NAME"));
    fs::create_dir_all(&project).expect("a directory");
    for entry in fs::read_dir("tests/ui/catalog").expect("the registries") {
        let path = entry.expect("an entry").path();
        if let Some(name) = path.file_name().filter(|_| path.extension() == Some("json".as_ref())) {
            fs::copy(&path, project.join(name)).expect("copied");
        }
    }
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*.rs");
    cases.compile_fail("tests/ui/catalog/*.rs");
}
