//! Where the lines of a capture go: to memory, as the console shows them besides.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use radiosonde_events::{Console, ConsoleFormat, DaySink, Owner, Portion, Redactions, SpanNames};
use radiosonde_record::{Batch, Descriptor, Kind, Record, Sink};
use radiosonde_store::Line;

use super::entry::Recorded;

/// Records a capture keeps.
const RECORDS_MAX: usize = 100_000;
/// Bytes a capture keeps, lines and texts.
const BYTES_MAX: usize = 64 * 1024 * 1024;

/// A record on its way.
struct New {
    kind: Kind,
    line: Vec<u8>,
    /// As the console shows it. Empty for spans and metrics, which no console shows.
    text: String,
}

/// What was captured. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Store(Arc<Mutex<All>>);

/// Copies share the records.
#[derive(Clone, Debug, Default)]
pub(super) struct All {
    pub(super) records: Vec<(Kind, Recorded)>,
    bytes: usize,
    /// Records past the limits.
    pub(super) omitted: u64,
    /// Lines that are none.
    pub(super) unreadable: u64,
}

impl Store {
    pub(super) fn all(&self) -> All {
        self.lock().clone()
    }

    fn add(&self, new: &mut Vec<New>) {
        let mut all = self.lock();
        for New { kind, line, text } in new.drain(..) {
            let bytes = line.len() + text.len();
            if all.records.len() >= RECORDS_MAX || all.bytes + bytes > BYTES_MAX {
                all.omitted += 1;
                continue;
            }
            match Line::parse(line.strip_suffix(b"\n").unwrap_or(&line)) {
                Ok(line) => {
                    all.bytes += bytes;
                    all.records.push((kind, Recorded::new(line, text)));
                }
                Err(_) => all.unreadable += 1,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, All> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The sink of the day files, without the files.
pub(super) struct CaptureSink {
    lines: DaySink,
    /// What the console has shown of the record that is being encoded.
    shown: Arc<Mutex<String>>,
    /// Of the batch that is being filled.
    batch: Vec<New>,
    store: Store,
}

impl CaptureSink {
    pub(super) fn new(
        owner: Owner,
        redactions: Redactions,
        names: impl SpanNames + 'static,
        store: &Store,
    ) -> Self {
        let shown: Arc<Mutex<String>> = Arc::default();
        let to = Arc::clone(&shown);
        let write = move |portion: &Portion<'_>| {
            let text = String::from_utf8_lossy(portion.text);
            to.lock().unwrap_or_else(PoisonError::into_inner).push_str(&text);
            true
        };
        let console = Console::new(ConsoleFormat::Pretty { color: false }, Box::new(write));
        let console = console.with_spans(names).without_files();
        let instance = radiosonde_record::new_instance_id();
        let lines = DaySink::new(owner, &instance, 0, redactions, Some(console));
        Self { lines, shown, batch: Vec::new(), store: store.clone() }
    }
}

impl Sink for CaptureSink {
    fn begin(&mut self, now: SystemTime) {
        // What a panic has left of a batch comes again.
        self.batch.clear();
        self.lines.begin(now);
    }

    fn file(&self, kind: Kind) -> &str {
        self.lines.file(kind)
    }

    fn encode(
        &mut self,
        record: &Record<'_>,
        site: &Arc<Descriptor>,
        ring: u32,
        batch: &mut Batch,
    ) {
        let begin = batch.bytes(record.kind).len();
        self.lines.encode(record, site, ring, batch);
        self.lines.show(batch);
        let text = std::mem::take(&mut *self.shown.lock().unwrap_or_else(PoisonError::into_inner));
        let line = batch.bytes(record.kind).get(begin..).unwrap_or_default();
        self.batch.push(New { kind: record.kind, line: line.to_vec(), text });
    }

    fn show(&mut self, _: &Batch) -> [bool; 3] {
        self.store.add(&mut self.batch);
        [true; 3]
    }

    fn move_to(&mut self, slot: u32) {
        self.lines.move_to(slot);
    }

    fn renamed(&self, file: &str) -> String {
        self.lines.renamed(file)
    }

    fn next_part(&mut self, is_taken: &dyn Fn(&str) -> bool) {
        self.lines.next_part(is_taken);
    }

    fn alternate(&self, file: &str, part: u32) -> String {
        self.lines.alternate(file, part)
    }
}
