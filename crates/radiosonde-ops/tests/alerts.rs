//! The rules of docs/alerts: they ask for metrics and labels that there are, each of them is tried on
//! series it fires on, and `promtool` finds that it does.
//! Routes of alerts are read by `amtool`.
//!
//! Both are found by `PROMTOOL` and `AMTOOL` or on the path. Without them their tests print `not run`,
//! unless `XTASK_REQUIRE_SERVERS=1` makes that a failure; those in the comma list of `XTASK_WITHOUT`
//! are not run in any case.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use promql_parser::parser::{self, Expr, VectorSelector};
use radiosonde_registry::{MetricType, Registry};
use yaml_rust2::{Yaml, YamlLoader};

fn path(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs")).join(name)
}

fn text(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap()
}

fn yaml(name: &str) -> Yaml {
    YamlLoader::load_from_str(&text(name)).unwrap().remove(0)
}

/// Every rule.
fn rules() -> Vec<Yaml> {
    let groups = yaml("alerts/rules.yml")["groups"].as_vec().unwrap().clone();
    groups.iter().flat_map(|group| group["rules"].as_vec().unwrap().clone()).collect()
}

fn name(rule: &Yaml) -> &str {
    rule["alert"].as_str().unwrap()
}

fn selectors<'e>(expr: &'e Expr, into: &mut Vec<&'e VectorSelector>) {
    match expr {
        Expr::Aggregate(aggregate) => selectors(&aggregate.expr, into),
        Expr::Binary(both) => {
            selectors(&both.lhs, into);
            selectors(&both.rhs, into);
        }
        Expr::Call(call) => call.args.args.iter().for_each(|argument| selectors(argument, into)),
        Expr::MatrixSelector(matrix) => into.push(&matrix.vs),
        Expr::Paren(inner) => selectors(&inner.expr, into),
        Expr::VectorSelector(selector) => into.push(selector),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) => {}
        other => panic!("what does the test make of {other}?"),
    }
}

/// The labels of a metric that every program has, by the name of one of its samples.
fn labels(sample: &str) -> Option<&'static [String]> {
    let parts = ["", "_bucket", "_count", "_sum"];
    Registry::builtin().metrics.iter().find_map(|metric| {
        let is_whole = metric.metric_type != MetricType::Histogram;
        let is_it = parts.iter().any(|part| {
            sample.strip_suffix(part) == Some(&*metric.name) && (is_whole == part.is_empty())
        });
        is_it.then_some(metric.labels.as_slice())
    })
}

#[test]
fn every_rule_asks_for_metrics_and_labels_that_there_are() {
    let rules = rules();
    assert!(rules.len() >= 13, "{}", rules.len());
    for rule in &rules {
        let parsed = parser::parse(rule["expr"].as_str().unwrap()).unwrap();
        let mut found = Vec::new();
        selectors(&parsed, &mut found);
        assert!(!found.is_empty(), "{}", name(rule));
        for selector in found {
            let metric = selector.name.as_deref().unwrap();
            if metric == "up" {
                continue;
            }
            let known = labels(metric).unwrap_or_else(|| panic!("{}: no {metric}", name(rule)));
            for matcher in &selector.matchers.matchers {
                let label = &matcher.name;
                assert!(known.contains(label), "{}: {metric} has no {label}", name(rule));
            }
        }
    }
}

#[test]
fn every_rule_is_tried_and_told_of() {
    let tests = yaml("alerts/rules_test.yml");
    let page = text("alerts.md");
    let tried: BTreeSet<String> = tests["tests"]
        .as_vec()
        .unwrap()
        .iter()
        .flat_map(|test| test["alert_rule_test"].as_vec().unwrap())
        .filter(|case| !case["exp_alerts"].is_badvalue())
        .map(|case| case["alertname"].as_str().unwrap().to_owned())
        .collect();
    for rule in rules() {
        assert!(tried.contains(name(&rule)), "no test in which {} fires", name(&rule));
        assert!(page.contains(&format!("| `{}` |", name(&rule))), "{} is no row", name(&rule));
        let severity = rule["labels"]["severity"].as_str();
        assert!(matches!(severity, Some("critical" | "info" | "warning")), "{severity:?}");
    }
}

#[test]
fn alerts_that_silence_others_are_there() {
    let known: BTreeSet<String> = rules().iter().map(|rule| name(rule).to_owned()).collect();
    let routes = text("alerts/alertmanager.yml");
    let named: Vec<&str> = routes
        .lines()
        .filter(|line| line.contains("alertname ="))
        .flat_map(|line| line.split(|c: char| !c.is_ascii_alphabetic()))
        .filter(|word| word.starts_with(|c: char| c.is_ascii_uppercase()))
        .collect();
    assert!(named.len() >= 6, "{named:?}");
    for name in named {
        assert!(known.contains(name), "{name} is silenced or silences, and is no alert");
    }
}

#[test]
fn promtool_reads_the_rules_and_finds_them_right() {
    let Some(promtool) = part("promtool", "PROMTOOL") else { return };
    let (rules, tests) = (path("alerts/rules.yml"), path("alerts/rules_test.yml"));
    for (arguments, file) in [(["check", "rules"], rules), (["test", "rules"], tests)] {
        let _ = said(Command::new(&promtool).args(arguments).arg(file));
    }
}

#[test]
fn amtool_reads_the_routes_and_finds_who_hears_of_what() {
    let Some(amtool) = part("amtool", "AMTOOL") else { return };
    let file = path("alerts/alertmanager.yml");
    let _ = said(Command::new(&amtool).arg("check-config").arg(&file));
    let routes = ["config", "routes", "test", "--config.file"];
    for (severity, receiver) in [("critical", "on-call"), ("info", "team"), ("warning", "team")] {
        let mut command = Command::new(&amtool);
        let severity = format!("severity={severity}");
        let _ = command.args(routes).arg(&file).args([&severity, "job=api"]);
        assert_eq!(said(&mut command).trim(), receiver, "{severity}");
    }
}

/// What a program prints, once it succeeded.
fn said(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let told = [&*output.stdout, &*output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&told));
    String::from_utf8(output.stdout).unwrap()
}

fn part(name: &str, variable: &str) -> Option<OsString> {
    let without = std::env::var("XTASK_WITHOUT").unwrap_or_default();
    if without.split(',').any(|part| part.trim() == name) {
        eprintln!("not run: XTASK_WITHOUT names {name}");
        return None;
    }
    let program = std::env::var_os(variable).unwrap_or_else(|| name.into());
    let version = Command::new(&program).arg("--version").output();
    if version.is_ok_and(|version| version.status.success()) {
        return Some(program);
    }
    let required = std::env::var("XTASK_REQUIRE_SERVERS").is_ok_and(|v| v == "1");
    assert!(!required, "no {name}: install it, or set {variable}");
    eprintln!("not run: no {name} on the path and none in {variable}");
    None
}
