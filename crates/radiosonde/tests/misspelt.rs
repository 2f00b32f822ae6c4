//! What is wrong in `RUST_LOG` is said on the console of the program, not only in its report.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::process::Command;
use std::time::Duration;

const CHILD: &str = "XTASK_MISSPELT_CHILD";

#[test]
fn each_mistake_in_the_filter_is_a_line_on_stderr() {
    if let Some(directory) = std::env::var_os(CHILD) {
        let telemetry = radiosonde::init!(dir = directory);
        telemetry.shutdown(Duration::from_secs(20));
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .arg("--nocapture")
        .env(CHILD, directory.path())
        .env("RADIOSONDE_STDERR", "pretty")
        .env("RUST_LOG", "wran,my_app=inof")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    for part in ["did you mean the level `warn`?", "`my_app=inof` is not understood"] {
        let lines: Vec<_> = said.lines().filter(|line| line.contains(part)).collect();
        assert_eq!(lines.len(), 1, "{said}");
        assert!(lines[0].contains("WARN  telemetry.problem  RUST_LOG: "), "{said}");
        assert!(lines[0].contains("fix="), "{said}");
    }
}
