//! Where a metric is in its life, and what is written beside it because of that.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use radiosonde_registry::{Day, Deprecation, MetricSpec, MetricType, Source, Status};

use crate::catalogue::Problems;
use crate::clock::Clock;

const DAY_MILLIS: u64 = 24 * 60 * 60 * 1000;

/// What a family keeps of its life. The default is that of an observed metric: nothing.
#[derive(Debug, Default)]
pub(crate) struct Life {
    /// Counts writes, while `<name>_deprecated` is written.
    pub(crate) pair: Option<Pair>,
    /// Seconds between two writes when all is well.
    pub(crate) interval_s: Option<u64>,
    /// Set for gauges of batch jobs: what time their values are from.
    pub(crate) computed_by: Option<Clock>,
    /// When it was last seen written, in milliseconds since 1970; at first the start of the process.
    pub(crate) seen: AtomicU64,
    /// Whether it was written since somebody last looked.
    pub(crate) written: AtomicBool,
}

/// The counter beside a deprecated metric.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub(crate) name: Arc<str>,
    pub(crate) help: Arc<str>,
    pub(crate) writes: Arc<AtomicU64>,
}

impl Life {
    pub(crate) fn of(spec: &MetricSpec, clock: &Clock) -> Self {
        let is_batch = spec.source == Source::Batch && spec.metric_type == MetricType::Gauge;
        Self {
            pair: None,
            interval_s: spec.interval_s,
            computed_by: is_batch.then(|| clock.clone()),
            seen: AtomicU64::new(clock.millis()),
            written: AtomicBool::new(false),
        }
    }

    /// Whether anybody asks when it was written.
    pub(crate) fn is_watched(&self) -> bool {
        self.interval_s.is_some() || self.computed_by.is_some()
    }

    /// When it was last seen written, in milliseconds since 1970.
    pub(crate) fn last_seen(&self) -> u64 {
        self.seen.load(Ordering::Relaxed)
    }
}

impl Pair {
    pub(crate) fn name_of(metric: &str) -> String {
        format!("{metric}_deprecated")
    }

    /// The counter that belongs beside a metric at this time, in milliseconds since 1970. A window
    /// that is over is a warning: the same program ran well the day before.
    pub(crate) fn of(spec: &MetricSpec, now: u64, problems: &mut Problems) -> Option<Self> {
        let Status::Deprecated(deprecation) = &spec.status else { return None };
        let name = &spec.name;
        let since = match &deprecation.since {
            None => String::from("deprecated"),
            Some(since) => match first_day(since) {
                None => {
                    problems.add(
                        &format!("`{name}` is deprecated since `{since}`, which is no date, so its writes are counted for good"),
                        "write the date as 2026-11-01",
                    );
                    String::from("deprecated")
                }
                Some(first) if now / DAY_MILLIS < first => return None,
                Some(first) if now / DAY_MILLIS >= first + u64::from(deprecation.emit_days) => {
                    note_over(name, since, deprecation, problems);
                    return None;
                }
                Some(_) => format!("deprecated since {since}"),
            },
        };
        let instead = match &deprecation.replaced_by {
            Some(instead) => format!("; use {instead}"),
            None => String::new(),
        };
        Some(Self {
            name: Self::name_of(name).into(),
            help: format!("Writes to {name}, {since}{instead}.").into(),
            writes: Arc::default(),
        })
    }

    pub(crate) fn count(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }
}

fn note_over(name: &str, since: &str, deprecation: &Deprecation, problems: &mut Problems) {
    let days = match deprecation.emit_days {
        1 => "1 day is".to_owned(),
        days => format!("{days} days are"),
    };
    let fix = match &deprecation.replaced_by {
        Some(instead) => format!("use `{instead}`, and delete `{name}` from code and registry"),
        None => format!("delete `{name}` from code and registry"),
    };
    problems.warn(&format!("`{name}` is deprecated since {since}, and its {days} over"), &fix);
}

/// The day of a date such as `2026-11-01`, counted from 1970-01-01; `None` when it is none. What
/// began earlier began on that day.
fn first_day(date: &str) -> Option<u64> {
    let day = date.parse::<Day>().ok()?;
    Some(u64::try_from(day.number()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::first_day;

    #[test]
    fn days_are_counted_from_1970() {
        for (date, day) in [
            ("1970-01-01", Some(0)),
            ("1970-12-31", Some(364)),
            ("2000-02-29", Some(11_016)),
            ("2026-11-01", Some(20_758)),
            ("2026-02-29", None),
            ("2026-13-01", None),
            ("2026-00-01", None),
            ("2026-11-00", None),
            ("1969-12-31", Some(0)),
            ("2026-1-1", None),
            ("99999999999999999999-01-01", None),
            ("2026-11", None),
            ("2026-11-01-", None),
            ("2026-11-é1", None),
            ("", None),
        ] {
            assert_eq!(first_day(date), day, "{date}");
        }
    }
}
