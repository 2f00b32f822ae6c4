//! The journal of the process limits levels: then no call site may pass by its filter. Alone in its
//! program, whose first filter it must be.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use radiosonde_events::event;
use radiosonde_record::{
    DropReason, Filter, Journal, Kind, Level, LevelLimits, Placement, set_global,
};

#[test]
fn what_the_filter_refuses_stays_refused_and_limits_hold() {
    let (filter, _) = Filter::parse("off=error,on=info", Level::Info);
    let filter = filter.limited(LevelLimits::default().with(Level::Info, 1));
    let journal = Journal::open(Placement::Memory, filter).unwrap();
    assert!(set_global(&journal));
    for _ in 0..10 {
        event_of("off");
    }
    assert_eq!(journal.account(Kind::Event).offered, 0);
    for _ in 0..10 {
        event_of("on");
    }
    let account = journal.account(Kind::Event);
    assert_eq!(account.offered, 10);
    // At the turn of a second two pass.
    let [(DropReason::RateLimited, 8..=9)] = account.dropped[..] else { panic!("{account:?}") };
}

fn event_of(target: &str) {
    match target {
        "off" => event!("refused", target: "off"),
        _ => event!("limited", target: "on"),
    }
}
