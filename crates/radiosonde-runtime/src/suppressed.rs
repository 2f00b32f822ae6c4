//! What was suppressed, held back by limits or dropped, in one line a minute.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use radiosonde_record::{DropReason, HeldBack, Journal, Kind};
use serde_json::json;

use crate::words::grouped;

/// Between two lines.
const INTERVAL: Duration = Duration::from_secs(60);
/// Call sites that a line names; the others are one sum.
const SITES_MAX: usize = 10;
/// Longest part of the name of a call site, in characters: targets can be made at run time.
const NAME_MAX: usize = 100;

/// What was said already.
#[derive(Debug)]
pub(crate) struct Suppressed {
    since: Instant,
    said: Counts,
}

/// Totals since the start.
#[derive(Debug, Default)]
struct Counts {
    reasons: BTreeMap<DropReason, u64>,
    sites: BTreeMap<SiteName, u64>,
}

/// How a call site is called in the line, level included.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct SiteName {
    source: String,
    file: String,
    line: u32,
    evt: String,
    level: &'static str,
}

/// A line to be.
#[derive(Debug, PartialEq)]
pub(crate) struct Summary {
    /// For people.
    pub(crate) text: String,
    /// For programs: keys and finished JSON.
    pub(crate) meta: Vec<(&'static str, String)>,
}

impl Suppressed {
    /// The first line comes an interval from `now`.
    pub(crate) fn new(now: Instant) -> Self {
        Self { since: now, said: Counts::default() }
    }

    /// When there may be something to say next.
    pub(crate) fn next(&self) -> Instant {
        self.since + INTERVAL
    }

    /// What was suppressed since the last time, when it is time and there is something.
    pub(crate) fn when_due(&mut self, now: Instant, journal: &Journal) -> Option<Summary> {
        if now < self.next() { None } else { self.take(now, journal) }
    }

    /// What was suppressed since the last time, when there is something.
    pub(crate) fn take(&mut self, now: Instant, journal: &Journal) -> Option<Summary> {
        let total = Counts::of(journal);
        let more = total.since(&self.said);
        let span = now.saturating_duration_since(self.since);
        let summary = (!more.reasons.is_empty()).then(|| more.summary(span, &total));
        (self.since, self.said) = (now, total);
        summary
    }
}

impl Counts {
    fn of(journal: &Journal) -> Self {
        let mut counts = Self::default();
        // Call sites first: each of their events is in the books already.
        for held_back in journal.held_back() {
            *counts.sites.entry(SiteName::of(&held_back)).or_default() += held_back.count;
        }
        for (reason, count) in Kind::ALL.into_iter().flat_map(|kind| journal.account(kind).dropped)
        {
            *counts.reasons.entry(reason).or_default() += count;
        }
        counts
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            reasons: difference(&self.reasons, &before.reasons),
            sites: difference(&self.sites, &before.sites),
        }
    }

    fn summary(&self, span: Duration, total: &Self) -> Summary {
        let mut sites: Vec<_> = self.sites.iter().collect();
        sites.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let (named, others) = sites.split_at(sites.len().min(SITES_MAX));
        let others = (others.len(), others.iter().map(|(_, count)| **count).sum::<u64>());
        Summary {
            text: self.text(span, named, others),
            meta: self.meta(span, named, others, total),
        }
    }

    fn text(&self, span: Duration, named: &[(&SiteName, &u64)], others: (usize, u64)) -> String {
        let within = match span.as_secs() {
            55..65 => "minute".to_owned(),
            seconds => format!("{seconds} s"),
        };
        let mut sentences = Vec::new();
        if let Some(count) = self.reasons.get(&DropReason::RateLimited) {
            let label = |(site, count): &(&SiteName, &u64)| {
                format!("{} {}", site.label(), grouped(**count))
            };
            let mut sites: Vec<_> = named.iter().map(label).collect();
            if others.0 > 0 {
                sites.push(format!("{} at {} other call sites", grouped(others.1), others.0));
            }
            let events = format!("{} events held back by rate limits", grouped(*count));
            sentences.push(format!("{events} in the last {within}: {}", sites.join(", ")));
        }
        let drops = self.reasons.iter().filter(|(reason, _)| **reason != DropReason::RateLimited);
        let drop = |(reason, count): (&DropReason, &u64)| {
            format!("{} {}", reason_text(*reason), grouped(*count))
        };
        let drops: Vec<_> = drops.map(drop).collect();
        if !drops.is_empty() {
            sentences.push(format!("records dropped in the last {within}: {}", drops.join(", ")));
        }
        sentences.join("; ")
    }

