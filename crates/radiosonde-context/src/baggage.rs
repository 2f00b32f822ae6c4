//! Baggage: what an application says about its work to whoever works for it (W3C Baggage).

mod percent;
mod text;

use std::fmt;
use std::sync::Arc;

pub(crate) use text::read;
use text::{is_metadata, is_token};

/// The most members of a baggage (W3C Baggage, §3.3.2).
pub(crate) const MEMBERS_MAX: usize = 64;
/// The longest baggage on the wire, in bytes (W3C Baggage, §3.3.2).
pub(crate) const BYTES_MAX: usize = 8192;

/// Names with values that travel with a [`Context`](crate::Context): at most 64 members that take
/// at most 8192 bytes on the wire. Immutable, cheap to clone.
///
/// ```
/// use radiosonde_context::{Baggage, Context};
///
/// # fn main() -> Result<(), radiosonde_context::BaggageError> {
/// let baggage = Baggage::default().with("tenant", "Käse & Co")?;
/// let _attached = Context::current().with_baggage(baggage).attach();
/// assert_eq!(Context::current().baggage().get("tenant"), Some("Käse & Co"));
/// # Ok(())
/// # }
/// ```
///
/// It goes, in clear text, to those a request is sent to; see
/// [`inject_to`](crate::propagation::inject_to) for who gets it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Baggage(Option<Arc<[Member]>>);

/// The baggage of a context that has none.
pub(crate) static EMPTY: Baggage = Baggage(None);

#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) key: Arc<str>,
    pub(crate) value: Arc<str>,
    /// Properties as they go on the wire, without the semicolon before the first; mostly empty.
    pub(crate) metadata: Option<Arc<str>>,
}

impl Member {
    fn new(key: &str, value: &str, metadata: &str) -> Self {
        let metadata = (!metadata.is_empty()).then(|| metadata.into());
        Self { key: key.into(), value: value.into(), metadata }
    }

    pub(crate) fn metadata(&self) -> &str {
        self.metadata.as_deref().unwrap_or_default()
    }

    /// Bytes on the wire, without the comma.
    fn length(&self) -> usize {
        let metadata = self.metadata.as_ref().map_or(0, |metadata| metadata.len() + 1);
        self.key.len() + 1 + percent::encoded_length(&self.value) + metadata
    }
}

impl Baggage {
    /// The value of a key. Keys are case-sensitive.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.members().iter().find(|member| &*member.key == key).map(|member| &*member.value)
    }

    /// Key, value and metadata of each member; metadata is mostly empty.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.members().iter().map(|member| (&*member.key, &*member.value, member.metadata()))
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.members().len()
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.members().is_empty()
    }

    /// This baggage with another member, or with another value for the one of this key.
    ///
    /// # Errors
    /// [`BaggageError`] when the key is not a token, or when the whole would be too large.
    pub fn with(&self, key: &str, value: &str) -> Result<Self, BaggageError> {
        self.with_metadata(key, value, "")
    }

    /// As [`Baggage::with`], with metadata for the member: properties such as `ttl=30;hops`, in the
    /// form they have on the wire.
    ///
    /// # Errors
    /// [`BaggageError`] when the key is not a token, the metadata no properties, or when the whole
    /// would be too large.
    pub fn with_metadata(
        &self,
        key: &str,
        value: &str,
        metadata: &str,
    ) -> Result<Self, BaggageError> {
        if !is_token(key.as_bytes()) {
            return Err(BaggageError::Key);
        }
        if !metadata.is_empty() && !is_metadata(metadata.as_bytes()) {
            return Err(BaggageError::Metadata);
        }
        let mut members = self.members().to_vec();
        put(&mut members, Member::new(key, value, metadata));
        if members.len() > MEMBERS_MAX {
            return Err(BaggageError::TooManyMembers);
        }
        if length(&members) > BYTES_MAX {
            return Err(BaggageError::TooLong);
        }
        Ok(Self::of(members))
    }

    /// This baggage without the member of this key.
    #[must_use]
    pub fn without(&self, key: &str) -> Self {
        let others = self.members().iter().filter(|member| &*member.key != key);
        Self::of(others.cloned().collect())
    }

    pub(crate) fn of(members: Vec<Member>) -> Self {
        Self((!members.is_empty()).then(|| members.into()))
    }

    pub(crate) fn members(&self) -> &[Member] {
        self.0.as_deref().unwrap_or_default()
    }
}

impl fmt::Debug for Baggage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values may be secrets, and this is what ends in somebody's log.
        f.debug_list().entries(self.iter().map(|(key, _, _)| key)).finish()
    }
}

/// Why a baggage does not take a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BaggageError {
    /// The key is empty or has a character that a token has not (RFC 9110, §5.6.2).
    Key,
    /// The metadata are no properties of W3C Baggage.
    Metadata,
    /// The baggage would take more than 8192 bytes.
    TooLong,
    /// The baggage would have more than 64 members.
    TooManyMembers,
}

impl fmt::Display for BaggageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key => "a key of baggage has letters, digits and !#$%&'*+-.^_`|~ only",
            Self::Metadata => "metadata of baggage is written as name or name=value, split by `;`",
            Self::TooLong => "baggage takes at most 8192 bytes: send less",
            Self::TooManyMembers => "baggage has at most 64 members: send less",
        })
    }
}

impl std::error::Error for BaggageError {}

/// Puts a member in the place of the one with its key, or at the end; whether there was one.
fn put(members: &mut Vec<Member>, member: Member) -> bool {
    match members.iter_mut().find(|known| known.key == member.key) {
        Some(known) => {
            *known = member;
            true
        }
        None => {
            members.push(member);
            false
        }
    }
}

/// Bytes on the wire, with the commas.
fn length(members: &[Member]) -> usize {
    members.iter().map(Member::length).sum::<usize>() + members.len().saturating_sub(1)
}

/// Members as they go on the wire, and how many did not fit.
#[derive(Default)]
pub(crate) struct Written {
    pub(crate) text: String,
    /// Members beyond 64, and those that would have made it longer than 8192 bytes.
    pub(crate) too_many: u64,
    pub(crate) too_long: u64,
}

/// Writes members in their order, as far as they fit.
pub(crate) fn write<'a>(members: impl Iterator<Item = &'a Member>) -> Written {
    let (mut out, mut count) = (Written::default(), 0);
    for member in members {
        let text = &mut out.text;
        let comma = usize::from(!text.is_empty());
        if count == MEMBERS_MAX {
            out.too_many += 1;
            continue;
        }
        if text.len() + comma + member.length() > BYTES_MAX {
            out.too_long += 1;
            continue;
        }
        if comma > 0 {
            text.push(',');
        }
        text.push_str(&member.key);
        text.push('=');
        percent::encode(&member.value, text);
        if let Some(metadata) = &member.metadata {
            text.push(';');
            text.push_str(metadata);
        }
        count += 1;
    }
    out
}

/// A member of this process's own, which has to be valid.
pub(crate) fn member(key: &str, value: &str) -> Member {
    Member::new(key, value, "")
}
