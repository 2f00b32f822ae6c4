//! Metric points to metric lines, as snapshots have them.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, ExponentialHistogramDataPoint, HistogramDataPoint, Metric,
    NumberDataPoint, SummaryDataPoint,
};
use radiosonde_record::metric_line::{
    BUCKETS, COUNT, KEYS, KIND, LABELS, MAX, MIN, NAME, QUANTILES, START, SUM, TYPE, UNIT, VALUE,
};
use radiosonde_record::{Descriptor, EncodedFields, Journal, Kind, Level, Site, Value};

use super::buckets;
use super::labels::{Labels, cut};
use super::origin::{self, Origin, SOURCE};
use super::reason;
use super::time::Moment;

/// Points of one export that are recorded. The SDK itself keeps 2,000 of each instrument.
pub(super) const POINTS_MAX: usize = 10_000;
/// Longest name and unit of a metric, in bytes; more is cut.
const NAME_MAX: usize = 255;
/// A point that only says that its series has ended: `DataPointFlags`.
const NO_RECORDED_VALUE: u32 = 1;

/// One descriptor serves all lines.
static LINES: u8 = 0;

/// How many points are in a request.
pub(super) fn count(request: &ExportMetricsServiceRequest) -> usize {
    let scopes = request.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics);
    scopes.flat_map(|scope| &scope.metrics).map(points).sum()
}

fn points(metric: &Metric) -> usize {
    match &metric.data {
        Some(Data::ExponentialHistogram(data)) => data.data_points.len(),
        Some(Data::Gauge(data)) => data.data_points.len(),
        Some(Data::Histogram(data)) => data.data_points.len(),
        Some(Data::Sum(data)) => data.data_points.len(),
        Some(Data::Summary(data)) => data.data_points.len(),
        None => 0,
    }
}

/// Records the points. How many were refused.
pub(super) fn record(journal: &Journal, request: &ExportMetricsServiceRequest) -> u64 {
    let site = journal.site(std::ptr::from_ref(&LINES).addr(), || Descriptor {
        name: "metric".to_owned(),
        source: SOURCE.to_owned(),
        keys: KEYS.map(str::to_owned).to_vec(),
        ..Descriptor::default()
    });
    let mut writer = Writer { journal, site, left: POINTS_MAX, refused: 0 };
    for resource in &request.resource_metrics {
        let service = origin::service(journal, resource.resource.as_ref());
        for scope in &resource.scope_metrics {
            let origin = Origin::new(service, scope.scope.as_ref());
            for metric in &scope.metrics {
                writer.metric(&origin, metric);
            }
        }
    }
    writer.refused
}

struct Writer<'a> {
    journal: &'a Journal,
    site: Site,
    /// Points that may still be recorded.
    left: usize,
    refused: u64,
}

/// What one point says, beside its name and labels.
struct Point<'a> {
    metric_type: &'static str,
    kind: &'static str,
    /// Since when its values were counted; 0 when that is not known.
    start_ns: u64,
    time_ns: u64,
    attributes: &'a [KeyValue],
    /// For people.
    text: String,
    fields: EncodedFields,
}

impl Writer<'_> {
    fn metric(&mut self, origin: &Origin<'_>, metric: &Metric) {
        match &metric.data {
            None => {}
            Some(Data::ExponentialHistogram(data)) => {
                let kind = kind(data.aggregation_temporality);
                self.each(origin, metric, &data.data_points, |point| exponential(point, kind?));
            }
            Some(Data::Gauge(data)) => {
                let kind = Some(("gauge", "snapshot"));
                self.each(origin, metric, &data.data_points, |point| number(point, kind));
            }
            Some(Data::Histogram(data)) => {
                let kind = kind(data.aggregation_temporality);
                self.each(origin, metric, &data.data_points, |point| histogram(point, kind?));
            }
            Some(Data::Sum(data)) => {
                let kind = kind(data.aggregation_temporality).map(|kind| {
                    // What goes up and down stands at a value; its changes sum up all the same.
                    let stands = kind == "snapshot" && !data.is_monotonic;
                    (if stands { "gauge" } else { "counter" }, kind)
                });
                self.each(origin, metric, &data.data_points, |point| {
                    let fits = !data.is_monotonic || !is_negative(point);
                    number(point, kind).filter(|_| fits)
                });
            }
            Some(Data::Summary(data)) => self.each(origin, metric, &data.data_points, summary),
        }
    }

    fn each<'a, P>(
        &mut self,
        origin: &Origin<'_>,
        metric: &Metric,
        points: &'a [P],
        read: impl Fn(&'a P) -> Option<Point<'a>>,
    ) where
        P: HasFlags,
    {
        let fitting = points.len().min(self.left);
        self.left -= fitting;
        self.refuse(metric, reason::PAST_LIMIT, points.len() - fitting);
        for point in &points[..fitting] {
            if point.flags() & NO_RECORDED_VALUE != 0 {
                self.refuse(metric, reason::NO_VALUE, 1);
            } else if let Some(point) = read(point).filter(|_| !metric.name.is_empty()) {
                self.point(origin, metric, point);
            } else {
                self.refuse(metric, reason::MALFORMED, 1);
            }
        }
    }

    fn refuse(&mut self, metric: &Metric, reason: &'static str, count: usize) {
        self.refused += count as u64;
        let first = || format!("points of {}", cut(&metric.name, NAME_MAX).0);
        self.journal.refuse(Kind::Metric, reason, count as u64, first);
    }

    fn point(&self, origin: &Origin<'_>, metric: &Metric, mut point: Point<'_>) {
        let (name, name_cut) = cut(&metric.name, NAME_MAX);
        let (unit, unit_cut) = cut(&metric.unit, NAME_MAX);
        let labels = Labels::of(point.attributes, origin);
        if name_cut || unit_cut || labels.is_cut {
            point.fields.set_truncated();
        }
        let moment = Moment::first_of([point.time_ns]);
        let what = (Kind::Metric, Level::Info);
        self.journal.record_at(moment.ns, what, &self.site, &[], |record| {
            // Without its labels, of which some may have to be hidden.
            record.message(Value::Str(&format!("{name} {}", point.text)));
            record.field(NAME, Value::Str(name));
            record.field(TYPE, Value::Str(point.metric_type));
            if !unit.is_empty() {
                record.field(UNIT, Value::Str(unit));
            }
            record.field(KIND, Value::Str(point.kind));
            record.field(LABELS, Value::Json(&labels.json));
            record.encoded_fields(&point.fields);
            // A change says little to whoever does not know since when.
            if point.kind == "delta" && point.start_ns > 0 {
                record.field_named(START, Value::U64(point.start_ns.min(moment.ns)));
            }
            moment.tell(record);
        });
    }
}

