//! What is sent over OTLP, and which records have day files besides.

use radiosonde_record::Kind;

use super::Environment;
use super::files::Read;
use crate::config::Config;
use crate::otlp::Destinations;
use crate::problem::Problems;

/// The variable that says where everything goes.
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const FILES: &str = "RADIOSONDE_FILES";
/// Less than this in a variable is a unit that was forgotten.
const SPOOL_LEAST: u64 = 4 << 20;

/// What is sent over OTLP, and which records have day files besides.
#[derive(Clone, Debug)]
pub(crate) struct OtlpSettings {
    /// Where to; `None` when nothing is sent.
    pub(crate) destinations: Option<Destinations>,
    /// Bytes that the spool may take on disk; `None` for what is usual.
    #[cfg_attr(not(feature = "_otlp"), expect(dead_code, reason = "nothing waits"))]
    pub(crate) spool_bytes: Option<u64>,
    /// Of which kinds all records have lines in day files. The others have those lines only that are
    /// sent nowhere.
    pub(crate) files: Vec<Kind>,
}

impl OtlpSettings {
    pub(super) fn resolve(config: &Config, env: &Environment, problems: &Problems) -> Self {
        let of_code = |name: &str| (name == ENDPOINT).then(|| config.otlp.clone()).flatten();
        let lookup = |name: &str| env.text(name, problems).or_else(|| of_code(name));
        let is_of_code =
            config.otlp.is_some() && env.text(ENDPOINT, &Problems::default()).is_none();
        let destinations = Destinations::resolve(&lookup, is_of_code.then_some(ENDPOINT), problems);
        let sent = destinations.as_ref().map_or([false; 3], Destinations::by_kind);
        let mut files = Kind::ALL.to_vec();
        // Events stay readable on the spot; for spans and metrics there is a backend.
        files.retain(|kind| *kind == Kind::Event || !sent[*kind as usize]);
        if let Some(asked) = asked_files(env, problems) {
            for kind in files.iter().filter(|kind| !asked.contains(kind) && !sent[**kind as usize])
            {
                problems.say(
                    format!(
                        "{FILES} leaves out {}, which are sent nowhere: they go to files all the same",
                        file_of(*kind)
                    ),
                    "set an endpoint for OTLP, or switch them off where they are made: RUST_LOG, \
                     OTEL_TRACES_SAMPLER=always_off",
                );
            }
            files = Kind::ALL.to_vec();
            files.retain(|kind| asked.contains(kind) || !sent[*kind as usize]);
        }
        let read = Read { env, problems };
        let spool_bytes =
            read.bytes("RADIOSONDE_SPOOL_BYTES", SPOOL_LEAST).filter(|bytes| *bytes > 0);
        Self { destinations, spool_bytes, files }
    }
}

/// The kinds that `RADIOSONDE_FILES` names, if it is set and understood.
fn asked_files(env: &Environment, problems: &Problems) -> Option<Vec<Kind>> {
    let text = env.text(FILES, problems)?;
    let mut kinds = Vec::new();
    for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        match Kind::ALL.into_iter().find(|kind| file_of(*kind) == word) {
            Some(kind) => kinds.push(kind),
            None if word == "none" => {}
            None => {
                problems.say(
                    format!("{FILES}: `{word}` is not understood, and the variable not used"),
                    "set it to some of events,spans,metrics, or to none",
                );
                return None;
            }
        }
    }
    Some(kinds)
}

