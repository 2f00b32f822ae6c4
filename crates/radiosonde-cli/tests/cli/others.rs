//! Lines of other programs, as their loggers write them.

use crate::fixture::{Dir, Ran, command, run};
use crate::formats::{gzip, with_stdin};

/// Of four loggers, in no order, and one whose time has no zone.
const LINES: &str = r#"{"level":50,"time":1759758192000,"job_id":"job-7","msg":"of pino"}
{"ts":"2025-10-06T13:43:10Z","level":"error","job_id":"job-7","message":"timed out"}
{"@t":"2025-10-06T13:43:11Z","@mt":"of {who}","who":"Serilog","job_id":"job-7"}
{"timestamp":"2025-10-06T13:43:09Z","level":"WARN","fields":{"message":"of tracing","n":1},"job_id":"job-7"}
"#;
const NO_ZONE: &str = "{\"asctime\":\"2025-10-06 13:43:12,5\",\"message\":\"of Python\"}\n";

fn of(dir: &Dir, args: &str) -> Ran {
    let mut command = command(&args.split(' ').collect::<Vec<_>>());
    let _ = command.current_dir(dir.path());
    run(command)
}

#[test]
fn they_are_shown_by_their_time_with_their_text() {
    let dir = Dir::empty();
    dir.write("app.log", LINES);
    dir.write("app.gz", gzip(LINES));
    dir.write("app.zst", zstd::stream::encode_all(LINES.as_bytes(), 3).unwrap());
    let expect = "\
── 2025-10-06 (UTC) ──
13:43:09.000 WARN   of tracing  fields={n=1}
13:43:10.000 ERROR  timed out
13:43:11.000 INFO   of {who}  who=Serilog
13:43:12.000 ERROR  of pino
";
    for name in ["app.log", "app.gz", "app.zst"] {
        let all = of(&dir, &format!("logs {name}")).exits(0);
        assert_eq!((all.out.replace("  job=job-7", ""), all.err.as_str()), (expect.into(), ""));
        let late = of(&dir, &format!("logs {name} --since 2025-10-06T13:43:11Z -l error"));
        assert_eq!(late.exits(0).out.lines().count(), 2, "a day and a line");
        let _ = of(&dir, &format!("logs {name} --where msg~=^timed")).exits(0).prints(&["timed"]);
    }
    let stdin = with_stdin(&["logs", "-"], LINES.as_bytes()).exits(0);
    assert_eq!(stdin.out.replace("  job=job-7", ""), expect);
}

#[test]
fn a_line_without_a_time_is_named_with_what_it_needs() {
    let dir = Dir::empty();
    dir.write("app.log", format!("{LINES}{NO_ZONE}"));
    let told = format!("app.log: byte {}: skipped: `asctime` has no zone", LINES.len());
    let ran = of(&dir, "logs app.log").exits(3).prints(&["of pino"]);
    let _ = ran.tells(&[&told, "lines of others need a time such as 2025-10-06T13:00:00Z"]);
    dir.write("none.log", "{\"message\":\"now\"}\n");
    let _ = of(&dir, "logs none.log").exits(3).tells(&["need `ts` or `time`, such as 2025"]);
    let help = run(command(&["logs", "--help"])).exits(0);
    assert!(help.out.contains("`ts`, `time`, `timestamp`"), "{}", help.out);
}

#[test]
fn without_evt_they_are_logs_and_no_events() {
    let dir = Dir::empty();
    dir.write("app.log", LINES);
    dir.write("events-2025-10-06.jsonl", LINES);
    for place in ["app.log", "events-2025-10-06.jsonl", "."] {
        let events = of(&dir, &format!("events --dir {place}")).exits(1);
        assert_eq!(events.out, "", "{place}");
        let story = of(&dir, &format!("correlate --job job-7 --dir {place}")).exits(0);
        let _ = story.prints(&["4 logs (1 warning, 2 errors)"]).omits(&["event"]);
    }
    // What a name is that other programs give.
    dir.write("named.log", LINES.replace("\"who\"", "\"evt\":\"paid\",\"who\""));
    let events = of(&dir, "events --dir named.log").exits(0).prints(&["paid"]);
    assert_eq!(events.out.lines().count(), 2, "a day and a line");
}
