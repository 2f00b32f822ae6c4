//! What a line says about itself, found without building the line: its time, its level, its name
//! and its ids.
//!
//! Lines as our encoder writes them are walked key by key. Whatever looks different in any way (white
//! space, an escape in a key or in a value that is looked at, a time in another form) is left to
//! [`Line::parse`](crate::Line::parse), by `None`. Where that takes a text for a line, what comes
//! out here is what it finds; a text that it refuses may yield something or nothing, so that whoever
//! must not take it for a line parses it.

use crate::level::Level;
use crate::line::LEVEL_KEYS_OF_OTHERS;

/// What a line says about itself.
///
/// A text of the line is given as it stands there; nothing in it is escaped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Peek<'a> {
    /// Its time in microseconds since 1970.
    pub ts_us: i64,
    /// How serious it is. `None` when missing or not a level we know.
    pub level: Option<Level>,
    /// Name of the event; empty when missing.
    pub evt: &'a [u8],
    /// The service that wrote it.
    pub service: Option<&'a [u8]>,
    /// Trace.
    pub trace_id: Option<&'a [u8]>,
    /// Span.
    pub span_id: Option<&'a [u8]>,
    /// The job it was part of.
    pub job_id: Option<&'a [u8]>,
    /// The machine it happened on.
    pub machine_id: Option<&'a [u8]>,
    /// The worker that did it.
    pub worker_id: Option<&'a [u8]>,
    /// The session it belonged to.
    pub session_id: Option<&'a [u8]>,
    /// Its own id.
    pub id: Option<&'a [u8]>,
}

/// Walks a line, given without its line break. `None` means that it is in another form than ours and
/// must be parsed.
///
/// ```
/// # use radiosonde_store::{Level, peek};
/// let line = br#"{"ts":"2025-10-06T13:43:10.123456Z","level":"error","evt":"log","job_id":"job-123","meta":{}}"#;
/// let found = peek::facts(line).unwrap();
/// assert_eq!(found.ts_us, 1_759_758_190_123_456);
/// assert_eq!((found.level, found.job_id), (Some(Level::Error), Some(&b"job-123"[..])));
/// assert_eq!(peek::facts(br#"{"ts":"2025-10-06T15:43:10+02:00"}"#), None);
/// ```
#[must_use]
pub fn facts(text: &[u8]) -> Option<Peek<'_>> {
    let mut rest = Rest(text);
    rest.expect(b'{')?;
    let mut has_time = false;
    let mut may_have_level = false;
    let mut found = Peek::default();
    loop {
        let key = rest.plain_string()?;
        rest.expect(b':')?;
        match key {
            // Of several the first counts; of other keys the last.
            b"ts" if !has_time => {
                found.ts_us = microseconds(rest.plain_string()?)?;
                has_time = true;
            }
            b"level" => found.level = level(rest.plain_string()?),
            b"evt" => found.evt = rest.plain_string()?,
            b"service" => found.service = Some(rest.plain_string()?),
            b"trace_id" => found.trace_id = Some(rest.plain_string()?),
            b"span_id" => found.span_id = Some(rest.plain_string()?),
            b"job_id" => found.job_id = Some(rest.plain_string()?),
            b"machine_id" => found.machine_id = Some(rest.plain_string()?),
            b"worker_id" => found.worker_id = Some(rest.plain_string()?),
            b"session_id" => found.session_id = Some(rest.plain_string()?),
            b"id" => found.id = Some(rest.plain_string()?),
            other => {
                may_have_level |= LEVEL_KEYS_OF_OTHERS.iter().any(|key| key.as_bytes() == other);
                rest.skip_value()?;
            }
        }
        match rest.next()? {
            b',' => {}
            // Its level may stand elsewhere.
            b'}' if may_have_level && found.level.is_none() => return None,
            // What stands behind is no line, or one whose line break was lost.
            b'}' => return (has_time && rest.0.trim_ascii().is_empty()).then_some(found),
            _ => return None,
        }
    }
}

/// Only the time of a line, in microseconds since 1970. `None` where it does not stand first, in the
/// form our encoder writes.
///
/// ```
/// # use radiosonde_store::peek;
/// let line = br#"{"ts":"2025-10-06T13:43:10.123456Z","level":"info","evt":"log"}"#;
/// assert_eq!(peek::ts(line), Some(1_759_758_190_123_456));
/// ```
#[must_use]
pub fn ts(text: &[u8]) -> Option<i64> {
    let (time, rest) = text.strip_prefix(b"{\"ts\":\"")?.split_at_checked(TIME_BYTES)?;
    rest.starts_with(b"\"").then(|| microseconds(time))?
}

/// A level by its word, as [`Line::level`](crate::Line::level) has it.
pub(crate) fn level(word: &[u8]) -> Option<Level> {
    Some(match word {
        b"trace" => Level::Trace,
        b"debug" => Level::Debug,
        b"info" => Level::Info,
        b"warning" => Level::Warning,
        b"error" => Level::Error,
        b"critical" => Level::Critical,
        _ => return std::str::from_utf8(word).ok()?.parse().ok(),
    })
}

/// Length of a time as ours are written.
const TIME_BYTES: usize = 27;

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
    let text: &[u8; TIME_BYTES] = text.try_into().ok()?;
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
