//! Snapshots on their way through a spool: decoded, they say what the snapshot said.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use common::attributes;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{Metric, NumberDataPoint};
use proptest::prelude::*;
use prost::Message as _;
use radiosonde_context::{Context, SpanId, TraceId};
use radiosonde_metrics::{
    Exemplar, Exponential, Exposition, Family, Head, MetricType, Metrics, Point, Series, Settings,
    Snapshot, Value,
};
use radiosonde_otlp::{
    FRAME_MAX, MetricSettings, Resource, SnapshotEncoder, Stream, assemble, entries,
};
use radiosonde_registry::Registry;
use radiosonde_spool::{Limit, Options, Spool, StreamOptions};

const CUMULATIVE: i32 = 2;
const DELTA: i32 = 1;
const SECOND: u64 = 1_000_000_000;

/// A spool and who fills it with snapshots.
struct Sending {
    _directory: tempfile::TempDir,
    spool: Spool,
    encoder: SnapshotEncoder,
}

fn at(second: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(second)
}

impl Sending {
    /// For a process that began at second 100.
    fn new(preference: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let options =
            |stream: Stream| StreamOptions::new(stream.name(), stream.rank(), 1024 * 1024);
        let options = Options::new(Stream::ALL.map(options).to_vec());
        let spool = Spool::create(&directory.path().join("spool"), b"manifest", &options).unwrap();
        let lookup = |name: &str| name.contains("TEMPORALITY").then(|| preference.to_owned());
        let (settings, complaints) = MetricSettings::from_lookup(&lookup);
        assert_eq!(complaints, []);
        let encoder = SnapshotEncoder::new(settings, at(100));
        Self { _directory: directory, spool, encoder }
    }

    /// Sends a snapshot that was made then. What arrived of it, by name.
    fn send(&mut self, second: u64, snapshot: &Snapshot) -> BTreeMap<String, Metric> {
        let metrics = self.send_all(second, snapshot);
        let count = metrics.len();
        let by_name: BTreeMap<_, _> =
            metrics.into_iter().map(|metric| (metric.name.clone(), metric)).collect();
        assert_eq!(by_name.len(), count, "each once");
        by_name
    }

    fn send_all(&mut self, second: u64, snapshot: &Snapshot) -> Vec<Metric> {
        let points = self.encoder.append(snapshot, at(second), &self.spool);
        let stream = self.spool.stream(Stream::Metrics.index());
        let limit = Limit { records: 1_000_000, bytes: 64 * 1024 * 1024 };
        let (mut metrics, mut taken_points) = (Vec::new(), 0);
        while let Some(taken) = stream.take(limit).unwrap() {
            taken_points += taken.records();
            let mut all = Vec::new();
            for frame in taken.frames() {
                let read: Vec<_> = entries(frame.payload).map(Result::unwrap).collect();
                assert!(frame.payload.len() <= FRAME_MAX);
                assert_eq!(read.iter().map(|entry| entry.records).sum::<u32>(), frame.records);
                all.extend(read);
            }
            let request = assemble(&Resource::new("shop", "1", "i").encode(), &all);
            let request = ExportMetricsServiceRequest::decode(&request[..]).unwrap();
            for scope in request.resource_metrics.into_iter().flat_map(|r| r.scope_metrics) {
                assert_eq!(scope.scope.unwrap().name, "radiosonde");
                metrics.extend(scope.metrics);
            }
            let settled = radiosonde_spool::Settled { delivered: taken.records(), rejected: 0 };
            stream.settle(&taken, settled).unwrap();
        }
        assert_eq!(taken_points, points);
        metrics
    }
}

fn labels(pairs: &[(&str, &str)]) -> Vec<(Arc<str>, Arc<str>)> {
    pairs.iter().map(|(name, value)| (Arc::from(*name), Arc::from(*value))).collect()
}

fn family(name: &str, metric_type: MetricType, value: Value) -> Family {
    let mut family = Family::new(name, metric_type);
    family.series.push(Series::new(labels(&[("step", "größe \"x\"")]), value));
    family
}

fn of(families: Vec<Family>) -> Snapshot {
    let mut snapshot = Snapshot::default();
    families.into_iter().for_each(|family| snapshot.push(family));
    snapshot
}

fn histogram(counts: &[u64], sum: f64) -> Value {
    let (bounds, counts) = (Arc::from([0.5, 25.0]), counts.to_vec());
    let count = counts.iter().sum();
    Value::Histogram { bounds, counts, sum, count, exponential: None }
}

