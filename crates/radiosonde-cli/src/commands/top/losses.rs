//! What was lost, and what stands in the way, as the programs tell it themselves.

use std::collections::BTreeMap;

use jiff::Timestamp;
use radiosonde_store::Line;
use serde_json::{Value, json};

use super::Section;
use super::growth::Sum;
use crate::render::metric::{Metric, number};
use crate::render::table::{Behind, Narrow};
use crate::render::text::{shown, start_of};
use crate::render::time::{clock, day};

/// What events and gauges say; the rest is in counters.
#[derive(Debug, Default)]
pub(super) struct Losses {
    told: BTreeMap<(Rank, String), Told>,
    /// Kinds past the limit.
    unlisted: u64,
}

#[derive(Debug)]
struct Told {
    count: u64,
    last: Timestamp,
    /// Of a breaker: how often it was looked at, and whether it was open then.
    looked: u64,
    is_open: bool,
    /// What to do about it.
    fix: String,
}

/// What matters more comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Lost,
    Held,
    Problem,
    Smaller,
}

struct Row {
    rank: Rank,
    count: f64,
    what: String,
    last: Timestamp,
    more: String,
    object: Value,
}

impl Losses {
    pub(super) fn event(&mut self, line: &Line) {
        let meta = &line.meta;
        match line.evt.as_str() {
            GAP => {
                let word = |key| meta.text(key).unwrap_or("?");
                let what = format!("{}: {}", word("stream"), word("reason"));
                let records = meta.value("records").and_then(Value::as_u64).unwrap_or(1);
                self.tell(Rank::Lost, &what, records, line, "");
            }
            PROBLEM => {
                let what = line.msg.as_deref().unwrap_or_default();
                self.tell(Rank::Problem, what, 1, line, meta.text("fix").unwrap_or_default());
            }
            _ => {}
        }
    }

    pub(super) fn gauge(&mut self, line: &Line, metric: &Metric<'_>) {
        let label = |name| metric.labels.iter().find(|(of, _)| *of == name);
        let Some((_, state)) = label("state").filter(|_| metric.name == BREAKER) else { return };
        if state == "closed" {
            return;
        }
        let signal = label("signal").map_or("?", |(_, signal)| signal.as_str());
        let is_open = metric.value.is_some_and(|value| value > 0.0);
        let what = format!("breaker of {signal} {state}");
        let told = self.entry(Rank::Held, what, line.ts);
        if let Some(told) = told {
            told.looked += 1;
            told.count += u64::from(is_open);
            if line.ts >= told.last {
                told.is_open = is_open;
            }
            if is_open {
                told.last = told.last.max(line.ts);
            }
        }
    }

    fn tell(&mut self, rank: Rank, what: &str, count: u64, line: &Line, fix: &str) {
        let what = start_of(what, TEXT_BYTES_MAX).to_owned();
        if let Some(told) = self.entry(rank, what, line.ts) {
            told.count = told.count.saturating_add(count);
            told.last = told.last.max(line.ts);
            told.fix = start_of(fix, TEXT_BYTES_MAX).to_owned();
        }
    }

    fn entry(&mut self, rank: Rank, what: String, at: Timestamp) -> Option<&mut Told> {
        let key = (rank, what);
        if !self.told.contains_key(&key) {
            if self.told.len() >= KINDS_MAX {
                self.unlisted += 1;
                return None;
            }
            let told = Told { count: 0, last: at, looked: 0, is_open: false, fix: String::new() };
            let _ = self.told.insert(key.clone(), told);
        }
        self.told.get_mut(&key)
    }

    pub(super) fn section(&self, growth: &[Sum], rows: usize) -> Section {
        let mut all: Vec<Row> = growth.iter().filter_map(counted).collect();
        all.extend(self.told.iter().filter_map(|((rank, what), told)| told.row(*rank, what)));
        all.sort_by(|a, b| {
            let by_count = b.count.total_cmp(&a.count);
            a.rank.cmp(&b.rank).then(by_count).then_with(|| a.what.cmp(&b.what))
        });
        let others = all.len().saturating_sub(rows) as u64 + self.unlisted;
        all.truncate(rows);
        let at = |ts: Timestamp| format!("{} {}", day(ts), &clock(ts)[.."hh:mm:ss".len()]);
        Section {
            title: "losses, and what stands in the way".to_owned(),
            heading: vec!["count", "last", "what", ""],
            rows: (all.iter())
                .map(|row| {
                    vec![number(row.count), at(row.last), shown(&row.what), shown(&row.more)]
                })
                .collect(),
            right: &[0],
            narrow: Narrow { gives: 2, least: WHAT_LEAST, goes: &[1], behind: Behind::Follows },
            rest: (others > 0).then(|| format!("{others} more kinds")),
            objects: all.into_iter().map(|row| row.object).collect(),
        }
    }
}

