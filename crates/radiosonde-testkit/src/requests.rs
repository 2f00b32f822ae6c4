//! What is remembered of each request.

use crate::Fault;
use std::time::Instant;

/// The three signals of OTLP that are received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Signal {
    /// Log records and events.
    Logs,
    /// Data points of metrics.
    Metrics,
    /// Spans.
    Traces,
}

impl Signal {
    /// All of them.
    pub const ALL: [Signal; 3] = [Signal::Logs, Signal::Metrics, Signal::Traces];

    pub(crate) fn of_path(path: &str, is_grpc: bool) -> Option<Signal> {
        let (path, signal) = if is_grpc {
            let service = path.strip_prefix("/opentelemetry.proto.collector.")?;
            service.split_once('.')?
        } else {
            path.rsplit_once('/')?
        };
        match (path, signal) {
            ("logs", "v1.LogsService/Export") => Some(Signal::Logs),
            ("metrics", "v1.MetricsService/Export") => Some(Signal::Metrics),
            ("trace", "v1.TraceService/Export") => Some(Signal::Traces),
            _ if is_grpc => None,
            (_, "logs") => Some(Signal::Logs),
            (_, "metrics") => Some(Signal::Metrics),
            (_, "traces") => Some(Signal::Traces),
            _ => None,
        }
    }
}

/// How a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Transport {
    /// gRPC.
    Grpc,
    /// OTLP/HTTP.
    Http,
}

/// One request that came, and what became of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Request {
    /// Its number, from 1.
    pub number: u64,
    /// When its head had been read.
    pub at: Instant,
    /// How it came.
    pub transport: Transport,
    /// What it carries; none when its path is of no signal.
    pub signal: Option<Signal>,
    /// Its path.
    pub path: String,
    /// Its headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Size of its body as it came; 0 when it was not read.
    pub body_bytes: usize,
    /// Records in it; 0 when it was not decoded.
    pub records: usize,
    /// How the script treated it.
    pub fault: Fault,
    /// What was answered: the status of HTTP, the code of gRPC; 0 also when nothing was.
    pub status: u16,
    /// Whether its records were kept, or some of them.
    pub is_kept: bool,
}

impl Request {
    /// The value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_says_the_signal() {
        for (path, http, grpc) in [
            ("/v1/logs", Some(Signal::Logs), None),
            ("/prefix/v1/metrics", Some(Signal::Metrics), None),
            ("/custom/traces", Some(Signal::Traces), None),
            (
                "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
                None,
                Some(Signal::Traces),
            ),
            ("/opentelemetry.proto.collector.trace.v1.LogsService/Export", None, None),
            ("/v1/profiles", None, None),
            ("", None, None),
        ] {
            assert_eq!(Signal::of_path(path, false), http, "{path}");
            assert_eq!(Signal::of_path(path, true), grpc, "{path}");
        }
    }
}
