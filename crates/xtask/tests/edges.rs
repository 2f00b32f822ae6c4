//! The allowed edges between the crates of the workspace, against what the manifests say.
//!
//! Only normal and build dependencies are held to the table: a test may reach further. The facade is
//! different: it stands on top, and only what plays the user's part may depend on it, tests included.

mod common;

use cargo_metadata::{DependencyKind, Metadata};
use common::{members, report};

const RUNTIME: &[&str] = &[
    "radiosonde-context",
    "radiosonde-events",
    "radiosonde-http",
    "radiosonde-metrics",
    "radiosonde-otel-bridge",
    "radiosonde-otlp",
    "radiosonde-prometheus",
    "radiosonde-record",
    "radiosonde-redact",
    "radiosonde-registry",
    "radiosonde-spool",
    "radiosonde-store",
    "radiosonde-tracing",
];

/// Each crate with the crates of this workspace it may depend on, lowest level first. A crate stands
/// here before it exists: the issue that creates it finds its place decided.
const TABLE: &[(&str, &[&str])] = &[
    // L0: know nobody.
    ("radiosonde-context", &[]),
    ("radiosonde-record", &[]),
    ("radiosonde-redact", &[]),
    ("radiosonde-registry", &[]),
    ("radiosonde-spool", &[]),
    ("radiosonde-store", &[]),
    // L0+
    ("radiosonde-macros", &["radiosonde-registry"]),
    // L1
    (
        "radiosonde-events",
        &["radiosonde-context", "radiosonde-record", "radiosonde-redact", "radiosonde-store"],
    ),
    (
        "radiosonde-metrics",
        &["radiosonde-context", "radiosonde-macros", "radiosonde-redact", "radiosonde-registry"],
    ),
    ("radiosonde-tracing", &["radiosonde-context", "radiosonde-record"]),
    // L2
    ("radiosonde-http", &["radiosonde-context", "radiosonde-metrics", "radiosonde-redact"]),
    (
        "radiosonde-otlp",
        &[
            "radiosonde-context",
            "radiosonde-events",
            "radiosonde-metrics",
            "radiosonde-record",
            "radiosonde-redact",
            "radiosonde-spool",
        ],
    ),
    (
        "radiosonde-otel-bridge",
        &["radiosonde-context", "radiosonde-otlp", "radiosonde-record", "radiosonde-tracing"],
    ),
    ("radiosonde-prometheus", &["radiosonde-metrics"]),
    // L3
    ("radiosonde-runtime", RUNTIME),
    // At the side.
    ("radiosonde-facts", &["radiosonde-metrics", "radiosonde-registry", "radiosonde-store"]),
    ("radiosonde-ops", &["radiosonde-registry"]),
    ("radiosonde-testkit", &["radiosonde-otlp"]),
    (
        "radiosonde-cli",
        &[
            "radiosonde-events",
            "radiosonde-facts",
            "radiosonde-ops",
            "radiosonde-otlp",
            "radiosonde-record",
            "radiosonde-runtime",
            "radiosonde-spool",
            "radiosonde-store",
        ],
    ),
    // Unpublished tools: everything is tested through them or by them, nothing depends on them.
    ("xtask", &[]),
];

/// L4: may use any published crate.
const FACADE: &str = "radiosonde";

/// Who may depend on the facade besides examples and benches, and only for its tests.
const FACADE_IN_TESTS: &[&str] = &["radiosonde-cli", "radiosonde-testkit"];

#[test]
fn the_manifests_keep_to_the_table() {
    let complaints = complaints(&members());
    report(
        &complaints,
        "The table is in crates/xtask/tests/edges.rs, its picture in ARCHITECTURE.md. Move the code \
         to where both crates may reach it; if the edge is right, add it to the table and its reason \
         to ARCHITECTURE.md, in a change of its own.",
    );
}

