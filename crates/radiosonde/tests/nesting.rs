//! What docs/context.md says of contexts inside of each other, and of baggage: its lines, run.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::mpsc;

use radiosonde::{Baggage, BaggageError, Carried, Context, SpanId, TraceId, propagation, scope};

/// Job and worker.
fn ids() -> (Option<String>, Option<String>) {
    let context = Context::current();
    (context.job_id().map(str::to_owned), context.worker_id().map(str::to_owned))
}

fn both(job: &str, worker: &str) -> (Option<String>, Option<String>) {
    (Some(job.to_owned()), Some(worker.to_owned()))
}

#[test]
fn a_worker_that_takes_a_value_out_of_a_channel_is_at_its_job() {
    let (sender, receiver) = mpsc::channel();
    sender.send(Carried::new("nobody's")).unwrap();
    scope().job("sender").run(|| sender.send(Carried::new("sender's")).unwrap());
    drop(sender);
    let worker = radiosonde::worker("w-3");
    let mut seen = Vec::new();
    for carried in receiver {
        worker.job("job-7").run(|| carried.run(|value| seen.push((value, ids()))));
    }
    let expected = [("nobody's", both("job-7", "w-3")), ("sender's", both("sender", "w-3"))];
    assert_eq!(seen, expected);
}

#[test]
fn a_message_without_fields_takes_the_job_away_unless_the_job_is_inside() {
    let message: [(&str, &str); 0] = [];
    let worker = radiosonde::worker("w-3");
    let context = propagation::extract(&message);
    worker.job("job-7").run(|| {
        assert_eq!(context.run(ids), (None, None));
        let over = context.over(&Context::current());
        assert_eq!(over.run(ids), both("job-7", "w-3"));
    });
    assert_eq!(context.run(|| worker.job("job-7").run(ids)), both("job-7", "w-3"));
    let (trace, span): (TraceId, SpanId) = (TraceId::random(), SpanId::random());
    let message = [("traceparent", format!("00-{trace}-{span}-01"))];
    let context = propagation::extract(&message);
    let trace_id = || Context::current().trace_id();
    assert_eq!(context.run(|| worker.job("job-7").run(trace_id)), Some(trace));
}

#[test]
fn baggage_is_set_for_a_piece_of_code_and_read_inside_of_it() -> Result<(), BaggageError> {
    let tenant = || Context::current().baggage().get("tenant").map(str::to_owned);
    let baggage = Context::current().baggage().with("tenant", "acme")?;
    let inside = Context::current().with_baggage(baggage).run(tenant);
    assert_eq!((inside.as_deref(), tenant()), (Some("acme"), None));
    assert!(Baggage::default().with("a b", "no key").is_err());
    Ok(())
}

#[test]
#[cfg(feature = "http")]
fn headers_of_a_request_are_a_carrier() {
    let mut headers = http::HeaderMap::new();
    let (trace, span) = (TraceId::random(), SpanId::random());
    let context = Context::default().with_span(trace, span, true);
    propagation::inject_to("localhost:80", &context, &mut headers);
    assert_eq!(headers["traceparent"], format!("00-{trace}-{span}-03").as_str());
    assert_eq!(propagation::extract(&headers).span_id(), Some(span));
}
