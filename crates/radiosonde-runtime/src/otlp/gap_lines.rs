//! Losses in spools of processes that have ended, told by whoever drains them: in the day file, and to the
//! receiver.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use radiosonde_context::Context;
use radiosonde_events::{DaySink, Filing, Live, Owner, Redactions};
use radiosonde_otlp::{Destinations, Manifest, OtlpSink};
use radiosonde_record::{
    Descriptor, Drain, Filter, Journal, Kind, Lease, Level, Placement, Sink, Site, Slot, Unsynced,
    Value, new_instance_id,
};
use radiosonde_redact::Rules;
use radiosonde_spool::Spool;

use super::Gap;

/// How long a day file has to take them.
const WITHIN: Duration = Duration::from_secs(2);
/// Between two looks at whether it has.
const LOOK_INTERVAL: Duration = Duration::from_millis(1);

/// Where they are told.
pub(super) struct Place<'a> {
    pub(super) root: &'a Path,
    /// Held: its day files are nobody else's.
    pub(super) slot: Slot,
    pub(super) manifest: &'a Manifest,
    /// The spool they are in, when they are to be sent from there.
    pub(super) spool: Option<&'a Spool>,
}

/// Records them. Where the day file cannot be written, they go into the spool alone.
///
/// # Errors
/// When neither took them.
pub(super) fn record(gaps: &[Gap], place: &Place<'_>) -> io::Result<()> {
    let lease = Lease::new(place.root, place.slot.clone());
    let recorded = drain(gaps, place, Some(lease));
    if recorded.is_err() && place.spool.is_some() { drain(gaps, place, None) } else { recorded }
}

fn drain(gaps: &[Gap], place: &Place<'_>, lease: Option<Lease>) -> io::Result<()> {
    let journal = Journal::open(Placement::Memory, Filter::at(Level::Trace))?;
    journal.set_service(&place.manifest.service);
    let unsynced = Unsynced::default();
    let context = Context::default();
    let mut drain = Drain::new(&journal, lease, &unsynced, sink(place), Box::new(|_| ()));
    for gap in gaps {
        let site = Descriptor { name: Gap::EVENT.to_owned(), ..Descriptor::default() };
        let site = Site::from(Descriptor { source: "radiosonde".to_owned(), ..site });
        gap.describe(|text, meta| {
            journal.record(Kind::Event, Level::Warning, &site, &context.packed(), |record| {
                record.message(Value::Str(text));
                for (key, value) in meta {
                    record.field_named(key, *value);
                }
            });
        });
    }
    let deadline = Instant::now() + WITHIN;
    loop {
        let _turn = drain.turn();
        let account = journal.account(Kind::Event);
        if account.delivered == gaps.len() as u64 {
            return unsynced.sync();
        }
        if account.pending == 0 || Instant::now() >= deadline {
            return Err(io::Error::other("the log does not take it"));
        }
        std::thread::sleep(LOOK_INTERVAL);
    }
}

/// An id of its own: numbers of lines begin anew.
fn sink(place: &Place<'_>) -> Box<dyn Sink> {
    let owner = Owner::new(&place.manifest.service, "", None, Rules::standard().clone());
    let (id, redactions) = (new_instance_id(), Redactions::default());
    let filing = Filing::new(place.root, &Live::default());
    let sink = DaySink::new(owner.clone(), &id, place.slot.number(), redactions.clone(), None);
    let sink = sink.filing(filing);
    match place.spool {
        None => Box::new(sink),
        Some(spool) => {
            let to: &Destinations = &place.manifest.destinations;
            Box::new(OtlpSink::new(sink, &owner, &id, redactions, spool.clone()).sending(to))
        }
    }
}
