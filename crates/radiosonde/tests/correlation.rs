//! Every line under a scope or a span carries its ids, through awaits, threads, tasks, nesting and
//! formatters that misbehave.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fmt;
use std::path::Path;
use std::time::Duration;

use radiosonde::{Guard, scope};
use serde_json::Value as Json;
use tracing::Instrument as _;

fn lines(telemetry: &Guard) -> Vec<Json> {
    let directory = telemetry.directory().unwrap().to_owned();
    telemetry.flush(Duration::from_secs(20));
    read(&directory)
}

fn read(directory: &Path) -> Vec<Json> {
    let mut lines = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            let text = std::fs::read_to_string(path).unwrap();
            // Other tests write here too: what has no end yet is theirs.
            let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
            lines.extend(whole.map(|line| serde_json::from_str::<Json>(line).unwrap()));
        }
    }
    lines
}

/// The lines of one job, by message.
fn of_job<'a>(lines: &'a [Json], job: &str, msg: &str) -> Vec<&'a Json> {
    lines.iter().filter(|line| line["job_id"] == job && line["msg"] == msg).collect()
}

fn one<'a>(lines: &'a [Json], job: &str, msg: &str) -> &'a Json {
    let found = of_job(lines, job, msg);
    assert_eq!(found.len(), 1, "{msg} in {job}: {found:?}");
    found[0]
}

#[test]
fn span_fields_of_the_correlation_names_reach_everything_below() {
    let telemetry = radiosonde::init!();
    let span =
        tracing::info_span!("outer", job_id = "field-job", worker_id = tracing::field::Empty);
    span.in_scope(|| {
        tracing::Span::current().record("worker_id", "late-worker");
        tracing::info!("by tracing");
        log::info!("by log");
        radiosonde::event!("by.event", "by event");
        metrics::counter!("correlated_total").increment(1);
        scope().job("inner-job").run(|| tracing::info!("inner"));
    });
    drop(span);
    let lines = lines(&telemetry);
    for msg in ["by tracing", "by log", "by event", "outer"] {
        let line = one(&lines, "field-job", msg);
        assert_eq!(line["worker_id"], "late-worker", "{line}");
        assert_eq!(line["trace_id"].as_str().unwrap().len(), 32);
    }
    one(&lines, "field-job", "correlated_total +1");
    let inner = one(&lines, "inner-job", "inner");
    assert_eq!(inner["worker_id"], "late-worker");
    let outer = one(&lines, "field-job", "outer");
    assert_eq!(outer["span_id"], inner["span_id"]);
    assert!(outer["meta"]["attributes"].get("job_id").is_none(), "an id is not said twice");
}

#[test]
fn a_span_made_before_its_scope_belongs_to_the_job_it_runs_in() {
    let telemetry = radiosonde::init!();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let span = tracing::info_span!("made early");
    let work = async { tracing::info!("inside") }.instrument(span);
    runtime.block_on(scope().job("late-job").wrap(work));
    let lines = lines(&telemetry);
    one(&lines, "late-job", "inside");
    one(&lines, "late-job", "made early");
}

#[test]
fn parents_are_right_over_tasks_and_explicit_ones_win() {
    let telemetry = radiosonde::init!();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(scope().job("tree").wrap(async {
        let root = tracing::info_span!("root");
        async {
            let task = async { tracing::info_span!("in task").in_scope(|| ()) };
            radiosonde::spawn(task).await.unwrap();
            let explicit = tracing::Span::current();
            tracing::info_span!("between").in_scope(|| {
                tracing::info_span!(parent: &explicit, "explicit").in_scope(|| ());
                tracing::info_span!(parent: None, "new trace").in_scope(|| ());
            });
        }
        .instrument(root)
        .await;
    }));
    telemetry.watch(runtime.handle());
    let lines = lines(&telemetry);
    let root = one(&lines, "tree", "root");
    assert!(root["meta"].get("parent_span_id").is_none());
    for child in ["in task", "between", "explicit"] {
        let child = one(&lines, "tree", child);
        assert_eq!(child["meta"]["parent_span_id"], root["span_id"], "{child}");
        assert_eq!(child["trace_id"], root["trace_id"]);
    }
    let new_trace = one(&lines, "tree", "new trace");
    assert_ne!(new_trace["trace_id"], root["trace_id"]);
    assert!(new_trace["meta"].get("parent_span_id").is_none());
}

#[test]
fn spans_exited_out_of_order_leave_the_right_context() {
    let telemetry = radiosonde::init!();
    let outer = tracing::info_span!("o", job_id = "out-of-order").entered();
    let inner = tracing::info_span!("i", worker_id = "w-inner").entered();
    drop(outer);
    tracing::info!("still inside");
    drop(inner);
    assert!(radiosonde::Context::current().is_empty(), "nothing is left behind");
    let lines = lines(&telemetry);
    assert_eq!(one(&lines, "out-of-order", "still inside")["worker_id"], "w-inner");
}

