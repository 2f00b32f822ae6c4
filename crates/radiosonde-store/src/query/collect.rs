//! What is kept of matching lines: the lines themselves, or just where they stand.

use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::ops::ControlFlow;

use jiff::Timestamp;

use crate::line::Line;
use crate::query::replay::OpenFiles;
use crate::query::{Found, Reading, Source, Unreadable};

/// The lines a query returns, bounded by its limit.
///
/// A line that comes twice has the same key, whether or not its first copy fell to the limit, so a
/// bounded map removes duplicates without remembering every id.
pub(super) struct Kept {
    lines: BTreeMap<Order, Line>,
    limit: usize,
    tail: bool,
    duplicates: u64,
}

impl Kept {
    pub(super) fn new(limit: Option<usize>, tail: bool) -> Self {
        let limit = limit.unwrap_or(usize::MAX);
        Self { lines: BTreeMap::new(), limit, tail, duplicates: 0 }
    }

    pub(super) fn push(&mut self, found: Found<'_>) {
        let order = Order::of(&found);
        if self.lines.insert(order, found.line).is_some() {
            self.duplicates += 1;
        } else if self.lines.len() > self.limit {
            let _ = if self.tail { self.lines.pop_first() } else { self.lines.pop_last() };
        }
    }

    /// The lines in order, and how many duplicates were met.
    pub(super) fn into_lines(self) -> (Vec<Line>, u64) {
        (self.lines.into_values().collect(), self.duplicates)
    }
}

/// Where matching lines stand, to be read again in order.
#[derive(Default)]
pub(super) struct Index(Vec<Entry>);

struct Entry {
    order: Order,
    file: u32,
    offset: u64,
}

impl Index {
    pub(super) fn push(&mut self, found: &Found<'_>) {
        let (file, offset) = (found.index, found.offset);
        self.0.push(Entry { order: Order::of(found), file, offset });
    }

    /// Reads the lines again, in order and each once. A file that vanished or shrank meanwhile is
    /// told as unreadable.
    pub(super) fn replay(
        mut self,
        files: &[Source],
        reading: &mut Reading,
        each: &mut dyn FnMut(&Line) -> ControlFlow<()>,
    ) {
        self.0.sort_unstable_by_key(|entry| entry.order);
        let before = self.0.len();
        self.0.dedup_by(|a, b| a.order == b.order);
        reading.matched -= (before - self.0.len()) as u64;

        let mut open = OpenFiles::default();
        let mut buffer = Vec::new();
        for entry in self.0 {
            let Some(source) = files.get(entry.file as usize) else { continue };
            match open.line_at(entry.file, source, entry.offset, &mut buffer) {
                Ok(()) => match Line::parse(&buffer) {
                    Ok(line) => {
                        if each(&line).is_break() {
                            return;
                        }
                    }
                    Err(error) => {
                        reading.skip(source.path(), entry.offset, error.to_string());
                    }
                },
                Err(error) => {
                    // Told once for each file.
                    if !reading.unreadable.iter().any(|gone| gone.path == source.path()) {
                        let (path, offset) = (source.path(), entry.offset);
                        reading.unreadable.push(Unreadable { path, offset, error });
                    }
                }
            }
        }
    }
}

/// The place of a line among all: by time, then by writer and sequence. Copies of one line have the
/// same place; lines without an id are told apart by where they stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Order {
    ts: Timestamp,
    instance: u64,
    ring: u32,
    file: u32,
    seq_or_offset: u64,
}

impl Order {
    fn of(found: &Found<'_>) -> Self {
        let ts = found.line.ts;
        let Some(id) = &found.line.id else {
            let (file, seq_or_offset) = (found.index, found.offset);
            return Self { ts, instance: 0, ring: 0, file, seq_or_offset };
        };
        let parts = parts(id).unwrap_or_else(|| (hash(id), 0, 0));
        Self { ts, instance: parts.0, ring: parts.1, file: u32::MAX, seq_or_offset: parts.2 }
    }
}

/// An id of ours, `<8 characters>.<ring>.<seq>`, as numbers that sort like it.
pub(crate) fn parts(id: &str) -> Option<(u64, u32, u64)> {
    let mut parts = id.split('.');
    let instance = u64::from_be_bytes(parts.next()?.as_bytes().try_into().ok()?);
    let (ring, seq) = (parts.next()?, parts.next()?);
    let numbers = (ring.parse::<u32>().ok()?, seq.parse::<u64>().ok()?);
    // `1.02` and `1.2` are different texts, hence different ids.
    let spelled = numbers.0.to_string() == ring && numbers.1.to_string() == seq;
    (spelled && parts.next().is_none()).then_some((instance, numbers.0, numbers.1))
}

fn hash(id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}
