//! Books of what was in a carrier and could not be used.

use std::sync::atomic::{AtomicU64, Ordering};

/// What was ignored of one kind of header for one reason, since the process began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ignored {
    /// The header: `traceparent`, `tracestate`, `baggage` or `b3`, the last for all headers of B3.
    pub header: &'static str,
    /// Why, in one word.
    pub reason: &'static str,
    /// How often. Headers, or members of a header where only these were left out.
    pub count: u64,
}

/// What was ignored so far, each header and reason that occurred.
pub fn ignored() -> Vec<Ignored> {
    let count = |line: &Line| Ignored {
        header: line.header,
        reason: line.reason,
        count: line.count.load(Ordering::Relaxed),
    };
    BOOKS.iter().map(count).filter(|ignored| ignored.count > 0).collect()
}

/// Enters something that was ignored.
pub(super) fn count(what: What, times: u64) {
    if times > 0
        && let Some(line) = BOOKS.get(what as usize)
    {
        line.count.fetch_add(times, Ordering::Relaxed);
    }
}

struct Line {
    header: &'static str,
    reason: &'static str,
    count: AtomicU64,
}

/// Declares the headers and reasons, and their books in the same order.
macro_rules! books {
    ($($(#[doc = $doc:literal])* $what:ident = $header:literal $reason:literal,)*) => {
        /// A header with a reason.
        #[derive(Clone, Copy, Debug)]
        pub(super) enum What {
            $($(#[doc = $doc])* $what,)*
        }

        const LINES: usize = [$($reason),*].len();

        static BOOKS: [Line; LINES] = [
            $(Line { header: $header, reason: $reason, count: AtomicU64::new(0) },)*
        ];
    };
}

books! {
    /// It is not what the recommendation says it is.
    TraceparentMalformed = "traceparent" "malformed",
    /// The carrier has more than one.
    TraceparentRepeated = "traceparent" "repeated",
    /// There is no valid `traceparent` beside it.
    TracestateAlone = "tracestate" "without_traceparent",
    /// A key occurs twice.
    TracestateDuplicate = "tracestate" "duplicate_key",
    /// A member is malformed.
    TracestateMalformed = "tracestate" "malformed",
    /// There are more than 32 members.
    TracestateMembers = "tracestate" "too_many_members",
    /// It was shortened.
    TracestateLong = "tracestate" "too_long",
    /// A member is malformed.
    BaggageMalformed = "baggage" "malformed",
    /// A key came again.
    BaggageDuplicate = "baggage" "duplicate_key",
    /// A member beyond the 64th.
    BaggageMembers = "baggage" "too_many_members",
    /// A member that does not fit into 8192 bytes.
    BaggageLong = "baggage" "too_long",
    /// A job, worker or session id outside the alphabet.
    BaggageId = "baggage" "invalid_id",
    /// A member that the filter keeps back.
    BaggageFiltered = "baggage" "filtered",
    /// It is not what B3 says it is.
    B3Malformed = "b3" "malformed",
    /// The carrier has more than one of a kind.
    B3Repeated = "b3" "repeated",
}
