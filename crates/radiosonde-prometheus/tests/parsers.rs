//! What others read is what was written: `promtool` and the two parsers of the official Python client,
//! over HTTP, for every type, values that need escapes, exemplars, and 10,000 series.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;
mod peers;

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use common::Sample;
use peers::{OPEN_METRICS, Server, TEXT};
use radiosonde_context::{Context, SpanId, TraceId};
use radiosonde_metrics::{
    Exemplar, Family, MetricType, Metrics, Series, Settings, Snapshot, Value,
};
use radiosonde_registry::Registry;
use serde_json::Value as Json;

const REGISTRY: &str = r#"{
  "schema_version": 1,
  "labels": {
    "outcome": {"values": ["success", "failure"]},
    "item": {"max_values": 10000},
    "path": {"max_values": 20, "lint_allow": [{"rule": "free_text_label", "reason": "to be escaped"}]}
  },
  "owners": {"platform": {"slack": "telemetry"}},
  "metrics": [
    {"name": "runs_total", "type": "counter", "unit": "runs", "help": "Runs \\ \"started\".",
     "labels": ["outcome", "path"], "owner": "platform"},
    {"name": "many_total", "type": "counter", "unit": "items", "help": "Many.", "labels": ["item"],
     "series_limit": 10000, "owner": "platform"},
    {"name": "escaped_defect_count", "type": "counter", "unit": "count", "help": "Escaped.",
     "owner": "platform",
     "lint_allow": [{"rule": "counter_suffix", "reason": "fixed"},
                    {"rule": "reserved_suffix", "reason": "fixed"}]},
    {"name": "queue_depth", "type": "gauge", "unit": "items", "help": "Queue.", "owner": "platform"},
    {"name": "parse_seconds", "type": "histogram", "unit": "seconds", "help": "Parse.",
     "buckets": [0.25, 25, 1e21], "labels": ["outcome"], "owner": "platform"},
    {"name": "drift_celsius", "type": "histogram", "unit": "celsius", "help": "Drift.",
     "buckets": [-1, 0, 1], "owner": "platform"},
    {"name": "size_bytes", "type": "summary", "unit": "bytes", "help": "Sizes.", "owner": "platform"}
  ]
}"#;

const PATHS: [&str; 9] = [
    r"C:\",
    r"C:\\",
    "say \"hi\"",
    "🎈",
    "",
    "{a=\"b\"} 1",
    "# EOF",
    "\u{202e}rtl é\u{301}",
    r#"a",b="c"#,
];

fn ids(n: u8) -> (TraceId, SpanId) {
    (TraceId::from_bytes([n; 16]).unwrap(), SpanId::from_bytes([n; 8]).unwrap())
}

fn metrics() -> Metrics {
    let registry = Registry::parse("registry.json", REGISTRY);
    let registry = Some(registry.unwrap_or_else(|errors| panic!("{errors}")));
    let labels = vec![("environment".to_owned(), "staging".to_owned())];
    let metrics = Metrics::new(Settings { registry, labels, ..Settings::default() });
    metrics.add_collector(Box::new(collected));
    metrics
}

