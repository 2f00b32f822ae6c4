//! Sealed day files: `events-2025-10-06.jsonl.zst`, compressed and with an index.
//!
//! # Constraints
//!
//! - Any tool that reads zstd reads them: `zstd -dc` gives the bytes of the day file, each in its
//!   place, whatever they were; `rg -z` and the like work as well.
//! - A day is searched without reading it: who looks for a job, a trace, a session or a time, or for
//!   a machine, a worker, a level or an event, reads some of the index and the frames that can hold it.
//! - Damage costs what it hits. One flipped byte costs one frame, which is named; a damaged index
//!   costs its use, never a line; nothing is ever found that was not there.
//! - Sealing and reading take a few MiB of memory, however long the file.
//! - A name ending in `.zst` means a whole, verified file: it is written under another name first.
//!
//! # Layout
//!
//! One zstd frame for each MiB of whole lines, with its length in its header and a checksum behind
//! it. A line that is longer than a MiB is a frame of its own. The last line may lack its break. Then one
//! skippable frame, the index; all its numbers are little-endian.
//!
//! | bytes | what |
//! | --- | --- |
//! | 4, 4 | magic `0x184d2a53`, length of what follows |
//! | | the sections, each anywhere between here and the table |
//! | 24 each | the table: kind (4), CRC-32C (4), place from the magic (8), and length (8) of a section |
//! | 32 | the trailer: length of the whole skippable frame (8), sections (4), CRC-32C of the table (4), version 1 (4), CRC-32C of these 20 bytes (4), `RSNDSEAL` |
//!
//! A reader passes over sections it does not know, so that later versions can add some; the version
//! changes when one of the first four does. The others came later, and a file may lack them:
//!
//! | kind | section | holds |
//! | --- | --- | --- |
//! | 1 | totals | lines, raw bytes, frames (8 each), earliest and latest time (8 each), CRC-32C of the raw bytes (4), flags (4) |
//! | 2 | frames | for each: place, compressed length, raw length, lines (8 each), earliest and latest time (8 each), CRC-32C of the compressed bytes, length of its filter, flags, 0 (4 each) |
//! | 3 | filters of frames | back to back, in their order |
//! | 4 | filters of runs | for each run of frames: the first, the one behind the last, length of its filter, flags (4 each), and the filter |
//! | 5 | values | which frames hold which `level`, `evt`, `machine_id`, `worker_id` and `service`: `values.rs` |
//! | 6 | pages | where the filters of runs are, and CRC-32C of each 4 KiB of sections 3 and 4: `pages.rs` |
//! | 7 | others | for each frame, where any has one: of its lines those that are none for a reader, and what a reader tells that it is no line (4 each) |
//!
//! Times are microseconds since 1970, rounded down; where no line has one, the earliest is above the
//! latest. Flag 1 of the totals says that the index knows every line: that of files sealed before there
//! was this flag leaves out lines behind NULs, as a power cut may leave them, so that it tells where
//! frames are and rules out none. Flag 2 says that a line is too long to be read, in a frame of its own
//! that is never left out. Flag 4 says that filters have trace ids in lower case: where it is not set
//! they stand there as they were written, so that filters rule out no trace. Flag 1 of a frame and of a
//! run says that a filter is there; one of no bytes holds no id, and where none is, any id may be. A run
//! has 128 Ki ids or few more, so that sealing is bounded; a file of 128 MiB is one,
//! and a day of 2 GB a few. What a filter is stands in `filter.rs`: a binary fuse filter of 16 bits over
//! `trace_id` (its first 32 digits, in lower case), `job_id` and `session_id`.
//!
//! Lines that are no JSON objects with a time are kept as they are. They stand in no filter and
//! count for no time, since no query finds them: a query that names the stretches that are no lines
//! names those of the frames it reads. Sections 1 and 2 count them as lines, and section 7 says how many
//! they are; blank lines and a half one at the end are none either, and nothing is said of them.
//!
//! # What a query asks of an index
//!
//! What costs least comes first, and what is ruled out is not asked again:
//!
//! | asked | by | reads |
//! | --- | --- | --- |
//! | does the file reach into the times wanted | totals | the last 16 KiB of the file, where the trailer and the table are as well |
//! | which runs may hold the ids | pages, filters of runs | for each id and run the pages with its fingerprints, some 16 KiB |
//! | which frames have one of the values | values | the section, some 250 bytes for each value of a day of 2 GB |
//! | which frames are of the times wanted | frames | 64 bytes for each frame |
//! | which of these may hold the ids | filters of frames | those of the frames that are left, some 1.3 KiB each |
//!
//! A file in which nothing is wanted is mostly known before the entries of its frames are read. Each
//! answer stands for itself: a section that is damaged rules out nothing and is told, and what was not
//! read is not judged. A value beyond the 256 first ones of a field, or of more than 128 bytes, is
//! known only as one of the others.
//!
//! # Reading
//!
//! By the index. Without a usable one, from frame to frame by their headers, and where there is no
//! frame, by looking for the next one. Behind a stretch that is no frame, offsets count the bytes that
//! could be read. As the index stands behind all frames, nothing is missing where it begins, even if the
//! rest of it is damaged or cut off: such damage is [`Part::Index`].
//!
//! Files that other programs compressed under such a name are read that way too, at any level and with
//! any window, as long as no frame holds more than 17 MiB or has more than 2^20 blocks, and every frame
//! ends with a line; since they have no index, each reading says that their end may be missing.
//!
//! # Files made to cost much
//!
//! A frame is taken apart whole, into the room for what it says that it holds, 17 MiB at most, so that
//! no window is allocated for it. Where it cannot be whole, in [`is_sealed_copy`], a window longer than
//! what the frame holds, or than 32 MiB, means that it is none of ours. Blocks and frames of nothing
//! are gone through at the speed of reading, and whoever has to be able to stop is asked for each MiB,
//! also of those.
//!
//! # Killed while sealing
//!
//! Before the rename there is the day file, and perhaps a temporary file that the next sealing
//! replaces. After it, until the caller removes the day file, there are both, and a [`crate::Query`]
//! reads the day file alone, after comparing them. [`is_sealed_copy`] is how the caller makes sure
//! before removing it.

