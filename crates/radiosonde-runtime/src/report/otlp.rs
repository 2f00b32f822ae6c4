//! The books of what is sent over OTLP: what was spooled, and what became of it.

use std::fmt;

use serde::Serialize;

use crate::words::{counted, grouped, size};

/// What is sent over OTLP, and what became of it.
///
/// [`Report::events`](crate::Report::events) and its siblings tell of the way from a call to its day
/// file or to the spool; this tells of the way from the spool to the receiver. `delivered` is here
/// what the receiver has acknowledged, and nothing else.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct OtlpReport {
    /// Whether what is pending survives the death of the process: all of it is on disk.
    pub survives_kill: bool,
    /// The books by signal: `logs`, `traces`, `metrics`.
    pub signals: Vec<ExportReport>,
    /// Records that could not be encoded for OTLP, by reason. Those of kinds with day files stand there.
    pub unexported: Vec<(String, u64)>,
    /// Where they go, and how it stands there.
    pub destinations: Vec<DestinationReport>,
    /// What is sent for processes that have ended.
    pub adopted: AdoptedReport,
}

/// The books of one signal on its way over OTLP:
/// `spooled = delivered + rejected + dropped + pending`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ExportReport {
    /// `logs`, `traces` or `metrics`.
    pub signal: String,
    /// Records that were handed to the spool. For metrics a record is one series of a snapshot.
    pub spooled: u64,
    /// Records the receiver has acknowledged.
    pub delivered: u64,
    /// Records the receiver refused for good.
    pub rejected: u64,
    /// Records that will not be sent.
    pub dropped: u64,
    /// Records that wait in the spool, or for the receiver's answer. Never counted as sent.
    pub pending: u64,
    /// Their bytes in the spool.
    pub pending_bytes: u64,
    /// Part of `pending`, in records: in memory only, since the disk takes nothing. Lost if the process is
    /// killed.
    pub pending_in_memory: u64,
    /// For how long the oldest of them has waited, in seconds; `None` when nothing waits.
    pub oldest_pending_seconds: Option<f64>,
    /// `dropped`, by reason.
    pub dropped_by_reason: Vec<(String, u64)>,
}

/// How it stands with the destination of one signal.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct DestinationReport {
    /// `logs`, `traces` or `metrics`.
    pub signal: String,
    /// Where it goes, without credentials.
    pub endpoint: String,
    /// State of the circuit breaker: `closed` when it is sent to, `open` while it is left alone after
    /// failures, `half_open` while one small request tries it, `held` when what is wrong is a
    /// configuration, such as a token: that is tried again once a minute.
    pub state: String,
    /// Why the last attempt failed, as long as something waits that was there before it.
    pub last_error: Option<String>,
    /// Until the next attempt, in seconds; `None` when there is nothing to wait for.
    pub next_attempt_seconds: Option<f64>,
}

/// What this process sends for others that have ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AdoptedReport {
    /// Spools that are being sent now.
    pub spools: u64,
    /// Records in them that wait.
    pub pending: u64,
    /// Records of such processes that the receiver has acknowledged to this one.
    pub delivered: u64,
    /// Records of such processes that the receiver refused for good.
    pub rejected: u64,
    /// Records of such processes that this one has dropped.
    pub dropped: u64,
}

impl ExportReport {
    /// `1,204: cap 1,200, oversize 4`
    fn drops(&self) -> String {
        let reasons = self.dropped_by_reason.iter();
        let reasons = reasons.map(|(reason, count)| format!("{reason} {}", grouped(*count)));
        format!("{}: {}", grouped(self.dropped), reasons.collect::<Vec<_>>().join(", "))
    }
}

