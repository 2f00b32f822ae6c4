//! Without the features for OTLP: nothing is sent, and whoever asks for it is told.

use crate::problem::Problems;
use crate::settings::ENDPOINTS;

/// Where telemetry goes: nowhere.
#[derive(Clone, Debug)]
pub(crate) enum Destinations {}

impl Destinations {
    pub(crate) fn resolve(
        lookup: &dyn Fn(&str) -> Option<String>,
        problems: &Problems,
    ) -> Option<Self> {
        let is_named = |name: &str| {
            lookup(name).is_some_and(|list| list.split(',').any(|word| word.trim() == "otlp"))
        };
        let exporters = ["OTEL_LOGS_EXPORTER", "OTEL_METRICS_EXPORTER", "OTEL_TRACES_EXPORTER"];
        if ENDPOINTS.iter().any(|name| lookup(name).is_some())
            || exporters.into_iter().any(is_named)
        {
            problems.say(
                "OTLP is asked for, and this program cannot send: it has no exporter built \
                 in",
                "build radiosonde with the feature `otlp-http` or `otlp-grpc`, or read the day files",
            );
        }
        None
    }

    pub(crate) fn by_kind(&self) -> [bool; 3] {
        match *self {}
    }
}
