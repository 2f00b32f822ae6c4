//! What the thread `radiosonde-io` does again and again: snapshots, looks at the metrics, syncs.

use std::io;
use std::time::{Duration, Instant};

use radiosonde_record::{Kind, patiently};

use super::IoControl;
use crate::batch::Keeper;
use crate::config::Fsync;
use crate::metric_lines;
use crate::telemetry::Telemetry;

/// Between two syncs of day files: what a power cut may cost.
pub(super) const SYNC_INTERVAL: Duration = Duration::from_secs(1);
/// Between two looks at what was written to the metrics: how exact it is when one was last seen, and
/// how long values of batch gauges wait for their file.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// How long a snapshot waits for room in the ring.
const PATIENCE: Duration = Duration::from_secs(1);

pub(super) struct Snapshots {
    pub(super) interval: Duration,
    pub(super) next: Instant,
}

impl Snapshots {
    pub(super) fn when_due(&mut self, telemetry: &Telemetry, control: &IoControl) {
        let now = Instant::now();
        let (wanted, done) = {
            let state = control.state();
            (state.snapshots_wanted, state.snapshots_done)
        };
        if wanted > done {
            // Besides those of the interval, which goes on.
            snapshot(telemetry);
            telemetry.unsynced().wake();
            control.change(|state| state.snapshots_done = wanted);
        }
        if now >= self.next {
            snapshot(telemetry);
            // Where each batch is synced, this is one: of the spool, whose files wake nobody.
            telemetry.unsynced().wake();
            self.next = now + self.interval;
        }
    }
}

/// Looks at what was written to the metrics.
pub(super) struct Looks {
    pub(super) keeper: Option<Keeper>,
    pub(super) next: Instant,
    /// Who waited up to this number, waits no more.
    pub(super) done: u64,
}

impl Looks {
    pub(super) fn when_due(&mut self, telemetry: &Telemetry, control: &IoControl) {
        let now = Instant::now();
        let wanted = control.state().looks_wanted;
        if wanted > self.done {
            self.last(telemetry);
            self.done = wanted;
            control.change(|state| state.looks_done = wanted);
        }
        if now >= self.next {
            telemetry.metrics().note_writes();
            if let Some(keeper) = &mut self.keeper {
                keeper.keep(now, telemetry.metrics(), telemetry.problems());
            }
            self.next = now + LOOK_INTERVAL;
        }
    }

    pub(super) fn last(&mut self, telemetry: &Telemetry) {
        if let Some(keeper) = &mut self.keeper {
            let _kept = keeper.write_changes(telemetry.metrics(), telemetry.problems());
        }
    }
}

/// Syncs by policy.
pub(super) struct Syncs {
    pub(super) fsync: Fsync,
    pub(super) next: Instant,
}

impl Syncs {
    pub(super) fn when_due(&mut self, telemetry: &Telemetry, control: &IoControl) {
        let now = Instant::now();
        match self.fsync {
            Fsync::Interval | Fsync::Never
                if now < self.next && !telemetry.unsynced().are_many() =>
            {
                return;
            }
            Fsync::Interval => drop(sync(telemetry)),
            Fsync::Never => {
                telemetry.unsynced().forget();
                say_if_failed(
                    telemetry,
                    "the spool could not be kept up",
                    &telemetry.otlp().tend(),
                );
            }
            Fsync::Batch => {
                let wanted = control.state().syncs_wanted;
                let _synced = sync(telemetry);
                control.change(|state| state.syncs_done = wanted);
            }
        }
        self.next = now + SYNC_INTERVAL;
    }
}

pub(super) fn snapshot(telemetry: &Telemetry) {
    if let Some(journal) = telemetry.journal() {
        drop(telemetry.update_limits());
        let snapshot = telemetry.metrics().snapshot();
        if telemetry.otlp().snapshot(&snapshot) {
            telemetry.metrics().renew_exemplars();
        }
        if telemetry.has_lines(Kind::Metric) {
            patiently(PATIENCE, || metric_lines::record_snapshot(journal, &snapshot));
        }
    }
}

pub(super) fn sync(telemetry: &Telemetry) -> bool {
    let (files, spool) = (telemetry.unsynced().sync(), telemetry.otlp().sync());
    for (what, synced) in [("day files", &files), ("the spool", &spool)] {
        say_if_failed(telemetry, &format!("{what} could not be synced"), synced);
    }
    files.is_ok() && spool.is_ok()
}

fn say_if_failed(telemetry: &Telemetry, what: &str, done: &io::Result<()>) {
    if let Err(error) = done {
        telemetry
            .problems()
            .say(format!("{what}: {error}; a power cut may lose the end"), "check the disk");
    }
}
