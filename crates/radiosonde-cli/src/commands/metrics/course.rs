//! How a series went: its increase, and a picture of it.

use jiff::Timestamp;

use crate::figures::Merge;
use crate::figures::timeline::Timeline;
use crate::render::metric::{Kind, Metric, number, quantity, rate};
use crate::render::spark::{Base, Marks};

/// How one series went, snapshot by snapshot, in their order. A snapshot that is older than the one
/// before it, or the same, is left out.
#[derive(Debug)]
pub(super) struct Course {
    last: Option<Last>,
    /// Of what grows, the first snapshot, as long as it is not known how long that took.
    first: Option<(Kind, Last)>,
    /// What it has grown by since its first snapshot, restarts taken into account: one that begins anew
    /// has grown by what it has.
    pub(super) grown: Grown,
    /// The least and the most that a gauge was seen to stand at.
    between: Option<(f64, f64)>,
    cells: Option<Timeline<Ratio>>,
}

/// What a counter or a distribution grew by.
#[derive(Clone, Debug, Default)]
pub(super) struct Grown {
    pub(super) value: f64,
    pub(super) count: u64,
    pub(super) sum: f64,
    pub(super) buckets: Vec<(f64, u64)>,
}

/// A snapshot, such as the one before.
#[derive(Clone, Debug)]
pub(super) struct Last {
    ts: Timestamp,
    instance: Box<str>,
    value: f64,
    count: u64,
    sum: f64,
    buckets: Vec<(f64, u64)>,
}

/// A figure as what it is made of: so much over so much time, or of so many.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ratio {
    of: f64,
    over: f64,
}

impl Merge for Ratio {
    fn merge(&mut self, other: &Self) {
        self.of += other.of;
        self.over += other.over;
    }
}

impl Last {
    pub(super) fn new(ts: Timestamp, instance: &str, metric: &Metric<'_>) -> Self {
        Self {
            ts,
            instance: instance.into(),
            value: metric.value.unwrap_or(f64::NAN),
            count: metric.count,
            sum: metric.sum,
            buckets: metric.buckets.clone(),
        }
    }
}

impl Course {
    /// With a picture of at most so many columns, if any. What a counter or a distribution stood at before
    /// is what its growth begins with.
    pub(super) fn new(picture: Option<usize>, before: Option<Last>) -> Self {
        let cells = picture.map(Timeline::new);
        Self { last: before, first: None, grown: Grown::default(), between: None, cells }
    }

    pub(super) fn take(&mut self, ts: Timestamp, instance: &str, metric: &Metric<'_>) {
        if self.last.as_ref().is_some_and(|last| ts <= last.ts) {
            return;
        }
        let now = Last::new(ts, instance, metric);
        if self.last.is_none() && metric.kind != Kind::Gauge {
            self.first = Some((metric.kind, now.clone()));
        }
        match metric.kind {
            Kind::Gauge => self.stand(ts, now.value),
            Kind::Counter => self.count(&now),
            Kind::Distribution => self.distribute(&now),
        }
        self.last = Some(now);
    }

    /// A gauge stands until it is seen to stand elsewhere.
    fn stand(&mut self, ts: Timestamp, value: f64) {
        if value.is_finite() {
            let (least, most) = self.between.unwrap_or((value, value));
            self.between = Some((least.min(value), most.max(value)));
        }
        self.stood_until(ts);
        if let Some(cells) = self.cells.as_mut().filter(|_| value.is_finite()) {
            let ratio = Ratio { of: value * MOMENT_S, over: MOMENT_S };
            cells.at(ts.as_microsecond()).merge(&ratio);
        }
    }

    /// A gauge stands where it was seen last, unless that is too long ago.
    fn stood_until(&mut self, ts: Timestamp) {
        let (Some(cells), Some(last)) = (&mut self.cells, &self.last) else { return };
        let (from, to) = (last.ts.as_microsecond(), ts.as_microsecond());
        if last.value.is_finite() && to - from <= STALE_US {
            let us = seconds(from, to);
            cells.spread(from, to, |cell, part| {
                cell.merge(&Ratio { of: last.value * us * part, over: us * part });
            });
        }
    }