impl Told {
    /// The row of it. A breaker that was never open is none.
    fn row(&self, rank: Rank, what: &str) -> Option<Row> {
        if self.count == 0 {
            return None;
        }
        let (what, more) = match rank {
            Rank::Lost => (format!("records not sent, {what}"), String::new()),
            Rank::Held => {
                let now = if self.is_open { ", and at the last look" } else { "" };
                (what.to_owned(), format!("in so many of {} looks{now}", self.looked))
            }
            _ => (format!("problem: {what}"), self.fix.clone()),
        };
        let kind = match rank {
            Rank::Lost => GAP,
            Rank::Held => BREAKER,
            _ => PROBLEM,
        };
        let object = json!({
            "top": "loss", "from": kind, "what": what, "count": self.count,
            "last_ts": format!("{:.6}", self.last), "is_open": (rank == Rank::Held).then_some(self.is_open),
            "fix": (rank == Rank::Problem).then_some(&self.fix),
        });
        #[expect(clippy::cast_precision_loss, reason = "for an order")]
        let count = self.count as f64;
        Some(Row { rank, count, what, last: self.last, more, object })
    }
}

/// The row of a counter, if it counts losses.
fn counted(sum: &Sum) -> Option<Row> {
    let (_, rank, what) = COUNTERS.iter().find(|(name, ..)| *name == sum.metric)?;
    let outcome = sum.label("outcome");
    // Of what is counted by outcome only the bad ones; what OTLP dropped has a counter by reason.
    let is_bad = match sum.metric.as_str() {
        "radiosonde_otlp_records_total" => outcome == "rejected",
        _ => ["", "dropped", "rejected"].contains(&outcome),
    };
    if !is_bad {
        return None;
    }
    let labels: Vec<String> =
        sum.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let names: serde_json::Map<String, Value> =
        sum.labels.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    let object = json!({
        "top": "loss", "from": sum.metric, "what": what, "count": sum.by, "labels": names,
        "last_ts": format!("{:.6}", sum.at),
    });
    Some(Row {
        rank: *rank,
        count: sum.by,
        what: (*what).to_owned(),
        last: sum.at,
        more: labels.join(" "),
        object,
    })
}

/// Counters of losses, with what they count.
const COUNTERS: [(&str, Rank, &str); 15] = [
    ("radiosonde_records_dropped_total", Rank::Lost, "records dropped"),
    ("radiosonde_records_refused_total", Rank::Lost, "records refused"),
    ("radiosonde_otlp_records_total", Rank::Lost, "records not delivered over OTLP"),
    ("radiosonde_otlp_records_dropped_total", Rank::Lost, "records dropped before OTLP took them"),
    ("radiosonde_otlp_records_unexported_total", Rank::Lost, "records not handed to the spool"),
    (
        "radiosonde_otlp_adopted_records_total",
        Rank::Lost,
        "records of ended processes not delivered",
    ),
    ("radiosonde_metric_writes_refused_total", Rank::Held, "metric writes refused or folded"),
    ("radiosonde_drain_restarts_total", Rank::Problem, "panics of the drain"),
    ("radiosonde_format_panics_total", Rank::Problem, "panics of formatters"),
    ("radiosonde_records_truncated_total", Rank::Smaller, "records cut short"),
    ("radiosonde_quantile_values_missed_total", Rank::Smaller, "values left out of quantiles"),
    ("radiosonde_scrapes_refused_total", Rank::Smaller, "scrapes refused"),
    ("radiosonde_console_lines_dropped_total", Rank::Smaller, "lines left off the console"),
    ("radiosonde_propagation_ignored_total", Rank::Smaller, "headers of callers ignored"),
    ("radiosonde_lines_removed_total", Rank::Smaller, "lines removed by retention"),
];
/// Columns of a loss that tell it from others.
const WHAT_LEAST: usize = 36;
const BREAKER: &str = "radiosonde_otlp_breaker_state";
const GAP: &str = "radiosonde.gap";
const PROBLEM: &str = "telemetry.problem";
const KINDS_MAX: usize = 2_000;
const TEXT_BYTES_MAX: usize = 300;
