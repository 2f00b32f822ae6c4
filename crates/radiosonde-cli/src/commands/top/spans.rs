//! Spans, by how long they take.

use radiosonde_store::Line;
use serde_json::json;

use super::apart::apart;
use super::{Section, in_service, share};
use crate::figures::sketch::Sketch;
use crate::figures::tally::{Tally, Weight};
use crate::render::table::{Behind, Narrow};
use crate::render::text::{many, shown, start_of};
use crate::render::time::duration;

/// Spans by name, kind and service: a call and its answer have one name, and are two things.
#[derive(Debug)]
pub(super) struct Spans {
    of: Tally<OfName>,
    count: u64,
}

#[derive(Debug, Default)]
struct OfName {
    count: u64,
    errors: u64,
    total_us: u64,
    max_us: u64,
    /// The trace of the longest.
    trace: String,
    durations: Sketch,
}

impl Default for Spans {
    fn default() -> Self {
        Self { of: Tally::new(NAMES_MAX), count: 0 }
    }
}

impl Weight for OfName {
    // Not their count: one that comes rarely and takes long is what is looked for.
    fn weight(&self) -> u64 {
        self.total_us
    }
}

impl Spans {
    pub(super) fn take(&mut self, line: &Line) {
        // One that was open when its process died has no end, and says nothing about how long it takes.
        let Some(us) = line.meta.value("duration_us").and_then(serde_json::Value::as_u64) else {
            return;
        };
        let name = line.meta.text("name").or(line.msg.as_deref()).unwrap_or_default();
        let service = line.service.as_deref().unwrap_or_default();
        let kind = line.meta.text("kind").unwrap_or_default();
        let parts = [service, kind, name].map(|part| start_of(part, NAME_BYTES_MAX));
        let name = parts.join("\0");
        self.count += 1;
        let of = self.of.of(&name);
        of.count += 1;
        of.errors += u64::from(line.meta.text("status") == Some("error"));
        of.total_us = of.total_us.saturating_add(us);
        of.durations.add(us);
        if of.count == 1 || us > of.max_us {
            of.max_us = us;
            of.trace = line.trace_id.clone().unwrap_or_default();
        }
    }

    pub(super) fn section(&self, rows: usize) -> Section {
        let (mut sorted, rest) = self.of.sorted();
        let all = sorted.len() as u64 + rest.names;
        // What weighs most stays first among those that are equally slow.
        sorted.sort_by_key(|(_, of)| std::cmp::Reverse(of.quantile(0.95)));
        let (mut table, mut objects) = (Vec::new(), Vec::new());
        sorted.truncate(rows);
        let parts: Vec<[&str; 3]> = sorted.iter().map(|(name, _)| parts(name)).collect();
        let names: Vec<_> = (parts.iter())
            .map(|[service, kind, name]| (shown(name), [shown(kind), in_service(service)]))
            .collect();
        for (((_, of), [service, kind, name]), told) in sorted.iter().zip(parts).zip(apart(&names))
        {
            let [p50, p95, p99] = [0.5, 0.95, 0.99].map(|quantile| of.quantile(quantile));
            let errors = match of.errors {
                0 => "-".to_owned(),
                errors => format!("{errors} ({})", share(errors, of.count)),
            };
            table.push(vec![
                of.count.to_string(),
                errors,
                duration(p50),
                duration(p95),
                duration(p99),
                duration(of.max_us),
                duration(of.total_us),
                told,
                // Enough of it to be found by; all of it would push the name off the screen.
                format!("trace {}", shown(start_of(&of.trace, TRACE_DIGITS))),
            ]);
            objects.push(json!({
                "top": "span", "service": service, "kind": kind, "name": name, "count": of.count,
                "errors": of.errors, "p50_us": p50, "p95_us": p95, "p99_us": p99,
                "max_us": of.max_us, "total_us": of.total_us, "max_trace_id": of.trace,
            }));
        }
        let others = all.saturating_sub(objects.len() as u64);
        Section {
            title: format!(
                "slowest spans, by p95 ({}); the trace is that of the longest",
                many(self.count, "span")
            ),
            heading: vec!["count", "errors", "p50", "p95", "p99", "longest", "all", "span", ""],
            rows: table,
            right: &[0, 1, 2, 3, 4, 5, 6],
            // The name gives way, then what the others tell nearly as well.
            narrow: Narrow {
                gives: 7,
                least: NAME_LEAST,
                goes: &[4, 6, 2, 1],
                behind: Behind::Stays,
            },
            rest: (others > 0).then(|| format!("{} more", many(others, "name"))),
            objects,
        }
    }
}

impl OfName {
    fn quantile(&self, quantile: f64) -> u64 {
        self.durations.quantile(quantile).min(self.max_us)
    }
}

/// Service, kind and name, as they were put together.
fn parts(name: &str) -> [&str; 3] {
    let mut parts = name.splitn(3, '\0');
    std::array::from_fn(|_| parts.next().unwrap_or_default())
}

/// Columns of a name that tell it from others.
const NAME_LEAST: usize = 20;
const NAMES_MAX: usize = 5_000;
const NAME_BYTES_MAX: usize = 200;
/// As many as `radiosonde trace` needs to find one among millions.
const TRACE_DIGITS: usize = 12;
