//! Instructions of the caller's thread for one event: see [`crate::harness::callgrind`].

use super::bursts;
use crate::events::subject::Subject;
use crate::harness::{Measured, Round, Size, callgrind};

/// The function whose duration counts, as callgrind spells it.
const COUNTED: &str = "*events::work::bursts::burst*";

/// One round.
pub(crate) fn run<S: Subject>(round: &Round) -> Result<Measured, String> {
    if let Size::Bursts(_) = round.size {
        return bursts::run::<S>(round);
    }
    callgrind::measure(round, COUNTED, bursts::BURST)
}

/// As [`run`], for a limit: it writes no lines.
pub(crate) fn limit<S: Subject>(round: &Round) -> Result<Measured, String> {
    if let Size::Bursts(_) = round.size { bursts::limit::<S>(round) } else { run::<S>(round) }
}
