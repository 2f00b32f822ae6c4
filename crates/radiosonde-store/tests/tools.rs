//! Programs nobody here wrote read sealed files: `zstd`, `jq` behind it, and `rg -z`.
//!
//! They are found by `ZSTD`, `JQ` and `RG` or on the path. Without one its test prints `not run`,
//! unless `XTASK_REQUIRE_SERVERS=1` makes that a failure; what `XTASK_WITHOUT` names is not run in
//! any case.
#![cfg(feature = "sealed")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use radiosonde_store::sealed::{SealOptions, seal};

/// The command for a program, or `None` when its test is not to be run.
fn program(name: &str) -> Option<Command> {
    let without = std::env::var("XTASK_WITHOUT").unwrap_or_default();
    if without.split(',').any(|part| part.trim() == name) {
        eprintln!("not run: XTASK_WITHOUT names {name}");
        return None;
    }
    let variable = name.to_uppercase();
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
