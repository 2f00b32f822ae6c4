//! The sink of the drain: lines into day files, and events to the console.

use std::sync::Arc;
use std::time::SystemTime;

use jiff::civil::Date;
use radiosonde_record::metric_line::is_own_delta;
use radiosonde_record::{Batch, Builder, Descriptor, Interrupted, Kind, Lines, Record, Sink};
use radiosonde_store::names::{DayFile, Signal};

use crate::console::Console;
use crate::encode::Encoder;
use crate::filing::{Filing, Registration};
use crate::interrupted::describe_interrupted;
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
    parts: [u32; 3],
    /// Files of this day before these parts may not be continued.
    floor: (Date, [u32; 3]),
    date: Date,
    names: [String; 3],
    /// Which kinds have lines in files, all of them.
    has_lines: [bool; 3],
    filing: Option<(Filing, Registration)>,
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
        let console = console.map(|console| console.of_instance(instance));
        let (floor, names) = ((date, [0; 3]), Default::default());
        let (parts, has_lines, filing) = ([0; 3], [true; 3], None);
        Self { encoder, slot, parts, floor, date, names, has_lines, filing, console }
    }

    /// Cuts the files as this says. Without it each day has one file, however large.
    #[must_use]
    pub fn filing(self, filing: Filing) -> Self {
        let registration = filing.register();
        Self { filing: Some((filing, registration)), ..self }
    }

    /// Lets only records of these kinds have lines in files, and of the others what no other place
    /// knows of: what jobs have counted. The console shows what it would show anyway. Default: all.
    #[must_use]
    pub fn lines_of(self, kinds: &[Kind]) -> Self {
        let has_lines = Kind::ALL.map(|kind| kinds.contains(&kind));
        let console = match kinds.contains(&Kind::Event) {
            true => self.console,
            // Nothing else has what it would leave out.
            false => self.console.map(Console::without_files),
        };
        Self { has_lines, console, ..self }
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
        let lines = owner.lines;
        let sink = Self::new(Owner { redact, ..owner }, instance, slot, redactions, None);
        Self { encoder: sink.encoder.checking_json(), has_lines: lines, ..sink }
    }
}

impl DaySink {
    /// Appends the line of a record, and tells the console.
    fn encode_line(&mut self, record: &Record<'_>, site: &Descriptor, ring: u32, out: &mut Lines) {
        let begin = out.len();
        if let Some(console) = &mut self.console
            && record.kind == Kind::Event
            && console.is_pretty()
        {
            let prepared = self.encoder.encode_shown(record, site, ring, out);
            return console.prepare(&prepared, site, ring);
        }
        self.encoder.encode(record, site, ring, out);
        let Some(console) = &mut self.console else { return };
        match record.kind {
            Kind::Event => console.line(&out[begin..], record.level),
            Kind::Span => console.span_ended(record),
            Kind::Metric => {}
        }
    }

    /// A file that is written to besides those of [`Sink::file`].
    fn also(&self, name: String) -> String {
        if let Some((_, registration)) = &self.filing {
            registration.add(&name);
        }
        name
    }

    fn days(&self) -> [DayFile; 3] {
        Kind::ALL
            .map(|kind| DayFile::new(signal(kind), self.date, self.slot, self.parts[kind as usize]))
    }

    fn name_files(&mut self) {
        self.names = self.days().map(|day| day.file_name());
        if let Some(console) = &mut self.console {
            console.set_file(&self.names[Kind::Event as usize]);
        }
    }

    /// Continues the files there are of this day, or begins the parts after them.
    fn choose_files(&mut self) {
        let (of, least) = self.floor;
        self.parts = if of == self.date { least } else { [0; 3] };
        if let Some((filing, registration)) = &self.filing {
            self.parts = registration.choose(filing, self.days()).map(|day| day.part);
        }
        self.name_files();
    }

    /// Leaves the files that are full.
    fn go_on(&mut self) {
        if let Some((filing, registration)) = &self.filing {
            self.parts = registration.go_on(filing, self.days()).map(|day| day.part);
        }
        self.name_files();
    }
}

impl Sink for DaySink {
    fn begin(&mut self, now: SystemTime) {
        let filing = self.filing.as_ref().map(|(filing, _)| filing);
        let date = time::date(filing.map_or(now, |filing| filing.now(now)));
        let is_full = || filing.is_some_and(|f| self.names.iter().any(|name| f.is_full(name)));
        if date != self.date {
            self.date = date;
            self.choose_files();
        } else if is_full() {
            self.go_on();
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
        let stays = self.has_lines[record.kind as usize] || is_own_delta(record, site);
        let is_shown = record.kind == Kind::Event && self.console.is_some();
        if !stays && !is_shown {
            if let (Some(console), Kind::Span) = (&mut self.console, record.kind) {
                console.span_ended(record);
            }
            return;
        }
        let out = batch.lines(record.kind);
        let begin = out.len();
        self.encode_line(record, site, ring, out);
        if !stays {
            // It was for the console alone.
            out.truncate(begin);
        }
    }

    fn interrupted(&self, span: &Interrupted, record: &mut Builder<'_>) -> bool {
        describe_interrupted(span, record);
        true
    }

    fn show(&mut self, _batch: &Batch) -> [bool; 3] {
        let shown = self.console.as_mut().is_some_and(Console::flush);
        Kind::ALL.map(|kind| shown && kind == Kind::Event)
    }

    fn move_to(&mut self, slot: u32) {
        self.slot = slot;
        self.floor = (self.date, [0; 3]);
        self.choose_files();
    }

    fn next_part(&mut self, is_taken: &dyn Fn(&str) -> bool) {
        // Bounded: a directory with a file for every number is somebody's joke.
        for _ in 0..PARTS_MAX {
            self.parts = self.parts.map(|part| part.saturating_add(1));
            self.name_files();
            // Sealed ones are taken as well.
            if !self.names.iter().any(|name| is_taken(name) || is_taken(&format!("{name}.zst"))) {
                break;
            }
        }
        self.floor = (self.date, self.parts);
        self.choose_files();
    }

    fn renamed(&self, file: &str) -> String {
        let slot = self.slot;
        let renamed = DayFile::parse(file).map(|name| {
            let kind = Kind::ALL.into_iter().find(|kind| signal(*kind) == name.signal);
            let part = kind.map_or(0, |kind| self.parts[kind as usize]);
            DayFile { slot, part, ..name }.file_name()
        });
        self.also(renamed.unwrap_or_else(|| file.to_owned()))
    }

    fn alternate(&self, file: &str, part: u32) -> String {
        let name = match DayFile::parse(file) {
            Some(name) => DayFile { part: name.part.saturating_add(part), ..name },
            // Only names from `begin` are staged; a foreign one gets a name of today's.
            None => DayFile::new(Signal::Events, self.date, self.slot, part),
        };
        self.also(name.file_name())
    }
}

fn signal(kind: Kind) -> Signal {
    match kind {
        Kind::Event => Signal::Events,
        Kind::Span => Signal::Spans,
        Kind::Metric => Signal::Metrics,
    }
}
