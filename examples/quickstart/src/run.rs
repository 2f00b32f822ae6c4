//! A run: read the exports, plan the windows, let the workers take them.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use jiff::Timestamp;

use crate::catalog;
use crate::client::Client;
use crate::exports::{self, Export};
use crate::ingest::{Run, log_malformed};
use crate::totals::Totals;
use crate::usage::{Provider, RawRow};
use crate::window::{self, Plan, Window};

/// The committed data set.
pub fn committed_exports() -> [PathBuf; 3] {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    ["acme-2026-09.csv", "globex-2026-09.jsonl", "initech-2026-09.json"]
        .map(|file| folder.join(file))
}

/// Ingests all windows of these files with four workers and returns the numbers. A file that cannot
/// be read is listed in them; the others go on.
pub async fn run(files: &[PathBuf], client: &Client) -> Totals {
    let started = Instant::now();
    let mut totals = Totals::default();
    let rows = read_exports(files, &mut totals);
    let plan = Plan::new(rows);
    let as_of = plan.last_day.map_or_else(Timestamp::now, window::end);
    totals.days = plan.windows.first().map(|window| window.day).zip(plan.last_day);
    note_missing(&plan, &mut totals);
    for window in &plan.windows {
        totals.provider(window.provider).windows += 1;
    }

    let run = Arc::new(Run::new(client.clone(), as_of, totals));
    let queue = Arc::new(Mutex::new(VecDeque::from(plan.windows)));
    let workers: Vec<_> = (1..=WORKERS)
        .map(|number| radiosonde::spawn(work(format!("w-{number}"), run.clone(), queue.clone())))
        .collect();
    for worker in workers {
        if let Err(error) = worker.await {
            tracing::error!(%error, "a worker ended early; its window is lost for this run");
        }
    }

    let mut totals = std::mem::take(&mut *run.totals());
    totals.took = started.elapsed();
    let sum = totals.sum();
    radiosonde::event!(
        "ingestion.run_finished",
        windows_ingested = sum.ingested,
        windows_failed = sum.failed,
        windows_missing = sum.missing,
        rows = sum.rows,
        duplicates = sum.duplicates,
        malformed = sum.malformed + totals.unplaced,
        duration_ms = totals.took.as_millis() as u64,
        "{} windows ingested, {} failed, {} missing",
        sum.ingested,
        sum.failed,
        sum.missing
    );
    totals
}

#[tracing::instrument(skip_all, fields(files = files.len()))]
fn read_exports(files: &[PathBuf], totals: &mut Totals) -> Vec<RawRow> {
    let mut rows = Vec::new();
    for path in files {
        match exports::read(path) {
            Ok(Export { rows: mut read, rejected }) => {
                log_malformed(&rejected);
                for rejected in &rejected {
                    totals.count_unplaced(&rejected.reason);
                }
                totals.files_read += 1;
                rows.append(&mut read);
            }
            Err(error) => {
                let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
                let why = format!("{error}{}", cause.unwrap_or_default());
                tracing::error!(file = %path.display(), "export skipped: {why}");
                totals.files_unreadable.push((path.display().to_string(), why));
            }
        }
    }
    rows
}

fn note_missing(plan: &Plan, totals: &mut Totals) {
    for (provider, day) in &plan.missing {
        totals.provider(*provider).missing += 1;
        // Under the job the window would have had: whoever looks for it finds out why it is absent.
        radiosonde::scope().job(format!("{provider}-{day}")).run(|| {
            radiosonde::event!(
                "ingestion.window_missing",
                level: warning,
                provider = provider.as_str(),
                "no rows for {}",
                window::range(*day)
            );
        });
    }
    for provider in Provider::ALL {
        let missing = totals.providers.get(&provider).map_or(0, |own| own.missing);
        catalog::ingestion_windows_missing(provider).set(missing);
    }
}

async fn work(name: String, run: Arc<Run>, queue: Arc<Mutex<VecDeque<Window>>>) {
    // The lock is given back before the window is worked on.
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    while let Some(window) = next() {
        run.ingest(&name, &window).await;
    }
}

/// Windows in work at a time.
const WORKERS: usize = 4;
