//! What a candidate has to be able to do, and the event it does it with.

use crate::harness::{Candidate, Measured, Overflow, Role, Round};
use std::hint::black_box;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Instant;

/// A logger with its own way to start, to record, and to end.
///
/// The event: level, name or target, a message, two strings, two integers, one float. One of the
/// integers, `items`, is the number of the event: by it lines are counted.
pub(crate) trait Subject: Sized {
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

    /// Records an event.
    fn event(&self, fields: &Fields);

    /// Records an event at a level that is filtered out at run time.
    fn disabled(&self, fields: &Fields);

    /// Ends it as its documentation shows, with everything in the file.
    fn finish(self) -> Result<Ended, String>;

    /// Brings what a dead process left in the folder into its files, for those who can. What it had
    /// dropped, when that is known.
    fn recover(_folder: &Path) -> Result<Option<u64>, String> {
        Ok(None)
    }

    /// Runs `produce` on this thread such that a full queue makes the caller wait as long as it
    /// takes, for those who can switch that on at run time.
    fn without_loss<R>(produce: impl FnOnce() -> R) -> R {
        produce()
    }
}

/// How a candidate ended.
pub(crate) struct Ended {
    /// What it says it dropped; none when it does not count.
    pub(crate) counted: Option<u64>,
    /// What it says it was offered, events of its own included; none when it does not count.
    pub(crate) offered: Option<u64>,
    /// When everything was in the file.
    pub(crate) at: Instant,
}

impl Ended {
    /// Just now, with this count.
    pub(crate) fn now(counted: Option<u64>) -> Ended {
        Ended { counted, offered: None, at: Instant::now() }
    }
}

/// The table's row of a subject at one piece of work.
pub(crate) const fn candidate<S: Subject>(
    run: fn(&Round) -> Result<Measured, String>,
) -> Candidate {
    Candidate { name: S::NAME, role: S::ROLE, overflow: S::OVERFLOW, packages: S::PACKAGES, run }
}

/// The name of the event; every event's line has it in quotes, and no other line.
pub(crate) const EVENT: &str = "user.action";

/// What varies from event to event, the same for every candidate.
#[derive(Clone, Copy)]
pub(crate) struct Fields {
    pub(crate) page: &'static str,
    pub(crate) user: &'static str,
    /// The number of the event.
    pub(crate) items: u64,
    pub(crate) attempt: i64,
    pub(crate) ratio: f64,
}

impl Fields {
    /// The fields of the event with this number. They follow no pattern that a compression could
    /// find. Where an event is timed, they are made before the clock is read.
    pub(crate) fn of(number: u64) -> Fields {
        let values = &*VALUES;
        // The upper bits of the product are those that depend on all bits of the number.
        let mixed = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let [.., a, b, c, d] = mixed.to_le_bytes().map(usize::from);
        Fields {
            page: values.pages[a % PAGES.len()],
            user: &values.users[b],
            items: number,
            attempt: (c % 5) as i64 - 1,
            ratio: values.ratios[d],
        }
    }

    /// Fields to be numbered, for loops at full speed: a number and a place in the list are all that
    /// an event there costs besides recording it.
    pub(crate) fn list() -> Vec<Fields> {
        (0..LIST).map(Fields::of).collect()
    }

    /// The fields at the number's place in the list, with this number.
    #[inline]
    pub(crate) fn numbered(list: &[Fields], number: u64) -> Fields {
        black_box(Fields { items: number, ..list[number as usize % list.len().max(1)] })
    }
}

/// Fields in a list: they stay in the first cache.
const LIST: u64 = 64;
/// Different users, and different ratios: what a byte can choose from.
const VARIETY: usize = 256;

const PAGES: [&str; 8] = [
    "/orders/open",
    "/orders/all",
    "/search",
    "/account/settings",
    "/cart",
    "/products/shoes",
    "/products/coats",
    "/help/returns",
];

struct Values {
    pages: [&'static str; PAGES.len()],
    users: [String; VARIETY],
    ratios: [f64; VARIETY],
}

static VALUES: LazyLock<Values> = LazyLock::new(|| Values {
    pages: PAGES,
    users: std::array::from_fn(|at| format!("u-{}", (at + 1) * 7919 % 1_000_003)),
    ratios: std::array::from_fn(|at| (at as f64 + 1.0) / 257.0),
});

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn events_next_to_each_other_differ_and_all_values_occur() {
        let fields: Vec<Fields> = (0..10_000).map(Fields::of).collect();
        let different = |what: fn(&Fields) -> String| {
            fields.iter().map(what).collect::<HashSet<String>>().len()
        };
        assert_eq!(different(|fields| fields.page.to_owned()), PAGES.len());
        assert_eq!(different(|fields| fields.user.to_owned()), VARIETY);
        assert_eq!(different(|fields| fields.ratio.to_string()), VARIETY);
        assert_eq!(different(|fields| fields.attempt.to_string()), 5);
        assert!(different(|f| format!("{}{}{}", f.user, f.ratio, f.page)) > 9_000);
    }
}