/// Writes one of each, and tells what a reader has to understand.
fn write(metrics: &Metrics, read: &mut Read) {
    metrics::with_local_recorder(&metrics.recorder(), || {
        for (n, path) in (2..).zip(PATHS) {
            metrics::counter!("runs_total", "outcome" => "success", "path" => path).increment(n);
            read.sample("runs_total", &[("outcome", "success"), ("path", path)], n as f64);
        }
        metrics::counter!("runs_total", "user" => "u-1").increment(1);
        for n in 0..10_000_u32 {
            let item = format!("i{n:04}");
            metrics::counter!("many_total", "item" => item.clone()).increment(u64::from(n) + 1);
            read.sample("many_total", &[("item", &item)], f64::from(n) + 1.0);
        }
        metrics::counter!("escaped_defect_count").increment(u64::MAX);
        // The Python client's older parser ends every counter with it.
        let name = if read.open { "escaped_defect_count" } else { "escaped_defect_count_total" };
        read.sample(name, &[], u64::MAX as f64);
        metrics::gauge!("queue_depth").set(-3.5);
        read.sample("queue_depth", &[], -3.5);
        for value in [0.25, 0.3, 30.0] {
            metrics::histogram!("parse_seconds", "outcome" => "success").record(value);
        }
        for value in [-2.0, -0.5, 0.5, 0.0] {
            metrics::histogram!("drift_celsius").record(value);
        }
        for value in [12.0, 20.0] {
            metrics::histogram!("size_bytes").record(value);
        }
    });
    let les = ["0.25", "25.0", "1e+21", "+Inf"];
    read.histogram("parse_seconds", &[("outcome", "success")], &les, &[1, 1, 1, 0], Some(30.55));
    read.histogram("parse_seconds", &[("outcome", "failure")], &les, &[0; 4], Some(0.0));
    // OpenMetrics has no room for a sum of values that may be negative.
    let sum = (!read.open).then_some(-2.0);
    read.histogram("drift_celsius", &[], &["-1.0", "0.0", "1.0", "+Inf"], &[1, 2, 1, 0], sum);
    read.sample("size_bytes_sum", &[], 32.0);
    read.sample("size_bytes_count", &[], 2.0);
}

/// What no registry has, and what only a collector can show.
fn collected(snapshot: &mut Snapshot) {
    snapshot.float_counter("spent_seconds_total", &[], 1.5);
    snapshot.gauge("odd_state", &[("text", "two\nlines\r\ttab")], f64::NAN);
    snapshot.gauge("odd_state", &[("text", "up")], f64::INFINITY);
    snapshot.gauge("odd_state", &[("text", "down")], f64::NEG_INFINITY);
    snapshot.gauge("odd_state", &[("text", "tiny")], 5e-324);
    let at = |seconds: u64| UNIX_EPOCH + Duration::from_millis(1_790_000_000_250 + seconds * 1000);
    let mut push = |name: &str, metric_type, value, exemplars| {
        let mut family = Family::new(name, metric_type);
        family.help = "two\nlines \\ and \"quotes\"".into();
        let mut series = Series::new(vec![("odd".into(), "\\\"\n".into())], value);
        series.exemplars = exemplars;
        family.series.push(series);
        snapshot.push(family);
    };
    let exemplars = vec![Exemplar::new(0, 2.0, ids(1), at(1))];
    push("traced_total", MetricType::Counter, Value::Counter(5), exemplars);
    let value = Value::Histogram {
        bounds: [0.1, 1.0].into(),
        counts: vec![1, 2, 3],
        sum: 20.5,
        count: 6,
        exponential: None,
    };
    let exemplars =
        vec![Exemplar::new(0, 0.05, ids(2), at(2)), Exemplar::new(2, 7.5, ids(3), at(3))];
    push("traced_seconds", MetricType::Histogram, value, exemplars);
    let quantiles = vec![(0.5, 1.5), (0.99, 9.0)];
    let value = Value::Summary { count: 7, sum: 20.25, quantiles };
    push("waited_seconds", MetricType::Summary, value, Vec::new());
}

fn collect(read: &mut Read) {
    read.sample("spent_seconds_total", &[], 1.5);
    read.sample("odd_state", &[("text", "two\nlines\r\ttab")], f64::NAN);
    read.sample("odd_state", &[("text", "up")], f64::INFINITY);
    read.sample("odd_state", &[("text", "down")], f64::NEG_INFINITY);
    read.sample("odd_state", &[("text", "tiny")], 5e-324);
    let odd = ("odd", "\\\"\n");
    read.sample("traced_total", &[odd], 5.0);
    read.histogram("traced_seconds", &[odd], &["0.1", "1.0", "+Inf"], &[1, 2, 3], Some(20.5));
    if read.open {
        read.exemplar("traced_total", &[odd], (2.0, 1));
        read.exemplar("traced_seconds_bucket", &[odd, ("le", "0.1")], (0.05, 2));
        read.exemplar("traced_seconds_bucket", &[odd, ("le", "+Inf")], (7.5, 3));
    }
    read.sample("waited_seconds", &[odd, ("quantile", "0.5")], 1.5);
    read.sample("waited_seconds", &[odd, ("quantile", "0.99")], 9.0);
    read.sample("waited_seconds_sum", &[odd], 20.25);
    read.sample("waited_seconds_count", &[odd], 7.0);
}

