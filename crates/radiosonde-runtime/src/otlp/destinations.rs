//! Where telemetry goes.

use radiosonde_otlp::{Signal, settings_from};
use radiosonde_record::Kind;

use crate::problem::Problems;

/// Where which signal goes; at least one of them does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Destinations(radiosonde_otlp::Destinations);

impl Destinations {
    /// What variables say; what is wrong with them becomes a problem.
    pub(crate) fn resolve(
        lookup: &dyn Fn(&str) -> Option<String>,
        problems: &Problems,
    ) -> Option<Self> {
        let (found, complaints) = settings_from(lookup);
        for complaint in complaints {
            problems.say(complaint.what, complaint.fix);
        }
        found.map(Self)
    }

    /// Of which kinds records are sent.
    pub(crate) fn by_kind(&self) -> [bool; 3] {
        Kind::ALL.map(|kind| self.0.of(signal(kind)).is_some())
    }

    pub(crate) fn inner(&self) -> &radiosonde_otlp::Destinations {
        &self.0
    }
}

/// As what records of a kind are sent.
pub(super) fn signal(kind: Kind) -> Signal {
    match kind {
        Kind::Event => Signal::Logs,
        Kind::Span => Signal::Traces,
        Kind::Metric => Signal::Metrics,
    }
}
