//! Conditions on the fields of a line, as people write them: `status>=400`, `code~=rate.*`, `job_id?`.
//!
//! # Keys
//!
//! `ts`, `level`, `evt`, `source`, `msg`, `service`, `trace_id`, `span_id`, `job_id`, `machine_id`,
//! `worker_id`, `session_id` and `id` are those of the line. Every other key is one of `meta`, then of
//! `meta.attributes` (those of spans), then of `meta.labels` (those of metrics): first as it is written,
//! as OpenTelemetry has keys with points in them, then by its points, `a.b` in the object `a`. With
//! `meta.` in front it is one of `meta` alone, whatever a line has of that name. A key with characters
//! of operators, or with blanks at its ends, stands in quotes: `"a=b"=1`. `job`, `machine`, `session`,
//! `span`, `trace` and `worker` are the ids of these as well: where there is also a field of that name, one
//! of both has to fit. A key that is no field so far is looked for beside `meta`, where lines of others
//! have theirs.
//!
//! # Operators
//!
//! | | holds where the value |
//! | --- | --- |
//! | `key=value`, `key==value` | is that |
//! | `key!=value` | is not that, or is missing |
//! | `key~=regex` | holds something that fits, anywhere in it |
//! | `key!~=regex` | holds nothing that fits, or is missing |
//! | `key<value`, `<=`, `>`, `>=` | is that much |
//! | `key?` | is there |
//! | `!key?` | is missing |
//!
//! `null` is as missing. Of an array, one element has to fit.
//!
//! # Values
//!
//! Numbers are compared as numbers, exactly: integers of 64 bits without rounding, also to those with a
//! point. A value in quotes is text, with the escapes of JSON, and is compared to text, by its bytes;
//! without quotes it is what the line has: `code=429` is both the number and the text. `level` goes by
//! severity, `ts` is a moment.
//!
//! A length of time is a number with a unit (`ns`, `us`, `ms`, `s`, `m`, `min`, `h`), or several:
//! `elapsed>=20ms`, `1m30s`. It is compared to texts that are one, in any units, and where the key ends
//! with a unit (`_ns`, `_us`, `_ms`, `_s`, `_seconds`) to numbers as well: `duration_us>=500ms`. Where the key
//! ends with `_bytes`, a number may be a size with a unit (`B`, `kB`, `MB`, `GB`, `TB`, `KiB`, `MiB`, `GiB`, `TiB`):
//! `resident_bytes>=20MiB`.
//!
//! More or less than a number is a text that is one, by its amount: `20` is no part of `9ms` or `5 %`. One
//! beyond all an `f64` can be (`1E400`), which is a text as well, is more than any other.
//! Days, times of day and versions need no quotes, neither here nor in lines, and go by their bytes:
//! `version>=2.1.0`, `day<2025-10-06`. Words do: `code>="rate"`. Without them they are refused behind
//! `<`, `<=`, `>` and `>=`, as whoever writes `status>=abc` mostly means something else.
//!
//! A trace is given by its id, or by how that begins, in either case, as lines are shown to people:
//! `trace=0edadbc0` and `trace_id=0edadbc0` are that, and `!=` is any other. In quotes it is the whole id.
//!
//! # What costs little
//!
//! Whatever is asked of `job_id`, `trace_id` and the other ids, `evt`, `level` and `service` is judged
//! without taking lines apart. A line is left out by a look at it where what stands behind the key of
//! a condition, wherever it stands, is a number, a word or a text that does not fit; but for `!=`, `!~=`
//! and `!key?`. In sealed files, `=` with a whole `job_id`, `trace_id` or `session_id`
//! reads the frames that may hold it alone, as do conditions on `level`, `evt`, `service`, `machine_id`
//! and `worker_id`, but for `!=`, `!~=` and `!key?`. Of `job=`, `trace=` and the like this is not so,
//! since there may be fields of these names.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use memchr::memmem;
use serde_json::Value;

use crate::level::Level;
use crate::line::Line;
use crate::query::condition::duration::Duration;
use crate::query::condition::number::Number;
use crate::query::condition::parse::parse;
pub(crate) use crate::query::condition::sieve::Sieve;
use crate::query::filter::begins;

