//! What `--dir` may name: files of any form and name, patterns, pipes, and standard input.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use radiosonde_store::sealed::{SealOptions, seal};

use crate::fixture::{Dir, Ran, command, event, existing, lines, run};

const DAY: &str = "events-2025-10-06.jsonl";

/// The story of `job-7`, and a place for files beside it.
fn story() -> (Dir, String) {
    let dir = Dir::story();
    let text = fs::read_to_string(dir.path().join(DAY)).unwrap();
    (dir, text)
}

pub(crate) fn gzip(text: &str) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(text.as_bytes()).unwrap();
    out.finish().unwrap()
}

/// Stored lines of the job, of what is named.
fn logs(dir: &Dir, names: &[&str]) -> Ran {
    let mut command = command(&["logs", "-o", "json", "--job", "job-7"]);
    let _ = command.args(names.iter().flat_map(|name| ["--dir", name])).current_dir(dir.path());
    run(command)
}

#[test]
fn one_text_gives_the_same_lines_in_every_form() {
    let (story, text) = story();
    let expected = logs(&story, &[DAY]).exits(0).out;
    assert_eq!(expected.lines().count(), 3);
    let dir = Dir::empty();
    let _ = seal(
        &story.path().join(DAY),
        &dir.path().join("events-2025-10-06.jsonl.zst"),
        &SealOptions::default(),
        &mut || true,
    );
    dir.write("log", &text);
    dir.write("log.gz", gzip(&text));
    dir.write("log.txt", gzip(&text));
    dir.write("log.zst", zstd::stream::encode_all(text.as_bytes(), 3).unwrap());
    for name in ["events-2025-10-06.jsonl.zst", "log", "log.gz", "log.txt", "log.zst"] {
        let ran = logs(&dir, &[name]).exits(0);
        assert_eq!((ran.out, ran.err.as_str()), (expected.clone(), ""), "{name}");
    }
    // Of a directory, day files alone are read, in any form.
    let gzipped = Dir::empty();
    gzipped.write("events-2025-10-06.jsonl.gz", gzip(&text));
    gzipped.write("events-2025-10-06.jsonl.gz.tmp", "rubbish");
    assert_eq!(logs(&gzipped, &["."]).exits(0).out, expected);
}

#[test]
fn patterns_mean_what_they_fit() {
    let dir = Dir::empty();
    for (n, place) in ["a/telemetry", "b/telemetry", "c/other", "d"].iter().enumerate() {
        let place = existing(dir.path().join(place));
        let row = event(n as u32, "00.050000", "info", "log", &format!("line {n}"), &[JOB], "{}");
        fs::write(place.join(DAY), lines(&[row])).unwrap();
    }
    let ran = logs(&dir, &["*/telemetry"]).exits(0).prints(&["line 0", "line 1"]);
    let _ = ran.omits(&["line 2", "line 3"]);
    let _ = logs(&dir, &["*/*/events-*.jsonl"]).exits(0).prints(&["line 1", "line 2"]);
    // What is named twice is read once, however it is named.
    let ran = logs(&dir, &["[ab]/telemetry", "b/telemetry", "d/../b/telemetry"]).exits(0);
    assert_eq!(ran.out.lines().count(), 2);
    for (pattern, told) in
        [("x*", "nothing fits x*"), ("[", "[ is no pattern"), ("?/n", "fits ?/n")]
    {
        let ran = logs(&dir, &["a/telemetry", pattern]).exits(2).tells(&[told]);
        assert_eq!(ran.out, "");
    }
    // A name is a name before it is a pattern.
    let odd = existing(dir.path().join("d[1]"));
    fs::write(odd.join(DAY), fs::read(dir.path().join("d").join(DAY)).unwrap()).unwrap();
    let _ = logs(&dir, &["d[1]"]).exits(0).prints(&["line 3"]);
    let mut removed = command(&["removed", "--dir", "*"]);
    let _ = removed.current_dir(dir.path());
    let _ = run(removed).exits(1);
}

const JOB: &str = r#""job_id":"job-7""#;

