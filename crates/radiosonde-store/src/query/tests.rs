//! Queries over directories made by hand.

use std::fs;

use super::*;
use crate::names::DayFile;

#[path = "tests_of_capitals.rs"]
mod capitals;
#[path = "tests_of_conditions.rs"]
mod conditions;
#[cfg(feature = "gzip")]
#[path = "tests_of_foreign.rs"]
mod foreign_files;
#[path = "tests_of_links.rs"]
mod links;
#[path = "tests_of_model.rs"]
mod model;
#[path = "tests_of_order.rs"]
mod order;
#[path = "tests_of_sealed.rs"]
mod sealed_files;

/// A line with an id, `n` seconds after the start.
fn line(n: u32, job: &str, rest: &str) -> String {
    format!(
        r#"{{"ts":"2025-10-06T10:{:02}:{:02}.000000Z","level":"info","evt":"log","msg":"m{n}","job_id":"{job}"{rest},"meta":{{}},"id":"aaaaaaaa.1.{n}"}}"#,
        n / 60,
        n % 60
    )
}

fn dir(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::write(dir.path().join(name), content).unwrap();
    }
    dir
}

fn query(dir: &tempfile::TempDir) -> Query {
    Query::new(vec![dir.path().to_owned()])
}

fn messages(lines: &[Line]) -> Vec<&str> {
    lines.iter().filter_map(|line| line.msg.as_deref()).collect()
}

fn streamed(query: &Query) -> (Vec<Line>, Reading) {
    let mut lines = Vec::new();
    let reading = query.stream(&mut |line| {
        lines.push(line.clone());
        ControlFlow::Continue(())
    });
    (lines, reading)
}

#[test]
fn the_newest_lines_of_a_live_file_cost_one_reading_of_it() {
    for (count, limits) in [
        (40, Limits::default()),
        (3_000, Limits { remembered_bytes: 1 << 20, recent_bytes: 300 << 10, ..Limits::default() }),
    ] {
        let text: String = (0..count).map(|n| line(n, "j", "") + "\n").collect();
        let files =
            [("events-2025-10-06.jsonl", text.as_bytes()), ("events-2025-10-07.jsonl", b"")];
        let dir = dir(&files);
        let query = Query { limit: Some(3), tail: true, ..query(&dir) };
        let answer = query.run_within(&limits);
        let found: Vec<_> = answer.lines.iter().filter_map(|line| line.msg.clone()).collect();
        let expect: Vec<_> = (count - 3..count).map(|n| format!("m{n}")).collect();
        assert_eq!(found, expect);
        assert_eq!(answer.reading.bytes_read, text.len() as u64);
    }
}

