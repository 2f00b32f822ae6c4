//! Programs nobody here wrote read sealed files: `zstd`, `jq` behind it, and `rg -z`. And what `gzip`
//! and `zstd` write is read here.
//!
//! They are found by `ZSTD`, `JQ`, `RG` and `PROGRAM_GZIP` or on the path. Without one its test prints `not run`,
//! unless `XTASK_REQUIRE_SERVERS=1` makes that a failure; what `XTASK_WITHOUT` names is not run in
//! any case.
#![cfg(feature = "sealed")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use radiosonde_store::Query;
use radiosonde_store::sealed::{SealOptions, seal};

/// The command for a program, or `None` when its test is not to be run.
fn program(name: &str) -> Option<Command> {
    let without = std::env::var("XTASK_WITHOUT").unwrap_or_default();
    if without.split(',').any(|part| part.trim() == name) {
        eprintln!("not run: XTASK_WITHOUT names {name}");
        return None;
    }
    // `gzip` takes what is in the variable of its name for options.
    let variable = if name == "gzip" { "PROGRAM_GZIP".to_owned() } else { name.to_uppercase() };
    let place = std::env::var_os(&variable).unwrap_or_else(|| name.into());
    let version = Command::new(&place).arg("--version").output();
    if version.is_ok_and(|version| version.status.success()) {
        return Some(Command::new(place));
    }
    let required = std::env::var("XTASK_REQUIRE_SERVERS").is_ok_and(|value| value == "1");
    assert!(!required, "no {name}: install it, or set {variable}");
    eprintln!("not run: no {name} on the path and none in {variable}");
    None
}

struct Sealed {
    _dir: tempfile::TempDir,
    path: PathBuf,
    content: Vec<u8>,
}

/// A file of several frames, with a long line, and one that is no JSON if `other` is set.
fn sealed(other: bool) -> Sealed {
    let dir = tempfile::tempdir().unwrap();
    let mut content = String::new();
    for n in 0..20_000 {
        let filler = if n == 9_000 { "x".repeat(2 << 20) } else { format!("m{}", n * 7_919) };
        content += &format!(
            "{{\"ts\":\"2025-10-06T10:00:00.{n:06}Z\",\"evt\":\"log\",\"msg\":\"{filler}\",\"job_id\":\"job-{}\",\"meta\":{{\"n\":{n}}}}}\n",
            n / 100
        );
    }
    let mut content = content.into_bytes();
    if other {
        content.extend(b"\0\xff no line\n\nno end");
    }
    let source = dir.path().join("events-2025-10-06.jsonl");
    let path = dir.path().join("events-2025-10-06.jsonl.zst");
    fs::write(&source, &content).unwrap();
    let sealed = seal(&source, &path, &SealOptions::default(), &mut || true).unwrap();
    assert!(sealed.frames > 3);
    Sealed { _dir: dir, path, content }
}

#[test]
fn zstd_gives_back_every_byte() {
    for file in [sealed(false), sealed(true)] {
        let Some(mut zstd) = program("zstd") else { return };
        let output = zstd.arg("-dc").arg(&file.path).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(output.stdout == file.content, "{} bytes", output.stdout.len());
    }
}

#[test]
fn zstd_takes_the_seal_of_an_empty_file_for_nothing() {
    let Some(mut zstd) = program("zstd") else { return };
    let dir = tempfile::tempdir().unwrap();
    let (source, target) = (dir.path().join("empty"), dir.path().join("empty.zst"));
    fs::write(&source, "").unwrap();
    let _ = seal(&source, &target, &SealOptions::default(), &mut || true).unwrap();
    let output = zstd.arg("-dc").arg(&target).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.stdout, b"");
}

#[test]
fn jq_reads_what_zstd_unpacks() {
    let (Some(mut zstd), Some(mut jq)) = (program("zstd"), program("jq")) else { return };
    let file = sealed(false);
    let mut zstd = zstd.arg("-dc").arg(&file.path).stdout(Stdio::piped()).spawn().unwrap();
    let output = jq
        .args(["-c", "select(.job_id == \"job-150\") | .meta.n"])
        .stdin(zstd.stdout.take().unwrap())
        .output()
        .unwrap();
    assert!(zstd.wait().unwrap().success());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let expect: String = (15_000..15_100).map(|n| format!("{n}\n")).collect();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expect);
}

#[test]
fn ripgrep_searches_it() {
    // `rg -z` unpacks by the program zstd.
    let (Some(_), Some(mut rg)) = (program("zstd"), program("rg")) else { return };
    let file = sealed(false);
    let output = rg.args(["-z", "-c", "-F", "\"job_id\":\"job-150\""]).arg(&file.path).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "100");
}

/// What a program writes of a file that is given to it, or to its standard input.
fn packed(name: &str, args: &str, content: &[u8], is_piped: bool) -> Option<Vec<u8>> {
    let mut program = program(name)?;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    fs::write(&path, content).unwrap();
    let _ = program.args(args.split(' '));
    let output = if is_piped {
        program.stdin(fs::File::open(&path).unwrap()).output().unwrap()
    } else {
        program.arg(&path).output().unwrap()
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(output.stdout)
}

/// The lines a query finds in a file of this content, and whether any may be missing.
fn found(content: &[u8]) -> (Vec<String>, bool) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("any-name");
    fs::write(&path, content).unwrap();
    let mut query = Query::new(vec![path]);
    query.job = Some("job-150".to_owned());
    let answer = query.run();
    (answer.lines.into_iter().map(|line| line.raw).collect(), answer.reading.is_partial())
}

#[test]
fn what_these_programs_write_is_read() {
    let text = sealed(false).content;
    let (expected, _) = found(&text);
    assert_eq!(expected.len(), 100);
    for (name, args, is_piped) in [
        ("gzip", "-1c", false),
        ("gzip", "-9c", true),
        ("zstd", "-1c", false),
        ("zstd", "-1c", true),
        ("zstd", "-19c --long=27", false),
        ("zstd", "-3c --long=27", true),
        ("zstd", "-3c --no-check", true),
        ("zstd", "-3c --no-content-size", false),
    ] {
        if cfg!(not(feature = "gzip")) && name == "gzip" {
            continue;
        }
        let Some(whole) = packed(name, args, &text, is_piped) else { continue };
        assert_eq!(found(&whole), (expected.clone(), false), "{name} {args}");
        // As rotation by hand leaves it: several, one behind the other.
        let Some(more) = packed(name, args, b"{\"ts\":\"2025-10-06T10:00:00Z\"}\n", true) else {
            continue;
        };
        let (lines, _) = found(&[whole.clone(), more].concat());
        assert_eq!(lines, expected, "{name} {args}, twice");
        // A copy under way.
        let (lines, is_partial) = found(&whole[..whole.len() - 20]);
        assert!(is_partial && expected.starts_with(&lines), "{name} {args}, cut");
    }
    if let Some(far) = packed("zstd", "-1c --long=28", &text.repeat(8), true) {
        let (lines, is_partial) = found(&far);
        assert_eq!((lines.len(), is_partial), (0, true), "a window that is not taken");
    }
}