mod builder;
mod choose;
mod compare;
mod count;
mod entries;
mod filter;
mod frames;
mod index;
mod look;
mod outline;
mod pace;
mod pages;
mod reader;
mod scan;
mod seal;
mod shape;
mod target;
mod values;
mod walk;
mod wanted;

pub use crate::reader::{Damage, Part};
pub use crate::sealed::compare::is_sealed_copy;
pub use crate::sealed::count::{LineCount, count_lines};
pub use crate::sealed::outline::{Outline, OutlinedFrame, outline};
pub use crate::sealed::reader::Reader;
pub use crate::sealed::seal::{LEVEL_DEFAULT, Seal, SealOptions, seal};

pub(crate) use crate::sealed::builder::write_sections;
pub(crate) use crate::sealed::compare::{Beside, raw_length, stands_for};
pub(crate) use crate::sealed::frames::{Decoder, Place};
pub(crate) use crate::sealed::index::sections;
pub(crate) use crate::sealed::look::read_exact_at;
pub(crate) use crate::sealed::reader::Chosen;
#[cfg(test)]
pub(crate) use crate::sealed::seal::Step;
pub(crate) use crate::sealed::seal::{Manner, seal_in};
pub(crate) use crate::sealed::shape::is_in_frames;
pub(crate) use crate::sealed::wanted::Wanted;

/// Bytes of whole lines in a frame, at most; a longer line is a frame of its own.
pub(crate) const FRAME_BYTES: usize = 1 << 20;

#[cfg(test)]
mod tests;
