//! What a candidate has to be able to do, and the spans it does it with.

use crate::harness::{Books, Candidate, Measured, Overflow, Role, Round};
use std::path::Path;

/// A tracer with its own way to start, to record, and to end.
///
/// A span is made, entered, left and closed, with three attributes: a string and two integers. The
/// variable [`SAMPLER`] says whether spans are sampled; who does not read it itself is told by
/// [`is_sampled`].
pub(crate) trait Subject: Sized {
    /// Its name in the tables.
    const NAME: &'static str;
    /// What its figures are good for.
    const ROLE: Role = Role::Peer;
    /// What it does with more than it can write.
    const OVERFLOW: Overflow = Overflow::Drops;
    /// The packages whose versions stand in the table.
    const PACKAGES: &'static [&'static str];

    /// Starts it as its documentation shows.
    fn start(folder: &Path) -> Result<Self, String>;

    /// A span without a parent, around `inside`.
    fn root(&self, fields: &Fields, inside: impl FnOnce());

    /// A span below the one this thread is in, with nothing inside.
    fn child(&self, fields: &Fields);

    /// Ends it as its documentation shows, with everything at its consumer.
    fn finish(self) -> Result<Ended, String>;
}

/// How a candidate ended.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    /// Spans that have come to the consumer with all their attributes: lines on disk, items of an
    /// exporter; none for who has no consumer.
    pub(crate) received: Option<u64>,
    /// What it says it dropped; none when it does not count.
    pub(crate) counted: Option<u64>,
    /// Spans that came more than once.
    pub(crate) duplicated: u64,
}

impl Ended {
    /// Of so many spans.
    pub(crate) fn books(&self, spans: u64) -> Result<Books, String> {
        let Some(received) = self.received else { return Ok(Books::default()) };
        let lost = spans.checked_sub(received);
        let lost = lost.ok_or_else(|| format!("{received} spans came, {spans} were made"))?;
        let Ended { counted, duplicated, .. } = *self;
        Ok(Books { events: spans, lost, counted, duplicated, torn: 0 })
    }
}

/// The table's row of a subject at one piece of work.
pub(crate) const fn candidate<S: Subject>(
    run: fn(&Round) -> Result<Measured, String>,
) -> Candidate {
    Candidate { name: S::NAME, role: S::ROLE, overflow: S::OVERFLOW, packages: S::PACKAGES, run }
}

/// The variable that says who is sampled.
pub(crate) const SAMPLER: &str = "OTEL_TRACES_SAMPLER";
/// Its value for nobody.
pub(crate) const NOBODY: &str = "always_off";

/// Whether [`SAMPLER`] lets spans be sampled.
pub(crate) fn is_sampled() -> bool {
    std::env::var(SAMPLER).as_deref() != Ok(NOBODY)
}

/// The attributes of a span: what comes without one of them does not count as received.
pub(crate) const KEYS: &[&str] = &["route", "user", "items"];

/// What varies from span to span, the same for every candidate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields {
    pub(crate) route: &'static str,
    pub(crate) user: i64,
    pub(crate) items: i64,
}

impl Fields {
    /// The attributes of the span with this number. They follow no pattern that a compression could
    /// find.
    pub(crate) fn of(number: u64) -> Fields {
        // The upper bits of the product are those that depend on all bits of the number.
        let mixed = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        Fields {
            route: ROUTES[mixed as usize % ROUTES.len()],
            user: (mixed % 1_000_003) as i64,
            items: (mixed % 97) as i64,
        }
    }
}

const ROUTES: [&str; 8] = [
    "/orders/open",
    "/orders/all",
    "/search",
    "/account/settings",
    "/cart",
    "/products/shoes",
    "/products/coats",
    "/help/returns",
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn spans_next_to_each_other_differ_and_all_values_occur() {
        let fields: Vec<Fields> = (0..10_000).map(Fields::of).collect();
        let different = |what: fn(&Fields) -> String| {
            fields.iter().map(what).collect::<HashSet<String>>().len()
        };
        assert_eq!(different(|fields| fields.route.to_owned()), ROUTES.len());
        assert_eq!(different(|fields| fields.items.to_string()), 97);
        assert!(different(|fields| fields.user.to_string()) > 9_000);
    }

    #[test]
    fn what_did_not_come_is_lost_and_what_nobody_made_is_an_error() {
        let ended = |received| Ended { received, counted: Some(2), duplicated: 0 };
        let books = ended(Some(7)).books(10).expect("books");
        assert_eq!((books.events, books.lost, books.counted), (10, 3, Some(2)));
        assert_eq!(ended(None).books(10), Ok(Books::default()));
        assert!(ended(Some(11)).books(10).is_err_and(|said| said.contains("11 spans came")));
    }
}
