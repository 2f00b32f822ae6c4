//! The drain: from the rings of this process to its day files.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::batch::{Batch, Counts, Sink};
use crate::control::Notice;
use crate::descriptor::Descriptor;
use crate::files::Unsynced;
use crate::horizon::{Held, Horizon};
use crate::journal::Journal;
use crate::lanes::{self, Lane, Limit};
use crate::level::Kind;
use crate::ring::{self, Calibration, Consumer, Source as _};
use crate::site_cache::SiteCache;
use crate::slot::Lease;
use crate::stage::Stage;
use crate::thread;
use crate::writer::{Exported, Writer};

/// Pause between looks at the rings under load.
const POLL_MIN: Duration = Duration::from_millis(1);
/// Longest pause, when nothing happens.
const POLL_MAX: Duration = Duration::from_millis(50);
/// Bytes of a batch after which the rings are looked at again without a pause.
const BUSY_BYTES: usize = 64 * 1024;
/// Pause before a write that failed is tried again.
const BLOCKED_PAUSE: Duration = Duration::from_millis(100);

/// Moves records from rings to files. Runs on a thread of its own, which does nothing else.
pub struct Drain {
    journal: Journal,
    sink: Box<dyn Sink>,
    writer: Option<(Lease, Writer)>,
    shown: [bool; 3],
    misplaced: Option<String>,
    lanes: Vec<Lane<Consumer>>,
    batch: Batch,
    held: Held,
    sites: SiteCache<Find>,
    notify: Box<dyn Fn(Notice) + Send>,
    blocked: bool,
    /// The last batch was full before the rings were empty.
    more: bool,
    /// The slot is another one, and what is staged has not been moved to its files yet.
    must_move: bool,
    calibration: Calibration,
}

impl Drain {
    /// A drain of `journal` to the files of a leased slot. Without a lease lines only reach the
    /// sink: what it shows counts as delivered, and so does what it takes over as an export, the rest
    /// as dropped.
    pub fn new(
        journal: &Journal,
        lease: Option<Lease>,
        unsynced: &Unsynced,
        sink: Box<dyn Sink>,
        notify: Box<dyn Fn(Notice) + Send>,
    ) -> Self {
        let has_exports = sink.exports();
        let create = |directory: &Path| match Stage::create(&directory.join("stage"), has_exports) {
            Ok((stage, batch)) => (Some(stage), batch),
            Err(error) => {
                notify(Notice::Unstaged(error));
                (None, Batch::default())
            }
        };
        let (stage, batch) =
            lease.as_ref().and(journal.directory()).map(create).unwrap_or_default();
        let writer = lease.map(|lease| {
            let writer = Writer::new(lease.root(), stage, unsynced.clone());
            (lease, writer)
        });
        Self {
            journal: journal.clone(),
            sink,
            writer,
            shown: [false; 3],
            misplaced: None,
            lanes: Vec::new(),
            batch,
            held: Held::default(),
            sites: SiteCache::new(find(journal)),
            notify,
            blocked: false,
            more: false,
            must_move: false,
            calibration: Calibration::new(),
        }
    }

    /// The lease, for whoever recovers on this thread.
    pub fn lease(&self) -> Option<&Lease> {
        self.writer.as_ref().map(|(lease, _)| lease)
    }

    /// Continues in new files: the present ones may not be appended to, because a batch of a dead
    /// owner is still to be completed in them.
    pub fn next_part(&mut self) {
        if let Some((lease, _)) = &self.writer {
            let root = lease.root().to_owned();
            // The names depend on the day.
            self.sink.begin(SystemTime::now());
            self.sink.next_part(&|name| std::fs::symlink_metadata(root.join(name)).is_ok());
        }
    }

    /// Drains until told to stop, also when something in it panics: then it goes on where it was
    /// (see [`Notice::Restarted`]). Call it on the drain's own thread.
    pub fn run(self) {
        ring::without_size_signal(|| self.run_until_told());
    }

    fn run_until_told(mut self) {
        let control = Arc::clone(self.journal.control());
        let mut pause = POLL_MIN;
        loop {
            let Ok(turn) = catch_unwind(AssertUnwindSafe(|| self.turn())) else {
                self.restart();
                std::thread::park_timeout(BLOCKED_PAUSE);
                continue;
            };
            if turn.stop {
                return control.ended();
            }
            pause = match (self.blocked, turn.bytes) {
                (true, _) => BLOCKED_PAUSE,
                // There is more where that came from; orders and new rings are seen in between.
                (false, BUSY_BYTES..) => continue,
                (false, _) if self.more => continue,
                (false, 0) if !self.held.is_any() => (pause * 2).min(POLL_MAX),
                (false, _) => POLL_MIN,
            };
            std::thread::park_timeout(pause);
        }
    }

