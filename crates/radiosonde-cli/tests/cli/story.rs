//! What a story says first and marks: the critical path, what failed, what is folded, clocks that differ.

use crate::fixture::{Dir, Ran, TRACE, lines};

/// A span of [`TRACE`], with its begin and end in milliseconds after 11:50.
struct Told<'a> {
    id: u32,
    parent: u32,
    name: &'a str,
    place: &'a str,
    time: (u64, u64),
    /// What follows the name in its `meta`.
    more: &'a str,
}

impl Told<'_> {
    fn line(&self) -> String {
        let at = |ms: u64| format!("2025-10-06T11:50:{:02}.{:03}Z", ms / 1_000, ms % 1_000);
        let Self { id, parent, name, more, .. } = self;
        let (start, end) = (at(self.time.0), at(self.time.1));
        let us = (self.time.1 - self.time.0) * 1_000;
        let (service, machine) = self.place.split_once('/').unwrap();
        let parent = match parent {
            0 => String::new(),
            id => format!(r#","parent_span_id":"{id:016x}""#),
        };
        format!(
            r#"{{"ts":"{end}","level":"info","evt":"span","msg":"{name}","service":"{service}","machine_id":"{machine}","trace_id":"{TRACE}","span_id":"{id:016x}","job_id":"j","meta":{{"name":"{name}","start":"{start}","duration_us":{us}{parent}{more}}}}}"#
        )
    }
}

fn told<'a>(
    id: u32,
    parent: u32,
    name: &'a str,
    place: &'a str,
    time: (u64, u64),
    more: &'a str,
) -> String {
    Told { id, parent, name, place, time, more }.line()
}

