//! What a check finds beyond the lints of the registry.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "all of this crate is a test")]

use radiosonde_ops::{Day, RegistryDocument, check, check_document};

/// A registry with one derived metric of that expression.
fn derived(expression: &str) -> String {
    let expression = expression.replace('\\', "\\\\").replace('"', "\\\"");
    format!(
        r#"{{
  "schema_version": 1,
  "required_labels": ["region"],
  "labels": {{"region": {{"values": ["eu", "us"]}}, "outcome": {{"values": ["success", "failure"]}}}},
  "metrics": [
    {{"name": "runs_total", "type": "counter", "unit": "runs", "help": "Runs started.",
     "labels": ["outcome"], "rollups": [{{"name": "runs_everywhere_total"}}]}},
    {{"name": "wait_seconds", "type": "histogram", "unit": "seconds", "help": "Time in the queue."}},
    {{"name": "depth", "type": "gauge", "unit": "jobs", "help": "Jobs that wait.",
     "deprecated": true}},
    {{"name": "level", "type": "gauge", "unit": "jobs", "help": "Jobs that wait for a place."}},
    {{"name": "took", "type": "summary", "unit": "jobs", "help": "Jobs at once."}},
    {{"name": "node_load1", "type": "gauge", "unit": "1", "help": "Load.", "source": "external"}},
    {{"name": "job:derived", "type": "gauge", "unit": "1", "help": "Derived.", "source": "derived",
     "expression": "{expression}"}}
  ]
}}"#
    )
}

fn findings(text: String, today: &str) -> Vec<String> {
    let document = RegistryDocument::of("registry.json", text);
    let checked = check_document(&document, today.parse::<Day>().unwrap());
    checked.findings.iter().map(ToString::to_string).collect()
}

#[test]
fn expressions_may_read_what_is_written() {
    for expression in [
        "sum by (region) (rate(runs_total{outcome=\"success\"}[5m]))",
        "runs_everywhere_total offset 1d",
        "histogram_quantile(0.95, sum by (le) (rate(wait_seconds_bucket{le!=\"1.0\"}[5m])))",
        "rate(wait_seconds_sum[5m]) / rate(wait_seconds_count[5m])",
        "took{quantile=\"0.99\", region=\"eu\"} > 100 or took{quantile=~\"0.9.*\", quantile!=\"\"}",
        "max by (quantile) (took) + on (quantile) took{quantile=\"$quantile\"}",
        "rate(took_sum[5m]) / rate(took_count[5m])",
        "increase(depth_deprecated[1h]) + delta(level[1h])",
        "node_load1 and up{job=\"node\"} unless ALERTS",
        "runs_total{region=~\"e.\", instance=\"a\", cluster=\"b\", outcome!=\"failure\"}",
        "runs_total{outcome!=\"_other\", outcome!~\"test-.*\"}",
        "runs_total{outcome!=\"\"}",
        "sum by (region, outcome, instance, job, cluster, pod) (runs_total)",
        "sum without (le, instance) (rate(wait_seconds_bucket[5m]))",
        "histogram_quantile(0.9, sum by (le, region) (rate(wait_seconds_bucket[5m])))",
        "sum by (outcom) (label_replace(runs_total, \"outcom\", \"$1\", \"outcome\", \"(.*)\"))",
        "sum by (regions) (label_join(runs_total, \"regions\", \",\", \"region\"))",
        "sum by (outcomes) (count_values(\"outcomes\", level))",
        "runs_total * on (instance) group_left (version, outcome) node_load1",
        "runs_total / ignoring (outcome) group_left sum without (outcome) (runs_total)",
        "max_over_time(sum by (region) (rate(runs_total[5m]))[1h:5m])",
        "sum by (outcom) ({job=\"node\"}) + sum by (outcom) (up)",
        "node_load1{quantile=\"0.5\"} + sum by (le) (node_load1)",
        "job:derived offset 5m + 1",
        "rate(took_count[5m]) / rate(took_sum[5m])",
        "{job=\"node\"}",
        "rate(radiosonde_records_total[5m])",
        "runs_total{outcome=~\"success|nonsense\"}",
    ] {
        assert_eq!(findings(derived(expression), "2026-11-01"), [""; 0], "{expression}");
    }
}

