//! The command over files that a program wrote.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "all of this crate is a test")]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use radiosonde::{Config, Profile, Service};
use radiosonde_store::names::{Form, Signal, StoredFile};
use radiosonde_store::sealed::{SealOptions, seal};
use tracing::info_span;

/// What the command prints of a trace.
fn trace(root: &Path, id: &str) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_radiosonde"));
    let _ = command.args(["trace", id, "--dir"]).arg(root).env_clear();
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_link_is_shown_at_both_of_its_ends_while_files_are_written_to_and_sealed() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("telemetry");
    let config = Config::new(Service::new("shop", "1.0.0")).profile(Profile::Cli);
    let telemetry = config.dir(&root).init();

    let sent: Vec<_> = (0..2)
        .map(|order| {
            let publish = info_span!("publish", otel.kind = "producer", order);
            publish.in_scope(|| radiosonde::context_of(&publish))
        })
        .collect();
    let batch = info_span!("process batch", otel.kind = "consumer");
    sent.iter().for_each(|context| radiosonde::add_link(&batch, context));
    let of_batch = radiosonde::context_of(&batch).trace_id().unwrap().to_string();
    drop(batch);
    let of_sent = sent.iter().map(|context| context.trace_id().unwrap().to_string());
    let of_sent: Vec<String> = of_sent.collect();
    let within = Duration::from_secs(10);
    assert_eq!(telemetry.flush(within).spans.pending, 0);

    let look = || {
        let from = &of_batch[..8];
        for (order, id) in of_sent.iter().enumerate() {
            let row = format!(
                "publish  producer  ← linked from trace {from} (process batch)  order={order}\n"
            );
            let printed = trace(&root, id);
            assert!(printed.contains(&row), "{row} in {printed}");
        }
        let [first, second] = [&of_sent[0][..8], &of_sent[1][..8]];
        let row = format!("process batch  consumer  → trace {first}  → trace {second}\n");
        let printed = trace(&root, &of_batch);
        assert!(printed.contains(&row) && !printed.contains('←'), "{row} in {printed}");
    };
    look();

    let report = telemetry.shutdown(within);
    assert_eq!(report.spans.delivered, 3);
    let spans = |file: &StoredFile| file.day.signal == Signal::Spans && file.form == Form::Plain;
    for file in StoredFile::list(&root).unwrap().into_iter().filter(spans) {
        let path = root.join(file.file_name());
        let sealed = root.join(format!("{}.zst", file.file_name()));
        let _ = seal(&path, &sealed, &SealOptions::default(), &mut || true).unwrap();
        fs::remove_file(path).unwrap();
    }
    look();
}
