//! What a snapshot says about the metrics themselves.

use std::sync::Arc;

use radiosonde_registry::MetricType;

use crate::clock::seconds;
use crate::family::Guarded;
use crate::refusal::Refusal;
use crate::snapshot::{Family, Series, Snapshot, Value};

/// Adds what is known of each metric: its series, its interval, when it was last written, when its
/// value was computed, and the writes to it since it is deprecated.
pub(crate) fn push(families: &[Arc<Guarded>], refusals: &[Refusal], snapshot: &mut Snapshot) {
    let gauge = |name: &str| Family::builtin(name, MetricType::Gauge);
    let mut series = gauge("radiosonde_series");
    let mut seen = gauge("metric_last_seen_timestamp_seconds");
    let mut intervals = gauge("metric_interval_seconds");
    let mut computed = gauge("last_update_timestamp_seconds");
    for family in families {
        let add = |to: &mut Family, value: f64| {
            let labels = vec![(Arc::from("metric"), family.info.name.clone())];
            to.series.push(Series::new(labels, Value::Gauge(value)));
        };
        let count = family.series_count();
        // What somebody else writes has none here, and 0 would say so of the metric.
        if family.writable && (count > 0 || !family.info.builtin) {
            #[expect(clippy::cast_precision_loss, reason = "caps are far below 2^53")]
            add(&mut series, count as f64);
        }
        let life = &family.info.life;
        let updated = family.last_computed();
        if let Some(updated) = updated {
            add(&mut computed, seconds(updated));
        }
        if let Some(interval) = life.interval_s.filter(|_| family.writable) {
            // A batch gauge was written when it was computed, be it by an earlier process.
            add(&mut seen, seconds(updated.unwrap_or(life.last_seen())));
            #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
            add(&mut intervals, interval as f64);
        }
        if let Some(pair) = &life.pair {
            let mut beside = Family::new(&pair.name, MetricType::Counter);
            (beside.unit, beside.help) = (Some(Arc::from("writes")), pair.help.clone());
            beside.series.push(Series::new(Vec::new(), Value::Counter(pair.count())));
            snapshot.push_new(beside);
        }
    }
    let mut refused =
        Family::builtin("radiosonde_metric_writes_refused_total", MetricType::Counter);
    for refusal in refusals {
        let labels = vec![
            (Arc::from("metric"), Arc::from(refusal.metric.as_str())),
            (Arc::from("reason"), Arc::from(refusal.reason.as_str())),
        ];
        refused.series.push(Series::new(labels, Value::Counter(refusal.count)));
    }
    for family in [series, seen, intervals, computed, refused] {
        snapshot.push_filled(family);
    }
}