#[test]
fn what_nobody_writes_is_told_with_a_guess() {
    let at = "registry.json:15:20: metrics[6].expression: ";
    for (expression, told) in [
        ("rate(runs_totl[5m])", "no metric writes `runs_totl`; did you mean `runs_total`?"),
        (
            "something_else_entirely",
            "no metric writes `something_else_entirely`; declare it, as `\"source\": \
             \"external\"` if another program writes it",
        ),
        (
            "rate(wait_seconds[5m])",
            "no series is called `wait_seconds`: it is a histogram; use `wait_seconds_bucket`, \
             `wait_seconds_count` or `wait_seconds_sum`",
        ),
        (
            "rate(level[5m])",
            "`rate` of `level`, which may fall: it is a gauge; use `delta`, `deriv` or an \
             aggregation over time",
        ),
        (
            "runs_total{outcom=\"success\"}",
            "`runs_total` has no label `outcom`; did you mean `outcome`?",
        ),
        (
            "runs_total{outcome=\"succes\"}",
            "label `outcome` is never `succes`; did you mean `success`?",
        ),
        (
            "runs_total{region=~\"(asia|africa).*\"}",
            "label `region` is never `(asia|africa).*`; use one of its values: `eu`, `us`",
        ),
        (
            "runs_total{outcome!=\"succes\"}",
            "label `outcome` is never `succes`; did you mean `success`?",
        ),
        (
            "sum by (outcom) (runs_total)",
            "`runs_total` has no label `outcom`; did you mean `outcome`?",
        ),
        (
            "level / ignoring (outcme) runs_total",
            "none of `level`, `runs_total` has a label `outcme`; did you mean `outcome`?",
        ),
        (
            "level * on (regoin) group_left (outcome) runs_total",
            "none of `level`, `runs_total` has a label `regoin`; did you mean `region`?",
        ),
        ("sum by (le) (runs_total)", "`runs_total` has no label `le`; leave it out"),
        ("sum(depth)", "metric `depth` is deprecated; read another metric"),
        (
            "job:derived + 1",
            "`job:derived` is derived from itself; read the metrics it is made of, or its own past \
             by `offset`",
        ),
        (
            "took{quantile=\"0.42\"}",
            "label `quantile` is never `0.42`; use one of its values: `0.5`, `0.9`, `0.95`, `0.99`",
        ),
        (
            "took{quantile=~\"0.99+9\"}",
            "label `quantile` is never `0.99+9`; use one of its values: `0.5`, `0.9`, `0.95`, `0.99`",
        ),
        (
            "took{quantile!=\"0.42\"}",
            "label `quantile` is never `0.42`; use one of its values: `0.5`, `0.9`, `0.95`, `0.99`",
        ),
        (
            "took{le=\"1.0\"}",
            "`took` has no label `le`; buckets are those of `_bucket` of a histogram",
        ),
        (
            "rate(took{quantile=\"0.5\"}[5m])",
            "`rate` of `took`, which may fall: it is a summary; use `delta`, `deriv` or an \
             aggregation over time",
        ),
        (
            "took_sum{quantile=\"0.5\"}",
            "`took_sum` has no label `quantile`; quantiles are those of `took`",
        ),
        (
            "runs_total{le=\"1\"}",
            "`runs_total` has no label `le`; buckets are those of `_bucket` of a histogram",
        ),
        (
            "runs_everywhere_total{outcom=\"x\"} + (",
            "not PromQL: unclosed left parenthesis; write a PromQL expression",
        ),
    ] {
        assert_eq!(findings(derived(expression), "2026-11-01"), [format!("{at}{told}")]);
    }
    let twice = findings(derived("runs_totl / runs_totl + depht"), "2026-11-01");
    assert_eq!(twice.len(), 2, "{twice:#?}");
}

