//! Metrics of other crates: recorded within a limit they share, unless the registry says otherwise.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::sync::{Arc, Mutex};

use common::{refused, total, value};
use metrics::{Key, Label, Level, Metadata, Recorder as _};
use radiosonde_metrics::{MetricType, Metrics, Reason, Settings, Value};
use radiosonde_registry::Registry;

const REGISTRY: &str = r#"{
  "schema_version": 1,
  "labels": {"outcome": {"values": ["success", "failure"]}},
  "owners": {"platform": {"slack": "telemetry"}},
  "modules": {
    "noisy": {"policy": "refuse"},
    "noisy::useful": {"policy": "allow", "series_limit": 2},
    "sqlx": {"policy": "namespace", "series_limit": 3},
    "sqlx::pool": {"policy": "namespace", "series_limit": 1}
  },
  "metrics": [
    {"name": "runs_total", "type": "counter", "unit": "runs", "help": "Runs.", "owner": "platform",
     "labels": ["outcome"]}
  ]
}"#;

fn metrics_of(own: &[&str]) -> Metrics {
    let registry = Some(Registry::parse("registry.json", REGISTRY).unwrap());
    let own_crates = own.iter().map(|own| (*own).to_owned()).collect();
    Metrics::new(Settings { registry, own_crates, ..Settings::default() })
}

fn key(name: &str, label: &str) -> Key {
    Key::from_parts(name.to_owned(), vec![Label::new("shard", label.to_owned())])
}

fn count(metrics: &Metrics, module: &str, name: &str, label: &str) {
    let metadata = Metadata::new("test", Level::INFO, Some(module));
    metrics.recorder().register_counter(&key(name, label), &metadata).increment(1);
}

/// As a function of a catalogue does.
fn count_typed(metrics: &Metrics, module: &str, name: &str, label: &str) {
    let metadata = Metadata::new(radiosonde_metrics::typed::TARGET, Level::INFO, Some(module));
    metrics.recorder().register_counter(&key(name, label), &metadata).increment(1);
}

fn set(metrics: &Metrics, module: &str, name: &str, label: &str) {
    let metadata = Metadata::new("test", Level::INFO, Some(module));
    metrics.recorder().register_gauge(&key(name, label), &metadata).set(1.0);
}

#[test]
fn a_metric_of_the_program_itself_has_to_be_registered() {
    let metrics = metrics_of(&["shop", "shop_core"]);
    for module in ["shop", "shop::cart", "shop_core::model"] {
        count(&metrics, module, "carts_total", "a");
    }
    assert_eq!(refused(&metrics, "carts_total", Reason::Unregistered), 3);
    count(&metrics, "shopkeeper::till", "tills_total", "a");
    assert_eq!(value(&metrics, "tills_total", &[("shard", "a")]), Some(Value::Counter(1)));
    // What another crate writes under that name is the other crate's.
    count(&metrics, "shop::cart", "tills_total", "a");
    assert_eq!(refused(&metrics, "tills_total", Reason::Unregistered), 1);
    assert_eq!(metrics.observed_count(), 1);
}

#[test]
fn a_catalogue_that_nobody_checks_is_named_once() {
    let metrics = Metrics::default();
    count_typed(&metrics, "shop::catalog", "carts_total", "a");
    let told = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&told);
    metrics.set_on_problem(Box::new(move |what, fix| {
        listener.lock().unwrap().push(format!("{what}; {fix}"));
    }));
    count_typed(&metrics, "shop::catalog", "baskets_total", "a");
    count(&metrics, "shop::cart", "baskets_total", "a");
    count_typed(&metrics, "stock::catalog", "baskets_total", "a");
    let said = |module: &str| {
        format!(
            "metrics of `{module}` are not checked: there is no registry; \
             pass `{module}::REGISTRY` to init!"
        )
    };
    assert_eq!(*told.lock().unwrap(), [said("shop::catalog"), said("stock::catalog")]);
    // They are recorded all the same.
    assert_eq!(value(&metrics, "baskets_total", &[("shard", "a")]), Some(Value::Counter(3)));
    for n in 0..100 {
        count_typed(&metrics, &format!("m{n}::catalog"), "baskets_total", "a");
    }
    assert_eq!(metrics.problems().len(), 16);
    // With a registry, they are refused.
    let metrics = metrics_of(&["shop"]);
    count_typed(&metrics, "stock::catalog", "baskets_total", "a");
    let text = "1 write to `baskets_total` refused: its catalogue is not part of the registry \
                (through stock::catalog)";
    assert_eq!(metrics.refusals()[0].to_string(), text);
    assert_eq!(metrics.problems(), []);
}

