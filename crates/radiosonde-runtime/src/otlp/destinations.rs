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

    /// Gives what goes to the same endpoint as ours the protocol, headers and certificates that are set here:
    /// what was wrong must not be wrong for ever.
    pub(super) fn correct(&self, theirs: &mut radiosonde_otlp::Destinations) {
        for signal in Signal::ALL {
            let ours = self.destinations.of(signal);
            let is_same = ours.zip(theirs.of(signal)).is_some_and(|(ours, theirs)| {
                receiver(&ours.endpoint, signal) == receiver(&theirs.endpoint, signal)
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

/// What an endpoint has in common over HTTP and over gRPC, which has no path of the signal.
fn receiver(endpoint: &str, signal: Signal) -> &str {
    let endpoint = endpoint.trim_end_matches('/');
    let of_signal = endpoint.strip_suffix(signal.name());
    of_signal.and_then(|it| it.strip_suffix("/v1/")).unwrap_or(endpoint).trim_end_matches('/')
}

/// As what records of a kind are sent.
pub(super) fn signal(kind: Kind) -> Signal {
    match kind {
        Kind::Event => Signal::Logs,
        Kind::Span => Signal::Traces,
        Kind::Metric => Signal::Metrics,
    }
}

#[cfg(test)]
mod tests {
    use radiosonde_otlp::{Compression, Protocol};

    use super::*;

    fn set(variables: &[(&str, &str)]) -> Destinations {
        let lookup = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        Destinations::resolve(&lookup, None, &Problems::default()).unwrap()
    }

    #[test]
    fn what_goes_to_the_same_receiver_takes_what_is_set_here() {
        const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
        const PROTOCOL: &str = "OTEL_EXPORTER_OTLP_PROTOCOL";
        let plain = [(ENDPOINT, "http://127.0.0.1:4318")];
        let slash = [(ENDPOINT, "http://127.0.0.1:4318/")];
        let grpc = [(ENDPOINT, "http://127.0.0.1:4318"), (PROTOCOL, "grpc")];
        let below = [(ENDPOINT, "http://127.0.0.1:4318/tenant")];
        let zipped = [plain[0], ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")];
        for (theirs, ours, is_taken) in [
            (&grpc[..], &plain[..], true),
            (&plain, &grpc, true),
            (&grpc, &slash, true),
            (&plain, &zipped, true),
            (&plain, &below, false),
            (&grpc, &[(ENDPOINT, "http://127.0.0.1:4317")], false),
        ] {
            let ours = set(ours);
            let before = set(theirs).inner().clone();
            let mut corrected = before.clone();
            ours.correct(&mut corrected);
            let expected = if is_taken { ours.inner() } else { &before };
            assert_eq!(&corrected, expected, "{theirs:?}");
        }
        let mut corrected = set(&grpc).inner().clone();
        set(&zipped).correct(&mut corrected);
        let logs = corrected.of(Signal::Logs).unwrap();
        assert_eq!((logs.protocol, logs.compression), (Protocol::Http, Compression::Gzip));
    }
}
