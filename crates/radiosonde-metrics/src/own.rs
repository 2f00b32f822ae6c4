//! What a snapshot says about the metrics themselves.

use std::sync::Arc;

use radiosonde_registry::MetricType;

use crate::clock::seconds;
use crate::family::Guarded;
use crate::observed::Namespace;
use crate::refusal::Refusal;
use crate::snapshot::{Family, Series, Snapshot, Value};

/// Gauges with a series for each metric that has something to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Own {
    Updated,
    Interval,
    LastSeen,
    Series,
    Limit,
}

impl Own {
    pub(crate) const ALL: [Self; 5] =
        [Self::Updated, Self::Interval, Self::LastSeen, Self::Series, Self::Limit];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Updated => "last_update_timestamp_seconds",
            Self::Interval => "metric_interval_seconds",
            Self::LastSeen => "metric_last_seen_timestamp_seconds",
            Self::Series => "radiosonde_series",
            Self::Limit => "radiosonde_series_limit",
        }
    }

    /// What is said of a metric, under the label `metric`.
    pub(crate) fn value(self, family: &Guarded) -> Option<f64> {
        let life = &family.info.life;
        let interval = life.interval_s.filter(|_| family.writable);
        match self {
            Self::Updated => family.last_computed().map(seconds),
            #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
            Self::Interval => interval.map(|interval| interval as f64),
            // A batch gauge was written when it was computed, be it by an earlier process.
            Self::LastSeen => interval
                .map(|_| seconds(family.last_computed().unwrap_or_else(|| life.last_seen()))),
            Self::Series => {
                let count = family.series_count();
                #[expect(clippy::cast_precision_loss, reason = "caps are far below 2^53")]
                is_told(family).then_some(count as f64)
            }
            // Of each that has series, so that one can be divided by the other.
            Self::Limit => {
                let limit = family.own_limit().filter(|_| is_told(family));
                #[expect(clippy::cast_precision_loss, reason = "caps are far below 2^53")]
                limit.map(|limit| limit as f64)
            }
        }
    }

    fn family(self, families: &[Arc<Guarded>]) -> Family {
        let mut made = Family::builtin(self.name(), MetricType::Gauge);
        let series = families.iter().filter_map(|family| {
            let labels = vec![(Arc::from("metric"), family.info.name.clone())];
            Some(Series::new(labels, Value::Gauge(self.value(family)?)))
        });
        made.series.extend(series);
        made
    }
}

/// Whether its series are counted here. What somebody else writes has none, and 0 would say so of the
/// metric.
fn is_told(family: &Guarded) -> bool {
    family.writable && (!family.info.builtin || family.series_count() > 0)
}

/// Adds what is known of each metric: its series and their limit, its interval, when it was last written, and when
/// its value was computed.
pub(crate) fn push(families: &[Arc<Guarded>], snapshot: &mut Snapshot) {
    for own in Own::ALL {
        snapshot.push_filled(own.family(families));
    }
}

/// Adds the writes to a metric since it is deprecated.
pub(crate) fn push_pair(family: &Guarded, snapshot: &mut Snapshot) {
    if let Some(pair) = &family.info.life.pair {
        let mut beside = Family::new(&pair.name, MetricType::Counter);
        (beside.unit, beside.help) = (Some(Arc::from("writes")), pair.help.clone());
        beside.series.push(Series::new(Vec::new(), Value::Counter(pair.count())));
        snapshot.push_new(beside);
    }
}

/// Adds the values that quantiles are without.
pub(crate) fn push_missed<'f>(
    summaries: impl Iterator<Item = &'f Guarded>,
    snapshot: &mut Snapshot,
) {
    let name = "radiosonde_quantile_values_missed_total";
    let mut missed = None;
    for family in summaries {
        let count = family.beside.missed(family.all_series().count());
        if count > 0 {
            let labels = vec![(Arc::from("metric"), family.info.name.clone())];
            // Only then: each scrape asks, and mostly there is nothing to tell.
            let missed = missed.get_or_insert_with(|| Family::builtin(name, MetricType::Counter));
            missed.series.push(Series::new(labels, Value::Counter(count)));
        }
    }
    missed.into_iter().for_each(|missed| snapshot.push(missed));
}

/// Adds the series and the limit of each crate or module whose metrics share one.
pub(crate) fn push_namespaces(namespaces: &[Arc<Namespace>], snapshot: &mut Snapshot) {
    if namespaces.is_empty() {
        return;
    }
    type Count = fn(&Namespace) -> usize;
    let told: [(&str, Count); 2] = [
        ("radiosonde_namespace_series", Namespace::series_count),
        ("radiosonde_namespace_series_limit", Namespace::cap),
    ];
    for (name, count) in told {
        let mut family = Family::builtin(name, MetricType::Gauge);
        family.series.extend(namespaces.iter().map(|namespace| {
            // Not `namespace`: that is what Kubernetes and its scrapers call theirs.
            let labels = vec![(Arc::from("module"), Arc::from(namespace.path()))];
            #[expect(clippy::cast_precision_loss, reason = "caps are far below 2^53")]
            let value = count(namespace) as f64;
            Series::new(labels, Value::Gauge(value))
        }));
        snapshot.push_filled(family);
    }
}

/// Adds what was refused and folded.
pub(crate) fn push_refused(refusals: &[Refusal], snapshot: &mut Snapshot) {
    if refusals.is_empty() {
        return;
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
    snapshot.push(refused);
}
