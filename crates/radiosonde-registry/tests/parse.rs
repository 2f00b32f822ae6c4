//! What a registry file may say, and what is said about one that is wrong.

use proptest::prelude::*;
use radiosonde_registry::{
    DEFAULT_EMIT_DAYS, MetricType, Registry, RegistryErrors, RegistrySource, Source, Status,
};

const SAMPLE: &str = r##"{"schema_version":1,"service":"usage-ingestion",
 "environments":{"staging":{"series_limit":50,"fleet_limit":100},"production":{"series_limit":200}},
 "required_labels":["environment"],"max_labels":4,
 "labels":{"environment":{"values":["staging","production"]},
  "outcome":{"values":["success","retry","failure"]},"provider":{"max_values":20},
  "parser_id":{"pattern":"[a-z]+"},"language":{"max_values":30,"description":"of the source"}},
 "owners":{"platform":{"slack":"#p0-telemetry"}},
 "metrics":[{"name":"ingestion_runs_total","type":"counter","unit":"runs","help":"Ingestion executions.",
   "labels":["provider","outcome"],"owner":"platform",
   "source":"app","status":"stable","version":1,"interval_s":300},
  {"name":"parse_duration_ms","type":"histogram","unit":"ms","help":"Time to parse one file.",
   "buckets":[25,50,75,100.5],"labels":["parser_id","language"],
   "owner":"platform","status":{"deprecated":{"since":"2026-11-01","replaced_by":"parse_seconds"}},
   "lint_allow":[{"rule":"abbreviated_unit","reason":"name fixed by the source document"}]},
  {"name":"old_ratio","type":"gauge","unit":"1","help":"Old.","owner":"platform","deprecated":true,
   "variance":{"baseline":"v1","tolerance":0.05},"otel":{"name":"old.ratio","unit":"1"}},
  {"name":"job:runs:rate5m","type":"gauge","unit":"runs/s","help":"Rate.","source":"derived",
   "owner":"platform","expression":"sum(rate(ingestion_runs_total[5m]))"},
  {"name":"parse_seconds","type":"histogram","unit":"seconds","help":"Time to parse one file.",
   "owner":"platform"}],
 "alerts":[{"id":"a1","summary":"Down.","severity":"warning","expr":"up == 0"}],"dashboards":[],"slos":[],"reports":[]}"##;

const EVERYTHING: &str = include_str!("clean/everything.json");

#[test]
fn a_full_sample_is_read() {
    let registry = Registry::parse("registry.json", SAMPLE).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(registry.service.as_deref(), Some("usage-ingestion"));
    assert_eq!(registry.alerts[0].id, "a1");
    assert_eq!(registry.environments["staging"].fleet_limit, Some(100));

    let runs = registry.metric("ingestion_runs_total").expect("first metric");
    assert_eq!((runs.metric_type, runs.source), (MetricType::Counter, Source::App));
    assert_eq!((runs.interval_s, runs.version), (Some(300), 1));
    assert!(!runs.is_enumerated(&registry), "provider is free");

    let parse = registry.metric("parse_duration_ms").expect("second metric");
    assert_eq!(parse.buckets, [25.0, 50.0, 75.0, 100.5]);
    assert!(parse.allows("abbreviated_unit"));
    let Status::Deprecated(deprecation) = &parse.status else { panic!("{:?}", parse.status) };
    assert_eq!(deprecation.since.as_deref(), Some("2026-11-01"));
    assert_eq!(deprecation.emit_days, DEFAULT_EMIT_DAYS);

    let old = registry.metric("old_ratio").expect("third metric");
    assert_eq!(old.status, Status::Deprecated(Default::default()));
    assert!(registry.metric("none").is_none());
}

