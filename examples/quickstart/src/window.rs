//! Windows: one provider's usage of one UTC day, and the plan of a run.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::usage::{Provider, RawRow};

/// A window and the rows exported for it.
#[derive(Clone, Debug)]
pub struct Window {
    /// Whose usage.
    pub provider: Provider,
    /// The UTC day.
    pub day: Date,
    /// Its rows as read, not yet checked.
    pub rows: Vec<RawRow>,
}

impl Window {
    /// The job that ingests it, such as `acme-2026-09-14`: the same in every run, so that a window's
    /// whole history is found under one name.
    pub fn job(&self) -> String {
        format!("{}-{}", self.provider, self.day)
    }

    /// The range as ISO 8601 interval.
    pub fn range(&self) -> String {
        range(self.day)
    }
}

/// The interval a day's window covers.
pub fn range(day: Date) -> String {
    let next = day.tomorrow().unwrap_or(day);
    format!("{day}T00:00Z/{next}T00:00Z")
}

/// The instant a day's window ends.
pub fn end(day: Date) -> Timestamp {
    let next = day.tomorrow().unwrap_or(day);
    // UTC has no gaps; the fallback is the calendar's last day.
    next.to_zoned(TimeZone::UTC).map_or(Timestamp::MAX, |zoned| zoned.timestamp())
}

/// What a run has to do.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Windows with rows, by day, then provider.
    pub windows: Vec<Window>,
    /// Days without a row between the first and last day of the whole input.
    pub missing: Vec<(Provider, Date)>,
    /// The last day of the input.
    pub last_day: Option<Date>,
}

impl Plan {
    /// Sorts rows into windows. Expected is every provider that has a row at all, on every day from
    /// the first to the last of the input, but no further than 400 days back from the last: one
    /// misdated row must not make ten thousand windows missing.
    pub fn new(rows: Vec<RawRow>) -> Self {
        let mut windows: BTreeMap<(Date, Provider), Vec<RawRow>> = BTreeMap::new();
        for row in rows {
            windows.entry((row.window, row.provider)).or_default().push(row);
        }
        let last_day = windows.keys().next_back().map(|(day, _)| *day);
        let missing = last_day.map(|last| missing(&windows, last)).unwrap_or_default();
        let windows = windows
            .into_iter()
            .map(|((day, provider), rows)| Window { provider, day, rows })
            .collect();
        Self { windows, missing, last_day }
    }
}

fn missing(windows: &BTreeMap<(Date, Provider), Vec<RawRow>>, last: Date) -> Vec<(Provider, Date)> {
    let seen = |provider| windows.keys().any(|(_, other)| *other == provider);
    let providers: Vec<_> = Provider::ALL.into_iter().filter(|provider| seen(*provider)).collect();
    let first = windows.keys().next().map_or(last, |(day, _)| *day);
    let mut days: Vec<Date> = std::iter::successors(Some(last), |day| day.yesterday().ok())
        .take_while(|day| *day >= first)
        .take(DAYS_EXPECTED_MAX)
        .collect();
    days.reverse();
    let mut missing = Vec::new();
    for provider in providers {
        let absent = days.iter().filter(|day| !windows.contains_key(&(**day, provider)));
        missing.extend(absent.map(|day| (provider, *day)));
    }
    missing
}

/// Days a run looks back for missing windows.
const DAYS_EXPECTED_MAX: usize = 400;

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::usage::Origin;

    fn row(provider: Provider, day: Date) -> RawRow {
        let origin = Origin { file: "x".into(), line: 1 };
        RawRow { origin, provider, window: day, cells: Default::default() }
    }

    #[test]
    fn gaps_are_judged_over_all_providers() {
        let plan = Plan::new(vec![
            row(Provider::Acme, date(2026, 9, 3)),
            row(Provider::Globex, date(2026, 9, 1)),
            row(Provider::Acme, date(2026, 9, 3)),
        ]);
        let jobs: Vec<_> = plan.windows.iter().map(Window::job).collect();
        assert_eq!(jobs, ["globex-2026-09-01", "acme-2026-09-03"]);
        assert_eq!(plan.windows[1].rows.len(), 2);
        assert_eq!(
            plan.missing,
            [
                (Provider::Acme, date(2026, 9, 1)),
                (Provider::Acme, date(2026, 9, 2)),
                (Provider::Globex, date(2026, 9, 2)),
                (Provider::Globex, date(2026, 9, 3)),
            ]
        );
    }

    #[test]
    fn a_misdated_row_is_bounded_and_the_end_of_time_is_no_panic() {
        let plan = Plan::new(vec![
            row(Provider::Acme, date(-9999, 1, 1)),
            row(Provider::Acme, date(9999, 12, 31)),
        ]);
        assert_eq!(plan.missing.len(), DAYS_EXPECTED_MAX - 1);
        assert_eq!(end(Date::MAX), Timestamp::MAX.min(end(Date::MAX)));
        assert_eq!(end(date(2026, 9, 14)).to_string(), "2026-09-15T00:00:00Z");
        assert_eq!(range(date(2026, 9, 14)), "2026-09-14T00:00Z/2026-09-15T00:00Z");
        assert!(Plan::new(vec![]).windows.is_empty());
    }
}