    fn count(&mut self, now: &Last) {
        let Some(last) = &self.last else { return };
        let began_anew = last.instance != now.instance || now.value < last.value;
        let by = if began_anew { now.value } else { now.value - last.value };
        if !by.is_finite() {
            return;
        }
        self.grown.value += by;
        let (from, to) = span(last.ts, now.ts, began_anew);
        let seconds = seconds(from, to);
        if let Some(cells) = &mut self.cells {
            cells.spread(from, to, |cell, part| {
                cell.merge(&Ratio { of: by * part, over: seconds * part });
            });
        }
    }

    fn distribute(&mut self, now: &Last) {
        let Some(last) = &self.last else { return };
        let began_anew = last.instance != now.instance || now.count < last.count;
        let (count, sum) = match began_anew {
            true => (now.count, now.sum),
            false => (now.count - last.count, now.sum - last.sum),
        };
        self.grown.count = self.grown.count.saturating_add(count);
        self.grown.sum += sum;
        let before = if began_anew { &[][..] } else { &last.buckets };
        self.grown.add(&now.buckets, before);
        let (from, to) = span(last.ts, now.ts, began_anew);
        if let Some(cells) = self.cells.as_mut().filter(|_| sum.is_finite()) {
            #[expect(clippy::cast_precision_loss, reason = "for a picture")]
            let count = count as f64;
            cells.spread(from, to, |cell, part| {
                cell.merge(&Ratio { of: sum * part, over: count * part });
            });
        }
    }

    /// The process and the moment of a first snapshot of which it is not known how long it took to come
    /// together.
    pub(super) fn first(&self) -> Option<(&str, Timestamp)> {
        let (_, first) = self.first.as_ref()?;
        Some((&first.instance, first.ts))
    }

    /// Takes the first snapshot as what came together since a moment, in microseconds since 1970.
    pub(super) fn rose_from(&mut self, from: i64) {
        let Some((kind, first)) = self.first.take() else { return };
        let to = first.ts.as_microsecond();
        let from = from.min(to - MOMENT_US);
        let (of, over) = match kind {
            Kind::Distribution => {
                self.grown.count = self.grown.count.saturating_add(first.count);
                self.grown.sum += first.sum;
                self.grown.add(&first.buckets, &[]);
                #[expect(clippy::cast_precision_loss, reason = "for a picture")]
                let count = first.count as f64;
                (first.sum, count)
            }
            _ if first.value.is_finite() => {
                self.grown.value += first.value;
                (first.value, seconds(from, to))
            }
            _ => return,
        };
        if let Some(cells) = self.cells.as_mut().filter(|_| of.is_finite()) {
            cells.spread(from, to, |cell, part| {
                cell.merge(&Ratio { of: of * part, over: over * part });
            });
        }
    }

    /// Goes on with the course of a process that came after this one, from its first snapshot on: as if
    /// all of them had been taken here.
    pub(super) fn go_on(&mut self, mut later: Self, from: Timestamp) {
        if let Some(last) = &self.last {
            later.rose_from(span(last.ts, from, true).0);
        }
        if let Some((least, most)) = self.between {
            self.stood_until(from);
            let (low, high) = later.between.unwrap_or((least, most));
            self.between = Some((least.min(low), most.max(high)));
        } else {
            self.between = later.between;
        }
        self.grown.value += later.grown.value;
        self.grown.count = self.grown.count.saturating_add(later.grown.count);
        self.grown.sum += later.grown.sum;
        if !later.grown.buckets.is_empty() {
            self.grown.add(&later.grown.buckets, &[]);
        }
        if let (Some(cells), Some(more)) = (&mut self.cells, later.cells) {
            cells.absorb(more);
        }
        self.last = later.last.or_else(|| self.last.take());
    }

    /// What a counter or a distribution had counted before its first snapshot here.
    pub(super) fn before(&self) -> Option<String> {
        let (kind, first) = self.first.as_ref()?;
        match kind {
            Kind::Distribution => (first.count > 0).then(|| first.count.to_string()),
            _ => Some(number(first.value)).filter(|_| first.value > 0.0),
        }
    }