impl fmt::Display for OtlpReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = ["spooled", "delivered", "rejected", "dropped", "pending"];
        write!(f, "{:<9}", "over OTLP")?;
        columns.iter().try_for_each(|column| write!(f, " {column:>10}"))?;
        for export in &self.signals {
            write!(f, "\n{:<9}", export.signal)?;
            let ExportReport { spooled, delivered, rejected, dropped, pending, .. } = export;
            for count in [spooled, delivered, rejected, dropped, pending] {
                write!(f, " {count:>10}")?;
            }
            if let Some(age) = export.oldest_pending_seconds {
                write!(f, "  {}, oldest {}", size(export.pending_bytes), seconds(age))?;
            }
        }
        writeln!(f)?;
        for export in self.signals.iter().filter(|export| export.dropped > 0) {
            writeln!(f, "dropped    {} {}", export.signal, export.drops())?;
        }
        if !self.unexported.is_empty() {
            let each =
                self.unexported.iter().map(|(why, count)| format!("{why} {}", grouped(*count)));
            writeln!(f, "not sent   {}", each.collect::<Vec<_>>().join(", "))?;
        }
        let in_memory: u64 = self.signals.iter().map(|export| export.pending_in_memory).sum();
        if in_memory > 0 {
            let records = counted(in_memory, "pending record");
            writeln!(f, "spool      {records} in memory only, lost if the process is killed")?;
        }
        for line in self.lines_of_destinations() {
            writeln!(f, "sending    {line}")?;
        }
        let AdoptedReport { spools, pending, delivered, rejected, dropped } = self.adopted;
        if spools + delivered + rejected + dropped > 0 {
            let [delivered, pending] = [delivered, pending].map(|count| counted(count, "record"));
            let of = counted(spools, "spool");
            write!(
                f,
                "adopted    {delivered} of earlier processes delivered, {pending} pending in {of}"
            )?;
            for (count, what) in [(rejected, "rejected"), (dropped, "dropped")] {
                if count > 0 {
                    write!(f, ", {} {what}", grouped(count))?;
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

impl OtlpReport {
    /// A line for each endpoint and state, with the signals that share it:
    /// `http://collector:4318 (logs, traces): left alone after failures, next attempt in 4 s; refused`
    fn lines_of_destinations(&self) -> Vec<String> {
        let mut lines: Vec<(&str, Vec<&str>, String)> = Vec::new();
        for destination in &self.destinations {
            let (endpoint, state) = (destination.endpoint.as_str(), destination.words());
            let same = lines.iter_mut().find(|(to, _, words)| *to == endpoint && *words == state);
            match same {
                Some((_, signals, _)) => signals.push(&destination.signal),
                None => lines.push((endpoint, vec![&destination.signal], state)),
            }
        }
        let line = |(endpoint, signals, state): (&str, Vec<&str>, String)| {
            format!("{endpoint} ({}): {state}", signals.join(", "))
        };
        lines.into_iter().map(line).collect()
    }
}

impl DestinationReport {
    fn words(&self) -> String {
        let mut words = match self.state.as_str() {
            "closed" if self.last_error.is_some() => "behind after a failure".to_owned(),
            "closed" => "in order".to_owned(),
            "half_open" => "being tried after failures".to_owned(),
            "held" => "held until its configuration is mended".to_owned(),
            "open" => "left alone after failures".to_owned(),
            other => other.to_owned(),
        };
        if let Some(wait) = self.next_attempt_seconds {
            // Rounded it would be none at all.
            let wait = if wait < 1.0 { "less than 1 s".to_owned() } else { seconds(wait) };
            words.push_str(&format!(", next attempt in {wait}"));
        }
        if let Some(error) = &self.last_error {
            words.push_str(&format!("; {error}"));
        }
        words
    }
}

/// `4 s`, `3 min`, `2 h`: as exact as somebody who waits wants it.
fn seconds(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7_200.0 => format!("{:.0} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.0} h", s / 3_600.0),
        s => format!("{:.0} days", s / 86_400.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn export(signal: &str, pending: u64) -> ExportReport {
        ExportReport {
            signal: signal.to_owned(),
            spooled: 20 + pending,
            delivered: 15,
            rejected: 1,
            dropped: 4,
            pending,
            pending_bytes: pending * 1024,
            pending_in_memory: 0,
            oldest_pending_seconds: (pending > 0).then_some(65.0),
            dropped_by_reason: vec![("cap".to_owned(), 3), ("oversize".to_owned(), 1)],
        }
    }

    fn destination(signal: &str, state: &str, error: Option<&str>) -> DestinationReport {
        DestinationReport {
            signal: signal.to_owned(),
            endpoint: "http://collector:4318".to_owned(),
            state: state.to_owned(),
            last_error: error.map(str::to_owned),
            next_attempt_seconds: error.map(|_| 4.2),
        }
    }

    #[test]
    fn what_waits_is_said_with_its_size_age_and_reason() {
        let refused = Some("connection refused");
        let report = OtlpReport {
            survives_kill: true,
            signals: vec![export("logs", 3), export("traces", 0)],
            unexported: vec![("no_ids".to_owned(), 2)],
            destinations: vec![
                destination("logs", "open", refused),
                destination("traces", "open", refused),
                destination("metrics", "closed", None),
            ],
            adopted: AdoptedReport {
                spools: 1,
                pending: 7,
                delivered: 1_200,
                rejected: 0,
                dropped: 0,
            },
        };
        let text = report.to_string();
        for expected in [
            "logs              23         15          1          4          3  3.0 KiB, oldest 65 s\n",
            "traces            20         15          1          4          0\n",
            "not sent   no_ids 2\n",
            "dropped    logs 4: cap 3, oversize 1\n",
            "sending    http://collector:4318 (logs, traces): left alone after failures, next attempt \
             in 4 s; connection refused\n",
            "sending    http://collector:4318 (metrics): in order\n",
            "adopted    1,200 records of earlier processes delivered, 7 records pending in 1 spool\n",
        ] {
            assert!(text.contains(expected), "{expected} in {text}");
        }
        assert!(!text.contains("in memory"), "{text}");
        let lost = AdoptedReport { dropped: 1_204, ..AdoptedReport::default() };
        let lost = OtlpReport { adopted: lost, ..OtlpReport::default() }.to_string();
        assert!(lost.contains("0 records pending in 0 spools, 1,204 dropped\n"), "{lost}");
        let late = destination("logs", "closed", Some("answered 500"));
        let late = OtlpReport { destinations: vec![late], ..OtlpReport::default() }.to_string();
        assert!(!late.contains("in order") && late.contains("; answered 500"), "{late}");
        let mut volatile = OtlpReport { survives_kill: false, ..report };
        volatile.signals[0].pending_in_memory = 3;
        let expected =
            "spool      3 pending records in memory only, lost if the process is killed\n";
        assert!(volatile.to_string().contains(expected), "{volatile}");
    }
}
