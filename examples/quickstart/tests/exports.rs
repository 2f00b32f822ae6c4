//! The committed data set: made by the committed generator, and counted as the summary says.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use quickstart::client::Client;
use quickstart::totals::Totals;
use quickstart::usage::Provider;
use quickstart::{provider, report, run};

#[test]
fn the_generator_makes_the_committed_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let status =
        Command::new(env!("CARGO_BIN_EXE_make-exports")).arg(folder.path()).status().unwrap();
    assert!(status.success());
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    let (made, kept) = (names(folder.path()), names(&committed));
    assert_eq!(made, kept, "the generator makes exactly the committed files");
    for name in made {
        let (made, kept) = (folder.path().join(&name), committed.join(&name));
        assert!(
            std::fs::read(made).unwrap() == std::fs::read(kept).unwrap(),
            "{name} differs: run `cargo run -p quickstart --bin make-exports -- \
             examples/quickstart/data` and commit it, or take the change of the generator back"
        );
    }
}

#[test]
fn the_committed_set_gives_the_same_numbers_every_time() {
    let first = ingest_committed();
    let again = ingest_committed();
    assert_eq!(first.providers, again.providers);

    let sum = first.sum();
    assert_eq!((sum.windows, sum.ingested, sum.failed, sum.missing), (83, 80, 3, 7));
    let missing = Provider::ALL.map(|provider| first.providers[&provider].missing);
    assert_eq!(missing, [2, 2, 3]);
    assert_eq!(first.providers[&Provider::Initech].cursor.unwrap().to_string(), "2026-09-29");
    assert!(sum.retries >= 30, "{} retries", sum.retries);

    // Conservation: every row read ends in exactly one column.
    let accounted = sum.rows + sum.held_back + sum.duplicates + sum.malformed + first.unplaced;
    assert_eq!(accounted, rows_in_the_files(), "{}", report::summary(&first));
    assert_eq!(first.malformed.values().sum::<u64>(), sum.malformed + first.unplaced);
    for kind in [
        "bad_identifier",
        "bad_number",
        "bad_window",
        "missing_column",
        "negative_cost",
        "not_json",
        "unknown_model",
    ] {
        assert!(first.malformed.contains_key(kind), "{kind} occurs");
    }

    let failed: BTreeSet<_> = first.failed.iter().map(|(job, _)| job.as_str()).collect();
    let expected = ["acme-2026-09-21", "globex-2026-09-14", "initech-2026-09-09"];
    assert_eq!(failed, BTreeSet::from(expected));
}

#[tokio::test]
async fn files_that_cannot_be_read_leave_the_others_alone() {
    let folder = tempfile::tempdir().unwrap();
    let alien = folder.path().join("other-month.csv");
    let header = "record_id,provider,window_start,key_id,model,requests,input_tokens,\
                  output_tokens,cost_usd\n";
    let row = "a-1,acme,2031-01-01,key_ops,drift-mini,1,1,1,0.5\n";
    std::fs::write(&alien, format!("{header}{row}")).unwrap();
    let files = [folder.path().join("none.csv"), folder.path().to_owned(), alien];

    let client = Client::new(provider::start().await.unwrap()).unwrap();
    let totals = run::run(&files, &client).await;
    assert_eq!((totals.files_read, totals.files_unreadable.len()), (1, 2));
    // The provider knows no such window: one attempt, no retry, the row is held back.
    let acme = &totals.providers[&Provider::Acme];
    assert_eq!((acme.failed, acme.retries, acme.held_back), (1, 0, 1));
    assert_eq!(totals.failed[0].1, "404 unknown_window");
}

fn ingest_committed() -> Totals {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = Client::new(provider::start().await.unwrap()).unwrap();
        run::run(&run::committed_exports(), &client).await
    })
}

/// Lines with a row, counted without our readers.
fn rows_in_the_files() -> u64 {
    let [csv, lines, array] = run::committed_exports().map(|path| {
        let text = std::fs::read_to_string(path).unwrap();
        text.lines().filter(|line| !line.is_empty()).count() as u64
    });
    // One header line, two lines with brackets.
    (csv - 1) + lines + (array - 2)
}

fn names(folder: &Path) -> BTreeSet<String> {
    // Files only: whoever runs the example in its own folder has `data/telemetry` there.
    std::fs::read_dir(folder)
        .unwrap()
        .map(Result::unwrap)
        .filter(|entry| entry.file_type().unwrap().is_file())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect()
}
