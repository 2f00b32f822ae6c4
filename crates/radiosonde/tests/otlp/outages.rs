//! A receiver that is away, refuses, or says no for good.

use std::time::Duration;

use radiosonde_testkit::{Fault, Receiver, Script};

use crate::books::{add_up, exported};
use crate::common;
use crate::program::{End, PATIENCE, Plan, Program};
use crate::sent::numbers;

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

#[test]
fn a_receiver_that_comes_later_gets_everything() {
    let receiver = Receiver::with(Script::healthy().until_told(Fault::Refuse)).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let endpoint = receiver.http_endpoint();
    let plan = Plan::new(500, End::Wait);
    let mut program = Program::start(directory.path(), &plan, &[(ENDPOINT, &endpoint)]);
    let _ready = program.hear("ready");
    receiver.next_step();
    let received = receiver.wait_for(500, PATIENCE).unwrap();
    program.kill();
    assert!(numbers(&received).len() >= 490, "{}", received.len());
    // What it did not get before the kill is with the next start.
    let mut next = Plan::new(0, End::Shutdown(20_000));
    next.flush_ms = 20_000;
    next.name = "next".to_owned();
    Program::run(directory.path(), &next, &[(ENDPOINT, &endpoint)]);
    assert_eq!(numbers_once(&receiver), (0..500).collect::<Vec<_>>());
}

/// The numbers of all events that came, each once however often it came.
pub(crate) fn numbers_once(receiver: &Receiver) -> Vec<u64> {
    let mut numbers = numbers(&receiver.received());
    numbers.dedup();
    numbers
}

#[test]
fn what_is_pending_at_the_end_is_said_and_sent_by_the_next_start() {
    let receiver = Receiver::with(Script::healthy().until_told(Fault::Refuse)).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let endpoint = receiver.http_endpoint();
    let mut plan = Plan::new(200, End::Shutdown(2_000));
    (plan.everything, plan.flush_ms) = (true, 100);
    let program = Program::run(directory.path(), &plan, &[(ENDPOINT, &endpoint)]);
    let report = program.report();
    assert!(exported(&report, "logs", "pending") >= 200, "{report:#}");
    assert_eq!(exported(&report, "logs", "delivered"), 0, "{report:#}");
    assert_eq!(report["events"]["pending"], 0, "they are in their files: {report:#}");
    let problems = report["problems"].as_array().unwrap();
    let why = |it: &serde_json::Value| it["what"].as_str().unwrap().contains("does not take them");
    assert!(problems.iter().any(why), "{report:#}");

    receiver.next_step();
    let mut plan = Plan::new(10, End::Shutdown(20_000));
    (plan.name, plan.from, plan.flush_ms) = ("next".to_owned(), 200, 30_000);
    let next = Program::run(directory.path(), &plan, &[(ENDPOINT, &endpoint)]);
    let _all = receiver.wait_for(210, PATIENCE).unwrap();
    assert_eq!(numbers_once(&receiver), (0..210).collect::<Vec<_>>());
    let report = next.report();
    add_up(&report);
    let adopted = &report["otlp"]["adopted"];
    assert!(adopted["delivered"].as_u64().unwrap() >= 200, "{report:#}");
    assert_eq!(adopted["pending"], 0, "{report:#}");
    assert!(!crate::program::telemetry(directory.path()).join("inst/0/spool").exists());
}

#[test]
fn a_hundred_events_of_a_short_program_arrive() {
    let receiver = Receiver::start().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let endpoint = receiver.http_endpoint();
    for (at, end) in [End::Return, End::Exit].into_iter().enumerate() {
        let mut plan = Plan::new(100, end);
        plan.cli = true;
        (plan.from, plan.name) = (at as u64 * 100, format!("short-{at}"));
        Program::run(directory.path(), &plan, &[(ENDPOINT, &endpoint)]);
    }
    let mut last = Plan::new(0, End::Shutdown(20_000));
    (last.name, last.flush_ms) = ("last".to_owned(), 20_000);
    Program::run(directory.path(), &last, &[(ENDPOINT, &endpoint)]);
    let _all = receiver.wait_for(200, PATIENCE).unwrap();
    assert_eq!(numbers_once(&receiver), (0..200).collect::<Vec<_>>());
}

