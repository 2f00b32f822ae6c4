//! Call sites, by the lines they write.

use radiosonde_runtime::doctor::shown::size;
use radiosonde_store::line::Fields;
use radiosonde_store::{Level, Line};
use serde_json::json;

use super::apart::apart;
use super::{Section, in_service, share};
use crate::figures::tally::{Tally, Weight};
use crate::figures::timeline::Timeline;
use crate::render::metric::rate;
use crate::render::spark::{Base, Marks};
use crate::render::table::{Behind, Narrow};
use crate::render::text::{many, pattern, shown, start_of};

/// Lines by what wrote them.
#[derive(Debug)]
pub(super) struct Sites {
    of: Tally<Site>,
    lines: u64,
    bytes: u64,
    times: Timeline<u64>,
    /// Room for a name, used again.
    name: String,
}

#[derive(Debug)]
struct Site {
    lines: u64,
    bytes: u64,
    level: Option<Level>,
    times: Timeline<u64>,
}

impl Default for Sites {
    fn default() -> Self {
        let times = Timeline::new(TREND_COLUMNS);
        Self { of: Tally::new(SITES_MAX), lines: 0, bytes: 0, times, name: String::new() }
    }
}

impl Default for Site {
    fn default() -> Self {
        Self { lines: 0, bytes: 0, level: None, times: Timeline::new(TREND_COLUMNS) }
    }
}

impl Weight for Site {
    fn weight(&self) -> u64 {
        self.lines
    }
}

impl Sites {
    pub(super) fn take(&mut self, line: &Line) {
        let bytes = line.raw.len() as u64 + 1;
        self.lines += 1;
        self.bytes += bytes;
        *self.times.at(line.ts.as_microsecond()) += 1;
        self.name.clear();
        // Lines of others have it beside what ours have.
        let is_elsewhere = line.evt.is_empty() && line.source.is_none();
        let beside = if is_elsewhere { line.beside() } else { Fields::default() };
        let service = line.service.as_deref().unwrap_or_default();
        let among = |names: [&str; 2]| names.into_iter().find_map(|name| beside.text(name));
        let source = line.source.as_deref().or_else(|| among(["logger", "target"]));
        for part in [service, line.evt.as_str(), source.unwrap_or_default()] {
            self.name.push_str(start_of(part, NAME_BYTES_MAX));
            self.name.push(PART);
        }
        match line.evt.as_str() {
            "log" | "" => pattern(line.msg.as_deref().unwrap_or_default(), &mut self.name),
            "metric" | "span" => {
                pattern(line.meta.text("name").unwrap_or_default(), &mut self.name);
            }
            // Its name says what it is; no two events share one.
            _ => {}
        }
        let site = self.of.of(&self.name);
        site.lines += 1;
        site.bytes += bytes;
        site.level = site.level.max(line.level);
        *site.times.at(line.ts.as_microsecond()) += 1;
    }

    /// The ranking, with rates of lines that were written in so many microseconds.
    pub(super) fn section(&self, span_us: u64, rows: usize) -> Section {
        let (sorted, rest) = self.of.sorted();
        let marks = Marks::of_environment();
        #[expect(clippy::cast_precision_loss, reason = "for people")]
        let seconds = Some(span_us as f64 / 1e6).filter(|seconds| *seconds >= RATE_S_MIN);
        let (mut table, mut objects) = (Vec::new(), Vec::new());
        let first = &sorted[..sorted.len().min(rows)];
        let parts: Vec<[&str; 4]> = first.iter().map(|(name, _)| parts(name)).collect();
        let names: Vec<_> = (parts.iter())
            .map(|[service, evt, source, what]| {
                let told = [evt, what, source].into_iter().filter(|part| !part.is_empty());
                let name = told.map(|part| shown(part)).collect::<Vec<_>>().join("  ");
                (name, [in_service(service)])
            })
            .collect();
        for (((_, site), [service, evt, source, what]), told) in
            first.iter().zip(parts).zip(apart(&names))
        {
            #[expect(clippy::cast_precision_loss, reason = "for people")]
            let (per_second, trend): (Option<f64>, Vec<_>) = (
                seconds.map(|seconds| site.lines as f64 / seconds),
                site.times.on(&self.times).iter().map(|count| Some(*count as f64)).collect(),
            );
            table.push(vec![
                site.lines.to_string(),
                share(site.lines, self.lines),
                size(site.bytes),
                per_second.map(rate).unwrap_or_default(),
                marks.row(&trend, Base::Zero),
                site.level.map_or("", Level::short).to_owned(),
                told,
            ]);
            objects.push(json!({
                "top": "callsite", "service": service, "evt": evt, "source": source, "pattern": what,
                "level": site.level.map(Level::as_str), "lines": site.lines, "bytes": site.bytes,
                "per_second": per_second,
            }));
        }
        let named = sorted.len() as u64 + rest.names;
        let left: u64 = sorted.iter().skip(rows).map(|(_, site)| site.lines).sum();
        let left = left.saturating_add(rest.weight);
        let others = named.saturating_sub(objects.len() as u64);
        Section {
            title: format!(
                "noisiest call sites ({} in {})",
                many(self.lines, "line"),
                size(self.bytes)
            ),
            heading: vec!["lines", "share", "bytes", "rate", "trend", "", "call site"],
            rows: table,
            right: &[0, 1, 2, 3],
            narrow: Narrow { gives: 6, least: SITE_LEAST, goes: &[4, 3, 2], behind: Behind::Stays },
            rest: (others > 0).then(|| format!("{} more: {}", others, many(left, "line"))),
            objects,
        }
    }
}

/// Service, event, source and pattern, as they were put together.
fn parts(name: &str) -> [&str; 4] {
    let mut parts = name.splitn(4, PART);
    std::array::from_fn(|_| parts.next().unwrap_or_default())
}

/// Of lines in less time nobody can say how many come in a second.
const RATE_S_MIN: f64 = 1.0;
/// Columns of a call site that tell it from others.
const SITE_LEAST: usize = 36;
/// Between the parts of a name.
const PART: char = '\0';
const SITES_MAX: usize = 10_000;
const NAME_BYTES_MAX: usize = 200;
const TREND_COLUMNS: usize = 12;
