//! The report: what was offered, what became of it, and what is wrong.

mod otlp;

use std::fmt;
use std::path::PathBuf;

use radiosonde_metrics::{Reason, Refusal};
use radiosonde_record::{Account, DropReason, Journal, Kind, Level};
use serde::Serialize;

use crate::house::FilesReport;
use crate::open_spans::OpenSpansReport;
use crate::problem::Problem;
use crate::refusals;
use crate::words::{counted, grouped, listed, size};

pub use self::otlp::{AdoptedReport, DestinationReport, ExportReport, OtlpReport};

/// What telemetry did so far. The same numbers stand on `/report`, and on `/metrics`
/// all but those by level.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// The service.
    pub service: String,
    /// Its version.
    pub version: String,
    /// Whether telemetry was switched off, by `OTEL_SDK_DISABLED`.
    pub disabled: bool,
    /// First part of the id of every line of this process.
    pub instance: String,
    /// `machine_id` of every line.
    pub machine_id: Option<String>,
    /// The telemetry directory; `None` when there is none to write to.
    pub directory: Option<PathBuf>,
    /// Our slot in it.
    pub slot: Option<u32>,
    /// Whether accepted records survive the death of the process.
    pub survives_kill: bool,
    /// Where the rings are, when by choice they are not in the telemetry directory. They survive
    /// the process then, and not the machine.
    pub rings: Option<PathBuf>,
    /// Where `/metrics`, `/health` and `/report` are served.
    pub prometheus: Option<String>,
    /// What holds for traces: the sampler and what is kept beside it, the propagators, and who gets
    /// baggage.
    pub traces: String,
    /// Pieces of [`Config::build`](crate::Config::build) that nobody uses: `events`, `logger`,
    /// `panic hook`, `recorder`. What they would receive is not recorded. Not known of the layer and the
    /// bridge; empty after `init!`.
    pub pieces_not_in_use: Vec<String>,
    /// The books of log lines and business events.
    pub events: SignalReport,
    /// The books of spans.
    pub spans: SignalReport,
    /// The books of metric points: lines of snapshots and of jobs.
    pub metrics: SignalReport,
    /// What is sent over OTLP; `None` when nothing is.
    pub otlp: Option<OtlpReport>,
    /// The spans that are open now: what runs, or is stuck.
    pub open_spans: OpenSpansReport,
    /// Records of dead processes that this one has recovered.
    pub recovered: u64,
    /// Spans that were open when these processes died: each has an event `span.interrupted`.
    pub interrupted: u64,
    /// Spans besides those that were open then and had no place in the table: only their number is
    /// known.
    pub interrupted_unlisted: u64,
    /// What became of day files.
    pub files: FilesReport,
    /// Metric writes that were refused or folded, by metric and reason.
    pub refused: Vec<RefusedWrites>,
    /// Metrics that are recorded though no registry has them: all of them when there is none, else
    /// those of other crates. [`Guard::registry_draft`](crate::Guard::registry_draft) makes a
    /// registry of them.
    pub observed: u64,
    /// The first three of them by name; with a registry each with the crate that writes it, as in
    /// `connections_total of hyper`.
    pub observed_first: Vec<String>,
    /// What is hidden besides what the standard rules hide, and what is not; `None` when these are
    /// all there are.
    pub redaction: Option<String>,
    /// What is wrong, with the fix.
    pub problems: Vec<Problem>,
}