    /// After a panic outside of what is done for one record: what was not staged is encoded again.
    fn restart(&mut self) {
        let is_underway = self.writer.as_ref().is_some_and(|(_, writer)| writer.is_blocked());
        if !is_underway {
            self.batch.clear();
            self.lanes.iter_mut().for_each(Lane::rewind);
        }
        self.count_restart();
    }

    fn count_restart(&self) {
        let restarts = self.journal.count_restart();
        self.tell(Notice::Restarted { restarts });
    }

    /// Who is told may panic: that is no reason to do anything twice.
    fn tell(&self, notice: Notice) {
        let _ = catch_unwind(AssertUnwindSafe(|| (self.notify)(notice)));
    }

    /// One look at the rings, without a pause afterwards. What was recorded within the last moments
    /// waits for the next, unless somebody waits for a flush.
    pub fn turn(&mut self) -> Turn {
        let control = Arc::clone(self.journal.control());
        let orders = control.orders();
        self.calibration.tick();
        let (began, now_ns) = (Instant::now(), thread::now_ns());
        self.journal.spans().beat(now_ns);
        self.adopt_lanes();
        let goal: Vec<u64> = self.lanes.iter_mut().map(|lane| lane.source.head()).collect();
        let horizon = match (orders.stop, orders.flush) {
            (true, _) => Horizon::NONE,
            (false, true) => self.held.bound(Horizon::awaited(thread::now_ns()), began),
            (false, false) => self.held.bound(Horizon::at(now_ns), began),
        };
        let mut bytes = self.pass(horizon, began);
        while orders.flush && bytes > 0 && !self.has_reached(&goal) {
            bytes = self.pass(horizon, began);
        }
        if orders.flush && self.has_reached(&goal) {
            control.complete(orders.ticket);
        }
        Turn { stop: orders.stop, bytes }
    }

    fn has_reached(&self, goal: &[u64]) -> bool {
        !self.blocked && self.lanes.iter().zip(goal).all(|(lane, goal)| lane.encoded >= *goal)
    }

    fn adopt_lanes(&mut self) {
        let mut new = Vec::new();
        self.journal.take_new_consumers(&mut new);
        self.lanes.extend(new.into_iter().map(Lane::new));
        // A spare takes as long to make as some batches, and somebody may be waiting for those.
        let mut rings = self.lanes.iter().map(|lane| lane.source.ring());
        self.journal.tend(&mut rings, !self.more);
    }

    /// One batch. The bytes that were moved.
    fn pass(&mut self, horizon: Horizon, began: Instant) -> usize {
        if self.writer.as_ref().is_some_and(|(_, writer)| writer.is_blocked()) {
            if let Err(error) = self.renew() {
                self.block(error);
                return 0;
            }
            if !self.finish() {
                return 0;
            }
        }
        if self.batch.len() == 0 {
            self.fill(horizon, began);
        }
        let bytes = self.batch.weight();
        if self.batch.len() == 0 || self.writer.is_none() {
            self.release();
            self.commit_without_files();
            return bytes;
        }
        match self.stage() {
            Ok(()) => {}
            Err(error) => {
                // Nothing is ready yet: the batch stays, the tails stay, and it is tried again.
                self.block(error);
                return 0;
            }
        }
        if self.finish() { bytes } else { 0 }
    }

    fn fill(&mut self, horizon: Horizon, began: Instant) {
        let (lanes, sink) = (&mut self.lanes, self.sink.as_mut());
        let (batch, sites) = (&mut self.batch, &mut self.sites);
        let limit = Limit::hurried_by(self.journal.control());
        let left = lanes::fill(lanes, sink, batch, limit, sites, horizon);
        self.held.look(left.held_ns, began);
        self.more = left.more;
        let refused = left.refused;
        for kind in &refused.records {
            self.journal.count_rejected(*kind);
        }
        if refused != lanes::Refused::default() {
            let (records, bytes) = (refused.records.len() as u64, refused.bytes);
            self.tell(Notice::Refused { records, bytes });
        }
        if self.batch.weight() > 0 {
            // A console that panics costs itself, not the files.
            let show = AssertUnwindSafe(|| self.sink.show(&self.batch));
            match catch_unwind(show) {
                Ok(shown) => self.shown = shown,
                Err(_panic) => {
                    self.shown = [false; 3];
                    self.count_restart();
                }
            }
        }
    }

    /// Sees to it that the files written to are still ours.
    fn renew(&mut self) -> io::Result<()> {
        let Some((lease, _)) = &mut self.writer else { return Ok(()) };
        if lease.renew()? {
            let slot = lease.slot().clone();
            self.sink.move_to(slot.number());
            // A dead owner of that slot may have left half of a batch in its files.
            self.next_part();
            self.must_move = true;
            self.tell(Notice::Moved { slot });
        }
        if self.must_move
            && let Some((_, writer)) = &mut self.writer
        {
            // What is staged goes to the new files as well.
            writer.move_unfinished(&self.batch, self.sink.as_ref())?;
            self.must_move = false;
        }
        Ok(())
    }

