//! What the index tells about lines: their times, ids and values, by [`peek`](crate::peek) where that
//! knows them, and as a reader would parse them where it does not.

use crate::line::{Line, behind_nuls};
use crate::peek;
use crate::sealed::filter::{Key, Kind};
use crate::sealed::values::Values;

/// What the lines of a stretch hold, for its entry in the index.
#[derive(Debug)]
pub(super) struct Facts {
    /// Lines; a last one without its break counts, and so does what is none for a reader.
    pub(super) lines: u64,
    /// What of it is not as it should be.
    pub(super) others: Others,
    /// The earliest and the latest time, in microseconds since 1970, rounded down. The first is
    /// above the second where no line tells its time.
    pub(super) ts: (i64, i64),
    /// The ids, in no order, some more than once.
    pub(super) keys: Vec<Key>,
}

/// What is no line of a stretch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Others {
    /// Of its lines, those that are none for a reader: blank ones and a half one at the end as well.
    pub(super) no_lines: u32,
    /// As many as a reader tells: neither blank ones nor a half one, but NULs in front of a line.
    pub(super) told: u32,
}

/// The times of no lines.
pub(super) const NO_TIME: (i64, i64) = (i64::MAX, i64::MIN);

impl Default for Facts {
    fn default() -> Self {
        Self { lines: 0, others: Others::default(), ts: NO_TIME, keys: Vec::new() }
    }
}

impl Facts {
    /// The facts of whole lines, the last of which may lack its break, and their values.
    pub(super) fn of(bytes: &[u8], values: &mut Values) -> Self {
        let mut facts = Self::default();
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            facts.lines += 1;
            let whole = line.strip_suffix(b"\n");
            let text = whole.unwrap_or(line);
            // As a reader takes it.
            let line = behind_nuls(text);
            let is_line = facts.line(line, values);
            facts.others.no_lines += u32::from(!is_line);
            // A half line may be on its way while a reader finds it.
            if whole.is_some() {
                let is_junk = !is_line && !line.trim_ascii().is_empty();
                facts.others.told += u32::from(is_junk) + u32::from(line.len() < text.len());
            }
        }
        facts.keys.sort_unstable();
        facts.keys.dedup();
        facts
    }

    /// The facts of one that is given behind NULs. Whether it is a line.
    fn line(&mut self, text: &[u8], values: &mut Values) -> bool {
        if let Some(found) = peek::facts(text) {
            values.add(&found);
            self.add(found.ts_us, [found.trace_id, found.job_id, found.session_id]);
        } else if let Ok(line) = Line::parse(text) {
            values.add_parsed(&line);
            let ts = line.ts.as_nanosecond().div_euclid(1_000);
            let ids = [&line.trace_id, &line.job_id, &line.session_id];
            // Years 9,999 before and after now fit.
            let ts = i64::try_from(ts).unwrap_or_default();
            self.add(ts, ids.map(|id| id.as_deref().map(str::as_bytes)));
        } else {
            return false;
        }
        true
    }

    /// Takes a line into account, by its ids in the order of [`KINDS`].
    fn add(&mut self, ts: i64, ids: [Option<&[u8]>; 3]) {
        self.ts = (self.ts.0.min(ts), self.ts.1.max(ts));
        for (kind, id) in KINDS.into_iter().zip(ids) {
            if let Some(id) = id {
                let key = Key::stored(kind, id);
                // Neighbours often share a job or a trace.
                if !self.keys.iter().rev().take(KINDS.len()).any(|known| *known == key) {
                    self.keys.push(key);
                }
            }
        }
    }
}

const KINDS: [Kind; 3] = [Kind::Trace, Kind::Job, Kind::Session];

#[cfg(test)]
mod tests;