    fn meta(
        &self,
        span: Duration,
        named: &[(&SiteName, &u64)],
        others: (usize, u64),
        total: &Self,
    ) -> Vec<(&'static str, String)> {
        let mut levels = BTreeMap::<&str, u64>::new();
        for (site, count) in &self.sites {
            *levels.entry(site.level).or_default() += count;
        }
        let reasons: BTreeMap<_, _> =
            self.reasons.iter().map(|(reason, count)| (reason.as_str(), count)).collect();
        let sites: Vec<_> = named.iter().map(|(site, count)| site.to_json(**count)).collect();
        let mut meta = vec![
            ("suppressed", json!(self.reasons.values().sum::<u64>())),
            ("suppressed_total", json!(total.reasons.values().sum::<u64>())),
            ("seconds", json!(span.as_secs())),
            ("by_reason", json!(reasons)),
        ];
        if !sites.is_empty() {
            meta.push(("by_level", json!(levels)));
            meta.push(("by_call_site", json!(sites)));
        }
        if others.0 > 0 {
            let others = json!({"call_sites": others.0, "count": others.1});
            meta.push(("other_call_sites", others));
        }
        meta.into_iter().map(|(key, value)| (key, value.to_string())).collect()
    }
}

impl SiteName {
    fn of(held_back: &HeldBack) -> Self {
        let short = |text: &str| text.chars().take(NAME_MAX).collect();
        let site = &held_back.site;
        Self {
            source: short(&site.source),
            file: short(&site.file),
            line: site.line,
            evt: short(&site.name),
            level: held_back.level.as_str(),
        }
    }

    /// `order.paid shop::cart src/cart.rs:42 (info)`
    fn label(&self) -> String {
        let Self { source, file, line, evt, level } = self;
        let mut parts = Vec::new();
        if !evt.is_empty() && evt != "log" {
            parts.push(evt.clone());
        }
        if !source.is_empty() {
            parts.push(source.clone());
        }
        if !file.is_empty() {
            parts.push(format!("{file}:{line}"));
        }
        if parts.is_empty() {
            parts.push("call sites past the limit of the table".to_owned());
        }
        parts.push(format!("({level})"));
        parts.join(" ")
    }

    fn to_json(&self, count: u64) -> serde_json::Value {
        let Self { source, file, line, evt, level } = self;
        json!({
            "source": source, "file": file, "line": line, "evt": evt, "level": level, "count": count,
        })
    }
}

/// What has grown, and by how much.
fn difference<K: Ord + Clone>(
    now: &BTreeMap<K, u64>,
    before: &BTreeMap<K, u64>,
) -> BTreeMap<K, u64> {
    now.iter()
        .map(|(key, count)| (key, count.saturating_sub(before.get(key).copied().unwrap_or(0))))
        .filter(|(_, more)| *more > 0)
        .map(|(key, more)| (key.clone(), more))
        .collect()
}

fn reason_text(reason: DropReason) -> &'static str {
    match reason {
        DropReason::AfterShutdown => "after shutdown",
        DropReason::Contended => "shared ring busy",
        DropReason::NoDestination => "neither directory nor console",
        DropReason::RingFull => "ring full",
        other => other.as_str(),
    }
}

#[cfg(test)]
mod tests {
    use radiosonde_record::{Descriptor, Filter, Level, Placement, RateLimit};

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn journal() -> Journal {
        Journal::open(Placement::Memory, Filter::at(Level::Info)).unwrap()
    }

    /// Has `count` events of a call site held back.
    fn hold_back(journal: &Journal, line: u32, count: u64) {
        let describe = || Descriptor {
            name: if line.is_multiple_of(2) { "log" } else { "order.paid" }.to_owned(),
            source: "shop::cart".to_owned(),
            file: "src/cart.rs".to_owned(),
            line,
            keys: Vec::new(),
            ..Descriptor::default()
        };
        let nothing = RateLimit::new();
        for _ in 0..count {
            let level = if line < 50 { Level::Info } else { Level::Debug };
            let key = line as usize * 16;
            assert!(!journal.passes_own(&nothing, Some(0), level, key, describe));
        }
    }

