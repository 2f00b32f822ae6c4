//! `promtool check metrics`, the reader that others trust, accepts the text.
//!
//! It is found by `PROMTOOL` or on the path. Without it the test prints `not run`, unless
//! `XTASK_REQUIRE_SERVERS=1` makes that a failure; with `promtool` in the comma list of
//! `XTASK_WITHOUT` it is not run in any case.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::io::Write as _;
use std::process::{Command, Stdio};

use radiosonde_prometheus::Format;
use radiosonde_prometheus::text::{of, render};

#[test]
fn promtool_accepts_the_text() {
    let without = std::env::var("XTASK_WITHOUT").unwrap_or_default();
    if without.split(',').any(|part| part.trim() == "promtool") {
        eprintln!("not run: XTASK_WITHOUT names promtool");
        return;
    }
    let promtool = std::env::var_os("PROMTOOL").unwrap_or_else(|| "promtool".into());
    let version = Command::new(&promtool).arg("--version").output();
    if !version.is_ok_and(|version| version.status.success()) {
        let required = std::env::var("XTASK_REQUIRE_SERVERS").is_ok_and(|v| v == "1");
        assert!(!required, "no promtool: install the package `prometheus`, or set PROMTOOL");
        eprintln!("not run: no promtool on the path and none in PROMTOOL");
        return;
    }
    // The status of `check metrics` is 3 for opinions on names and help, such as of metrics nobody
    // described; 1 is what it cannot read.
    for (text, accepted) in [
        (render(&common::metrics().snapshot()), &[0][..]),
        (render(&common::hostile()), &[0, 3]),
        (render(&common::crowded().snapshot()), &[0, 3]),
        (of(&common::metrics(), Format::Text), &[0]),
        (of(&common::crowded(), Format::Text), &[0, 3]),
    ] {
        let mut child = Command::new(&promtool)
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let code = output.status.code().unwrap_or(-1);
        assert!(accepted.contains(&code), "status {code}: {said}\n{text}");
    }
}
