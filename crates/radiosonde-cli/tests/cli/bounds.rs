//! What there is little of: memory, descriptors, and the patience of who asks.

use crate::fixture::{Dir, Ran, event, lines, run};

#[test]
fn a_condition_that_can_never_hold_is_refused_with_its_place() {
    let dir = Dir::story();
    for (condition, told) in [
        ("status=>400", "write <= or >="),
        ("duration>=500MS", "units are ns us ms s m min h"),
        ("status>=1e400", "no number is as large"),
    ] {
        let ran = dir.run(&format!("logs --where {condition}")).exits(2);
        let _ = ran.tells(&[told, &format!("    {condition}\n"), "^"]);
    }
}

#[test]
fn a_story_takes_so_much_memory_and_says_what_it_left_out() {
    let dir = Dir::empty();
    let filler = format!(r#"{{"body":"{}"}}"#, "x".repeat(15 << 20));
    let line = |seq: u32| {
        let at = format!("{seq:02}.000000");
        event(seq, &at, "info", "log", &format!("said {seq}"), &[r#""job_id":"big""#], &filler)
    };
    for seq in 1..=9 {
        dir.write(&format!("events-2025-10-06.{seq}.jsonl"), lines(&[line(seq)]));
    }
    let ran = dir.run("correlate --job big").exits(0);
    let _ = ran.prints(&["said 9", "said 2", "more than 128 MiB"]).omits(&["said 1"]);
    // The newest lines are bounded like that as well.
    for (args, count, is_told) in [("-n 9", 8, true), ("-n 8", 8, false)] {
        let ran = dir.run(&format!("logs -o csv --field msg {args}")).exits(0);
        let said: Vec<String> = (10 - count..=9).map(|seq| format!("said {seq}")).collect();
        assert_eq!(ran.out.lines().skip(1).collect::<Vec<_>>(), said, "{args}");
        let told = "only the newest 8 lines: more than these take over 128 MiB";
        assert_eq!(ran.err.contains(told), is_told, "{args}: {}", ran.err);
    }
    let ran = dir.run("correlate --job big --until 2025-10-06T11:50:03Z").exits(0);
    let _ = ran.prints(&["said 1", "said 2"]).omits(&["MiB", "said 3"]);
}

/// A statement in each of many spans of a trace: of those around a story only what is shown is held.
#[cfg(target_os = "linux")]
#[test]
fn the_spans_around_a_story_take_little_memory() {
    use crate::fixture::command;
    let dir = Dir::empty();
    let statement = "x".repeat(1 << 20);
    let span = |nth: u32| {
        let job = if nth == 0 { r#""job_id":"big","# } else { "" };
        let parent = if nth == 0 { "" } else { r#""parent_span_id":"root0","# };
        format!(
            r#"{{"ts":"2025-10-06T11:50:{:02}Z","evt":"span","msg":"w","trace_id":"{:032x}","span_id":"root{nth}",{job}"meta":{{"name":"query","duration_us":1000,{parent}"attributes":{{"statement":"{statement}"}}}},"id":"aaaaaaaa.1.{nth}"}}"#,
            nth % 60,
            7
        )
    };
    dir.write("spans-2025-10-06.jsonl", lines(&(0..120).map(span).collect::<Vec<_>>()));
    let dir = dir.path().to_str().unwrap();
    let told = run(command(&["correlate", "--job", "big", "--dir", dir])).exits(0);
    let _ = told.prints(&["119 spans below are of no job"]);
    // All of them would be twice as much, and more when taken apart.
    let _ = limited(&["correlate", "--job", "big", "--dir", dir])
        .exits(0)
        .prints(&["119 spans below are of no job"]);
}

/// Of what was recorded under an id, the sums are held and not the lines.
#[cfg(target_os = "linux")]
#[test]
fn changes_under_an_id_take_the_memory_of_their_sums() {
    let dir = Dir::empty();
    let filler = "x".repeat(16 << 10);
    let change = |nth: u32| {
        let ids = [r#""worker_id":"w-1""#];
        let fields =
            r#"{"name":"runs_total","kind":"delta","type":"counter","value":1,"filler":"FILLER"}"#;
        event(nth, &format!("{:02}.{nth:06}", nth % 60), "info", "metric", "m", &ids, fields)
    };
    let all: Vec<String> = (0..6_000).map(change).collect();
    dir.write("metrics-2025-10-06.jsonl", lines(&all).replace("FILLER", &filler));
    let dir = dir.path().to_str().unwrap();
    // The lines are 100 MB, and more when taken apart.
    let ran = limited(&["metrics", "--worker", "w-1", "--dir", dir]).exits(0);
    let _ = ran.prints(&["runs_total", "+6000", "in 6000 changes"]);
}

#[cfg(target_os = "linux")]
#[test]
fn few_descriptors_are_enough_for_many_files() {
    use crate::fixture::few_descriptors;
    let dir = Dir::empty();
    for seq in 1..=60 {
        let line = event(seq, &format!("{:02}.000000", seq % 60), "info", "log", "said", &[], "{}");
        dir.write(&format!("events-2025-10-06.{seq}.jsonl"), lines(&[line]));
    }
    for args in ["-n 60 -o raw", "-o raw", "-o raw --where evt=log"] {
        let ran = run(few_descriptors(&format!("logs {args}"), dir.path())).exits(0);
        assert_eq!((ran.out.lines().count(), ran.err.as_str()), (60, ""), "{args}");
    }
}

/// Runs with 128 MiB of address space.
#[cfg(target_os = "linux")]
fn limited(args: &[&str]) -> Ran {
    let limited = format!("ulimit -v {}; exec \"$0\" \"$@\"", 128 << 10);
    let mut command = std::process::Command::new("/bin/sh");
    let _ = command.args(["-c", &limited, env!("CARGO_BIN_EXE_radiosonde")]).args(args).env_clear();
    run(command)
}
