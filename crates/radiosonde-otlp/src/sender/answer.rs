//! What an answer of a collector means, and what is read out of it.

use std::time::{Duration, SystemTime};

use super::breaker::HINT_MAX;

/// What came of a request, for the lane that sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) verdict: Verdict,
    /// For people: what was answered, or why nothing was. Without secrets.
    pub(super) text: String,
}

impl Answer {
    pub(super) fn new(verdict: Verdict, text: impl Into<String>) -> Self {
        let mut text = cut(text.into());
        if let Verdict::Throttled { wait: Some(wait), .. } = verdict
            && !wait.is_zero()
        {
            text.push_str(&asked(wait));
        }
        Self { verdict, text }
    }
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It has them, but for so many.
    Accepted {
        /// Records it refused, which are never sent again.
        rejected: u64,
        /// Whether the answer could not be read: then nobody knows how many it refused.
        unreadable: bool,
    },
    /// It did not come to an answer, or to one that may be another the next time.
    Failed {
        /// Whether time ran out.
        timed_out: bool,
    },
    /// It failed at this request, as at others, or because of it: nobody can tell from one.
    Faulty,
    /// Something that somebody has to set right. `answered` by the collector, or found on the way.
    Misconfigured {
        /// Whether a collector said so.
        answered: bool,
    },
    /// It does not want these records.
    Refused,
    /// It asks to be left alone, for so long if it said so.
    Throttled {
        /// For how long.
        wait: Option<Duration>,
        /// Whether it may mean that the request was too large.
        shrink: bool,
    },
    /// The request is too large.
    TooLarge,
}

/// Longest text of an answer that is kept, in bytes.
const TEXT_MAX: usize = 512;

/// What is done about a wish to be left alone.
fn asked(wait: Duration) -> String {
    let (most, wait) = (HINT_MAX.as_secs(), wait.as_millis().div_ceil(1_000));
    if wait > u128::from(most) {
        return format!("; it asks to be left alone for {wait} s, and is for {most} s");
    }
    format!("; it asks to be left alone for {wait} s")
}

/// Cut, and without control characters: it goes to logs and screens.
pub(super) fn cut(mut text: String) -> String {
    if text.len() > TEXT_MAX {
        let end = (0..=TEXT_MAX).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
        text.truncate(end);
        text.push('…');
    }
    if text.chars().any(char::is_control) {
        text = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    }
    text
}

/// A `Retry-After`: seconds, or a date. A date that is past is now; what is neither is nothing.
pub(super) fn retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than a number holds are a very long time.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    // Of the three forms of a date the one that is not obsolete.
    let date = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(SystemTime::from(date.timestamp()).duration_since(now).unwrap_or_default())
}

/// What stands in an `Export…ServiceResponse`: rejected records, and why. The three have the same form.
pub(super) fn partial_success(message: &[u8]) -> Option<(u64, String)> {
    let (mut rejected, mut text) = (0, String::new());
    for field in Fields(message) {
        let (number, value) = field?;
        let (1, Value::Bytes(partial)) = (number, value) else { continue };
        for field in Fields(partial) {
            match field? {
                // An `int64`: one below zero refuses nothing.
                (1, Value::Number(number)) => {
                    rejected = if number > i64::MAX as u64 { 0 } else { number };
                }
                (2, Value::Bytes(bytes)) => text = String::from_utf8_lossy(bytes).into_owned(),
                _ => {}
            }
        }
    }
    Some((rejected, text))
}

/// The message of a `google.rpc.Status`.
pub(super) fn status_message(status: &[u8]) -> Option<String> {
    let mut message = None;
    for field in Fields(status) {
        if let (2, Value::Bytes(bytes)) = field? {
            message = Some(String::from_utf8_lossy(bytes).into_owned());
        }
    }
    message
}

/// The fields of a message, up to the first that is damaged, which is a `None`.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

pub(super) enum Value<'a> {
    Bytes(&'a [u8]),
    Number(u64),
    /// Of four or eight bytes: nothing that is read here.
    Fixed,
}

impl<'a> Iterator for Fields<'a> {
    type Item = Option<(u32, Value<'a>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Option<(u32, Value<'a>)> {
        let key = self.varint()?;
        let number = u32::try_from(key >> 3).ok().filter(|number| *number > 0)?;
        let value = match key & 7 {
            0 => Value::Number(self.varint()?),
            1 => self.fixed(8)?,
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Value::Bytes(self.bytes(length)?)
            }
            5 => self.fixed(4)?,
            _ => return None,
        };
        Some((number, value))
    }

    fn fixed(&mut self, length: usize) -> Option<Value<'a>> {
        self.bytes(length).map(|_| Value::Fixed)
    }

    fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::logs::v1::{
        ExportLogsPartialSuccess, ExportLogsServiceResponse,
    };
    use prost::Message as _;

    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        // 1994-11-06, 08:49:37.
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        for (text, expected) in [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("99999999999999999999999", Some(u64::MAX)),
            ("Sun, 06 Nov 1994 08:50:07 GMT", Some(30)),
            ("Sun, 06 Nov 1994 08:49:07 GMT", Some(0)),
            ("Sunday, 06-Nov-94 08:50:07 GMT", None),
            ("-5", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
        ] {
            let expected = expected.map(Duration::from_secs);
            assert_eq!(retry_after(text, now), expected, "{text}");
        }
    }

    #[test]
    fn partial_success_is_read_as_it_is_written() {
        let message = |rejected_log_records, error_message: &str| {
            let error_message = error_message.to_owned();
            let partial_success = ExportLogsPartialSuccess { rejected_log_records, error_message };
            ExportLogsServiceResponse { partial_success: Some(partial_success) }.encode_to_vec()
        };
        for (bytes, expected) in [
            (Vec::new(), Some((0, ""))),
            (message(0, "a warning"), Some((0, "a warning"))),
            (message(3, "no ünit"), Some((3, "no ünit"))),
            (message(-3, ""), Some((0, ""))),
            (b"<html></html>".to_vec(), None),
            (message(3, "cut off")[..6].to_vec(), None),
            (vec![0xff; 20], None),
        ] {
            let read = partial_success(&bytes);
            let read = read.as_ref().map(|(rejected, text)| (*rejected, text.as_str()));
            assert_eq!(read, expected, "{bytes:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn hostile_bytes_never_panic(bytes: Vec<u8>) {
            let _ = partial_success(&bytes);
            let _ = status_message(&bytes);
        }

        #[test]
        fn texts_are_cut_between_characters(text in ".{0,400}") {
            let shown = cut(text.repeat(3));
            proptest::prop_assert!(shown.len() <= TEXT_MAX + 3 && !shown.contains(char::is_control));
        }
    }
}
