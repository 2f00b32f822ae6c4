//! A real reader, from the first line to the last.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, SystemTime};

use radiosonde::{Config, Profile, Service};
use radiosonde_events::upkeep::{Retention, SEAL_AFTER, Step};
use radiosonde_record::patiently;
use radiosonde_store::names::StoredFile;

use crate::process::{Helper, PATIENCE, part, wait_for_the_end, wait_until};
use crate::processes::{Clock, DAY, Process};
use crate::read;
use crate::rsyslog::{Follower, Message};

/// Lines a process writes before it is killed, or ends.
const LINES: u64 = 2_000;
const PART_BYTES: u64 = 20_000;

#[test]
fn programs_that_rotate_die_and_seal_are_followed_to_the_last_line() {
    if let Some((directory, part)) = part() {
        return write(&directory, &part);
    }
    let root = tempfile::tempdir().unwrap();
    let Some(follower) = Follower::start(root.path()) else { return };
    let start = |part| {
        let test = "follow::programs_that_rotate_die_and_seal_are_followed_to_the_last_line";
        Helper::start(test, root.path(), part)
    };
    // Two processes, two slots; one is killed in the middle and its slot goes on with another.
    let mut first = start("long");
    wait_until("the first one rotates", || read::names(root.path(), ".jsonl").len() > 4);
    let mut second = start("short");
    wait_until("the second one has files", || {
        let all = StoredFile::list(root.path()).unwrap();
        all.iter().any(|file| file.day.slot == 1)
    });
    first.kill();
    let mut third = start("short");
    second.join();
    third.join();
    let written = lines(root.path()).len();
    assert!(written as u64 > 2 * LINES, "{written}");
    follower.wait_for(written);

    // All of it is closed. The next process seals it at once, and writes a little.
    let closed = read::names(root.path(), ".jsonl");
    start("sealing").join();
    let sealed = read::names(root.path(), ".jsonl.zst").len();
    assert!(sealed > 10 && sealed + 6 > closed.len(), "{sealed} of {closed:?}");
    follower.wait_for(lines(root.path()).len());
    compare(root.path(), follower.finish());
}

/// A process of the test above. Its day ends only with the real one: then there is a file more.
fn write(directory: &Path, part: &str) {
    let closed = read::names(directory, ".jsonl").len() as u64;
    let mut config = Config::new(Service::new("shop", "1.0.0")).profile(Profile::Cli);
    config = config.dir(directory).rotate_bytes(PART_BYTES);
    if part == "sealing" {
        config = config.seal_after(Duration::ZERO);
    }
    // Without the test nobody would end one that writes for ever.
    std::thread::spawn(|| {
        wait_for_the_end();
        std::process::exit(9);
    });
    let telemetry = config.init();
    if part == "sealing" {
        // But for the last parts of its own slot, which it may go on with.
        let sealed = || telemetry.report().files.sealed;
        wait_until("closed files are sealed", || sealed() + 3 >= closed);
    }
    let lines = match part {
        "long" => u64::MAX,
        "sealing" => 20,
        _ => LINES,
    };
    for number in 10..lines {
        patiently(PATIENCE, || record(number));
    }
    drop(telemetry.shutdown(PATIENCE));
}

/// Something of every signal and level, short and long, in several scripts.
fn record(number: u64) {
    radiosonde::scope().job("job-1").worker("w-1").run(|| {
        let span = tracing::info_span!("step", number);
        let _entered = span.enter();
        match number % 50 {
            0 => tracing::error!(number, text = %"long ".repeat(4_000), "a line of 20 kB"),
            1 => {
                tracing::warn!(
                    number,
                    "übermäßig \u{1f388} \t\"quoted\"\n\u{0}\u{7f}\u{2028} 中文"
                );
            }
            2 => radiosonde::event!("shop.fell", level: critical, number, "fell"),
            3 => metrics::counter!("shop_steps_total").increment(1),
            _ => radiosonde::event!("shop.step", number, "step {number}"),
        }
    });
}

