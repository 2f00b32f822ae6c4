//! Each kind of change, from one small registry to an edited one.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "all of this crate is a test")]

use radiosonde_ops::{Day, Registry, RegistryDocument, diff};

const BASE: &str = r##"{
  "schema_version": 1,
  "service": "jobs",
  "environments": {"staging": {"series_limit": 50}, "production": {"series_limit": 200}},
  "required_labels": ["region"],
  "max_labels": 4,
  "labels": {
    "region": {"values": ["eu", "us"]},
    "outcome": {"values": ["success", "failure"]},
    "provider": {"max_values": 20},
    "version": {"pattern": "v[0-9]"}
  },
  "owners": {"platform": {"slack": "#platform"}},
  "modules": {"sqlx": {"policy": "allow", "series_limit": 100}},
  "metrics": [
    {"name": "runs_total", "type": "counter", "unit": "runs", "help": "Runs started.",
     "labels": ["provider", "outcome"], "owner": "platform",
     "rollups": [{"name": "runs_by_outcome_total", "by": ["outcome"]}]},
    {"name": "wait_seconds", "type": "histogram", "unit": "seconds", "help": "Time in the queue.",
     "labels": ["version"], "buckets": [1, 5, 10], "owner": "platform", "series_limit": 40},
    {"name": "old_depth", "type": "gauge", "unit": "jobs", "help": "Jobs that wait.",
     "owner": "platform",
     "status": {"deprecated": {"since": "2026-11-01", "replaced_by": "depth", "emit_days": 14}}},
    {"name": "depth", "type": "gauge", "unit": "jobs", "help": "Jobs that wait, of all queues.",
     "owner": "platform"}
  ],
  "alerts": [{"id": "deep", "summary": "Many wait.", "severity": "warning", "metric": "depth",
    "op": ">", "threshold": 100}],
  "dashboards": [{"uid": "runs", "title": "Runs", "panels": [{"title": "Runs", "kind": "stat",
    "queries": [{"expr": "sum(rate(runs_by_outcome_total[5m])) / max(depth)"}]}]}]
}"##;

fn registry(text: &str) -> Registry {
    // As the command compares them: what the lints hold against either is another question.
    let document = RegistryDocument::of("registry.json", text.to_owned());
    document.unlinted().unwrap_or_else(|errors| panic!("{errors}\n{text}"))
}

/// The changes that edits of the base make, as lines: `!` before those that break.
fn changes(edits: &[(&str, &str)], today: &str) -> Vec<String> {
    let edited = edits.iter().fold(BASE.to_owned(), |text, (from, to)| {
        assert_eq!(text.matches(from).count(), 1, "{from} has to stand there once");
        text.replace(from, to)
    });
    let changes = diff(&registry(BASE), &registry(&edited), today.parse::<Day>().unwrap());
    changes.iter().map(|it| format!("{}{it}", if it.is_breaking() { "! " } else { "" })).collect()
}

#[track_caller]
fn change(edits: &[(&str, &str)], expect: &[&str]) {
    assert_eq!(changes(edits, "2026-11-10"), expect);
}

#[test]
fn nothing_changed_is_nothing_told() {
    assert_eq!(changes(&[], "2026-11-10"), [""; 0]);
}