#[test]
fn a_circle_of_derived_metrics_is_told_once() {
    let metric = |name: &str, status: &str, expression: &str| {
        format!(
            r#"{{"name": "{name}", "type": "gauge", "unit": "1", "help": "What.", {status}
                "source": "derived", "expression": "{expression}"}}"#
        )
    };
    let of = |metrics: &[String]| {
        let text = format!(r#"{{"schema_version": 1, "metrics": [{}]}}"#, metrics.join(", "));
        let found = findings(text, "2026-11-01");
        found.iter().map(|it| it.split_once(": ").unwrap().1.to_owned()).collect::<Vec<_>>()
    };
    let circle = [
        metric("a", "", "sum(b)"),
        metric("b", "", "c + d"),
        metric("c", "", "1 - a or b offset 1h"),
    ];
    let rest = [metric("d", "", "vector(1)"), metric("e", "", "a")];
    assert_eq!(
        of(&[&circle[..], &rest[..]].concat()),
        [
            "metrics[0].expression: `a` is derived from itself, by way of `b`, `c`; read the metrics \
          it is made of, or its own past by `offset`"
        ]
    );
    // What goes may read what goes.
    let gone = r#""deprecated": true,"#;
    let (old, reads) = (metric("d", gone, "vector(1)"), |status| metric("e", status, "d"));
    assert_eq!(of(&[old.clone(), reads(gone)]), [""; 0]);
    assert_eq!(
        of(&[old, reads("")]),
        ["metrics[1].expression: metric `d` is deprecated; read another metric"]
    );
}

#[test]
fn a_deprecation_ends_on_its_day() {
    let text = r#"{
  "schema_version": 1,
  "metrics": [
    {"name": "depth", "type": "gauge", "unit": "jobs", "help": "Jobs that wait."},
    {"name": "old_depth", "type": "gauge", "unit": "jobs", "help": "Jobs that wait.",
     "status": {"deprecated": {"since": "2026-11-01", "replaced_by": "depth", "emit_days": 14}}}
  ]
}"#;
    for day in ["2026-10-01", "2026-11-01", "2026-11-14"] {
        assert_eq!(findings(text.to_owned(), day), [""; 0], "{day}");
    }
    for day in ["2026-11-15", "2030-01-01"] {
        assert_eq!(
            findings(text.to_owned(), day),
            ["registry.json:6:41: metrics[1].status.deprecated.since: `old_depth` is deprecated \
              since 2026-11-01; its 14 days were over on 2026-11-15; use `depth` and delete \
              `old_depth`, or raise `emit_days` while something still reads it"]
        );
    }
    let dateless = text.replace(r#""since": "2026-11-01", "#, "");
    assert_eq!(findings(dateless, "2030-01-01"), [""; 0]);
}

#[test]
fn a_registry_with_problems_of_its_own_is_told_as_it_tells_them() {
    let found =
        findings("\u{feff}{\"schema_version\": 1, \"metrcs\": []}".to_owned(), "2026-11-01");
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("did you mean `metrics`?"), "{}", found[0]);
}

#[test]
fn a_file_that_cannot_be_read_is_an_error_and_no_finding() {
    let dir = tempfile::tempdir().unwrap();
    let day = Day::today();
    let missing = check(&dir.path().join("registry.json"), day).unwrap_err();
    assert!(missing.to_string().contains("no such file"), "{missing}");
    assert!(check(dir.path(), day).unwrap_err().to_string().contains("not a regular file"));
}

#[test]
fn the_registries_of_the_built_in_metrics_are_sound() {
    let folder =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../radiosonde-registry/builtin");
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let checked = check(&entry.unwrap().path(), Day::today()).unwrap();
        assert!(checked.findings.is_empty(), "{:#?}", checked.findings);
        files += 1;
    }
    assert!(files >= 4, "{files}");
}

