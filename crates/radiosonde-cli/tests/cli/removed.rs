//! `removed` over ledgers, and what the other commands say of them.

use std::os::unix::fs::MetadataExt as _;

use crate::fixture::{Dir, command, existing, run};

fn entry(ts: &str, file: &str, rule: &str, lines: u64, bytes: u64) -> String {
    format!(
        r#"{{"ts":"{ts}","file":"{file}","rule":"{rule}","lines":{lines},"bytes":{bytes},"inode":131,"changed":"2025-10-07T00:01:03.201402117Z"}}"#
    )
}

fn ledger(dir: &Dir, slot: u32, rows: &[&str]) {
    let slot = existing(dir.path().join("inst").join(slot.to_string()));
    let text: String = rows.iter().map(|row| format!("{row}\n")).collect();
    std::fs::write(slot.join("removed.jsonl"), text).unwrap();
}

const SUM: &str = r#"{"sum":{"age":{"files":12,"lines":4460305,"bytes":267910144},"bytes":{"files":1,"lines":1,"bytes":99}}}"#;

/// A shortened ledger with an entry behind its sum, and one of another slot.
fn removals() -> Dir {
    let dir = Dir::empty();
    let of =
        entry("2025-10-21T00:00:04Z", "events-2025-10-06.jsonl.zst", "age", 446_030, 2_679_101);
    ledger(&dir, 0, &[SUM, &of]);
    let of = entry("2025-10-20T00:00:04Z", "spans-2025-10-05.1.jsonl", "bytes", 1, 210);
    ledger(&dir, 1, &[&of]);
    dir
}

#[test]
fn what_was_removed_is_listed_by_time_and_summed_by_rule() {
    let dir = removals();
    let ran = dir.run("removed").exits(0);
    let expected = "\
removed (UTC)        file                         rule     lines    bytes
earlier              sum of 12 files              age    4460305  255 MiB
earlier              sum of 1 file                bytes        1     99 B
2025-10-20 00:00:04  spans-2025-10-05.1.jsonl     bytes        1    210 B
2025-10-21 00:00:04  events-2025-10-06.jsonl.zst  age     446030  2.6 MiB

removed, summed
  age    13 files  4906335 lines  258 MiB
  bytes   2 files        2 lines    309 B
  all    15 files  4906337 lines  258 MiB
";
    assert_eq!(ran.out, expected);
    assert_eq!(ran.err, "");
}

#[test]
fn a_span_of_time_leaves_out_what_has_no_time_and_says_so() {
    let dir = removals();
    let ran = dir.run("removed --since 2025-10-21").exits(0).omits(&["spans-", "earlier"]);
    let expected = "\
removed (UTC)        file                         rule   lines    bytes
2025-10-21 00:00:04  events-2025-10-06.jsonl.zst  age   446030  2.6 MiB

removed, summed
  age  1 file  446030 lines  2.6 MiB
";
    assert_eq!(ran.out, expected);
    let told = "radiosonde: 13 files in sums left out: when they were removed is not known\n";
    assert_eq!(ran.err, told);
    let _ = dir.run("removed --until 2025-10-20").exits(0).prints(&["spans-"]).omits(&["events-"]);
    let ran = dir.run("removed --since 2025-10-22").exits(1);
    assert!(ran.err.contains("in this span of time") && ran.out.is_empty(), "{}", ran.err);
}

#[test]
fn programs_get_an_object_for_each_file_and_each_sum() {
    let dir = removals();
    let ran = dir.run("removed -o json").exits(0);
    let rows: Vec<serde_json::Value> =
        ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let path = dir.path().to_str().unwrap();
    let expected = [
        serde_json::json!({"dir": path, "rule": "age", "files": 12, "lines": 4_460_305, "bytes": 267_910_144}),
        serde_json::json!({"dir": path, "rule": "bytes", "files": 1, "lines": 1, "bytes": 99}),
        serde_json::json!({"dir": path, "slot": 1, "ts": "2025-10-20T00:00:04Z", "file": "spans-2025-10-05.1.jsonl", "rule": "bytes", "files": 1, "lines": 1, "bytes": 210, "pending": false}),
        serde_json::json!({"dir": path, "slot": 0, "ts": "2025-10-21T00:00:04Z", "file": "events-2025-10-06.jsonl.zst", "rule": "age", "files": 1, "lines": 446_030, "bytes": 2_679_101, "pending": false}),
    ];
    assert_eq!(rows, expected);
}

