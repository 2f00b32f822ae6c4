//! The exporters OpenTelemetry's variables name.

use super::Environment;
use crate::problem::Problems;

/// Which exporters are asked for by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Exporters {
    /// Whether `/metrics` is.
    pub(super) prometheus: bool,
    /// Of logs, metrics and traces, whether OTLP is among those the variable names; `None` when there
    /// is no such variable.
    pub(super) otlp: [Option<bool>; 3],
}

/// The signals, as they stand in names of variables, in the order of [`Exporters::otlp`].
pub(super) const SIGNALS: [&str; 3] = ["LOGS", "METRICS", "TRACES"];

impl Exporters {
    pub(super) fn resolve(env: &Environment, problems: &Problems) -> Self {
        let mut found = Self::default();
        for (signal, otlp) in SIGNALS.into_iter().zip(&mut found.otlp) {
            let name = format!("OTEL_{signal}_EXPORTER");
            let Some(value) = env.text(&name, problems) else { continue };
            let mut is_named = false;
            for exporter in value.split(',').map(str::trim) {
                match exporter {
                    "none" | "console" => {}
                    "otlp" => is_named = true,
                    "prometheus" if signal == "METRICS" => found.prometheus = true,
                    other => problems.say(
                        format!("{name}: unknown exporter `{other}`"),
                        "use none, console, otlp or (for metrics) prometheus",
                    ),
                }
            }
            *otlp = Some(is_named);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_names_all_exporters_of_its_signal() {
        let cases: [(&str, [Option<bool>; 3], bool); 5] = [
            ("", [None; 3], false),
            ("none", [None, Some(false), None], false),
            ("otlp", [None, Some(true), None], false),
            ("otlp, prometheus", [None, Some(true), None], true),
            ("console", [None, Some(false), None], false),
        ];
        for (value, otlp, prometheus) in cases {
            let env = Environment::of(&[("OTEL_METRICS_EXPORTER", value)]);
            let problems = Problems::default();
            assert_eq!(
                Exporters::resolve(&env, &problems),
                Exporters { prometheus, otlp },
                "{value}"
            );
            assert_eq!(problems.all(), [], "{value}");
        }
    }
}