#[test]
fn formatters_that_log_or_panic_cost_nothing_but_their_value() {
    struct Logs;
    impl fmt::Display for Logs {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            tracing::warn!("from within a Display");
            scope().worker("inner").run(|| radiosonde::event!("from.within", "an event within"));
            f.write_str("value")
        }
    }
    struct Panics;
    impl fmt::Display for Panics {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("in a Display of job formatters")
        }
    }
    let telemetry = radiosonde::init!();
    scope().job("formatters").run(|| {
        tracing::info!(value = %Logs, "logs");
        radiosonde::event!("logs.too", value = %Logs, "logs in event");
        tracing::info!(value = %Panics, other = 1, "panics");
        tracing::info_span!("span with both", logs = %Logs, panics = %Panics).in_scope(|| ());
        let value = Logs;
        log::info!("{value} in a log record");
    });
    let lines = lines(&telemetry);
    assert_eq!(one(&lines, "formatters", "logs")["meta"]["value"], "value");
    assert_eq!(one(&lines, "formatters", "logs in event")["meta"]["value"], "value");
    let panics = one(&lines, "formatters", "panics");
    assert_eq!(panics["meta"]["value"], "[panicked while formatting]");
    assert_eq!(panics["meta"]["other"], 1);
    assert_eq!(of_job(&lines, "formatters", "from within a Display").len(), 4);
    assert_eq!(of_job(&lines, "formatters", "an event within").len(), 4);
    one(&lines, "formatters", "value in a log record");
    // The panic hook has seen both panics, and said where.
    let seen = of_job(&lines, "formatters", "in a Display of job formatters");
    assert_eq!(seen.len(), 2);
    assert!(seen[0]["meta"]["location"].as_str().unwrap().contains("correlation.rs"));
    assert_eq!((&seen[0]["evt"], &seen[0]["level"]), (&"panic".into(), &"critical".into()));
}

#[tokio::test(flavor = "current_thread")]
async fn flush_async_reaches_the_files_on_a_current_thread_runtime() {
    let telemetry = radiosonde::init!();
    scope().job("async-flush").run(|| tracing::info!("before the flush"));
    let flushed = telemetry.flush_async();
    let report = tokio::time::timeout(Duration::from_secs(20), flushed).await.unwrap();
    assert!(report.events.delivered > 0);
    let lines = read(telemetry.directory().unwrap());
    one(&lines, "async-flush", "before the flush");
}

#[test]
fn status_kind_and_names_of_opentelemetry_fields_are_understood() {
    let telemetry = radiosonde::init!();
    scope().job("otel").run(|| {
        let span = tracing::info_span!(
            "fallback",
            otel.name = "GET /users/{id}",
            otel.kind = "server",
            otel.status_code = tracing::field::Empty,
            http.status = 500,
        );
        span.record("otel.status_code", "ERROR");
        drop(span);
        tracing::info_span!("failing").in_scope(|| tracing::error!("went wrong"));
        tracing::debug_span!("below the filter").in_scope(|| tracing::debug!("as well"));
    });
    let lines = lines(&telemetry);
    let span = one(&lines, "otel", "GET /users/{id}");
    assert_eq!(
        (&span["meta"]["kind"], &span["meta"]["status"]),
        (&"server".into(), &"error".into())
    );
    assert_eq!(span["meta"]["attributes"], serde_json::json!({"http.status": 500}));
    assert_eq!(one(&lines, "otel", "failing")["meta"]["status"], "error");
    assert!(of_job(&lines, "otel", "below the filter").is_empty());
    assert!(of_job(&lines, "otel", "as well").is_empty());
}

#[test]
fn a_slow_formatter_on_one_thread_takes_nothing_from_a_span_on_another() {
    struct Waits(std::sync::Mutex<Option<std::sync::mpsc::Receiver<()>>>);
    impl fmt::Display for Waits {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            // Until the other thread has recorded its field and its error.
            if let Some(receiver) = self.0.lock().unwrap().take() {
                receiver.recv_timeout(Duration::from_secs(20)).unwrap();
            }
            f.write_str("slow")
        }
    }
    let telemetry = radiosonde::init!();
    let empty = tracing::field::Empty;
    let span = tracing::info_span!("shared", job_id = "shared", slow = empty, fast = empty);
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::scope(|threads| {
        let slow = Waits(std::sync::Mutex::new(Some(receiver)));
        let recording = span.clone();
        threads.spawn(move || {
            recording.record("slow", tracing::field::display(slow));
        });
        span.record("fast", 7);
        span.in_scope(|| tracing::error!("inside"));
        sender.send(()).unwrap();
    });
    drop(span);
    let lines = lines(&telemetry);
    let line = one(&lines, "shared", "shared");
    assert_eq!(line["meta"]["attributes"], serde_json::json!({"slow": "slow", "fast": 7}));
    assert_eq!(line["meta"]["status"], "error");
    assert_eq!(one(&lines, "shared", "inside")["span_id"], line["span_id"]);
}

#[test]
fn a_message_given_twice_garbles_nothing() {
    let telemetry = radiosonde::init!();
    let message = "the field";
    scope().job("twice").run(|| tracing::error!(message, "the text"));
    let lines = lines(&telemetry);
    let found: Vec<_> = lines.iter().filter(|line| line["job_id"] == "twice").collect();
    assert_eq!(found.len(), 1);
    let (msg, other) = (&found[0]["msg"], &found[0]["meta"]["message"]);
    let mut both = [msg.as_str().unwrap(), other.as_str().unwrap()];
    both.sort_unstable();
    assert_eq!(both, ["the field", "the text"]);
}
