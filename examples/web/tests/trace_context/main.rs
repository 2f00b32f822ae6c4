//! The rules of the W3C recommendations, against a running server: what each kind of header becomes,
//! in the spans on disk and in the request that the server sends on.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod baggage;
mod cases;
mod server;

use std::collections::BTreeMap;
use std::path::Path;

use cases::{Case, PARENT, TRACE, Trace};
use server::{Headers, Server};

// One test: there is one telemetry in a process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_rule_holds_for_the_spans_on_disk_and_for_the_requests_that_are_sent_on() {
    let directory = tempfile::tempdir().unwrap();
    let telemetry = server::telemetry(directory.path());
    let server = Server::start().await;
    let cases = cases::all();
    let mut sent_on = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        sent_on.push(server.forward(number, &case.headers).await);
    }
    baggage::rules(&server).await;
    baggage::limits(&server).await;
    let ids = baggage::ids(&server).await;
    drop(server);
    let report = telemetry.shutdown(server::PATIENCE);
    assert_eq!((report.spans.pending, report.spans.dropped), (0, 0), "{report}");
    let spans = Spans::read(directory.path());
    let mut wrong = Vec::new();
    for (number, (case, headers)) in cases.iter().zip(&sent_on).enumerate() {
        if let Err(complaint) = judge(number, case, headers, &spans) {
            wrong.push(format!("{}: {complaint}\n  {case:?}\n  sent on: {headers:?}", case.rule));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    ids.judge(directory.path());
}

fn judge(number: usize, case: &Case, sent_on: &Headers, spans: &Spans) -> Result<(), String> {
    let parent = match sent_on.all("traceparent")[..] {
        [one] => one,
        ref others => return Err(format!("sent on as {} parents", others.len())),
    };
    let parts: Vec<&str> = parent.split('-').collect();
    let [version, trace, span, flags] = parts[..] else {
        return Err(format!("`{parent}` is no parent"));
    };
    let digits = |text: &str, count| {
        text.len() == count && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_form = version == "00" && digits(trace, 32) && digits(span, 16) && digits(flags, 2);
    if !is_form || trace == "0".repeat(32) || span == "0".repeat(16) {
        return Err(format!("`{parent}` is not of the form"));
    }
    let (expected_flags, parent_span) = match case.trace {
        Trace::Continued(flags) => (flags, Some(PARENT)),
        Trace::Restarted => (3, None),
    };
    if (trace == TRACE) != (case.trace != Trace::Restarted) {
        return Err(format!("the trace that is sent on is {trace}"));
    }
    if span == PARENT {
        return Err("the caller's span is sent on as ours".to_owned());
    }
    if flags != format!("{expected_flags:02x}") {
        return Err(format!("flags {flags} are sent on, not {expected_flags:02x}"));
    }
    let states = sent_on.all("tracestate");
    let state = (!states.is_empty()).then(|| states.join(","));
    if state != case.state {
        return Err(format!("trace state {state:?} is sent on, not {:?}", case.state));
    }
    let is_sampled = expected_flags & 1 == 1;
    match spans.servers.get(&format!("/case/{number}")) {
        None if is_sampled => Err("no span on disk".to_owned()),
        None => Ok(()),
        Some(_) if !is_sampled => Err("a span on disk though it is not sampled".to_owned()),
        Some(server) if server.trace != trace => {
            Err(format!("the span on disk is of the trace {}", server.trace))
        }
        Some(server) if server.parent.as_deref() != parent_span => {
            Err(format!("the parent on disk is {:?}", server.parent))
        }
        Some(server) if spans.parents.get(span) != Some(&server.span) => {
            Err("what was sent on is not the client's span below the server's".to_owned())
        }
        Some(_) => Ok(()),
    }
}

/// The spans on disk.
struct Spans {
    /// By their path.
    servers: BTreeMap<String, Span>,
    /// The parent of each span.
    parents: BTreeMap<String, String>,
}

struct Span {
    trace: String,
    span: String,
    parent: Option<String>,
}

impl Spans {
    fn read(directory: &Path) -> Self {
        let mut spans = Self { servers: BTreeMap::new(), parents: BTreeMap::new() };
        for line in server::lines(directory, "spans-") {
            let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
            let (trace, span) = (text(&line["trace_id"]).unwrap(), text(&line["span_id"]).unwrap());
            let parent = text(&line["meta"]["parent_span_id"]);
            if let Some(parent) = &parent {
                spans.parents.insert(span.clone(), parent.clone());
            }
            if line["meta"]["kind"] == "server" {
                let path = text(&line["meta"]["attributes"]["url.path"]).unwrap();
                spans.servers.insert(path, Span { trace, span, parent });
            }
        }
        spans
    }
}