#[test]
fn nothing_removed_is_nothing_found() {
    let dir = Dir::story();
    let ran = dir.run("removed").exits(1);
    let told =
        format!("radiosonde: nothing was removed by retention from {}\n", dir.path().display());
    assert_eq!((ran.out.as_str(), ran.err), ("", told));
    let _ = run(command(&["removed", "--dir", "/no/such/place"])).exits(2).tells(&["not exist"]);
}

#[test]
fn damaged_rows_are_named_and_the_others_are_listed() {
    let dir = removals();
    let evil = entry("2025-10-21T00:00:04Z", r"a\u001b[2J\u202eb", r"age\u001b", 1, 1);
    let huge = entry("2025-10-22T00:00:04Z", "../../etc/passwd", "age", u64::MAX, u64::MAX);
    ledger(&dir, 2, &["{\"ts\":", &evil, &huge, &huge, "\u{1b}[2J"]);
    let ran =
        dir.run("removed").exits(3).prints(&["a\\u{1b}[2J\\u{202e}b", "age\\u{1b}", "spans-"]);
    assert!(!ran.out.contains('\u{1b}') && !ran.err.contains('\u{1b}'), "{}{}", ran.out, ran.err);
    let path = dir.path().join("inst/2/removed.jsonl");
    let named = format!("{}: row 1: not counted: is no entry", path.display());
    assert!(ran.err.contains(&named) && ran.err.contains("and 1 more in this file"), "{}", ran.err);
    // Nobody can say then that nothing was removed.
    let rubbish = Dir::empty();
    ledger(&rubbish, 0, &["rubbish"]);
    let ran = rubbish.run("removed").exits(3);
    assert_eq!((ran.out.as_str(), ran.err.lines().count()), ("", 1), "{}", ran.err);
    // A link is named and not followed.
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(dir.path().join("inst/0/removed.jsonl"), &path).unwrap();
    let _ = dir.run("removed").exits(3).tells(&["inst/2/removed.jsonl: not read in full"]);
}

#[test]
fn a_file_that_is_entered_and_still_there_says_so() {
    let dir = Dir::story();
    let name = "spans-2025-10-06.jsonl";
    let found = std::fs::metadata(dir.path().join(name)).unwrap();
    let nanosecond = i32::try_from(found.ctime_nsec()).unwrap();
    let at = jiff::Timestamp::new(found.ctime(), nanosecond).unwrap();
    let row = entry("2025-10-21T00:00:04Z", name, "age", 3, found.len())
        .replace("131", &found.ino().to_string())
        .replace("2025-10-07T00:01:03.201402117Z", &at.to_string());
    ledger(&dir, 0, &[&row]);
    let _ = dir.run("removed").exits(0).prints(&["still there: removed next"]);
    let _ = dir.run("removed -o json").exits(0).prints(&["\"pending\":true"]);
    std::fs::remove_file(dir.path().join(name)).unwrap();
    let _ = dir.run("removed").exits(0).omits(&["still there"]);
}

#[test]
fn who_finds_nothing_is_told_where_and_what_was_removed() {
    let dir = removals();
    let path = dir.path().display();
    for args in ["logs --since 2025-10-05 --until 2025-10-06", "metrics", "correlate --job j"] {
        let ran = dir.run(args).exits(1);
        let told = format!(
            "radiosonde: nothing found in 0 files of {path}\nradiosonde: 4906337 lines in 15 files \
             were removed by retention; `radiosonde removed --dir {path}` lists them\n"
        );
        assert_eq!(ran.err, told, "{args}");
    }
    // Where something is found, and where nothing was removed, nobody speaks of it.
    let story = Dir::story();
    ledger(&story, 0, &[SUM]);
    assert_eq!(story.run("logs").exits(0).err, "");
    let ran = Dir::story().run("logs --since 2025-10-07").exits(1);
    assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    // The command that is named needs no directory where none was given.
    let mut bare = command(&["logs"]);
    let _ = bare.env("RADIOSONDE_DIR", dir.path());
    let _ = run(bare).exits(1).tells(&["`radiosonde removed` lists them"]);
}