#[test]
fn a_reader_that_is_behind_has_a_minute_and_what_it_has_open() {
    let root = tempfile::tempdir().unwrap();
    let Some(follower) = Follower::start(root.path()) else { return };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let clock = Clock::at(now.as_secs());
    let mut process = Process::start(root.path(), &clock, PART_BYTES);
    let mut next = 0;
    let mut record = |process: &mut Process, lines: u64| {
        for _ in 0..lines / 50 {
            process.record(next..next + 50);
            next += 50;
            process.settle();
        }
    };
    record(&mut process, 50);
    follower.wait_for(50);

    // It stands still in the middle of a file; that is closed at midnight and sealed at once.
    follower.pause();
    record(&mut process, 50);
    clock.jump(DAY as i64);
    record(&mut process, 50);
    let upkeep = process.upkeep(root.path(), Retention::default());
    let upkept = upkeep.run(SystemTime::now(), &mut |_: Step| true);
    assert_eq!((upkept.sealed.len(), upkept.sealed[0].lines), (1, 100), "{upkept:?}");
    follower.resume();
    follower.wait_for(150);

    // It stands still for the whole life of files: for 59 seconds they are there.
    follower.pause();
    record(&mut process, 2_000);
    let closed = read::names(root.path(), ".jsonl");
    assert!(closed.len() > 5, "{closed:?}");
    let closed_at = |name| root.path().join(name).metadata().unwrap().modified().unwrap();
    let first = closed.iter().map(closed_at).min().unwrap();
    let upkeep = process.upkeep(root.path(), Retention::default()).seal_after(Some(SEAL_AFTER));
    let early = upkeep.run(first + Duration::from_secs(59), &mut |_: Step| true);
    assert!(early.sealed.is_empty() && early.failed.is_empty(), "{early:?}");
    follower.resume();
    follower.wait_for(2_150);
    let late = upkeep.run(SystemTime::now() + SEAL_AFTER, &mut |_: Step| true);
    assert_eq!(late.sealed.len(), closed.len() - 1, "{late:?}");
    record(&mut process, 50);
    follower.wait_for(2_200);
    compare(root.path(), follower.finish());
}

/// What arrived is what stands in the files: each line once, byte for byte, with its time, its
/// severity and its service.
fn compare(root: &Path, received: Vec<Message>) {
    for Message { priority, ts, service, line } in &received {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let expected = match line["level"].as_str().unwrap() {
            "critical" => 130,
            "error" => 131,
            "warning" => 132,
            "info" => 134,
            _ => 135,
        };
        assert_eq!((*priority, ts.as_str()), (expected, line["ts"].as_str().unwrap()), "{line}");
        assert_eq!(service, "shop", "{line}");
    }
    let mut received: Vec<String> = received.into_iter().map(|message| message.line).collect();
    let mut written = lines(root);
    received.sort();
    written.sort();
    let [distinct, all] = [received.iter().collect::<BTreeSet<_>>().len(), received.len()];
    assert_eq!(distinct, all, "lines came twice");
    let without = |some: &[String], others: &[String]| -> Vec<String> {
        let others: BTreeSet<&String> = others.iter().collect();
        some.iter().filter(|line| !others.contains(line)).cloned().collect()
    };
    let (missing, strange) = (without(&written, &received), without(&received, &written));
    let first = (missing.first(), strange.first());
    assert_eq!(
        (missing.len(), strange.len(), all),
        (0, 0, written.len()),
        "missing, strange, all: {first:?}"
    );
}

/// Every line of every signal, from plain and sealed files.
fn lines(root: &Path) -> Vec<String> {
    let of_signal = |signal| read::all_lines(root, signal).into_iter().map(|(_, line)| line);
    ["events-", "spans-", "metrics-"].into_iter().flat_map(of_signal).collect()
}
