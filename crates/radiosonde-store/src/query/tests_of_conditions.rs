//! Conditions that ask for the same as an option, over sealed files: they read the same frames.

use super::*;
use crate::sealed::{Manner, SealOptions, seal_in};

/// One sealed file of some forty frames: six parts, each with a job, a trace, a machine and the like of its
/// own, a worker for ten lines, and one rare event.
fn sealed() -> tempfile::TempDir {
    let filler = "x".repeat(400);
    let line = |n: u32| {
        let (part, minute) = (n / 100, n / 10);
        let (level, evt) = if n == 333 { ("critical", "rare") } else { ("info", "log") };
        let own = format!(
            r#""service":"s-{part}","trace_id":"{part:032x}","job_id":"job-{part}","machine_id":"m-{part}","worker_id":"w-{minute}","session_id":"x-{part}""#
        );
        format!(
            r#"{{"ts":"2025-10-06T10:{minute:02}:00.000000Z","level":"{level}","evt":"{evt}","msg":"m{n}","source":"{filler}",{own}}}"#
        ) + "\n"
    };
    let dir =
        dir(&[("events-2025-10-06.jsonl", (0..600).map(line).collect::<String>().as_bytes())]);
    let plain = dir.path().join("events-2025-10-06.jsonl");
    let options = SealOptions::default();
    let manner = Manner { frame_bytes: 8 << 10, ..Manner::of(&options) };
    let sealed = dir.path().join("events-2025-10-06.jsonl.zst");
    let _ = seal_in(&plain, &sealed, &manner, &mut |_| true).unwrap();
    fs::remove_file(plain).unwrap();
    dir
}

/// What a query finds, and how all of its reading went.
fn asked(query: &Query) -> (String, Reading) {
    let answer = query.run();
    assert!(!answer.reading.is_partial(), "{:?}", answer.reading);
    let mut scanned = Vec::new();
    let of_scan = query.scan(&mut |found| scanned.push(found.line));
    assert_eq!(scanned, answer.lines);
    assert_eq!(of_scan.frames_read, answer.reading.frames_read);
    (messages(&answer.lines).join(" "), answer.reading)
}

fn with(dir: &tempfile::TempDir, conditions: &[&str]) -> Query {
    let mut query = query(dir);
    query.conditions = conditions.iter().map(|text| text.parse().unwrap()).collect();
    query
}

#[test]
fn a_condition_reads_what_the_option_for_the_same_reads() {
    let dir = sealed();
    type Set = fn(&mut Query);
    let cases: [(&[&str], Set); 14] = [
        (&["job_id=job-3"], |q| q.job = Some("job-3".into())),
        (&["job_id=job-9"], |q| q.job = Some("job-9".into())),
        (&["session_id=\"x-3\""], |q| q.session = Some("x-3".into())),
        (&["trace_id=00000000000000000000000000000003"], |q| {
            q.traces = vec![format!("{:032x}", 3)];
        }),
        (&["trace_id=\"00000000000000000000000000000003\""], |q| {
            q.traces = vec![format!("{:032x}", 3)];
        }),
        (&["machine_id=m-3"], |q| q.machine = Some("m-3".into())),
        (&["machine_id=m-9"], |q| q.machine = Some("m-9".into())),
        (&["worker_id=w-7"], |q| q.worker = Some("w-7".into())),
        (&["service=s-3"], |q| q.service = Some("s-3".into())),
        (&["evt=rare"], |q| q.evt = vec!["rare".into()]),
        (&["level=critical"], |q| q.level = Some(Level::Critical)),
        (&["level>=error"], |q| q.level = Some(Level::Error)),
        (&["evt=rare", "level=critical", "machine_id=m-3", "job_id=job-3"], |q| {
            (q.job, q.machine) = (Some("job-3".into()), Some("m-3".into()));
            (q.level, q.evt) = (Some(Level::Critical), vec!["rare".into()]);
        }),
        // Each is there, and never together.
        (&["job_id=job-3", "machine_id=m-2"], |q| {
            (q.job, q.machine) = (Some("job-3".into()), Some("m-2".into()));
        }),
    ];
    for (conditions, set) in cases {
        let mut query = query(&dir);
        set(&mut query);
        let (expected, of_option) = asked(&query);
        let (found, reading) = asked(&with(&dir, conditions));
        assert_eq!(found, expected, "{conditions:?}");
        assert_eq!(format!("{reading:?}"), format!("{of_option:?}"), "{conditions:?}");
        let frames = reading.frames_read + reading.frames_skipped;
        assert!(frames > 30 && reading.frames_read <= frames / 5, "{conditions:?}: {reading:?}");
    }
}

#[test]
fn conditions_narrow_what_options_ask_for_and_each_other() {
    let dir = sealed();
    for (set, condition, expect) in [
        (
            (|q: &mut Query| q.evt = vec!["rare".into(), "log".into()]) as fn(&mut Query),
            "evt=rare",
            "m333",
        ),
        (|q| q.level = Some(Level::Info), "level>error", "m333"),
        (|q| q.machine = Some("m-3".into()), "machine_id=m-2", ""),
        (|q| q.job = Some("job-3".into()), "job_id=job-2", ""),
        (|q| q.worker = Some("w-33".into()), "evt>\"q\"", "m333"),
    ] {
        let mut query = with(&dir, &[condition]);
        set(&mut query);
        let (found, reading) = asked(&query);
        assert_eq!(found, expect, "{condition}");
        assert!(reading.frames_read <= 1, "{condition}: {reading:?}");
    }
}

#[test]
fn what_an_index_cannot_tell_is_a_scan_that_finds_all() {
    let dir = sealed();
    for (condition, lines) in [
        ("job_id!=job-3", 500),
        ("job_id<\"job-2\"", 200),
        ("trace=0000000000000000000000000000000", 600),
        ("machine_id!=m-3", 500),
        ("!worker_id?", 0),
        ("level!=info", 1),
        // There may be a field of that name.
        ("job=job-3", 100),
    ] {
        let (found, reading) = asked(&with(&dir, &[condition]));
        assert_eq!(found.split_whitespace().count(), lines, "{condition}");
        assert_eq!(reading.frames_skipped, 0, "{condition}: {reading:?}");
    }
}