fn numbers(metric: &Metric) -> &[NumberDataPoint] {
    match metric.data.as_ref().unwrap() {
        Data::Sum(sum) => &sum.data_points,
        Data::Gauge(gauge) => &gauge.data_points,
        other => panic!("{other:?}"),
    }
}

fn number(metric: &Metric) -> (Option<Number>, u64, u64) {
    let [point] = numbers(metric) else { panic!("{metric:?}") };
    (point.value, point.start_time_unix_nano / SECOND, point.time_unix_nano / SECOND)
}

#[test]
fn every_type_arrives_as_what_it_is() {
    let mut counter = family("runs_total", MetricType::Counter, Value::Counter(7));
    counter.unit = Some(Arc::from("runs"));
    counter.help = Arc::from("Executions, größer.");
    let quantiles = vec![(0.5, 1.25), (0.99, f64::NAN)];
    let snapshot = of(vec![
        counter,
        family("large_total", MetricType::Counter, Value::Counter(u64::MAX)),
        family("cpu_seconds_total", MetricType::Counter, Value::FloatCounter(1.5)),
        family("depth", MetricType::Gauge, Value::Gauge(-2.5)),
        family("took_ms", MetricType::Histogram, histogram(&[1, 0, 4], 99.5)),
        family("size", MetricType::Summary, Value::Summary { count: 3, sum: 6.0, quantiles }),
    ]);
    let sent = Sending::new("").send(160, &snapshot);
    let runs = &sent["runs_total"];
    assert_eq!((runs.unit.as_str(), runs.description.as_str()), ("runs", "Executions, größer."));
    assert_eq!(number(runs), (Some(Number::AsInt(7)), 100, 160));
    let Some(Data::Sum(sum)) = &runs.data else { panic!("{runs:?}") };
    assert_eq!((sum.aggregation_temporality, sum.is_monotonic), (CUMULATIVE, true));
    let step = [("step".to_owned(), serde_json::json!("größe \"x\""))];
    assert_eq!(attributes(&sum.data_points[0].attributes), step);
    let large = Some(Number::AsDouble(18_446_744_073_709_551_615.0));
    assert_eq!(number(&sent["large_total"]).0, large);
    assert_eq!(number(&sent["cpu_seconds_total"]).0, Some(Number::AsDouble(1.5)));
    assert_eq!(number(&sent["depth"]), (Some(Number::AsDouble(-2.5)), 0, 160));

    let Some(Data::Histogram(took)) = &sent["took_ms"].data else { panic!("no histogram") };
    let point = &took.data_points[0];
    assert_eq!(took.aggregation_temporality, CUMULATIVE);
    assert_eq!((point.count, point.sum, point.min), (5, Some(99.5), None));
    assert_eq!(
        (&point.bucket_counts[..], &point.explicit_bounds[..]),
        (&[1, 0, 4][..], &[0.5, 25.0][..])
    );
    assert_eq!((point.start_time_unix_nano, point.time_unix_nano), (100 * SECOND, 160 * SECOND));

    let Some(Data::Summary(size)) = &sent["size"].data else { panic!("no summary") };
    let point = &size.data_points[0];
    assert_eq!((point.count, point.sum, point.start_time_unix_nano), (3, 6.0, 100 * SECOND));
    assert_eq!((point.quantile_values[0].quantile, point.quantile_values[0].value), (0.5, 1.25));
    assert!(point.quantile_values[1].value.is_nan());
}

#[test]
fn numbers_that_are_none_are_sent_as_they_are() {
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, f64::MIN_POSITIVE] {
        let snapshot = of(vec![family("depth", MetricType::Gauge, Value::Gauge(value))]);
        let sent = Sending::new("").send(160, &snapshot);
        let Some(Number::AsDouble(sent)) = number(&sent["depth"]).0 else { panic!("{sent:?}") };
        assert_eq!(sent.to_bits(), value.to_bits());
    }
}

