//! One series: its labels as a scrape writes them, and where its value is.

use std::borrow::Cow;

use crate::cells::{Text, Texts};
use crate::exposition::escape;
use crate::refusal::Reason;
use crate::sought::Sought;

/// A series. Kept small, for there are many: its labels are kept once, as text, and are what it is
/// found by as well.
#[derive(Debug)]
pub(crate) struct Series {
    /// `outcome="success",provider="acme"`: sorted by name, escaped, without the constant labels.
    text: Text,
    /// The first of its cells.
    pub(crate) cell: u32,
    /// Of its labels; see [`crate::index`].
    pub(crate) hash: u32,
    /// Of an overflow set: why writes are folded into it.
    pub(crate) folded: Option<Folded>,
    /// Whether the text is the same as without escapes.
    plain: bool,
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
    /// A series with these labels, which are sorted by name; none if there is no room for them.
    pub(crate) fn new<'l>(
        texts: &Texts,
        labels: impl Iterator<Item = (&'l str, &'l str)>,
        cell: u32,
        hash: u32,
        folded: Option<Folded>,
    ) -> Option<Self> {
        let mut written = String::new();
        for (name, value) in labels {
            if !written.is_empty() {
                written.push(',');
            }
            written.push_str(name);
            written.push_str("=\"");
            escape(&mut written, value);
            written.push('"');
        }
        let plain = !written.contains('\\');
        let text = texts.append(&written)?;
        Some(Self { text, cell, hash, folded, plain })
    }

    /// Whether its text has no escapes.
    pub(crate) fn is_plain(&self) -> bool {
        self.plain
    }

    /// The labels, as a scrape writes them.
    #[inline]
    pub(crate) fn text<'t>(&self, texts: &'t Texts) -> &'t str {
        texts.get(self.text)
    }

    /// Whether it has exactly these labels, in this order.
    pub(crate) fn is<'n, 'v>(
        &self,
        texts: &Texts,
        labels: impl Iterator<Item = (&'n str, &'v str)>,
    ) -> bool {
        let mut rest = self.text(texts);
        let mut written = String::new();
        for (nth, (name, value)) in labels.enumerate() {
            let mut escaped = value;
            if value.contains(['\\', '"', '\n', '\0']) {
                written.clear();
                escape(&mut written, value);
                escaped = &written;
            }
            let more = if nth == 0 { Some(rest) } else { rest.strip_prefix(',') };
            let more = more.and_then(|more| more.strip_prefix(name)?.strip_prefix("=\""));
            let more = more.and_then(|more| more.strip_prefix(escaped)?.strip_prefix('"'));
            let Some(more) = more else { return false };
            rest = more;
        }
        rest.is_empty()
    }

    /// Whether it has these values of all its labels, whose names are as long as `names` says. Nothing
    /// but the values is compared: with no escapes in it, a text has two quotes for each label and no
    /// others, and they have to stand around these values. So a value that holds a quote fits nowhere.
    ///
    /// For texts with escapes the answer is no: they have to be asked by [`Series::is`].
    #[inline(always)]
    pub(crate) fn has_values<const N: usize>(
        &self,
        texts: &Texts,
        names: &[u16; N],
        values: &[Sought<'_>; N],
    ) -> bool {
        let text = self.text(texts).as_bytes();
        let mut end = 0;
        for (nth, (name, value)) in names.iter().zip(values).enumerate() {
            // `name=`, and before it the comma that ends the label before.
            let start = end + usize::from(nth > 0) + usize::from(*name) + 1;
            end = start + value.text.len() + 2;
            let Some([b'"', there @ .., b'"']) = text.get(start..end) else { return false };
            if !value.is(there) {
                return false;
            }
        }
        self.plain && end == text.len()
    }

    /// The labels one by one, as they were before they were escaped.
    pub(crate) fn labels<'t>(
        &self,
        texts: &'t Texts,
    ) -> impl Iterator<Item = (&'t str, Cow<'t, str>)> + use<'t> {
        let mut rest = self.text(texts);
        std::iter::from_fn(move || {
            let (name, more) = rest.split_once("=\"")?;
            let end = end_of_value(more);
            let (value, after) = (more.get(..end)?, more.get(end + 1..)?);
            rest = after.strip_prefix(',').unwrap_or(after);
            Some((name, unescaped(value)))
        })
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

    fn series(labels: &[(&str, &str)]) -> (Texts, Series) {
        let texts = Texts::new();
        let series = Series::new(&texts, labels.iter().copied(), 0, 0, None);
        (texts, series.unwrap_or_else(|| panic!("room for {labels:?}")))
    }

    /// Values out of the few characters that could be mistaken for the text around them.
    fn values() -> impl Strategy<Value = Vec<String>> {
        proptest::collection::vec(r#"[abc="\\,\n]{0,9}|[abc=",]{5,24}"#, 3)
    }

    fn sought(values: &[String]) -> [Sought<'_>; 3] {
        let value = |nth: usize| Sought::new(values.get(nth).map_or("", String::as_str));
        [0, 1, 2].map(value)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn a_series_has_its_own_labels_and_no_others(one in values(), other in values()) {
            let names = ["a", "b", "c"];
            fn pairs<'l>(names: &[&'l str], values: &'l [String]) -> Vec<(&'l str, &'l str)> {
                names.iter().copied().zip(values.iter().map(String::as_str)).collect()
            }
            let (texts, made) = series(&pairs(&names, &one));
            prop_assert!(made.is(&texts, pairs(&names, &one).into_iter()));
            prop_assert_eq!(made.is(&texts, pairs(&names, &other).into_iter()), one == other);
            prop_assert!(!made.is(&texts, pairs(&names, &one).into_iter().take(2)));
            let has = |values: &[String]| {
                made.has_values(&texts, &[1; 3], &sought(values))
            };
            let plain = !one.iter().any(|value| value.contains(['"', '\\', '\n']));
            prop_assert_eq!(has(&one), plain);
            prop_assert_eq!(has(&other), plain && one == other);
            let back: Vec<_> = made.labels(&texts).map(|(_, v)| v.into_owned()).collect();
            prop_assert_eq!(back, one);
        }

        /// Values that are cut out of the text itself, where they fit best.
        #[test]
        fn no_part_of_the_text_passes_for_values(
            one in proptest::collection::vec("[a-c]{0,5}", 3),
            cuts in proptest::collection::vec((0_usize..40, 0_usize..40), 3),
        ) {
            let names = ["a", "b", "c"];
            let labels: Vec<_> = names.iter().copied().zip(one.iter().map(String::as_str)).collect();
            let (texts, made) = series(&labels);
            let text = made.text(&texts);
            let cut = |(start, len): &(usize, usize)| {
                let start = (*start).min(text.len());
                text[start..(start + len).min(text.len())].to_owned()
            };
            let values: Vec<String> = cuts.iter().map(cut).collect();
            let found = made.has_values(&texts, &[1; 3], &sought(&values));
            prop_assert_eq!(found, values == one, "{:?} in {}", values, text);
        }
    }

    #[test]
    fn no_labels_are_no_text() {
        let (texts, none) = series(&[]);
        assert!(none.is(&texts, std::iter::empty()) && !none.is(&texts, [("a", "")].into_iter()));
        assert!(none.has_values(&texts, &[], &[]));
        assert_eq!((none.text(&texts), none.labels(&texts).count()), ("", 0));
        assert_eq!(size_of::<std::sync::OnceLock<Series>>(), 28);
    }
}
