//! A start among what very many processes have left.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use radiosonde_testkit::{Fault, Receiver, Script};

use crate::outages::numbers_once;
use crate::program::{End, PATIENCE, Plan, Program, telemetry};

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
/// As many as a crash loop leaves in a night.
const DEAD: usize = 300;

#[test]
fn three_hundred_dead_spools_hold_up_neither_the_start_nor_the_end() {
    let down = Receiver::with(Script::healthy().until_told(Fault::Refuse)).unwrap();
    let ours = Receiver::start().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let (to_down, to_ours) = (down.http_endpoint(), ours.http_endpoint());
    let variables = [(ENDPOINT, to_down.as_str())];
    Program::run(directory.path(), &Plan::new(5, End::Shutdown(500)), &variables);
    multiply(directory.path(), DEAD);

    // Whoever has the same collector ends in time, with some of them open and the others waiting.
    let mut plan = Plan::new(5, End::Shutdown(2_000));
    (plan.name, plan.from) = ("same".to_owned(), 100);
    let report = Program::run(directory.path(), &plan, &variables).report();
    let took = Duration::from_millis(report["shutdown_ms"].as_u64().unwrap());
    assert!(took < Duration::from_secs(5), "{took:?}");
    let adopted = &report["otlp"]["adopted"];
    let (open, waiting) = (adopted["spools"].as_u64().unwrap(), adopted["waiting"].as_u64());
    assert!(open <= 16, "{adopted}");
    assert_eq!(open + waiting.unwrap(), DEAD as u64, "{adopted}");

    // Whoever has another one sends its own at once, whatever waits for the one that is down.
    let mut plan = Plan::new(10, End::Wait);
    (plan.name, plan.from) = ("other".to_owned(), 200);
    let began = Instant::now();
    let other = Program::start(directory.path(), &plan, &[(ENDPOINT, to_ours.as_str())]);
    let _ready = other.hear("ready");
    let _received = ours.wait_for(10, PATIENCE).unwrap();
    assert_eq!(numbers_once(&ours), (200..210).collect::<Vec<_>>());
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

/// Copies the one spool that was left until there are so many.
fn multiply(directory: &Path, count: usize) {
    let spools = telemetry(directory).join("inst/0/spool");
    let left: Vec<PathBuf> =
        std::fs::read_dir(&spools).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [original] = &left[..] else { panic!("{left:?}") };
    for number in 1..count {
        copy(original, &spools.join(format!("{number:08}")));
    }
}

fn copy(from: &Path, to: &Path) {
    use std::os::unix::fs::PermissionsExt as _;

    std::fs::create_dir(to).unwrap();
    std::fs::set_permissions(to, std::fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &to);
            continue;
        }
        let mut bytes = std::fs::read(&path).unwrap();
        if path.extension().is_some_and(|it| it == "seg") {
            // Room that was never used; a frame ends with its last byte and is padded to eight.
            let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
            bytes.truncate(used.next_multiple_of(8));
        }
        std::fs::write(&to, bytes).unwrap();
        std::fs::set_permissions(&to, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
}
