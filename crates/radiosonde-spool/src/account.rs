//! What became of everything that was appended.

use std::ops::{Add, AddAssign, Sub};

/// Records and the bytes of their payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tally {
    /// How many records.
    pub records: u64,
    /// Bytes of payload, without the frames around it.
    pub bytes: u64,
}

impl Tally {
    /// So many records and bytes.
    pub const fn new(records: u64, bytes: u64) -> Self {
        Self { records, bytes }
    }
}

impl Tally {
    /// More than anything ever has: what a file says beyond it is not believed, and sums stay exact.
    pub(crate) const END: Self = Self::new(u64::MAX / 4, u64::MAX / 4);

    /// Whether neither is below the other's.
    pub(crate) fn is_from(self, other: Self) -> bool {
        self.records >= other.records && self.bytes >= other.bytes
    }

    /// The larger of each.
    pub(crate) fn or_later(self, other: Self) -> Self {
        Self { records: self.records.max(other.records), bytes: self.bytes.max(other.bytes) }
    }

    /// The smaller of each.
    pub(crate) fn or_earlier(self, other: Self) -> Self {
        Self { records: self.records.min(other.records), bytes: self.bytes.min(other.bytes) }
    }
}

impl Add for Tally {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        // What was read from a damaged file may be any number.
        Self {
            records: self.records.saturating_add(other.records),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Tally {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            records: self.records.saturating_sub(other.records),
            bytes: self.bytes.saturating_sub(other.bytes),
        }
    }
}

/// Why records are lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DropReason {
    /// The cap of the spool or of its root was reached: the oldest of the lowest rank went.
    Cap,
    /// Every slot of the cursor was damaged: settled or not, nobody can say. What is still there is
    /// taken again.
    CursorLost,
    /// What is on the disk is not readable, or not there: damage, or a power cut before a sync.
    Damaged,
    /// The disk has too little room left. What waited in memory for room when the process was killed counts
    /// here as well.
    DiskFull,
    /// An operator dropped them.
    Operator,
    /// A frame above [`FRAME_BYTES_MAX`](crate::FRAME_BYTES_MAX).
    Oversize,
    /// The spool was left with a stream that the options do not name, and everything else in it was done:
    /// nobody here takes it.
    UnknownStream,
    /// The disk takes no writes for another reason, and the memory for it is full, or went with the
    /// process.
    WriteFailed,
    /// A batch was appended under a number below that of the one before it: see
    /// [`Stream::append`](crate::Stream::append).
    WrongNumber,
}

impl DropReason {
    /// All, in the order in which the cursor counts them: a new one comes last.
    pub const ALL: [Self; 9] = [
        Self::Cap,
        Self::CursorLost,
        Self::Damaged,
        Self::DiskFull,
        Self::Operator,
        Self::Oversize,
        Self::UnknownStream,
        Self::WriteFailed,
        Self::WrongNumber,
    ];

    /// The value of a `reason` label.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cap => "cap",
            Self::CursorLost => "cursor_lost",
            Self::Damaged => "damaged",
            Self::DiskFull => "disk_full",
            Self::Operator => "operator",
            Self::Oversize => "oversize",
            Self::UnknownStream => "unknown_stream",
            Self::WriteFailed => "write_failed",
            Self::WrongNumber => "wrong_number",
        }
    }
}

/// The books of one stream, over all processes that had the spool. At any moment
/// `appended = delivered + rejected + dropped + pending`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Account {
    /// Name of the stream.
    pub stream: String,
    /// What was handed over.
    pub appended: Tally,
    /// What was settled as delivered.
    pub delivered: Tally,
    /// What was settled as rejected.
    pub rejected: Tally,
    /// What was lost, by reason; only reasons that occurred.
    pub dropped: Vec<(DropReason, Tally)>,
    /// What is here, or taken and not settled.
    pub pending: Tally,
    /// Part of what is pending: only in memory, because the disk takes nothing. It is lost when the
    /// process is killed.
    pub in_memory: Tally,
    /// Why it is there, and how it is lost if it comes to that: [`DropReason::DiskFull`] or
    /// [`DropReason::WriteFailed`].
    pub in_memory_reason: Option<DropReason>,
    /// Nanoseconds since 1970 of the oldest that is pending, never too late.
    pub oldest_ns: Option<u64>,
    /// Records in segments whose sync failed: readable now, perhaps not after a power cut.
    pub at_risk: u64,
    /// Segments on disk.
    pub segments: u32,
    /// Bytes they take, preallocated room included.
    pub disk_bytes: u64,
    /// Files in the stream's folder that are not ours, or of a newer version. Left alone.
    pub foreign_files: u32,
}

impl Account {
    /// What was lost, for all reasons.
    pub fn dropped_in_all(&self) -> Tally {
        self.dropped.iter().fold(Tally::default(), |sum, (_, tally)| sum + *tally)
    }

    /// Whether the books add up.
    pub fn is_balanced(&self) -> bool {
        self.appended == self.delivered + self.rejected + self.dropped_in_all() + self.pending
    }
}

/// What of the books of a stream is known without going through anything: see
/// [`Stream::waiting`](crate::Stream::waiting).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Waiting {
    /// What was handed over.
    pub appended: Tally,
    /// What is here, or taken and not settled.
    pub pending: Tally,
    /// Nanoseconds since 1970 of the oldest that is pending, never too late.
    pub oldest_ns: Option<u64>,
}

/// A loss, to be told to whoever reads the telemetry.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gap {
    /// Index of the stream, as in [`Spool::accounts`](crate::Spool::accounts).
    pub stream: usize,
    /// Why.
    pub reason: DropReason,
    /// Sequence of the first record that is lost.
    pub first: u64,
    /// Sequence of the last one. What was never given a sequence was lost before this one.
    pub last: u64,
    /// What is lost. Less than from first to last where several losses are told as one.
    pub lost: Tally,
    /// Nanoseconds since 1970 from which on records may be missing.
    pub from_ns: u64,
    /// Nanoseconds since 1970 until which records may be missing.
    pub to_ns: u64,
}