    /// Whether it has one snapshot alone, and nobody knows what it had before: what it grew by is not
    /// known then.
    pub(super) fn is_rise_unknown(&self) -> bool {
        let is_alone =
            |(_, first): &(Kind, Last)| self.last.as_ref().is_some_and(|last| last.ts == first.ts);
        self.first.as_ref().is_some_and(is_alone) && self.before().is_some()
    }

    /// The figures on an axis; empty where there are fewer than two.
    fn figures(&self, axis: &Timeline<u64>) -> Vec<Option<f64>> {
        let cells = self.cells.as_ref().map(|cells| cells.on(axis)).unwrap_or_default();
        let mut figures: Vec<_> =
            cells.iter().map(|cell| (cell.over > 0.0).then(|| cell.of / cell.over)).collect();
        if figures.iter().flatten().count() < 2 {
            return Vec::new();
        }
        let newest = self.last.as_ref().map(|last| last.value).filter(|value| value.is_finite());
        // Where a gauge stands now, not where it stood for most of the last cell.
        if let (Some(cell), Some(_)) =
            (figures.iter_mut().rfind(|cell| cell.is_some()), self.between)
        {
            *cell = newest.or(*cell);
        }
        figures
    }

    /// The picture on an axis, and between what it moves.
    pub(super) fn drawn(
        &self,
        axis: &Timeline<u64>,
        metric: &Metric<'_>,
        marks: Marks,
    ) -> (String, String) {
        let figures = self.figures(axis);
        drawn(&figures, self.between, metric.kind, metric.unit, marks)
    }
}

/// Figures as a row of characters, and between what they move: of means, what they are the means of.
pub(super) fn drawn(
    figures: &[Option<f64>],
    of: Option<(f64, f64)>,
    kind: Kind,
    unit: Option<&str>,
    marks: Marks,
) -> (String, String) {
    let seen = || figures.iter().flatten().copied().filter(|figure| figure.is_finite());
    let Some(most) = seen().reduce(f64::max) else { return Default::default() };
    let least = seen().fold(f64::INFINITY, f64::min);
    let between = |least, most| match quantity(least, unit) == quantity(most, unit) {
        true => quantity(most, unit),
        false => format!("{} to {}", quantity(least, unit), quantity(most, unit)),
    };
    match kind {
        Kind::Counter => (marks.row(figures, Base::Zero), format!("at most {}", rate(most))),
        Kind::Gauge => {
            let (least, most) = of.unwrap_or((least, most));
            (marks.row(figures, Base::Between(least, most)), between(least, most))
        }
        Kind::Distribution => {
            (marks.row(figures, Base::Zero), format!("mean {}", between(least, most)))
        }
    }
}

impl Grown {
    /// Adds the increase of each bucket. Those of other bounds than before begin anew.
    fn add(&mut self, now: &[(f64, u64)], before: &[(f64, u64)]) {
        let is_same = |one: &[(f64, u64)], other: &[(f64, u64)]| {
            one.len() == other.len()
                && one.iter().zip(other).all(|(a, b)| a.0.total_cmp(&b.0).is_eq())
        };
        if !is_same(&self.buckets, now) {
            self.buckets = now.iter().map(|(bound, _)| (*bound, 0)).collect();
        }
        let is_known = is_same(before, now);
        for (index, bucket) in self.buckets.iter_mut().enumerate() {
            let was = if is_known { before[index].1 } else { 0 };
            bucket.1 = bucket.1.saturating_add(now[index].1.saturating_sub(was));
        }
    }
}

/// The time in which a counter grew. Of one that began anew nobody knows when; not long before it was
/// seen, as snapshots come once a minute at least.
fn span(before: Timestamp, now: Timestamp, began_anew: bool) -> (i64, i64) {
    let to = now.as_microsecond();
    let from = before.as_microsecond();
    (if began_anew { from.max(to - MINUTE_US) } else { from }, to)
}