#[test]
fn limits_fall_to_the_strictest() {
    let registry = Registry::parse("registry.json", SAMPLE).expect("valid");
    let table =
        [(Some("production"), 200), (Some("staging"), 50), (Some("prodution"), 50), (None, 50)];
    for (environment, limit) in table {
        assert_eq!(registry.series_limit(environment), limit, "{environment:?}");
    }
    let bare = Registry::parse("r", r#"{"schema_version":1}"#).expect("valid");
    assert_eq!(bare.series_limit(Some("production")), 200);
}

#[test]
fn enumerations_multiply() {
    let text = r#"{"schema_version":1,"labels":{"a":{"values":["1","2"]},"b":{"values":["x","y","z"]}},
      "metrics":[{"name":"m","type":"gauge","unit":"1","help":"h","labels":["a","b"]},
                 {"name":"n","type":"gauge","unit":"1","help":"h"}]}"#;
    let registry = Registry::parse("r", text).expect("valid");
    let product = |name| registry.metric(name).expect("listed").enumerated_product(&registry);
    assert_eq!((product("m"), product("n")), (Some(6), Some(1)));
}

/// A registry around one metric, in line 7; `more` are further keys of it.
fn around(more: &str) -> String {
    let owner = if more.contains("\"owner\"") { "" } else { ",\"owner\":\"platform\"" };
    let metric = |name: &str, more: &str| {
        let base = "\"type\":\"counter\",\"unit\":\"1\",\"help\":\"h\"";
        format!("{{\"name\":\"{name}\",{base}{more}}}")
    };
    let user = ",\"owner\":\"platform\",\"series_limit\":99,\"labels\":";
    let judged = metric("m_total", &format!("{owner}{more}"));
    let users = [
        metric("lists_total", &format!("{user}[\"a\",\"b\"]")),
        metric("free_total", &format!("{user}[\"free\"]")),
    ];
    format!(
        "{{\"schema_version\":1,\n \"max_labels\":2,\n \"environments\":{{\"staging\":{{\"series_limit\":5}}}},\n \
         \"labels\":{{\"a\":{{\"values\":[\"1\",\"2\",\"3\"]}},\"b\":{{\"values\":[\"1\",\"2\"]}},\"free\":{{\"max_values\":9}}}},\n \
         \"owners\":{{\"platform\":{{\"slack\":\"#p\"}}}},\n \"metrics\":[\n{judged},\n{}\n]}}",
        users.join(",\n")
    )
}

fn lines(errors: &RegistryErrors) -> Vec<String> {
    errors.0.iter().map(ToString::to_string).collect()
}

