//! What a candidate has to be able to do, and the event it does it with.

use crate::harness::{Candidate, Measured, Overflow, Role, Round};
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

/// A logger with its own way to start, to record, and to end.
///
/// The event: level, name or target, a message, two strings, two integers, one float. One of the
/// integers, `items`, is the number of the event: by it lines are counted.
pub(super) trait Subject: Sized {
    /// Its name in the tables.
    const NAME: &'static str;
    /// What its figures are good for.
    const ROLE: Role = Role::Peer;
    /// What it does with more than it can write.
    const OVERFLOW: Overflow;
    /// The packages whose versions stand in the table.
    const PACKAGES: &'static [&'static str];

    /// Starts it as its documentation shows, for lines of JSON in a file of the day in this folder.
    fn start(folder: &Path) -> Result<Self, String>;

    /// Records the event with this number.
    fn event(&self, number: u64);

    /// Records an event at a level that is filtered out at run time.
    fn disabled(&self, fields: &Fields, number: u64);

    /// Ends it as its documentation shows, with everything in the file.
    fn finish(self) -> Result<Ended, String>;

    /// Runs `produce` on this thread such that a full queue makes the caller wait as long as it
    /// takes, for those who can switch that on at run time.
    fn without_loss<R>(produce: impl FnOnce() -> R) -> R {
        produce()
    }
}

/// How a candidate ended.
pub(super) struct Ended {
    /// What it says it dropped; none when it does not count.
    pub(super) counted: Option<u64>,
    /// When everything was in the file.
    pub(super) at: Instant,
}

impl Ended {
    /// Just now, with this count.
    pub(super) fn now(counted: Option<u64>) -> Ended {
        Ended { counted, at: Instant::now() }
    }
}

/// The table's row of a subject at one piece of work.
pub(super) const fn candidate<S: Subject>(
    run: fn(&Round) -> Result<Measured, String>,
) -> Candidate {
    Candidate { name: S::NAME, role: S::ROLE, overflow: S::OVERFLOW, packages: S::PACKAGES, run }
}

/// The name of the event; every event's line has it in quotes, and no other line.
pub(super) const EVENT: &str = "user.action";

/// Different sets of [`Fields`].
const VARIETY: usize = 64;

/// What varies from event to event besides its number, the same for every candidate.
pub(super) struct Fields {
    pub(super) page: &'static str,
    pub(super) user: &'static str,
    pub(super) attempt: i64,
    pub(super) ratio: f64,
}

impl Fields {
    /// The fields of the event with this number, made beforehand: what is measured is recording them.
    pub(super) fn of(number: u64) -> &'static Fields {
        static ALL: [Fields; VARIETY] = Fields::all();
        black_box(&ALL[number as usize % VARIETY])
    }

    const fn all() -> [Fields; VARIETY] {
        const PAGES: [&str; 4] = ["/orders/open", "/orders/all", "/search", "/account/settings"];
        const USERS: [&str; 4] = ["u-20931", "u-7", "u-118220", "u-4410"];
        let mut all = [const { Fields { page: "", user: "", attempt: 0, ratio: 0.0 } }; VARIETY];
        let mut at = 0;
        while at < VARIETY {
            all[at] = Fields {
                page: PAGES[at % 4],
                user: USERS[at / 4 % 4],
                attempt: at as i64 % 5 - 1,
                ratio: (at as f64 + 1.0) / 67.0,
            };
            at += 1;
        }
        all
    }
}
