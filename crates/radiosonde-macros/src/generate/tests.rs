//! Code made from registries, and registries from which none is made.

use std::fs;

use super::*;

fn with(metrics: &str) -> Result<String, String> {
    let folder = tempfile::tempdir().expect("a directory");
    let text = format!(
        r#"{{"schema_version": 1, "labels": {{"outcome": {{"values": ["ok", "failed"]}}}},
            "required_labels": ["outcome"],
            "owners": {{"platform": {{"slack": "telemetry"}}}}, "metrics": [{metrics}]}}"#
    );
    fs::write(folder.path().join("registry.json"), text).expect("written");
    let code = catalog(folder.path(), "registry.json")?;
    assert!(!code.content.contains(PATH), "the content is not looked through for it");
    Ok(code.module + &code.content)
}

#[test]
fn a_constant_and_a_function_for_each_metric_the_program_writes() {
    let code = with(
        r#"{"name": "runs_total", "type": "counter", "unit": "runs", "help": "Runs [of] <all>.",
            "labels": ["outcome"], "owner": "platform"},
           {"name": "rows", "type": "gauge", "unit": "rows", "help": "Rows.", "source": "batch",
            "owner": "platform", "status": {"deprecated": {"since": "2026-11-01", "replaced_by": "lines"}}},
           {"name": "columns", "type": "gauge", "unit": "columns", "help": "Columns.",
            "owner": "platform", "deprecated": true},
           {"name": "job:rate", "type": "gauge", "unit": "1", "help": "h", "source": "derived",
            "owner": "platform", "expression": "1"},
           {"name": "up", "type": "gauge", "unit": "1", "help": "h", "source": "external",
            "owner": "platform"},
           {"name": "lines", "type": "gauge", "unit": "lines", "help": "h", "source": "external",
            "owner": "platform"}"#,
    )
    .expect("a good registry");
    let expected = [
        "pub const REGISTRY: __radiosonde_path::RegistrySource",
        "concat!(::core::env!(\"CARGO_MANIFEST_DIR\"), \"/registry.json\")",
        "pub const RUNS_TOTAL: &str = \"runs_total\";",
        "Runs \\\\[of\\\\] \\\\<all\\\\>.\\n\\n`runs_total`: counter in runs; owned by platform.",
        "pub const ROWS: &str = \"rows\";",
        "Deprecated since 2026-11-01: use \\\\`lines\\\\` instead.",
        "pub enum Outcome {",
        "#[doc = \"`failed`.\"] Failed,",
        "pub fn runs_total(outcome: Outcome, ) -> __radiosonde::Counter {",
        "catalog::runs_total(catalog::Outcome::Ok).increment(1);",
        "#[deprecated(note = \"no replacement is named\")]\npub const COLUMNS",
        "#[deprecated(since = \"2026-11-01\", note = \"use `lines` instead\")]\npub const ROWS",
        "#[deprecated(since = \"2026-11-01\", note = \"use `lines` instead\")]\n#[inline]\npub fn rows()",
    ];
    for expected in expected {
        assert!(code.contains(expected), "{expected} in\n{code}");
    }
    assert!(!code.contains("fn up") && !code.contains("job:rate"), "{code}");
}

#[test]
fn findings_are_all_in_the_error() {
    let error = with(r#"{"name": "runs", "type": "countr"}, {"name": "x", "typ": "gauge"}"#)
        .expect_err("findings");
    let lines: Vec<&str> = error.lines().collect();
    assert_eq!(lines[0], "registry.json has problems:");
    assert!(lines[1].starts_with("registry.json:3:"), "{error}");
    assert!(lines[1].contains("metrics[0].type: unknown metric type `countr`"), "{error}");
    assert!(lines[2..].iter().any(|line| line.contains("unknown key `typ`")), "{error}");
}

/// The lints know the names of the code: what passes `ops check` compiles.
#[test]
fn two_things_of_one_name_are_told_with_their_place() {
    let error = with(
        r#"{"name": "rows", "type": "gauge", "unit": "1", "help": "h", "owner": "platform"},
           {"name": "Rows", "type": "gauge", "unit": "1", "help": "h", "owner": "platform",
            "lint_allow": [{"rule": "camel_case", "reason": "old"}]}"#,
    )
    .expect_err("both are ROWS");
    let told = "registry.json:4:21: metrics[1].name: `Rows` and `rows` would both be `ROWS`";
    assert!(error.contains(told), "{error}");
}

#[test]
fn a_missing_file_is_named() {
    let folder = tempfile::tempdir().expect("a directory");
    let error = catalog(folder.path(), "none.json").expect_err("missing");
    let told = "no registry `none.json`; create it, or name it from the folder of Cargo.toml";
    assert_eq!(error, told);
    fs::create_dir(folder.path().join("ops")).expect("a directory");
    fs::write(folder.path().join("ops/registry.json"), "{}").expect("written");
    fs::write(folder.path().join("ops/registry.rs"), "").expect("written");
    let error = catalog(folder.path(), "ops/registry.jsn").expect_err("missing");
    assert!(error.ends_with("; did you mean `ops/registry.json`?"), "{error}");
    let error = catalog(folder.path(), "ops").expect_err("a directory");
    assert_eq!(error, "`ops` is a directory; name the registry file in it");
}

/// The time of the compiler goes with the text, so that must not grow faster than the registry.
#[test]
fn the_code_grows_with_the_registry_and_no_faster() {
    let length = |count: usize| {
        let metrics: Vec<String> = (0..count)
            .map(|n| {
                format!(
                    r#"{{"name": "m_{n:04}_total", "type": "counter", "unit": "1", "help": "h",
                        "labels": ["outcome", "tenant", "zone"]}}"#
                )
            })
            .collect();
        let text = format!(
            r#"{{"schema_version": 1, "labels": {{"outcome": {{"values": ["ok", "failed"]}},
                "tenant": {{"max_values": 9}}, "zone": {{"pattern": "z[0-9]"}}}},
                "metrics": [{}]}}"#,
            metrics.join(",")
        );
        content(&Registry::parse("r.json", &text).expect("a good registry")).len()
    };
    let (half, whole) = (length(500), length(1_000));
    assert!(whole * 10 <= half * 21, "{half} bytes for 500 metrics, {whole} for 1,000");
    assert!(whole > half);
}