#[test]
fn a_library_describes_its_metrics_before_or_after_it_writes_them() {
    use metrics::{KeyName, SharedString, Unit};
    let metrics = metrics_of(&["shop"]);
    let describe = |name: &'static str, help: &'static str| {
        metrics.recorder().describe_counter(
            KeyName::from(name),
            Some(Unit::Bytes),
            SharedString::from(help),
        );
    };
    describe("before_total", "Before.");
    describe("runs_total", "Not ours to say.");
    for name in ["before_total", "after_total"] {
        count(&metrics, "hyper", name, "a");
    }
    describe("after_total", "After.");
    let snapshot = metrics.snapshot();
    let help = |name: &str| snapshot.family(name).unwrap().help.to_string();
    assert_eq!(
        [help("before_total"), help("after_total"), help("runs_total")],
        ["Before.", "After.", "Runs."]
    );
    assert_eq!(snapshot.family("before_total").unwrap().unit.as_deref(), Some("bytes"));
    // A description makes no metric.
    assert_eq!(metrics.observed_count(), 2);
}

#[test]
fn without_own_crates_all_are() {
    let metrics = metrics_of(&[]);
    count(&metrics, "hyper::client", "connections_total", "a");
    assert_eq!(refused(&metrics, "connections_total", Reason::Unregistered), 1);
}

#[test]
fn metrics_of_another_crate_share_a_limit() {
    let metrics = metrics_of(&["shop"]);
    for n in 0..150 {
        count(&metrics, "hyper::client", "connections_total", &format!("c{n}"));
        set(&metrics, "hyper::server", "http.open", &format!("s{n}"));
    }
    assert_eq!(metrics.series_count(), 200 + 2);
    assert_eq!(total(&metrics, "connections_total"), 150);
    assert_eq!(value(&metrics, "http_open", &[("shard", "s99")]), Some(Value::Gauge(1.0)));
    assert_eq!(refused(&metrics, "connections_total", Reason::NamespaceCap), 50);
    assert_eq!(refused(&metrics, "http_open", Reason::GaugeCap), 50);
    // There is no room for another name either.
    count(&metrics, "hyper", "late_total", "a");
    assert_eq!(refused(&metrics, "late_total", Reason::MetricCap), 1);
    // And none is taken from others.
    count(&metrics, "tower::load", "late_total", "a");
    assert_eq!(value(&metrics, "late_total", &[("shard", "a")]), Some(Value::Counter(1)));
    let text = metrics.refusals()[0].to_string();
    let expected = "50 writes to `connections_total` folded into overflow: the metrics of `hyper` have \
                    their 200 series together";
    assert!(text.starts_with(expected), "{text}");
}

#[test]
fn the_longest_path_of_the_registry_decides() {
    let metrics = metrics_of(&["shop"]);
    count(&metrics, "noisy::inner", "refused_total", "a");
    assert_eq!(refused(&metrics, "refused_total", Reason::Unregistered), 1);
    for shard in ["a", "b", "c"] {
        count(&metrics, "noisy::useful::inner", "allowed_total", shard);
        count(&metrics, "noisy::useful", "also_total", shard);
        set(&metrics, "sqlx::query", "queries", shard);
        set(&metrics, "sqlx::pool::inner", "connections", shard);
    }
    // Each has a limit of its own, and its overflow set.
    assert_eq!(refused(&metrics, "allowed_total", Reason::SeriesCap), 1);
    assert_eq!(refused(&metrics, "also_total", Reason::SeriesCap), 1);
    assert_eq!(refused(&metrics, "queries", Reason::GaugeCap), 0);
    assert_eq!(refused(&metrics, "connections", Reason::GaugeCap), 2);
    set(&metrics, "sqlx::query", "queries", "d");
    assert_eq!(refused(&metrics, "queries", Reason::GaugeCap), 1);
}

