//! Snapshots as metrics.

pub(crate) mod message;
mod series;
mod settings;

use std::time::SystemTime;

use radiosonde_metrics::{Exemplar, MetricType, Series, Snapshot, Value as Point, fitted};
use radiosonde_spool::Spool;

use crate::entry::{self, FRAME_MAX, Packer};
use crate::streams::Stream;
use crate::value::text_attribute;
use crate::wire::Writer;
use message::{Data, Span, Temporality, Value, nanoseconds};
use series::{Known, Values};

pub use settings::{MetricSettings, TemporalityPreference};

/// Bytes of an entry that are neither of its metric's head nor of its points, at most: prefix, head, scope,
/// keys, lengths, temporality.
const AROUND: usize = 256;
/// Bytes of entries at which they are appended, so that a snapshot is never in memory as a whole.
const APPENDED_AT: usize = 1024 * 1024;
/// Longest description and unit that are sent, in bytes; more is cut.
const DESCRIPTION_MAX: usize = 4096;
const UNIT_MAX: usize = 255;

/// Makes entries of snapshots.
///
/// It knows of each series when it began and, where changes are sent, what was sent of it: as much as
/// there is in one snapshot. For one process; the snapshots come from its
/// [`Metrics`](radiosonde_metrics::Metrics), one after another.
///
/// Counters become sums that never fall, histograms keep their bounds, or are exponential where the
/// registry says so (`exponential_buckets`). Names, labels and values are those of a scrape. A count above
/// `i64::MAX`, which OTLP has no integer for, is sent as a floating point number.
#[derive(Debug)]
pub struct SnapshotEncoder {
    settings: MetricSettings,
    /// When the process began, and the last snapshot was made.
    began_ns: u64,
    before_ns: Option<u64>,
    known: Known,
    scope: Writer,
    metric: Writer,
    points: Writer,
    point: Writer,
    entry: Vec<u8>,
    packer: Packer,
}

impl SnapshotEncoder {
    /// For the snapshots of a process that began then: its counters stood at 0.
    pub fn new(settings: MetricSettings, began: SystemTime) -> Self {
        let mut scope = Writer::default();
        scope.text(1, "radiosonde");
        scope.text(2, env!("CARGO_PKG_VERSION"));
        Self {
            settings,
            began_ns: nanoseconds(began),
            before_ns: None,
            known: Known::default(),
            scope,
            metric: Writer::default(),
            points: Writer::default(),
            point: Writer::default(),
            entry: Vec::new(),
            packer: Packer::default(),
        }
    }

    /// Appends a snapshot, made at this time, to the stream [`Stream::Metrics`] of a spool, and how many
    /// points that were. What was appended is never sent again as a change.
    ///
    /// For the one thread that does so; [`Metrics::renew_exemplars`](radiosonde_metrics::Metrics::renew_exemplars)
    /// is for afterwards.
    pub fn append(&mut self, snapshot: &Snapshot, at: SystemTime, spool: &Spool) -> u64 {
        self.packer.clear();
        let mut points = 0;
        self.encode(snapshot, at, &mut |packer| {
            points +=
                packer.frames(Stream::Metrics).map(|(points, _)| u64::from(points)).sum::<u64>();
            packer.append_to(spool, Stream::Metrics, spool.next_batch());
        });
        self.commit(snapshot, at);
        points
    }

    /// Makes the entries of a snapshot, and has them appended now and then. Until
    /// [`SnapshotEncoder::commit`] nothing of it counts as sent.
    fn encode(&mut self, snapshot: &Snapshot, at: SystemTime, append: &mut dyn FnMut(&Packer)) {
        let time_ns = nanoseconds(at);
        for group in fitted::grouped(snapshot) {
            let Some(first) = group.families.first() else { continue };
            self.metric.clear();
            let unit =
                first.unit.as_deref().map(|unit| radiosonde_record::start_of(unit, UNIT_MAX));
            let description = radiosonde_record::start_of(&first.help, DESCRIPTION_MAX);
            message::head(&mut self.metric, &group.name, unit, description);
            // Series of one family may differ in how they are sent.
            let mut current = None;
            self.points.clear();
            let mut count = 0;
            for series in group.families.iter().flat_map(|family| &family.series) {
                let data = self.encode_point(&group.name, first.metric_type, series, time_ns);
                let Some(data) = data else { continue };
                let size = self.metric.len() + self.points.len() + self.point.len() + AROUND;
                if current.is_some_and(|current| current != data) || size > FRAME_MAX {
                    self.push(current, &mut count);
                    if self.packer.size() > APPENDED_AT {
                        append(&self.packer);
                        self.packer.clear();
                    }
                }
                current = Some(data);
                self.points.fields(self.point.as_bytes());
                count += 1;
            }
            self.push(current, &mut count);
        }
        append(&self.packer);
        self.packer.clear();
    }

