//! Code and environment made one: the environment wins, and what it says is checked.

mod console;
mod durations;
mod exporters;
mod files;
mod filter;
mod heartbeat;
mod names;
mod otlp;
mod propagation;
mod redact;
mod registry;
mod traces;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use radiosonde_metrics::Clock;
use radiosonde_record::{Filter, new_instance_id};
use radiosonde_redact::Rules;
use radiosonde_registry::Merged;
use radiosonde_store::location::Location;

use crate::config::{Config, Profile};
use crate::machine;
use crate::problem::Problems;
use crate::refusals::Catalogues;
pub use files::KeptFiles;
pub(crate) use files::{FileSettings, Limits};
pub(crate) use filter::BRIDGED;

pub(crate) use self::console::ConsoleSettings;
#[cfg_attr(
    feature = "_otlp",
    expect(unused_imports, reason = "asked for where nothing is sent")
)]
pub(crate) use self::names::ENDPOINTS;
pub(crate) use self::otlp::OtlpSettings;
use self::propagation::Propagation;
pub(crate) use self::traces::TraceSettings;

/// Default of `OTEL_METRIC_EXPORT_INTERVAL`.
const METRIC_INTERVAL: Duration = Duration::from_secs(60);
/// Default of the Prometheus exporter of the OpenTelemetry specification.
const PROMETHEUS_PORT: u16 = 9464;

/// The environment, as a lookup and a list of names, so that tests bring their own.
#[derive(Debug)]
pub(crate) struct Environment {
    variables: BTreeMap<String, OsString>,
    pub(crate) cwd: PathBuf,
    pub(crate) stderr_is_terminal: bool,
}

impl Environment {
    pub(crate) fn of_process() -> Self {
        use std::io::IsTerminal as _;
        let named = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value));
        Self {
            variables: std::env::vars_os().filter_map(named).collect(),
            cwd: std::env::current_dir().unwrap_or_default(),
            stderr_is_terminal: std::io::stderr().is_terminal(),
        }
    }

    #[cfg(test)]
    pub(crate) fn of(variables: &[(&str, &str)]) -> Self {
        let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), OsString::from(value));
        Self {
            variables: variables.iter().map(pair).collect(),
            cwd: PathBuf::from("/nowhere"),
            stderr_is_terminal: false,
        }
    }

    /// The value of a variable; empty counts as not set (OpenTelemetry's rule). A value that is
    /// not UTF-8 is a problem.
    pub(crate) fn text(&self, name: &str, problems: &Problems) -> Option<String> {
        let value = self.variables.get(name).filter(|value| !value.is_empty())?;
        let text = value.to_str().map(str::to_owned);
        if text.is_none() {
            problems.say(format!("{name} is not UTF-8"), format!("set {name} to plain text"));
        }
        text
    }

    pub(crate) fn os(&self, name: &str) -> Option<OsString> {
        self.variables.get(name).cloned()
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let set = self.variables.iter().filter(|(_, value)| !value.is_empty());
        set.map(|(name, _)| name.as_str())
    }
}

/// What telemetry runs with.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) disabled: bool,
    pub(crate) service: String,
    pub(crate) version: String,
    pub(crate) test: bool,
    pub(crate) directory: Option<PathBuf>,
    /// Where rings are, when not in the directory.
    pub(crate) rings: Option<PathBuf>,
    pub(crate) registry: Option<Merged>,
    /// Crates whose metrics have to be registered; none for all.
    pub(crate) own_crates: Vec<String>,
    pub(crate) catalogues: Catalogues,
    pub(crate) clock: Clock,
    pub(crate) environment: Option<String>,
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) prometheus: Option<String>,
    pub(crate) console: Option<ConsoleSettings>,
    pub(crate) filter: Filter,
    /// What keeps spans from being made, if something does.
    pub(crate) spans_off_by: Option<&'static str>,
    pub(crate) traces: TraceSettings,
    pub(crate) machine_id: Option<String>,
    pub(crate) metric_interval: Duration,
    /// Between two events `machine.status`; none without.
    pub(crate) heartbeat: Option<Duration>,
    pub(crate) redact: Rules,
    pub(crate) propagation: Propagation,
    pub(crate) files: FileSettings,
    pub(crate) otlp: OtlpSettings,
    /// Whether this is a command, see [`Profile::Cli`].
    pub(crate) is_command: bool,
    /// `OTEL_RESOURCE_ATTRIBUTES`.
    #[cfg_attr(not(feature = "_otlp"), expect(dead_code, reason = "nothing is sent"))]
    pub(crate) attributes: BTreeMap<String, String>,
}