#[test]
fn names_and_paths_that_are_made_up_are_bounded() {
    let metrics = metrics_of(&["shop"]);
    for n in 0..1_000 {
        // None of them gets a series: the labels look like ids.
        let id = "550e8400-e29b-41d4-a716-446655440000";
        count(&metrics, "hyper", &format!("name_{n}"), id);
    }
    assert_eq!(metrics.observed_count(), 200);
    for n in 0..5_000 {
        count(&metrics, &format!("made_up_{n}"), &format!("more_{n}"), "a");
    }
    assert!(metrics.observed_count() < 200 + 300, "{}", metrics.observed_count());
    assert!(metrics.series_count() < 300, "{}", metrics.series_count());
    assert!(metrics.refusals().len() < 400, "{}", metrics.refusals().len());
    let lost: u64 = metrics.refusals().iter().map(|refusal| refusal.count).sum();
    assert_eq!(lost + metrics.series_count() as u64 - 2, 6_000);
}

#[test]
fn the_shared_limit_is_exact_under_threads() {
    let metrics = metrics_of(&["shop"]);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let metrics = &metrics;
            scope.spawn(move || {
                for n in 0..300 {
                    let metric = format!("racing_{}_total", (n + thread) % 7);
                    count(metrics, "hyper", &metric, &format!("s{n}"));
                }
            });
        }
    });
    let own = metrics.snapshot();
    let observed = own.families.iter().filter(|family| family.name.starts_with("racing_"));
    let (mut admitted, mut written) = (0, 0);
    for series in observed.flat_map(|family| &family.series) {
        admitted += usize::from(series.labels.iter().all(|(name, _)| &**name == "shard"));
        written += match series.value {
            Value::Counter(n) => n,
            _ => 0,
        };
    }
    assert_eq!((admitted, written), (200, 1_200));
}

#[test]
fn what_is_left_of_a_shared_limit_is_told() {
    let metrics = metrics_of(&["shop"]);
    let told = |name: &str, module: &str| value(&metrics, name, &[("module", module)]);
    let left = |module: &str| {
        let series = told("radiosonde_namespace_series", module);
        let limit = told("radiosonde_namespace_series_limit", module);
        series.zip(limit)
    };
    assert!(metrics.snapshot().family("radiosonde_namespace_series").is_none());
    for (name, label) in [("a_total", "1"), ("a_total", "2"), ("b_total", "1"), ("b_total", "2")] {
        count(&metrics, "sqlx::query", name, label);
        count(&metrics, "other", name, label);
    }
    // Names belong to whoever wrote them first, and overflow sets do not count.
    assert_eq!(left("sqlx"), Some((Value::Gauge(3.0), Value::Gauge(3.0))));
    assert_eq!(left("other"), None);
    count(&metrics, "other", "c_total", "1");
    assert_eq!(left("other"), Some((Value::Gauge(1.0), Value::Gauge(200.0))));
    // One of each crate, however many metrics it has.
    let snapshot = metrics.snapshot();
    let family = snapshot.family("radiosonde_namespace_series_limit").unwrap();
    assert_eq!(family.series.len(), 2);
    // What has a limit of its own has none to share.
    count(&metrics, "noisy::useful", "d_total", "1");
    assert_eq!(left("noisy::useful"), None);
    assert_eq!(
        value(&metrics, "radiosonde_series_limit", &[("metric", "d_total")]),
        Some(Value::Gauge(2.0))
    );
    assert_eq!(told("radiosonde_series_limit", "sqlx"), None);
}

#[test]
fn a_catalogue_that_was_not_passed_is_named() {
    let metrics = metrics_of(&["shop"]);
    count_typed(&metrics, "shop_core::catalog", "carts_total", "a");
    let refusals = metrics.refusals();
    assert_eq!(refusals[0].reason, Reason::Unregistered);
    let text = refusals[0].to_string();
    assert!(text.ends_with("of the registry (through shop_core::catalog)"), "{text}");
}

