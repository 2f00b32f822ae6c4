//! What there is little of: memory, descriptors, and the patience of who asks.

use crate::fixture::{Dir, event, lines};

#[test]
fn a_condition_that_can_never_hold_is_refused_with_its_place() {
    let dir = Dir::story();
    for (condition, told) in [
        ("status=>400", "write <= or >="),
        ("duration>=500ms", "_us, _ms"),
        ("duration_us>=1m30s", "_us, _ms"),
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
    let ran = dir.run("correlate --job big --until 2025-10-06T11:50:03Z").exits(0);
    let _ = ran.prints(&["said 1", "said 2"]).omits(&["MiB", "said 3"]);
}

/// A statement in each of many spans of a trace: of those around a story only what is shown is held.
#[cfg(target_os = "linux")]
#[test]
fn the_spans_around_a_story_take_little_memory() {
    use crate::fixture::{command, run};
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
    let limited = format!("ulimit -v {}; exec \"$0\" \"$@\"", 128 << 10);
    let mut command = std::process::Command::new("/bin/sh");
    let _ = command.args(["-c", &limited, env!("CARGO_BIN_EXE_radiosonde")]);
    let _ = command.args(["correlate", "--job", "big", "--dir", dir]).env_clear();
    let _ = run(command).exits(0).prints(&["119 spans below are of no job"]);
}

#[cfg(target_os = "linux")]
#[test]
fn few_descriptors_are_enough_for_many_files() {
    use crate::fixture::{few_descriptors, run};
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
