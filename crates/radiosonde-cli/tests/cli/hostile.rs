//! Files and lines nobody wants to meet.

use std::fs;
use std::io::Read;
use std::process::Stdio;

use radiosonde_store::sealed::{SealOptions, seal};

use crate::fixture::{Dir, command, event, lines};

#[test]
fn what_is_no_line_is_named_with_its_place_and_the_rest_is_found() {
    let dir = Dir::story();
    let mut content = b"\0\0\0\0\n{\"ts\":\"2025-10-06T11:50:00Z\",\"msg\":\"\xff\"}\n".to_vec();
    content.extend(b"<html>\n");
    content.extend(lines(&[event(7, "00.500000", "info", "log", "survivor", &[], "{}")]).bytes());
    dir.write("events-2025-10-07.jsonl", content);
    let _ =
        dir.run("logs").exits(3).prints(&["survivor", "gave up"]).tells(&[
            "events-2025-10-07.jsonl: byte 0: skipped: NUL bytes, and 2 more in this file",
        ]);
    // A query by id is not bothered by lines that cannot hold it.
    let _ = dir.run("logs --job job-7").exits(0).prints(&["gave up"]);
}

#[test]
fn a_line_at_work_is_not_an_error() {
    let dir = Dir::empty();
    let whole = event(1, "00.000000", "info", "log", "whole", &[], "{}");
    let half = event(2, "01.000000", "info", "log", "half", &[], "{}");
    dir.write("events-2025-10-06.jsonl", format!("{whole}\n{}", &half[..60]));
    let ran = dir.run("logs").exits(0).prints(&["whole"]);
    assert_eq!(ran.err, "");
}

