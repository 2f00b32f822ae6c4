//! What the index tells about a line: its time and its ids, found without building the line.
//!
//! The lines our encoder writes are walked key by key. Whatever looks different in any way (white
//! space, an escape in a key or an id, a time in another form) is parsed as a reader would parse it.
//! So for each text that [`Line::parse`] takes for a line, the same time and ids come out here; a
//! text it refuses may yield something or nothing, since no query finds it.

use crate::line::Line;
use crate::sealed::filter::{Key, Kind};

/// What the lines of a stretch hold, for its entry in the index.
#[derive(Debug)]
pub(super) struct Facts {
    /// Lines; a last one without its break counts.
    pub(super) lines: u64,
    /// The earliest and the latest time, in microseconds since 1970, rounded down. The first is
    /// above the second where no line tells its time.
    pub(super) ts: (i64, i64),
    /// The ids, in no order, some more than once.
    pub(super) keys: Vec<Key>,
}

/// The times of no lines.
pub(super) const NO_TIME: (i64, i64) = (i64::MAX, i64::MIN);

impl Default for Facts {
    fn default() -> Self {
        Self { lines: 0, ts: NO_TIME, keys: Vec::new() }
    }
}

impl Facts {
    /// The facts of whole lines, the last of which may lack its break.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut facts = Self::default();
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            facts.lines += 1;
            facts.line(line.strip_suffix(b"\n").unwrap_or(line));
        }
        facts.keys.sort_unstable();
        facts.keys.dedup();
        facts
    }

    fn line(&mut self, text: &[u8]) {
        if let Some(found) = walk(text) {
            self.add(&found);
        } else if let Ok(line) = Line::parse(text) {
            let ts = line.ts.as_nanosecond().div_euclid(1_000);
            self.add(&Found {
                // Years 9,999 before and after now fit.
                ts: i64::try_from(ts).unwrap_or_default(),
                ids: [
                    line.trace_id.as_deref().map(str::as_bytes),
                    line.job_id.as_deref().map(str::as_bytes),
                    line.session_id.as_deref().map(str::as_bytes),
                ],
            });
        }
    }

    fn add(&mut self, found: &Found<'_>) {
        self.ts = (self.ts.0.min(found.ts), self.ts.1.max(found.ts));
        for (kind, id) in KINDS.into_iter().zip(found.ids) {
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

/// Of one line, its ids in the order of [`KINDS`].
#[derive(Debug, PartialEq, Eq)]
struct Found<'a> {
    ts: i64,
    ids: [Option<&'a [u8]>; 3],
}

/// Walks a line in the form ours have. `None` for any other form, and for some texts that are no
/// lines.
fn walk(text: &[u8]) -> Option<Found<'_>> {
    let mut rest = Rest(text);
    rest.expect(b'{')?;
    let mut ts = None;
    let mut ids = [None; 3];
    loop {
        let key = rest.plain_string()?;
        rest.expect(b':')?;
        match key {
            b"ts" => ts = Some(microseconds(rest.plain_string()?)?),
            b"trace_id" => ids[0] = Some(rest.plain_string()?),
            b"job_id" => ids[1] = Some(rest.plain_string()?),
            b"session_id" => ids[2] = Some(rest.plain_string()?),
            _ => rest.skip_value()?,
        }
        match rest.next()? {
            b',' => {}
            b'}' => return Some(Found { ts: ts?, ids }),
            _ => return None,
        }
    }
}

/// What is left of a line.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then_some(())
    }

    /// What stands between quotes, when that is what it means.
    fn plain_string(&mut self) -> Option<&'a [u8]> {
        self.expect(b'"')?;
        let end = memchr::memchr2(b'"', b'\\', self.0)?;
        let text = &self.0[..end];
        self.0 = &self.0[end..];
        self.expect(b'"')?;
        Some(text)
    }

    /// Passes over the rest of a string, whose first quote is behind us.
    fn skip_string(&mut self) -> Option<()> {
        loop {
            let at = memchr::memchr2(b'"', b'\\', self.0)?;
            let escape = self.0[at] == b'\\';
            self.0 = self.0.get(at + 1 + usize::from(escape)..)?;
            if !escape {
                return Some(());
            }
        }
    }

    fn skip_value(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            match self.0.first()? {
                b'"' => {
                    let _ = self.next();
                    self.skip_string()?;
                }
                b'{' | b'[' => {
                    depth += 1;
                    let _ = self.next();
                    continue;
                }
                b'}' | b']' => {
                    depth = depth.checked_sub(1)?;
                    let _ = self.next();
                }
                _ => {
                    // A number or a word, or what separates values inside.
                    let _ = self.next();
                    if depth == 0 && !matches!(self.0.first()?, b',' | b'}') {
                        continue;
                    }
                }
            }
            if depth == 0 {
                return Some(());
            }
        }
    }
}

/// A time as ours are written, `2025-10-06T13:43:10.123456Z`, in microseconds since 1970.
fn microseconds(text: &[u8]) -> Option<i64> {
    let text: &[u8; 27] = text.try_into().ok()?;
    let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'.')];
    if separators.iter().any(|(at, byte)| text[*at] != *byte) || text[26] != b'Z' {
        return None;
    }
    let number = |range: std::ops::Range<usize>| {
        text[range].iter().try_fold(0_i64, |number, digit| {
            digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0'))
        })
    };
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    let micros = number(20..26)?;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days_of_month = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    // A leap second is left to the parser.
    if !(1..=days_of_month).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    // Years that begin in March end with the leap day.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // 719,468 days before 1970 was the first of March of the year 0.
    let days = 365 * year + leap_days + (153 * month + 2) / 5 + day - 1 - 719_468;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000_000 + micros)
}

#[cfg(test)]
mod tests;
