//! Instructions of one thread for one call: see [`crate::harness::callgrind`].

use super::solo;
use super::subject::Work;
use crate::harness::{Measured, Round, Size, callgrind};

/// The function whose duration counts, as callgrind spells it.
const COUNTED: &str = "*metrics::speed::batch::batch*";

/// One round.
pub(crate) fn run<W: Work>(round: &Round) -> Result<Measured, String> {
    if let Size::Bursts(_) = round.size {
        return solo::run::<W>(round);
    }
    callgrind::measure(round, COUNTED, solo::BURST)
}
