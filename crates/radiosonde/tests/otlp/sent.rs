//! What reaches a receiver that is well.

use radiosonde_testkit::{Received, Receiver};
use serde_json::Value;

use crate::books::{add_up, exported};
use crate::program::{End, PATIENCE, Plan, Program, telemetry};

/// The numbers of the events that came, sorted.
pub(crate) fn numbers(received: &Received) -> Vec<u64> {
    let placed = received.logs.iter().filter(|log| log.event_name == "order.placed");
    let number = |log: &radiosonde_testkit::Log| log.attributes.int("number").unwrap() as u64;
    let mut numbers: Vec<u64> = placed.map(number).collect();
    numbers.sort_unstable();
    numbers
}

/// Receiver, and the variables of a program that sends to it: over HTTP and over gRPC.
fn both(receiver: &Receiver) -> [Vec<(&'static str, String)>; 2] {
    let endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";
    [
        vec![(endpoint, receiver.http_endpoint())],
        vec![
            (endpoint, receiver.grpc_endpoint()),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc".to_owned()),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip".to_owned()),
        ],
    ]
}

pub(crate) fn borrowed<'a>(variables: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    variables.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

#[test]
fn everything_arrives_once_over_http_and_grpc_and_all_books_say_so() {
    for at in 0..2 {
        let receiver = Receiver::start().unwrap();
        let variables = both(&receiver)[at].clone();
        let directory = tempfile::tempdir().unwrap();
        let mut plan = Plan::new(300, End::Shutdown(10_000));
        plan.everything = true;
        plan.flush_ms = 20_000;
        let program = Program::run(directory.path(), &plan, &borrowed(&variables));
        let received = receiver.received();
        assert_eq!(numbers(&received), (0..300).collect::<Vec<_>>());
        assert_eq!(receiver.counts().duplicates(), 0);
        let spans: Vec<_> = received.spans.iter().filter(|span| span.name == "order").collect();
        assert_eq!(spans.len(), 30);
        let inside = received.logs.iter().filter(|log| log.trace_id == spans[0].trace_id);
        assert_eq!(inside.count(), 1, "the event in a span has its ids");
        assert!(received.points_of("orders_total").next().is_some());

        let report = program.report();
        for signal in ["logs", "traces", "metrics"] {
            assert_eq!(exported(&report, signal, "pending"), 0, "{signal}: {report:#}");
            assert!(exported(&report, signal, "delivered") > 0, "{signal}: {report:#}");
        }
        let logs = exported(&report, "logs", "delivered");
        assert_eq!(logs, received.logs.len() as u64);
        assert_eq!(exported(&report, "traces", "delivered"), received.spans.len() as u64);
        assert_eq!(exported(&report, "metrics", "delivered"), received.points.len() as u64);
        // Events have their file, spans and metrics went only where they were sent.
        let files: Vec<_> =
            std::fs::read_dir(telemetry(directory.path())).unwrap().flatten().collect();
        let begin = |start: &str| {
            files
                .iter()
                .filter(|file| file.file_name().to_string_lossy().starts_with(start))
                .count()
        };
        assert_eq!((begin("events-"), begin("spans-")), (1, 0), "{files:?}");
        // Nothing is left behind.
        let left = telemetry(directory.path()).join("inst/0/spool");
        assert!(!left.exists(), "{left:?}");
    }
}

#[test]
fn the_resource_says_who_sends_and_files_are_as_asked_for() {
    let receiver = Receiver::start().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let mut plan = Plan::new(20, End::Shutdown(10_000));
    plan.everything = true;
    plan.flush_ms = 20_000;
    let endpoint = receiver.http_endpoint();
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_SERVICE_NAME", "checkout"),
        (
            "OTEL_RESOURCE_ATTRIBUTES",
            "team=blue,deployment.environment.name=staging,api_key=hunter2",
        ),
        ("RADIOSONDE_MACHINE_ID", "m-7"),
        ("RADIOSONDE_FILES", "events,spans,metrics"),
    ];
    let program = Program::run(directory.path(), &plan, &variables);
    let received = receiver.received();
    assert_eq!(numbers(&received).len(), 20);
    let instance = program.report()["instance"].as_str().unwrap().to_owned();
    for log in &received.logs {
        let resource = &log.origin.resource;
        for (name, value) in [
            ("service.name", "checkout"),
            ("service.version", "1.0.0"),
            ("service.instance.id", &instance),
            ("team", "blue"),
            ("deployment.environment.name", "staging"),
            ("machine_id", "m-7"),
            ("telemetry.sdk.name", "radiosonde"),
        ] {
            assert_eq!(resource.text(name), Some(value), "{name}");
        }
        assert_eq!(resource.text("api_key"), Some("[redacted]"));
    }
    for start in ["events-", "spans-", "metrics-"] {
        let files = std::fs::read_dir(telemetry(directory.path())).unwrap().flatten();
        let found =
            files.filter(|file| file.file_name().to_string_lossy().starts_with(start)).count();
        assert_eq!(found, 1, "{start}");
    }
}