/// The books of one signal: `offered = delivered + rejected + dropped + pending`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SignalReport {
    /// Calls that asked for a record.
    pub offered: u64,
    /// Records in their day file, or in the spool where they are for OTLP only (on the console, when
    /// there is no directory). What the receiver has acknowledged is in [`Report::otlp`].
    pub delivered: u64,
    /// Records that could not be encoded.
    pub rejected: u64,
    /// Calls that left no record.
    pub dropped: u64,
    /// Records on their way: in rings, or staged. Never counted as sent.
    pub pending: u64,
    /// Where `delivered` is, while anything is sent over OTLP: `day file`, `spool`, or `day file and
    /// spool`. Otherwise empty.
    pub place: String,
    /// `dropped`, by reason.
    pub dropped_by_reason: Vec<(String, u64)>,
    /// `dropped`, by reason and level. Points of metrics have no level, and that of records dropped
    /// as `forked` or `no_destination` is not known: they are in `dropped_by_reason` only.
    pub dropped_by_level: Vec<(String, String, u64)>,
    /// Records of which something was cut to fit; counted above as well.
    pub truncated: u64,
}

/// Refused writes of one metric for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RefusedWrites {
    /// The metric.
    pub metric: String,
    /// The reason.
    pub reason: String,
    /// Writes.
    pub count: u64,
    /// The sentence for people.
    pub text: String,
}

impl RefusedWrites {
    /// Whether a limit was reached, so that `text` names the label with too many values.
    fn is_cap(&self) -> bool {
        [Reason::GaugeCap, Reason::NamespaceCap, Reason::SeriesCap]
            .iter()
            .any(|reason| reason.as_str() == self.reason)
    }
}

impl SignalReport {
    pub(crate) fn of(journal: &Journal, kind: Kind) -> Self {
        Self::from(&journal.account(kind))
    }

    /// `1,204: ring_full 1,200 (info 1,190, warning 10), rate_limited 4 (debug 4)`
    fn drops(&self) -> String {
        let reasons = self.dropped_by_reason.iter().map(|(reason, count)| {
            let of = |(of, ..): &&(String, String, u64)| of == reason;
            let levels = self.dropped_by_level.iter().filter(of);
            let levels = levels.map(|(_, level, count)| format!("{level} {}", grouped(*count)));
            match levels.collect::<Vec<_>>().join(", ") {
                none if none.is_empty() => format!("{reason} {}", grouped(*count)),
                levels => format!("{reason} {} ({levels})", grouped(*count)),
            }
        });
        format!("{}: {}", grouped(self.dropped), reasons.collect::<Vec<_>>().join(", "))
    }
}

impl From<&Account> for SignalReport {
    fn from(account: &Account) -> Self {
        let Account { offered, delivered, rejected, pending, truncated, .. } = *account;
        let by_reason = |(reason, count): &(DropReason, u64)| (reason.as_str().to_owned(), *count);
        let by_level = |(reason, level, count): &(DropReason, Level, u64)| {
            (reason.as_str().to_owned(), level.as_str().to_owned(), *count)
        };
        Self {
            offered,
            delivered,
            rejected,
            dropped: account.dropped_total(),
            pending,
            place: String::new(),
            dropped_by_reason: account.dropped.iter().map(by_reason).collect(),
            dropped_by_level: account.dropped_by_level.iter().map(by_level).collect(),
            truncated,
        }
    }
}

/// The first metrics that no registry has, for [`Report::observed_first`].
pub(crate) fn observed_first(observed: Vec<(String, Option<String>)>) -> Vec<String> {
    let told = |(name, path): (String, Option<String>)| match path {
        Some(path) => format!("{name} of {path}"),
        None => name,
    };
    observed.into_iter().take(3).map(told).collect()
}

impl From<&Refusal> for RefusedWrites {
    fn from(refusal: &Refusal) -> Self {
        Self {
            metric: refusal.metric.clone(),
            reason: refusal.reason.as_str().to_owned(),
            count: refusal.count,
            text: refusals::sentence(refusal.to_string(), refusal),
        }
    }
}

impl Report {
    /// The report as JSON, one object.
    pub fn to_json(&self) -> String {
        // Strings, numbers and lists: nothing here can fail to serialise.
        serde_json::to_string(self).unwrap_or_default()
    }