/// What files of this kind begin with.
fn file_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Event => "events",
        Kind::Span => "spans",
        Kind::Metric => "metrics",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Service;

    fn resolve(config: &Config, variables: &[(&str, &str)]) -> (OtlpSettings, Vec<String>) {
        let (env, problems) = (Environment::of(variables), Problems::default());
        let found = OtlpSettings::resolve(config, &env, &problems);
        (found, problems.all().into_iter().map(|problem| problem.what).collect())
    }

    fn config() -> Config {
        Config::new(Service::new("shop", "1"))
    }

    #[test]
    fn without_an_endpoint_everything_has_its_file() {
        for variables in [
            &[][..],
            &[(FILES, "events,spans,metrics")],
            &[("OTEL_TRACES_EXPORTER", "none"), ("OTEL_EXPORTER_OTLP_HEADERS", "a=b")],
        ] {
            let (found, problems) = resolve(&config(), variables);
            assert!(found.destinations.is_none(), "{variables:?}");
            assert_eq!(found.files, Kind::ALL, "{variables:?}");
            assert_eq!(problems, Vec::<String>::new(), "{variables:?}");
        }
    }

    #[test]
    fn what_is_sent_nowhere_stays_in_files_and_a_word_nobody_knows_changes_nothing() {
        let (found, problems) = resolve(&config(), &[(FILES, "events, metrics")]);
        assert_eq!(found.files, Kind::ALL);
        assert_eq!(problems.len(), 1);
        assert!(problems[0].contains("leaves out spans"), "{problems:?}");
        let (found, problems) = resolve(&config(), &[(FILES, "events,logs")]);
        assert_eq!(found.files, Kind::ALL);
        assert!(problems[0].contains("`logs` is not understood"), "{problems:?}");
        let (_, problems) = resolve(&config(), &[(FILES, "none")]);
        assert_eq!(problems.len(), 3, "{problems:?}");
    }

    #[cfg(not(feature = "_otlp"))]
    #[test]
    fn an_endpoint_in_a_program_that_cannot_send_is_a_problem_that_names_the_feature() {
        let of_code = config().otlp("http://collector:4318");
        for (config, variables) in [
            (&of_code, &[][..]),
            (&config(), &[(ENDPOINT, "http://collector:4318")]),
            (&config(), &[("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://collector:4318/v1/logs")]),
            (&config(), &[("OTEL_TRACES_EXPORTER", "otlp")]),
        ] {
            let (env, problems) = (Environment::of(variables), Problems::default());
            let found = OtlpSettings::resolve(config, &env, &problems);
            assert_eq!(found.files, Kind::ALL);
            assert!(found.destinations.is_none());
            let problems = problems.all();
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert!(problems[0].fix.contains("`otlp-http`"), "{problems:?}");
        }
    }

    #[cfg(feature = "_otlp")]
    #[test]
    fn what_is_sent_has_a_file_only_where_it_is_events_or_asked_for() {
        use Kind::{Event, Metric, Span};
        let endpoint = (ENDPOINT, "http://collector:4318");
        let none = |signal| (signal, "none");
        type Case<'a> = (&'a [(&'a str, &'a str)], [bool; 3], &'a [Kind]);
        let cases: [Case<'_>; 8] = [
            (&[endpoint], [true; 3], &[Event]),
            (&[endpoint, (FILES, "none")], [true; 3], &[]),
            (&[endpoint, (FILES, "spans")], [true; 3], &[Span]),
            (&[endpoint, none("OTEL_TRACES_EXPORTER")], [true, false, true], &[Event, Span]),
            (
                &[endpoint, ("OTEL_METRICS_EXPORTER", "prometheus")],
                [true, true, false],
                &[Event, Metric],
            ),
            (&[("OTEL_TRACES_EXPORTER", "otlp")], [false, true, false], &[Event, Metric]),
            (
                &[("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://h:1/v1/logs")],
                [true, false, false],
                &[Event, Span, Metric],
            ),
            (
                &[
                    endpoint,
                    none("OTEL_TRACES_EXPORTER"),
                    none("OTEL_LOGS_EXPORTER"),
                    none("OTEL_METRICS_EXPORTER"),
                ],
                [false; 3],
                &[Event, Span, Metric],
            ),
        ];
        for (variables, sent, files) in cases {
            let (found, problems) = resolve(&config(), variables);
            let found_sent = found.destinations.as_ref().map_or([false; 3], Destinations::by_kind);
            assert_eq!(found_sent, sent, "{variables:?}");
            assert_eq!(found.files, files, "{variables:?}");
            assert_eq!(problems, Vec::<String>::new(), "{variables:?}");
        }
        let (_, said) = resolve(&config().otlp("localhost:4318"), &[]);
        assert!(said.len() == 1 && !said[0].contains("OTEL_"), "{said:?}");
        assert!(said[0].starts_with("the endpoint that the code sets"), "{said:?}");
        let (found, _) = resolve(&config().otlp("http://collector:4318"), &[]);
        assert!(found.destinations.is_some(), "the code asks for it");
    }
}