type Key = (String, BTreeMap<String, String>);

/// The value of an exemplar, its trace, its span, its time in seconds.
type Traced = (f64, String, String, f64);

/// What a reader understands, or has to.
#[derive(Default)]
struct Read {
    open: bool,
    samples: BTreeMap<Key, f64>,
    exemplars: BTreeMap<Key, Traced>,
    /// Type, help and unit.
    families: BTreeMap<String, (String, String, String)>,
}

fn key(name: &str, labels: &[(&str, &str)]) -> Key {
    let constant = [("environment", "staging")];
    let labels = labels.iter().chain(&constant).map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
    (name.to_owned(), labels.collect())
}

impl Read {
    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        assert!(self.samples.insert(key(name, labels), value).is_none(), "{name} twice");
    }

    fn exemplar(&mut self, name: &str, labels: &[(&str, &str)], (value, n): (f64, u8)) {
        let (trace, span) = ids(n);
        let at = 1_790_000_000.25 + f64::from(n);
        let traced = (value, trace.to_string(), span.to_string(), at);
        assert!(self.exemplars.insert(key(name, labels), traced).is_none(), "{name} twice");
    }

    /// `counts` are those of each bucket alone; without a sum there is no count either.
    fn histogram(
        &mut self,
        name: &str,
        labels: &[(&str, &str)],
        les: &[&str],
        counts: &[u32],
        sum: Option<f64>,
    ) {
        let mut total = 0;
        for (le, count) in les.iter().zip(counts) {
            total += count;
            let labels: Vec<_> = labels.iter().copied().chain([("le", *le)]).collect();
            self.sample(&format!("{name}_bucket"), &labels, f64::from(total));
        }
        if let Some(sum) = sum {
            self.sample(&format!("{name}_sum"), labels, sum);
            self.sample(&format!("{name}_count"), labels, f64::from(total));
        }
    }

    /// From what `parse.py` prints.
    fn parsed(printed: &str) -> Self {
        let mut read = Self::default();
        let number = |json: &Json| -> f64 { json.as_str().unwrap().parse().unwrap() };
        for line in printed.lines() {
            let line: Json = serde_json::from_str(line).unwrap();
            let text = |field: &str| line[field].as_str().unwrap().to_owned();
            if !line["family"].is_null() {
                let about = (text("type"), text("help"), text("unit"));
                let before = read.families.insert(text("family"), about);
                assert!(before.is_none(), "{line}: twice");
                continue;
            }
            let labels: BTreeMap<String, String> =
                serde_json::from_value(line["labels"].clone()).unwrap();
            let key = (text("sample"), labels);
            let exemplar = &line["exemplar"];
            if !exemplar.is_null() {
                let label = |name: &str| exemplar["labels"][name].as_str().unwrap().to_owned();
                assert_eq!(exemplar["labels"].as_object().unwrap().len(), 2);
                let at = exemplar["at"].as_f64().unwrap();
                let (trace, span) = (label("trace_id"), label("span_id"));
                let traced = (number(&exemplar["value"]), trace, span, at);
                assert!(read.exemplars.insert(key.clone(), traced).is_none());
            }
            assert!(read.samples.insert(key, number(&line["value"])).is_none(), "{line}: twice");
        }
        read
    }

    /// Takes out what radiosonde says of itself.
    fn take_own(&mut self) -> BTreeMap<Key, f64> {
        self.families.retain(|name, _| !name.starts_with("radiosonde_"));
        self.exemplars.retain(|(name, _), _| !name.starts_with("radiosonde_"));
        let (own, others) = std::mem::take(&mut self.samples)
            .into_iter()
            .partition(|((name, _), _)| name.starts_with("radiosonde_"));
        self.samples = others;
        own
    }
}

