//! The rule of docs/metrics.md for metrics that are missing, run by `promtool` over what a scrape of
//! ours says every 15 seconds.
//!
//! `promtool` is found, and may be left out, as in `promtool.rs`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use radiosonde_metrics::{Clock, Metrics, Settings};
use radiosonde_prometheus::text::render;
use radiosonde_registry::Registry;

const REGISTRY: &str = r#"{
  "schema_version": 1,
  "owners": {"platform": {"slack": "telemetry"}},
  "metrics": [
    {"name": "steady_total", "type": "counter", "unit": "runs", "help": "Steady.",
     "owner": "platform", "interval_s": 60},
    {"name": "never_total", "type": "counter", "unit": "runs", "help": "Never.",
     "owner": "platform", "interval_s": 60},
    {"name": "stops_total", "type": "counter", "unit": "runs", "help": "Stops.",
     "owner": "platform", "interval_s": 60},
    {"name": "nightly_ratio", "type": "gauge", "unit": "ratio", "help": "Nightly.",
     "owner": "platform", "source": "batch", "interval_s": 120},
    {"name": "whenever_total", "type": "counter", "unit": "runs", "help": "Whenever.",
     "owner": "platform"}
  ]
}"#;

const STEP: u64 = 15;

/// The rule as the documentation has it.
fn rule() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/metrics.md");
    let text = std::fs::read_to_string(path).unwrap();
    let rule = text.lines().find(|line| line.contains("(metric_interval_seconds)"));
    rule.unwrap().to_owned()
}

/// What scrapes of two replicas say in ten minutes, of which the second writes nothing: the samples
/// of each series.
fn scraped() -> BTreeMap<String, Vec<String>> {
    let mut samples = BTreeMap::new();
    for (instance, writes) in [("a", true), ("b", false)] {
        for (series, values) in scraped_of_one(writes) {
            let own = format!("{{instance=\"{instance}\",job=\"shop\",");
            let _ = samples.insert(series.replace('{', &own), values);
        }
    }
    samples
}

fn scraped_of_one(writes: bool) -> BTreeMap<String, Vec<String>> {
    // Tests of promtool begin in 1970.
    let clock = Clock::fixed(UNIX_EPOCH);
    let registry = Some(Registry::parse("registry.json", REGISTRY).unwrap());
    let metrics = Metrics::new(Settings { registry, clock: clock.clone(), ..Settings::default() });
    let mut samples = BTreeMap::<String, Vec<String>>::new();
    for now in (0..=600).step_by(STEP as usize) {
        clock.set(UNIX_EPOCH + Duration::from_secs(now));
        metrics::with_local_recorder(&metrics.recorder(), || {
            if !writes {
                return;
            }
            if now % 30 == 0 {
                metrics::counter!("steady_total").increment(0);
            }
            if now <= 300 {
                metrics::counter!("stops_total").increment(1);
            }
            if now == 180 {
                metrics::gauge!("nightly_ratio").set(0.5);
            }
        });
        let text = render(&metrics.snapshot());
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (series, value) = line.rsplit_once(' ').unwrap();
            if series.starts_with("metric_last_seen") || series.starts_with("metric_interval") {
                samples.entry(series.to_owned()).or_default().push(value.to_owned());
            }
        }
    }
    samples
}

/// The metrics that are missing at some second.
fn expectation(at: u64, missing: &[&str]) -> String {
    let alerts =
        missing.iter().map(|metric| format!("{{exp_labels: {{job: shop, metric: {metric}}}}}"));
    let alerts = alerts.collect::<Vec<_>>().join(", ");
    format!("      - {{eval_time: {at}s, alertname: MetricMissing, exp_alerts: [{alerts}]}}\n")
}

#[test]
fn one_rule_tells_what_is_missing() {
    let samples = scraped();
    assert_eq!(samples.len(), 16, "{samples:?}");
    let without = std::env::var("XTASK_WITHOUT").unwrap_or_default();
    if without.split(',').any(|part| part.trim() == "promtool") {
        eprintln!("not run: XTASK_WITHOUT names promtool");
        return;
    }
    let promtool = std::env::var_os("PROMTOOL").unwrap_or_else(|| "promtool".into());
    let version = Command::new(&promtool).arg("--version").output();
    if !version.is_ok_and(|version| version.status.success()) {
        let required = std::env::var("XTASK_REQUIRE_SERVERS").is_ok_and(|v| v == "1");
        assert!(!required, "no promtool: install the package `prometheus`, or set PROMTOOL");
        eprintln!("not run: no promtool on the path and none in PROMTOOL");
        return;
    }
    let mut test = String::from(
        "rule_files: [rules.yml]\nevaluation_interval: 15s\ntests:\n  - interval: 15s\n    \
         input_series:\n",
    );
    for (series, values) in &samples {
        assert_eq!(values.len(), 41, "{series}");
        writeln!(test, "      - {{series: '{series}', values: '{}'}}", values.join(" ")).unwrap();
    }
    test.push_str("    alert_rule_test:\n");
    for (at, missing) in [
        (0, &[][..]),
        // Two intervals are not more than two.
        (120, &[]),
        (135, &["never_total"]),
        (240, &["never_total"]),
        (420, &["never_total"]),
        // Of the second replica they would all be missing since 135 already.
        (435, &["nightly_ratio", "never_total", "stops_total"]),
        (600, &["nightly_ratio", "never_total", "stops_total"]),
    ] {
        test.push_str(&expectation(at, missing));
    }
    let rules = format!(
        "groups:\n  - name: missing\n    rules:\n      - alert: MetricMissing\n        \
         expr: {}\n",
        rule()
    );
    let directory = std::env::temp_dir().join(format!("missing-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join("rules.yml"), rules).unwrap();
    std::fs::write(directory.join("test.yml"), &test).unwrap();
    let output = Command::new(&promtool)
        .args(["test", "rules", "test.yml"])
        .current_dir(&directory)
        .output()
        .unwrap();
    std::fs::remove_dir_all(&directory).unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{test}");
}