#[test]
fn every_finding_of_a_metric_says_where_what_and_how_to_mend_it() {
    // Keys added to the metric (which stands in line 7) and the finding without file and line.
    let table = [
        (r#","colour":"red""#, r#"metrics[0].colour: unknown key `colour`; use name,"#),
        (r#","lables":["a"]"#, "metrics[0].lables: unknown key `lables`; did you mean `labels`?"),
        (
            r#","owner":"platfrom""#,
            "metrics[0].owner: unknown owner `platfrom`; did you mean `platform`?",
        ),
        (r#","owner":"zoe""#, "metrics[0].owner: unknown owner `zoe`; declare it under `owners`"),
        (
            r#","labels":["nope"]"#,
            "metrics[0].labels[0]: unknown label `nope`; declare it under `labels`",
        ),
        (
            r#","labels":["free","free"]"#,
            "metrics[0].labels[1]: label `free` is named twice; keep one",
        ),
        (
            r#","labels":["a","b"]"#,
            "metrics[0].labels: its listed label values make 6 series, the limit of the environment `staging` is 5;",
        ),
        (
            r#","labels":["a","free","b"],"series_limit":99"#,
            "metrics[0].labels: 3 labels (0 of them required everywhere), 2 allowed;",
        ),
        (
            r#","buckets":[1]"#,
            "metrics[0].buckets: buckets on a counter; delete them, or make it a histogram",
        ),
        (
            r#","source":"cron""#,
            "metrics[0].source: unknown source `cron`; use app, batch, derived or external",
        ),
        (
            r#","interval_s":"5""#,
            "metrics[0].interval_s: expected a whole number from 0, found a string;",
        ),
        (
            r#","interval_s":-5"#,
            "metrics[0].interval_s: expected a whole number from 0, found the number -5;",
        ),
        (
            r#","interval_s":null"#,
            "metrics[0].interval_s: expected a whole number from 0, found null;",
        ),
        (r#","name":"m_total""#, "metrics[0].name: key `name` stands here twice; keep one of them"),
        (
            r#","status":"retired""#,
            "metrics[0].status: unknown status `retired`; use stable or deprecated",
        ),
        (
            r#","status":{"deprecated":{"since":"soon"}}"#,
            "metrics[0].status.deprecated.since: `soon` is not a date; write it as 2026-11-01",
        ),
        (
            r#","status":{"depreciated":{}}"#,
            "metrics[0].status.depreciated: unknown key `depreciated`; did you mean `deprecated`?",
        ),
        (
            r#","lint_allow":[{"rule":"counter_sufix","reason":"r"}]"#,
            "metrics[0].lint_allow[0].rule: unknown lint `counter_sufix`; did you mean `counter_suffix`?",
        ),
        (
            r#","lint_allow":[{"rule":"counter_suffix","reason":" "}]"#,
            "metrics[0].lint_allow[0].reason: the allowance gives no reason;",
        ),
        (
            r#","lint_allow":[{"rule":"counter_suffix"}]"#,
            "metrics[0].lint_allow[0].reason: missing `reason`; add why",
        ),
        (
            r#","expression":"up""#,
            "metrics[0].expression: an expression on a metric that is written;",
        ),
        (
            r#","source":"derived""#,
            "metrics[0].expression: derived metric `m_total` has no expression;",
        ),
        (r#","version":0"#, "metrics[0].version: version 0; count from 1"),
    ];
    for (more, expected) in table {
        let text = around(more);
        let errors = Registry::parse("registry.json", &text).expect_err(more);
        let found = lines(&errors);
        let full = |line: &String| {
            line.starts_with("registry.json:7:") && line.contains(&format!(": {expected}"))
        };
        assert!(found.iter().any(full), "{more}: {found:#?}");
    }
    assert!(Registry::parse("registry.json", &around("")).is_ok());
}

#[test]
fn names_units_and_help() {
    let table = [
        (r#"{"name":"runs","type":"counter","unit":"1","help":"h"}"#, "counter_suffix"),
        (r#"{"name":"wait_ms","type":"gauge","unit":"ms","help":"h"}"#, "abbreviated_unit"),
        (r#"{"name":"Runs_total","type":"counter","unit":"1","help":"h"}"#, "camel_case"),
        (r#"{"name":"runs_count","type":"gauge","unit":"1","help":"h"}"#, "reserved_suffix"),
        (r#"{"name":"runs_total","type":"gauge","unit":"1","help":"h"}"#, "total_suffix"),
        (r#"{"name":"2x","type":"gauge","unit":"1","help":"h"}"#, "`2x` is not a metric name"),
        (r#"{"name":"a:b","type":"gauge","unit":"1","help":"h"}"#, "contains a colon"),
        (r#"{"name":"x","type":"gauge","help":"h"}"#, "`x` has no unit"),
        (r#"{"name":"x","type":"gauge","unit":"1","help":" "}"#, "`x` has no help"),
        (r#"{"type":"gauge","unit":"1","help":"h"}"#, "missing `name`"),
        (r#"{"name":"x","unit":"1","help":"h"}"#, "missing `type`"),
        (
            r#"{"name":"x","type":"countr","unit":"1","help":"h"}"#,
            "metrics[0].type: unknown metric type `countr`; use counter, gauge, histogram or summary",
        ),
        (
            r#"{"name":"x","type":"histogram","unit":"1","help":"h","buckets":[1,3,2]}"#,
            "metrics[0].buckets[2]: bucket 2 does not rise above 3",
        ),
        (
            r#"{"name":"x","type":"histogram","unit":"1","help":"h","buckets":[1,"2"]}"#,
            "metrics[0].buckets[1]: expected a number, found a string",
        ),
        ("7", "metrics[0]: expected an object, found the number 7"),
    ];
    for (metric, expected) in table {
        let text = format!(r#"{{"schema_version":1,"metrics":[{metric}]}}"#);
        let found = lines(&Registry::parse("r", &text).expect_err(metric));
        // One mistake, one finding: nothing is reported as a consequence of something else.
        assert!(found.len() == 1 && found[0].contains(expected), "{metric}: {found:#?}");
        // The entries that are nothing but the name of a rule can be allowed.
        let rule = expected;
        if rule.contains([' ', '.']) {
            continue;
        }
        let allowed = metric.replace(
            "\"help\":\"h\"",
            &format!(
                "\"help\":\"h\",\"lint_allow\":[{{\"rule\":\"{rule}\",\"reason\":\"old name\"}}]"
            ),
        );
        let text = format!(r#"{{"schema_version":1,"metrics":[{allowed}]}}"#);
        assert!(Registry::parse("r", &text).is_ok(), "{allowed}");
    }
}

#[test]
fn families_that_write_the_same_name() {
    let metric = |name: &str, kind: &str| {
        let is_reserved = kind == "gauge" && name.starts_with("x_");
        let allow = if is_reserved { r#"[{"rule":"reserved_suffix","reason":"r"}]"# } else { "[]" };
        format!(
            "{{\"name\":\"{name}\",\"type\":\"{kind}\",\"unit\":\"1\",\"help\":\"h\",\"lint_allow\":{allow}}}"
        )
    };
    let table = [
        (("x", "gauge"), ("x", "gauge"), Some("metric `x` stands here twice")),
        (("x", "histogram"), ("x_count", "gauge"), Some("`x_count` and `x` both write `x_count`")),
        (("x_sum", "gauge"), ("x", "summary"), Some("both write `x_sum`")),
        (("x", "histogram"), ("x_bucket", "gauge"), Some("both write `x_bucket`")),
        (("x_total", "counter"), ("x", "gauge"), Some("both write `x`")),
        (("x_total", "counter"), ("x_created", "gauge"), Some("both write `x_created`")),
        (("x", "gauge"), ("x_count", "gauge"), None),
        (("x", "summary"), ("x_bucket", "gauge"), None),
    ];
    for (first, second, expected) in table {
        let text = format!(
            "{{\"schema_version\":1,\"metrics\":[{},{}]}}",
            metric(first.0, first.1),
            metric(second.0, second.1)
        );
        match (Registry::parse("r", &text), expected) {
            (Ok(_), None) => {}
            (Err(errors), Some(expected)) => {
                let found = lines(&errors);
                assert!(found.len() == 1 && found[0].contains(expected), "{found:#?}");
                assert!(found[0].contains("metrics[1].name"), "{found:#?}");
            }
            (outcome, _) => panic!("{first:?} {second:?}: {outcome:?}"),
        }
    }
}

#[test]
fn labels_and_the_document_itself() {
    let table = [
        (r#"{}"#, "r:1:1: schema_version: missing `schema_version`; add `\"schema_version\": 1`"),
        (r#"{"schema_version":2}"#, "r:1:19: schema_version: unknown schema version 2;"),
        (r#"[]"#, "r:1:1: expected an object, found an array;"),
        ("", "r:1:1: expected a value, found the end;"),
        (
            "{\"schema_version\":1,\n\"metrics\":[\n{\"name\" \"x\"}]}",
            "r:3:9: metrics[0].name: expected `:`, found '\"';",
        ),
        (
            r#"{"schema_version":1,"metrcs":[]}"#,
            "r:1:21: metrcs: unknown key `metrcs`; did you mean `metrics`?",
        ),
        (
            r#"{"schema_version":1,"labels":{"p":{}}}"#,
            "labels.p: label `p` may have any value; add `values`, `pattern` or `max_values`",
        ),
        (
            r#"{"schema_version":1,"labels":{"le":{"max_values":1}}}"#,
            "labels.le: label `le` is reserved;",
        ),
        (
            r#"{"schema_version":1,"labels":{"a-b":{"max_values":1}}}"#,
            "labels.a-b: `a-b` is not a label name;",
        ),
        (
            r#"{"schema_version":1,"labels":{"__x":{"max_values":1}}}"#,
            "labels.__x: `__x` is not a label name;",
        ),
        (
            r#"{"schema_version":1,"labels":{"p":{"values":[]}}}"#,
            "labels.p.values: no value is listed;",
        ),
        (
            r#"{"schema_version":1,"labels":{"p":{"values":["a","a"]}}}"#,
            "labels.p.values[1]: value `a` is listed twice;",
        ),
        (
            r#"{"schema_version":1,"labels":{"p":{"values":["_other"]}}}"#,
            "labels.p.values[0]: value `_other` is reserved;",
        ),
        (
            r#"{"schema_version":1,"labels":{"p":{"max_values":0}}}"#,
            "labels.p.max_values: 0 values refuse everything;",
        ),
        (
            r#"{"schema_version":1,"required_labels":["p"]}"#,
            "required_labels[0]: unknown label `p`; declare it under `labels`",
        ),
        (
            r#"{"schema_version":1,"environments":{"a":{"series_limit":0}}}"#,
            "environments.a.series_limit: a limit of 0 refuses everything;",
        ),
        (
            r#"{"schema_version":1,"labels":5,"required_labels":["p"]}"#,
            "labels: expected an object, found the number 5;",
        ),
    ];
    for (text, expected) in table {
        let found = lines(&Registry::parse("r", text).expect_err(text));
        assert!(found.len() == 1 && found[0].contains(expected), "{text}: {found:#?}");
    }
    assert!(Registry::parse("r", "\u{feff}{\"$schema\":\"x\",\"schema_version\":1}").is_ok());
}

#[test]
fn what_nobody_reads_is_not_looked_for() {
    let rest = "the rest is not looked at";
    let parse = |text: String| Registry::parse("r", &text).expect_err("full of mistakes").0;
    // Objects, two mistakes each, of which none is read past the hundredth.
    let objects =
        format!("{{\"schema_version\":1,\"metrics\":[{}]}}", vec!["{\"nam\":1}"; 50_000].join(","));
    let keys: String = (0..50_000).map(|n| format!("\"schema{n}\":1,")).collect();
    let unknown = format!("{{{keys}\"schema_version\":1}}");
    let named: String = (0..50_000).map(|n| format!("\"l{n}\":1,")).collect();
    let labels = format!("{{\"schema_version\":1,\"labels\":{{{named}\"l\":1}}}}");
    // Readable, and each is wrong.
    let pattern = "(a{1,40}){1,10}";
    let named: String =
        (0..9_000).map(|n| format!("\"L{n}\":{{\"pattern\":\"{pattern}\"}},")).collect();
    let lints =
        format!("{{\"schema_version\":1,\"labels\":{{{named}\"l\":{{\"max_values\":2}}}}}}");
    for (text, what) in
        [(objects, "objects"), (unknown, "unknown"), (labels, "labels"), (lints, "lints")]
    {
        let errors = parse(text);
        assert_eq!(errors.len(), 101, "{what}");
        assert!(errors[100].what.ends_with(rest), "{what}: {}", errors[100]);
    }
}

#[test]
fn all_findings_come_in_the_order_of_the_file_and_are_bounded() {
    let text = "{\"schema_version\":1,\n\"metrics\":[\n{\"name\":\"x\",\"type\":\"gauge\",\"unit\":\"1\",\"help\":\"h\",\"owner\":\"o\"},\n\
                {\"name\":\"y\",\"typ\":\"gauge\"}],\n\"labels\":{\"p\":{}}}";
    let errors = Registry::parse("r", text).expect_err("four mistakes");
    let places: Vec<_> = errors.0.iter().map(|error| (error.line, error.path.as_str())).collect();
    assert_eq!(
        places,
        [(3, "metrics[0].owner"), (4, "metrics[1].type"), (4, "metrics[1].typ"), (5, "labels.p")]
    );

    let many = format!("{{\"schema_version\":1,\"metrics\":[{}1]}}", "1,".repeat(5_000));
    let errors = Registry::parse("r", &many).expect_err("five thousand mistakes");
    assert_eq!(errors.0.len(), 101);
    assert_eq!(errors.0[100].what, "the rest is not looked at");
    // One that is repeated is one.
    let one_key = "\"service\":\"a\",".repeat(50_000);
    let errors = Registry::parse("r", &format!("{{{one_key}\"schema_version\":1}}"));
    assert_eq!(errors.expect_err("a repeated key").0.len(), 1);
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("registry.json");
    let message = |source: RegistrySource| source.load().expect_err("unreadable").to_string();

    let missing = message(RegistrySource::path(&path));
    assert!(missing.contains("registry.json: no such file; create it"), "{missing}");

    for path in ["registry.json", " \u{feff}./ops/registry.json", "C:\\ops\\registry.json"] {
        let refused = message(RegistrySource::from(path));
        let named = path.trim_start_matches([' ', '\u{feff}']);
        assert_eq!(
            refused,
            format!(
                "registry: `{named}` is a path, not a registry; pass catalog::REGISTRY, \
                 include_str!(…) or RegistrySource::path(…)"
            )
        );
        assert_eq!(message(RegistrySource::from(path.to_owned())), refused);
    }
    for text in ["", " ", "[]", "\"x\"", "registry\n.json", &"x".repeat(5_000)] {
        let refused = message(RegistrySource::from(text.to_owned()));
        assert!(!refused.contains("is a path"), "{refused}");
    }
    let folder = message(RegistrySource::from(dir.path()));
    assert!(folder.contains("not a regular file"), "{folder}");

    std::fs::write(&path, b"{\"schema_version\":\n 1, \"service\":\"\xff\"}").expect("written");
    let bytes = message(RegistrySource::path(&path));
    assert!(bytes.contains("registry.json:2:16: not UTF-8 from here on"), "{bytes}");

    std::fs::write(&path, " ".repeat(4 * 1024 * 1024 + 1)).expect("written");
    let large = message(RegistrySource::path(&path));
    assert!(large.contains("larger than 4 MiB"), "{large}");

    std::fs::write(&path, SAMPLE).expect("written");
    assert!(RegistrySource::from(path).load().is_ok());

    assert!(message(RegistrySource::from("{")).starts_with("registry:1:2: "));
    assert!(RegistrySource::from(SAMPLE).load().is_ok());
    assert!(RegistrySource::embedded("registry.json", SAMPLE).load().is_ok());
}

proptest! {
    /// Damage done to a good file at random: an answer, never a panic, and every position in it.
    #[test]
    fn damaged_files_are_judged(
        sample in prop::sample::select(vec![SAMPLE, EVERYTHING]),
        cuts in prop::collection::vec((0..EVERYTHING.len(), 0..40_usize, "[\\PC\\n\\\\\"{}\\[\\],:0-9eE.-]{0,6}"), 1..4),
    ) {
        let mut text = sample.to_owned();
        for (at, length, insert) in cuts {
            let boundary = |from: usize| (from..).find(|at| text.is_char_boundary(*at));
            let at = boundary(at % (text.len() + 1)).unwrap_or_default();
            let end = boundary((at + length).min(text.len())).unwrap_or(at);
            text.replace_range(at..end, &insert);
        }
        if let Err(errors) = Registry::parse("r", &text) {
            prop_assert!(!errors.0.is_empty());
            let count = text.lines().count() + 1;
            for error in &errors.0 {
                prop_assert!(error.line <= count, "{error}");
                prop_assert!(!error.what.is_empty() && !error.fix.is_empty(), "{error}");
            }
        }
    }

    #[test]
    fn any_text_gets_an_answer(text in "\\PC{0,200}") {
        let _answer = Registry::parse("r", &text);
    }
}
