//! Programs that are killed: what they had accepted arrives, once.

use radiosonde_runtime::drain::{Options, drain};
use radiosonde_testkit::{Fault, Receiver, Script};

use crate::outages::numbers_once;
use crate::program::{End, PATIENCE, Plan, Program};
use crate::sent::numbers;

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
/// Room for the numbers of one life.
const LIFE: u64 = 1_000_000;
const LIVES: u64 = 5;

fn five_deaths(receiver: &Receiver, heal_after: u64) {
    let directory = tempfile::tempdir().unwrap();
    let endpoint = receiver.http_endpoint();
    let mut accepted = Vec::new();
    for life in 0..LIVES {
        if life == heal_after {
            receiver.next_step();
        }
        let mut plan = Plan::new(0, End::Work);
        (plan.name, plan.from) = (format!("life-{life}"), life * LIFE);
        let mut program = Program::start(directory.path(), &plan, &[(ENDPOINT, &endpoint)]);
        let _ready = program.hear("ready");
        let deadline = std::time::Instant::now() + PATIENCE;
        while program.accepted() < 300 * (life + 1) {
            assert!(std::time::Instant::now() < deadline, "it does not work");
            std::thread::yield_now();
        }
        program.kill();
        accepted.push(program.accepted());
    }
    let mut last = Plan::new(0, End::Shutdown(30_000));
    (last.name, last.flush_ms) = ("last".to_owned(), 50_000);
    Program::run(directory.path(), &last, &[(ENDPOINT, &endpoint)]);
    let _all = receiver.wait_for(accepted.iter().sum(), PATIENCE).unwrap();
    let came = numbers_once(receiver);
    for (life, accepted) in (0..).zip(accepted) {
        let of_life = came.iter().filter(|number| **number / LIFE == life);
        let of_life: Vec<u64> = of_life.map(|number| number % LIFE).collect();
        // The one that was being recorded at the kill may be there or not.
        let least: Vec<u64> = (0..accepted).collect();
        assert_eq!(of_life[..accepted as usize], least, "life {life}");
        assert!(of_life.len() as u64 <= accepted + 1, "life {life}");
    }
}

#[test]
fn five_kills_cost_nothing_and_repeat_at_most_what_was_under_way() {
    let receiver = Receiver::start().unwrap();
    five_deaths(&receiver, LIVES);
    let all = numbers(&receiver.received()).len() as u64;
    let duplicates = all - numbers_once(&receiver).len() as u64;
    // What a receiver had taken when its answer did not find anybody: up to four requests.
    assert!(duplicates <= LIVES * 4 * 2_048, "{duplicates} of {all}");
}

#[test]
fn five_kills_while_the_receiver_is_away_cost_nothing_either() {
    let receiver = Receiver::with(Script::healthy().until_told(Fault::Refuse)).unwrap();
    five_deaths(&receiver, LIVES - 1);
}

#[test]
fn what_a_killed_program_left_is_sent_without_its_next_start() {
    let receiver = Receiver::with(Script::healthy().until_told(Fault::Refuse)).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let endpoint = receiver.http_endpoint();
    let plan = Plan::new(0, End::Work);
    let mut program = Program::start(directory.path(), &plan, &[(ENDPOINT, &endpoint)]);
    let _ready = program.hear("ready");
    let deadline = std::time::Instant::now() + PATIENCE;
    while program.accepted() < 500 {
        assert!(std::time::Instant::now() < deadline, "it does not work");
        std::thread::yield_now();
    }
    let telemetry = crate::program::telemetry(directory.path());
    let options = Options::new(&telemetry);
    receiver.next_step();
    let drained = drain(&options, &mut |_| ()).unwrap();
    assert_eq!(drained.records.delivered, 0, "it lives, and sends itself");

    receiver.play(Script::healthy().until_told(Fault::Refuse));
    program.kill();
    let accepted = program.accepted();
    receiver.next_step();
    let drained = drain(&options, &mut |_| ()).unwrap();
    assert_eq!((drained.records.pending, drained.problems), (0, Vec::new()));
    let came = numbers_once(&receiver);
    assert_eq!(came[..accepted as usize], (0..accepted).collect::<Vec<_>>());
    assert!(!telemetry.join("inst/0/spool").exists(), "nothing is left");
    let again = drain(&options, &mut |_| ()).unwrap();
    assert_eq!(again.records.delivered, 0);
}