fn seconds(from: i64, to: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "for a picture")]
    let seconds = (to - from) as f64 / 1e6;
    seconds
}

/// A rise takes some time.
const MOMENT_US: i64 = 1_000;
const MINUTE_US: i64 = 60_000_000;
/// After so long without a snapshot nobody knows where a gauge stood, as in Prometheus.
const STALE_US: i64 = 5 * MINUTE_US;
/// What a single snapshot of a gauge weighs against the time that it stood somewhere.
const MOMENT_S: f64 = 1e-3;

#[cfg(test)]
mod tests {
    use radiosonde_store::Line;

    use super::*;

    fn course(kind: &str, snapshots: &[(i64, &str, &str)]) -> (Course, Timeline<u64>) {
        let (mut course, mut axis) = (Course::new(Some(40), None), Timeline::new(40));
        for (second, instance, rest) in snapshots {
            let text = format!(
                r#"{{"ts":"2025-10-06T11:00:00Z","evt":"metric","meta":{{"name":"a","type":"{kind}",{rest}}}}}"#
            );
            let line = Line::parse(text.as_bytes()).unwrap();
            let ts = Timestamp::from_second(*second).unwrap();
            *axis.at(ts.as_microsecond()) += 1;
            course.take(ts, instance, &Metric::of(&line).unwrap());
        }
        (course, axis)
    }

    #[track_caller]
    fn near(figures: &[Option<f64>], expect: &[f64]) {
        let figures: Vec<f64> = figures.iter().map(|figure| figure.unwrap_or(-1.0)).collect();
        assert_eq!(figures.len(), expect.len(), "{figures:?}");
        for (figure, expect) in figures.iter().zip(expect) {
            assert!((figure - expect).abs() < 1e-2, "{figures:?}, not {expect}");
        }
    }