    /// Ends an entry with the points there are.
    fn push(&mut self, data: Option<Data>, count: &mut u32) {
        let Some(data) = data.filter(|_| *count > 0) else { return };
        let head = self.metric.len();
        message::data(&mut self.metric, data, self.points.as_bytes());
        self.entry.clear();
        entry::encode(&mut self.entry, *count, self.scope.as_bytes(), self.metric.as_bytes());
        // One point is bounded by its labels and buckets, and far below what an entry may have.
        let _packed = self.packer.push(Stream::Metrics, &self.entry);
        self.metric.truncate(head);
        self.points.clear();
        *count = 0;
    }

    /// Encodes one series. `None` when there is nothing to say of it.
    fn encode_point(
        &mut self,
        name: &str,
        metric_type: MetricType,
        series: &Series,
        time_ns: u64,
    ) -> Option<Data> {
        let id = series::id(name, series, metric_type);
        let temporality = self.settings.temporality();
        let values = Values::of(&series.value);
        let (start_ns, changed) = match &values {
            // A gauge stands at its value, whenever it began.
            None => (0, None),
            Some(values) => {
                let since = self.known.since(id, values, self.began_ns, self.before_ns);
                match temporality {
                    Temporality::Delta if metric_type != MetricType::Summary => {
                        (since.before_ns, Some(values.minus(since.sent)))
                    }
                    _ => (since.began_ns, None),
                }
            }
        };
        // Nothing happened, and that there is such a series has been said.
        if changed.as_ref().is_some_and(|changed| changed.is_zero() && self.known.is_known(id)) {
            return None;
        }
        let mended = match &series.value {
            Point::Histogram { bounds, counts, .. } => fitted::mended_buckets(bounds, counts),
            _ => None,
        };
        let (data, value) =
            value_of(&series.value, changed.as_ref(), mended.as_ref(), temporality)?;
        let span = Span { start_ns, time_ns };
        let attributes = |out: &mut Writer, field: u32| {
            for (label, value) in fitted::labels(series, metric_type) {
                text_attribute(out, field, &label, value);
            }
        };
        let exemplars = self.exemplars(series);
        self.point.clear();
        message::point(&mut self.point, data, span, &value, attributes, exemplars);
        Some(data)
    }

    /// The exemplars since the last snapshot: each is sent once.
    fn exemplars<'s>(&self, series: &'s Series) -> impl Iterator<Item = &'s Exemplar> + use<'s> {
        let since = self.before_ns;
        let is_new =
            move |exemplar: &&Exemplar| since.is_none_or(|since| nanoseconds(exemplar.at) >= since);
        series.exemplars.iter().filter(is_new)
    }

    /// What was encoded counts as sent.
    fn commit(&mut self, snapshot: &Snapshot, at: SystemTime) {
        for group in fitted::grouped(snapshot) {
            let Some(first) = group.families.first() else { continue };
            for series in group.families.iter().flat_map(|family| &family.series) {
                if let Some(values) = Values::of(&series.value) {
                    let id = series::id(&group.name, series, first.metric_type);
                    self.known.note(id, values, (self.began_ns, self.before_ns));
                }
            }
        }
        self.known.end_of_snapshot();
        self.before_ns = Some(nanoseconds(at));
    }
}

/// Bounds and counts.
type Buckets = (Vec<f64>, Vec<u64>);

/// What is sent of a value, or of what has `changed` of it. `mended` are the buckets of one whose own are
/// none. `None` for a value of a later version of the crate.
fn value_of<'v>(
    point: &'v Point,
    changed: Option<&'v Values>,
    mended: Option<&'v Buckets>,
    temporality: Temporality,
) -> Option<(Data, Value<'v>)> {
    Some(match point {
        Point::Counter(count) => {
            let count = changed.map_or(*count, Values::count);
            (Data::Sum(temporality), Value::of_count(count))
        }
        Point::FloatCounter(sum) => {
            (Data::Sum(temporality), Value::Double(changed.map_or(*sum, Values::sum)))
        }
        Point::Gauge(value) => (Data::Gauge, Value::Double(*value)),
        Point::Histogram { bounds, counts, sum, exponential, .. } => {
            let (bounds, counts) = match mended {
                Some((bounds, counts)) => (bounds.as_slice(), counts.as_slice()),
                None => (&**bounds, counts.as_slice()),
            };
            let counts = changed.map_or(counts, Values::counts);
            let sum = changed.map_or(*sum, Values::sum);
            match exponential.as_ref().zip(bounds.first()) {
                Some((powers, first)) if mended.is_none() => {
                    let (scale, offset, zero_threshold) =
                        (powers.scale.into(), powers.offset, *first);
                    let value = Value::Exponential { scale, offset, zero_threshold, counts, sum };
                    (Data::Exponential(temporality), value)
                }
                _ => {
                    let count = counts.iter().fold(0_u64, |all, one| all.saturating_add(*one));
                    let (sum, min, max) = (Some(sum), None, None);
                    let value = Value::Histogram { bounds, counts, count, sum, min, max };
                    (Data::Histogram(temporality), value)
                }
            }
        }
        Point::Summary { count, sum, quantiles } => {
            (Data::Summary, Value::Summary { count: *count, sum: *sum, quantiles })
        }
        _ => return None,
    })
}
