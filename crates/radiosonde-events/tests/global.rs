//! Call sites take a shorter way to the journal of the process; it must lead where the long one does.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use radiosonde_events::event;
use radiosonde_record::{Filter, Journal, Kind, Level, Placement, set_global, with_journal};

fn journal(filter: Filter) -> Journal {
    Journal::open(Placement::Memory, filter).unwrap()
}

#[test]
fn a_thread_with_a_journal_of_its_own_asks_that_one() {
    let ours = journal(Filter::at(Level::Info));
    assert!(set_global(&ours));
    let silent = journal(Filter::parse("off", Level::Info).0);
    let open = journal(Filter::at(Level::Debug));
    let offered = |journal: &Journal| journal.account(Kind::Event).offered;

    let record = || {
        event!("seen");
        event!("unseen", level: debug);
        event!("limited", level: warning, ratelimit: 0);
    };
    for round in 1..4 {
        record();
        with_journal(&silent, record);
        with_journal(&open, record);
        // Those that a limit held back were offered, and dropped.
        assert_eq!(offered(&ours), 2 * round, "info and limited");
        assert_eq!(offered(&silent), 0);
        assert_eq!(offered(&open), 3 * round, "debug as well");
        let dropped = [&ours, &open].map(|journal| journal.account(Kind::Event).dropped_total());
        assert_eq!(dropped, [round, round]);
    }
}
