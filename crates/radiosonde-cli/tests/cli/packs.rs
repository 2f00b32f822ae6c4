//! `radiosonde ops` over the packs, which are registries as people write them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::fixture::{Dir, command, run};

/// Each pack with a metric, a label and a value of it, all of which it reads itself.
const PACKS: &[(&str, &str, &str, &str)] = &[
    ("job-platform", "job_submissions_total", "outcome", "success"),
    ("migration-program", "migration_completion_ratio", "squad", "qa"),
    ("session-analytics", "session_ingestions_total", "result", "success"),
    ("translation-pipeline", "openrouter_errors_total", "status", "401"),
    ("usage-ingestion", "ingestion_runs_total", "outcome", "success"),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/packs")
}

#[test]
fn every_pack_is_in_these_tests() {
    let entries = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap());
    let packs = entries.filter(|entry| entry.path().join("registry.json").exists());
    let mut names: Vec<String> =
        packs.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, PACKS.iter().map(|(name, ..)| *name).collect::<Vec<_>>());
}

#[test]
fn packs_have_no_problems_and_do_not_differ_from_themselves() {
    for (name, ..) in PACKS {
        let file = folder().join(name).join("registry.json");
        let file = file.to_str().unwrap();
        let _ = run(command(&["ops", "check", file])).exits(0).prints(&[", no problems"]);
        let _ = run(command(&["ops", "diff", file, file])).exits(0).prints(&["nothing changed"]);
    }
}

#[test]
fn a_pack_that_loses_a_metric_or_a_label_value_says_so() {
    for (name, metric, label, value) in PACKS {
        let old = folder().join(name).join("registry.json");
        let text = fs::read_to_string(&old).unwrap();
        let once = |from: String, to: String| {
            assert_eq!(text.matches(&from).count(), 1, "{name}: {from}");
            text.replace(&from, &to)
        };
        let without = once(format!("\"name\": \"{metric}\""), format!("\"name\": \"x_{metric}\""));
        changed(&old, &without, &format!("metrics.{metric}: removed"), &format!("`{metric}`"));

        // Values are listed at the label; wherever else they stand, they are looked for there.
        let declared = text.find(&format!("\"{label}\": {{")).unwrap();
        let at = declared + text[declared..].find(&format!("\"{value}\"")).unwrap();
        let (before, after) = text.split_at(at);
        let renamed = format!("{before}{}", after.replacen(value, "something_else", 1));
        let told = format!("labels.{label}.values: removed ({value})");
        changed(&old, &renamed, &told, &format!("`{value}`"));
    }
}

/// The difference is breaking, and what read it in the changed file is a problem of that.
fn changed(old: &Path, new: &str, difference: &str, problem: &str) {
    let dir = Dir::empty();
    dir.write("registry.json", new);
    let file = dir.path().join("registry.json");
    let [old, file] = [old, &file].map(|path| path.to_str().unwrap());
    let diff = run(command(&["ops", "diff", old, file]));
    let _ = diff.exits(1).prints(&["breaking", difference]);
    let _ = run(command(&["ops", "check", file])).exits(1).prints(&[problem]);
}
