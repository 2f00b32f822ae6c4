//! What an application gets when it adds radiosonde: how many packages, and for how old a compiler.

mod common;

use common::{LINUX, everything, members, report, root};
use std::collections::BTreeSet;
use std::process::Command;

/// With the default features; our own crates included, and the five that build zstd.
const PACKAGES_MAX: usize = 66;

/// With `prometheus` as well: an HTTP server and gzip.
const PACKAGES_SERVED_MAX: usize = 85;

/// With each of these features on top of the default ones. What is counted is mostly what an
/// application that speaks HTTP has anyway: the crates of the framework or client it uses.
const PACKAGES_WITH_MAX: &[(&str, usize)] = &[
    ("otel-bridge", 75),
    ("otel-sdk", 100),
    ("otlp-http", 100),
    ("otlp-grpc", 110),
    ("otlp-grpc,otel-bridge", 120),
    ("http-server", 75),
    ("tonic", 75),
    ("axum", 100),
    ("http-client", 90),
    ("reqwest", 130),
];

/// Name and version of every package in the tree of the facade with its default features and these,
/// build dependencies and all: what has to be compiled.
fn packages(features: &str) -> BTreeSet<(String, String)> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "-p", "radiosonde", "-e", "normal,build", "--prefix", "none"])
        .args(["--target", LINUX, "--format", "{p}", "--features", features])
        .current_dir(root())
        .output()
        .expect("cargo tree");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("cargo prints UTF-8");
    text.lines()
        .filter_map(|line| {
            let (name, rest) = line.split_once(" v")?;
            Some((name.to_owned(), rest.split_whitespace().next()?.to_owned()))
        })
        .collect()
}

#[test]
fn an_application_gets_few_packages() {
    few(&packages(""), PACKAGES_MAX);
}

#[test]
fn an_application_whose_metrics_are_served_gets_few_packages() {
    few(&packages("prometheus"), PACKAGES_SERVED_MAX);
}

#[test]
fn an_application_that_observes_its_http_gets_few_packages_more() {
    for (features, most) in PACKAGES_WITH_MAX {
        few(&packages(features), *most);
    }
}

fn few(packages: &BTreeSet<(String, String)>, most: usize) {
    let names: Vec<String> = packages.iter().map(|(name, v)| format!("{name} {v}")).collect();
    eprintln!("packages an application gets: {} (fewer than {most})", names.len());
    assert!(packages.iter().any(|(name, _)| name == "radiosonde"), "{names:?}");
    assert!(
        packages.len() < most,
        "an application would get {} packages; keep them below {most}:\n{}",
        packages.len(),
        names.join("\n")
    );
}

#[test]
fn no_package_of_an_application_asks_for_a_newer_compiler_than_ours() {
    let ours = members();
    let ours = ours.workspace_packages();
    let ours = ours.iter().find(|package| package.name.as_str() == "radiosonde").expect("facade");
    let oldest = ours.rust_version.clone().expect("a rust-version in the workspace");
    let packages = packages("");
    let mut complaints = Vec::new();
    for package in everything().packages {
        let key = (package.name.to_string(), package.version.to_string());
        if let Some(asks) = package.rust_version.filter(|asks| *asks > oldest)
            && packages.contains(&key)
        {
            complaints
                .push(format!("{} {} asks for Rust {asks}, we promise {oldest}", key.0, key.1));
        }
    }
    report(&complaints, "Take an older version of it, or raise rust-version with its reason.");
}
