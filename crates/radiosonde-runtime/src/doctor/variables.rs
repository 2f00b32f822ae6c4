//! What each variable that is set does.

use radiosonde_otlp::{Destination, Protocol};
use radiosonde_redact::Rules;

use super::{Finding, State};
use crate::config::{Config, Service};
use crate::problem::{Problem, Problems, Severity};
use crate::settings::{Environment, Settings};

const SUBJECT: &str = "variables";
/// Longer values are cut.
const VALUE_MAX: usize = 80;
/// Their values are secrets, or often have some in them.
const HIDDEN: [&str; 3] = ["HEADERS", "OTEL_RESOURCE_ATTRIBUTES", "KEY"];

/// Looks at every variable of ours and of OpenTelemetry. What they come to.
pub(super) fn look(env: &Environment, findings: &mut Vec<Finding>) -> Settings {
    let problems = Problems::default();
    let service = Service::new("radiosonde-doctor", env!("CARGO_PKG_VERSION"));
    // Where the directory is, is looked at elsewhere.
    let config = Config::new(service).dir(".");
    let settings = Settings::resolve(&config, env, &problems);
    let mut problems = problems.all();
    let before = findings.len();
    for name in env.names().filter(|name| is_ours(name)) {
        let (about, others): (Vec<_>, Vec<_>) =
            problems.into_iter().partition(|problem| names(&problem.what, name));
        problems = others;
        let shown = shown(name, env);
        if about.is_empty() {
            findings.push(Finding::ok(SUBJECT, format!("{shown}: honoured")));
        }
        findings.extend(about.into_iter().map(|problem| told(&shown, problem)));
    }
    // Those that speak of several variables, or of none by its name.
    findings.extend(problems.into_iter().map(|problem| told("", problem)));
    if settings.disabled {
        findings.push(Finding::warn(
            SUBJECT,
            "OTEL_SDK_DISABLED switches telemetry off",
            "unset it to switch telemetry on",
        ));
    }
    if findings.len() == before {
        findings.push(Finding::ok(SUBJECT, "none is set: what the code says holds"));
    }
    settings
}

fn is_ours(name: &str) -> bool {
    const OTHERS: [&str; 2] = ["RUST_LOG", "STATE_DIRECTORY"];
    name.starts_with("OTEL_") || name.starts_with("RADIOSONDE_") || OTHERS.contains(&name)
}

fn told(shown: &str, Problem { what, fix, severity }: Problem) -> Finding {
    let state = if severity == Severity::Error { State::Fail } else { State::Warn };
    let what = if shown.is_empty() { what } else { format!("{shown}: {what}") };
    Finding { subject: SUBJECT, state, what, fix: Some(fix) }
}

/// Whether a text has this name in it, and not only as a part of another one.
fn names(text: &str, name: &str) -> bool {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.split(|c| !is_of_name(c)).any(|word| word == name)
}

/// `NAME=value`, as far as the value may be shown.
fn shown(name: &str, env: &Environment) -> String {
    if HIDDEN.iter().any(|part| name.contains(part)) {
        return format!("{name}=(not shown)");
    }
    let value = env.os(name).unwrap_or_default().to_string_lossy().into_owned();
    if name.ends_with("_ENDPOINT") {
        return format!("{name}={}", endpoint(&value));
    }
    let redacted = Rules::standard().redact(&value, &mut |_| ()).unwrap_or(value);
    // Keys travel in queries of endpoints as well.
    let (plain, query) = match redacted.split_once('?') {
        Some((plain, _)) if plain.contains("://") => (plain, "?…"),
        _ => (redacted.as_str(), ""),
    };
    let cut: String = plain.chars().take(VALUE_MAX).collect();
    let more = if cut.len() < plain.len() { "…" } else { "" };
    format!("{name}={cut}{more}{query}")
}

/// An endpoint, as [`Destination::shown`] has it; also one that has forgotten its scheme.
fn endpoint(value: &str) -> String {
    let shown = |text: &str| Destination::new(text, Protocol::Http).shown();
    if value.contains("://") {
        return shown(value);
    }
    let whole = shown(&format!("http://{value}"));
    whole.strip_prefix("http://").unwrap_or(&whole).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look_at(variables: &[(&str, &str)]) -> Vec<Finding> {
        let mut findings = Vec::new();
        let _settings = look(&Environment::of(variables), &mut findings);
        findings
    }

    #[test]
    fn each_variable_is_told_with_what_it_does() {
        let cases = [
            (("OTEL_SERVICE_NAME", "shop"), State::Ok, "OTEL_SERVICE_NAME=shop: honoured"),
            (("OTEL_BSP_SCHEDULE_DELAY", "5"), State::Fail, "not honoured"),
            (("RADIOSONDE_STDEER", "off"), State::Fail, "is no variable of radiosonde"),
            (("RADIOSONDE_RETENTION_DAYS", "many"), State::Fail, "RADIOSONDE_RETENTION_DAYS"),
            (("RUST_LOG", "info"), State::Ok, "RUST_LOG=info: honoured"),
        ];
        for ((name, value), state, what) in cases {
            let found = look_at(&[(name, value)]);
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!(found[0].state, state, "{found:?}");
            assert!(found[0].what.contains(what), "{found:?}");
            assert_eq!(found[0].fix.is_some(), state != State::Ok, "{found:?}");
        }
        let none = look_at(&[("HOME", "/root"), ("OTEL_SERVICE_NAME", "")]);
        assert!(none.len() == 1 && none[0].what.contains("none is set"), "{none:?}");
        assert!(look_at(&[("OTEL_SDK_DISABLED", "true")]).iter().any(|it| it.state == State::Warn));
    }

    #[test]
    fn no_value_that_may_be_a_secret_is_shown() {
        let found = look_at(&[
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer hunter2"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://ada:hunter2@collector:4318/?key=hunter2"),
            ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "https://vendor/v1/hunter2hunter2hunter2"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "ada:hunter2@vendor/hunter2hunter2hunter2"),
            ("OTEL_RESOURCE_ATTRIBUTES", "token=hunter2"),
        ]);
        let text = format!("{found:?}");
        assert!(!text.contains("hunter2"), "{text}");
        for expected in [
            "OTEL_EXPORTER_OTLP_HEADERS=(not shown)",
            "OTEL_EXPORTER_OTLP_ENDPOINT=https://collector:4318/:",
            "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=https://vendor/v1/…:",
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=vendor/…:",
        ] {
            assert!(text.contains(expected), "{expected} in {text}");
        }
    }
}
