//! A stream of a spool: the interface of appender and reader.

use std::io;
use std::sync::Arc;

use crate::account::{Account, DropReason, Tally, Waiting};
use crate::append;
use crate::lane::Lane;
use crate::spool::Inner;
use crate::taken::{Frame, Limit, Settled, Taken};

/// A stream of a spool. Clones are the same.
///
/// One thread at a time appends, and one takes; they may be two, and neither waits long for the
/// other.
#[derive(Clone, Debug)]
pub struct Stream {
    pub(crate) inner: Arc<Inner>,
    pub(crate) at: usize,
}

impl Stream {
    /// Appends the frames of a batch. What is there of it already, from an earlier call that a kill
    /// or a panic ended, is not appended again; so a batch has the same frames each time. Numbers
    /// rise: see [`Spool::next_batch`](crate::Spool::next_batch). Only the last one may come again:
    /// whether one below it is here, nobody knows, and its frames are dropped as
    /// [`DropReason::WrongNumber`]. Frames under the number 0 are no batch: they are appended each time.
    ///
    /// Never fails and syncs nothing: what the disk does not take waits in memory, and what that
    /// does not take either is counted. May be called after anything, also at the end of the process.
    pub fn append(&self, batch: u64, frames: &[Frame<'_>]) {
        append::append(&self.inner, self.at, batch, frames);
    }

    /// The last batch that is here whole.
    pub fn mark(&self) -> u64 {
        self.lane().lock().cursor.batches.mark
    }

    /// What is here, or taken and not settled.
    pub fn pending(&self) -> Tally {
        self.lane().lock().cursor.pending()
    }

    /// Nanoseconds since 1970 of the oldest that is pending, never too late.
    pub fn oldest_ns(&self) -> Option<u64> {
        self.lane().lock().oldest_ns()
    }

    /// How much waits, for who asks often: a part of the books, all of one moment.
    pub fn waiting(&self) -> Waiting {
        let state = self.lane().lock();
        let cursor = &state.cursor;
        Waiting {
            appended: cursor.next + cursor.refused,
            pending: cursor.pending(),
            oldest_ns: state.oldest_ns(),
        }
    }

    /// The books of the stream.
    pub fn account(&self) -> Account {
        self.lane().account()
    }

    /// Takes the next range: first what was given back or taken by a process that is dead, as it was
    /// then, whatever the limit; else the frames that are next, within the limit but for the first.
    /// `None` when there is nothing, or [`TAKEN_MAX`](crate::TAKEN_MAX) ranges are taken. Reads from disk.
    ///
    /// A range that is neither settled nor given back stays taken until the spool is opened again.
    ///
    /// # Errors
    /// As from the system, for what could not be read now. What cannot be read three times in a row
    /// counts as damaged. That the cursor cannot be written is no error: a restart then may take
    /// the same again.
    pub fn take(&self, limit: Limit) -> io::Result<Option<Taken>> {
        self.lane().take(limit)
    }

    /// Tells what became of a range. In any order; once: another call for it does nothing.
    ///
    /// # Errors
    /// None at present: what cannot be written now is written by the next sync.
    pub fn settle(&self, taken: &Taken, settled: Settled) -> io::Result<()> {
        self.lane().settle(taken, settled);
        Ok(())
    }

    /// A range was not sent: it is taken again, identical, before anything else.
    pub fn give_back(&self, taken: &Taken) {
        self.lane().give_back(Some(taken.first()));
    }

    /// Gives back every range: for whoever follows a reader that panicked.
    pub fn give_back_all(&self) {
        self.lane().give_back(None);
    }

    /// Keeps bytes that nobody wants, for a look, with a line that says why. What the quarantine has
    /// no room for is passed over and counted, see [`Spool::quarantined`](crate::Spool::quarantined).
    ///
    /// # Errors
    /// As from the system.
    pub fn quarantine(&self, bytes: &[u8], why: &str) -> io::Result<()> {
        self.inner.home.quarantine(&self.lane().options.name, bytes, why)
    }

    /// Drops everything that is pending and not taken, as an operator wishes. What was dropped.
    pub fn discard(&self) -> Tally {
        self.lane().discard(DropReason::Operator, false)
    }

    /// As [`Stream::discard`], for records that somebody was told of otherwise: it is counted, and leaves
    /// no gap to tell.
    pub fn discard_told(&self) -> Tally {
        self.lane().discard(DropReason::Operator, true)
    }

    fn lane(&self) -> &Lane {
        &self.inner.lanes[self.at]
    }
}