/// As `Exponential` says it: 2^(offset / 2^scale) is the first bound.
#[test]
fn exponential_histograms_have_the_buckets_of_their_base() {
    let exponential = Some(Exponential { scale: 1, offset: -2 });
    let bounds: Arc<[f64]> = (-2..=2).map(|power| f64::from(power).exp2().sqrt()).collect();
    let value = |counts: &[u64]| {
        let (count, counts) = (counts.iter().sum(), counts.to_vec());
        Value::Histogram { bounds: bounds.clone(), counts, sum: 9.0, count, exponential }
    };
    // Counts, those of the zero bucket, and index of the first of the others, with those.
    type Case<'a> = (&'a [u64], u64, Option<(i32, &'a [u64])>);
    let cases: [Case<'_>; 4] = [
        // The zero bucket, five buckets, and what is above all bounds in the next one.
        (&[3, 1, 0, 2, 0, 5], 3, Some((-2, &[1, 0, 2, 0, 5]))),
        (&[3, 0, 0, 2, 0, 0], 3, Some((0, &[2]))),
        (&[0, 0, 0, 0, 0, 1], 0, Some((2, &[1]))),
        (&[4, 0, 0, 0, 0, 0], 4, None),
    ];
    for (counts, zero, expected) in cases {
        let snapshot = of(vec![family("took_seconds", MetricType::Histogram, value(counts))]);
        let sent = Sending::new("").send(160, &snapshot);
        let Some(Data::ExponentialHistogram(sent)) = &sent["took_seconds"].data else {
            panic!("{sent:?}")
        };
        let point = &sent.data_points[0];
        assert_eq!((point.scale, point.zero_count, point.zero_threshold), (1, zero, bounds[0]));
        assert_eq!((point.count, point.sum), (counts.iter().sum(), Some(9.0)));
        let positive = point.positive.as_ref();
        assert_eq!(positive.map(|b| (b.offset, b.bucket_counts.as_slice())), expected);
        assert_eq!(point.negative, None);
        // Where OpenTelemetry puts a value, ours is as well: (base^index, base^(index + 1)].
        if let Some(buckets) = positive {
            let base = 2_f64.sqrt();
            let first = counts.iter().skip(1).position(|count| *count > 0).unwrap();
            let lower = base.powi(buckets.offset);
            assert!((lower - bounds[first]).abs() < 1e-12, "{lower} {first}");
        }
    }
}

#[test]
fn exemplars_are_sent_once_and_with_their_trace() {
    let (trace, span) = (TraceId::random(), SpanId::random());
    let exemplar = |bucket, second| Exemplar::new(bucket, 12.5, (trace, span), at(second));
    let mut took = family("took_ms", MetricType::Histogram, histogram(&[1, 1, 0], 13.0));
    took.series[0].exemplars = vec![exemplar(0, 120), exemplar(1, 150)];
    let mut sending = Sending::new("");
    let exemplars = |sent: &BTreeMap<String, Metric>| match &sent["took_ms"].data {
        Some(Data::Histogram(sent)) => sent.data_points[0].exemplars.clone(),
        other => panic!("{other:?}"),
    };
    let first = exemplars(&sending.send(160, &of(vec![took.clone()])));
    assert_eq!(first.len(), 2);
    assert_eq!(first[0].time_unix_nano, 120 * SECOND);
    assert_eq!(
        (&first[0].trace_id, &first[0].span_id),
        (&trace.to_bytes().to_vec(), &span.to_bytes().to_vec())
    );
    let value = opentelemetry_proto::tonic::metrics::v1::exemplar::Value::AsDouble(12.5);
    assert_eq!(first[0].value, Some(value));
    took.series[0].exemplars[0] = exemplar(0, 170);
    let second = exemplars(&sending.send(220, &of(vec![took])));
    assert_eq!(second.iter().map(|e| e.time_unix_nano / SECOND).collect::<Vec<_>>(), [170]);
}

#[test]
fn a_series_begins_when_it_was_not_there_and_begins_anew_when_it_falls() {
    let runs = |value| of(vec![family("runs_total", MetricType::Counter, Value::Counter(value))]);
    let mut sending = Sending::new("cumulative");
    let mut send = |second, snapshot: &Snapshot| {
        let sent = sending.send(second, snapshot);
        sent.get("runs_total").map(number).map(|(value, start, _)| (value, start))
    };
    let count = |value| Some(Number::AsInt(value));
    assert_eq!(send(160, &Snapshot::default()), None);
    assert_eq!(send(220, &runs(3)), Some((count(3), 160)), "it was not there at 160");
    assert_eq!(send(280, &runs(5)), Some((count(5), 160)));
    assert_eq!(send(340, &runs(2)), Some((count(2), 280)), "somebody retired it");
    assert_eq!(send(400, &Snapshot::default()), None);
    assert_eq!(send(460, &runs(9)), Some((count(9), 400)));
}

#[test]
fn changes_are_sent_once_and_sum_to_the_counters() {
    for preference in ["delta", "LowMemory"] {
        let mut sending = Sending::new(preference);
        let snapshot = |count, counts: &[u64], sum| {
            of(vec![
                family("runs_total", MetricType::Counter, Value::Counter(count)),
                family("cpu_seconds_total", MetricType::Counter, Value::FloatCounter(sum)),
                family("depth", MetricType::Gauge, Value::Gauge(sum)),
                family("took_ms", MetricType::Histogram, histogram(counts, sum)),
            ])
        };
        let first = sending.send(160, &snapshot(7, &[1, 0, 4], 2.0));
        assert_eq!(number(&first["runs_total"]), (Some(Number::AsInt(7)), 100, 160));
        let second = sending.send(220, &snapshot(9, &[1, 1, 6], 5.0));
        assert_eq!(number(&second["runs_total"]), (Some(Number::AsInt(2)), 160, 220));
        assert_eq!(number(&second["cpu_seconds_total"]).0, Some(Number::AsDouble(3.0)));
        assert_eq!(number(&second["depth"]).0, Some(Number::AsDouble(5.0)));
        let Some(Data::Histogram(took)) = &second["took_ms"].data else { panic!("{second:?}") };
        let point = &took.data_points[0];
        assert_eq!(took.aggregation_temporality, DELTA);
        assert_eq!(
            (point.count, point.sum, &point.bucket_counts[..]),
            (3, Some(3.0), &[0, 1, 2][..])
        );
        // Nothing happened: only what stands at a value is told.
        let third = sending.send(280, &snapshot(9, &[1, 1, 6], 5.0));
        assert_eq!(third.keys().collect::<Vec<_>>(), ["depth"]);
        let fourth = sending.send(340, &snapshot(1, &[0, 0, 1], 1.0));
        assert_eq!(number(&fourth["runs_total"]), (Some(Number::AsInt(1)), 280, 340));
        let Some(Data::Histogram(took)) = &fourth["took_ms"].data else { panic!("{fourth:?}") };
        assert_eq!((took.data_points[0].count, took.data_points[0].sum), (1, Some(1.0)));
    }
}

#[test]
fn a_counter_that_is_born_at_zero_is_told_once() {
    let runs = of(vec![family("runs_total", MetricType::Counter, Value::Counter(0))]);
    let mut sending = Sending::new("delta");
    assert_eq!(number(&sending.send(160, &runs)["runs_total"]).0, Some(Number::AsInt(0)));
    assert_eq!(sending.send(220, &runs).len(), 0);
}

#[test]
fn many_series_are_many_entries_of_one_name() {
    let mut wide = Family::new("wide_total", MetricType::Counter);
    for nth in 0..9_000_u64 {
        let value = format!("{nth:05}{}", "x".repeat(96));
        wide.series.push(Series::new(labels(&[("path", &value)]), Value::Counter(nth)));
    }
    let metrics = Sending::new("").send_all(160, &of(vec![wide]));
    assert!((18..60).contains(&metrics.len()), "{}", metrics.len());
    let points = metrics.iter().flat_map(numbers);
    let values: Vec<_> = points.map(|point| point.value).collect();
    let expected: Vec<_> = (0..9_000).map(|nth| Some(Number::AsInt(nth))).collect();
    assert_eq!(values, expected);
}

/// Names and labels as a scrape has them.
#[derive(Default)]
struct Scraped(Vec<(String, String)>);

impl Exposition for Scraped {
    fn family(&mut self, head: &Head<'_>) {
        self.0.push((head.name.to_owned(), String::new()));
    }

    fn series(&mut self, labels: &str, _: &Point<'_>, _: &[Exemplar]) {
        let last = self.0.last_mut().unwrap();
        last.1.push_str(labels);
        last.1.push(';');
    }
}

#[test]
fn names_and_labels_are_those_of_a_scrape() {
    let mut strange = Family::new("http.requests", MetricType::Counter);
    let names = [("route.name", "a"), ("route_name", "b"), ("__meta", "c"), ("9lives", "d")];
    strange.series.push(Series::new(labels(&names), Value::Counter(1)));
    let mut again = Family::new("http_requests", MetricType::Gauge);
    again.series.push(Series::new(Vec::new(), Value::Gauge(1.0)));
    let mut took = Family::new("took_ms", MetricType::Histogram);
    took.series
        .push(Series::new(labels(&[("le", "x"), ("step", "y")]), histogram(&[1, 2, 3], 1.0)));
    let mut ns = Family::new("a:b", MetricType::Counter);
    ns.series.push(Series::new(Vec::new(), Value::Counter(1)));
    let snapshot = of(vec![strange, again, took, ns]);

    let mut scraped = Scraped::default();
    snapshot.expose(&mut scraped);
    let sent = Sending::new("").send(160, &snapshot);
    let sent: Vec<_> =
        sent.values().map(|metric| (metric.name.clone(), labels_of(metric))).collect();
    assert_eq!(sent, scraped.0);
}

fn labels_of(metric: &Metric) -> String {
    let attributes: Vec<_> = match metric.data.as_ref().unwrap() {
        Data::Histogram(data) => data.data_points.iter().map(|point| &point.attributes).collect(),
        _ => numbers(metric).iter().map(|point| &point.attributes).collect(),
    };
    let mut text = String::new();
    for attributes in attributes {
        let pairs = attributes.iter().map(|pair| {
            let value = common::plain(pair.value.as_ref());
            format!("{}=\"{}\"", pair.key, value.as_str().unwrap())
        });
        text.push_str(&pairs.collect::<Vec<_>>().join(","));
        text.push(';');
    }
    text
}

#[test]
fn what_is_written_by_macros_is_what_a_scrape_shows() {
    let text = r#"{"schema_version": 1,
      "labels": {"outcome": {"values": ["success", "failure"]}},
      "metrics": [
        {"name": "runs_total", "type": "counter", "unit": "runs", "help": "Executions.", "labels": ["outcome"]},
        {"name": "took_seconds", "type": "histogram", "unit": "seconds", "help": "Durations.",
         "exponential_buckets": {"scale": 0, "min": 0.25, "max": 8}, "labels": []},
        {"name": "depth", "type": "gauge", "unit": "jobs", "help": "Waiting.", "labels": []}]}"#;
    let registry = Some(Registry::parse("registry.json", text).unwrap());
    let metrics = Metrics::new(Settings { registry, ..Settings::default() });
    let (trace, span) = (TraceId::random(), SpanId::random());
    let write = |took: f64| {
        let _guard = Context::default().with_span(trace, span, true).attach();
        metrics::with_local_recorder(&metrics.recorder(), || {
            metrics::counter!("runs_total", "outcome" => "success").increment(2);
            metrics::histogram!("took_seconds").record(took);
            metrics::gauge!("depth").set(3.0);
        });
    };
    write(3.0);
    let snapshot = metrics.snapshot();
    let mut scraped = Scraped::default();
    snapshot.expose(&mut scraped);
    let mut sending = Sending::new("");
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() + 1;
    let sent = sending.send(now, &snapshot);
    assert_eq!(
        sent.keys().collect::<Vec<_>>(),
        scraped.0.iter().map(|(n, _)| n).collect::<Vec<_>>()
    );
    assert_eq!(sent["runs_total"].unit, "runs");
    assert_eq!(
        labels_of(&sent["runs_total"]),
        scraped.0.iter().find(|(n, _)| n == "runs_total").unwrap().1
    );
    let took = |sent: &BTreeMap<String, Metric>| match &sent["took_seconds"].data {
        Some(Data::ExponentialHistogram(took)) => took.data_points[0].clone(),
        other => panic!("{other:?}"),
    };
    let point = took(&sent);
    // 3 is in (2, 4], the bucket of the index 1.
    assert_eq!(
        point.positive.as_ref().map(|b| (b.offset, b.bucket_counts.clone())),
        Some((1, vec![1]))
    );
    assert_eq!(point.exemplars.len(), 1);
    assert_eq!(point.exemplars[0].trace_id, trace.to_bytes());
    // The next one takes its place once somebody says that the first was sent.
    metrics.renew_exemplars();
    write(3.5);
    let value = opentelemetry_proto::tonic::metrics::v1::exemplar::Value::AsDouble;
    let point = took(&Sending::new("").send(now, &metrics.snapshot()));
    assert_eq!(point.exemplars[0].value, Some(value(3.5)));
}