impl Settings {
    /// Resolves everything. What is wrong becomes a problem and leaves the default in place.
    pub(crate) fn resolve(config: &Config, env: &Environment, problems: &Problems) -> Self {
        let text = |name: &str| env.text(name, problems);
        let attributes = resource_attributes(text("OTEL_RESOURCE_ATTRIBUTES").as_deref(), problems);
        let attribute = |name: &str| attributes.get(name).cloned();
        let service = text("OTEL_SERVICE_NAME")
            .or_else(|| attribute("service.name"))
            .or_else(|| config.name.clone())
            .unwrap_or_else(|| config.service.name.to_owned());
        let version = attribute("service.version")
            .or_else(|| config.version.clone())
            .unwrap_or_else(|| config.service.version.to_owned());
        let loaded = registry::Loaded::new(config, text("RADIOSONDE_REGISTRY"), problems);
        let required = loaded.required_labels();
        let catalogues = Catalogues::new(config, loaded.replaced);
        let labels = labels(config, &attributes, &required, text("RADIOSONDE_ENVIRONMENT"));
        let environment = labels.iter().find(|(name, _)| name == "environment");
        let environment = environment.map(|(_, value)| value.clone());
        names::name_unhonoured(env, problems);
        let traces = TraceSettings::resolve(config, env, problems);
        let filter = filter::resolve(config, env, traces.otel_bridge, problems);
        Self {
            disabled: text("OTEL_SDK_DISABLED").is_some_and(|value| flag(&value, problems)),
            directory: directory(config, &service, env, problems),
            rings: rings(config, env),
            registry: loaded.merge(environment.as_deref(), problems),
            own_crates: registry::own_crates(config),
            catalogues,
            clock: config.clock.clone(),
            prometheus: prometheus(config, env, problems),
            otlp: OtlpSettings::resolve(config, env, problems),
            is_command: config.profile == Profile::Cli,
            attributes: attributes.clone(),
            console: console::resolve(config, env, problems),
            spans_off_by: filter::spans_off_by(&filter, env, problems),
            filter,
            traces,
            machine_id: machine::resolve(text("RADIOSONDE_MACHINE_ID"), config, problems),
            metric_interval: metric_interval(text("OTEL_METRIC_EXPORT_INTERVAL"), problems),
            heartbeat: heartbeat::resolve(config, env, problems),
            redact: redact::resolve(config, env, problems),
            propagation: Propagation::resolve(config, env, problems),
            files: FileSettings::resolve(config.files, env, problems),
            test: config.service.test,
            service,
            version,
            environment,
            labels,
        }
    }
}

fn resource_attributes(text: Option<&str>, problems: &Problems) -> BTreeMap<String, String> {
    let mut attributes = BTreeMap::new();
    for (number, pair) in text
        .iter()
        .flat_map(|text| text.split(','))
        .filter(|pair| !pair.trim().is_empty())
        .enumerate()
    {
        match pair.split_once('=') {
            Some((key, value)) if !key.trim().is_empty() => {
                attributes.insert(key.trim().to_owned(), percent_decoded(value.trim()));
            }
            _ => problems.say(
                // Not quoted: people put secrets there, and problems stand in the log.
                format!("OTEL_RESOURCE_ATTRIBUTES: entry {} is not key=value", number + 1),
                "write it as key1=value1,key2=value2",
            ),
        }
    }
    attributes
}

