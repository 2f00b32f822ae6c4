//! `cargo xtask check`: what is judged without running the code.

use crate::steps::{Run, cargo, colour, program, succeeds, watch};
use serde_json::Value;
use std::process::Command;

/// What to check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// The steps asked for; none means all.
    pub(crate) only: Vec<&'static str>,
    /// Also ask the advisory database, which is on the network.
    pub(crate) advisories: bool,
}

impl Options {
    /// Whether a step is to be run.
    pub(crate) fn wants(&self, step: &str) -> bool {
        self.only.is_empty() || self.only.contains(&step)
    }
}

/// One step: what `--only` calls it, and how it is done.
pub(crate) struct Step {
    /// Its name.
    pub(crate) name: &'static str,
    work: fn(&Options) -> bool,
}

/// In the order of what fails soonest; the builds share what they compile.
pub(crate) const STEPS: &[Step] = &[
    Step { name: "manifests", work: |_| manifests() },
    Step { name: "fmt", work: |_| fmt() },
    Step { name: "clippy", work: |_| clippy() },
    Step { name: "features", work: |_| features() },
    Step { name: "doc", work: |_| doc() },
    Step { name: "deny", work: deny },
];

/// Runs the steps, all of them even when one fails.
pub(crate) fn run(options: &Options) -> bool {
    let mut run = Run::new();
    for step in STEPS.iter().filter(|step| options.wants(step.name)) {
        run.step(step.name, || (step.work)(options));
    }
    let ok = run.close();
    println!("\ncheck: {}", if ok { "ok" } else { "FAILED" });
    ok
}

/// Every manifest can be read, and the lock file fits them.
fn manifests() -> bool {
    let output = match cargo(&["metadata", "--locked", "--format-version", "1"]).output() {
        Ok(output) => output,
        Err(error) => {
            eprintln!("cannot run cargo: {error}");
            return false;
        }
    };
    if output.status.success() {
        println!("all manifests can be read, Cargo.lock fits them");
    } else {
        eprint!("{}", String::from_utf8_lossy(&output.stderr));
        eprintln!("(a lock file that does not fit: run `cargo metadata` and commit Cargo.lock)");
    }
    output.status.success()
}

fn fmt() -> bool {
    component("fmt", "rustfmt") && clean(&mut cargo(&["fmt", "--all", "--check"]))
}

fn clippy() -> bool {
    component("clippy", "clippy")
        && clean(&mut cargo(&[
            "clippy",
            colour(),
            "--workspace",
            "--all-targets",
            "--all-features",
            "--",
            "-D",
            "warnings",
        ]))
}

fn doc() -> bool {
    let mut command = cargo(&["doc", colour(), "--workspace", "--no-deps", "--all-features"]);
    clean(command.env("RUSTDOCFLAGS", "-D warnings"))
}

/// Each feature of the facade alone, and none at all: a dev-dependency or a neighbour must not be
/// what makes it compile.
fn features() -> bool {
    let Some(features) = facade_features() else { return false };
    println!("{} features: {}", features.len(), features.join(" "));
    let none = ["check", colour(), "-p", "radiosonde", "--no-default-features"];
    let mut ok = clean(&mut cargo(&none));
    for feature in &features {
        ok &= clean(cargo(&none).args(["--features", feature]));
    }
    ok
}

fn facade_features() -> Option<Vec<String>> {
    let output = cargo(&["metadata", "--format-version", "1", "--no-deps"]).output().ok()?;
    let found = features_of("radiosonde", &output.stdout);
    if found.is_none() {
        eprintln!("cargo metadata does not name the package radiosonde");
    }
    found
}

/// The features of a package, in the words of `cargo metadata`; private ones start with `_`.
fn features_of(package: &str, metadata: &[u8]) -> Option<Vec<String>> {
    let metadata: Value = serde_json::from_slice(metadata).ok()?;
    let packages = metadata["packages"].as_array()?;
    let package = packages.iter().find(|found| found["name"] == package)?;
    let names = package["features"].as_object()?.keys();
    Some(names.filter(|name| *name != "default" && !name.starts_with('_')).cloned().collect())
}

/// Licences, bans and sources by cargo-deny, which is installed when it is missing.
fn deny(options: &Options) -> bool {
    if !succeeds(&mut cargo(&["deny", "--version"])) {
        println!("cargo-deny is missing: installing it (a few minutes)");
        watch(&mut cargo(&["install", "cargo-deny", "--locked"]), |_| ());
    }
    let mut command = cargo(&["deny", "--all-features", "check", "--hide-inclusion-graph"]);
    if options.advisories {
        command.arg("advisories");
    }
    // Its warnings (two versions of one crate) are information; its errors decide.
    watch(command.args(["bans", "licenses", "sources"]), |_| ()).ok
}

/// Adds a component of the toolchain when the machine has only the compiler.
fn component(subcommand: &str, name: &str) -> bool {
    if succeeds(&mut cargo(&[subcommand, "--version"])) {
        return true;
    }
    println!("{name} is missing: installing it");
    watch(&mut program("rustup", &["component", "add", name]), |_| ()).ok
}

/// Runs a cargo command that must end well and without a word of warning: cargo itself only warns
/// about a misspelt key in a manifest, whatever `-D warnings` says to the compiler.
fn clean(command: &mut Command) -> bool {
    let outcome = watch(command, |_| ());
    let warnings = outcome.warnings.iter().filter(|line| is_ours(line));
    let warnings: Vec<&str> = warnings.map(String::as_str).collect();
    if outcome.ok && !warnings.is_empty() {
        eprintln!("a warning is a failure here:\n  {}", warnings.join("\n  "));
    }
    outcome.ok && warnings.is_empty()
}

/// What cargo says of other people's crates is not for us to mend.
fn is_ours(warning: &str) -> bool {
    !warning.contains("rejected by a future version of Rust")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_features_and_the_default_set_are_no_features_of_their_own() {
        let metadata = br#"{"packages":[
            {"name":"other","features":{"x":[]}},
            {"name":"radiosonde","features":{"default":["tokio"],"tokio":[],"prometheus":[],"_loom":[]}}]}"#;
        let found = features_of("radiosonde", metadata);
        assert_eq!(found, Some(vec!["prometheus".into(), "tokio".into()]));
        assert_eq!(features_of("absent", metadata), None);
        assert_eq!(features_of("radiosonde", b"not json"), None);
    }

    #[test]
    fn no_step_asked_for_means_all_of_them() {
        assert!(STEPS.iter().all(|step| Options::default().wants(step.name)));
        let fmt = Options { only: vec!["fmt"], ..Options::default() };
        assert!(fmt.wants("fmt") && !fmt.wants("doc"));
    }
}
