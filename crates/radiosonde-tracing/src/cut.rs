//! Texts that are cut, with a marker behind them, and what was cut of a span.

use radiosonde_record::marked::mark_of;
use radiosonde_record::{EncodedFields, FIELD_MAX, Value, text_within};

use crate::counts::{Counted, SpanCounts};

/// Most bytes of a name before the marker, with which it fits the 512 that records have for names.
pub(crate) const NAME_MAX: usize = 448;
/// Most bytes of a status message before the marker.
pub(crate) const MESSAGE_MAX: usize = 2048;
/// Most bytes of a text that becomes a field, before the marker: longer ones would be cut again.
const TEXT_MAX: usize = FIELD_MAX - 64;
/// Behind a text of which nobody knows how long it would have been.
const MARKER: &str = "…[cut]";

/// A text of bounded length.
#[derive(Clone, Debug, Default)]
pub(crate) struct Text {
    pub(crate) text: String,
    /// Whether it was longer: then it ends in a marker.
    pub(crate) is_cut: bool,
}

impl Text {
    /// Of a value, whose formatter ends there.
    pub(crate) fn of(value: Value<'_>, most: usize) -> Self {
        match value {
            Value::Str(text) if text.len() <= most => Self::from(text),
            value => {
                let (text, is_cut) = text_within(value, most);
                Self { text, is_cut }
            }
        }
    }

    /// Of a value, as long as a field may be.
    pub(crate) fn of_field(value: Value<'_>) -> Self {
        Self::of(value, TEXT_MAX)
    }

    /// Less of it.
    pub(crate) fn within(&self, most: usize) -> Self {
        if !self.is_cut || self.text.len() <= most {
            let shorter = Self::of(Value::Str(&self.text), most);
            return Self { is_cut: self.is_cut || shorter.is_cut, ..shorter };
        }
        // The length of what was cut before is not that of the whole.
        let end = (0..=most).rfind(|end| self.text.is_char_boundary(*end)).unwrap_or(0);
        Self { text: format!("{}{MARKER}", &self.text[..end]), is_cut: true }
    }

    /// What `?string` puts around it.
    pub(crate) fn without_quotes(self) -> Self {
        let inner = self.text.trim_matches('"');
        if inner.len() == self.text.len() { self } else { Self { text: inner.to_owned(), ..self } }
    }

    /// Adds it as an attribute with a key of its own.
    pub(crate) fn add_to(&self, fields: &mut EncodedFields, key: &str, most: Option<u32>) {
        if self.is_cut {
            fields.set_truncated();
        }
        match most {
            None => fields.push_named(key, Value::Str(&self.text)),
            Some(most) => with_limited(Value::Str(&self.text), most, fields, |fields, value| {
                fields.push_named(key, value);
            }),
        }
    }
}

impl From<&str> for Text {
    /// A short one of ours.
    fn from(text: &str) -> Self {
        Self { text: text.to_owned(), is_cut: false }
    }
}

/// What was cut of a span, besides its attributes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cuts(u8);

impl Cuts {
    const ALL: [Counted; 3] = [Counted::CutEvent, Counted::CutMessage, Counted::CutName];

    #[inline]
    pub(crate) fn are_any(self) -> bool {
        self.0 != 0
    }

    /// Something was cut, or has become another that was not.
    pub(crate) fn set(&mut self, what: Counted, is_cut: bool) {
        if let Some(at) = Self::ALL.iter().position(|one| *one == what) {
            self.0 = self.0 & !(1 << at) | u8::from(is_cut) << at;
        }
    }

    pub(crate) fn has(self, what: Counted) -> bool {
        Self::ALL.iter().position(|one| *one == what).is_some_and(|at| self.0 & 1 << at != 0)
    }

    pub(crate) fn count(self, counts: &SpanCounts) {
        Self::ALL.iter().for_each(|what| counts.add(*what, u32::from(self.has(*what))));
    }
}