    fn head(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} · instance {}", self.service, self.version, self.instance)?;
        if let Some(machine) = &self.machine_id {
            write!(f, " · machine {machine}")?;
        }
        let rings = match &self.rings {
            Some(path) => &format!("rings in {}: survives kill -9", path.display()),
            None if self.survives_kill => "rings in files: survives kill -9",
            None => "rings in memory: pending records die with the process",
        };
        match (&self.directory, self.slot) {
            (Some(path), Some(slot)) => {
                writeln!(f, "\ndirectory  {} (slot {slot}, {rings})", path.display())?;
            }
            _ => writeln!(f, "\ndirectory  none ({rings})")?,
        }
        self.prometheus.iter().try_for_each(|address| {
            writeln!(f, "listening  http://{address} /metrics /health /report")
        })
    }

    fn table(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = ["offered", "delivered", "rejected", "dropped", "pending"];
        write!(f, "{:<9}", "")?;
        columns.iter().try_for_each(|column| write!(f, " {column:>10}"))?;
        for (name, signal) in self.signals() {
            write!(f, "\n{name:<9}")?;
            let SignalReport { offered, delivered, rejected, dropped, pending, .. } = signal;
            for count in [offered, delivered, rejected, dropped, pending] {
                write!(f, " {count:>10}")?;
            }
            if !signal.place.is_empty() {
                // Which is not where it is wanted yet: that is in the table below.
                write!(f, "  into the {}", signal.place)?;
            }
            if signal.truncated > 0 {
                write!(f, "  truncated {}", signal.truncated)?;
            }
        }
        writeln!(f)?;
        let mut dropping = self.signals().into_iter().filter(|(_, signal)| signal.dropped > 0);
        dropping.try_for_each(|(name, signal)| writeln!(f, "dropped    {name} {}", signal.drops()))
    }

    /// `files      3 sealed (768 MiB in 52 MiB), 2 removed by age (9,120,331 lines)`
    fn files(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let files = &self.files;
        files.kept.iter().try_for_each(|kept| writeln!(f, "keeping    {kept}"))?;
        let mut parts = Vec::new();
        let signals = self.signals().into_iter();
        let alone: Vec<&str> =
            signals.filter(|(_, it)| it.place == "spool").map(|(name, _)| name).collect();
        if !alone.is_empty() {
            parts.push(format!(
                "none of {}, which go over OTLP alone (RADIOSONDE_FILES=events,spans,metrics)",
                listed(&alone)
            ));
        }
        if files.sealed > 0 {
            let [raw, now] = [files.sealed_raw_bytes, files.sealed_bytes].map(size);
            parts.push(format!("{} sealed ({raw} in {now})", grouped(files.sealed)));
        }
        for (rule, removed) in &files.removed {
            let [count, lines] = [removed.files, removed.lines].map(grouped);
            parts.push(format!("{count} removed by {rule} ({lines} lines)"));
        }
        if parts.is_empty() { Ok(()) } else { writeln!(f, "files      {}", parts.join(", ")) }
    }

    fn signals(&self) -> [(&'static str, &SignalReport); 3] {
        [("events", &self.events), ("spans", &self.spans), ("metrics", &self.metrics)]
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.disabled {
            writeln!(
                f,
                "{} {} · telemetry is off (OTEL_SDK_DISABLED)",
                self.service, self.version
            )?;
        } else {
            self.head(f)?;
            self.table(f)?;
            self.otlp.iter().try_for_each(|otlp| otlp.fmt(f))?;
        }
        if !self.pieces_not_in_use.is_empty() {
            writeln!(f, "pieces     not in use: {}", self.pieces_not_in_use.join(", "))?;
        }
        if self.recovered > 0 {
            writeln!(f, "recovered  {} of earlier processes", counted(self.recovered, "record"))?;
        }
        if self.interrupted > 0 {
            let spans = counted(self.interrupted, "span");
            let were = if self.interrupted == 1 { "was" } else { "were" };
            writeln!(
                f,
                "recovered  {spans} {were} open when an earlier process died: radiosonde events \
                 --evt span.interrupted"
            )?;
        }
        if self.interrupted_unlisted > 0 {
            let spans = counted(self.interrupted_unlisted, "open span");
            writeln!(f, "recovered  of {spans} without a place in its table only the number")?;
        }
        if !self.traces.is_empty() {
            writeln!(f, "traces     {}", self.traces)?;
        }
        self.open_spans.fmt(f)?;
        self.files(f)?;
        self.redaction.iter().try_for_each(|rules| writeln!(f, "redaction  {rules}"))?;
        if self.observed > 0 {
            let observed = counted(self.observed, "metric");
            let mut names = self.observed_first.join(", ");
            if self.observed > self.observed_first.len() as u64 {
                names.push_str(", …");
            }
            // A crate of the program itself would be checked.
            let other = self.observed_first.iter().any(|name| name.contains(" of "));
            let hint = if other { "; own_crate or its catalogue, if a crate is yours" } else { "" };
            writeln!(
                f,
                "observed   {observed} that no registry has: {names} (Guard::registry_draft{hint})"
            )?;
        }
        let (full, others): (Vec<_>, Vec<_>) = self.refused.iter().partition(|it| it.is_cap());
        if !others.is_empty() {
            // Their reasons and fixes are among the problems.
            let each = others.iter().map(|refused| {
                format!("{}: {} {}", refused.metric, grouped(refused.count), refused.reason)
            });
            writeln!(f, "refused    {} (metric writes)", each.collect::<Vec<_>>().join(", "))?;
        }
        full.iter().try_for_each(|refused| writeln!(f, "refused    {}", refused.text))?;
        if self.problems.is_empty() {
            return write!(f, "problems   none");
        }
        write!(f, "problems")?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n- {problem}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_are_told_by_signal_reason_and_level() {
        let owned =
            |(reason, level, count): (&str, &str, u64)| (reason.into(), level.into(), count);
        let events = SignalReport {
            offered: 2204,
            delivered: 1000,
            dropped: 1206,
            dropped_by_reason: [("ring_full", 1200), ("rate_limited", 4), ("forked", 2)]
                .map(|(reason, count)| (reason.into(), count))
                .into(),
            dropped_by_level: [
                ("ring_full", "info", 1190),
                ("ring_full", "warning", 10),
                ("rate_limited", "debug", 4),
            ]
            .map(owned)
            .into(),
            ..SignalReport::default()
        };
        let report = Report { events, ..Report::default() };
        let text = report.to_string();
        let line = "\ndropped    events 1,206: ring_full 1,200 (info 1,190, warning 10), \
                    rate_limited 4 (debug 4), forked 2\n";
        assert!(text.contains(line), "{text}");
        assert_eq!(text.matches("\ndropped ").count(), 1, "{text}");
        let json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
        assert_eq!(
            json["events"]["dropped_by_level"][1],
            serde_json::json!(["ring_full", "warning", 10])
        );
    }

    #[test]
    fn what_is_in_the_spool_alone_is_not_said_to_have_arrived() {
        let spans = SignalReport { place: "spool".to_owned(), ..SignalReport::default() };
        let text = Report { spans, ..Report::default() }.to_string();
        // Nor looked for in files in vain.
        let files = "files      none of spans, which go over OTLP alone (RADIOSONDE_FILES=";
        assert!(text.contains(files), "{text}");
        let row = |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap();
        assert!(row("spans ").ends_with("0  into the spool"), "{text}");
        assert!(row("events ").ends_with(" 0"), "{text}");
    }

    #[test]
    fn spans_that_a_table_had_no_place_for_are_told_by_their_number() {
        let told = |interrupted_unlisted| {
            Report { interrupted: 8_192, interrupted_unlisted, ..Report::default() }.to_string()
        };
        let line =
            "\nrecovered  of 1,808 open spans without a place in its table only the number\n";
        assert!(told(1_808).contains(line), "{}", told(1_808));
        assert!(!told(0).contains("without a place"), "{}", told(0));
    }
}