    /// Makes the batch ready, in files that are still ours.
    fn stage(&mut self) -> io::Result<()> {
        self.renew()?;
        let Some((_, writer)) = &mut self.writer else { return Ok(()) };
        let ranges = lanes::ranges(&self.lanes);
        let used = writer.stage(&self.batch, &ranges, self.sink.as_ref())?;
        lanes::mark_staged(&mut self.lanes);
        if writer.has_stage() {
            self.release();
        }
        if let Some(file) = used.filter(|file| self.misplaced.as_ref() != Some(file)) {
            self.misplaced = Some(file.clone());
            self.tell(Notice::Misplaced { file });
        }
        Ok(())
    }

    fn release(&mut self) {
        for lane in &mut self.lanes {
            lane.source.release(lane.encoded);
        }
        // What was given back is not read again, whatever happens.
        lanes::mark_staged(&mut self.lanes);
    }

    /// Writes the ready batch. Whether that worked.
    fn finish(&mut self) -> bool {
        let Some((_, writer)) = &mut self.writer else { return true };
        let exported = match writer.finish(&self.batch, self.sink.as_mut()) {
            Ok(exported) => exported,
            Err(error) => {
                self.block(error);
                return false;
            }
        };
        self.release();
        let Counts { records, only_exported, .. } = self.batch.counts();
        if exported == Exported::Lost {
            self.lose_exports();
            self.journal.count_delivered(less(records, only_exported));
            self.journal.count_not_exported(only_exported);
        } else {
            self.journal.count_delivered(records);
        }
        self.commit_passed();
        self.batch.clear();
        if std::mem::take(&mut self.blocked) {
            self.journal.control().set_blocked(false);
            self.tell(Notice::Unblocked);
        }
        true
    }

    /// Without files: what was shown is delivered, and what was exported; for the rest there is no
    /// destination.
    fn commit_without_files(&mut self) {
        let is_exported = self.batch.exports().is_empty() || self.export_unstaged();
        if !is_exported {
            self.lose_exports();
        }
        let Counts { records, exported, .. } = self.batch.counts();
        let mut delivered = if is_exported { exported } else { [0; 3] };
        for kind in Kind::ALL.map(|kind| kind as usize) {
            if self.shown[kind] {
                delivered[kind] = records[kind];
            }
        }
        self.journal.count_delivered(delivered);
        self.journal.count_without_destination(less(records, delivered));
        self.commit_passed();
        lanes::mark_staged(&mut self.lanes);
        self.batch.clear();
    }

    /// Hands exports over that no stage has. Whether they were taken.
    fn export_unstaged(&mut self) -> bool {
        if !self.sink.exports() {
            return false;
        }
        let number = self.sink.last_export() + 1;
        let export = AssertUnwindSafe(|| self.sink.export(number, self.batch.exports()));
        // Their records are given back: what panics half-way is lost, and not done twice.
        let is_taken = catch_unwind(export).is_ok();
        if !is_taken {
            self.count_restart();
        }
        is_taken
    }

    fn lose_exports(&self) {
        let exports = self.batch.exports().count() as u64;
        self.journal.count_exports_lost(exports);
        self.tell(Notice::ExportsLost { exports });
    }

    /// Records with neither a line nor an export.
    fn commit_passed(&self) {
        let passed = self.batch.counts().passed;
        let mut shown = passed;
        for (count, is_shown) in shown.iter_mut().zip(self.shown) {
            *count *= u64::from(is_shown);
        }
        self.journal.count_delivered(shown);
        self.journal.count_without_destination(less(passed, shown));
    }

    fn block(&mut self, error: io::Error) {
        if !std::mem::replace(&mut self.blocked, true) {
            self.journal.control().set_blocked(true);
            self.tell(Notice::Blocked(error));
        }
    }
}

/// One count less the other, by kind.
fn less(all: [u64; 3], some: [u64; 3]) -> [u64; 3] {
    std::array::from_fn(|kind| all[kind].saturating_sub(some[kind]))
}

/// Finds descriptors of a journal.
type Find = Box<dyn FnMut(u32) -> Arc<Descriptor> + Send>;

fn find(journal: &Journal) -> Find {
    let journal = journal.clone();
    Box::new(move |id| journal.descriptor(id).unwrap_or_default())
}

impl std::fmt::Debug for Drain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Drain").field("journal", &self.journal).finish_non_exhaustive()
    }
}

/// What [`Drain::turn`] found.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Turn {
    /// The drain was told to stop; this was its last look.
    pub stop: bool,
    /// Bytes of lines that were moved.
    pub bytes: usize,
}
