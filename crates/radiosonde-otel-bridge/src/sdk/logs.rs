//! Log records to event lines.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use radiosonde_record::{Builder, Journal, Kind, Level, Site, Value};

use super::ids::{context, is_id, span_id, trace_id};
use super::origin::{self, Origin};
use super::time::Moment;
use super::value::{Held, hexadecimal};

/// Longest name of an event.
const NAME_MAX: usize = 128;

/// How many records are in a request.
pub(super) fn count(request: &ExportLogsServiceRequest) -> usize {
    let scopes = request.resource_logs.iter().flat_map(|resource| &resource.scope_logs);
    scopes.map(|scope| scope.log_records.len()).sum()
}

pub(super) fn record(journal: &Journal, request: &ExportLogsServiceRequest) {
    for resource in &request.resource_logs {
        let service = origin::service(journal, resource.resource.as_ref());
        for scope in &resource.scope_logs {
            let origin = Origin::new(service, scope.scope.as_ref());
            for log in &scope.log_records {
                let level = level(log);
                if journal.allows(origin.source(), level) {
                    record_one(journal, &origin, level, log);
                }
            }
        }
    }
}

fn record_one(journal: &Journal, origin: &Origin<'_>, level: Level, log: &LogRecord) {
    let (trace, span) = (trace_id(&log.trace_id), span_id(&log.span_id));
    let context = context(trace.zip(span), log.flags & 1 == 1, &log.attributes);
    let moment = Moment::first_of([log.time_unix_nano, log.observed_time_unix_nano]);
    let is_named = is_event_name(&log.event_name);
    let site = Site::from(origin.descriptor(if is_named { &log.event_name } else { "log" }));
    let what = (Kind::Event, level);
    journal.record_at(moment.ns, what, &site, &context.packed(), |record| {
        let body = Held::of(log.body.as_ref());
        match &body {
            // Keys say what is secret in a map, so it is no text; and bytes are none.
            Held::Bytes(_) | Held::Json(_) | Held::Marked(_) => {
                record.message(Value::Str(&log.event_name));
            }
            Held::Null => record.message(Value::Str("")),
            body => record.message(body.value()),
        }
        if let Held::Bytes(_) | Held::Json(_) | Held::Marked(_) = body {
            record.field_named("body", body.value());
        }
        for attribute in log.attributes.iter().filter(|attribute| !is_id(attribute)) {
            record.field_named(&attribute.key, Held::of(attribute.value.as_ref()).value());
        }
        if !is_named && !log.event_name.is_empty() {
            record.field_named("event_name", Value::Str(&log.event_name));
        }
        if let (Some(trace), None) = (trace, span) {
            record.field_named("trace_id", Value::Str(&hexadecimal(&trace.to_bytes())));
        }
        severity(log, level, record);
        if log.dropped_attributes_count > 0 {
            let count = Value::U64(log.dropped_attributes_count.into());
            record.field_named("dropped_attributes_count", count);
        }
        moment.tell(record);
        origin.each(&mut |key, value| record.field_named(key, value));
    });
}

/// What of the severity the level does not say: the steps between two levels, and a text of its own.
fn severity(log: &LogRecord, level: Level, record: &mut Builder<'_>) {
    let number = log.severity_number;
    if number > 24 || number > 0 && number % 4 != 1 {
        record.field_named("severity_number", Value::I64(number.into()));
    }
    let text = &log.severity_text;
    if !text.is_empty() && Level::parse(text) != Some(level) {
        record.field_named("severity_text", Value::Str(text));
    }
}

/// By the ranges of `SeverityNumber`; without a number what the text says.
fn level(log: &LogRecord) -> Level {
    match log.severity_number {
        ..=0 => Level::parse(&log.severity_text).unwrap_or(Level::Info),
        1..=4 => Level::Trace,
        5..=8 => Level::Debug,
        9..=12 => Level::Info,
        13..=16 => Level::Warning,
        17..=20 => Level::Error,
        21.. => Level::Critical,
    }
}

/// Whether it can stand in a line as `evt`, and means no other kind of line there.
fn is_event_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
    let fits = !name.is_empty() && name.len() <= NAME_MAX && name.bytes().all(is_allowed);
    fits && !["metric", "span"].contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_follow_the_number_and_then_the_text() {
        let cases = [
            (1, "", Level::Trace),
            (4, "INFO", Level::Trace),
            (5, "", Level::Debug),
            (9, "", Level::Info),
            (16, "", Level::Warning),
            (17, "", Level::Error),
            (21, "", Level::Critical),
            (i32::MAX, "", Level::Critical),
            (0, "WARN", Level::Warning),
            (0, "fatal", Level::Critical),
            (-7, "notice", Level::Info),
        ];
        for (severity_number, text, expected) in cases {
            let severity_text = text.to_owned();
            let log = LogRecord { severity_number, severity_text, ..LogRecord::default() };
            assert_eq!(level(&log), expected, "{severity_number} {text}");
        }
    }

    #[test]
    fn names_that_mean_another_line_are_none() {
        for name in ["user.action", "a:b-c_D9", &"x".repeat(128)] {
            assert!(is_event_name(name), "{name}");
        }
        let long = "x".repeat(129);
        for name in ["", "span", "metric", "event src/main.rs:7", "größe", "a\"b", &long] {
            assert!(!is_event_name(name), "{name}");
        }
    }
}