#[test]
fn broken_buckets_are_mended_as_a_scrape_does_it() {
    let broken = Value::Histogram {
        bounds: Arc::from([1.0, f64::INFINITY, 0.5]),
        counts: vec![1, 2, 3],
        sum: 3.0,
        count: 6,
        exponential: Some(Exponential { scale: 0, offset: 0 }),
    };
    let snapshot = of(vec![family("took_ms", MetricType::Histogram, broken)]);
    let sent = Sending::new("").send(160, &snapshot);
    let Some(Data::Histogram(took)) = &sent["took_ms"].data else { panic!("{sent:?}") };
    let point = &took.data_points[0];
    assert_eq!(
        (point.count, &point.bucket_counts[..], &point.explicit_bounds[..]),
        (6, &[1, 5][..], &[1.0][..])
    );
}

#[test]
fn what_of_the_variables_cannot_be_honoured_is_said() {
    let read = |temporality: &str, aggregation: &str| {
        let (temporality, aggregation) = (temporality.to_owned(), aggregation.to_owned());
        let (_, complaints) = MetricSettings::from_lookup(&|name| {
            Some(if name.contains("TEMPORALITY") {
                temporality.clone()
            } else {
                aggregation.clone()
            })
        });
        complaints.into_iter().map(|said| (said.variable, said.what)).collect::<Vec<_>>()
    };
    for (temporality, aggregation) in
        [("", ""), ("Cumulative", "explicit_bucket_histogram"), (" delta ", ""), ("LOWMEMORY", "")]
    {
        assert_eq!(read(temporality, aggregation), []);
    }
    let said = read("both", "");
    assert!(
        said[0].0.ends_with("TEMPORALITY_PREFERENCE") && said[0].1.contains("`both`"),
        "{said:?}"
    );
    let said = read("", "base2_exponential_bucket_histogram");
    assert!(said[0].0.ends_with("HISTOGRAM_AGGREGATION"), "{said:?}");
    assert_eq!(read("", "best").len(), 1);
}