#[test]
fn a_wrong_token_is_held_and_told_and_the_right_one_sends_what_waited() {
    let receiver = Receiver::with(Script::healthy().until_told(Fault::status(401))).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let endpoint = receiver.http_endpoint();
    let headers = "OTEL_EXPORTER_OTLP_HEADERS";
    let plan = Plan::new(50, End::Wait);
    let wrong = [(ENDPOINT, endpoint.as_str()), (headers, "authorization=Bearer%20wrong")];
    let mut program = Program::start(directory.path(), &plan, &wrong);
    let _ready = program.hear("ready");
    let _asked = receiver.wait_for_requests(1, PATIENCE).unwrap();
    program.kill();
    assert_eq!(numbers_once(&receiver), Vec::<u64>::new());

    // Held, and said so where people look.
    let mut held = Plan::new(10, End::Shutdown(3_000));
    (held.name, held.from, held.flush_ms) = ("held".to_owned(), 50, 3_000);
    let report = Program::run(directory.path(), &held, &wrong).report();
    assert!(exported(&report, "logs", "pending") >= 10, "{report:#}");
    let destinations = report["otlp"]["destinations"].as_array().unwrap();
    assert!(destinations.iter().any(|it| it["state"] == "held"), "{report:#}");
    let problems = report["problems"].as_array().unwrap();
    let told = |it: &&serde_json::Value| it["what"].as_str().unwrap().contains("401");
    assert!(problems.iter().any(|problem| told(&problem)), "{report:#}");

    receiver.next_step();
    let mut mended = Plan::new(10, End::Shutdown(20_000));
    (mended.name, mended.from, mended.flush_ms) = ("mended".to_owned(), 60, 30_000);
    let right = [(ENDPOINT, endpoint.as_str()), (headers, "authorization=Bearer%20right")];
    Program::run(directory.path(), &mended, &right);
    let _all = receiver.wait_for(70, PATIENCE).unwrap();
    assert_eq!(numbers_once(&receiver), (0..70).collect::<Vec<_>>());
    let taken = receiver.requests().into_iter().filter(|it| it.is_kept && it.records > 0);
    for request in taken {
        assert_eq!(
            request.header("authorization"),
            Some("Bearer right"),
            "what waited had another"
        );
    }
}

#[test]
fn a_receiver_that_hangs_does_not_hold_up_the_end() {
    for (fault, cli) in [
        (Fault::HangBeforeBody, false),
        (Fault::HangAfterBody, false),
        (Fault::HangAfterBody, true),
    ] {
        let receiver = Receiver::with(Script::healthy().until_told(fault)).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let endpoint = receiver.http_endpoint();
        let mut plan = Plan::new(50, if cli { End::Return } else { End::Shutdown(1_000) });
        plan.cli = cli;
        let began = std::time::Instant::now();
        let program = Program::run(directory.path(), &plan, &[(ENDPOINT, &endpoint)]);
        if !cli {
            let report = program.report();
            let took = report["shutdown_ms"].as_u64().unwrap();
            assert!(took < 1_900, "{took} ms");
            assert!(exported(&report, "logs", "pending") >= 50, "{report:#}");
        }
        assert!(began.elapsed() < Duration::from_secs(15));
        // It is all there for the next start.
        receiver.next_step();
        let mut next = Plan::new(0, End::Shutdown(20_000));
        (next.name, next.flush_ms) = ("next".to_owned(), 30_000);
        Program::run(directory.path(), &next, &[(ENDPOINT, &endpoint)]);
        let _all = receiver.wait_for(50, PATIENCE).unwrap();
        assert_eq!(numbers_once(&receiver), (0..50).collect::<Vec<_>>());
    }
}

