//! Records of others that could not be taken over, as problems.

use radiosonde_record::{Journal, Kind, Refusal};

use crate::problem::Problem;
use crate::words::counted;

/// One for each signal and reason.
pub(crate) fn problems(journal: &Journal) -> Vec<Problem> {
    let refusals = journal.refusals();
    // A point without a value is how a series ends, and no mistake.
    refusals.iter().filter(|refusal| refusal.reason != "no_value").map(problem).collect()
}

/// One for each signal that comes from an exporter which sends it itself, and that we send as well.
pub(crate) fn sent_twice(journal: &Journal, sends: &dyn Fn(Kind) -> bool) -> Vec<Problem> {
    let twice = |kind: &Kind| journal.is_sent_elsewhere(*kind) && sends(*kind);
    let twice = Kind::ALL.into_iter().filter(twice);
    twice
        .map(|kind| {
            let (records, exporter) = match kind {
                Kind::Event => ("logs", "OTEL_LOGS_EXPORTER"),
                Kind::Span => ("spans", "OTEL_TRACES_EXPORTER"),
                Kind::Metric => ("metrics", "OTEL_METRICS_EXPORTER"),
            };
            Problem::warning(
                format!(
                    "{records} of an OpenTelemetry SDK are sent twice: by its own exporter, and by \
                     radiosonde"
                ),
                format!(
                    "write SdkClient::new() in the place of in_front_of(…), and radiosonde alone sends \
                     them; or set {exporter}=none, and it sends no {records} at all"
                ),
            )
        })
        .collect()
}

fn problem(refusal: &Refusal) -> Problem {
    let Refusal { kind, reason, count, first, .. } = refusal;
    let what = format!(
        "{} of an OpenTelemetry SDK for {} could not be taken over ({reason}; a request counts as \
         one), the first: {first}",
        counted(*count, "record"),
        kind.as_str()
    );
    Problem::warning(what, fix(reason))
}

fn fix(reason: &str) -> &'static str {
    match reason {
        "content_encoding" => "set OTEL_EXPORTER_OTLP_COMPRESSION to gzip or zstd, or unset it",
        "content_type" => "set OTEL_EXPORTER_OTLP_PROTOCOL to http/protobuf",
        "malformed" => {
            "bodies: give the client to exporters of opentelemetry-otlp 0.33 only, one for each signal; \
             points and spans: mend the pipeline that makes them without a name, ids, a known \
             temporality, or with buckets that do not fit"
        }
        "no_journal" => "call init! before the providers of the SDK are built",
        "past_limit" => "export metrics through fewer readers at once, or give them fewer series",
        "too_large" => "export smaller batches: OTEL_BLRP_MAX_EXPORT_BATCH_SIZE and its like",
        "wrong_path" => {
            "end the endpoint in /v1/logs, /v1/metrics or /v1/traces, or use for_signal"
        }
        _ => "read docs/opentelemetry-sdk.md, which has the reasons",
    }
}

#[cfg(test)]
mod tests {
    use radiosonde_record::{Filter, Level, Placement};

    use super::*;

    #[test]
    fn what_goes_two_ways_is_named_by_its_signal_and_what_goes_one_is_not() {
        let journal = Journal::open(Placement::Memory, Filter::at(Level::Info)).unwrap();
        assert!(sent_twice(&journal, &|_| true).is_empty(), "nobody else sends");
        journal.note_sent_elsewhere(Kind::Span);
        assert!(sent_twice(&journal, &|kind| kind != Kind::Span).is_empty(), "we do not");
        let [problem] = &sent_twice(&journal, &|_| true)[..] else { panic!("one signal") };
        assert!(problem.what.contains("spans"), "{problem}");
        assert!(problem.fix.contains("OTEL_TRACES_EXPORTER=none"), "{problem}");
    }

    #[test]
    fn what_was_refused_is_named_with_its_fix_and_ends_of_series_are_not() {
        let journal = Journal::open(Placement::Memory, Filter::at(Level::Info)).unwrap();
        journal.refuse(Kind::Metric, "no_value", 3, || "points of gone".to_owned());
        assert!(problems(&journal).is_empty());
        journal.refuse(Kind::Metric, "past_limit", 2, || "points of many".to_owned());
        journal.refuse(Kind::Event, "content_type", 1, || "no protobuf (/v1/logs)".to_owned());
        journal.refuse(Kind::Span, "malformed", 1, || "a span of x without ids".to_owned());
        let told = problems(&journal);
        let told: Vec<_> = told.iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 3);
        assert!(told[0].contains("for metrics") && told[0].contains("points of many"), "{told:?}");
        assert!(told[1].contains("http/protobuf") && told[1].contains("/v1/logs"), "{told:?}");
        let span = told.iter().find(|text| text.contains("without ids")).unwrap();
        assert!(span.contains("points and spans: mend"), "{span}");
    }
}
