//! The sink of the drain: lines into day files, and events to the console.

use std::sync::Arc;
use std::time::SystemTime;

use jiff::civil::Date;
use radiosonde_record::{Batch, Descriptor, Kind, Record, Sink};
use radiosonde_store::names::{DayFile, Signal};

use crate::console::Console;
use crate::encode::Encoder;
use crate::owner::Owner;
use crate::redactions::Redactions;
use crate::time;

/// Parts of a day that are looked at for one nobody has begun.
const PARTS_MAX: u32 = 10_000;

/// Encodes the records of one owner and files them by signal and day.
///
/// A line is filed under the day it is drained, which for the last records before midnight, or
/// those of a process that was dead for a week, is not the day of its `ts`.
#[derive(Debug)]
pub struct DaySink {
    encoder: Encoder,
    slot: u32,
    part: u32,
    date: Date,
    names: [String; 3],
    console: Option<Console>,
}

impl DaySink {
    /// A sink for the records of `owner` in this slot. `instance` begins the id of every line.
    pub fn new(
        owner: Owner,
        instance: &str,
        slot: u32,
        redactions: Redactions,
        console: Option<Console>,
    ) -> Self {
        let date = Date::MIN;
        let encoder = Encoder::new(owner, instance, redactions);
        Self { encoder, slot, part: 0, date, names: Default::default(), console }
    }

    /// A sink for what a dead process has left. Its records come from files, so nothing in them is
    /// taken for JSON without a look.
    pub fn of_dead_process(
        owner: Owner,
        instance: &str,
        slot: u32,
        redactions: Redactions,
    ) -> Self {
        let redact = redactions.complete(owner.redact);
        let sink = Self::new(Owner { redact, ..owner }, instance, slot, redactions, None);
        Self { encoder: sink.encoder.checking_json(), ..sink }
    }
}

impl DaySink {
    fn name_files(&mut self) {
        let (date, slot, part) = (self.date, self.slot, self.part);
        self.names = Kind::ALL.map(|kind| DayFile::new(signal(kind), date, slot, part).file_name());
    }
}

impl Sink for DaySink {
    fn begin(&mut self, now: SystemTime) {
        let date = time::date(now);
        if date != self.date {
            self.date = date;
            self.name_files();
        }
    }

    fn file(&self, kind: Kind) -> &str {
        &self.names[kind as usize]
    }

    fn encode(
        &mut self,
        record: &Record<'_>,
        site: &Arc<Descriptor>,
        ring: u32,
        batch: &mut Batch,
    ) {
        let out = batch.lines(record.kind);
        let begin = out.len();
        self.encoder.encode(record, site, ring, out);
        if let Some(console) = &mut self.console
            && record.kind == Kind::Event
        {
            if console.is_pretty() {
                console.prepare(&self.encoder.prepare(record, site), site);
            } else {
                console.line(&out[begin..]);
            }
        }
    }

    fn show(&mut self, _batch: &Batch) -> [bool; 3] {
        let shown = self.console.as_mut().is_some_and(Console::flush);
        Kind::ALL.map(|kind| shown && kind == Kind::Event)
    }

    fn move_to(&mut self, slot: u32) {
        (self.slot, self.part) = (slot, 0);
        self.name_files();
    }

    fn next_part(&mut self, is_taken: &dyn Fn(&str) -> bool) {
        // Bounded: a directory with a file for every number is somebody's joke.
        for _ in 0..PARTS_MAX {
            self.part += 1;
            self.name_files();
            if !self.names.iter().any(|name| is_taken(name)) {
                return;
            }
        }
    }

    fn renamed(&self, file: &str) -> String {
        let (slot, part) = (self.slot, self.part);
        DayFile::parse(file)
            .map_or_else(|| file.to_owned(), |name| DayFile { slot, part, ..name }.file_name())
    }

    fn alternate(&self, file: &str, part: u32) -> String {
        match DayFile::parse(file) {
            Some(name) => DayFile { part: name.part.saturating_add(part), ..name }.file_name(),
            // Only names from `begin` are staged; a foreign one gets a name of today's.
            None => DayFile::new(Signal::Events, self.date, self.slot, part).file_name(),
        }
    }
}

fn signal(kind: Kind) -> Signal {
    match kind {
        Kind::Event => Signal::Events,
        Kind::Span => Signal::Spans,
        Kind::Metric => Signal::Metrics,
    }
}
