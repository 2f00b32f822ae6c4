//! What goes in and comes out of a stream.

/// Records of one appender that stay together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "made by users, field by field")]
pub struct Frame<'a> {
    /// How many records the payload has. Zero counts as one.
    pub records: u32,
    /// Bytes that only their owner understands. At most [`FRAME_BYTES_MAX`](crate::FRAME_BYTES_MAX).
    pub payload: &'a [u8],
}

/// How much is taken at once. One frame is taken however large it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "made by users, field by field")]
pub struct Limit {
    /// Most records.
    pub records: u64,
    /// Most bytes of payload.
    pub bytes: u64,
}

/// What became of a range, in records. What is in neither counts as rejected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "made by users, field by field")]
pub struct Settled {
    /// Acknowledged by the receiver.
    pub delivered: u64,
    /// Refused by the receiver for good.
    pub rejected: u64,
}

/// A range that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    pub(crate) first: u64,
    pub(crate) records: u64,
    pub(crate) bytes: u64,
    pub(crate) oldest_ns: u64,
    pub(crate) is_again: bool,
    pub(crate) frames: Vec<(u32, Vec<u8>)>,
}

impl Taken {
    /// Sequence of the first record. With [`Taken::last`] it names the range for good.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// Sequence of the last record.
    pub fn last(&self) -> u64 {
        self.first.saturating_add(self.records.max(1) - 1)
    }

    /// How many records.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Bytes of payload.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Nanoseconds since 1970 when the oldest was appended.
    pub fn oldest_ns(&self) -> u64 {
        self.oldest_ns
    }

    /// Whether this range was taken before, by this process or one before it: then the receiver may
    /// have it already.
    pub fn is_again(&self) -> bool {
        self.is_again
    }

    /// The frames, in the order in which they were appended.
    pub fn frames(&self) -> impl ExactSizeIterator<Item = Frame<'_>> {
        self.frames.iter().map(|(records, payload)| Frame { records: *records, payload })
    }
}