/// Runs the command with something on its standard input.
pub(crate) fn with_stdin(args: &[&str], input: &[u8]) -> Ran {
    let mut command = command(args);
    let _ = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Who refuses it does not read it.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    Ran {
        status: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn standard_input_is_read_once_in_any_form() {
    let (story, text) = story();
    let expected = logs(&story, &[DAY]).exits(0).out;
    let of_job = ["logs", "-o", "json", "--job", "job-7", "--dir", "-"];
    let zstd = zstd::stream::encode_all(text.as_bytes(), 3).unwrap();
    for input in [text.as_bytes(), &gzip(&text), &zstd] {
        assert_eq!(with_stdin(&of_job, input).exits(0).out, expected);
    }
    let newest = with_stdin(&["logs", "-o", "json", "-n", "1", "--dir", "-"], &gzip(&text));
    let _ = newest.exits(0).prints(&["another job"]).omits(&["gave up"]);
    let _ = with_stdin(&of_job, b"").exits(1);
    let cut = with_stdin(&of_job, &gzip(&text)[..300]).exits(3);
    let _ = cut.tells(&["-: read up to byte 300: ends before its end"]);
    for command in [["correlate", "--job", "job-7"], ["trace", "--job", "job-7"]] {
        let args = [command.as_slice(), &["--dir", "-"]].concat();
        let _ =
            with_stdin(&args, text.as_bytes()).exits(2).tells(&["standard input can be read once"]);
    }
}

/// A pipe with a name, of which somebody writes the text once, as soon as it is read.
#[cfg(unix)]
fn pipe(dir: &Dir, text: &str) -> std::path::PathBuf {
    let path = dir.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    let (to, text) = (path.clone(), text.to_owned());
    // Where nobody reads it, it waits until the test ends.
    let _writer = std::thread::spawn(move || fs::write(to, text));
    path
}

#[cfg(unix)]
#[test]
fn a_pipe_is_read_once_and_refused_where_that_is_not_enough() {
    let (_, text) = story();
    let of = |args: &str, text: &str| {
        let dir = Dir::empty();
        let path = pipe(&dir, text);
        let args = format!("{args} --dir {}", path.display());
        run(command(&args.split(' ').collect::<Vec<_>>()))
    };
    // A second reading would find nothing, or wait for ever.
    let twice = ["trace --job job-7", "trace --job job-7 -o json", "correlate --job job-7"];
    for args in twice {
        let ran = of(args, &text).exits(2);
        assert_eq!(ran.out, "", "{args}");
        let _ = ran.tells(&["several times", "pipe can be read once: keep it in a file"]);
    }
    let change = r#"{"ts":"2025-10-06T11:50:00Z","evt":"metric","meta":{"kind":"delta","name":"n_total","type":"counter","value":1}}
"#;
    let _ = of("metrics", change).exits(2).tells(&["pipe can be read once"]);
    let snapshot = change.replace("delta", "snapshot");
    let _ = of("metrics --where name=n_total", &snapshot).exits(2).tells(&["can be read once"]);
    // Once is enough.
    let _ = of("metrics", &snapshot).exits(0).prints(&["n_total"]);
    let stored = of("correlate --job job-7 -o json", &text).exits(0);
    assert_eq!(stored.out.lines().count(), 3, "{}", stored.out);
    let _ = of("logs --level error", &text).exits(0).prints(&["gave up"]);
    for args in ["logs --level critical", "logs --where level>=critical", "logs --where nope=1"] {
        let _ = of(args, &text).exits(1).tells(&["nothing found in 1 file"]);
    }
}

#[test]
fn what_cannot_be_read_is_named_with_its_place_and_the_rest_is_found() {
    let (story, text) = story();
    let dir = Dir::empty();
    let mut damaged = gzip(&text.repeat(500));
    let middle = damaged.len() / 2;
    damaged[middle..middle + 40].fill(0xff);
    dir.write("damaged", &damaged);
    dir.write("utf16", b"\xff\xfe{\0");
    dir.write("whole", &text);
    let window = [0x28, 0xb5, 0x2f, 0xfd, 0, 18 << 3, 1, 0, 0];
    dir.write("window.zst", window);
    let ran = logs(&dir, &["damaged", "utf16", "whole", "window.zst"]).exits(3);
    assert!(ran.out.lines().count() >= 3, "{}", ran.out);
    let ran = ran.tells(&["damaged: read up to byte ", "is damaged", "utf16: not read: is UTF-16"]);
    let _ = ran.tells(&[
        "window.zst: read up to byte 5: needs a window over 128 MiB",
        "zstd -dc --long=31",
    ]);
    drop(story);
}

#[test]
fn what_is_not_read_is_never_taken_for_nothing_found() {
    let (story, text) = story();
    let xz = b"\xfd7zXZ\0\0\x04\xe6\xd6\xb4\x46";
    let cut = &text[..text.len() - 20];
    let dir = Dir::empty();
    dir.write("app.log", xz);
    dir.write(DAY, xz);
    dir.write("random", b"\x92\x01\xf0\x07\x80");
    dir.write("no-end", text.trim_end());
    dir.write("cut", cut);
    for (name, told) in [
        ("app.log", "app.log: not read: is compressed by xz, which is not read: `xz -dc FILE |"),
        (".", "2025-10-06.jsonl: not read: is compressed by xz"),
        (DAY, "2025-10-06.jsonl: not read: is compressed by xz"),
        ("random", "random: byte 0: skipped: invalid UTF-8"),
    ] {
        let ran = logs(&dir, &[name]).exits(3).tells(&[told]);
        assert_eq!(ran.out, "", "{name}");
    }
    let last = ["logs", "-o", "raw", "--job", "job-77", "--dir"];
    let expected = text.lines().last().unwrap().to_owned() + "\n";
    let path = dir.path().join("no-end");
    assert_eq!(
        run(command(&[&last[..], &[path.to_str().unwrap()]].concat())).exits(0).out,
        expected
    );
    let stdin = [&last[..], &["-"]].concat();
    assert_eq!(with_stdin(&stdin, text.trim_end().as_bytes()).exits(0).out, expected);
    let start = text.trim_end().rfind('\n').unwrap() + 1;
    let told = format!("-: byte {start}: skipped: EOF");
    let _ = with_stdin(&stdin, cut.as_bytes()).exits(3).tells(&[&told]);
    let _ = with_stdin(&stdin, xz).exits(3).tells(&["-: not read: is compressed by xz"]);
    // Where somebody writes on, half a line is nothing wrong.
    story.write(DAY, cut);
    let ran = story.run("logs --job job-77 --explain").exits(1);
    let _ = ran.tells(&["half    the last line of 1 file, not whole and left out"]);
}

#[test]
fn a_line_with_a_value_of_another_kind_is_found_and_printed_as_it_stands() {
    let dir = Dir::empty();
    let text = r#"{"ts":"2025-10-06T11:50:01Z", "msg":"odd","job_id":"job-7","meta":{"v":1E400},"id":7}
{"ts":"2025-10-06T11:50:02Z","msg":8,"job_id":7,"id":7}
"#;
    dir.write(DAY, text);
    dir.write("packed.gz", gzip(text));
    for name in [".", "packed.gz"] {
        let of = |args: &str| {
            let mut command = command(&args.split(' ').collect::<Vec<_>>());
            let _ = command.args(["--dir", name]).current_dir(dir.path());
            run(command).exits(0)
        };
        for output in ["raw", "json"] {
            let all = of(&format!("logs -o {output}"));
            assert_eq!((all.out.as_str(), all.err.as_str()), (text, ""));
            let first = of(&format!("logs --job job-7 -o {output}"));
            assert_eq!(first.out, text.split_inclusive('\n').next().unwrap());
        }
        let _ = of("logs --job 7").prints(&[" 8"]);
        let _ = of("logs").prints(&["odd", "1E400"]);
    }
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_told() {
    let (dir, _) = story();
    std::os::unix::fs::symlink(dir.path().join(DAY), dir.path().join("link")).unwrap();
    std::os::unix::fs::symlink("nowhere", dir.path().join("dangling")).unwrap();
    let _ = logs(&dir, &["link"]).exits(0).prints(&["gave up"]);
    let _ = logs(&dir, &["dangling"]).exits(2).tells(&["dangling does not exist"]);
    let _ = logs(&dir, &["/dev/zero"]).exits(3).tells(&["/dev/zero: not read: is a device"]);
    let _ = logs(&dir, &[DAY, "/dev/null"]).exits(3).prints(&["gave up"]);
    // In a directory nobody named it.
    let linked = Dir::empty();
    std::os::unix::fs::symlink(dir.path().join(DAY), linked.path().join(DAY)).unwrap();
    let _ = logs(&linked, &["."]).exits(3).tells(&["symbolic link, which is not followed"]);
}
