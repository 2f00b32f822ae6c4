//! Metrics as records: snapshots of all series, and what a job did to one.

use std::fmt::Write as _;

use radiosonde_context::Context;
use radiosonde_metrics::{Delta, DeltaValue, Family, MetricType, Series, Snapshot, Value as Point};
use radiosonde_record::metric_line::{
    BUCKETS, COUNT, KEYS, KIND, LABELS, MAX, MIN, NAME, SUM, TYPE, UNIT, VALUE,
};
use radiosonde_record::{Builder, Descriptor, Journal, Kind, Level, Site, Value};

use crate::words::counted;

/// One descriptor serves all metric lines.
static SITE: u8 = 0;

type Label = (std::sync::Arc<str>, std::sync::Arc<str>);

/// Records every series of a snapshot. For threads of telemetry: it may wait for the drain.
pub(crate) fn record_snapshot(journal: &Journal, snapshot: &Snapshot) {
    let site = site(journal);
    for family in &snapshot.families {
        for series in &family.series {
            record_series(journal, &site, family, series);
        }
    }
}

fn record_series(journal: &Journal, site: &Site, family: &Family, series: &Series) {
    let text = format!("{} {}", title(&family.name, &series.labels), short(&series.value));
    journal.record(Kind::Metric, Level::Info, site, &[], |record| {
        record.message(Value::Str(&text));
        let unit = family.unit.as_deref();
        head(record, &family.name, family.metric_type, unit, "snapshot", &series.labels);
        match &series.value {
            Point::Counter(value) => record.field(VALUE, Value::U64(*value)),
            Point::FloatCounter(value) | Point::Gauge(value) => {
                record.field(VALUE, Value::F64(*value));
            }
            Point::Histogram { bounds, counts, sum, count, .. } => {
                record.field(COUNT, Value::U64(*count));
                record.field(SUM, Value::F64(*sum));
                record.field(BUCKETS, Value::Json(&buckets(bounds, counts)));
            }
            Point::Summary { count, sum, .. } => {
                record.field(COUNT, Value::U64(*count));
                record.field(SUM, Value::F64(*sum));
            }
            // A value of a later version of the crate: the line says which series, without it.
            _ => {}
        }
    });
}

/// Records what code under a job did to one series.
pub(crate) fn record_delta(journal: &Journal, context: &Context, delta: &Delta) {
    let title = title(&delta.name, &delta.labels);
    let text = match &delta.value {
        DeltaValue::Counter(value) => format!("{title} +{value}"),
        DeltaValue::Gauge(value) => format!("{title} = {value}"),
        DeltaValue::Distribution(values) if values.count == 1 => {
            format!("{title} ← {}", values.sum)
        }
        DeltaValue::Distribution(values) => {
            format!("{title} +{} values, sum {}", values.count, values.sum)
        }
        _ => title,
    };
    let site = site(journal);
    journal.record(Kind::Metric, Level::Info, &site, &context.packed(), |record| {
        record.message(Value::Str(&text));
        let unit = delta.unit.as_deref();
        head(record, &delta.name, delta.metric_type, unit, "delta", &delta.labels);
        match &delta.value {
            DeltaValue::Counter(value) => record.field(VALUE, Value::U64(*value)),
            DeltaValue::Gauge(value) => record.field(VALUE, Value::F64(*value)),
            DeltaValue::Distribution(values) => {
                record.field(COUNT, Value::U64(values.count));
                record.field(SUM, Value::F64(values.sum));
                record.field(MIN, Value::F64(values.min));
                record.field(MAX, Value::F64(values.max));
            }
            _ => {}
        }
    });
}

fn site(journal: &Journal) -> Site {
    journal.site(std::ptr::from_ref(&SITE).addr(), || Descriptor {
        name: "metric".to_owned(),
        source: Descriptor::OWN_METRICS.to_owned(),
        keys: KEYS.map(str::to_owned).to_vec(),
        ..Descriptor::default()
    })
}

fn head(
    record: &mut Builder<'_>,
    name: &str,
    metric_type: MetricType,
    unit: Option<&str>,
    kind: &str,
    labels: &[Label],
) {
    record.field(NAME, Value::Str(name));
    record.field(TYPE, Value::Str(metric_type.as_str()));
    if let Some(unit) = unit {
        record.field(UNIT, Value::Str(unit));
    }
    record.field(KIND, Value::Str(kind));
    let pairs = labels.iter().map(|(name, value)| ((**name).to_owned(), (**value).into()));
    let object: serde_json::Map<String, serde_json::Value> = pairs.collect();
    record.field(LABELS, Value::Json(&serde_json::Value::Object(object).to_string()));
}

/// `name{label="value",…}` for people.
pub(crate) fn title(name: &str, labels: &[Label]) -> String {
    let mut text = name.to_owned();
    for (at, (label, value)) in labels.iter().enumerate() {
        // Writing to a string does not fail.
        let _ = write!(text, "{}{label}={value:?}", if at == 0 { '{' } else { ',' });
    }
    if !labels.is_empty() {
        text.push('}');
    }
    text
}

pub(crate) fn short(value: &Point) -> String {
    match value {
        Point::Counter(value) => value.to_string(),
        Point::FloatCounter(value) | Point::Gauge(value) => value.to_string(),
        Point::Histogram { sum, count, .. } | Point::Summary { count, sum, .. } => {
            format!("{}, sum {sum}", counted(*count, "value"))
        }
        _ => String::new(),
    }
}

/// `[[25.0,3],…,["+Inf",12]]`, cumulative.
fn buckets(bounds: &[f64], counts: &[u64]) -> String {
    let mut total = 0;
    let mut text = String::from("[");
    for (at, count) in counts.iter().enumerate() {
        total += count;
        let bound = bounds.get(at).map_or("\"+Inf\"".to_owned(), |bound| format!("{bound:?}"));
        let separator = if at == 0 { "" } else { "," };
        let _ = write!(text, "{separator}[{bound},{total}]");
    }
    text.push(']');
    text
}