mod duration;
mod look;
mod number;
mod parse;
mod sieve;
mod size;

/// A condition on one field of a line.
///
/// ```
/// use radiosonde_store::{Line, query::Condition};
///
/// let line = Line::parse(br#"{"ts":"2025-10-06T13:43:10Z","meta":{"status":429}}"#)?;
/// assert!("status>=400".parse::<Condition>()?.matches(&line));
/// assert!(!"status=200".parse::<Condition>()?.matches(&line));
/// assert!("code!=x".parse::<Condition>()?.matches(&line), "there is no code");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Condition {
    text: String,
    key: Key,
    test: Test,
    /// Whether it holds where the test does not.
    negated: bool,
}

impl Condition {
    /// Whether it holds for a line.
    #[must_use]
    pub fn matches(&self, line: &Line) -> bool {
        self.holds(line) != self.negated
    }

    /// What stands in the bytes of every line it holds for: a word of the value, the id of a trace in
    /// either case, or else a word of the key. `None` where there is none, or where JSON may spell it in
    /// more than one way.
    #[must_use]
    pub fn needle(&self) -> Option<&str> {
        self.sought().map(|(text, _)| text)
    }

    /// The same, and whether it is in either case.
    pub(super) fn sought(&self) -> Option<(&str, bool)> {
        if self.negated {
            return None;
        }
        let spelled = match &self.test {
            Test::Equal(literal) if literal.number.is_none() => literal.spelled(),
            _ => None,
        };
        match (&self.key, spelled) {
            (Key::Of(Own::Level | Own::Ts), _) => None,
            (_, Some(spelled)) => Some(spelled),
            // Others call it otherwise.
            (Key::Of(Own::Msg), _) => None,
            (Key::Of(own), _) => Some((own.name(), false)),
            (Key::Meta(path) | Key::Any(path), _) => {
                let last = path.rsplit('.').next().filter(|last| is_plain(last));
                last.map(|last| (last, false))
            }
        }
    }

    /// The key it is about, as [`value_of`] takes it.
    #[must_use]
    pub fn key(&self) -> &str {
        match &self.key {
            Key::Of(own) => own.name(),
            Key::Meta(path) | Key::Any(path) => path,
        }
    }

    /// The condition that there is a value at all. `None` where it holds without one as well, and for
    /// keys of the line itself, which are known.
    #[must_use]
    pub fn presence(&self) -> Option<Self> {
        let is_own = matches!(self.key, Key::Of(_));
        let text = || match self.key() {
            key if parse::is_bare(key) => format!("{key}?"),
            key => format!("{}?", Value::from(key)),
        };
        (!is_own && !self.negated).then(|| Self {
            text: text(),
            key: self.key.clone(),
            test: Test::Exists,
            negated: false,
        })
    }

    /// Whether it asks for what is less or more by the bytes of texts, without quotes: of versions, days
    /// and the like.
    #[must_use]
    pub fn compares_text(&self) -> bool {
        matches!(&self.test, Test::Ordered(_, literal) if !literal.quoted && !literal.has_amount())
    }

    /// Whether it asks for a length of time that no number is compared to, as the key does not say which
    /// unit numbers have.
    #[must_use]
    pub fn needs_units(&self) -> bool {
        matches!(&self.test, Test::Ordered(_, literal)
            if literal.duration.is_some() && literal.number.is_none())
    }