/// What happens to a series between two snapshots.
#[derive(Clone, Copy, Debug)]
enum Step {
    Adds(u32),
    /// It begins anew, and had got less by the snapshot than before.
    Falls,
    /// It is not there at this one, and begins anew after it.
    IsGone,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..1000_u32).prop_map(Step::Adds),
        1 => Just(Step::Falls),
        1 => Just(Step::IsGone),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Changes sum to what was counted, whatever becomes of the series, and their times join.
    #[test]
    fn changes_sum_to_all_that_was_counted(
        steps in prop::collection::vec(prop::collection::vec(step(), 3), 1..12)
    ) {
        let (mut all, mut changes) = (Sending::new(""), Sending::new("delta"));
        let (mut values, mut counted, mut sent) = ([0_u64; 3], [0_u64; 3], [0_u64; 3]);
        let mut last_second = [100_u64; 3];
        for (nth, step) in steps.iter().enumerate() {
            let mut family = Family::new("runs_total", MetricType::Counter);
            for (series, step) in step.iter().enumerate() {
                let value = &mut values[series];
                match step {
                    Step::Adds(count) => {
                        *value += u64::from(*count);
                        counted[series] += u64::from(*count);
                    }
                    Step::Falls => {
                        *value /= 2;
                        counted[series] += *value;
                    }
                    Step::IsGone => {
                        *value = 0;
                        continue;
                    }
                }
                let labels = labels(&[("nth", &series.to_string())]);
                family.series.push(Series::new(labels, Value::Counter(*value)));
            }
            let second = 160 + 60 * nth as u64;
            let snapshot = of(vec![family]);
            for metric in changes.send_all(second, &snapshot) {
                for point in numbers(&metric) {
                    let series = place(point);
                    let Some(Number::AsInt(change)) = point.value else { panic!("{point:?}") };
                    sent[series] += u64::try_from(change).expect("it never falls");
                    prop_assert!(point.start_time_unix_nano / SECOND >= last_second[series]);
                    last_second[series] = point.time_unix_nano / SECOND;
                    prop_assert_eq!(last_second[series], second);
                }
            }
            for metric in all.send_all(second, &snapshot) {
                for point in numbers(&metric) {
                    let value = i64::try_from(values[place(point)]).unwrap();
                    prop_assert_eq!(point.value, Some(Number::AsInt(value)));
                    prop_assert!(point.start_time_unix_nano < point.time_unix_nano);
                }
            }
        }
        prop_assert_eq!(sent, counted);
    }
}

/// Which of the series a point is of.
fn place(point: &NumberDataPoint) -> usize {
    let labels = attributes(&point.attributes);
    labels[0].1.as_str().unwrap().parse().unwrap()
}