    #[test]
    fn a_counter_has_rates_and_none_is_negative() {
        let (course, axis) = course(
            "counter",
            &[
                (0, "a", r#""value":100"#),
                (1, "a", r#""value":110"#),
                (2, "a", r#""value":110"#),
                // Fell: begun anew without another process.
                (3, "a", r#""value":4"#),
                // Another process that has counted further than the one before it.
                (4, "b", r#""value":50"#),
                // Late, and once more.
                (3, "a", r#""value":7"#),
                (4, "b", r#""value":50"#),
                (5, "b", r#""value":"NaN""#),
                (6, "b", r#""value":18446744073709551615"#),
            ],
        );
        let figures = course.figures(&axis);
        near(&figures[..4], &[10.0, 0.0, 4.0, 50.0]);
        assert!((course.grown.value - 64.0).abs() < 1e-9, "{}", course.grown.value);
        assert!(figures.iter().flatten().all(|figure| *figure >= 0.0));
    }

    #[test]
    fn a_gauge_stands_until_it_moves_and_not_for_ever() {
        let (course, axis) = course(
            "gauge",
            &[(0, "a", r#""value":5"#), (2, "a", r#""value":7"#), (602, "a", r#""value":-1"#)],
        );
        // 30 seconds each: at 5 for the first two, then nobody knows.
        let figures = course.figures(&axis);
        assert_eq!(figures.len(), 21);
        near(&figures[..1], &[5.0]);
        near(&figures[20..], &[-1.0]);
        assert_eq!(figures.iter().flatten().count(), 2);
    }

    #[test]
    fn a_gauge_moves_between_what_was_seen_and_ends_where_it_is() {
        let marks = Marks::of_environment();
        let minutes = |values: &[&str]| {
            let texts: Vec<_> = values.iter().map(|value| format!(r#""value":{value}"#)).collect();
            let snapshots: Vec<_> =
                (0..).zip(&texts).map(|(at, rest)| (at * 60 + 17, "a", rest.as_str())).collect();
            let (course, axis) = course("gauge", &snapshots);
            let text = br#"{"ts":"2025-10-06T11:00:00Z","evt":"metric","meta":{"name":"a","type":"gauge","value":0}}"#;
            let line = Line::parse(text).unwrap();
            course.drawn(&axis, &Metric::of(&line).unwrap(), marks)
        };
        let mut rose = ["0"; 20];
        rose[19] = "5000";
        // A peak of one minute among two hours: a cell is five minutes.
        let mut peak = ["1"; 120];
        peak[60] = "101";
        let fell: Vec<_> = (0..60).map(|at| if at % 2 == 0 { "10" } else { "20" }).collect();
        for (values, between, last) in [
            (&rose[..], "0 to 5000", Some('█')),
            (&peak, "1 to 101", Some('▁')),
            (&fell, "10 to 20", Some('█')),
            (&["7", "0"], "0 to 7", Some('▁')),
            (&["1", "5", "\"NaN\""], "1 to 5", None),
        ] {
            let (picture, told) = minutes(values);
            assert_eq!(told, between, "{values:?}");
            assert!(last.is_none_or(|last| picture.ends_with(last)), "{picture}, {values:?}");
        }
        // Means of the same differ by what cannot be written: that is no course.
        let (picture, told) = minutes(&["1795404084.1"; 50]);
        assert_eq!(told.split(" to ").count(), 1, "{told}");
        assert!(picture.chars().all(|mark| mark == '▄'), "{picture}");
    }

    #[test]
    fn a_distribution_has_means_and_the_quantiles_of_what_came() {
        let of = |count: u64, sum: u64, first: u64| {
            format!(
                r#""count":{count},"sum":{sum},"buckets":[[1.0,{first}],[10.0,{count}],["+Inf",{count}]]"#
            )
        };
        let snapshots = [of(100, 100, 100), of(110, 150, 104), of(6, 12, 2)];
        let snapshots: Vec<_> =
            (0..).zip(&snapshots).map(|(at, rest)| (at, "a", rest.as_str())).collect();
        let (course, axis) = course("histogram", &snapshots);
        near(&course.figures(&axis)[..2], &[5.0, 2.0]);
        let Grown { count, buckets, .. } = &course.grown;
        assert_eq!((*count, buckets.as_slice()), (16, &[(1.0, 6), (10.0, 16)][..]));
    }

    #[test]
    fn what_a_first_snapshot_has_is_a_rise_where_its_begin_is_known() {
        let snapshots = [(10, "a", r#""value":100"#), (20, "a", r#""value":110"#)];
        let (mut course, mut axis) = self::course("counter", &snapshots);
        assert_eq!(course.before().as_deref(), Some("100"));
        assert_eq!(course.first().map(|(process, ts)| (process, ts.as_second())), Some(("a", 10)));
        *axis.at(0) += 1;
        course.rose_from(0);
        assert_eq!((course.before(), course.first()), (None, None));
        assert!((course.grown.value - 110.0).abs() < 1e-9, "{}", course.grown.value);
        let figures = course.figures(&axis);
        assert!(
            figures.iter().take(10).all(|rate| rate.is_some_and(|rate| (rate - 10.0).abs() < 1e-6))
        );

        let of = r#""count":4,"sum":8,"buckets":[[1.0,1],[10.0,4],["+Inf",4]]"#;
        let (mut course, mut axis) = self::course("histogram", &[(10, "a", of)]);
        assert!(course.figures(&axis).is_empty());
        *axis.at(0) += 1;
        course.rose_from(0);
        near(&course.figures(&axis)[..10], &[2.0; 10]);
        let Grown { count, buckets, .. } = &course.grown;
        assert_eq!((*count, buckets.as_slice()), (4, &[(1.0, 1), (10.0, 4)][..]));
        // Begun and seen at once.
        let (mut course, mut axis) = self::course("counter", &[(10, "a", r#""value":7"#)]);
        *axis.at(0) += 1;
        course.rose_from(10_000_000);
        assert!(course.figures(&axis).iter().flatten().all(|rate| rate.is_finite()));
    }

    #[test]
    fn one_snapshot_makes_no_picture() {
        let (course, axis) = course("gauge", &[(0, "a", r#""value":5"#)]);
        assert!(course.figures(&axis).is_empty());
    }
}
