//! What one process left, another one sends, as its owner would have.

use radiosonde_testkit::{Fault, Receiver, Script};

use crate::outages::numbers_once;
use crate::program::{End, PATIENCE, Plan, Program};

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

#[test]
fn another_service_sends_what_the_dead_one_left_where_that_one_would_have() {
    let theirs = Receiver::with(Script::healthy().until_told(Fault::Refuse)).unwrap();
    let ours = Receiver::start().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let (to_theirs, to_ours) = (theirs.http_endpoint(), ours.http_endpoint());
    let headers = "OTEL_EXPORTER_OTLP_HEADERS";
    let plan = Plan::new(100, End::Wait);
    let variables = [(ENDPOINT, to_theirs.as_str()), (headers, "x-tenant=theirs")];
    let mut dead = Program::start(directory.path(), &plan, &variables);
    let _ready = dead.hear("ready");
    // It is in the next slot while that one lives, and looks for the dead at its start and every minute.
    dead.kill();
    theirs.next_step();

    let mut other = Plan::new(10, End::Shutdown(20_000));
    (other.service, other.name, other.from) = ("stock".to_owned(), "other".to_owned(), 1_000);
    other.flush_ms = 30_000;
    let variables = [(ENDPOINT, to_ours.as_str()), (headers, "x-tenant=ours")];
    let adopter = Program::run(directory.path(), &other, &variables);
    let received = theirs.wait_for(100, PATIENCE).unwrap();
    assert_eq!(numbers_once(&theirs), (0..100).collect::<Vec<_>>());
    assert_eq!(numbers_once(&ours), (1_000..1_010).collect::<Vec<_>>());
    for log in &received.logs {
        assert_eq!(log.origin.resource.text("service.name"), Some("shop"), "under its own name");
    }
    for request in theirs.requests() {
        assert_eq!(request.header("x-tenant"), Some("theirs"), "{request:?}");
    }
    let report = adopter.report();
    let adopted = report["otlp"]["adopted"]["delivered"].as_u64().unwrap();
    assert!(adopted >= 100, "{report:#}");
}

#[test]
fn the_slot_of_a_dead_process_is_adopted_by_one_that_has_another() {
    let receiver = Receiver::with(Script::healthy().until_told(Fault::Refuse)).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let endpoint = receiver.http_endpoint();
    let variables = [(ENDPOINT, endpoint.as_str())];
    let start = |name: &str, from: u64| {
        let mut plan = Plan::new(50, End::Wait);
        (plan.name, plan.from) = (name.to_owned(), from);
        let program = Program::start(directory.path(), &plan, &variables);
        let _ready = program.hear("ready");
        program
    };
    let (first, second) = (start("first", 0), start("second", 50));
    // Both die; whoever comes next takes the slot of the first, and looks into that of the second.
    drop((first, second));
    receiver.next_step();
    let mut plan = Plan::new(0, End::Shutdown(20_000));
    (plan.name, plan.flush_ms) = ("next".to_owned(), 30_000);
    Program::run(directory.path(), &plan, &variables);
    let _all = receiver.wait_for(100, PATIENCE).unwrap();
    assert_eq!(numbers_once(&receiver), (0..100).collect::<Vec<_>>());
}

#[test]
fn a_program_that_sends_nothing_leaves_what_waits_and_says_so() {
    let receiver = Receiver::with(Script::healthy().until_told(Fault::Refuse)).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let endpoint = receiver.http_endpoint();
    let variables = [(ENDPOINT, endpoint.as_str())];
    Program::run(directory.path(), &Plan::new(40, End::Shutdown(500)), &variables);
    receiver.next_step();
    let mut plan = Plan::new(5, End::Shutdown(5_000));
    (plan.name, plan.from) = ("silent".to_owned(), 40);
    let report = Program::run(directory.path(), &plan, &[]).report();
    assert!(report["otlp"].is_null(), "{report:#}");
    let problems = report["problems"].as_array().unwrap();
    let told = |it: &serde_json::Value| it["what"].as_str().unwrap().contains("no endpoint");
    assert!(problems.iter().any(told), "{report:#}");
    assert_eq!(receiver.request_count(), 0);

    let mut plan = Plan::new(0, End::Shutdown(20_000));
    (plan.name, plan.flush_ms) = ("next".to_owned(), 30_000);
    Program::run(directory.path(), &plan, &variables);
    assert_eq!(numbers_once(&receiver), (0..40).collect::<Vec<_>>());
}