/// A call from one machine to another, that ends badly there.
fn call() -> Vec<String> {
    let failed = r#","kind":"server","status":"error","status_message":"disk full""#;
    vec![
        told(1, 0, "order", "shop/web-1", (0, 1_000), ""),
        told(2, 1, "warm up", "shop/web-1", (0, 100), ""),
        told(3, 1, "POST /pack", "shop/web-1", (150, 950), r#","kind":"client","status":"error""#),
        told(4, 3, "POST /pack", "packing/web-2", (200, 900), failed),
    ]
}

fn of(spans: &[String], args: &str) -> Ran {
    let dir = Dir::empty();
    dir.write("spans-2025-10-06.jsonl", lines(spans));
    dir.run(args)
}

/// The rows of the tree: those that begin with a time.
fn tree(ran: &Ran) -> Vec<&str> {
    ran.out.lines().filter(|line| line.starts_with("11:50")).collect()
}

#[test]
fn what_happened_where_the_time_went_and_what_failed_stand_above_the_tree() {
    let dir = Dir::empty();
    dir.write("spans-2025-10-06.jsonl", lines(&call()));
    let event = |ms: u32, evt: &str| {
        format!(
            r#"{{"ts":"2025-10-06T11:50:00.{ms:03}Z","level":"info","evt":"{evt}","service":"shop","machine_id":"web-1","trace_id":"{TRACE}","span_id":"0000000000000001","job_id":"j","meta":{{}}}}"#
        )
    };
    let events = [
        event(10, "order.taken"),
        event(20, "log"),
        event(30, "order.checked"),
        event(40, "worker.status"),
        event(50, "order.checked"),
        event(990, "order.failed"),
    ];
    dir.write("events-2025-10-06.jsonl", lines(&events));
    let ran = dir.run("correlate --job j").exits(0).prints(&[
        "from    packing on web-2, shop on web-1\n",
        "events  order.taken → order.checked (2) → order.failed\n",
        "time    critical path ◆: order → POST /pack → POST /pack in packing (700 ms, 70 %), ",
        "error   11:50:00.900 in packing on web-2: POST /pack: disk full; 1 more error after it\n",
        "next    radiosonde logs --machine web-2 --level warning --since 2025-10-06T11:49:50Z --until 2025-10-06T11:50:10Z --dir ",
    ]);
    let marked: Vec<bool> = tree(&ran)
        .iter()
        .filter(|row| row.contains('█') || row.contains('▌'))
        .map(|row| row.contains('◆'))
        .collect();
    assert_eq!(marked, [true; 4], "{}", ran.out);
    // Its command finds what it is meant for.
    let next = ran.out.lines().find_map(|line| line.strip_prefix("next    radiosonde ")).unwrap();
    let next = next.split("   (").next().unwrap().split(" --dir").next().unwrap();
    let late = event(995, "disk.full").replace("web-1", "web-2").replace("info", "warning");
    dir.write("events-2025-10-06.1.jsonl", lines(&[late]));
    let _ = dir.run(next).exits(0).prints(&["disk.full"]);
    // Programs get lines, and nothing else.
    let json = dir.run("correlate --job j -o json").exits(0).omits(&["critical path"]);
    assert!(json.out.lines().all(|line| line.starts_with('{')), "{}", json.out);
}

/// A line of the span 3 of a [`call`], of the service `shop` on `web-1`.
fn said(ms: u64, level: &str, rest: &str) -> String {
    format!(
        r#"{{"ts":"2025-10-06T11:50:00.{ms:03}Z","level":"{level}",{rest},"service":"shop","machine_id":"web-1","trace_id":"{TRACE}","span_id":"0000000000000003","job_id":"j"}}"#
    )
}

#[test]
fn the_first_error_is_the_first_of_spans_and_lines() {
    let failed = r#","status":"error","status_message":"mail server says no""#;
    let spans = [
        told(1, 0, "order", "shop/web-1", (0, 1_000), ""),
        told(3, 1, "write", "shop/web-1", (10, 200), ""),
        told(4, 1, "notify", "shop/web-1", (300, 900), failed),
    ];
    let fatal = r#""evt":"log","msg":"disk full: no result""#;
    let gave_up = said(130, "error", r#""evt":"log","msg":"retry failed""#);
    // What a span says of its failing, its lines say before it: each is told once.
    let same = r#""evt":"log","msg":"gave up","meta":{"error":"mail server says no, 451"}"#;
    let same = said(850, "error", same).replace("0000000000000003", "0000000000000004");
    let of = |events: &[String]| {
        let dir = Dir::empty();
        dir.write("spans-2025-10-06.jsonl", lines(&spans));
        dir.write("events-2025-10-06.jsonl", lines(events));
        (dir.run("correlate --job j").exits(0).out, dir.run("trace 0e").exits(0).out)
    };
    let notify = "11:50:00.900 in shop on web-1: notify: mail server says no";
    let disk_full = "11:50:00.120 in shop on web-1: disk full: no result; 2 more errors after it";
    for (events, expect) in [
        (vec![said(120, "critical", fatal), gave_up.clone(), same.clone()], disk_full),
        (vec![same.clone()], notify),
        (vec![], notify),
    ] {
        let (correlated, traced) = of(&events);
        for out in [correlated, traced] {
            assert!(out.contains(&format!("\nerror   {expect}\n")), "{expect} in\n{out}");
        }
    }
    // A part of a word is not the same.
    let other = said(850, "error", r#""evt":"log","msg":"mail server says nothing""#);
    let other = other.replace("0000000000000003", "0000000000000004");
    assert!(of(&[other]).0.contains("web-1: mail server says nothing; 1 more error after it\n"));
    // What most instrumentations say of a span that failed says nothing of its lines.
    let dir = Dir::empty();
    let failed = r#","status":"error","status_message":"error""#;
    let span = told(1, 0, "order", "shop/web-1", (0, 1_000), failed);
    let full = said(120, "error", r#""evt":"log","msg":"error: disk full on /var""#);
    let again = said(130, "error", r#""evt":"log","msg":"order: error""#);
    let of_span = |line: String| line.replace("0000000000000003", "0000000000000001");
    dir.write("spans-2025-10-06.jsonl", lines(&[span]));
    dir.write("events-2025-10-06.jsonl", lines(&[of_span(full), of_span(again)]));
    let ran = dir.run("trace 0e").exits(0);
    let _ = ran.prints(&["web-1: error: disk full on /var; 1 more error after it\n"]);
}

#[test]
fn an_error_without_a_message_is_told_by_its_fields() {
    for (rest, expect) in [
        (r#""evt":"log","msg":"gave up","meta":{"attempts":4}"#, "gave up"),
        (r#""evt":"log","meta":{"a":1,"error":"out of memory"}"#, r#"error="out of memory"  a=1"#),
        (r#""status":503,"err":"timed out""#, r#"err="timed out"  status=503"#),
        (r#""evt":"job.failed","meta":{"attempts":4}"#, "job.failed  attempts=4"),
        (r#""evt":"job.failed""#, "job.failed"),
    ] {
        let dir = Dir::empty();
        dir.write("events-2025-10-06.jsonl", lines(&[said(120, "error", rest)]));
        let told = format!("error   11:50:00.120 in shop on web-1: {expect}\n");
        let _ = dir.run("correlate --job j").exits(0).prints(&[&told]);
    }
    let dir = Dir::empty();
    let long = format!(r#""evt":"log","meta":{{"error":"{}"}}"#, "x".repeat(5_000));
    dir.write("events-2025-10-06.jsonl", lines(&[said(120, "error", &long)]));
    let ran = dir.run("correlate --job j").exits(0);
    let told = ran.out.lines().find(|line| line.starts_with("error ")).unwrap();
    assert!(told.len() < 250 && told.ends_with('…'), "{told}");
}

#[test]
fn what_nobody_waited_for_is_not_marked() {
    let spans = [
        told(1, 0, "root", "a/m", (0, 1_000), ""),
        told(2, 1, "short", "a/m", (0, 500), ""),
        told(3, 1, "long", "a/m", (0, 900), ""),
    ];
    let ran = of(&spans, "trace 0e").exits(0);
    let marked = |name: &str| {
        let row = tree(&ran).into_iter().find(|row| row.ends_with(name)).unwrap();
        row.contains('◆')
    };
    assert_eq!([marked("root"), marked("short"), marked("long")], [true, false, true]);
    let alone = of(&spans[..1], "trace 0e").exits(0);
    let _ = alone.omits(&["◆", "critical"]);
}

#[test]
fn what_options_leave_out_of_a_story_is_told_and_no_path_is_drawn_through_the_rest() {
    let spans = [
        told(1, 0, "order", "shop/web-1", (0, 1_000), ""),
        told(2, 1, "fetch", "shop/web-1", (0, 400), ""),
        told(3, 1, "write", "shop/web-1", (400, 900), ""),
        told(4, 3, "sync", "shop/web-1", (500, 880), ""),
    ];
    let begin = "2025-10-06T11:50:00";
    for (options, expect) in [
        (format!("--since {begin}.500Z"), "1 span of these traces does not fit --since: it is"),
        (format!("--until {begin}.950Z"), "1 span of these traces does not fit --until: it is"),
        (
            format!("--since {begin}.500Z --until {begin}.950Z"),
            "2 spans of these traces do not fit --since and --until: they are left out",
        ),
        ("--where name=sync".to_owned(), "3 spans of these traces do not fit --where: they"),
        ("--level error --where name=sync".to_owned(), ""),
    ] {
        for command in ["trace --job j", "trace 0e", "correlate --job j"] {
            let ran = of(&spans, &format!("{command} {options}"));
            if expect.is_empty() {
                let _ = ran.omits(&["--level and"]);
                continue;
            }
            let _ = ran.exits(0).prints(&[expect]).omits(&["critical path"]);
        }
    }
    // Where all of it fits there is nothing to say.
    for options in [format!("--since {begin}Z"), "--where name?".to_owned(), String::new()] {
        let ran = of(&spans, format!("trace 0e {options}").trim()).exits(0);
        let _ = ran.prints(&["critical path ◆: "]).omits(&["fit --"]);
    }
}

#[test]
fn many_alike_are_folded_unless_all_are_asked_for() {
    let mut spans = vec![told(1, 0, "import", "a/m", (0, 50_000), "")];
    spans.extend((0..40).map(|nth| {
        let time = (u64::from(nth) * 1_000, u64::from(nth) * 1_000 + 100 + u64::from(nth));
        told(100 + nth, 1, "GET /x", "a/m", time, "")
    }));
    spans.push(told(2, 1, "commit", "a/m", (49_000, 50_000), ""));
    let ran = of(&spans, "trace 0e").exits(0);
    assert_eq!(tree(&ran).len(), 1 + 3 + 1 + 1, "{}", ran.out);
    let ran = ran.prints(&["… 37 more GET /x (p50 121 ms, max 139 ms)\n", "─ commit\n"]);
    let fold = tree(&ran).into_iter().find(|row| row.contains("37 more")).unwrap().to_owned();
    assert!(fold.contains('◆'), "the path leads through them: {fold}");
    let all = of(&spans, "trace 0e --all").exits(0).omits(&["more GET"]);
    assert_eq!(tree(&all).len(), spans.len());
}

#[test]
fn of_many_rows_the_first_are_shown_and_the_others_said() {
    let names: Vec<String> = (0..1_200).map(|nth| format!("step {nth}")).collect();
    let mut spans = vec![told(5_000, 0, "import", "a/m", (0, 50_000), "")];
    spans.extend(
        (1..)
            .zip(&names)
            .map(|(id, name)| told(id, 5_000, name, "a/m", (u64::from(id), 2_000), "")),
    );
    let ran = of(&spans, "trace 0e").exits(0);
    assert_eq!(tree(&ran).len(), 1_000);
    let ran = ran.prints(&["\n201 more rows are not shown: --all shows them\n"]);
    assert!(ran.out.starts_with("trace "), "{}", ran.out);
    assert_eq!(tree(&of(&spans, "trace 0e --all").exits(0)).len(), 1_201);
}

#[test]
fn clocks_that_differ_are_told_and_do_not_move_the_path() {
    // The answer stands five seconds before the call.
    let mut spans = vec![
        told(1, 0, "order", "shop/web-1", (6_000, 7_000), ""),
        told(2, 1, "POST /pack", "shop/web-1", (6_100, 6_900), r#","kind":"client""#),
        told(3, 2, "pack", "packing/web-2", (1_200, 1_800), r#","kind":"server""#),
    ];
    let ran = of(&spans, "trace 0e").exits(0).prints(&[
        "the clock of web-2 is at least 4.90 s behind that of web-1: spans there begin before what \
         caused them",
        "critical path ◆: order → POST /pack → pack (600 ms, 60 %)",
    ]);
    let first = tree(&ran).into_iter().find(|row| row.ends_with("pack  server")).unwrap();
    assert!(first.starts_with("11:50:01.200"), "as its line says: {first}");
    spans.truncate(2);
    let _ = of(&spans, "trace 0e").exits(0).omits(&["clock"]);
}

#[test]
fn spans_of_a_directory_that_was_not_named_are_said_to_be_missing() {
    let ran = of(&call()[3..], "trace 0e").exits(0);
    let _ = ran.prints(&["(missing span 0000000000000003", "--dir can be repeated\n"]);
    let _ = of(&call(), "trace 0e").exits(0).omits(&["missing", "--dir can be"]);
}

#[test]
fn two_roots_a_circle_and_a_span_that_is_its_own_parent_are_all_drawn() {
    let spans = [
        told(1, 0, "first root", "a/m", (0, 100), ""),
        told(2, 0, "second root", "a/m", (200, 400), ""),
        told(3, 3, "of itself", "a/m", (10, 20), ""),
        told(4, 5, "round", "a/m", (30, 40), ""),
        told(5, 4, "and round", "a/m", (30, 60), ""),
        told(6, 2, "before its parent", "a/m", (150, 250), ""),
    ];
    let ran = of(&spans, "trace 0e").exits(0);
    assert_eq!(tree(&ran).len(), spans.len(), "{}", ran.out);
    let _ = ran.prints(&["critical path ◆: "]);
}