/// Values are percent-encoded, as in W3C baggage; what is no valid escape stays as it is.
fn percent_decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let hex = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match hex.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if *first == b'%' => {
                out.push(byte);
                rest = &after[2..];
            }
            _ => {
                out.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Labels of the code, resource attributes in their place or where the registry requires them, and
/// the environment's name under the name Prometheus users know it by. Other attributes describe the
/// resource and would only widen every series.
fn labels(
    config: &Config,
    attributes: &BTreeMap<String, String>,
    required: &[String],
    environment: Option<String>,
) -> Vec<(String, String)> {
    let mut labels: BTreeMap<String, String> = config.labels.iter().cloned().collect();
    let deployment = attributes
        .get("deployment.environment.name")
        .or_else(|| attributes.get("deployment.environment"))
        .cloned();
    for (name, value) in attributes {
        if required.contains(name) || labels.contains_key(name) {
            labels.insert(name.clone(), value.clone());
        }
    }
    if let Some(environment) = environment.or(deployment) {
        labels.insert("environment".to_owned(), environment);
    }
    labels.into_iter().collect()
}

fn directory(
    config: &Config,
    service: &str,
    env: &Environment,
    problems: &Problems,
) -> Option<PathBuf> {
    let test = config.service.test && config.dir.is_none();
    let of_test = || {
        // Process ids come back: a test must not find the lines of another one.
        static RANDOM: OnceLock<String> = OnceLock::new();
        let (pid, random) = (std::process::id(), RANDOM.get_or_init(new_instance_id));
        let name = format!("radiosonde-test-{pid}-{random}-{}", config.service.name);
        std::env::temp_dir().join(name)
    };
    let from_code = if test { Some(of_test()) } else { config.dir.clone() };
    let lookup = |name: &str| env.os(name);
    match Location::resolve(service, from_code.as_deref(), &lookup, &env.cwd) {
        Ok(location) => Some(location.path),
        Err(error) => {
            problems.say(error.to_string(), "set RADIOSONDE_DIR to a writable directory");
            None
        }
    }
}

fn rings(config: &Config, env: &Environment) -> Option<PathBuf> {
    let asked = env.os("RADIOSONDE_RINGS").filter(|path| !path.is_empty()).map(PathBuf::from);
    asked.or_else(|| config.rings.clone()).map(|path| env.cwd.join(path))
}

fn prometheus(config: &Config, env: &Environment, problems: &Problems) -> Option<String> {
    let text = |name: &str| env.text(name, problems);
    let wanted = exporters::is_prometheus(env, problems);
    let host = text("OTEL_EXPORTER_PROMETHEUS_HOST");
    let port = text("OTEL_EXPORTER_PROMETHEUS_PORT");
    if let Some(address) = text("RADIOSONDE_PROMETHEUS") {
        return (address != "off").then_some(address);
    }
    if wanted || host.is_some() || port.is_some() {
        let host = host.unwrap_or_else(|| "127.0.0.1".to_owned());
        let port = port.as_deref().map(str::trim).map(str::parse::<u16>);
        let port = match port {
            None => PROMETHEUS_PORT,
            Some(Ok(port)) => port,
            Some(Err(_)) => {
                problems.say(
                    "OTEL_EXPORTER_PROMETHEUS_PORT is not a port; 9464 is used",
                    "set it to a number from 0 to 65535",
                );
                PROMETHEUS_PORT
            }
        };
        return Some(format!("{host}:{port}"));
    }
    config.prometheus.clone()
}

fn metric_interval(text: Option<String>, problems: &Problems) -> Duration {
    let Some(text) = text else { return METRIC_INTERVAL };
    match text.trim().parse::<u64>() {
        Ok(millis @ 1..=86_400_000) => Duration::from_millis(millis),
        _ => {
            problems.say(
                format!("OTEL_METRIC_EXPORT_INTERVAL: `{text}` is not a number of milliseconds"),
                "set it to a whole number from 1 to 86400000, such as 60000",
            );
            METRIC_INTERVAL
        }
    }
}

/// Booleans of OpenTelemetry: `true` in any case is true, everything else false; what is neither
/// is named.
fn flag(value: &str, problems: &Problems) -> bool {
    let value = value.trim();
    if !value.eq_ignore_ascii_case("true") && !value.eq_ignore_ascii_case("false") {
        problems.say(
            format!("OTEL_SDK_DISABLED: `{value}` is neither true nor false; telemetry is on"),
            "set it to true or false",
        );
    }
    value.eq_ignore_ascii_case("true")
}

#[cfg(test)]
mod tests;