#[test]
fn the_code_may_name_the_endpoint_and_the_environment_wins() {
    let (of_code, of_operator) = (Receiver::start().unwrap(), Receiver::start().unwrap());
    for (variables, arrives, not) in [
        (vec![], &of_code, &of_operator),
        (
            vec![("OTEL_EXPORTER_OTLP_ENDPOINT", of_operator.http_endpoint())],
            &of_operator,
            &of_code,
        ),
    ] {
        let (before, others) = (arrives.counts().unique, not.counts().unique);
        let directory = tempfile::tempdir().unwrap();
        let mut plan = Plan::new(10, End::Shutdown(10_000));
        plan.endpoint = Some(of_code.http_endpoint());
        plan.flush_ms = 20_000;
        Program::run(directory.path(), &plan, &borrowed(&variables));
        assert!(arrives.counts().unique >= before + 10);
        assert_eq!(not.counts().unique, others);
    }
}

#[test]
fn what_is_switched_off_is_not_sent() {
    let receiver = Receiver::start().unwrap();
    let endpoint = receiver.http_endpoint();
    let run = |variables: &[(&str, &str)]| -> Value {
        let directory = tempfile::tempdir().unwrap();
        let mut plan = Plan::new(20, End::Shutdown(10_000));
        plan.everything = true;
        let mut all = vec![("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str())];
        all.extend(variables);
        Program::run(directory.path(), &plan, &all).report()
    };
    let disabled = run(&[("OTEL_SDK_DISABLED", "true")]);
    assert!(disabled["disabled"].as_bool().unwrap() && disabled["otlp"].is_null());
    assert_eq!(receiver.request_count(), 0, "{:?}", receiver.requests());

    let report = run(&[("OTEL_TRACES_EXPORTER", "none"), ("OTEL_METRICS_EXPORTER", "none")]);
    add_up(&report);
    let received = receiver.wait_for(20, PATIENCE).unwrap();
    assert_eq!(numbers(&received), (0..20).collect::<Vec<_>>());
    assert!(received.spans.is_empty() && received.points.is_empty());
    for signal in ["traces", "metrics"] {
        assert_eq!(exported(&report, signal, "spooled"), 0, "nothing waits for ever: {report:#}");
    }
    assert_eq!(report["spans"]["delivered"], 2, "they have their file: {report:#}");
}

#[test]
fn a_secret_in_an_attribute_is_never_on_the_wire() {
    // What is hidden is decided on the way to the spool: one look at all the requests is enough.
    let receiver = Receiver::start().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let mut plan = Plan::new(10, End::Shutdown(10_000));
    plan.everything = true;
    plan.flush_ms = 20_000;
    let endpoint = receiver.http_endpoint();
    // The field `number` of every event and span stands for one.
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("RADIOSONDE_REDACT_KEYS", "number"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20hunter2"),
    ];
    let program = Program::run(directory.path(), &plan, &variables);
    let received = receiver.received();
    let placed: Vec<_> =
        received.logs.iter().filter(|log| log.event_name == "order.placed").collect();
    assert_eq!(placed.len(), 10);
    assert!(
        placed.iter().all(|log| log.attributes.text("number") == Some("[redacted]")),
        "{placed:?}"
    );
    let span = received.spans.iter().find(|span| span.name == "order").unwrap();
    assert_eq!(span.attributes.text("number"), Some("[redacted]"));
    let requests = receiver.requests();
    assert!(requests.iter().all(|it| it.header("authorization") == Some("Bearer hunter2")));
    assert!(!program.report().to_string().contains("hunter2"), "headers are nobody's business");
}

#[test]
fn a_forked_child_sends_nothing_and_its_parent_goes_on() {
    let receiver = Receiver::start().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let endpoint = receiver.http_endpoint();
    let plan = Plan::new(50, End::Fork);
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str())];
    let program = Program::run(directory.path(), &plan, &variables);
    add_up(&program.report());
    let received = receiver.wait_for(50, PATIENCE).unwrap();
    assert_eq!(numbers(&received), (0..50).collect::<Vec<_>>());
    assert_eq!(receiver.counts().duplicates(), 0);
}
