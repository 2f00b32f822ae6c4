//! The exporters OpenTelemetry's variables name.

use super::Environment;
use crate::problem::Problems;

/// The signals, as they stand in names of variables.
pub(super) const SIGNALS: [&str; 3] = ["LOGS", "METRICS", "TRACES"];

/// Checks the three variables. Whether Prometheus is asked for; what is said of OTLP is read with the
/// rest of OTLP.
pub(super) fn is_prometheus(env: &Environment, problems: &Problems) -> bool {
    let mut prometheus = false;
    for signal in SIGNALS {
        let name = format!("OTEL_{signal}_EXPORTER");
        let Some(value) = env.text(&name, problems) else { continue };
        for exporter in value.split(',').map(str::trim) {
            match exporter {
                "none" | "console" | "otlp" => {}
                "prometheus" if signal == "METRICS" => prometheus = true,
                other => problems.say(
                    format!("{name}: unknown exporter `{other}`"),
                    "use none, console, otlp or (for metrics) prometheus",
                ),
            }
        }
    }
    prometheus
}
