//! Points of another SDK, through the lines that they come as.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{attributes, bytes, owner};
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{HistogramDataPoint, Metric};
use prost::Message as _;
use radiosonde_context::Context;
use radiosonde_events::Redactions;
use radiosonde_otlp::fuzzing::Encoding;
use radiosonde_otlp::{Entry, Reason, Stream};
use radiosonde_record::metric_line::{
    BUCKETS, COUNT, KEYS, KIND, LABELS, MAX, MIN, NAME, QUANTILES, START, SUM, TYPE, UNIT, VALUE,
};
use radiosonde_record::{Descriptor, Kind, Level, Record, Value};
use serde_json::json;

const NOW: u64 = 1_759_758_190_123_456_789;
const CUMULATIVE: i32 = 2;
const DELTA: i32 = 1;
/// The place of the field that has none.
const BY_NAME: usize = KEYS.len();

/// Encodes a metric line from this source.
fn encode(
    source: &str,
    fields: &[(usize, Value<'_>)],
) -> Result<(Metric, InstrumentationScope), u64> {
    let record = bytes((Kind::Metric, Level::Info), NOW, &Context::default(), |record| {
        record.message(Value::Str("for people"));
        fields.iter().for_each(|(key, value)| match *key {
            BY_NAME => record.field_named(START, *value),
            key => record.field(key, *value),
        });
    });
    let site = Descriptor {
        name: "metric".to_owned(),
        source: source.to_owned(),
        keys: KEYS.map(str::to_owned).to_vec(),
        ..Descriptor::default()
    };
    let mut encoding = Encoding::new(&owner(), common::INSTANCE, Redactions::default());
    let mut entry = Vec::new();
    let record = Record::decode_whole(&record).unwrap();
    let stream = encoding.encode(&record, &site, 1, &mut entry);
    let unexported: u64 = encoding.unexported().counts().iter().map(|(_, count)| count).sum();
    let Some(stream) = stream else { return Err(unexported) };
    assert_eq!((stream, unexported), (Stream::MetricsLines, 0));
    let entry = Entry::decode(&entry).unwrap();
    assert_eq!(entry.records, 1);
    Ok((Metric::decode(entry.item).unwrap(), InstrumentationScope::decode(entry.scope).unwrap()))
}

const LABELS_JSON: &str =
    r#"{"code":"200","otel.scope.name":"mq","otel.scope.version":"2.1","route":"größe"}"#;

fn fields<'a>(metric_type: &'a str, kind: &'a str) -> Vec<(usize, Value<'a>)> {
    vec![
        (NAME, Value::Str("requests")),
        (TYPE, Value::Str(metric_type)),
        (UNIT, Value::Str("ms")),
        (KIND, Value::Str(kind)),
        (LABELS, Value::Json(LABELS_JSON)),
    ]
}

#[test]
fn a_sum_keeps_its_number_labels_and_scope() {
    let numbers = [
        (Value::I64(-3), Number::AsInt(-3)),
        (Value::I64(i64::MAX), Number::AsInt(i64::MAX)),
        (Value::F64(0.1), Number::AsDouble(0.1)),
        (Value::F64(f64::INFINITY), Number::AsDouble(f64::INFINITY)),
    ];
    for (value, expected) in numbers {
        for (kind, temporality) in [("snapshot", CUMULATIVE), ("delta", DELTA)] {
            let line = [fields("counter", kind), vec![(VALUE, value)]].concat();
            let (metric, scope) = encode("opentelemetry", &line).unwrap();
            assert_eq!((metric.name.as_str(), metric.unit.as_str()), ("requests", "ms"));
            let Some(Data::Sum(sum)) = metric.data else { panic!("{metric:?}") };
            assert_eq!((sum.aggregation_temporality, sum.is_monotonic), (temporality, true));
            let [point] = &sum.data_points[..] else { panic!("{sum:?}") };
            assert_eq!((point.time_unix_nano, point.start_time_unix_nano), (NOW, 0));
            assert_eq!(point.value, Some(expected));
            let labels = [("code", json!("200")), ("route", json!("größe"))];
            let labels = labels.map(|(key, value)| (key.to_owned(), value));
            assert_eq!(attributes(&point.attributes), labels);
            assert_eq!((scope.name.as_str(), scope.version.as_str()), ("mq", "2.1"));
        }
    }
    for (start_ns, expected) in [(NOW - 7, NOW - 7), (NOW + 7, NOW)] {
        let value = vec![(VALUE, Value::I64(1)), (BY_NAME, Value::U64(start_ns))];
        let (metric, _) =
            encode("opentelemetry", &[fields("counter", "delta"), value].concat()).unwrap();
        let Some(Data::Sum(sum)) = metric.data else { panic!("{metric:?}") };
        assert_eq!(sum.data_points[0].start_time_unix_nano, expected);
        assert_eq!(sum.data_points[0].attributes.len(), 2, "{sum:?}");
    }
    let line = [fields("gauge", "snapshot"), vec![(VALUE, Value::F64(-1.5))]].concat();
    let (metric, _) = encode("opentelemetry", &line).unwrap();
    let Some(Data::Gauge(gauge)) = metric.data else { panic!("{metric:?}") };
    assert_eq!(gauge.data_points[0].value, Some(Number::AsDouble(-1.5)));
}

#[test]
fn a_histogram_keeps_its_buckets() {
    let line = [
        fields("histogram", "delta"),
        vec![
            (COUNT, Value::U64(12)),
            (SUM, Value::F64(3.5)),
            (MIN, Value::F64(-1.0)),
            (MAX, Value::F64(9.0)),
            (BUCKETS, Value::Json(r#"[[0.5,1],[25.0,3],["+Inf",12]]"#)),
        ],
    ];
    let (metric, _) = encode("opentelemetry", &line.concat()).unwrap();
    let Some(Data::Histogram(histogram)) = metric.data else { panic!("{metric:?}") };
    assert_eq!(histogram.aggregation_temporality, DELTA);
    let [HistogramDataPoint { count, sum, min, max, bucket_counts, explicit_bounds, .. }] =
        &histogram.data_points[..]
    else {
        panic!("{histogram:?}")
    };
    assert_eq!((*count, *sum, *min, *max), (12, Some(3.5), Some(-1.0), Some(9.0)));
    assert_eq!((&bucket_counts[..], &explicit_bounds[..]), (&[1, 2, 9][..], &[0.5, 25.0][..]));

    let bare = [fields("histogram", "snapshot"), vec![(COUNT, Value::U64(2))]].concat();
    let (metric, _) = encode("opentelemetry", &bare).unwrap();
    let Some(Data::Histogram(histogram)) = metric.data else { panic!("{metric:?}") };
    let point = &histogram.data_points[0];
    assert_eq!((point.sum, point.bucket_counts.len(), point.count), (None, 0, 2));
}

#[test]
fn a_summary_keeps_its_quantiles() {
    let line = [
        fields("summary", "snapshot"),
        vec![
            (COUNT, Value::U64(7)),
            (SUM, Value::F64(70.0)),
            (QUANTILES, Value::Json(r#"[[0.5,12.0],[0.99,"NaN"]]"#)),
        ],
    ];
    let (metric, _) = encode("opentelemetry", &line.concat()).unwrap();
    let Some(Data::Summary(summary)) = metric.data else { panic!("{metric:?}") };
    let point = &summary.data_points[0];
    assert_eq!((point.count, point.sum), (7, 70.0));
    let [ValueAtQuantile { quantile, value }, last] = &point.quantile_values[..] else {
        panic!("{point:?}")
    };
    assert_eq!((*quantile, *value, last.quantile), (0.5, 12.0, 0.99));
    assert!(last.value.is_nan());
}

#[test]
fn what_is_no_point_is_counted_and_own_ones_are_left_to_snapshots() {
    let value = [(VALUE, Value::I64(1))];
    assert_eq!(encode("metrics", &[fields("counter", "delta"), value.to_vec()].concat()), Err(0));
    let unnamed = vec![(TYPE, Value::Str("counter")), (VALUE, Value::I64(1))];
    let strange = [fields("strange", "delta"), value.to_vec()].concat();
    let cases =
        [unnamed, strange, fields("counter", "delta"), fields("summary", "snapshot"), vec![]];
    for line in cases {
        assert_eq!(encode("opentelemetry", &line), Err(1), "{line:?}");
    }
    let reasons: Vec<_> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
    assert_eq!(reasons, ["malformed", "no_ids", "too_large"]);
}

#[test]
fn secrets_in_labels_stay_here() {
    let labels = r#"{"api_key":"hunter2","url":"postgres://app:hunter2@db/x"}"#;
    let line = [
        (NAME, Value::Str("m")),
        (TYPE, Value::Str("gauge")),
        (LABELS, Value::Json(labels)),
        (VALUE, Value::I64(1)),
    ];
    let (metric, _) = encode("opentelemetry", &line).unwrap();
    let text = format!("{metric:?}");
    assert!(!text.contains("hunter2") && text.contains("[redacted]"), "{text}");
}