#[test]
fn an_override_that_does_not_fit_is_left_out() {
    let mut registry = Registry::parse("registry.json", REGISTRY).unwrap();
    let mut own = registry.metrics[0].clone();
    (own.name, own.metric_type) = ("process_threads".to_owned(), MetricType::Counter);
    registry.metrics.push(own);
    let mut fine = Registry::builtin().metric("tokio_workers").unwrap().clone();
    fine.help = "Our workers.".to_owned();
    registry.labels.extend(Registry::builtin().labels.clone());
    registry.metrics.push(fine);
    let metrics = Metrics::new(Settings { registry: Some(registry), ..Settings::default() });
    let problems = metrics.problems();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(
        problems[0].0,
        "`process_threads` of the registry is left out: radiosonde writes it itself, and it is a \
         counter there and has a label `outcome`"
    );
    // Ours is there instead.
    let metadata = Metadata::new("test", Level::INFO, Some("shop"));
    let threads = Key::from_name("process_threads");
    metrics.recorder().register_gauge(&threads, &metadata).set(3.0);
    assert_eq!(value(&metrics, "process_threads", &[]), Some(Value::Gauge(3.0)));
    assert!(problems[0].1.contains("make it a gauge with the labels []"), "{problems:?}");
}

#[test]
fn nobody_else_writes_our_books() {
    for metrics in [metrics_of(&["shop"]), Metrics::new(Settings::default())] {
        for name in [
            "radiosonde_series",
            "radiosonde_namespace_series",
            "radiosonde.series",
            "metric_last_seen_timestamp_seconds",
            "metric_interval_seconds",
            "last_update_timestamp_seconds",
        ] {
            let key = Key::from_parts(name, vec![Label::new("metric", "made_up")]);
            let metadata = Metadata::new("test", Level::INFO, Some("hyper::client"));
            metrics.recorder().register_gauge(&key, &metadata).set(7.0);
            let name = name.replace('.', "_");
            assert_eq!(value(&metrics, &name, &[("metric", "made_up")]), None, "{name}");
            assert!(refused(&metrics, &name, Reason::Computed) > 0, "{name}");
        }
    }
    // Also where the registry has one, to say more about it.
    let mut registry = Registry::parse("registry.json", REGISTRY).unwrap();
    registry.labels.extend(Registry::builtin().labels.clone());
    registry.metrics.push(Registry::builtin().metric("radiosonde_series").unwrap().clone());
    let metrics = Metrics::new(Settings { registry: Some(registry), ..Settings::default() });
    let key = Key::from_parts("radiosonde_series", vec![Label::new("metric", "runs_total")]);
    let metadata = Metadata::new("test", Level::INFO, Some("shop"));
    metrics.recorder().register_gauge(&key, &metadata).set(7.0);
    assert_eq!(refused(&metrics, "radiosonde_series", Reason::Computed), 1);
    let shown = value(&metrics, "radiosonde_series", &[("metric", "runs_total")]);
    // One of each outcome that the built-in registry knows.
    let outcomes = Registry::builtin().labels["outcome"].values.as_ref().unwrap().len();
    assert_eq!(shown, Some(Value::Gauge(outcomes as f64)));
}

#[test]
fn a_label_of_the_same_name_does_not_disturb_our_metrics() {
    let text = REGISTRY.replace("\"outcome\"", "\"status\"");
    let registry = Some(Registry::parse("registry.json", &text).unwrap());
    let metrics = Metrics::new(Settings { registry, ..Settings::default() });
    metrics.ingest("runs_total").failed();
    let labels = [("metric", "runs_total"), ("status", "failure")];
    assert_eq!(value(&metrics, "metric_ingest_status", &labels), Some(Value::Counter(1)));
}

#[test]
fn a_module_that_is_called_like_a_catalogue_is_anybodys() {
    let metrics = metrics_of(&["shop"]);
    count(&metrics, "iceberg::catalog", "tables_total", "a");
    assert_eq!(value(&metrics, "tables_total", &[("shard", "a")]), Some(Value::Counter(1)));
    count(&metrics, "shop::catalog", "pages_total", "a");
    let text = metrics.refusals()[0].to_string();
    assert!(text.ends_with("not in the registry (in shop::catalog)"), "{text}");

    let metrics = Metrics::default();
    count(&metrics, "iceberg::catalog", "tables_total", "a");
    assert_eq!(metrics.problems(), []);
}

#[test]
fn the_end_of_namespaces_is_not_that_of_metrics() {
    let metrics = metrics_of(&["shop"]);
    for n in 0..257 {
        count(&metrics, &format!("made_up_{n}"), &format!("more_{n}"), "a");
    }
    let text = metrics.refusals()[0].to_string();
    let expected = "1 write to `more_256` refused: 256 crates or modules share limits already";
    assert!(text.starts_with(expected), "{text}");
}
