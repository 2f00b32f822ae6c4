//! The alerts and objectives of every pack find what they ask for: each metric name and each label
//! they use is in the scrape of a process that wrote every metric once.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "all of this crate is a test")]

use std::collections::{BTreeMap, BTreeSet};

use packs::{
    job_platform, migration_program, session_analytics, translation_pipeline, usage_ingestion,
};
use promql_parser::parser::{self, Expr, VectorSelector};
use radiosonde::RegistrySource;
use radiosonde_registry::{
    LabelMatch, MetricSpec, MetricType, Query, QueryAggregation, Registry, Source,
};

type Pack = (&'static str, RegistrySource, fn());

const PACKS: [Pack; 5] = [
    (
        "usage-ingestion",
        usage_ingestion::catalog::REGISTRY,
        usage_ingestion::write_every_metric_once,
    ),
    (
        "translation-pipeline",
        translation_pipeline::catalog::REGISTRY,
        translation_pipeline::write_every_metric_once,
    ),
    (
        "migration-program",
        migration_program::catalog::REGISTRY,
        migration_program::write_every_metric_once,
    ),
    ("job-platform", job_platform::catalog::REGISTRY, job_platform::write_every_metric_once),
    (
        "session-analytics",
        session_analytics::catalog::REGISTRY,
        session_analytics::write_every_metric_once,
    ),
];

/// Labels that Prometheus attaches to whatever it scrapes.
const ATTACHED: [&str; 2] = ["job", "instance"];

/// What no process of a pack shows here, and why. One that is shown all the same fails as well.
const ABSENT: [(&str, &str); 5] = [
    ("http_server_request_duration_seconds", "it has no HTTP server"),
    ("radiosonde_metric_writes_refused_total", "nothing was refused"),
    ("radiosonde_namespace_series", "no other crate writes metrics"),
    ("radiosonde_namespace_series_limit", "no other crate writes metrics"),
    ("radiosonde_records_dropped_total", "nothing was dropped"),
];

/// What is looked for.
#[derive(Clone, Copy, PartialEq)]
enum Asked {
    /// All but these.
    Everything,
    /// Quantiles of summaries.
    Quantiles,
}

/// The names on a page, each with the labels its series have.
struct Page {
    names: BTreeMap<String, BTreeSet<String>>,
    /// Metrics that are not to be there: somebody else's, and those of [`ABSENT`].
    foreign: BTreeSet<String>,
    asked: Asked,
}

impl Page {
    /// What a program of that pack shows when it has written every metric once.
    fn of(registry: &Registry, source: RegistrySource, write: fn(), asked: Asked) -> Self {
        // A value of a list is one that fits; no pack requires a free label.
        let value = |label: &String| registry.labels[label].values.as_ref().unwrap()[0].clone();
        let foreign = registry.metrics.iter().filter(|it| !is_written(it));
        let absent = ABSENT.iter().map(|(name, _)| *name);
        let foreign = foreign.map(|it| it.name.as_str()).chain(absent).map(str::to_owned).collect();
        let dir = tempfile::tempdir().unwrap();
        let config = radiosonde::config!(service = "pack", dir = dir.path(), registry = source);
        let labels = registry.required_labels.iter().map(|it| (it, value(it)));
        let parts = labels.fold(config, |config, (name, value)| config.label(name, value)).build();
        metrics::with_local_recorder(&parts.recorder, write);
        let text = parts.guard.metrics_text();
        assert_eq!(parts.guard.report().problems, []);
        let mut page = BTreeMap::<String, BTreeSet<String>>::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let name_end = line.find(['{', ' ']).unwrap();
            let labels = page.entry(line[..name_end].to_owned()).or_default();
            // Values of packs have no quotes, so what stands before one is a name.
            let Some((_, rest)) = line[..line.rfind(' ').unwrap()].split_once('{') else {
                continue;
            };
            labels.extend(rest.split('"').step_by(2).filter_map(|part| {
                let name = part.trim_start_matches(',').strip_suffix('=')?;
                Some(name.to_owned())
            }));
        }
        Self { names: page, foreign, asked }
    }

    #[track_caller]
    fn has(&self, what: &str, name: &str, labels: impl IntoIterator<Item = String>) {
        if self.foreign.contains(family(name)) {
            return assert!(!self.names.contains_key(name), "{what}: `{name}` is written");
        }
        let there = self.names.get(name).unwrap_or_else(|| panic!("{what}: no `{name}`"));
        for label in labels.into_iter().filter(|label| !ATTACHED.contains(&label.as_str())) {
            assert!(there.contains(&label), "{what}: `{name}` has no label `{label}`: {there:?}");
        }
    }

    /// All that one question asks for. How many names it has.
    fn answers(&self, what: &str, registry: &Registry, query: &Query) -> usize {
        let Some(metric) = query.metric.as_deref() else {
            let is_asked = self.asked == Asked::Everything;
            return if is_asked { self.evaluates(what, query.expr.as_deref().unwrap()) } else { 0 };
        };
        if is_quantile(registry, metric, query.aggregation) != (self.asked == Asked::Quantiles) {
            return 0;
        }
        let name = sampled(registry, metric, query.aggregation);
        let quantile = (self.asked == Asked::Quantiles).then(|| "quantile".to_owned());
        let labels = query.by.iter().chain(query.matchers.keys()).cloned();
        self.has(what, &name, labels.chain(quantile));
        1
    }

    /// All that a PromQL text reads. How many selectors it has.
    fn evaluates(&self, what: &str, expr: &str) -> usize {
        // Whoever asks fills it in.
        let parsed =
            parser::parse(&expr.replace("$window", "5m").replace("$__rate_interval", "5m"))
                .unwrap_or_else(|error| panic!("{what}: {error}"));
        let (mut selectors, mut groups) = (Vec::new(), Vec::new());
        walk(&parsed, &mut selectors, &mut groups);
        for selector in &selectors {
            let matched = selector.matchers.matchers.iter().map(|matcher| matcher.name.clone());
            self.has(what, selector.name.as_ref().unwrap(), matched);
        }
        // A label that is grouped by has to come from somewhere below.
        for (labels, below) in groups {
            for selector in &selectors[below] {
                self.has(what, selector.name.as_ref().unwrap(), labels.iter().cloned());
            }
        }
        selectors.len()
    }
}

