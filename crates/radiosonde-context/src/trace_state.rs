//! The list of other vendors' entries that travels beside `traceparent`.
//!
//! Grammar and limits are those of W3C Trace Context Level 2, §3.3, whose keys include those of
//! Level 1. We add no entry of our own: the list is passed on as it came.

use std::fmt;
use std::sync::Arc;

/// A valid `tracestate` list (W3C Trace Context, §3.3): at most 32 members, no key twice, at most
/// 512 characters. Never empty. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TraceState(Arc<str>);

/// The most members of a list (§3.3.1.1).
const MEMBERS_MAX: usize = 32;
/// What has to be passed on at least (§3.3.1.5), and what we pass on at most.
const LENGTH_MAX: usize = 512;
/// Members longer than this are the first to go when a list is too long (§3.3.1.5).
const LONG_MEMBER: usize = 128;
/// The longest key, and the longest value.
const PART_MAX: usize = 256;

impl TraceState {
    /// Reads a list. One of more than 512 characters is shortened as the recommendation says:
    /// members of more than 128 characters go first, then members from the end.
    ///
    /// # Errors
    /// [`InvalidTraceState`] for what is no list, for more than 32 members, for a key that occurs
    /// twice, and for a list without members.
    pub fn parse(list: &str) -> Result<Self, InvalidTraceState> {
        let read = read(&[list.as_bytes()])?;
        read.state.ok_or(InvalidTraceState::Empty)
    }

    /// The list as it goes on the wire.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.iter().find(|(found, _)| *found == key).map(|(_, value)| value)
    }

    /// Keys and values, the newest first.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.split(',').filter_map(|member| member.split_once('='))
    }
}

impl fmt::Display for TraceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TraceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TraceState({})", self.0)
    }
}

/// Why a text is no `tracestate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidTraceState {
    /// A key occurs twice.
    DuplicateKey,
    /// There is no member.
    Empty,
    /// A member is no `key=value` of the grammar.
    Malformed,
    /// There are more than 32 members.
    TooManyMembers,
}

impl fmt::Display for InvalidTraceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DuplicateKey => "a key occurs twice in the trace state: keep one",
            Self::Empty => "the trace state has no member: leave it away",
            Self::Malformed => "a member of the trace state is not key=value of W3C Trace Context",
            Self::TooManyMembers => "the trace state has more than 32 members: keep 32",
        })
    }
}

impl std::error::Error for InvalidTraceState {}

/// What several headers say together.
pub(crate) struct Read {
    /// The list; none when there is no member in any of them.
    pub(crate) state: Option<TraceState>,
    /// Whether members were left out for its length.
    pub(crate) shortened: bool,
}

/// Reads the headers of one request, combined in their order (RFC 9110, §5.3).
pub(crate) fn read(headers: &[&[u8]]) -> Result<Read, InvalidTraceState> {
    let mut members: Vec<&str> = Vec::new();
    for header in headers {
        for member in header.split(|byte| *byte == b',') {
            let member = trimmed(member);
            // An empty member is one that somebody else took out.
            if member.is_empty() {
                continue;
            }
            if members.len() == MEMBERS_MAX {
                return Err(InvalidTraceState::TooManyMembers);
            }
            let key = key_of(member).ok_or(InvalidTraceState::Malformed)?;
            let text = std::str::from_utf8(member).map_err(|_| InvalidTraceState::Malformed)?;
            let same_key = |known: &&str| known.split_once('=').is_some_and(|(k, _)| k == key);
            if members.iter().any(same_key) {
                return Err(InvalidTraceState::DuplicateKey);
            }
            members.push(text);
        }
    }
    let shortened = shorten(&mut members);
    let state = (!members.is_empty()).then(|| TraceState(members.join(",").into()));
    Ok(Read { state, shortened })
}

/// Leaves out what is too long; whether there was something.
fn shorten(members: &mut Vec<&str>) -> bool {
    let length = |members: &[&str]| {
        let commas = members.len().saturating_sub(1);
        members.iter().map(|member| member.len()).sum::<usize>() + commas
    };
    let before = members.len();
    while length(members) > LENGTH_MAX {
        let long = members.iter().rposition(|member| member.len() > LONG_MEMBER);
        members.remove(long.unwrap_or(members.len() - 1));
    }
    members.len() < before
}

/// The key of a valid member.
fn key_of(member: &[u8]) -> Option<&str> {
    let end = member.iter().position(|byte| *byte == b'=')?;
    let (key, value) = (&member[..end], &member[end + 1..]);
    let first = key.first()?;
    let key_fits = key.len() <= PART_MAX
        && (first.is_ascii_lowercase() || first.is_ascii_digit())
        && key.iter().all(|byte| {
            byte.is_ascii_lowercase()
                || byte.is_ascii_digit()
                || matches!(byte, b'_' | b'-' | b'*' | b'/' | b'@')
        });
    // Printable without comma and equals sign; its last character is no blank, since the space
    // after a member is none of it.
    let value_fits = (1..=PART_MAX).contains(&value.len())
        && value.iter().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b',' | b'='))
        && value.last() != Some(&b' ');
    if key_fits && value_fits { std::str::from_utf8(key).ok() } else { None }
}

/// Without the optional white space of HTTP around it.
pub(crate) fn trimmed(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}