    fn meta(summary: &Summary) -> serde_json::Value {
        let pair = |(key, value): &(&str, String)| {
            ((*key).to_owned(), serde_json::from_str::<serde_json::Value>(value).unwrap())
        };
        serde_json::Value::Object(summary.meta.iter().map(pair).collect())
    }

    #[test]
    fn a_line_a_minute_says_what_is_new_and_nothing_says_nothing() {
        let (journal, begin) = (journal(), Instant::now());
        let mut suppressed = Suppressed::new(begin);
        hold_back(&journal, 42, 1100);
        hold_back(&journal, 57, 104);
        assert_eq!(suppressed.when_due(begin + MINUTE / 2, &journal), None, "not yet");
        let summary = suppressed.when_due(begin + MINUTE, &journal).unwrap();
        assert_eq!(
            summary.text,
            "1,204 events held back by rate limits in the last minute: shop::cart src/cart.rs:42 \
             (info) 1,100, order.paid shop::cart src/cart.rs:57 (debug) 104"
        );
        let expected = json!({
            "suppressed": 1204, "suppressed_total": 1204, "seconds": 60,
            "by_reason": {"rate_limited": 1204},
            "by_level": {"info": 1100, "debug": 104},
            "by_call_site": [
                {"source": "shop::cart", "file": "src/cart.rs", "line": 42, "evt": "log",
                 "level": "info", "count": 1100},
                {"source": "shop::cart", "file": "src/cart.rs", "line": 57, "evt": "order.paid",
                 "level": "debug", "count": 104},
            ],
        });
        assert_eq!(meta(&summary), expected);

        assert_eq!(suppressed.next(), begin + 2 * MINUTE);
        assert_eq!(suppressed.when_due(begin + 3 * MINUTE, &journal), None, "nothing new");
        hold_back(&journal, 42, 3);
        // The last one, at shutdown, does not wait for its minute.
        let last = suppressed.take(begin + 3 * MINUTE + Duration::from_secs(7), &journal).unwrap();
        assert_eq!(
            last.text,
            "3 events held back by rate limits in the last 7 s: shop::cart src/cart.rs:42 (info) 3"
        );
        assert_eq!(
            (&meta(&last)["suppressed"], &meta(&last)["suppressed_total"]),
            (&json!(3), &json!(1207))
        );
    }

    #[test]
    fn many_call_sites_are_ten_and_a_sum() {
        let (journal, begin) = (journal(), Instant::now());
        for line in 1..=40 {
            hold_back(&journal, line, u64::from(line));
        }
        let summary = Suppressed::new(begin).take(begin + MINUTE, &journal).unwrap();
        let meta = meta(&summary);
        let lines: Vec<_> = meta["by_call_site"].as_array().unwrap().iter().collect();
        assert_eq!(lines.len(), 10);
        assert_eq!((&lines[0]["line"], &lines[9]["line"]), (&json!(40), &json!(31)));
        assert_eq!(meta["other_call_sites"], json!({"call_sites": 30, "count": 30 * 31 / 2}));
        assert!(summary.text.ends_with(", 465 at 30 other call sites"), "{}", summary.text);
    }

    #[test]
    fn other_drops_stand_in_the_same_line() {
        let (journal, begin) = (journal(), Instant::now());
        hold_back(&journal, 42, 2);
        assert!(journal.close(MINUTE));
        let site = journal.site(1, Descriptor::default);
        for kind in [Kind::Event, Kind::Span] {
            journal.record(kind, Level::Info, &site, &[], |_| {});
        }
        let summary = Suppressed::new(begin).take(begin, &journal).unwrap();
        assert_eq!(
            summary.text,
            "2 events held back by rate limits in the last 0 s: shop::cart src/cart.rs:42 (info) 2; \
             records dropped in the last 0 s: after shutdown 2"
        );
        assert_eq!(meta(&summary)["by_reason"], json!({"after_shutdown": 2, "rate_limited": 2}));
    }

    #[test]
    fn numbers_are_grouped_by_thousands() {
        let cases = [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")];
        for (number, expected) in cases {
            assert_eq!(grouped(number), expected);
        }
    }
}