    fn holds(&self, line: &Line) -> bool {
        match &self.key {
            Key::Of(Own::Level) => line.level.is_some_and(|level| self.test.of_level(level)),
            Key::Of(Own::Ts) => self.test.of_moment(line.ts),
            Key::Of(own) => own.text(line).is_some_and(|text| self.test.of_own(*own, text)),
            Key::Meta(path) => of_meta(line, path).is_some_and(|value| self.test.of(value)),
            // A short word is either of both: nobody knows which was meant.
            Key::Any(path) => {
                let id = short(line, path);
                id.is_some_and(|(own, id)| self.test.of_own(own, id))
                    || match field(line, path) {
                        Some(value) => self.test.of(value),
                        None if id.is_some() => false,
                        None => beside(line, path).is_some_and(|value| self.test.of(&value)),
                    }
            }
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl FromStr for Condition {
    type Err = InvalidCondition;

    /// Reads a condition as the documentation of its module has them.
    fn from_str(text: &str) -> Result<Self, InvalidCondition> {
        parse(text)
    }
}

/// A text that is no condition: what is wrong, where, and how one looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidCondition {
    text: String,
    /// Where it goes wrong, in bytes.
    at: usize,
    reason: String,
}

impl InvalidCondition {
    /// Where it goes wrong, in bytes from the beginning.
    #[must_use]
    pub fn at(&self) -> usize {
        self.at
    }
}

impl fmt::Display for InvalidCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.reason)?;
        // What cannot be shown in its columns is not pointed at.
        let is_shown = |c: char| c.is_ascii_graphic() || c == ' ';
        if self.text.len() <= POINTED_MAX && self.text.chars().all(is_shown) {
            write!(f, "\n    {}\n    {:>at$}", self.text, "^", at = self.at + 1)?;
        }
        write!(f, "\n  write KEY OP VALUE, such as {EXAMPLES}")
    }
}

impl std::error::Error for InvalidCondition {}

/// What of a line is looked at.
#[derive(Clone, Debug, PartialEq)]
enum Key {
    /// A key of the line itself.
    Of(Own),
    /// A field of `meta`.
    Meta(String),
    /// A field of `meta`, of the attributes of a span, or of the labels of a metric.
    Any(String),
}

/// A key of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Own {
    Evt,
    Id,
    JobId,
    Level,
    MachineId,
    Msg,
    Service,
    SessionId,
    Source,
    SpanId,
    TraceId,
    Ts,
    WorkerId,
}

impl Own {
    const ALL: [Self; 13] = [
        Self::Evt,
        Self::Id,
        Self::JobId,
        Self::Level,
        Self::MachineId,
        Self::Msg,
        Self::Service,
        Self::SessionId,
        Self::Source,
        Self::SpanId,
        Self::TraceId,
        Self::Ts,
        Self::WorkerId,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Evt => "evt",
            Self::Id => "id",
            Self::JobId => "job_id",
            Self::Level => "level",
            Self::MachineId => "machine_id",
            Self::Msg => "msg",
            Self::Service => "service",
            Self::SessionId => "session_id",
            Self::Source => "source",
            Self::SpanId => "span_id",
            Self::TraceId => "trace_id",
            Self::Ts => "ts",
            Self::WorkerId => "worker_id",
        }
    }

    fn text(self, line: &Line) -> Option<&str> {
        match self {
            Self::Evt => Some(line.evt.as_str()).filter(|evt| !evt.is_empty()),
            Self::Id => line.id.as_deref(),
            Self::JobId => line.job_id.as_deref(),
            Self::Level => line.level.map(Level::as_str),
            Self::MachineId => line.machine_id.as_deref(),
            Self::Msg => line.msg.as_deref(),
            Self::Service => line.service.as_deref(),
            Self::SessionId => line.session_id.as_deref(),
            Self::Source => line.source.as_deref(),
            Self::SpanId => line.span_id.as_deref(),
            Self::TraceId => line.trace_id.as_deref(),
            Self::Ts => None,
            Self::WorkerId => line.worker_id.as_deref(),
        }
    }
}

/// What a value has to be.
#[derive(Clone, Debug)]
enum Test {
    Equal(Literal),
    Exists,
    #[cfg(feature = "regex")]
    Fits(Box<regex::Regex>),
    Ordered(Order, Literal),
}

