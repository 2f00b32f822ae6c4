//! What stands above a timeline: what it is of, when it was, and how much there is.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use radiosonde_store::{Level, Line};

use crate::args::Select;
use crate::outcome::Stop;
use crate::render::Screen;
use crate::render::color::{self, Paint};
use crate::render::line::{Ids, short};
use crate::render::text::{many, shown};
use crate::render::time;
use crate::story::{self, Story};

/// What the header tells.
#[derive(Debug, Default)]
pub(super) struct Summary {
    spans: Count,
    interrupted: u64,
    logs: Count,
    events: Count,
    metric_changes: u64,
    services: BTreeSet<String>,
    /// The traces that were not sampled, as what was kept of them says.
    unsampled: BTreeSet<String>,
    /// Every value of each id, by its word.
    ids: BTreeMap<&'static str, BTreeSet<String>>,
    /// The workers of each machine.
    workers: BTreeMap<Option<String>, BTreeSet<String>>,
}

#[derive(Debug, Default)]
struct Count {
    all: u64,
    warnings: u64,
    errors: u64,
}

impl Summary {
    pub(super) fn of(lines: &[Line]) -> Self {
        let mut summary = Self::default();
        let mut interrupted = story::Interrupted::among(lines);
        for line in lines {
            let error = match line.is_span() {
                true => line.meta.text("status") == Some("error"),
                false => line.level >= Some(Level::Error),
            };
            let warning = !line.is_span() && line.level == Some(Level::Warning);
            let count = match line.evt.as_str() {
                "metric" => {
                    summary.metric_changes += 1;
                    &mut Count::default()
                }
                "span" => &mut summary.spans,
                story::INTERRUPTED if interrupted.is_first(line) => {
                    summary.interrupted += 1;
                    &mut Count::default()
                }
                _ if line.is_plain() => &mut summary.logs,
                _ => &mut summary.events,
            };
            count.all += 1;
            count.errors += u64::from(error);
            count.warnings += u64::from(warning);
            summary.services.extend(line.service.clone());
            if line.is_span() && line.meta.text(story::KEPT).is_some() {
                summary.unsampled.extend(line.trace_id.clone());
            }
            if let Some(worker) = &line.worker_id {
                let workers = summary.workers.entry(line.machine_id.clone()).or_default();
                let _ = workers.insert(worker.clone());
            }
            for (word, id) in [
                ("job", &line.job_id),
                ("machine", &line.machine_id),
                ("session", &line.session_id),
                ("trace", &line.trace_id),
                ("worker", &line.worker_id),
            ] {
                if let Some(id) = id {
                    let _ = summary.ids.entry(word).or_default().insert(id.clone());
                }
            }
        }
        summary
    }

    /// Ids that differ between the lines are worth a word on each.
    /// Where each row names its place, service and machine are told there.
    pub(super) fn ids(&self, has_places: bool) -> Ids {
        let several = |word| self.ids.get(word).is_some_and(|ids| ids.len() > 1);
        Ids {
            job: several("job"),
            machine: several("machine") && !has_places,
            service: self.services.len() > 1 && !has_places,
            session: several("session"),
            trace: several("trace"),
            // A machine of one worker tells which it is.
            worker: several("worker")
                && (!has_places || self.workers.values().any(|workers| workers.len() > 1)),
        }
    }

    /// The ids of a word. One trace is named in full, of several the digits to ask for them.
    fn told(&self, word: &str) -> Option<String> {
        let ids = self.ids.get(word)?;
        if word != "trace" || ids.len() < 2 {
            return some(ids);
        }
        some(&ids.iter().map(|id| short(id).to_owned()).collect())
    }

    pub(super) fn print(
        &self,
        select: &Select,
        place: Option<&str>,
        story: &Story,
        (screen, has_places): (Screen, bool),
        out: &mut dyn Write,
    ) -> Result<(), Stop> {
        let paint = screen.paint;
        let mut title = Vec::new();
        let subjects = select.subjects();
        title.extend(place.map(|place| paint.with(color::NAME, place)));
        for (word, asked) in &subjects {
            // The job of several runs stands above them all.
            if place.is_some() && *word == "job" {
                continue;
            }
            // The whole id where its beginning was asked for.
            let id = match self.ids.get(word).map(BTreeSet::len) {
                Some(1) => self.ids[word].first().map_or(*asked, String::as_str),
                _ => asked,
            };
            title.push(format!("{word} {}", paint.with(color::NAME, &shown(id))));
        }
        title.extend(some(&self.services).filter(|_| !has_places));
        title.push(time::range(story.start, story.end));
        writeln!(out, "{}", screen.fold(&title, " · "))?;

        let traces = self.ids.get("trace").map_or(0, BTreeSet::len) as u64;
        let counts = [
            (traces > 0).then(|| many(traces, "trace")),
            self.spans.told("span", paint),
            (self.interrupted > 0)
                .then(|| paint.with(color::BAD, &many(self.interrupted, "interrupted span"))),
            self.logs.told("log", paint),
            self.events.told("event", paint),
            (self.metric_changes > 0).then(|| many(self.metric_changes, "metric change")),
        ];
        let counts: Vec<String> = counts.into_iter().flatten().collect();
        writeln!(out, "{}", screen.fold(&counts, ", "))?;

        let unsampled = self.unsampled.len() as u64;
        if unsampled > 0 {
            let which = match traces == unsampled {
                true => String::new(),
                false => format!("{unsampled} of {traces} traces "),
            };
            let of = if which.is_empty() { "" } else { " of them" };
            let told = format!("{which}not sampled: only slow and failed spans{of} are here");
            writeln!(out, "{}", paint.with(color::WARNING, &told))?;
        }

        let asked: Vec<&str> = subjects.iter().map(|(word, _)| *word).collect();
        let rest: Vec<String> = ["job", "trace", "session", "worker", "machine"]
            .into_iter()
            .filter(|word| !(asked.contains(word) || has_places && *word == "machine"))
            .filter_map(|word| Some(paint.dim(&format!("{word} {}", self.told(word)?))))
            .collect();
        if !rest.is_empty() {
            writeln!(out, "{}", screen.fold(&rest, "  "))?;
        }
        Ok(())
    }
}

impl Count {
    /// `9 logs (2 warnings, 1 error)`
    fn told(&self, noun: &str, paint: Paint) -> Option<String> {
        let mut wrong = Vec::new();
        if self.warnings > 0 {
            wrong.push(paint.with(color::WARNING, &many(self.warnings, "warning")));
        }
        if self.errors > 0 {
            wrong.push(paint.with(color::BAD, &many(self.errors, "error")));
        }
        let wrong = match wrong.is_empty() {
            true => String::new(),
            false => format!(" ({})", wrong.join(", ")),
        };
        (self.all > 0).then(|| format!("{}{wrong}", many(self.all, noun)))
    }
}

/// The first few of some names.
pub(super) fn some(names: &BTreeSet<String>) -> Option<String> {
    let few: Vec<String> = names.iter().take(NAMES_MAX).map(|name| shown(name)).collect();
    let more = names.len() - few.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!few.is_empty()).then(|| format!("{}{more}", few.join(", ")))
}

const NAMES_MAX: usize = 4;