/// The metric of a line.
fn family(sample: &str) -> &str {
    let parts = ["_bucket", "_count", "_sum"];
    parts.iter().find_map(|part| sample.strip_suffix(part)).unwrap_or(sample)
}

fn is_written(spec: &MetricSpec) -> bool {
    matches!(spec.source, Source::App | Source::Batch)
}

/// Whether it asks for a quantile of a summary, which has a line of its own.
fn is_quantile(registry: &Registry, metric: &str, asked: Option<QueryAggregation>) -> bool {
    use QueryAggregation::{P50, P90, P95, P99};
    let spec = registry.metrics.iter().find(|spec| spec.name == metric);
    spec.is_some_and(|spec| spec.metric_type == MetricType::Summary)
        && matches!(asked, Some(P50 | P90 | P95 | P99))
}

/// The name of the lines that an aggregation of a metric reads.
fn sampled(registry: &Registry, metric: &str, aggregation: Option<QueryAggregation>) -> String {
    use QueryAggregation::{Avg, Count, P50, P90, P95, P99, Sum};
    let rollup_of = |m: &&MetricSpec| m.rollups.iter().any(|r| r.name == metric);
    let spec = registry.metrics.iter().find(|m| m.name == metric);
    let spec = spec.or_else(|| registry.metrics.iter().find(rollup_of));
    let part = match (spec.map(|spec| spec.metric_type), aggregation) {
        (Some(MetricType::Histogram), None | Some(P50 | P90 | P95 | P99)) => "_bucket",
        (Some(MetricType::Histogram | MetricType::Summary), Some(Count)) => "_count",
        (Some(MetricType::Histogram | MetricType::Summary), Some(Avg | Sum)) => "_sum",
        (Some(MetricType::Summary), None) => "_sum",
        _ => "",
    };
    format!("{metric}{part}")
}