/// One that Python writes in another way is the same number.
fn le_as_number(samples: BTreeMap<Key, f64>) -> BTreeMap<Key, f64> {
    let mended = samples.into_iter().map(|((name, mut labels), value)| {
        if let Some(le) = labels.get_mut("le") {
            let number: f64 = le.parse().unwrap();
            *le = format!("{number:?}");
        }
        ((name, labels), value)
    });
    mended.collect()
}

#[track_caller]
fn compare(read: BTreeMap<Key, f64>, expected: BTreeMap<Key, f64>) {
    let (read, expected) = (le_as_number(read), le_as_number(expected));
    for (key, value) in &expected {
        let found = read.get(key).unwrap_or_else(|| panic!("{key:?} is not there"));
        assert!(
            found.to_bits() == value.to_bits() || (found.is_nan() && value.is_nan()),
            "{key:?}: {found} instead of {value}"
        );
    }
    let unexpected: Vec<_> = read.keys().filter(|key| !expected.contains_key(*key)).collect();
    assert!(unexpected.is_empty(), "{unexpected:?}");
}

/// Lets one of the parsers read, and holds what it understood against what was written.
fn read_by(mut python: Command, parser: &str, accept: &str) -> Read {
    let metrics = metrics();
    let mut expected = Read { open: parser == "openmetrics", ..Read::default() };
    write(&metrics, &mut expected);
    collect(&mut expected);
    let server = Server::start(Sample(metrics));
    let text = server.scrape(accept);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/parse.py");
    python.args([script, parser]);
    let (status, printed, said) = peers::run(python, &text);
    let sent = text.lines().filter(|line| !line.starts_with("many_total")).collect::<Vec<_>>();
    assert_eq!(status, 0, "{said}\n{}", sent.join("\n"));
    let mut read = Read::parsed(&printed);

    let own = read.take_own();
    let labels = [("metric", "runs_total"), ("reason", "label_undeclared")];
    let refused = key("radiosonde_metric_writes_refused_total", &labels);
    assert_eq!(own.get(&refused), Some(&1.0), "{own:?}");
    let series = own.get(&key("radiosonde_series", &[("metric", "many_total")]));
    assert_eq!(series, Some(&10_000.0));

    // Quantiles are estimates: only where they can be is known.
    read.samples.retain(|(name, labels), value| {
        let quantile = name == "size_bytes" && labels.contains_key("quantile");
        assert!(!quantile || (11.0..22.0).contains(value), "{labels:?} {value}");
        !quantile
    });
    compare(std::mem::take(&mut read.samples), expected.samples);
    assert_eq!(read.exemplars, expected.exemplars);
    read
}

fn about(read: &Read, name: &str) -> (String, String, String) {
    read.families.get(name).unwrap_or_else(|| panic!("{name}: {:?}", read.families)).clone()
}

fn is(metric_type: &str, help: &str, unit: &str) -> (String, String, String) {
    (metric_type.to_owned(), help.to_owned(), unit.to_owned())
}

