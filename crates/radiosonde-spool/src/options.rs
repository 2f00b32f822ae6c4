//! What a spool is made of, and how much it may take.

use crate::others::Root;

/// Largest payload of one frame, in bytes. A larger one is dropped and counted.
pub const FRAME_BYTES_MAX: usize = 1024 * 1024;
/// Most ranges of one stream that may be taken and not settled.
pub const TAKEN_MAX: usize = 4;
/// Most streams of one spool.
pub const STREAMS_MAX: usize = 32;

const MIB: u64 = 1024 * 1024;

/// The streams of a spool and its limits. [`Options::new`] gives the defaults.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// The streams, in the order of their indexes. At most [`STREAMS_MAX`].
    pub streams: Vec<StreamOptions>,
    /// Size of a segment file in bytes. Default: 4 MiB; less than 4 KiB counts as 4 KiB. A stream's
    /// first one has 256 KiB, and each next one twice as much until this.
    pub segment_bytes: u64,
    /// Most bytes of this spool on disk. Default: 512 MiB.
    pub cap_bytes: u64,
    /// Most bytes of all streams that wait in memory while the disk takes nothing. Default: 4 MiB.
    pub overflow_bytes: usize,
    /// Most bytes of all damaged or refused pieces that are kept for a look. Default: 16 MiB.
    pub quarantine_bytes: u64,
    /// What other spools and the disk leave.
    pub limits: Limits,
}

impl Options {
    /// These streams, with the default limits and no root.
    pub fn new(streams: Vec<StreamOptions>) -> Self {
        Self {
            streams,
            segment_bytes: 4 * MIB,
            cap_bytes: 512 * MIB,
            overflow_bytes: 4 * MIB as usize,
            quarantine_bytes: 16 * MIB,
            limits: Limits::default(),
        }
    }
}

/// Limits that a spool shares with others.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// The telemetry directory, whose `inst/*/spool/*` count together: one [`Root`] for all spools of a
    /// process. Default: none, only this spool counts. A spool that is not appended to asks for nothing.
    pub root: Option<Root>,
    /// Most bytes of all spools below the root. Default: 1 GiB. Each spool may have
    /// [`Limits::least_bytes`] all the same.
    pub root_bytes: u64,
    /// What a spool may have however much the others take. Default: 32 MiB.
    pub least_bytes: u64,
    /// Bytes of the disk that stay free. Default: [`free_least`] of its size.
    pub free_bytes: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { root: None, root_bytes: 1024 * MIB, least_bytes: 32 * MIB, free_bytes: None }
    }
}

/// Bytes that a spool leaves free of a disk with so many: a twentieth, but at least 256 MiB, or a tenth
/// where that is less, and at most 1 GiB, which is of no use to anybody who has filled a large disk.
pub fn free_least(total: u64) -> u64 {
    (total / 20).clamp((total / 10).min(256 * MIB), 1024 * MIB)
}

/// One stream.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamOptions {
    /// Its folder: lower case letters, digits and hyphens, at most 32.
    pub name: String,
    /// Under pressure the lowest rank loses first.
    pub rank: u8,
    /// What it keeps while lower and higher ranks want room, in bytes: only what is above may be
    /// evicted for another stream. Counted in whole segments.
    pub share_bytes: u64,
}

impl StreamOptions {
    /// A stream with a guaranteed share.
    pub fn new(name: &str, rank: u8, share_bytes: u64) -> Self {
        Self { name: name.to_owned(), rank, share_bytes }
    }
}
