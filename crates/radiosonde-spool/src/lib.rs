//! A durable queue of opaque bytes, in files: what was appended outlives the process, and what
//! became of every record is known.
//!
//! ```text
//! inst/0/spool/k3f9q2xw/manifest
//! inst/0/spool/k3f9q2xw/events/cursor 00000000000000000003.seg 00000000000000000004.seg
//! inst/0/spool/k3f9q2xw/logs-info/cursor 00000000000000000019.seg
//! ```
//!
//! ```
//! use radiosonde_spool::{Frame, Limit, Options, Settled, Spool, StreamOptions};
//!
//! # fn main() -> std::io::Result<()> {
//! # let root = tempfile::tempdir()?;
//! let options = Options::new(vec![StreamOptions::new("events", 3, 16 << 20)]);
//! let spool = Spool::create(&root.path().join("k3f9q2xw"), b"to: a collector", &options)?;
//! let events = spool.stream(0);
//! events.append(spool.next_batch(), &[Frame { records: 2, payload: b"two of them" }]);
//!
//! let taken = events.take(Limit { records: 512, bytes: 1 << 20 })?.expect("one frame");
//! assert_eq!(taken.frames().next().map(|frame| frame.payload), Some(&b"two of them"[..]));
//! events.settle(&taken, Settled { delivered: 2, rejected: 0 })?;
//! let account = events.account();
//! assert_eq!((account.appended.records, account.delivered.records, account.pending.records), (2, 2, 0));
//! # Ok(())
//! # }
//! ```
//!
//! A spool belongs to one process at a time, which holds a lock over its directory; the spool takes
//! none. Its owner appends from one thread and takes from another, for each stream; a third calls
//! [`Spool::sync`] now and then. Who finds the spool of a dead owner opens it, takes what is there and
//! removes it. The spool knows nothing of what it holds, and sends nothing.
//!
//! Files are described in the module `format`, which comes before its code.
//!
//! # Behaviour under failure
//!
//! | what happens | what is lost |
//! | --- | --- |
//! | the process is killed, at any moment | nothing that [`Stream::append`] returned for. A batch that was being appended is completed by appending it again; a range that was taken is taken again, identical |
//! | the power goes | what was appended after the last [`Spool::sync`]; a range that was settled after it may be taken again |
//! | the same, after segments were removed under pressure since the last sync | as above; and what was in those counts once more, as [`DropReason::Damaged`], delivered or not, where the cursor that is on the disk still names them |
//! | a byte flips | one frame; the sequences say how many records that was |
//! | a segment is gone, torn or garbage | what was in it, counted when the reader gets there |
//! | every slot of the cursor is damaged | nothing that is there; what is not counts as [`DropReason::CursorLost`], since it may have been delivered |
//! | the cap is reached | the oldest segment of the lowest rank above its share ([`StreamOptions`]) |
//! | the disk is full, or has less free than [`free_least`] | as with the cap, for one segment, which takes the new; then 4 MiB wait in memory; then the new is dropped |
//! | the disk fails otherwise, or is read-only | 4 MiB wait in memory, where they can be taken, and are tried again each second and with each sync; then the new is dropped |
//! | there are records in memory | [`Account::in_memory`] says how many. [`Spool::close`] writes them once more, leaving nothing free for others, and drops the rest as `disk_full` or `write_failed`; after a kill whoever opens the spool counts them in the same way, as far as the last cursor knows them, and gives their sequences again |
//! | a sync fails | nothing now; the segment is written to no more, and its records count as [`Account::at_risk`] |
//! | the options do not name a stream that is there | nothing until all others are done; then what is pending in it |
//! | a batch comes under a number below that of the one before it | that batch, as [`DropReason::WrongNumber`]: whether it was here, nobody knows. The last number again is the same batch again |
//! | the manifest is damaged or gone | what the owner wrote down; the rest of it goes to the quarantine. Without any undamaged head of a segment everything else as well |
//! | the directory is removed under a living spool | what was in it; it is made anew, with what the owner wrote down |
//!
//! Every loss is counted by reason and told as a [`Gap`], once unless the process is killed while it
//! tells. Nothing of this is an error of `append`, and nothing panics. A limit on the size of files (`RLIMIT_FSIZE`) makes writes fail and
//! ends nothing. Clocks that jump change times and nothing else.
//!
//! # Own numbers
//!
//! [`Spool::accounts`]: by stream, at any moment and over all processes that had the spool,
//! `appended = delivered + rejected + dropped + pending`, in records and in bytes. Bytes of a range
//! that was rejected in part are divided as its records are.
//!
//! # Limits
//!
//! [`FRAME_BYTES_MAX`] for a frame, [`STREAMS_MAX`] streams, [`TAKEN_MAX`] ranges taken at once, a
//! range within one segment, 16 gaps that wait to be told (then neighbours are told as one), 16 MiB
//! of quarantine, 16,384 names in a folder.
#![forbid(unsafe_code)]

mod account;
mod append;
mod cursor;
mod files;
mod format;
#[doc(hidden)]
pub mod fuzzing;
mod home;
mod lane;
mod look;
mod manifest;
mod open;
mod options;
mod others;
mod read;
mod room;
mod scan;
mod settle;
mod spool;
mod stream;
mod sync;
mod taken;
#[cfg(test)]
mod tests;

pub use account::{Account, DropReason, Gap, Tally, Waiting};
pub use look::{Seen, SegmentSeen, StreamSeen, look, look_at_manifest};
pub use options::{
    FRAME_BYTES_MAX, Limits, Options, STREAMS_MAX, StreamOptions, TAKEN_MAX, free_least,
};
pub use others::Root;
pub use spool::Spool;
pub use stream::Stream;
pub use taken::{Frame, Limit, Settled, Taken};