#[test]
fn escapes_and_line_breaks_do_nothing_to_the_terminal() {
    let dir = Dir::empty();
    let text = r"\u001b[2J\u001b]0;owned\u0007 \u009b31m \u202e two\nlines \u0000";
    let key = r#""k\u001b[1m":"v\u001b[5m\n","o":{"\u001b":"\u009b"}"#;
    let evil = [
        event(
            1,
            "00.000000",
            "error",
            r"e\u001bvt",
            text,
            &[r#""job_id":"j","worker_id":"w\u001b[0m""#],
            &format!("{{{key}}}"),
        ),
        event(
            2,
            "01.000000",
            "error",
            "log",
            "direct \u{9b}31m \u{202e}",
            &[r#""job_id":"j","worker_id":"w""#],
            "{}",
        ),
    ];
    dir.write("events-2025-10-06.jsonl", lines(&evil));
    let span = format!(
        r#"{{"ts":"2025-10-06T11:50:00Z","evt":"span","msg":"x","service":"s\u001b[2J","trace_id":"t\u001b","span_id":"s\u001b","job_id":"j","meta":{{"name":"{text}","parent_span_id":"p\u001b","status":"error","status_message":"{text}","kind":"k\u001b","duration_us":1,"attributes":{{{key}}}}}}}"#
    );
    dir.write("spans-2025-10-06.jsonl", lines(&[span]));
    let metric = format!(
        r#"{{"ts":"2025-10-06T11:50:00Z","evt":"metric","job_id":"j","service":"\u001b","machine_id":"\u001b","meta":{{"kind":"KIND","name":"{text}","type":"counter","unit":"\u001b","value":1,"labels":{{{key}}}}}}}"#
    );
    dir.write(
        "metrics-2025-10-06.jsonl",
        lines(&[metric.replace("KIND", "delta"), metric.replace("KIND", "snapshot")]),
    );
    for args in
        ["logs", "events", "correlate --job j", "trace --job j", "metrics", "metrics --job j"]
    {
        let ran = dir.run(args).exits(0).prints(&["\\u{1b}"]);
        let acts =
            |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c);
        assert!(!ran.out.contains(acts), "{args}: {:?}", ran.out);
        assert!(ran.out.lines().all(|line| !line.starts_with("lines")), "{args}: {}", ran.out);
    }
}

#[test]
fn long_lines_are_printed_in_part_and_longer_ones_skipped() {
    let dir = Dir::empty();
    let ten =
        event(1, "00.000000", "info", "log", &"x".repeat(10 << 20), &[r#""job_id":"j""#], "{}");
    let seventeen =
        event(2, "01.000000", "info", "log", &"y".repeat(17 << 20), &[r#""job_id":"j""#], "{}");
    let last = event(3, "02.000000", "info", "log", "last", &[r#""job_id":"j""#], "{}");
    let place = ten.len() + 1;
    dir.write("events-2025-10-06.jsonl", lines(&[ten, seventeen, last]));
    for args in ["logs", "correlate --job j"] {
        let ran = dir
            .run(args)
            .exits(3)
            .prints(&["xxx… (+10481664 bytes)", "last"])
            .tells(&[&format!("byte {place}: skipped: line over 16 MiB")]);
        assert!(ran.out.len() < 20_000);
    }
}

#[test]
fn sealed_files_are_read_and_what_is_wrong_with_them_is_named() {
    let dir = Dir::empty();
    let rows: Vec<String> = (0..4_000)
        .map(|n| {
            let ids = format!(r#""job_id":"job-{}""#, n / 1_000);
            let text = format!("m{n} {}", "x".repeat(800));
            event(n, "00.000000", "info", "log", &text, &[&ids], "{}")
        })
        .collect();
    let (name, sealed) = ("events-2025-10-06.jsonl", "events-2025-10-06.jsonl.zst");
    dir.write(name, lines(&rows));
    let (source, target) = (dir.path().join(name), dir.path().join(sealed));
    let _ = seal(&source, &target, &SealOptions::default(), &mut || true).unwrap();
    fs::remove_file(&source).unwrap();
    let ran = dir.run("logs --job job-3 --limit 1").exits(0).prints(&["m3999"]);
    assert_eq!(ran.err, "");
    let _ = dir.run("logs --job job-9").exits(1).tells(&["nothing found in 1 file"]);

    let whole = fs::read(&target).unwrap();
    let mut bytes = whole.clone();
    bytes[100] ^= 1;
    dir.write(sealed, bytes);
    let named = format!("{sealed}: frame 0, bytes 0 to ");
    let _ = dir.run("logs --limit 1").exits(3).prints(&["m3999"]).tells(&[
        &named,
        "is damaged: its checksum differs; its 1087 lines, 2025-10-06 11:50:00.000 UTC, are lost, \
         unless there is a copy of the file; the others were read",
    ]);
    // The other frames are whole, and the first one is not asked.
    let _ = dir.run("logs --job job-3 --limit 1").exits(0).prints(&["m3999"]);

    // Without its index everything is read, and nothing is missing.
    let last = whole.len() - 1;
    dir.write(sealed, [&whole[..last], b"?"].concat());
    let told = "events-2025-10-06.jsonl.zst: the end of its index is damaged; every line was read";
    let _ = dir.run("logs --job job-3 --limit 1").exits(0).prints(&["m3999"]).tells(&[told]);
    // Cut off at the end it is the same.
    dir.write(sealed, &whole[..last]);
    let ran = dir.run("logs --job job-3 --limit 1").exits(0).prints(&["m3999"]);
    let name = target.display();
    assert_eq!(
        ran.err,
        format!("radiosonde: {name}: its index is cut off; every line was read without it\n")
    );
    // Cut off before the index, something may be missing; what is left of a frame is named.
    dir.write(sealed, &whole[..whole.len() / 2]);
    let _ = dir.run("logs --job job-0 --limit 1").exits(3).prints(&["m999"]).tells(&[
        "is damaged: no frame can be read here; its lines are lost, unless there is a copy",
        "has no index at its end, so its end may be missing; what is there was read",
    ]);
}

#[test]
fn odd_shapes_in_fields_are_shown_or_passed_over() {
    let dir = Dir::empty();
    let ids = r#""trace_id":"t","span_id":"s","job_id":"j""#;
    let rows = [
        r#"{"evt":"span","meta":{"duration_us":18446744073709551615,"start":"9999-12-30T00:00:00Z"}"#,
        r#"{"evt":"span","meta":{"duration_us":-5,"start":7,"attributes":[1]}"#,
        r#"{"evt":"span","meta":{"duration_us":"long","parent_span_id":"s"}"#,
        r#"{"evt":"span","meta":null"#,
        r#"{"evt":"metric","meta":{"kind":"delta","name":"m","type":"counter","value":1e308}"#,
        r#"{"evt":"metric","meta":{"kind":"delta","name":"m","type":"counter","value":1e308}"#,
        r#"{"evt":"metric","meta":{"kind":"delta","name":"h","type":"histogram","count":18446744073709551615,"sum":-1}"#,
        r#"{"evt":"metric","meta":{"kind":"delta","name":"h","type":"histogram","count":3,"sum":1}"#,
        r#"{"evt":"metric","meta":{"kind":"delta","name":3}"#,
        r#"{"evt":"metric","meta":{"kind":"snapshot","name":"h","type":"histogram","count":3,"sum":1,"buckets":[[],[1],["+Inf",3],7]}"#,
        r#"{"evt":""#,
    ];
    let rows: Vec<String> = rows
        .iter()
        .enumerate()
        .map(|(n, row)| format!(r#"{row},"ts":"2025-10-06T11:50:{n:02}Z",{ids}}}"#))
        .collect();
    dir.write("spans-2025-10-06.jsonl", lines(&rows[..4]));
    dir.write("metrics-2025-10-06.jsonl", lines(&rows[4..10]));
    dir.write(
        "events-2025-10-06.jsonl",
        lines(&[
            r#"{"ts":"-009999-01-03T00:00:00Z","evt":"log","msg":"early","job_id":"j"}"#.to_owned()
        ]),
    );
    for args in ["correlate --job j", "trace --job j", "metrics", "metrics --job j", "logs"] {
        let ran = dir.run(args).exits(0);
        assert!(!ran.err.contains("panicked"), "{args}: {}", ran.err);
    }
}

#[cfg(unix)]
#[test]
fn links_folders_and_pipes_named_like_a_day_file_are_named_and_not_read() {
    use std::os::unix::fs::symlink;
    let dir = Dir::story();
    let secret = Dir::empty();
    secret.write("secret", lines(&[event(9, "00.000000", "info", "log", "secret", &[], "{}")]));
    symlink(secret.path().join("secret"), dir.path().join("events-2025-10-08.jsonl")).unwrap();
    fs::create_dir(dir.path().join("events-2025-10-09.jsonl")).unwrap();
    let _socket =
        std::os::unix::net::UnixListener::bind(dir.path().join("events-2025-10-10.jsonl")).unwrap();
    let _ = dir.run("logs").exits(3).prints(&["gave up"]).omits(&["secret"]).tells(&[
        "events-2025-10-08.jsonl: not read: is a symbolic link",
        "events-2025-10-09.jsonl: not read: is a directory",
        "events-2025-10-10.jsonl: not read:",
    ]);
}

#[cfg(unix)]
#[test]
fn a_file_that_may_not_be_read_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let dir = Dir::story();
    let file = dir.path().join("events-2025-10-06.jsonl");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap();
    // Nothing is unreadable to root.
    if fs::read(&file).is_err() {
        let _ = dir.run("logs").exits(3).tells(&["events-2025-10-06.jsonl: not read:"]);
    }
}

#[test]
fn foreign_files_are_left_alone() {
    let dir = Dir::story();
    for name in
        ["events-2025-10-06.jsonl.bak", "events.jsonl", "notes.txt", "events-2025-13-01.jsonl"]
    {
        dir.write(name, "rubbish\n");
    }
    let ran = dir.run("logs").exits(0);
    assert_eq!(ran.err, "");
}

#[test]
fn a_reader_that_leaves_ends_it_quietly() {
    let dir = Dir::empty();
    let many: Vec<String> = (0..20_000)
        .map(|n| event(n, "00.000000", "info", "log", "much to say", &[r#""job_id":"j""#], "{}"))
        .collect();
    dir.write("events-2025-10-06.jsonl", lines(&many));
    for args in [
        &["logs"][..],
        &["logs", "-o", "json"],
        &["logs", "-n", "15000"],
        &["correlate", "--job", "j"],
    ] {
        let mut command = command(args);
        let mut child = command
            .arg("--dir")
            .arg(dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = [0; 10];
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_exact(&mut first).unwrap();
        drop(stdout);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "{args:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told() {
    let dir = Dir::story();
    let mut command = command(&["logs", "--dir"]);
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = command.arg(dir.path()).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8(output.stderr).unwrap().contains("cannot write the output"));
}
