//! What `trace`, `metrics` and `correlate` say of what is sent over OTLP alone.

use radiosonde_events::Owner;
use radiosonde_record::Slot;

use crate::fixture::{Dir, command, event, lines, run};

/// A directory of a program that keeps events only: one of them in a span.
fn events_only() -> Dir {
    let dir = Dir::empty();
    let of_span = &["00f067aa0ba90001", r#""job_id":"job-7""#];
    let event = event(1, "00.050000", "info", "log", "window opened", of_span, "{}");
    dir.write("events-2025-10-06.jsonl", lines(&[event]));
    dir
}

#[test]
fn who_looks_for_what_is_in_no_file_is_told_where_it_may_be() {
    let dir = events_only();
    let kept = "RADIOSONDE_FILES=events,spans,metrics keeps them here";
    for (args, what) in [
        ("trace 0edadbc0", "spans may have been sent over OTLP alone"),
        ("correlate --job none", "spans may have been sent over OTLP alone"),
        ("metrics", "metrics may have been sent over OTLP alone"),
        ("metrics --job job-7", "metrics may have been sent over OTLP alone"),
    ] {
        let _ = dir.run(args).exits(1).tells(&[what, kept]);
    }
    // Below a tree that has a place for the span.
    let ran = dir.run("correlate --job job-7").exits(0);
    let ran = ran.prints(&["(missing span 00f067aa0ba90001", "may have been sent over OTLP", kept]);
    assert_eq!(ran.err, "");

    // A process that says so itself.
    let slot = Slot::take(dir.path(), &mut |_, _| {}).unwrap();
    let mut owner = Owner::default();
    (owner.exports, owner.lines) = (true, [true, false, false]);
    let _instance = slot.create_instance(&owner.to_json()).unwrap();
    let _ =
        dir.run("trace 0edadbc0").exits(1).tells(&["spans of programs here are sent over OTLP"]);
    let _ = dir.run("metrics").exits(1).tells(&["metrics of programs here are sent over OTLP"]);
}

#[test]
fn where_nothing_speaks_for_it_nothing_is_said_of_it() {
    let story = Dir::story();
    for args in ["trace ffff", "correlate --job none", "metrics --job none"] {
        let ran = story.run(args).exits(1);
        assert!(!ran.err.contains("OTLP"), "{args}: {}", ran.err);
    }
    let ran = story.run("correlate --job job-7").exits(0).prints(&["missing span"]);
    let _ = ran.omits(&["OTLP"]);
    // Unless what is set here does.
    let dir = story.path().to_str().unwrap();
    let asked = |files: &str| {
        let mut command = command(&["trace", "ffff", "--dir", dir]);
        let _ = command.env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");
        let _ = command.env("RADIOSONDE_FILES", files);
        run(command).exits(1).err
    };
    assert!(asked("events").contains("may have been sent"));
    assert!(!asked("events,spans").contains("OTLP"));
}