/// One line for each edge that is not allowed.
fn complaints(workspace: &Metadata) -> Vec<String> {
    let members = workspace.workspace_packages();
    let is_member = |name: &str| members.iter().any(|package| package.name.as_str() == name);
    let mut complaints = Vec::new();
    for package in &members {
        let place = package.manifest_path.strip_prefix(&workspace.workspace_root);
        let user = place.is_ok_and(|p| p.starts_with("examples") || p.starts_with("benches"));
        let name = package.name.as_str();
        let row = TABLE.iter().find(|(found, _)| *found == name);
        if row.is_none() && !user && name != FACADE {
            complaints.push(format!("{name} has no row in the table of allowed edges"));
            continue;
        }
        for dependency in package.dependencies.iter().filter(|found| is_member(&found.name)) {
            let to = dependency.name.as_str();
            let only_tests = dependency.kind == DependencyKind::Development;
            let allowed = match (to, row) {
                (FACADE, _) => user || (only_tests && FACADE_IN_TESTS.contains(&name)),
                _ if user || only_tests => true,
                (_, None) => TABLE.iter().any(|(found, _)| *found == to) && to != "xtask",
                (_, Some((_, row))) => row.contains(&to),
            };
            if !allowed {
                let may = match row {
                    None => "any published crate below".into(),
                    Some((_, [])) => "none of ours".into(),
                    Some((_, row)) => row.join(", "),
                };
                let tests = if only_tests { " (in its tests)" } else { "" };
                complaints
                    .push(format!("{name} -> {to}{tests} is not allowed; {name} may use: {may}"));
            }
        }
    }
    complaints
}

#[test]
fn the_table_has_no_circles_and_nobody_in_it_reaches_the_facade() {
    for (place, (name, row)) in TABLE.iter().enumerate() {
        for to in *row {
            let below = TABLE[..place].iter().any(|(found, _)| found == to);
            // The picture lists the command's row last: what it may use must all stand above it.
            assert!(below, "{name} -> {to}: a row may only name rows above it");
        }
        assert!(!row.contains(&FACADE), "{name} -> {FACADE}");
    }
}

#[test]
fn an_edge_that_is_not_in_the_table_is_named_with_both_ends() {
    let edge = |from: &str, to: &str, kind: &str| {
        let package = |name: &str, dependencies: &str| {
            format!(
                r#"{{"name":"{name}","version":"0.1.0","id":"path+file:///w/crates/{name}#0.1.0",
                "license":null,"license_file":null,"description":null,"source":null,
                "dependencies":[{dependencies}],"targets":[],"features":{{}},
                "manifest_path":"/w/crates/{name}/Cargo.toml","metadata":null,"publish":null,
                "authors":[],"categories":[],"keywords":[],"readme":null,"repository":null,
                "homepage":null,"documentation":null,"edition":"2024","links":null,
                "default_run":null,"rust_version":null}}"#
            )
        };
        let dependency = format!(
            r#"{{"name":"{to}","source":null,"req":"^0.1","kind":{kind},"rename":null,"optional":false,
            "uses_default_features":false,"features":[],"target":null,"registry":null}}"#
        );
        let id = |name: &str| format!(r#""path+file:///w/crates/{name}#0.1.0""#);
        let text = format!(
            r#"{{"packages":[{},{}],"workspace_members":[{2},{3}],"workspace_default_members":[{2},{3}],
            "resolve":null,"target_directory":"/w/target","version":1,"workspace_root":"/w","metadata":null}}"#,
            package(from, &dependency),
            package(to, ""),
            id(from),
            id(to)
        );
        complaints(&serde_json::from_str(&text).expect("metadata"))
    };
    let normal = "null";
    let dev = "\"dev\"";
    for (from, to, kind, allowed) in [
        ("radiosonde-store", "radiosonde-record", normal, false),
        ("radiosonde-store", "radiosonde-record", "\"build\"", false),
        ("radiosonde-store", "radiosonde-record", dev, true),
        ("radiosonde-events", "radiosonde-record", normal, true),
        ("radiosonde-record", "radiosonde-events", normal, false),
        ("radiosonde", "radiosonde-events", normal, true),
        ("radiosonde", "xtask", normal, false),
        ("radiosonde-events", "radiosonde", normal, false),
        ("radiosonde-events", "radiosonde", dev, false),
        ("radiosonde-cli", "radiosonde", dev, true),
        ("radiosonde-cli", "radiosonde", normal, false),
    ] {
        let found = edge(from, to, kind);
        assert_eq!(found.is_empty(), allowed, "{from} -> {to} ({kind}): {found:?}");
        assert!(allowed || found[0].contains(&format!("{from} -> {to}")), "{found:?}");
    }
    let stranger = edge("radiosonde-common", "radiosonde-record", normal);
    assert!(stranger[0].contains("radiosonde-common has no row"), "{stranger:?}");
}