/// Hands over the value with at most so many characters, each text in a list or a map by itself, and says
/// when there were more.
pub(crate) fn with_limited(
    value: Value<'_>,
    most: u32,
    to: &mut EncodedFields,
    push: impl FnOnce(&mut EncodedFields, Value<'_>),
) {
    let end = |text: &str| text.char_indices().nth(most as usize).map(|(end, _)| end);
    let whole = match value {
        Value::Str(text) => {
            let Some(end) = end(text) else { return push(to, value) };
            to.set_truncated();
            return push(to, Value::Str(&text[..end]));
        }
        Value::Json(json) | Value::Marked(json) => {
            let is_marked = matches!(value, Value::Marked(_));
            let Some(shorter) = with_short_texts(json, most as usize, is_marked) else {
                return push(to, value);
            };
            to.set_truncated();
            let shorter = &*shorter;
            return push(to, if is_marked { Value::Marked(shorter) } else { Value::Json(shorter) });
        }
        Value::Bytes(bytes) => {
            let Some(first) = bytes.get(..most as usize) else { return push(to, value) };
            if first.len() < bytes.len() {
                to.set_truncated();
            }
            return push(to, Value::Bytes(first));
        }
        Value::Display(_) | Value::Debug(_) => {
            // Of as many characters at least, as they have four bytes at most.
            Text::of(value, TEXT_MAX.min((most as usize).saturating_mul(4)))
        }
        value => return push(to, value),
    };
    let end = end(&whole.text);
    if whole.is_cut || end.is_some() {
        to.set_truncated();
    }
    push(to, Value::Str(&whole.text[..end.unwrap_or(whole.text.len())]));
}

/// JSON whose texts have at most so many characters each, when there were more; names stay as they are. Of
/// what marked texts stand for, bytes are cut, too.
fn with_short_texts(json: &str, most: usize, is_marked: bool) -> Option<String> {
    let (mut out, mut copied, mut at) = (String::new(), 0, 0);
    while let Some(quote) = json.get(at..).and_then(|rest| rest.find('"')) {
        let start = at + quote + 1;
        let mark = if is_marked { mark_of(&json[start..]) } else { None };
        let (mark, kind) = mark.unwrap_or_default();
        let start = start + mark;
        let most_written = match kind {
            // Four digits stand for three bytes.
            b'b' => most / 3 * 4,
            b'd' => usize::MAX,
            _ => most,
        };
        let (length, cut) = text_in_quotes(&json[start..], most_written);
        let digits = json[start..start + length].trim_end_matches('=').len();
        let cut = cut.filter(|_| kind != b'b' || digits * 3 / 4 > most);
        at = start + length + 1;
        let is_name = json.get(at..).is_some_and(|rest| rest.trim_start().starts_with(':'));
        if let Some(cut) = cut.filter(|_| !is_name) {
            out.push_str(&json[copied..start + cut]);
            copied = start + length;
        }
    }
    out.push_str(&json[copied..]);
    (copied > 0).then_some(out)
}

/// Bytes up to the quote that ends a text, and to the end of so many characters, when there are more.
fn text_in_quotes(text: &str, most: usize) -> (usize, Option<usize>) {
    let (mut number, mut cut) = (0, None);
    let mut rest = text.char_indices();
    while let Some((at, char)) = rest.next() {
        if char == '"' {
            return (at, cut);
        }
        if number == most {
            cut = Some(at);
        }
        number += 1;
        // An escape is one character: of two, or of six.
        if char == '\\' && rest.next().is_some_and(|(_, escaped)| escaped == 'u') {
            let _digits = rest.nth(3);
        }
    }
    (text.len(), cut)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_say_how_much_was_cut_where_that_is_known() {
        let long = "é".repeat(5_000);
        let of_string = Text::of_field(Value::Str(&long)).within(100);
        assert_eq!(of_string.text, format!("{}…[cut, 10000 bytes in all]", "é".repeat(50)));
        let endless = Text::of_field(Value::Display(&"é".repeat(50_000)));
        assert!(endless.is_cut && endless.text.ends_with("é…[cut]"));
        assert!(endless.text.len() <= FIELD_MAX);
        let shorter = endless.within(101);
        assert_eq!(shorter.text, format!("{}…[cut]", "é".repeat(50)));
        assert!(shorter.is_cut);
        let short = Text::of_field(Value::Str("short")).within(5);
        assert_eq!((short.text.as_str(), short.is_cut), ("short", false));
    }

    #[test]
    fn each_text_in_json_is_cut_by_itself() {
        let cases = [
            (r#"["a","bc"]"#, None),
            (r#"["abc","d",-1.50]"#, Some(r#"["ab","d",-1.50]"#)),
            (r#"["größe"]"#, Some(r#"["gr"]"#)),
            (r#"["\"\u0000x",""]"#, Some(r#"["\"\u0000",""]"#)),
            (r#"["\\\"",[true,null]]"#, None),
            (
                r#"{"long name":"text","map" : {"n":"de"}}"#,
                Some(r#"{"long name":"te","map" : {"n":"de"}}"#),
            ),
            // No JSON.
            (r#"["abc"#, Some(r#"["ab"#)),
            (r#"["\"#, None),
            (r#"["\u"#, None),
        ];
        for (json, expected) in cases {
            assert_eq!(with_short_texts(json, 2, false).as_deref(), expected, "{json}");
        }
        assert_eq!(with_short_texts(r#"["a"]"#, 0, false).as_deref(), Some(r#"[""]"#));
    }

    #[test]
    fn what_marked_texts_stand_for_is_cut() {
        let cases = [
            (r#"["\u0000bAAECAw==","\u0000d-Inf",1]"#, Some(r#"["\u0000bAAEC","\u0000d-Inf",1]"#)),
            (r#"["\u0000bAAEC","abc"]"#, None),
            (r#"["\u0000t\u0000abc"]"#, Some(r#"["\u0000t\u0000ab"]"#)),
            (r#"["\u0000xab"]"#, Some(r#"["\u0000xa"]"#)),
        ];
        for (json, expected) in cases {
            assert_eq!(with_short_texts(json, 3, true).as_deref(), expected, "{json}");
        }
        assert_eq!(with_short_texts(r#"["\u0000bAAECAw=="]"#, 4, true), None);
    }

    #[test]
    fn bytes_past_the_limit_stay_bytes_and_say_so() {
        for (bytes, expected) in [(&[0, 1, 0xff][..], &[0, 1][..]), (&[0xff, 0], &[0xff, 0])] {
            let mut fields = EncodedFields::default();
            let mut pushed = Vec::new();
            with_limited(Value::Bytes(bytes), 2, &mut fields, |_, value| {
                let Value::Bytes(bytes) = value else { panic!("no bytes: {value:?}") };
                pushed = bytes.to_owned();
            });
            assert_eq!((&*pushed, fields.is_truncated()), (expected, bytes.len() > 2));
        }
    }

    #[test]
    fn json_past_the_limit_stays_json_and_says_so() {
        for (json, expected, is_cut) in
            [(r#"["abc"]"#, r#"["ab"]"#, true), (r#"["ab",12345]"#, r#"["ab",12345]"#, false)]
        {
            let mut fields = EncodedFields::default();
            let mut pushed = String::new();
            with_limited(Value::Json(json), 2, &mut fields, |_, value| {
                let Value::Json(text) = value else { panic!("no JSON: {value:?}") };
                pushed = text.to_owned();
            });
            assert_eq!((pushed.as_str(), fields.is_truncated()), (expected, is_cut));
        }
    }

    #[test]
    fn what_was_cut_is_counted_once_each() {
        let counts = SpanCounts::default();
        let mut cuts = Cuts::default();
        cuts.set(Counted::CutName, true);
        cuts.set(Counted::CutMessage, true);
        cuts.set(Counted::CutMessage, false);
        cuts.set(Counted::TooMany, true);
        cuts.count(&counts);
        let counted = Counted::ALL.iter().filter(|what| counts.of(**what) > 0);
        assert_eq!(counted.collect::<Vec<_>>(), [&Counted::CutName]);
        cuts.set(Counted::CutName, false);
        assert!(!cuts.are_any());
    }
}
