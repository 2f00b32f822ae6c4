//! The names of variables: those that do something, and those that only look like it.

use super::Environment;
use super::exporters::SIGNALS;
use crate::problem::Problems;

const HONOURED: [&str; 19] = [
    "OTEL_SDK_DISABLED",
    "OTEL_SERVICE_NAME",
    "OTEL_PROPAGATORS",
    "OTEL_RESOURCE_ATTRIBUTES",
    "OTEL_TRACES_SAMPLER",
    "OTEL_TRACES_SAMPLER_ARG",
    "OTEL_TRACES_EXPORTER",
    "OTEL_METRICS_EXPORTER",
    "OTEL_LOGS_EXPORTER",
    "OTEL_METRIC_EXPORT_INTERVAL",
    "OTEL_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    "OTEL_SPAN_EVENT_COUNT_LIMIT",
    "OTEL_SPAN_LINK_COUNT_LIMIT",
    "OTEL_EXPORTER_PROMETHEUS_HOST",
    "OTEL_EXPORTER_PROMETHEUS_PORT",
];

/// Those that say where OTLP goes.
pub(crate) const ENDPOINTS: [&str; 4] = [
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
];

/// How OTLP gets there: for all signals, and behind `OTEL_EXPORTER_OTLP_LOGS_` and its like for one.
const OTLP: [&str; 8] = [
    "CERTIFICATE",
    "CLIENT_CERTIFICATE",
    "CLIENT_KEY",
    "COMPRESSION",
    "HEADERS",
    "INSECURE",
    "PROTOCOL",
    "TIMEOUT",
];

/// What metrics are sent as.
const OF_METRICS: [&str; 2] =
    ["METRICS_DEFAULT_HISTOGRAM_AGGREGATION", "METRICS_TEMPORALITY_PREFERENCE"];

const OWN: [&str; 26] = [
    "RADIOSONDE_BAGGAGE_TO",
    "RADIOSONDE_DIR",
    "RADIOSONDE_ENVIRONMENT",
    "RADIOSONDE_FILES",
    "RADIOSONDE_FSYNC",
    "RADIOSONDE_HEARTBEAT_INTERVAL",
    "RADIOSONDE_MACHINE_ID",
    "RADIOSONDE_OTEL_BRIDGE",
    "RADIOSONDE_PROMETHEUS",
    "RADIOSONDE_RATE_LIMIT",
    "RADIOSONDE_REDACT_ALLOW",
    "RADIOSONDE_REDACT_KEYS",
    "RADIOSONDE_REDACT_PATTERN",
    "RADIOSONDE_REGISTRY",
    "RADIOSONDE_RETENTION_BYTES",
    "RADIOSONDE_RETENTION_DAYS",
    "RADIOSONDE_RETENTION_FILES",
    "RADIOSONDE_RINGS",
    "RADIOSONDE_ROTATE_BYTES",
    "RADIOSONDE_SEAL_AFTER",
    "RADIOSONDE_SPAN_EVENTS",
    "RADIOSONDE_SPOOL_BYTES",
    "RADIOSONDE_STDERR",
    "RADIOSONDE_STRICT_OTLP",
    "RADIOSONDE_TRACES_KEEP",
    "RADIOSONDE_TRACES_UNSAMPLED",
];

/// Names every variable somebody set in the hope that it does something.
pub(super) fn name_unhonoured(env: &Environment, problems: &Problems) {
    for name in env.names() {
        if name.starts_with("OTEL_") && !HONOURED.contains(&name) && !is_of_otlp(name) {
            let fix = match misspelt(name) {
                Some(meant) => format!("write {meant}, if that was meant; or unset it"),
                None => "unset it, or do not rely on it".to_owned(),
            };
            problems.say(format!("{name} is set and not honoured by this version"), fix);
        }
        if name.starts_with("RADIOSONDE_") && !OWN.contains(&name) && !is_of_command(name) {
            let fix = match nearest(name) {
                Some(meant) => format!("write {meant}, if that was meant"),
                None => format!("use one of {}", OWN.join(", ")),
            };
            problems.say(format!("{name} is set and is no variable of radiosonde"), fix);
        }
    }
}

/// Whether it is one of the command `radiosonde`, and nothing to programs.
fn is_of_command(name: &str) -> bool {
    name.starts_with("RADIOSONDE_CLI_") || name == "RADIOSONDE_PAGER"
}

/// Whether it is one of OTLP, and honoured. That an endpoint is none where nothing can be sent is said
/// where they are read.
fn is_of_otlp(name: &str) -> bool {
    if !cfg!(feature = "_otlp") {
        return ENDPOINTS.contains(&name);
    }
    let Some(rest) = name.strip_prefix("OTEL_EXPORTER_OTLP_") else { return false };
    let of_signal = SIGNALS.iter().find_map(|signal| rest.strip_prefix(signal)?.strip_prefix('_'));
    ENDPOINTS.contains(&name)
        || OTLP.contains(&of_signal.unwrap_or(rest))
        || OF_METRICS.contains(&rest)
}

