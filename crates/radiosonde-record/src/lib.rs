//! Records, rings and the drain: what an application thread hands over survives its process.
//!
//! A thread writes each record into a ring of its own, a preallocated file mapping; the drain
//! turns records into the final bytes of day files, each exactly once, also over `kill -9`; and a
//! later start, or another process, recovers what a dead one left. The crate knows neither JSON
//! nor OTLP: a [`Sink`] makes the bytes. It may make exports besides, which go to a queue of its own by
//! the same protocol, each exactly once as well.
//!
//! ```
//! use radiosonde_record::{Builder, Filter, Journal, Kind, Level, Placement, Site, Value};
//!
//! # fn main() -> std::io::Result<()> {
//! let journal = Journal::open(Placement::Memory, Filter::at(Level::Info))?;
//! let site = journal.site(1, Default::default);
//! journal.record(Kind::Event, Level::Info, &site, &[], |record: &mut Builder<'_>| {
//!     record.message(Value::Str("rendered site"));
//!     record.field_named("items", Value::U64(120));
//! });
//! let account = journal.account(Kind::Event);
//! assert_eq!((account.offered, account.pending), (1, 1));
//! # Ok(())
//! # }
//! ```
//!
//! Where to read on: the ring module documents the ring file, `format` the record, `stage` and
//! `writer` the protocol, `recovery` what happens afterwards.
//!
//! # Behaviour under failure
//!
//! [`Journal::record`] and [`Journal::plain_event`] return nothing and never panic. A call that finds its
//! ring full waits at most 1 ms, and the next may wait again, so that bursts arrive whole: 100 times in
//! a row while nothing drains, then not until a quarter of the ring has drained; and 5 s in all, given
//! back at a tenth of the time that passes. Past that records are dropped, counted by level and reason;
//! an eighth of the ring is kept for errors. A full disk blocks the drain, not the application: records
//! stay in the rings, then drop, counted, and nobody waits. A formatter that panics costs its value; one that
//! records may do so, four deep. What an allocator or a signal handler records in the middle of
//! another record is dropped and counted as reentrant. A record dropped because its ring is full
//! takes a sequence number as well, so that the loss shows as a gap. A panic of the drain is counted
//! and it goes on; a forked child of the process records nothing. A span past the table of open
//! spans is counted and not listed.
//!
//! Rings and stage are mapped: whoever truncates a file below `inst/` while its process runs ends
//! that process with SIGBUS, as with any mapped file. A signal handler may record once its thread
//! and call site have recorded before; the first time takes memory, which no handler may. A limit on
//! the size of files ([`survive_size_limit`]) makes writes fail and ends nothing.
//!
//! # Own metrics
//!
//! [`Journal::account`] holds at any moment `offered = delivered + rejected + dropped + pending`;
//! [`format_panics`] counts formatters that panicked, [`Journal::drain_restarts`] the drain's,
//! [`Journal::exports_lost`] the exports that no queue has. Delivered is what is in its day file and in
//! the queue of its sink, as far as it goes there.
//!
//! # Limits
//!
//! A thread's ring has 64 KiB at first and up to 1 MiB under pressure; it shrinks when the thread
//! ends, not before. All rings of a process take at most 64 MiB, past which threads share one. The
//! processor's counter is read for the time on x86-64 Linux only. Rings were proven on x86-64; on
//! other processors the model and Miri speak for them, and no machine yet.
#![deny(unsafe_code)]

mod account;
#[doc(hidden)]
pub mod base64;
mod batch;
mod callsite;
mod control;
mod descriptor;
mod drain;
mod exports;
mod files;
mod filter;
mod format;
#[doc(hidden)]
pub mod fuzzing;
mod horizon;
mod journal;
mod lanes;
mod level;
mod lines;
mod log_site;
#[doc(hidden)]
pub mod marked;
#[doc(hidden)]
pub mod metric_line;
mod open;
mod patience;
mod place;
mod placement;
mod plain;
mod pool;
mod push;
mod rate;
pub mod recovery;
mod refusal;
#[expect(unsafe_code, reason = "rings are shared memory; the only place of the crate")]
mod ring;
mod site_cache;
mod sites;
mod slot;
mod span;
mod spools;
mod stage;
mod thread;
mod value;
mod writer;

pub use account::Account;
pub use batch::{Batch, Sink};
pub use callsite::{Callsite, CallsiteText, constant_message};
pub use control::{Control, Flush, Notice};
pub use descriptor::Descriptor;
#[doc(hidden)]
pub use descriptor::start_of;
pub use drain::{Drain, Turn};
pub use exports::Exports;
pub use files::Unsynced;
#[doc(hidden)]
pub use files::ends_mid_line;
pub use filter::{Filter, Verdict, is_heard};
pub use format::{
    Builder, DecodeError, EXTRAS_MAX, EncodedFields, Extra, Extras, FIELD_MAX, Fields, Key,
    MESSAGE_MAX, RECORD_MAX, Record, Site, SpanExtras, SpanPart, format_panics, text_of,
    text_within,
};
#[doc(hidden)]
pub use format::{RawFields, RawValue};
pub use journal::{Journal, Placement, RING_CAPACITY_MAX, RING_CAPACITY_MIN, RINGS_BYTES_MAX};
pub use level::{DropReason, Kind, Level};
pub use lines::Lines;
pub use log_site::LogOrigin;
pub use open::{Interrupted, OPEN_SPANS_MAX, OpenSpan, RunningSpan, RunningSpans};
pub use placement::{FileSystem, file_system, room_for_rings};
#[doc(hidden)]
pub use plain::{Cursor, FieldList};
pub use rate::{HeldBack, LevelLimits, RateLimit};
pub use refusal::Refusal;
pub use ring::{AckCounter, on_fork_child};
/// Runs `f` so that writes past the process's limit on the size of files (`RLIMIT_FSIZE`) fail with
/// an error instead of ending the process. For whoever recovers on a thread of its own.
pub fn survive_size_limit<R>(f: impl FnOnce() -> R) -> R {
    ring::without_size_signal(f)
}

pub use slot::{Instance, Lease, Slot, create_directory, new_instance_id};
pub use span::EndedSpan;
pub use spools::{LeftSpool, is_orphaned, spool_of};
#[doc(hidden)]
pub use thread::has_local_journals;
pub use thread::{
    is_recorded, is_suppressed, now_ns, patiently, set_global, suppress_thread, with_current,
    with_journal, with_local_or,
};
pub use value::{ToValue, Value};
