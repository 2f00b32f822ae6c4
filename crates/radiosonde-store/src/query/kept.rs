//! The newest lines, as many as are wanted.

use std::collections::BTreeMap;
use std::collections::btree_map;

use crate::line::{Line, NotALine};
use crate::query::entry::{Entry, Order};

/// Keeps the newest lines of what it is given, each once.
///
/// A line that comes twice has the same place, whether or not its first copy had to make room, so
/// that duplicates are known without remembering every id.
pub(super) struct Kept {
    lines: BTreeMap<Order, (u32, u64, Line)>,
    limit: usize,
    /// Weights of the lines.
    bytes: u64,
    bytes_max: u64,
    /// Older lines made room though there were not so many.
    pub(super) has_older: bool,
    pub(super) parsed: u64,
    pub(super) duplicates: u64,
}

impl Kept {
    pub(super) fn new(limit: usize, bytes_max: u64) -> Self {
        let (bytes, has_older) = (0, false);
        let lines = BTreeMap::new();
        Self { lines, limit, bytes, bytes_max, has_older, parsed: 0, duplicates: 0 }
    }

    /// The first microsecond of which a line may still be among the newest.
    pub(super) fn floor(&self) -> i64 {
        match self.lines.first_key_value() {
            Some((order, _)) if self.is_full() => order.microseconds(),
            _ => i64::MIN,
        }
    }

    /// Whether a line older than all is not wanted any more.
    fn is_full(&self) -> bool {
        self.has_older || self.lines.len() >= self.limit
    }

    /// Takes a line in, if it is among the newest. An error says why it is none.
    pub(super) fn push(&mut self, entry: &Entry) -> Result<(), NotALine> {
        let is_older = self.lines.first_key_value().is_none_or(|(order, _)| entry.order < *order);
        if self.is_full() && is_older {
            return Ok(());
        }
        self.parsed += 1;
        let line = Line::parse(&entry.text)?;
        let weight = line.weight() as u64;
        let new = (entry.source, entry.offset, line);
        match self.lines.entry(entry.order) {
            btree_map::Entry::Occupied(mut known) => {
                self.duplicates += 1;
                // Of copies the one that was found first counts, in whatever order they come here.
                if (new.0, new.1) < (known.get().0, known.get().1) {
                    let (_, _, before) = known.insert(new);
                    self.bytes += weight;
                    self.bytes = self.bytes.saturating_sub(before.weight() as u64);
                }
            }
            btree_map::Entry::Vacant(place) => {
                self.bytes += weight;
                let _ = place.insert(new);
            }
        }
        while self.lines.len() > self.limit || self.bytes > self.bytes_max && self.lines.len() > 1 {
            self.has_older |= self.lines.len() <= self.limit;
            let Some((_, (_, _, line))) = self.lines.pop_first() else { break };
            self.bytes = self.bytes.saturating_sub(line.weight() as u64);
        }
        Ok(())
    }

    /// The lines in order.
    pub(super) fn into_lines(self) -> Vec<Line> {
        self.lines.into_values().map(|(_, _, line)| line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_bounded_whatever_copies_of_it_are_like() {
        let entry = |seq: u64, source: u32, length: usize| {
            let filler = "x".repeat(length);
            let text = format!(
                r#"{{"ts":"2025-10-06T10:00:00.{seq:06}Z","msg":"{filler}","id":"aaaaaaaa.1.{seq}"}}"#
            );
            let line = Line::parse(text.as_bytes()).unwrap();
            let text = text.into_bytes().into();
            Entry { order: Order::of(&line, source, 0), source, offset: 0, text }
        };
        let mut kept = Kept::new(100, 10_000);
        for seq in 0..20 {
            kept.push(&entry(seq, 1, 100)).unwrap();
        }
        // Of another file, which comes first: it counts, and is longer.
        for seq in (0..20).rev() {
            kept.push(&entry(seq, 0, 4_000)).unwrap();
        }
        assert!(kept.has_older);
        let lines = kept.into_lines();
        let bytes: usize = lines.iter().map(|line| line.raw.len()).sum();
        assert!(bytes <= 10_000, "{bytes} bytes of {} lines", lines.len());
        assert_eq!(lines.last().unwrap().id.as_deref(), Some("aaaaaaaa.1.19"));
    }

    #[test]
    fn lines_of_many_small_fields_weigh_what_they_take() {
        let fields: Vec<String> = (0..200).map(|nth| format!(r#""f{nth}":{{"a":1}}"#)).collect();
        let fields = fields.join(",");
        let mut kept = Kept::new(100, 200_000);
        for seq in 0..20 {
            let text = format!(
                r#"{{"ts":"2025-10-06T10:00:00.{seq:06}Z","meta":{{{fields}}},"id":"aaaaaaaa.1.{seq}"}}"#
            );
            // Some 3 kB of text, and 400 names and values.
            assert!(text.len() < 4_000);
            let line = Line::parse(text.as_bytes()).unwrap();
            let text = text.into_bytes().into();
            kept.push(&Entry { order: Order::of(&line, 1, 0), source: 1, offset: 0, text })
                .unwrap();
        }
        assert!(kept.has_older);
        assert!((5..12).contains(&kept.into_lines().len()));
    }
}