#[test]
fn what_a_metric_means_stays_with_its_name() {
    change(
        &[(
            r#""type": "gauge", "unit": "jobs", "help": "Jobs that wait, "#,
            r#""type": "summary", "unit": "jobs", "help": "Jobs that wait, "#,
        )],
        &["! metrics.depth.type: changed from gauge to summary; publish it as `depth_v2` with \
           version 2 and deprecate `depth`"],
    );
    change(
        &[(r#""unit": "runs""#, r#""unit": "jobs""#)],
        &["! metrics.runs_total.unit: changed from runs to jobs; publish it as `runs_v2_total` \
           with version 2 and deprecate `runs_total`"],
    );
    change(
        &[("[1, 5, 10]", "[1, 2.5, 10]")],
        &["! metrics.wait_seconds.buckets: changed from 1, 5, 10 to 1, 2.5, 10; publish it as \
           `wait_seconds_v2` with version 2 and deprecate `wait_seconds`"],
    );
    change(
        &[(r#""buckets": [1, 5, 10], "#, "")],
        &["! metrics.wait_seconds.buckets: changed from 1, 5, 10 to none; publish it as \
           `wait_seconds_v2` with version 2 and deprecate `wait_seconds`"],
    );
    let powers = r#""exponential_buckets": {"scale": 3, "min": 1, "max": 20}, "#;
    change(
        &[(r#""buckets": [1, 5, 10], "#, powers)],
        &[
            "! metrics.wait_seconds.buckets: changed from 1, 5, 10 to none; publish it as \
             `wait_seconds_v2` with version 2 and deprecate `wait_seconds`",
            "! metrics.wait_seconds.exponential_buckets: changed from none to scale 3 from 1.0 to \
             20.0; publish it as `wait_seconds_v2` with version 2 and deprecate `wait_seconds`",
        ],
    );
    change(
        &[(
            r#""help": "Runs started.","#,
            r#""help": "Runs started.", "otel": {"name": "jobs.runs", "unit": "{run}"},"#,
        )],
        &[
            "! metrics.runs_total.otel.name: changed from runs_total to jobs.runs; publish it as \
             `runs_v2_total` with version 2 and deprecate `runs_total`",
            "! metrics.runs_total.otel.unit: changed from runs to {run}; publish it as \
             `runs_v2_total` with version 2 and deprecate `runs_total`",
        ],
    );
}

#[test]
fn labels_of_a_metric_are_its_series() {
    change(
        &[(r#"["provider", "outcome"]"#, r#"["provider", "outcome", "version"]"#)],
        &["! metrics.runs_total.labels: changed from provider, outcome to provider, outcome, \
           version; publish it as `runs_v2_total` with version 2 and deprecate `runs_total`"],
    );
    change(
        &[(r#"["provider", "outcome"]"#, r#"["outcome", "provider"]"#)],
        &["! metrics.runs_total.labels: reordered from provider, outcome to outcome, provider; \
           typed handles take them in this order: keep it"],
    );
    change(
        &[(r#""required_labels": ["region"]"#, r#""required_labels": ["version"]"#)],
        &[
            "! required_labels: removed (region); every series loses the label: keep it, or \
             declare it on each metric",
            "! required_labels: added (version); every series becomes another one: publish the \
             metrics under new names, or declare the label on new metrics only",
        ],
    );
}

#[test]
fn label_values_may_come_and_not_go() {
    change(
        &[(r#""values": ["success", "failure"]"#, r#""values": ["success", "retry"]"#)],
        &[
            "! labels.outcome.values: removed (failure); keep what is read, or take a new label \
             and publish the metrics that use it (`runs_total`) in a new version",
            "labels.outcome.values: added (retry)",
        ],
    );
    change(
        &[(r#""outcome": {"values": ["success", "failure"]}"#, r#""outcome": {"max_values": 5}"#)],
        &[
            "! labels.outcome.max_values: lowered from no limit to 5; values that are recorded today \
             may fold into overflow: keep the limit",
            "! labels.outcome.values: list given up: handles take a text, overflow no longer keeps \
             its values (success, failure); keep what is read, or take a new label and publish \
             the metrics that use it (`runs_total`) in a new version",
        ],
    );
    change(
        &[(r#""provider": {"max_values": 20}"#, r#""provider": {"values": ["acme"]}"#)],
        &[
            "! labels.provider.values: became a list: other values are refused (acme); keep what \
             is read, or take a new label and publish the metrics that use it (`runs_total`) in a \
             new version",
            "labels.provider.max_values: raised from 20 to no limit",
        ],
    );
    change(
        &[("v[0-9]", "v[0-5]")],
        &["! labels.version.pattern: changed from v[0-9] to v[0-5]; keep what is read, or take a \
           new label and publish the metrics that use it (`wait_seconds`) in a new version"],
    );
    change(
        &[(r#""max_values": 20"#, r#""max_values": 30"#)],
        &["labels.provider.max_values: raised from 20 to 30"],
    );
    change(
        &[(r#""max_values": 20"#, r#""max_values": 10"#)],
        &["! labels.provider.max_values: lowered from 20 to 10; values that are recorded today \
           may fold into overflow: keep the limit"],
    );
}

#[test]
fn limits_may_rise_and_not_fall() {
    let fold = "series that are recorded today may fold into overflow: keep the limit";
    change(
        &[(
            r#""staging": {"series_limit": 50}"#,
            r#""staging": {"series_limit": 45, "fleet_limit": 300}"#,
        )],
        &[
            &format!(
                "! environments.staging.series_limit: lowered from 50 to 45; {fold}, or give the \
                 metrics that need it a `series_limit` of their own"
            ),
            "environments.staging.fleet_limit: raised from 200 to 300",
        ],
    );
    change(
        &[(r#""series_limit": 40"#, r#""series_limit": 30"#)],
        &[&format!("! metrics.wait_seconds.series_limit: lowered from 40 to 30; {fold}")],
    );
    change(
        &[(r#", "series_limit": 40"#, "")],
        &["metrics.wait_seconds.series_limit: raised from 40 to 50"],
    );
    change(
        &[(r#", "production": {"series_limit": 200}"#, r#", "test": {"series_limit": 60}"#)],
        &[
            "! environments.production: removed; keep it while something runs there: without it \
             the strictest limit holds",
            "environments.test: added",
        ],
    );
    change(
        &[(r#""policy": "allow", "series_limit": 100"#, r#""policy": "refuse""#)],
        &["! modules.sqlx: narrowed from allow up to 100 series to refuse up to 200 series; \
           metrics of that crate which are recorded today are refused: keep what was said about \
           it, or register those that are read"],
    );
}

const DEPTH: &str = r#",
    {"name": "depth", "type": "gauge", "unit": "jobs", "help": "Jobs that wait, of all queues.",
     "owner": "platform"}"#;

/// So that no alert of the new registry asks for what is gone.
const OTHER_ALERT: (&str, &str) = (r#""metric": "depth""#, r#""metric": "runs_total""#);

const OLD_DEPTH: &str = r#"
    {"name": "old_depth", "type": "gauge", "unit": "jobs", "help": "Jobs that wait.",
     "owner": "platform",
     "status": {"deprecated": {"since": "2026-11-01", "replaced_by": "depth", "emit_days": 14}}},"#;

#[test]
fn a_metric_goes_when_its_deprecation_is_over() {
    let removed = [(OLD_DEPTH, "")];
    assert_eq!(
        changes(&removed, "2026-11-14"),
        ["! metrics.old_depth: removed too early; keep it until 2026-11-15, as its deprecation \
          promises"]
    );
    assert_eq!(
        changes(&removed, "2026-11-15"),
        ["metrics.old_depth: removed (its deprecation ended 2026-11-15)"]
    );
    change(
        &[(DEPTH, ""), (r#""replaced_by": "depth", "#, ""), OTHER_ALERT],
        &[
            "! metrics.depth: removed (read by alert `deep`, dashboard `runs`); deprecate it first, with `since` and `emit_days`, and \
             remove it afterwards",
            "alerts.deep: changed",
            "metrics.old_depth.status.replaced_by: changed from depth to none",
        ],
    );
    change(
        &[
            (r#""name": "depth""#, r#""name": "depth_of_all""#),
            (r#""replaced_by": "depth""#, r#""replaced_by": "depth_of_all""#),
            OTHER_ALERT,
        ],
        &[
            "! metrics.depth: removed (read by alert `deep`, dashboard `runs`); keep `depth` beside `depth_of_all`, deprecated and replaced \
             by it, until readers have followed",
            "alerts.deep: changed",
            "metrics.depth_of_all: added",
            "metrics.old_depth.status.replaced_by: changed from depth to depth_of_all",
        ],
    );
}

#[test]
fn deprecations_keep_their_days() {
    change(
        &[(r#""emit_days": 14"#, r#""emit_days": 7"#)],
        &["! metrics.old_depth.status: end moved from 2026-11-15 to 2026-11-08; keep the day \
           that was announced: readers have planned with it"],
    );
    change(
        &[(r#""emit_days": 14"#, r#""emit_days": 30"#)],
        &["metrics.old_depth.status: end moved from 2026-11-15 to 2026-12-01"],
    );
    change(
        &[(
            r#"{"deprecated": {"since": "2026-11-01", "replaced_by": "depth", "emit_days": 14}}"#,
            r#""stable""#,
        )],
        &["metrics.old_depth.status: deprecation undone"],
    );
}

#[test]
fn a_new_version_beside_the_deprecated_old_one_breaks_nobody() {
    let v2 = r#",
    {"name": "runs_v2_total", "type": "counter", "unit": "jobs", "help": "Jobs started.",
     "labels": ["version"], "owner": "platform", "version": 2}
  ]"#;
    change(
        &[
            (
                r#""owner": "platform",
     "rollups""#,
                r#""owner": "platform",
     "status": {"deprecated": {"since": "2026-11-10", "replaced_by": "runs_v2_total"}},
     "rollups""#,
            ),
            ("\n  ]", v2),
        ],
        &[
            "metrics.runs_total.status: deprecated (until 2026-11-24)",
            "metrics.runs_v2_total: added",
        ],
    );
}

#[test]
fn rollups_keep_name_and_labels() {
    change(
        &[(r#""by": ["outcome"]"#, r#""by": ["provider"]"#)],
        &[
            "! rollups.runs_by_outcome_total: changed from outcome to provider; keep its labels, or \
           add a roll-up under another name",
        ],
    );
    change(
        &[(
            r#",
     "rollups": [{"name": "runs_by_outcome_total", "by": ["outcome"]}]"#,
            "",
        )],
        &[
            "! rollups.runs_by_outcome_total: removed (read by dashboard `runs`); keep it: leadership views and alerts read it \
           by this name",
        ],
    );
}

#[test]
fn code_that_writes_keeps_compiling() {
    change(
        &[(
            r#""owner": "platform"}
  ]"#,
            r#""owner": "platform", "source": "external"}
  ]"#,
        )],
        &["! metrics.depth.source: changed from app to external; code that writes it no longer \
           compiles: keep the source, or take another name"],
    );
    change(
        &[(
            r#""owner": "platform"}
  ]"#,
            r#""owner": "platform", "source": "batch"}
  ]"#,
        )],
        &["metrics.depth.source: changed from app to batch"],
    );
}

/// Changes from one registry to another, both of these metrics.
fn between(old: &str, new: &str) -> Vec<String> {
    let of = |metrics: &str| {
        registry(&format!(
            r#"{{"schema_version": 1, "labels": {{"outcome": {{"values": ["a", "b"]}},
                 "provider": {{"max_values": 5}}}}, "metrics": [{metrics}]}}"#
        ))
    };
    let changes = diff(&of(old), &of(new), "2026-11-10".parse().unwrap());
    changes.iter().map(|it| format!("{}{it}", if it.is_breaking() { "! " } else { "" })).collect()
}

fn metric(name: &str, what: &str) -> String {
    format!(r#"{{"name": "{name}", "help": "What.", {what}}}"#)
}

#[test]
fn a_rollup_moves_to_a_metric_of_its_kind_only() {
    let all = r#", "labels": ["outcome"], "rollups": [{"name": "all_total"}]"#;
    let runs = r#""type": "counter", "unit": "runs""#;
    let wait = r#""type": "histogram", "unit": "seconds""#;
    let counter = |with: &str| metric("runs_total", &format!("{runs}{with}"));
    let next = |what: &str, with: &str| metric("next_total", &format!("{what}{with}"));
    let bare = r#", "labels": ["outcome"]"#;
    let old = format!("{}, {}", counter(all), next(wait, bare));
    assert_eq!(
        between(&old, &format!("{}, {}", counter(bare), next(wait, all))),
        [
            "! rollups.all_total.type: changed from counter to histogram; what reads it under this \
             name would see something else: add a roll-up under another name",
            "! rollups.all_total.unit: changed from runs to seconds; what reads it under this name \
             would see something else: add a roll-up under another name",
            "rollups.all_total.of: moved from runs_total to next_total",
        ]
    );
    let old = format!("{}, {}", counter(all), next(runs, bare));
    assert_eq!(
        between(&old, &format!("{}, {}", counter(bare), next(runs, all))),
        ["rollups.all_total.of: moved from runs_total to next_total"]
    );
    let bounded = |bounds: &str, with: &str| {
        let what = format!(r#"{wait}, "buckets": {bounds}{with}"#);
        metric(&format!("wait_{}_seconds", bounds.len()), &what)
    };
    let of = |first, second| format!("{}, {}", bounded("[1]", first), bounded("[1,5]", second));
    assert_eq!(
        between(&of(all, bare), &of(bare, all)),
        [
            "! rollups.all_total.buckets: changed from 1 to 1, 5; what reads it under this name \
             would see something else: add a roll-up under another name",
            "rollups.all_total.of: moved from wait_3_seconds to wait_5_seconds",
        ]
    );
}

#[test]
fn series_from_zero_are_those_of_the_type() {
    let of = |kind: &str, zero: &str| {
        let unit = r#""unit": "jobs", "labels": ["outcome"]"#;
        metric("jobs_total", &format!(r#""type": "{kind}", {unit}{zero}"#))
    };
    let (on, off) = (r#", "zero_init": true"#, r#", "zero_init": false"#);
    assert_eq!(
        between(&of("gauge", ""), &of("gauge", off)),
        ["metrics.jobs_total.zero_init: changed from none to false"]
    );
    assert_eq!(
        between(&of("gauge", on), &of("gauge", "")),
        ["! metrics.jobs_total.zero_init: changed from true to none; series are missing until \
          their first value, where they were 0: keep it"]
    );
    assert_eq!(
        between(&of("counter", ""), &of("counter", off)),
        ["! metrics.jobs_total.zero_init: changed from none to false; series are born at their \
          first value, which `increase` never shows: keep it"]
    );
    // Nobody knows these beforehand, with or without.
    let open = |zero: &str| of("counter", zero).replace("outcome", "provider");
    assert_eq!(
        between(&open(""), &open(off)),
        ["metrics.jobs_total.zero_init: changed from none to false"]
    );
}

#[test]
fn a_value_that_was_kept_stays_kept() {
    let of = |kind: &str, source: &str| {
        metric("rows_total", &format!(r#""type": "{kind}", "unit": "1", "source": "{source}""#))
    };
    assert_eq!(
        between(&of("gauge", "batch"), &of("gauge", "app")),
        [
            "! metrics.rows_total.source: changed from batch to app; its last value is gone with each \
          restart, and the time it was written at with it: keep it `batch`"
        ]
    );
    assert_eq!(
        between(&of("counter", "batch"), &of("counter", "app")),
        ["metrics.rows_total.source: changed from batch to app"]
    );
}

#[test]
fn remarks_break_nobody() {
    change(
        &[
            ("Runs started.", "Runs that were started."),
            ("#platform", "#platform-team"),
            (r#""max_labels": 4"#, r#""max_labels": 5"#),
            (
                r#"["provider", "outcome"], "owner": "platform""#,
                r#"["provider", "outcome"], "owner": "platform", "interval_s": 60, "family": "runs", "refresh": "hourly", "aggregation": "sum", "retention": "90d""#,
            ),
        ],
        &[
            "max_labels: changed from 4 to 5",
            "metrics.runs_total.aggregation: changed from none to sum",
            "metrics.runs_total.family: changed from none to runs",
            "metrics.runs_total.help: changed from Runs started. to Runs that were started.",
            "metrics.runs_total.interval_s: changed from none to 60",
            "metrics.runs_total.refresh: changed from none to hourly",
            "metrics.runs_total.retention: changed",
            "owners.platform: changed",
        ],
    );
    change(
        &[(r#""service": "jobs""#, r#""service": "work""#)],
        &[
            "! service: changed from jobs to work; keep the name: series and dashboards are found by it",
        ],
    );
}

#[test]
fn alerts_and_dashboards_come_go_and_change() {
    change(
        &[
            (r#""id": "deep""#, r#""id": "deeper""#),
            (r#""title": "Runs", "panels""#, r#""title": "All runs", "panels""#),
        ],
        &["alerts.deep: removed", "alerts.deeper: added", "dashboards.runs: changed"],
    );
}

/// A query behind the same name is another number to everybody who reads it.
#[test]
fn an_expression_is_what_a_derived_metric_means() {
    let derived = |expression: &str| {
        let text = format!(
            r#"{{"schema_version": 1, "metrics": [{{"name": "job:runs:rate5m", "type": "gauge",
              "unit": "runs", "help": "Runs a second.", "source": "derived",
              "expression": "{expression}"}}]}}"#
        );
        Registry::parse("registry.json", &text).expect("a registry")
    };
    let day: Day = "2026-11-10".parse().expect("a day");
    let told = |new: &str| diff(&derived("sum(rate(a_total[5m]))"), &derived(new), day);
    let changes = told("sum(rate(a_total[9m]))");
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert!(changes[0].is_breaking());
    assert_eq!(
        changes[0].to_string(),
        "metrics.job:runs:rate5m.expression: changed from sum(rate(a_total[5m])) to \
         sum(rate(a_total[9m])); publish it as `job:runs:rate5m_v2` with version 2 and deprecate \
         `job:runs:rate5m`"
    );
    let changes = told("sum( rate(a_total[5m]) )");
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert!(!changes[0].is_breaking(), "{changes:?}");
}