/// Collects the selectors, and the labels of each `by` with the selectors below it.
fn walk<'e>(
    expr: &'e Expr,
    selectors: &mut Vec<&'e VectorSelector>,
    groups: &mut Vec<(Vec<String>, std::ops::Range<usize>)>,
) {
    match expr {
        Expr::Aggregate(aggregate) => {
            let first = selectors.len();
            walk(&aggregate.expr, selectors, groups);
            if let Some(modifier) = aggregate.modifier.as_ref().filter(|it| it.is_include()) {
                groups.push((modifier.labels().labels.clone(), first..selectors.len()));
            }
        }
        Expr::Binary(binary) => {
            walk(&binary.lhs, selectors, groups);
            walk(&binary.rhs, selectors, groups);
        }
        Expr::Call(call) => call.args.args.iter().for_each(|it| walk(it, selectors, groups)),
        Expr::MatrixSelector(matrix) => selectors.push(&matrix.vs),
        Expr::Paren(paren) => walk(&paren.expr, selectors, groups),
        Expr::Subquery(subquery) => walk(&subquery.expr, selectors, groups),
        Expr::Unary(unary) => walk(&unary.expr, selectors, groups),
        Expr::VectorSelector(selector) => selectors.push(selector),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => {}
    }
}

/// Looks for all that a pack asks for; how much that is.
fn look((name, source, write): Pack, asked: Asked) -> usize {
    let registry = source.load().unwrap_or_else(|errors| panic!("{errors}"));
    let page = Page::of(&registry, source, write, asked);
    let mut found = 0;
    for alert in &registry.alerts {
        let what = format!("{name}: alert {}", alert.id);
        let checks = alert.runbook.iter().flat_map(|runbook| &runbook.queries);
        for query in checks.map(|check| &check.query).chain([&alert.query]) {
            found += page.answers(&what, &registry, query);
        }
    }
    for panel in registry.dashboards.iter().flat_map(|dashboard| &dashboard.panels) {
        let what = format!("{name}: panel {}", panel.title);
        found +=
            panel.queries.iter().map(|it| page.answers(&what, &registry, &it.query)).sum::<usize>();
    }
    for slo in registry.slos.iter().filter(|_| asked == Asked::Everything) {
        let (what, indicator) = (format!("{name}: slo {}", slo.id), &slo.indicator);
        for expr in [&indicator.good_expr, &indicator.total_expr].into_iter().flatten() {
            found += page.evaluates(&what, expr);
        }
        if let Some(metric) = &indicator.metric {
            let labels = indicator.matchers.keys().chain(indicator.good.keys());
            page.has(&what, &sampled(&registry, metric, None), labels.cloned());
            found += 1;
        }
    }
    found
}

#[test]
fn every_name_and_label_of_a_rule_is_in_the_scrape() {
    for pack in PACKS {
        let (name, found) = (pack.0, look(pack, Asked::Everything));
        // Each pack has more alerts than this.
        assert!(found >= 5, "{name}: {found}");
    }
}

#[test]
fn what_is_dropped_is_counted_from_zero() {
    // An alert over `increase` would not see the first one of a series that begins with it.
    let dir = tempfile::tempdir().unwrap();
    let source = job_platform::catalog::REGISTRY;
    let config = radiosonde::config!(service = "pack", dir = dir.path(), registry = source.clone());
    let parts = config.label("environment", "production").build();
    let text = parts.guard.metrics_text();
    let registry = source.load().unwrap_or_else(|errors| panic!("{errors}"));
    let alert = registry.alerts.iter().find(|alert| alert.id == "telemetry-dropped").unwrap();
    let (metric, matchers) = (alert.query.metric.as_deref(), &alert.query.matchers);
    assert_eq!(metric, Some("radiosonde_records_total"));
    assert_eq!(matchers.get("outcome"), Some(&LabelMatch::In(vec!["dropped".to_owned()])));
    for signal in ["events", "spans", "metrics"] {
        let series = text.lines().find(|line| {
            line.starts_with("radiosonde_records_total{")
                && line.contains("outcome=\"dropped\"")
                && line.contains(&format!("signal=\"{signal}\""))
        });
        assert!(series.is_some_and(|series| series.ends_with(" 0")), "{signal}: {text}");
    }
}

#[test]
fn every_quantile_of_a_summary_is_in_the_scrape() {
    let found: usize = PACKS.into_iter().map(|pack| look(pack, Asked::Quantiles)).sum();
    assert!(found > 0);
}
