//! Alerts, dashboards, objectives and reports: what they may say.

use proptest::prelude::*;
use radiosonde_registry::{
    Cadence, Comparison, DestinationKind, LabelMatch, PanelKind, Priority, QueryAggregation,
    Registry, SectionKind, Severity, ThresholdLevel, Weekday,
};

const SAMPLE: &str = include_str!("operations.json");

#[test]
fn an_alert_says_when_who_and_what_to_do() {
    let registry = Registry::parse("operations.json", SAMPLE).unwrap_or_else(|e| panic!("{e}"));
    let alert = &registry.alerts[1];
    assert_eq!(alert.severity, Severity::Critical);
    assert_eq!(alert.query.metric.as_deref(), Some("parse_duration_milliseconds"));
    assert_eq!(alert.query.aggregation, Some(QueryAggregation::P95));
    assert_eq!(alert.query.by, ["parser_id"]);
    let environment = &alert.query.matchers["environment"];
    assert_eq!(*environment, LabelMatch::In(vec!["production".to_owned()]));
    let parser = &alert.query.matchers["parser_id"];
    assert_eq!(*parser, LabelMatch::NotIn(vec!["experimental".to_owned()]));
    assert_eq!((alert.op, alert.threshold), (Some(Comparison::Greater), Some(300.0)));
    assert_eq!(alert.hold.as_deref(), Some("5m"));
    let runbook = alert.runbook.as_ref().expect("written");
    assert_eq!((runbook.checks.len(), runbook.queries.len()), (2, 2));
    assert_eq!(runbook.queries[0].query.metric.as_deref(), Some("parser_failures_total"));
    let escalation = alert.escalates_to.as_ref().expect("written");
    assert_eq!(escalation.owner.as_deref(), Some("release"));
    assert_eq!(alert.notify[0].kind, DestinationKind::Pagerduty);
    assert_eq!(alert.test_cases[0].series[0].values, "0+90x40");
    assert!(alert.test_cases[0].fires && !alert.test_cases[1].fires);
    assert_eq!(alert.replay.as_ref().expect("written").soak.as_deref(), Some("48h"));
    let warning = &registry.alerts[0];
    assert_eq!(
        warning.escalates_to.as_ref().expect("written").alert.as_deref(),
        Some("parser-slow-critical")
    );
}

#[test]
fn a_dashboard_says_what_is_shown_where() {
    let registry = Registry::parse("operations.json", SAMPLE).expect("valid");
    let dashboard = &registry.dashboards[0];
    assert_eq!((dashboard.columns, dashboard.priority), (3, Some(Priority::P0)));
    assert_eq!(dashboard.filters, ["environment", "time_range"]);
    assert!(dashboard.freshness, "by default");
    let gauge = &dashboard.panels[0];
    assert_eq!((gauge.kind, gauge.width, gauge.height), (PanelKind::Gauge, 1, 8));
    assert_eq!(gauge.queries[0].query.metric.as_deref(), Some("migration_completion_ratio"));
    assert_eq!(
        (gauge.thresholds[0].from, gauge.thresholds[0].level),
        (None, ThresholdLevel::Critical)
    );
    assert_eq!(dashboard.links[1].report.as_deref(), Some("weekly"));
    assert_eq!(registry.dashboards[1].columns, 2);
}

#[test]
fn objectives_and_reports() {
    let registry = Registry::parse("operations.json", SAMPLE).expect("valid");
    assert_eq!(registry.slos[0].objective, 0.99);
    assert_eq!(registry.slos[0].indicator.good["outcome"].values(), ["success"]);
    assert_eq!(registry.slos[1].indicator.threshold, Some(300.0));
    assert!(registry.slos[2].indicator.good_expr.is_some());
    let report = &registry.reports[0];
    let schedule = report.schedule.as_ref().expect("written");
    assert_eq!((schedule.every, schedule.weekday), (Some(Cadence::Weekly), Some(Weekday::Friday)));
    assert_eq!(report.sections[1].kind, SectionKind::Variance);
    assert_eq!(
        registry.reports[1].schedule.as_ref().and_then(|s| s.cron.as_deref()),
        Some("45 9 * * 1-5")
    );
}

proptest! {
    /// Damage done to a good file at random: an answer, never a panic, and every position in it.
    #[test]
    fn damaged_files_are_judged(
        cuts in prop::collection::vec((0..SAMPLE.len(), 0..40_usize, "[\\PC\\n\\\\\"{}\\[\\],:0-9eE.-]{0,6}"), 1..4),
    ) {
        let mut text = SAMPLE.to_owned();
        for (at, length, insert) in cuts {
            let boundary = |from: usize| (from..).find(|at| text.is_char_boundary(*at));
            let at = boundary(at.min(text.len())).unwrap_or_default();
            let end = boundary((at + length).min(text.len())).unwrap_or(at);
            text.replace_range(at..end, &insert);
        }
        if let Err(errors) = Registry::parse("r", &text) {
            let count = text.lines().count() + 1;
            for error in &errors.0 {
                prop_assert!(error.line <= count, "{error}");
                prop_assert!(!error.what.is_empty() && !error.fix.is_empty(), "{error}");
            }
        }
    }

    /// Any text in the place of any text: most damage above breaks the syntax, this never does.
    #[test]
    fn texts_are_judged_whatever_they_hold(which in 0..400_usize, text in "\\PC{0,12}") {
        let mut document: serde_json::Value = serde_json::from_str(SAMPLE).expect("JSON");
        let mut texts = Vec::new();
        each_text(&mut document, &mut texts);
        let count = texts.len();
        *texts.swap_remove(which % count) = text;
        let _answer = Registry::parse("r", &document.to_string());
    }
}

fn each_text<'v>(value: &'v mut serde_json::Value, texts: &mut Vec<&'v mut String>) {
    match value {
        serde_json::Value::String(text) => texts.push(text),
        serde_json::Value::Array(items) => items.iter_mut().for_each(|item| each_text(item, texts)),
        serde_json::Value::Object(members) => {
            members.values_mut().for_each(|member| each_text(member, texts));
        }
        _ => {}
    }
}
