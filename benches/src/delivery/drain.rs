//! How fast what was kept is sent once it can be.

use super::arrivals::Arrivals;
use super::case::{End, Pace, Signal, Transport};
use super::processes::{Processes, WITHIN};
use super::watch::{QUIET_NEXT, endpoint, receiver, wait_until_quiet};
use crate::harness::{Books, Measured, Round};
use radiosonde_otlp::{Manifest, Sender, SenderOptions, spool_options};
use radiosonde_record::Slot;
use radiosonde_spool::Spool;
use radiosonde_testkit::{Fault, Script};
use std::path::Path;
use std::time::{Duration, Instant};

/// Records that wait for the receiver.
const KEPT: u64 = 200_000;
const KEPT_QUICK: u64 = 40_000;
/// Who sends what was kept as fast as it can: our sender without a pace, in place of a next start.
const UNPACED: &str = "radiosonde-unpaced";

/// Records a second that arrive once the receiver is there again, of what a program left behind.
pub(super) fn drained(round: &Round) -> Result<Measured, String> {
    let (receiver, arrivals) = receiver()?;
    receiver.play(Script::healthy().until_told(Fault::Refuse));
    let (signal, transport) = (Signal::Spans, Transport::Http);
    let mut processes = Processes::new(round, (signal, transport), endpoint(&receiver, transport));
    let kept = round.size.of(KEPT, KEPT_QUICK);
    processes.start(kept, Pace::AtOnce, End::Shutdown, None)?.wait()?;
    receiver.play(Script::healthy());
    let ranges = processes.ranges()?;
    let wait = || -> Result<Duration, String> {
        let first = first_arrival(&arrivals)?;
        wait_until_quiet(&arrivals, QUIET_NEXT, || arrivals.within(&ranges) == kept);
        Ok(arrivals.newest().unwrap_or(first).saturating_duration_since(first))
    };
    let took = if round.names[2] == UNPACED {
        let slot = Slot::try_take(&round.folder.join("telemetry"), 0);
        let slot = slot.map_err(|error| format!("no slot: {error}"))?.ok_or("a slot in use")?;
        let sender = unpaced(&slot, &round.folder.join("telemetry"));
        let sender = sender.map_err(|error| format!("cannot send: {error}"))?;
        let took = wait()?;
        sender.shutdown(Duration::ZERO);
        took
    } else {
        let mut next = processes.start(0, Pace::AtOnce, End::WhenTold, None)?;
        let took = wait()?;
        next.tell();
        next.wait()?;
        took
    };
    let arrived = arrivals.within(&ranges);
    if arrived == 0 || took.is_zero() {
        return Err(format!("{arrived} of {kept} arrived in {took:?}: no rate"));
    }
    Ok(Measured {
        samples: vec![arrived as f64 / took.as_secs_f64()],
        books: Books { events: kept, lost: kept - arrived, ..Books::default() },
        figures: vec![("again", arrivals.again()[0] as f64)],
    })
}

/// A sender that has what is left in the slot.
fn unpaced(slot: &Slot, root: &Path) -> std::io::Result<Sender> {
    let mut options = SenderOptions::default();
    options.records_per_second_min = u64::MAX;
    options.start_jitter = Duration::ZERO;
    let sender = Sender::start(options)?;
    for left in slot.left_spools()? {
        let spool = Spool::open(&left.path, &spool_options(Some(root), None))?;
        let manifest = Manifest::from_bytes(spool.manifest())?;
        sender.add(spool, &manifest, None);
    }
    Ok(sender)
}

fn first_arrival(arrivals: &Arrivals) -> Result<Instant, String> {
    let started = Instant::now();
    loop {
        if let Some(first) = arrivals.newest() {
            return Ok(first);
        }
        if started.elapsed() > WITHIN {
            return Err(format!("nothing arrived within {WITHIN:?}"));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
