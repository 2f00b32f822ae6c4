//! From a request to records and an answer.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::StatusCode;
use opentelemetry_http::{Bytes, Request};
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use radiosonde_record::{Journal, Kind, patiently, with_current};

use super::body::{Refused, unpacked};
use super::wire::{self, TooMany};
use super::{Signal, logs, metrics, reason, spans};

/// How long a batch waits for the drain each time its ring is full. It comes on a thread of the SDK,
/// whose own limits are seconds.
const BATCH_WAIT: Duration = Duration::from_secs(1);

/// Requests that came when there was no journal, by signal. They reach the books of the first one.
static UNHEARD: [AtomicU64; 3] = [const { AtomicU64::new(0) }; 3];

/// What the SDK is told.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
}

/// Records what is in a request.
pub(super) fn take(request: &Request<Bytes>, signal: Option<Signal>) -> Answer {
    let taken = with_current(|journal| {
        for kind in Kind::ALL {
            let unheard = UNHEARD[kind as usize].swap(0, Ordering::Relaxed);
            journal
                .refuse(kind, reason::NO_JOURNAL, unheard, || "requests before init!".to_owned());
        }
        take_to(journal, request, signal)
    });
    match taken {
        Some(Ok(body)) => Answer { status: StatusCode::OK, body: body.into() },
        Some(Err(refused)) => Answer { status: refused.status, body: refused.text.into() },
        None => {
            UNHEARD[kind(signal) as usize].fetch_add(1, Ordering::Relaxed);
            let text = "telemetry is not running: call radiosonde::init! first";
            Answer { status: StatusCode::SERVICE_UNAVAILABLE, body: text.into() }
        }
    }
}

/// Tells the journal that somebody else sends this signal.
pub(super) fn note_sent_elsewhere(signal: Option<Signal>) {
    let _noted = with_current(|journal| journal.note_sent_elsewhere(kind(signal)));
}

/// A response of OTLP, or why there is none.
fn take_to(
    journal: &Journal,
    request: &Request<Bytes>,
    signal: Option<Signal>,
) -> Result<Vec<u8>, Refused> {
    let taken = match signal {
        Some(signal) => unpacked(request).and_then(|body| {
            wire::check(signal, &body).map_err(too_many)?;
            match signal {
                Signal::Logs => take_logs(journal, &body),
                Signal::Metrics => take_metrics(journal, &body),
                Signal::Traces => take_spans(journal, &body),
            }
        }),
        None => {
            let text = "the path names no signal: it ends in /v1/logs, /v1/metrics or /v1/traces, \
                        or the client is told by for_signal";
            Err(Refused::new(StatusCode::NOT_FOUND, reason::WRONG_PATH, text))
        }
    };
    if let Err(refused) = &taken {
        let first = || format!("{} ({})", refused.text, request.uri().path());
        journal.refuse(kind(signal), refused.reason, refused.records, first);
    } else if journal.is_closed() {
        // Counted record by record, as all that comes too late.
        let text = "telemetry has ended";
        return Err(Refused::new(StatusCode::SERVICE_UNAVAILABLE, reason::AFTER_SHUTDOWN, text));
    }
    taken
}

fn take_logs(journal: &Journal, body: &[u8]) -> Result<Vec<u8>, Refused> {
    let request = ExportLogsServiceRequest::decode(body).map_err(malformed)?;
    waiting(logs::count(&request), || logs::record(journal, &request));
    Ok(ExportLogsServiceResponse::default().encode_to_vec())
}

fn take_metrics(journal: &Journal, body: &[u8]) -> Result<Vec<u8>, Refused> {
    let request = ExportMetricsServiceRequest::decode(body).map_err(malformed)?;
    let refused = waiting(metrics::count(&request), || metrics::record(journal, &request));
    let partial_success = (refused > 0).then(|| ExportMetricsPartialSuccess {
        rejected_data_points: refused.try_into().unwrap_or(i64::MAX),
        error_message: REFUSED.to_owned(),
    });
    Ok(ExportMetricsServiceResponse { partial_success }.encode_to_vec())
}

fn take_spans(journal: &Journal, body: &[u8]) -> Result<Vec<u8>, Refused> {
    let request = ExportTraceServiceRequest::decode(body).map_err(malformed)?;
    let refused = waiting(spans::count(&request), || spans::record(journal, &request));
    let partial_success = (refused > 0).then(|| ExportTracePartialSuccess {
        rejected_spans: refused.try_into().unwrap_or(i64::MAX),
        error_message: REFUSED.to_owned(),
    });
    Ok(ExportTraceServiceResponse { partial_success }.encode_to_vec())
}

const REFUSED: &str = "some could not be recorded: the report of radiosonde names why";

/// Runs `f`, whose records may wait for the drain when they are a batch.
fn waiting<R>(records: usize, f: impl FnOnce() -> R) -> R {
    if records > 1 { patiently(BATCH_WAIT, f) } else { f() }
}

fn too_many(found: TooMany) -> Refused {
    let TooMany { text, records } = found;
    let refused = Refused::new(StatusCode::PAYLOAD_TOO_LARGE, reason::TOO_LARGE, text);
    Refused { records, ..refused }
}

// The text of the error would repeat parts of the message.
fn malformed(_: prost::DecodeError) -> Refused {
    let text = "the body is no export request of OTLP for this path";
    Refused::new(StatusCode::BAD_REQUEST, reason::MALFORMED, text)
}

/// Which books a request belongs to. One that names no signal stands in those of events.
fn kind(signal: Option<Signal>) -> Kind {
    match signal {
        Some(Signal::Logs) | None => Kind::Event,
        Some(Signal::Metrics) => Kind::Metric,
        Some(Signal::Traces) => Kind::Span,
    }
}
