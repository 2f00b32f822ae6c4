//! What a lane takes from: the streams of a spool.

use std::io;

use radiosonde_spool::{Limit, Settled, Spool, Taken};

use crate::streams::Stream;

/// A spool, or what stands for one in tests.
pub(super) trait Store {
    type Taken: Range;

    /// How it stands with each of these streams.
    fn waiting(&self, streams: &[Stream]) -> Vec<Waiting>;

    fn take(&self, stream: Stream, limit: Limit) -> io::Result<Option<Self::Taken>>;

    fn settle(&self, stream: Stream, taken: &Self::Taken, settled: Settled) -> io::Result<()>;

    fn give_back(&self, stream: Stream, taken: &Self::Taken);

    fn quarantine(&self, stream: Stream, bytes: &[u8], why: &str) -> io::Result<()>;
}

/// A range that was taken.
pub(super) trait Range {
    fn first(&self) -> u64;
    fn records(&self) -> u64;
    /// Whether it may have been sent before, by this process or one before it.
    fn is_again(&self) -> bool;
    /// Payloads of its frames.
    fn payloads(&self) -> Vec<&[u8]>;
}

/// How it stands with a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Waiting {
    /// Records that were ever appended.
    pub(super) appended: u64,
    /// Records that are not settled, also those that are taken.
    pub(super) pending: u64,
    /// Nanoseconds since 1970 when the oldest was appended.
    pub(super) oldest_ns: u64,
}

impl Store for Spool {
    type Taken = Taken;

    fn waiting(&self, streams: &[Stream]) -> Vec<Waiting> {
        let waiting = |stream: &Stream| {
            let found = self.stream(stream.index()).waiting();
            Waiting {
                appended: found.appended.records,
                pending: found.pending.records,
                oldest_ns: found.oldest_ns.unwrap_or_default(),
            }
        };
        streams.iter().map(waiting).collect()
    }

    fn take(&self, stream: Stream, limit: Limit) -> io::Result<Option<Taken>> {
        self.stream(stream.index()).take(limit)
    }

    fn settle(&self, stream: Stream, taken: &Taken, settled: Settled) -> io::Result<()> {
        self.stream(stream.index()).settle(taken, settled)
    }

    fn give_back(&self, stream: Stream, taken: &Taken) {
        self.stream(stream.index()).give_back(taken);
    }

    fn quarantine(&self, stream: Stream, bytes: &[u8], why: &str) -> io::Result<()> {
        self.stream(stream.index()).quarantine(bytes, why)
    }
}

impl Range for Taken {
    fn first(&self) -> u64 {
        Self::first(self)
    }

    fn records(&self) -> u64 {
        Self::records(self)
    }

    fn is_again(&self) -> bool {
        Self::is_again(self)
    }

    fn payloads(&self) -> Vec<&[u8]> {
        self.frames().map(|frame| frame.payload).collect()
    }
}
