//! What the values of options are read as.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Arg, Command, Error};
use radiosonde_store::Level;
use radiosonde_store::query::{check_id, trace_prefix};

pub(super) fn id_arg(text: &str) -> Result<String, String> {
    let Err(error) = check_id(text) else { return Ok(text.to_owned()) };
    Err(match stored(text) {
        Some(stored) => format!("{error}; it stands in the files as `{stored}`"),
        None => error.to_string(),
    })
}

/// What an id becomes that a program uses and that is none: every character it may not have an
/// underscore, and no more than 128 of them. `None` for the empty text, which is no id at all.
fn stored(text: &str) -> Option<String> {
    let fitting = |c: char| if check_id(c.encode_utf8(&mut [0; 4])).is_ok() { c } else { '_' };
    (!text.is_empty()).then(|| text.chars().take(ID_LENGTH_MAX).map(fitting).collect())
}

pub(crate) fn trace_arg(text: &str) -> Result<String, String> {
    trace_prefix(trace_of(text).unwrap_or(text))
        .map_err(|error| format!("{error}, or by a traceparent"))
}

/// The trace of a `traceparent` of W3C Trace Context, as logs and headers have it:
/// `00-0edadbc0a1b2c3d4e5f60718293a4b5c-00f067aa0ba902b7-01`. A later version may have more parts.
fn trace_of(text: &str) -> Option<&str> {
    let mut parts = text.split('-');
    let mut hex = |digits: usize| {
        let is_hex =
            |part: &&str| part.len() == digits && part.bytes().all(|byte| byte.is_ascii_hexdigit());
        parts.next().filter(is_hex)
    };
    let [_version, trace, _span, _flags] = [hex(2)?, hex(32)?, hex(16)?, hex(2)?];
    Some(trace)
}

/// The whole name of an event.
pub(super) fn evt_arg(text: &str) -> Result<String, String> {
    let Some((begin, rest)) = text.split_once('*') else { return Ok(text.to_owned()) };
    let begin = match rest.is_empty() {
        true => begin.replace('.', "\\."),
        false => "…".to_owned(),
    };
    Err(format!("it takes whole names; of several: --where 'evt~=^{begin}'"))
}

/// The name of a column.
pub(super) fn field_arg(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("a column has the name of a field, such as status or trace_id".to_owned()),
        name => Ok(name.to_owned()),
    }
}

pub(super) fn count_arg(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count) if count > 0 => Ok(count),
        _ => Err("write a number of lines, 1 or more".to_owned()),
    }
}

pub(super) fn run_arg(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err("write the number of a run, 1 or more".to_owned()),
    }
}

/// A level by any of its words; completions propose the words of lines.
#[derive(Clone)]
pub(super) struct LevelArg;

impl TypedValueParser for LevelArg {
    type Value = Level;

    fn parse_ref(&self, cmd: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<Level, Error> {
        let parser = StringValueParser::new().try_map(|word| word.parse::<Level>());
        parser.parse_ref(cmd, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(LEVELS.into_iter().map(|level| PossibleValue::new(level.as_str()))))
    }
}

const LEVELS: [Level; 6] =
    [Level::Trace, Level::Debug, Level::Info, Level::Warning, Level::Error, Level::Critical];

/// Characters of an id.
const ID_LENGTH_MAX: usize = 128;
