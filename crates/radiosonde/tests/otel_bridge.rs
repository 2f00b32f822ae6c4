//! `init!(otel_bridge = true)`: what the OpenTelemetry API records is on disk as everything else is.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;
#[path = "common/process.rs"]
mod process;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use opentelemetry::global;
use opentelemetry::trace::{SpanKind, TraceContextExt as _, Tracer as _};
use process::{Helper, PATIENCE, hear, say, wait_for_the_end};
use radiosonde::{Config, Context, Global, Guard, Profile, Service};
use radiosonde_events::recover::recover_directory;
use serde_json::Value as Json;
use tracing::{info, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::layer::SubscriberExt as _;

/// The headers of a caller.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

fn config(root: &Path) -> Config {
    let config = Config::new(Service::new("bridged", "1.0.0")).profile(Profile::Cli);
    config.dir(root).otel_bridge(true)
}

/// What a service does that knows nothing of radiosonde.
fn serve(running: impl FnOnce()) {
    let headers = [("traceparent".to_owned(), format!("00-{TRACE}-{CALLER}-01"))];
    let headers: HashMap<_, _> = headers.into();
    let request = info_span!("request", job_id = "job-7");
    let parent = global::get_text_map_propagator(|propagator| propagator.extract(&headers));
    request.set_parent(parent).unwrap();
    request.in_scope(|| {
        info!("handled");
        let tracer = global::tracer("shop");
        drop(tracer.start("stock"));
        let charge = tracer.span_builder("charge").with_kind(SpanKind::Client).start(&tracer);
        let _inside = opentelemetry::Context::current_with_span(charge).attach();
        info!("charging");
        metrics::counter!("charges_total").increment(1);
        running();
    });
}

/// Counts what it sees.
struct Seeing(Arc<AtomicUsize>);

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Seeing {
    fn on_event(&self, _: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        assert!(Context::current().span_id().is_some());
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn play(directory: &Path, part: &str) {
    let root = directory.join("telemetry");
    let shut = |telemetry: Guard| {
        let report = telemetry.shutdown(PATIENCE);
        assert_eq!(report.problems, [], "{report}");
        assert_eq!((report.spans.delivered, report.events.delivered), (3, 2), "{report}");
    };
    match part {
        "killed" => {
            let telemetry = config(&root).init();
            serve(|| {
                assert!(telemetry.report().problems.is_empty(), "{}", telemetry.report());
                say(directory, "running", "");
                wait_for_the_end();
            });
        }
        "layers" => {
            let seen = Arc::new(AtomicUsize::new(0));
            let telemetry = config(&root).layers([Seeing(Arc::clone(&seen))]).init();
            assert_eq!(log::max_level(), log::LevelFilter::Info);
            serve(|| {});
            assert_eq!(seen.load(Ordering::Relaxed), 2);
            shut(telemetry);
            let [charge] = &lines(&root, "spans-", "charge")[..] else { panic!("one") };
            let [change] = &lines(&root, "metrics-", "charges_total")[..] else { panic!("one") };
            for id in ["trace_id", "span_id", "job_id"] {
                assert_eq!(change[id], charge[id], "{change}");
            }
        }
        "parts" => {
            let parts = config(&root).build();
            assert!(parts.layer.is_none());
            // The spans that the bridge lets through are nothing to `log`.
            assert_eq!(parts.logger.max_level(), log::LevelFilter::Info);
            let bridge = parts.otel.map(|bridge| {
                bridge.set_global();
                bridge.layer()
            });
            let subscriber = tracing_subscriber::registry().with(bridge).with(parts.layer);
            tracing::subscriber::with_default(subscriber, || serve(|| {}));
            shut(parts.guard);
        }
        "occupied" => {
            tracing::subscriber::set_global_default(tracing_subscriber::registry()).unwrap();
            let telemetry = config(&root).init();
            let problems = telemetry.report().problems;
            let [problem] = problems.as_slice() else { panic!("{problems:?}") };
            assert!(problem.what.starts_with("a tracing subscriber is already set"), "{problem}");
            // The API goes on.
            drop(global::tracer("shop").start("stock"));
            assert_eq!(telemetry.shutdown(PATIENCE).spans.delivered, 1);
        }
        "left" => {
            // Nothing of it is installed, whoever asked for it: that is named, and nothing else is.
            let telemetry = config(&root).leave([Global::Subscriber]).init();
            let problems = telemetry.report().problems;
            let [problem] = problems.as_slice() else { panic!("{problems:?}") };
            assert!(problem.what.contains("bridge") && problem.what.contains("`leave`"));
            assert!(problem.fix.contains("Config::build()"), "{problem}");
            drop(global::tracer("shop").start("stock"));
            tracing::subscriber::set_global_default(tracing_subscriber::registry()).unwrap();
            assert_eq!(telemetry.shutdown(PATIENCE).spans.offered, 0);
        }
        other => panic!("no part {other}"),
    }
}

#[test]
fn what_the_api_records_survives_a_kill() {
    if let Some((directory, part)) = process::part() {
        return play(&directory, &part);
    }
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("telemetry");
    let mut killed =
        Helper::start("what_the_api_records_survives_a_kill", directory.path(), "killed");
    hear(directory.path(), "running");
    killed.kill();
    let recovered = recover_directory(&root, false).unwrap();
    assert_eq!(recovered.instances[0].recovered.interrupted, 2);
    let events = common::event_lines(&root);
    let open: Vec<&Json> = events.iter().filter(|line| line["evt"] == "span.interrupted").collect();
    let [request, charge] = open.as_slice() else { panic!("{open:?}") };
    assert_eq!(
        (&request["meta"]["name"], &charge["meta"]["name"]),
        (&"request".into(), &"charge".into())
    );
    assert_eq!(request["meta"]["parent_span_id"], CALLER);
    assert_eq!(charge["meta"]["parent_span_id"], request["span_id"]);
    assert_eq!((&request["source"], &charge["source"]), (&"otel_bridge".into(), &"shop".into()));
    let said = |msg: &str| events.iter().find(|line| line["msg"] == msg).unwrap();
    let stock = lines(&root, "spans-", "stock").remove(0);
    assert_eq!(stock["meta"]["parent_span_id"], request["span_id"]);
    for (line, span) in [(said("handled"), request), (said("charging"), charge)] {
        assert_eq!((&line["span_id"], &line["job_id"]), (&span["span_id"], &"job-7".into()));
    }
    for line in events.iter().chain([&stock]).filter(|line| line.get("span_id").is_some()) {
        assert_eq!(line["trace_id"], TRACE, "{line}");
    }
}

#[test]
fn layers_of_the_application_work_beside_it() {
    started("layers_of_the_application_work_beside_it", "layers");
}

#[test]
fn parts_can_be_put_together_by_hand() {
    started("parts_can_be_put_together_by_hand", "parts");
}

#[test]
fn a_subscriber_that_is_there_is_named_and_the_api_goes_on() {
    started("a_subscriber_that_is_there_is_named_and_the_api_goes_on", "occupied");
}

#[test]
fn a_subscriber_that_is_left_leaves_the_bridge_out_and_that_is_named() {
    started("a_subscriber_that_is_left_leaves_the_bridge_out_and_that_is_named", "left");
}

fn started(test: &str, part: &str) {
    if let Some((directory, part)) = process::part() {
        return play(&directory, &part);
    }
    let directory = tempfile::tempdir().unwrap();
    Helper::start(test, directory.path(), part).join();
}

/// The lines of one kind of day files with this name that have a job.
fn lines(directory: &Path, kind: &str, name: &str) -> Vec<Json> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap().map(Result::unwrap) {
        if entry.file_name().to_string_lossy().starts_with(kind) {
            let text = std::fs::read_to_string(entry.path()).unwrap();
            let lines = text.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
            found.extend(
                lines.filter(|line| line["meta"]["name"] == name && line["job_id"].is_string()),
            );
        }
    }
    found
}
