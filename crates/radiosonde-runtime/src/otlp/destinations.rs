//! Where telemetry goes.

use radiosonde_otlp::{MetricSettings, Signal, settings_from};
use radiosonde_record::Kind;

use crate::problem::Problems;

/// Where which signal goes; at least one of them does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Destinations {
    destinations: radiosonde_otlp::Destinations,
    metrics: MetricSettings,
}

impl Destinations {
    /// What variables say; what is wrong with them becomes a problem. `from_code` is the variable whose
    /// value comes from the code instead, if one does.
    pub(crate) fn resolve(
        lookup: &dyn Fn(&str) -> Option<String>,
        from_code: Option<&str>,
        problems: &Problems,
    ) -> Option<Self> {
        let (found, mut complaints) = settings_from(lookup);
        let (metrics, of_metrics) = MetricSettings::from_lookup(lookup);
        // What metrics are sent as is nobody's business where nothing is sent.
        complaints.extend(of_metrics.into_iter().filter(|_| found.is_some()));
        for complaint in complaints {
            // Nobody finds a variable that is not set.
            let named = |text: String| match from_code {
                Some(name) if complaint.variable == name => text.replace(name, OF_CODE),
                _ => text,
            };
            problems.say(named(complaint.what), named(complaint.fix));
        }
        let destinations = found?;
        Some(Self { destinations, metrics })
    }

    /// Of which kinds records are sent.
    pub(crate) fn by_kind(&self) -> [bool; 3] {
        Kind::ALL.map(|kind| self.destinations.of(signal(kind)).is_some())
    }

    /// Whether records of this kind are sent.
    pub(super) fn sends(&self, kind: Kind) -> bool {
        self.by_kind()[kind as usize]
    }

    pub(crate) fn inner(&self) -> &radiosonde_otlp::Destinations {
        &self.destinations
    }

    /// Gives what goes to the same endpoint as ours the headers and certificates that are set here: a token
    /// that was wrong must not be wrong for ever.
    pub(super) fn correct(&self, theirs: &mut radiosonde_otlp::Destinations) {
        for signal in Signal::ALL {
            let ours = self.destinations.of(signal);
            let is_same = ours.zip(theirs.of(signal)).is_some_and(|(ours, theirs)| {
                (&ours.endpoint, ours.protocol) == (&theirs.endpoint, theirs.protocol)
            });
            if is_same {
                theirs.set(signal, ours.cloned());
            }
        }
    }

    /// Whether that is where a signal goes, as it is shown.
    pub(super) fn shows(&self, signal: Signal, endpoint: &str) -> bool {
        self.destinations.of(signal).is_some_and(|ours| ours.shown() == endpoint)
    }

    /// What metrics are sent as.
    pub(super) fn metrics(&self) -> MetricSettings {
        self.metrics
    }
}

/// What an endpoint is called that the code sets.
const OF_CODE: &str = "the endpoint that the code sets (`otlp`)";

/// As what records of a kind are sent.
pub(super) fn signal(kind: Kind) -> Signal {
    match kind {
        Kind::Event => Signal::Logs,
        Kind::Span => Signal::Traces,
        Kind::Metric => Signal::Metrics,
    }
}
