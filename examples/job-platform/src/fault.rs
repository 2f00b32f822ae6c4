//! Faults that are planted in the platform, so that there is something to find. `docs/finding-faults.md`
//! finds each of them.

use tokio::process::Command;

/// A fault of the platform, where those of [`crate::job::Kind`] are of one job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Fault {
    /// Nobody listens where the collector should be.
    CollectorOutage,
    /// The API puts the number of a frame into a label.
    LabelExplosion,
    /// The storage takes 400 ms instead of 15, for every job.
    SlowStorage,
}

/// Where `plant` puts the names of faults, for the processes below as well.
const VARIABLE: &str = "JOB_PLATFORM_FAULTS";
/// A port that is reserved for a service nobody runs: connections are refused.
const NO_COLLECTOR: &str = "http://127.0.0.1:9";

impl Fault {
    fn as_str(self) -> &'static str {
        match self {
            Self::CollectorOutage => "collector-outage",
            Self::LabelExplosion => "label-explosion",
            Self::SlowStorage => "slow-storage",
        }
    }

    /// Whether this process has it.
    pub(crate) fn is_planted(self) -> bool {
        let planted = std::env::var(VARIABLE).unwrap_or_default();
        planted.split(',').any(|name| name == self.as_str())
    }
}

/// Gives a process the faults, and those it starts.
pub(crate) fn plant(faults: &[Fault], command: &mut Command) {
    let names: Vec<&str> = faults.iter().map(|fault| fault.as_str()).collect();
    if !names.is_empty() {
        command.env(VARIABLE, names.join(","));
    }
    if faults.contains(&Fault::CollectorOutage) {
        command.env("OTEL_EXPORTER_OTLP_ENDPOINT", NO_COLLECTOR);
        // What is sent is kept in day files as well: the other faults are found beside this one.
        command.env("RADIOSONDE_FILES", "events,spans,metrics");
    }
}
