//! A limit on the size of files ends no process.

use std::process::Command;
use std::time::Duration;

const CHILD: &str = "XTASK_SIZE_LIMIT_CHILD";

#[test]
fn a_limit_on_the_size_of_files_is_an_error_and_not_the_end() {
    if let Some(directory) = std::env::var_os(CHILD) {
        return record(std::path::Path::new(&directory));
    }
    // Blocks of 512 bytes or of 1 KiB, by the shell: below a ring, and below what is recorded.
    for blocks in [16, 4096] {
        let directory = tempfile::tempdir().unwrap();
        let program = std::env::current_exe().unwrap();
        let output = Command::new("sh")
            .args(["-c", &format!("ulimit -f {blocks}; exec \"$0\" --nocapture")])
            .arg(program)
            .env(CHILD, directory.path())
            .env("RADIOSONDE_STDERR", "off")
            .output()
            .unwrap();
        assert!(output.status.success(), "{blocks} blocks: {output:?}");
        let recovered = radiosonde_events::recover::recover_directory(directory.path(), false);
        assert!(recovered.is_ok() || blocks == 16, "{recovered:?}");
    }
}

fn record(directory: &std::path::Path) {
    let telemetry = radiosonde::init!(dir = directory);
    let text = "x".repeat(1000);
    for number in 0..10_000 {
        radiosonde::event!("size", number, text);
    }
    let events = telemetry.shutdown(Duration::from_secs(1)).events;
    let sum = events.delivered + events.rejected + events.dropped + events.pending;
    assert_eq!(events.offered, sum);
    assert!(events.offered >= 10_000);
}