/// `None` for what is neither: it would not be known what the values mean.
fn kind(temporality: i32) -> Option<&'static str> {
    match AggregationTemporality::try_from(temporality).ok()? {
        AggregationTemporality::Cumulative => Some("snapshot"),
        AggregationTemporality::Delta => Some("delta"),
        AggregationTemporality::Unspecified => None,
    }
}

fn number<'a>(
    point: &'a NumberDataPoint,
    kind: Option<(&'static str, &'static str)>,
) -> Option<Point<'a>> {
    let (metric_type, kind) = kind?;
    let (value, text) = match point.value? {
        Number::AsDouble(value) => (Value::F64(value), value.to_string()),
        Number::AsInt(value) => (Value::I64(value), value.to_string()),
    };
    let text = if kind == "delta" { format!("+{text}").replace("+-", "-") } else { text };
    let mut fields = EncodedFields::default();
    fields.push(VALUE, value);
    let (start_ns, time_ns) = (point.start_time_unix_nano, point.time_unix_nano);
    let attributes = point.attributes.as_slice();
    Some(Point { metric_type, kind, start_ns, time_ns, attributes, text, fields })
}

fn is_negative(point: &NumberDataPoint) -> bool {
    match point.value {
        Some(Number::AsDouble(value)) => value < 0.0,
        Some(Number::AsInt(value)) => value < 0,
        None => false,
    }
}

fn histogram<'a>(point: &'a HistogramDataPoint, kind: &'static str) -> Option<Point<'a>> {
    let buckets = buckets::explicit(&point.explicit_bounds, &point.bucket_counts)?;
    let held = || point.bucket_counts.iter().try_fold(0_u64, |sum, count| sum.checked_add(*count));
    if buckets.is_some() && held() != Some(point.count) {
        return None;
    }
    let mut fields = distribution(point.count, point.sum, point.min, point.max);
    if let Some(buckets) = buckets {
        fields.push(BUCKETS, Value::Json(&buckets));
    }
    let text = spread(point.count, point.sum);
    let (start_ns, time_ns) = (point.start_time_unix_nano, point.time_unix_nano);
    let (metric_type, attributes) = ("histogram", point.attributes.as_slice());
    Some(Point { metric_type, kind, start_ns, time_ns, attributes, text, fields })
}

fn exponential<'a>(
    point: &'a ExponentialHistogramDataPoint,
    kind: &'static str,
) -> Option<Point<'a>> {
    let mut fields = distribution(point.count, point.sum, point.min, point.max);
    fields.push(BUCKETS, Value::Json(&buckets::exponential(point)));
    let text = spread(point.count, point.sum);
    let (start_ns, time_ns) = (point.start_time_unix_nano, point.time_unix_nano);
    let (metric_type, attributes) = ("histogram", point.attributes.as_slice());
    Some(Point { metric_type, kind, start_ns, time_ns, attributes, text, fields })
}

fn summary(point: &SummaryDataPoint) -> Option<Point<'_>> {
    let mut fields = distribution(point.count, Some(point.sum), None, None);
    if !point.quantile_values.is_empty() {
        let pairs = point.quantile_values.iter().map(|at| (at.quantile, at.value));
        fields.push(QUANTILES, Value::Json(&buckets::pairs(pairs)));
    }
    let text = spread(point.count, Some(point.sum));
    let (start_ns, time_ns) = (point.start_time_unix_nano, point.time_unix_nano);
    let (metric_type, kind, attributes) = ("summary", "snapshot", point.attributes.as_slice());
    Some(Point { metric_type, kind, start_ns, time_ns, attributes, text, fields })
}

fn distribution(count: u64, sum: Option<f64>, min: Option<f64>, max: Option<f64>) -> EncodedFields {
    let mut fields = EncodedFields::default();
    fields.push(COUNT, Value::U64(count));
    for (key, value) in [(SUM, sum), (MIN, min), (MAX, max)] {
        if let Some(value) = value {
            fields.push(key, Value::F64(value));
        }
    }
    fields
}

/// `1 value, sum 3`, as other metric lines have it.
fn spread(count: u64, sum: Option<f64>) -> String {
    let values = if count == 1 { "value" } else { "values" };
    let sum = sum.map(|sum| format!(", sum {sum}")).unwrap_or_default();
    format!("{count} {values}{sum}")
}

trait HasFlags {
    fn flags(&self) -> u32;
}

macro_rules! has_flags {
    ($($point:ty),+) => {
        $(impl HasFlags for $point {
            fn flags(&self) -> u32 {
                self.flags
            }
        })+
    };
}

has_flags!(NumberDataPoint, HistogramDataPoint, ExponentialHistogramDataPoint, SummaryDataPoint);