#[test]
fn what_has_no_room_is_counted_told_and_the_rest_is_sent() {
    let receiver = Receiver::with(Script::healthy().until_told(Fault::Refuse)).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let endpoint = receiver.http_endpoint();
    let mut plan = Plan::new(2_000, End::Shutdown(5_000));
    // 16 MB for 8.
    plan.padding = 8_000;
    plan.flush_ms = 100;
    let variables = [(ENDPOINT, endpoint.as_str()), ("RADIOSONDE_SPOOL_BYTES", "8MiB")];
    let report = Program::run(directory.path(), &plan, &variables).report();
    add_up(&report);
    for lost in ["pending", "dropped"] {
        assert_eq!(report["events"][lost], 0, "all of them are in their file: {report:#}");
    }
    let lost = exported(&report, "logs", "dropped");
    assert!((500..2_000).contains(&lost), "{report:#}");
    let reasons = &report["otlp"]["signals"][0]["dropped_by_reason"];
    assert_eq!(reasons[0][0], "cap", "{report:#}");
    assert!(is_told(&report, &["will not be sent", "the spool is full (8.0 MiB)"]), "{report:#}");

    receiver.next_step();
    let mut next = Plan::new(0, End::Shutdown(20_000));
    (next.name, next.flush_ms) = ("next".to_owned(), 40_000);
    // A filter takes none of what telemetry lost.
    let variables = [(ENDPOINT, endpoint.as_str()), ("RUST_LOG", "info,radiosonde=error")];
    Program::run(directory.path(), &next, &variables);
    let received = receiver.received();
    let came = numbers(&received);
    assert!(came.len() as u64 + lost >= 2_000, "{} came, {lost} lost", came.len());
    assert_eq!(came.last(), Some(&1_999), "the newest are kept");
    // Each loss is told once, in the files and to the receiver, where such a line can be lost in turn.
    let records = |gap: &serde_json::Value| gap["meta"]["records"].as_u64().unwrap();
    let lines = common::event_lines(&crate::program::telemetry(directory.path()));
    let gaps = lines.iter().filter(|line| line["evt"] == "radiosonde.gap");
    assert_eq!(gaps.map(records).sum::<u64>(), lost, "what was lost is what was told");
    assert!(received.logs.iter().any(|log| log.event_name == "radiosonde.gap"));
}

/// Whether a problem of a report has all of these words.
fn is_told(report: &serde_json::Value, words: &[&str]) -> bool {
    let problems = report["problems"].as_array().unwrap().iter();
    let mut whats = problems.map(|problem| problem["what"].as_str().unwrap());
    whats.any(|what| words.iter().all(|word| what.contains(word)))
}

#[test]
fn what_a_receiver_takes_and_does_not_keep_is_told_with_its_reason() {
    let message = "no such tenant".to_owned();
    let partial = Fault::PartialSuccess { rejected: 3, message };
    for (fault, words, rejected, pending) in [
        (partial, ["records of logs were refused by", "no such tenant"], 3, 0),
        // Who has never given an answer of OTLP has been given nothing: it waits.
        (Fault::Garbage, ["wait, as", "its answer cannot be read"], 0, 20),
    ] {
        let receiver = Receiver::with(Script::healthy().until_told(fault)).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let endpoint = receiver.http_endpoint();
        let mut plan = Plan::new(20, End::Shutdown(10_000));
        plan.flush_ms = 20_000;
        let report = Program::run(directory.path(), &plan, &[(ENDPOINT, &endpoint)]).report();
        add_up(&report);
        assert!(is_told(&report, &words), "{words:?} in {report:#}");
        // Three of each request.
        let refused = exported(&report, "logs", "rejected");
        assert!(refused >= rejected && (refused == 0) == (rejected == 0), "{report:#}");
        assert!(exported(&report, "logs", "pending") >= pending, "{report:#}");
    }
}