#[test]
fn the_python_client_reads_the_text_format() {
    let Some(python) = peers::python() else { return };
    let read = read_by(python, "text", TEXT);
    // It cuts `_total` off the names of counters, as OpenMetrics does.
    assert_eq!(about(&read, "runs"), is("counter", r#"Runs \ "started"."#, ""));
    assert_eq!(about(&read, "escaped_defect_count"), is("counter", "Escaped.", ""));
    assert_eq!(about(&read, "queue_depth"), is("gauge", "Queue.", ""));
    assert_eq!(about(&read, "drift_celsius"), is("histogram", "Drift.", ""));
    let odd = "two\nlines \\ and \"quotes\"";
    assert_eq!(about(&read, "waited_seconds"), is("summary", odd, ""));
    assert_eq!(read.families.len(), 12, "{:?}", read.families);
}

#[test]
fn the_python_client_reads_openmetrics_with_exemplars() {
    let Some(python) = peers::python() else { return };
    let read = read_by(python, "openmetrics", OPEN_METRICS);
    assert_eq!(about(&read, "runs"), is("counter", r#"Runs \ "started"."#, ""));
    assert_eq!(about(&read, "escaped_defect_count"), is("unknown", "Escaped.", "count"));
    assert_eq!(about(&read, "queue_depth"), is("gauge", "Queue.", ""));
    assert_eq!(about(&read, "parse_seconds"), is("histogram", "Parse.", "seconds"));
    assert_eq!(about(&read, "drift_celsius"), is("histogram", "Drift.", "celsius"));
    assert_eq!(about(&read, "size_bytes"), is("summary", "Sizes.", "bytes"));
    let odd = "two\nlines \\ and \"quotes\"";
    assert_eq!(about(&read, "traced"), is("counter", odd, ""));
    assert_eq!(read.families.len(), 12, "{:?}", read.families);
}

#[test]
fn promtool_reads_the_text_format() {
    let Some(promtool) = peers::program("promtool") else { return };
    let metrics = metrics();
    write(&metrics, &mut Read::default());
    let server = Server::start(Sample(metrics));
    let mut command = Command::new(promtool);
    let _ = command.args(["check", "metrics"]);
    let (status, _, said) = peers::run(command, &server.scrape(TEXT));
    // 3 is for opinions, here on names that were fixed elsewhere; 1 is what it cannot read.
    assert!(matches!(status, 0 | 3), "{status}: {said}");
    assert!(!said.contains("error while linting"), "{said}");
}

/// What a program writes inside a trace is what a reader finds it by.
#[test]
fn a_write_inside_a_trace_is_an_exemplar() {
    let Some(mut python) = peers::python() else { return };
    let metrics = metrics();
    let (trace, span) = ids(9);
    let context = Context::current().with_span(trace, span, true);
    metrics::with_local_recorder(&metrics.recorder(), || {
        metrics::histogram!("parse_seconds", "outcome" => "success").record(0.1);
        context.run(|| {
            metrics::counter!("runs_total", "outcome" => "success", "path" => "x").increment(4);
            metrics::histogram!("parse_seconds", "outcome" => "success").record(3.0);
            metrics::gauge!("queue_depth").set(1.0);
        });
    });
    let server = Server::start(Sample(metrics));
    let text = server.scrape(OPEN_METRICS);
    python.args([concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/parse.py"), "openmetrics"]);
    let (status, printed, said) = peers::run(python, &text);
    assert_eq!(status, 0, "{said}\n{text}");
    let mut read = Read::parsed(&printed);
    read.exemplars.retain(|(name, _), _| !name.starts_with("traced_"));
    let bucket = [("outcome", "success"), ("le", "25.0")];
    let expected = [
        (key("parse_seconds_bucket", &bucket), 3.0),
        (key("runs_total", &[("outcome", "success"), ("path", "x")]), 4.0),
    ];
    assert_eq!(read.exemplars.len(), expected.len(), "{:?}", read.exemplars);
    for (key, value) in expected {
        let (seen, seen_trace, seen_span, at) = &read.exemplars[&key];
        assert_eq!((seen_trace, seen_span), (&trace.to_string(), &span.to_string()));
        assert!((seen - value).abs() < f64::EPSILON, "{seen}");
        let age = UNIX_EPOCH.elapsed().unwrap().as_secs_f64() - at;
        assert!((0.0..600.0).contains(&age), "{age}");
    }
}
