//! One series: its labels as a scrape writes them, and where its value is.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::exposition::escape;
use crate::refusal::Reason;

/// A series. Kept small, for there are many: its labels are kept once, as text, and are what it is
/// found by as well.
#[derive(Debug)]
pub(crate) struct Series {
    /// `outcome="success",provider="acme"`: sorted by name, escaped, without the constant labels.
    text: Box<str>,
    /// The first of its cells.
    pub(crate) cell: u32,
    /// Of its labels; see [`crate::index`].
    pub(crate) hash: u32,
    /// Of an overflow set: why writes are folded into it.
    pub(crate) folded: Option<Folded>,
    /// Whether the text is the same as without escapes.
    plain: bool,
    /// Whether a scraper has seen it.
    shown: AtomicBool,
}

/// Why a write is folded: in one byte, unlike the [`Reason`] it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Folded {
    SeriesCap,
    NamespaceCap,
}

impl Folded {
    pub(crate) fn of(reason: Reason) -> Self {
        match reason {
            Reason::NamespaceCap => Self::NamespaceCap,
            _ => Self::SeriesCap,
        }
    }

    pub(crate) fn reason(self) -> Reason {
        match self {
            Self::SeriesCap => Reason::SeriesCap,
            Self::NamespaceCap => Reason::NamespaceCap,
        }
    }
}

impl Series {
    /// A series with these labels, which are sorted by name.
    pub(crate) fn new<'l>(
        labels: impl Iterator<Item = (&'l str, &'l str)>,
        cell: u32,
        hash: u32,
        folded: Option<Folded>,
    ) -> Self {
        let mut text = String::new();
        for (name, value) in labels {
            if !text.is_empty() {
                text.push(',');
            }
            text.push_str(name);
            text.push_str("=\"");
            escape(&mut text, value);
            text.push('"');
        }
        let plain = !text.contains('\\');
        Self {
            text: text.into_boxed_str(),
            cell,
            hash,
            folded,
            plain,
            shown: AtomicBool::new(false),
        }
    }

    /// The labels, as a scrape writes them.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether it has exactly these labels, in this order.
    ///
    /// Where nothing is escaped a value is compared as it is. That is exact: no value there holds a
    /// quote, so that one that does cannot end where the text has the next name.
    #[inline]
    pub(crate) fn is<'n, 'v>(&self, labels: impl Iterator<Item = (&'n str, &'v str)>) -> bool {
        let mut rest = self.text.as_bytes();
        let mut is_first = true;
        for (name, value) in labels {
            if !is_first {
                let Some(more) = rest.strip_prefix(b",") else { return false };
                rest = more;
            }
            is_first = false;
            let Some(more) = rest.strip_prefix(name.as_bytes()) else { return false };
            let Some(more) = more.strip_prefix(b"=\"") else { return false };
            let more = if self.plain {
                more.strip_prefix(value.as_bytes())
            } else {
                let mut escaped = String::new();
                escape(&mut escaped, value);
                more.strip_prefix(escaped.as_bytes())
            };
            let Some(more) = more.and_then(|more| more.strip_prefix(b"\"")) else { return false };
            rest = more;
        }
        rest.is_empty()
    }

    /// The labels one by one, as they were before they were escaped.
    pub(crate) fn labels(&self) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
        let mut rest: &str = &self.text;
        std::iter::from_fn(move || {
            let (name, more) = rest.split_once("=\"")?;
            let end = end_of_value(more);
            let (value, after) = (more.get(..end)?, more.get(end + 1..)?);
            rest = after.strip_prefix(',').unwrap_or(after);
            Some((name, unescaped(value)))
        })
    }

    /// Whether a scraper sees it for the first time.
    pub(crate) fn is_first_look(&self) -> bool {
        !self.shown.load(Ordering::Relaxed) && !self.shown.swap(true, Ordering::Relaxed)
    }
}

/// Where the quote that ends a value is.
fn end_of_value(text: &str) -> usize {
    let mut escaped = false;
    for (i, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return i,
            _ => {}
        }
    }
    text.len()
}

fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => plain.push(match chars.next() {
                Some('n') => '\n',
                Some(c) => c,
                None => '\\',
            }),
            c => plain.push(c),
        }
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn series(labels: &[(&str, &str)]) -> Series {
        Series::new(labels.iter().copied(), 0, 0, None)
    }

    proptest! {
        /// Values out of the few characters that could be mistaken for the text around them.
        #[test]
        fn a_series_has_its_own_labels_and_no_others(
            one in proptest::collection::vec(r#"[ab="\\,\n]{0,9}"#, 2),
            other in proptest::collection::vec(r#"[ab="\\,\n]{0,9}"#, 2),
        ) {
            let of = |values: &[String]| -> Vec<(String, String)> {
                ["a", "b"].iter().map(|n| (*n).to_owned()).zip(values.iter().cloned()).collect()
            };
            let (one, other) = (of(&one), of(&other));
            fn pairs(l: &[(String, String)]) -> Vec<(&str, &str)> {
                l.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect()
            }
            let made = series(&pairs(&one));
            prop_assert!(made.is(pairs(&one).into_iter()));
            prop_assert_eq!(made.is(pairs(&other).into_iter()), one == other);
            prop_assert!(!made.is(pairs(&one).into_iter().take(1)));
            let back: Vec<_> = made.labels().map(|(n, v)| (n.to_owned(), v.into_owned())).collect();
            prop_assert_eq!(back, one);
        }
    }

    #[test]
    fn no_labels_are_no_text() {
        let none = series(&[]);
        assert!(none.is(std::iter::empty()) && !none.is([("a", "")].into_iter()));
        assert_eq!((none.text(), none.labels().count()), ("", 0));
        assert_eq!(std::mem::size_of::<Series>(), 32);
    }

    #[test]
    fn the_first_look_comes_once() {
        let series = series(&[("a", "1")]);
        assert!(series.is_first_look() && !series.is_first_look());
    }
}