#[test]
fn an_id_is_exact_and_must_stand_in_its_own_key() {
    let text = [
        line(1, "job-1", ""),
        line(2, "job-12", ""),
        line(3, "other", r#","source":"job-1""#),
        line(4, "a-job-1", ""),
        line(5, "job-1", ""),
    ]
    .join("\n")
        + "\n";
    let dir = dir(&[("events-2025-10-06.jsonl", text.as_bytes())]);
    let mut query = query(&dir);
    query.job = Some("job-1".to_owned());
    let answer = query.run();
    assert_eq!(messages(&answer.lines), ["m1", "m5"]);
    assert_eq!(answer.reading.matched, 2);
    assert_eq!(answer.reading.files_read, 1);
    assert_eq!(answer.reading.bytes_read, text.len() as u64);
    assert!(!answer.reading.is_partial());
}

#[test]
fn a_single_day_file_is_read_alone_and_a_missing_one_is_told() {
    let (one, two) = (line(1, "j", "") + "\n", line(2, "j", "") + "\n");
    let dir = dir(&[
        ("events-2025-10-06.jsonl", one.as_bytes()),
        ("spans-2025-10-06.jsonl", two.as_bytes()),
        ("notes.jsonl", two.as_bytes()),
    ]);
    let of = |name: &str, signals: &[Signal]| {
        let mut query = Query::new(vec![dir.path().join(name)]);
        query.signals = signals.to_vec();
        let answer = query.run();
        let told = answer.reading.unreadable.len();
        (messages(&answer.lines).join(" "), told)
    };
    assert_eq!(of("events-2025-10-06.jsonl", &[]), ("m1".to_owned(), 0));
    assert_eq!(of("events-2025-10-06.jsonl", &[Signal::Spans]), (String::new(), 0));
    assert_eq!(of("events-2025-10-07.jsonl", &[]), (String::new(), 1));
    assert_eq!(of("notes.jsonl", &[]), ("m2".to_owned(), 0));
}

#[test]
fn files_are_merged_by_time_whatever_their_name_says_and_copies_given_once() {
    let early = [line(3, "j", ""), line(1, "j", "")].join("\n") + "\n";
    let late = [line(2, "j", ""), line(3, "j", "")].join("\n") + "\n";
    let dir = dir(&[
        ("events-2025-10-06.jsonl", early.as_bytes()),
        // A week later, by its name.
        ("events-2025-10-13.2.jsonl", late.as_bytes()),
        ("notes.jsonl", late.as_bytes()),
        ("events-2025-10-06.jsonl.bak", b"rubbish"),
    ]);
    let mut query = query(&dir);
    query.until = Some("2025-10-07T00:00:00Z".parse().unwrap());
    let answer = query.run();
    assert_eq!(messages(&answer.lines), ["m1", "m2", "m3"]);
    assert_eq!(answer.reading.matched, 3);
    assert_eq!(answer.reading.files_read, 2);
    assert!(!answer.reading.is_partial());
    let (lines, reading) = streamed(&query);
    assert_eq!(messages(&lines), ["m1", "m2", "m3"]);
    assert_eq!(reading.matched, 3);
}

#[test]
fn a_limit_keeps_the_oldest_or_the_newest() {
    // Unsorted, and every line twice.
    let mut text = String::new();
    for n in [5, 1, 4, 2, 3, 5, 1, 4, 2, 3] {
        text += &(line(n, "j", "") + "\n");
    }
    let dir = dir(&[("events-2025-10-06.jsonl", text.as_bytes())]);
    let mut query = query(&dir);
    query.limit = Some(2);
    assert_eq!(messages(&query.run().lines), ["m1", "m2"]);
    query.tail = true;
    assert_eq!(messages(&query.run().lines), ["m4", "m5"]);
}

#[test]
fn lines_without_an_id_are_all_kept() {
    let text = r#"{"ts":"2025-10-06T10:00:00Z","evt":"log","msg":"same","meta":{}}"#;
    let text = format!("{text}\n{text}\n");
    let dir = dir(&[("events-2025-10-06.jsonl", text.as_bytes())]);
    assert_eq!(query(&dir).run().lines.len(), 2);
    assert_eq!(streamed(&query(&dir)).0.len(), 2);
}

#[test]
fn the_conditions_hold_together() {
    let rows = [
        r#"{"ts":"2025-10-06T10:00:01Z","level":"debug","evt":"log","msg":"1","trace_id":"0edadbc0","worker_id":"w-1"}"#,
        r#"{"ts":"2025-10-06T10:00:02Z","level":"warning","evt":"log","msg":"2","service":"a b","trace_id":"0edaffff","worker_id":"w-1"}"#,
        r#"{"ts":"2025-10-06T10:00:03Z","level":"error","evt":"user.action","msg":"3","trace_id":"ffffffff","worker_id":"w-2"}"#,
        r#"{"ts":"2025-10-06T10:00:04Z","evt":"log","msg":"4","service":"a","machine_id":"m","session_id":"s"}"#,
    ];
    let dir = dir(&[("events-2025-10-06.jsonl", rows.join("\n").as_bytes())]);
    type Set = fn(&mut Query);
    let cases: [(Set, &[&str]); 13] = [
        (|_| {}, &["1", "2", "3", "4"]),
        (|q| q.service = Some("a".into()), &["4"]),
        (|q| q.service = Some("a b".into()), &["2"]),
        (|q| q.level = Some(Level::Warning), &["2", "3"]),
        (|q| q.traces = vec!["0eda".into()], &["1", "2"]),
        (|q| q.traces = vec!["0edadbc0".into(), "ff".into()], &["1", "3"]),
        (|q| q.worker = Some("w-1".into()), &["1", "2"]),
        (|q| q.machine = Some("m".into()), &["4"]),
        (|q| q.session = Some("s".into()), &["4"]),
        (|q| q.evt = vec!["user.action".into(), "x".into()], &["3"]),
        (|q| q.except_evt = vec!["log".into()], &["3"]),
        (|q| q.since = Some("2025-10-06T10:00:03Z".parse().unwrap()), &["3", "4"]),
        (|q| q.until = Some("2025-10-06T10:00:03Z".parse().unwrap()), &["1", "2"]),
    ];
    for (number, (set, expect)) in cases.into_iter().enumerate() {
        let mut query = query(&dir);
        set(&mut query);
        assert_eq!(messages(&query.run().lines), expect, "case {number}");
    }
}

#[test]
fn only_the_wanted_signals_are_read() {
    let one = line(1, "j", "") + "\n";
    let dir = dir(&[
        ("events-2025-10-06.jsonl", one.as_bytes()),
        ("spans-2025-10-06.jsonl", b"not json\n"),
    ]);
    let mut query = query(&dir);
    query.signals = vec![Signal::Events];
    let answer = query.run();
    assert_eq!((answer.lines.len(), answer.reading.skipped), (1, 0));
}

#[test]
fn what_is_no_line_is_counted_with_its_place_and_the_rest_found() {
    let good = line(1, "j", "");
    let mut text = Vec::new();
    text.extend(b"\0\0\0\0\n");
    text.extend(format!("{good}\n").bytes());
    let bad_utf8 = text.len() as u64;
    text.extend(b"\"\xff\xfe\"\n\n   \n");
    let not_json = text.len() as u64;
    text.extend(b"<html>\n");
    // A writer was interrupted here.
    text.extend(&line(2, "j", "").as_bytes()[..40]);
    let dir = dir(&[("events-2025-10-06.jsonl", &text)]);
    let answer = query(&dir).run();
    assert_eq!(messages(&answer.lines), ["m1"]);
    let skips: Vec<_> = answer.reading.skips.iter().map(|skip| skip.offset).collect();
    assert_eq!(skips, [0, bad_utf8, not_json], "{:?}", answer.reading.skips);
    assert!(answer.reading.skips[0].reason.contains("NUL"));
    assert!(answer.reading.is_partial());
}

#[test]
fn a_last_line_without_its_break_is_found() {
    let text = [line(1, "j", ""), line(2, "j", "")].join("\n");
    let dir = dir(&[("events-2025-10-06.jsonl", text.as_bytes())]);
    let mut query = query(&dir);
    assert_eq!(query.run().lines.len(), 2);
    query.job = Some("j".to_owned());
    assert_eq!(query.run().lines.len(), 2);
    assert_eq!(messages(&streamed(&query).0), ["m1", "m2"]);
}

#[test]
fn skips_are_named_up_to_a_bound_and_counted_beyond() {
    let dir = dir(&[("events-2025-10-06.jsonl", "x\n".repeat(5_000).as_bytes())]);
    let reading = query(&dir).run().reading;
    assert_eq!(reading.skipped, 5_000);
    assert_eq!(reading.skips.len(), SKIPS_KEPT_MAX);
}

#[cfg(unix)]
#[test]
fn links_and_folders_with_the_name_of_a_day_file_are_named_and_not_followed() {
    let dir = dir(&[("secret", line(1, "j", "").as_bytes())]);
    let link = dir.path().join("events-2025-10-06.jsonl");
    std::os::unix::fs::symlink(dir.path().join("secret"), link).unwrap();
    fs::create_dir(dir.path().join("events-2025-10-07.jsonl")).unwrap();
    let answer = query(&dir).run();
    assert!(answer.lines.is_empty());
    let reasons: Vec<_> =
        answer.reading.unreadable.iter().map(|file| file.error.to_string()).collect();
    assert_eq!(reasons.len(), 2);
    assert!(
        reasons[0].contains("symbolic link") && reasons[1].contains("directory"),
        "{reasons:?}"
    );
}

#[test]
fn a_missing_directory_is_named() {
    let reading = Query::new(vec!["/no/such/place".into()]).run().reading;
    assert_eq!(reading.unreadable.len(), 1);
    assert_eq!(reading.unreadable[0].path, Path::new("/no/such/place"));
}

#[test]
fn streaming_reads_long_lines_and_many_files_in_order_and_stops_when_told() {
    let mut files = Vec::new();
    for slot in 0..140_u32 {
        let long = "x".repeat(if slot == 3 { 300_000 } else { 10 });
        let rest = format!(r#","source":"{long}""#);
        let text = [line(slot, "j", &rest), line(1_000 + slot, "j", "")].join("\n") + "\n";
        let day = jiff::civil::date(2025, 10, 6);
        files.push((DayFile::new(Signal::Events, day, slot, 0).file_name(), text));
    }
    let files: Vec<_> = files.iter().map(|(name, text)| (name.as_str(), text.as_bytes())).collect();
    let dir = dir(&files);
    let (lines, reading) = streamed(&query(&dir));
    assert_eq!(lines.len(), 280);
    assert!(lines.is_sorted_by_key(|line| line.ts));
    assert_eq!(lines[3].source.as_deref().map(str::len), Some(300_000));
    assert!(!reading.is_partial());
    let mut seen = 0;
    let _ = query(&dir).stream(&mut |_| {
        seen += 1;
        if seen == 5 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert_eq!(seen, 5);
}