impl Test {
    fn of(&self, value: &Value) -> bool {
        match value {
            Value::Null => false,
            Value::Array(values) => match self {
                Self::Exists => true,
                // An array in an array is no element to compare.
                _ => values.iter().any(|value| !value.is_array() && self.of(value)),
            },
            Value::Object(_) => matches!(self, Self::Exists),
            Value::String(text) => self.of_text(text),
            Value::Bool(word) => self.of_word(if *word { "true" } else { "false" }),
            Value::Number(number) => match self {
                Self::Equal(literal) => literal.compare(number) == Some(Ordering::Equal),
                Self::Ordered(order, literal) => {
                    literal.compare(number).is_some_and(|found| order.holds(found))
                }
                _ => self.of_text(&number.to_string()),
            },
        }
    }

    /// Of a text the line has under a key of its own.
    fn of_own(&self, own: Own, text: &str) -> bool {
        match self {
            Self::Equal(Literal { trace: Some(start), .. }) if own == Own::TraceId => {
                begins(text.as_bytes(), start)
            }
            _ => self.of_text(text),
        }
    }

    /// Of a word that is no text: one in quotes is not meant.
    fn of_word(&self, word: &str) -> bool {
        match self {
            Self::Equal(literal) => !literal.quoted && literal.text == word,
            Self::Ordered(..) => false,
            _ => self.of_text(word),
        }
    }

    fn of_text(&self, text: &str) -> bool {
        match self {
            Self::Equal(literal) => literal.text == text,
            Self::Exists => true,
            #[cfg(feature = "regex")]
            Self::Fits(regex) => regex.is_match(text),
            Self::Ordered(order, literal) => literal.order(text).is_some_and(|it| order.holds(it)),
        }
    }

    fn of_level(&self, level: Level) -> bool {
        match self {
            Self::Equal(literal) => literal.level == Some(level),
            Self::Ordered(order, literal) => {
                literal.level.is_some_and(|other| order.holds(level.cmp(&other)))
            }
            _ => self.of_text(level.as_str()),
        }
    }

    fn of_moment(&self, ts: Timestamp) -> bool {
        match self {
            Self::Equal(literal) => literal.moment == Some(ts),
            Self::Ordered(order, literal) => {
                literal.moment.is_some_and(|other| order.holds(ts.cmp(&other)))
            }
            _ => self.of_text(&format!("{ts:.6}")),
        }
    }
}

/// A value as it was written, and what else it may be.
#[derive(Clone, Debug, Default)]
struct Literal {
    text: String,
    quoted: bool,
    number: Option<Number>,
    duration: Option<Duration>,
    level: Option<Level>,
    moment: Option<Timestamp>,
    /// How the id of a trace begins, in lower case.
    trace: Option<String>,
}

impl Literal {
    /// The bytes of every line in which something is that, and whether they are in either case. `None`
    /// where JSON may spell it in more than one way.
    fn spelled(&self) -> Option<(&str, bool)> {
        match &self.trace {
            Some(start) => Some((start, true)),
            None => Some((self.text.as_str(), false)).filter(|(text, _)| is_plain(text)),
        }
    }

    /// How a number of a line compares to it.
    fn compare(&self, found: &serde_json::Number) -> Option<Ordering> {
        Number::of(found)?.compare(self.number?)
    }

    /// Whether it is more than a text.
    fn has_amount(&self) -> bool {
        self.number.is_some()
            || self.duration.is_some()
            || self.level.is_some()
            || self.moment.is_some()
    }

    /// How a text of a line compares to it. Whoever gives a number, a version or a day means those; not
    /// `unknown`, and not `9ms`.
    fn order(&self, found: &str) -> Option<Ordering> {
        if self.quoted {
            return Some(found.cmp(&self.text));
        }
        if let (Some(duration), Some(found)) = (self.duration, Duration::parse(found)) {
            return Some(found.cmp(&duration));
        }
        match (self.number, Number::of_text(found)) {
            (Some(number), Some(found)) => found.compare(number),
            _ if self.duration.is_some() => None,
            _ => is_in_order(found).then(|| found.cmp(&self.text)),
        }
    }
}

/// How a value compares to the one given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Less,
    AtMost,
    More,
    AtLeast,
}

impl Order {
    fn holds(self, found: Ordering) -> bool {
        match self {
            Self::Less => found.is_lt(),
            Self::AtMost => found.is_le(),
            Self::More => found.is_gt(),
            Self::AtLeast => found.is_ge(),
        }
    }
}