/// The variable of OpenTelemetry that this is but for a few letters in one place.
fn misspelt(name: &str) -> Option<String> {
    /// So many in each.
    const LETTERS_MAX: usize = 3;
    let fronts = ["".to_owned()].into_iter().chain(SIGNALS.map(|signal| format!("{signal}_")));
    let of_otlp = |front: String| OTLP.map(|end| format!("OTEL_EXPORTER_OTLP_{front}{end}"));
    let metrics = OF_METRICS.iter().map(|end| format!("OTEL_EXPORTER_OTLP_{end}"));
    let whole = HONOURED.iter().chain(&ENDPOINTS).map(|name| (*name).to_owned());
    let differ = |own: &str| {
        let front = own.bytes().zip(name.bytes()).take_while(|(a, b)| a == b).count();
        let (own, name) = (&own.as_bytes()[front..], &name.as_bytes()[front..]);
        let ends = own.iter().rev().zip(name.iter().rev());
        let end = ends.take_while(|(a, b)| a == b).count();
        (own.len() - end).max(name.len() - end)
    };
    let all = whole.chain(metrics).chain(fronts.flat_map(of_otlp));
    let found = all.map(|own| (differ(&own), own)).min()?;
    (found.0 <= LETTERS_MAX).then_some(found.1)
}

/// The variable that shares the most at its beginning and end with a mistyped one.
fn nearest(name: &str) -> Option<&'static str> {
    const LEAST: usize = 4;
    let word = |name: &'static str| name.strip_prefix("RADIOSONDE_");
    let asked = name.strip_prefix("RADIOSONDE_")?;
    let same = |own: &&'static str| {
        let own = word(own).unwrap_or_default();
        let front = own.bytes().zip(asked.bytes()).take_while(|(a, b)| a == b).count();
        let rest = (own.bytes().rev().take(own.len() - front))
            .zip(asked.bytes().rev().take(asked.len() - front));
        front + rest.take_while(|(a, b)| a == b).count()
    };
    OWN.into_iter().max_by_key(same).filter(|own| same(own) >= LEAST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_of_opentelemetry_that_is_misspelt_is_told_with_what_was_meant() {
        for (name, meant) in [
            ("OTEL_EXPORTER_OTLP_ENDPIONT", Some("OTEL_EXPORTER_OTLP_ENDPOINT")),
            ("OTEL_EXPORTER_OLTP_LOGS_ENDPOINT", Some("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT")),
            ("OTEL_EXPORTER_OTLP_TRACE_HEADERS", Some("OTEL_EXPORTER_OTLP_TRACES_HEADERS")),
            ("OTEL_SERVICENAME", Some("OTEL_SERVICE_NAME")),
            ("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", None),
            ("OTEL_BSP_MAX_QUEUE_SIZE", None),
            ("OTEL_EXPORTER_OTLP_SPAN_INSECURE", None),
            ("OTEL_", None),
        ] {
            let problems = Problems::default();
            name_unhonoured(&Environment::of(&[(name, "1")]), &problems);
            let said = problems.all();
            assert_eq!(said.len(), 1, "{said:?}");
            let told = said[0].fix.strip_prefix("write ").and_then(|fix| fix.split_once(','));
            assert_eq!(told.map(|(told, _)| told), meant, "{said:?}");
        }
    }

    /// Pages name variables whole, or by their end behind one that is whole.
    #[test]
    fn every_variable_a_page_names_is_one_and_none_is_named_nowhere() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut pages = vec![root.join("README.md")];
        for folder in ["docs", "docs/adopting"] {
            let entries = std::fs::read_dir(root.join(folder)).unwrap();
            pages.extend(entries.map(|entry| entry.unwrap().path()));
        }
        pages.retain(|page| page.extension().is_some_and(|extension| extension == "md"));
        let is_of_a_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        let mut named = String::new();
        for page in pages {
            let text = std::fs::read_to_string(&page).unwrap();
            for word in text.split(|c| !is_of_a_name(c)) {
                let is_ours = word.starts_with("RADIOSONDE_") && word != "RADIOSONDE_";
                let is_known = OWN.contains(&word) || is_of_command(word);
                assert!(!is_ours || is_known, "{}: {word}", page.display());
            }
            named.push_str(&text);
        }
        for name in OWN {
            let end = name.trim_start_matches(|c| c != '_').get(1..).unwrap_or_default();
            let ends = end.char_indices().filter(|(_, c)| *c == '_').map(|(at, _)| &end[at..]);
            let is_named = named.contains(name)
                || named.contains(&format!("`_{end}`"))
                || ends.into_iter().any(|end| named.contains(&format!("`{end}`")));
            assert!(is_named, "no page tells of {name}");
        }
    }

    #[test]
    fn the_variables_of_the_command_are_nothing_to_programs() {
        for (name, told) in [
            ("RADIOSONDE_CLI_LEVEL", 0),
            ("RADIOSONDE_PAGER", 0),
            ("RADIOSONDE_PAGES", 1),
            ("RADIOSONDE_CLIENT", 1),
        ] {
            let problems = Problems::default();
            name_unhonoured(&Environment::of(&[(name, "1")]), &problems);
            assert_eq!(problems.all().len(), told, "{name}");
        }
    }

    #[test]
    fn a_mistyped_variable_is_told_what_was_meant() {
        for (typed, expect) in [
            ("RADIOSONDE_RETENTION_DAY", Some("RADIOSONDE_RETENTION_DAYS")),
            ("RADIOSONDE_ROTATION_BYTES", Some("RADIOSONDE_ROTATE_BYTES")),
            ("RADIOSONDE_RETENTIONBYTES", Some("RADIOSONDE_RETENTION_BYTES")),
            ("RADIOSONDE_STDEER", Some("RADIOSONDE_STDERR")),
            ("RADIOSONDE_XYZ", None),
            ("RADIOSONDE_", None),
        ] {
            assert_eq!(nearest(typed), expect, "{typed}");
        }
    }
}
