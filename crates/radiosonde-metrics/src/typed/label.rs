//! What may be passed for a label.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::error::UnknownValue;
use super::symbol::{Label, Symbol};

/// The values of an enumerated label, as `catalog!` makes them.
pub trait Enumerated:
    Copy + Eq + std::hash::Hash + fmt::Debug + fmt::Display + FromStr<Err = UnknownValue> + 'static
{
    /// The label.
    const LABEL: &'static str;
    /// Its values as they are written, in the order of the registry.
    const VALUES: &'static [&'static str];

    /// The place of this value in [`Enumerated::VALUES`].
    fn index(self) -> usize;
}

/// The values of a label that are not listed: a type that `catalog!` makes, by the name of the label.
pub trait FreeLabel: Sized + 'static {
    /// What the registry says about the label.
    #[doc(hidden)]
    fn label() -> &'static Label;
}

/// What may be passed where a metric wants a value of the label `Label`: the value itself, or a
/// text, which is copied and checked with each write.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a value of the label `{Label}`",
    label = "not a value of the label `{Label}`",
    note = "pass a reference to a `{Label}`, made once by `{Label}::new`, or a text"
)]
pub trait LabelValue<Label: FreeLabel> {
    /// The value as a write takes it.
    #[doc(hidden)]
    fn part(&self) -> Part<'_>;
}

macro_rules! texts {
    ($($text:ty),*) => {$(
        impl<L: FreeLabel> LabelValue<L> for $text {
            fn part(&self) -> Part<'_> {
                Part::text(self)
            }
        }
    )*};
}

texts! { str, String, Box<str>, Cow<'_, str> }

impl<L: FreeLabel> LabelValue<L> for Arc<str> {
    fn part(&self) -> Part<'_> {
        Part(Text::Shared(self))
    }
}

impl<L: FreeLabel, V: LabelValue<L> + ?Sized> LabelValue<L> for &V {
    fn part(&self) -> Part<'_> {
        V::part(self)
    }
}

/// The value of one label on its way into a key.
#[derive(Clone, Copy, Debug)]
pub struct Part<'v>(pub(crate) Text<'v>);

#[derive(Clone, Copy, Debug)]
pub(crate) enum Text<'v> {
    /// One of so many, by its place.
    Listed(&'static [&'static str], usize),
    Shared(&'v Arc<str>),
    Borrowed(&'v str),
}

impl<'v> Part<'v> {
    /// A value of an enumerated label.
    #[inline]
    pub fn listed<E: Enumerated>(value: E) -> Self {
        Self(Text::Listed(E::VALUES, value.index()))
    }

    /// A value that was resolved before.
    #[inline]
    pub fn symbol(symbol: &'v Symbol) -> Self {
        Self(Text::Shared(symbol.text()))
    }

    /// The value as it is written.
    pub(super) fn as_str(&self) -> &'v str {
        match self.0 {
            Text::Listed(list, index) => list.get(index).copied().unwrap_or_default(),
            Text::Shared(text) => text,
            Text::Borrowed(text) => text,
        }
    }

    fn text(text: &'v str) -> Self {
        Self(Text::Borrowed(text))
    }
}

/// Finds the value that is written like this; the work behind `FromStr` of an enumerated label.
pub fn parse<E: Enumerated>(all: &[E], text: &str) -> Result<E, UnknownValue> {
    let place = E::VALUES.iter().position(|value| *value == text);
    let found = place.and_then(|place| all.get(place)).copied();
    found.ok_or_else(|| UnknownValue::new(E::LABEL, text, E::VALUES))
}
