//! What the lines of a call site share, encoded once.

use std::collections::HashMap;

use radiosonde_record::{Descriptor, Kind, Record};
use radiosonde_redact::Rules;

use crate::json;
use crate::line::Piece;
use crate::redactions::{Counter, Redactions};

/// What is the same for every line of a call site.
#[derive(Debug, Default)]
pub(crate) struct SiteText {
    /// Of an event `…","source":"…","msg":"`, from the inside of `evt` to that of `msg`; a span's
    /// goes on with the message, which is its name.
    pub(crate) head: Piece,
    /// Of an event whose message is the same each time, that.
    pub(crate) message: Piece,
    /// Of a span `"name":"…"`.
    pub(crate) span_name: Piece,
    /// By position.
    pub(crate) keys: Vec<KeyText>,
    /// No key stands twice in `keys`.
    pub(crate) is_distinct: bool,
}

/// A key of a call site.
#[derive(Debug)]
pub(crate) struct KeyText {
    /// `"…":`
    pub(crate) text: Piece,
    /// Where the rule counts that hides the key's values, when one does.
    pub(crate) redacted: Option<Counter>,
}

impl SiteText {
    fn new(site: &Descriptor, is_span: bool, rules: &Rules, redactions: &Redactions) -> Self {
        let (mut head, mut span_name) = (Vec::new(), Piece::default());
        json::escape(&mut head, if is_span { b"span" } else { site.name.as_bytes() });
        head.extend_from_slice(b"\",\"source\":");
        json::string(&mut head, &site.source);
        head.extend_from_slice(b",\"msg\":\"");
        if is_span {
            let mut name = b"\"name\":".to_vec();
            json::string(&mut name, &site.name);
            span_name = Piece::new(&name);
            json::escape(&mut head, site.name.as_bytes());
        }
        let mut message = Vec::with_capacity(site.message.len());
        json::escape(&mut message, site.message.as_bytes());
        let keys = site.keys.iter().map(|key| {
            let mut text = Vec::with_capacity(key.len() + 3);
            json::string(&mut text, key);
            text.push(b':');
            let redacted = rules.rule_for_key(key).map(|rule| redactions.counter(rule));
            KeyText { text: Piece::new(&text), redacted }
        });
        let mut names: Vec<&String> = site.keys.iter().collect();
        names.sort_unstable();
        Self {
            head: Piece::new(&head),
            message: Piece::new(&message),
            span_name,
            keys: keys.collect(),
            is_distinct: names.is_sorted_by(|one, next| one < next),
        }
    }
}

/// The call sites seen so far.
#[derive(Debug)]
pub(crate) struct Sites {
    texts: Vec<SiteText>,
    places: HashMap<u64, usize>,
    /// Key and place of sites in use, each at a place its key decides on: two sites may contend
    /// for one, and then ask `places`.
    recent: Box<[(u64, usize); RECENT]>,
    /// The last one that stood in its record.
    inline: Option<(Descriptor, bool, SiteText)>,
}

const RECENT_BITS: u32 = 8;
const RECENT: usize = 1 << RECENT_BITS;

impl Default for Sites {
    fn default() -> Self {
        let (texts, places, inline) = (Vec::new(), HashMap::new(), None);
        // A key that no site has.
        Self { texts, places, recent: Box::new([(u64::MAX, 0); RECENT]), inline }
    }
}

impl Sites {
    /// The text of a record's call site.
    #[inline(always)]
    pub(crate) fn text(
        &mut self,
        record: &Record<'_>,
        site: &Descriptor,
        rules: &Rules,
        redactions: &Redactions,
    ) -> &SiteText {
        let is_span = record.kind == Kind::Span;
        if record.site == 0 {
            return self.inline_text(site, is_span, rules, redactions);
        }
        let key = u64::from(record.site) << 1 | u64::from(is_span);
        // Ids are offsets: the multiplication spreads them.
        let slot = (key.wrapping_mul(SPREAD) >> (u64::BITS - RECENT_BITS)) as usize;
        if self.recent[slot].0 != key {
            let new = || SiteText::new(site, is_span, rules, redactions);
            self.recent[slot] = (key, find(&mut self.places, &mut self.texts, key, new));
        }
        &self.texts[self.recent[slot].1]
    }

    fn inline_text(
        &mut self,
        site: &Descriptor,
        is_span: bool,
        rules: &Rules,
        redactions: &Redactions,
    ) -> &SiteText {
        let same = |(known, span, _): &(Descriptor, bool, _)| known == site && *span == is_span;
        let kept = self.inline.take().filter(same);
        let new = || (site.clone(), is_span, SiteText::new(site, is_span, rules, redactions));
        &self.inline.insert(kept.unwrap_or_else(new)).2
    }
}

/// An odd number without a pattern: 2^64 divided by the golden ratio.
pub(crate) const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

#[cold]
fn find(
    places: &mut HashMap<u64, usize>,
    texts: &mut Vec<SiteText>,
    key: u64,
    new: impl FnOnce() -> SiteText,
) -> usize {
    *places.entry(key).or_insert_with(|| {
        texts.push(new());
        texts.len() - 1
    })
}