/// What stands in an expression, wherever that is.
#[test]
fn expressions_of_alerts_dashboards_objectives_and_reports_are_looked_at() {
    let text = r##"{
  "schema_version": 1,
  "owners": {"platform": {"slack": "#platform", "email": "platform@example.org"}},
  "labels": {"outcome": {"values": ["success", "failure"]}},
  "metrics": [{"name": "runs_total", "type": "counter", "unit": "runs", "help": "Runs started.",
    "labels": ["outcome"], "owner": "platform"}],
  "alerts": [{"id": "failing", "summary": "Runs fail.", "severity": "warning",
    "expr": "rate(run_total[5m]) > 0",
    "runbook": {"checks": ["Look."], "queries": [{"expr": "runs_total{outcome=\"failed\"}"}]},
    "test_cases": [{"name": "all well", "at": "5m", "fires": false,
      "series": [{"series": "runs_totals{outcome=\"success\"}", "values": "0+1x10"}]}]}],
  "dashboards": [{"uid": "runs", "title": "Runs", "filters": ["outcome"],
    "annotations": [{"expr": "changes(runs_totall[5m]) > 0"}],
    "panels": [{"title": "Rate", "kind": "timeseries", "queries": [
      {"expr": "rate(runs_total{outcome=~\"$outcome\"}[$__rate_interval])"},
      {"expr": "rate(runs_total[$__rate_interval]"}]}]}],
  "slos": [{"id": "good", "description": "Runs succeed.", "objective": 0.99, "window": "30d",
    "indicator": {"good_expr": "increase(runs_total{outcom=\"success\"}[$window])",
      "total_expr": "increase(runs_total[$window])"}}],
  "reports": [{"id": "weekly", "title": "Weekly", "sections": [{"title": "Runs", "kind": "metrics",
    "queries": [{"expr": "nosuch_metric_at_all"}]}]}]
}"##;
    let found = findings(text.to_owned(), "2026-11-01");
    let told: Vec<_> = found.iter().map(|it| it.split_once(": ").unwrap().1).collect();
    assert_eq!(
        told,
        [
            "alerts[0].expr: no metric writes `run_total`; did you mean `runs_total`?",
            "alerts[0].runbook.queries[0].expr: label `outcome` is never `failed`; use one of its \
             values: `success`, `failure`",
            "alerts[0].test_cases[0].series[0].series: no metric writes `runs_totals`; did you \
             mean `runs_total`?",
            "dashboards[0].annotations[0].expr: no metric writes `runs_totall`; did you mean \
             `runs_total`?",
            "dashboards[0].panels[0].queries[1].expr: not PromQL: unclosed left parenthesis; write \
             a PromQL expression",
            "slos[0].indicator.good_expr: `runs_total` has no label `outcom`; did you mean \
             `outcome`?",
            "reports[0].sections[0].queries[0].expr: no metric writes `nosuch_metric_at_all`; \
             declare it, as `\"source\": \"external\"` if another program writes it",
        ]
    );
}

#[test]
fn problems_without_end_are_listed_up_to_a_point() {
    let names: Vec<String> = (0..150).map(|number| format!("no_such_metric_{number}")).collect();
    let found = findings(derived(&names.join(" + ")), "2026-11-01");
    assert_eq!(found.len(), 101);
    assert!(found[100].ends_with("50 more problems are not listed; mend those above first"));

    // Expressions past the point are not even read.
    let queries: Vec<String> =
        (0..150).map(|number| format!("{{\"expr\": \"no_such_metric_{number}\"}}")).collect();
    let reports = format!(
        ", \"reports\": [{{\"id\": \"weekly\", \"title\": \"Weekly\", \"sections\": [{{\"title\": \"Runs\", \
         \"kind\": \"metrics\", \"queries\": [{}]}}]}}]}}",
        queries.join(", ")
    );
    let text = derived("runs_total");
    let found = findings(format!("{}{reports}", text.trim_end_matches('}')), "2026-11-01");
    assert_eq!(found.len(), 101, "{found:?}");
    assert!(found[100].ends_with("the rest is not looked at; mend those above first"));
}

/// What a draft leaves to a person: it can be loaded, and is not done.
#[test]
fn what_nobody_has_written_yet_is_found() {
    let text = r##"{
 "schema_version": 1,
 "labels": {
  "user_id": {"max_values": 5, "lint_allow": [{"rule": "identifier_label", "reason": "…"}]}
 },
 "metrics": [
  {"name": "depth", "type": "gauge", "unit": "…", "help": "…", "labels": ["user_id"]},
  {"name": "share", "type": "gauge", "unit": "%", "help": "割合", "lint_allow": []},
  {"name": "runs", "type": "counter", "unit": "runs", "help": "Runs.",
   "lint_allow": [{"rule": "counter_suffix", "reason": " - "}]}
 ]
}"##;
    let document = RegistryDocument::of("r.json", text.to_owned());
    assert!(document.registry().is_ok(), "it can be loaded");
    let checked = check_document(&document, Day::today());
    let told: Vec<String> = checked.findings.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "r.json:4:86: labels.user_id.lint_allow[0].reason: the reason to break \
             `identifier_label` says nothing; say why the lint may be broken",
            "r.json:7:46: metrics[0].unit: the unit of `depth` says nothing; write it, such as \
             \"seconds\", or \"1\" for none",
            "r.json:7:59: metrics[0].help: the help of `depth` says nothing; write one sentence \
             that says what is measured",
            "r.json:10:56: metrics[2].lint_allow[0].reason: the reason to break `counter_suffix` \
             says nothing; say why the lint may be broken",
        ]
    );
}