/// The value of a key as conditions name them, for columns and the like. `None` where it is missing;
/// the keys of the line itself have their text.
#[must_use]
pub fn value_of(line: &Line, key: &str) -> Option<Value> {
    match parse::key_of(key) {
        Key::Of(Own::Ts) => Some(Value::String(format!("{:.6}", line.ts))),
        Key::Of(own) => own.text(line).map(Value::from),
        Key::Meta(path) => of_meta(line, &path).cloned(),
        Key::Any(path) => {
            let own = || short(line, &path).map(|(_, id)| Value::from(id));
            field(line, &path).cloned().or_else(own).or_else(|| beside(line, &path))
        }
    }
}

/// An id by the word for what it is the id of, as lines are shown to people.
fn short<'a>(line: &'a Line, word: &str) -> Option<(Own, &'a str)> {
    let own = short_for(word)?;
    Some((own, own.text(line)?))
}

/// The id that a word is short for.
fn short_for(word: &str) -> Option<Own> {
    Some(match word {
        "job" => Own::JobId,
        "machine" => Own::MachineId,
        "session" => Own::SessionId,
        "span" => Own::SpanId,
        TRACE => Own::TraceId,
        "worker" => Own::WorkerId,
        _ => return None,
    })
}

/// A field that stands beside `meta`, as lines of others have theirs.
fn beside(line: &Line, path: &str) -> Option<Value> {
    // Most lines have none, and to take one apart again is dear.
    let key = path.split('.').next().unwrap_or_default();
    if is_plain(key) {
        let _place = memmem::find(line.raw.as_bytes(), key.as_bytes())?;
    }
    let object: Value = line.taken_apart()?;
    of_value(&object, path).cloned()
}

/// A field of `meta`, else one of its attributes or labels.
fn field<'a>(line: &'a Line, path: &str) -> Option<&'a Value> {
    let inner = |name: &str| of_value(line.meta.value(name)?, path);
    of_meta(line, path).or_else(|| inner("attributes")).or_else(|| inner("labels"))
}

/// A field of `meta`: by its whole name, else by its points.
fn of_meta<'a>(line: &'a Line, path: &str) -> Option<&'a Value> {
    let nested = || parts(path).find_map(|(head, rest)| of_value(line.meta.value(head)?, rest));
    line.meta.value(path).filter(|value| !value.is_null()).or_else(nested)
}

/// The same in an object. An object is entered by one path only, so this looks at each once.
fn of_value<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    let object = value.as_object()?;
    let nested = || parts(path).find_map(|(head, rest)| of_value(object.get(head)?, rest));
    object.get(path).filter(|value| !value.is_null()).or_else(nested)
}

/// Whether a text goes by its bytes as a day, a time of day or a version does, as it begins.
fn is_in_order(text: &str) -> bool {
    // Where the next number would begin.
    let next = |text: &str, parting: &[char]| -> Option<usize> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        (digits > 0 && text[digits..].starts_with(parting)).then_some(digits + 1)
    };
    let from = next(text, &['-', ':']).or_else(|| {
        let minor = next(text, &['.'])?;
        Some(minor + next(&text[minor..], &['.'])?)
    });
    from.is_some_and(|from| text[from..].starts_with(|c: char| c.is_ascii_digit()))
}

/// A path parted at each of its points.
fn parts(path: &str) -> impl Iterator<Item = (&str, &str)> {
    path.match_indices('.').map(|(at, _)| (&path[..at], &path[at + 1..]))
}

/// Whether JSON writes a text in one way, as far as its writers go.
fn is_plain(text: &str) -> bool {
    let is_plain =
        |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'-' | b' ');
    !text.is_empty() && text.bytes().all(is_plain)
}

/// Short for the id of a trace.
const TRACE: &str = "trace";
const EXAMPLES: &str = "'status>=400', 'code~=rate.*', 'user!=bot' or 'job_id?'";
/// Longer texts are not repeated in an error.
const POINTED_MAX: usize = 100;

#[cfg(test)]
#[cfg(feature = "regex")]
mod tests;
