//! What the lines of a call site share, encoded once.

use std::collections::HashMap;

use radiosonde_record::{Descriptor, Kind, Record};

use crate::json;
use crate::line::Piece;
use crate::redactions::{Counter, Secrets};

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
    /// Bytes of all of these, at most.
    pub(crate) length: usize,
    /// No key stands twice in `keys`.
    pub(crate) is_distinct: bool,
    /// What of the call site is hidden, if anything is.
    pub(crate) hidden: Option<Box<Hidden>>,
}

/// What of a call site's own texts may be shown, where there was a secret in one.
#[derive(Debug)]
pub(crate) struct Hidden {
    pub(crate) name: String,
    pub(crate) source: String,
    pub(crate) message: String,
    /// Which rules apply to each line.
    hits: Vec<Counter>,
}

impl Hidden {
    /// Decided once for all lines of a call site.
    fn of(site: &Descriptor, is_span: bool, secrets: &Secrets) -> Option<Box<Self>> {
        let mut hits = Vec::new();
        let mut changed = false;
        let mut shown = |path: Option<&str>, text: &str| {
            let redacted = match path {
                Some("name") => secrets.span_name(text, &mut hits).map(|name| name.to_string()),
                path => secrets.redact(path, text, &mut hits),
            };
            changed |= redacted.is_some();
            redacted.unwrap_or_else(|| text.to_owned())
        };
        let name = shown(is_span.then_some("name"), &site.name);
        let source = shown(None, &site.source);
        // No message at the call site is none to ask about.
        let message =
            if site.message.is_empty() { String::new() } else { shown(Some("msg"), &site.message) };
        for key in &site.keys {
            let _key = shown(None, key);
        }
        changed.then(|| Box::new(Self { name, source, message, hits }))
    }

    /// Counts what is hidden, once for a line.
    #[cold]
    pub(crate) fn count(&self) {
        self.hits.iter().for_each(Counter::add_one);
    }
}

/// A key of a call site.
#[derive(Debug)]
pub(crate) struct KeyText {
    /// The key as it may be shown.
    pub(crate) name: String,
    /// `"…":`
    pub(crate) text: Piece,
    /// Where the rule counts that hides the key's values, when one does.
    pub(crate) redacted: Option<Counter>,
}

impl SiteText {
    fn new(site: &Descriptor, is_span: bool, secrets: &Secrets) -> Self {
        let (mut head, mut span_name) = (Vec::new(), Piece::default());
        let hidden = Hidden::of(site, is_span, secrets);
        let (name, source, constant) = match &hidden {
            Some(shown) => (&shown.name, &shown.source, &shown.message),
            None => (&site.name, &site.source, &site.message),
        };
        json::inside(&mut head, if is_span { "span" } else { name });
        head.extend_from_slice(b"\",\"source\":");
        json::string(&mut head, source);
        head.extend_from_slice(b",\"msg\":\"");
        if is_span {
            let mut member = b"\"name\":".to_vec();
            json::string(&mut member, name);
            span_name = Piece::new(&member);
            json::inside(&mut head, name);
        }
        let mut message = Vec::with_capacity(constant.len());
        json::inside(&mut message, constant);
        let mut length = 2 * head.len() + message.len();
        let keys = site.keys.iter().map(|key| {
            let mut text = Vec::with_capacity(key.len() + 3);
            let name = secrets.redact(None, key, &mut Vec::new()).unwrap_or_else(|| key.clone());
            json::string(&mut text, &name);
            text.push(b':');
            length += text.len();
            KeyText { name, text: Piece::new(&text), redacted: secrets.ask(key) }
        });
        let keys = keys.collect();
        let mut names: Vec<&String> = site.keys.iter().collect();
        names.sort_unstable();
        Self {
            head: Piece::new(&head),
            message: Piece::new(&message),
            span_name,
            keys,
            length,
            // Keys that are hidden may look the same.
            is_distinct: hidden.is_none() && names.is_sorted_by(|one, next| one < next),
            hidden,
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
    /// Those of spans with a name of their own, by it, and how many there are.
    named: HashMap<u32, HashMap<Box<str>, SiteText>>,
    names: usize,
    /// The last one that stood in its record.
    inline: Option<(Descriptor, bool, SiteText)>,
}

/// Names that spans gave themselves whose texts are kept: routes of a server, not paths.
const NAMES_MAX: usize = 1024;
const RECENT_BITS: u32 = 8;
const RECENT: usize = 1 << RECENT_BITS;

impl Default for Sites {
    fn default() -> Self {
        let (texts, places, inline) = (Vec::new(), HashMap::new(), None);
        // A key that no site has.
        let recent = Box::new([(u64::MAX, 0); RECENT]);
        Self { texts, places, recent, named: HashMap::new(), names: 0, inline }
    }
}

impl Sites {
    /// The text of a record's call site.
    #[inline(always)]
    pub(crate) fn text(
        &mut self,
        record: &Record<'_>,
        site: &Descriptor,
        secrets: &Secrets,
    ) -> &SiteText {
        let is_span = record.kind == Kind::Span;
        if record.site == 0 {
            return self.inline_text(site, is_span, secrets);
        }
        if !record.name.is_empty() {
            return self.named_text(record, site, secrets);
        }
        let key = u64::from(record.site) << 1 | u64::from(is_span);
        // Ids are offsets: the multiplication spreads them.
        let slot = (key.wrapping_mul(SPREAD) >> (u64::BITS - RECENT_BITS)) as usize;
        if self.recent[slot].0 != key {
            let new = || SiteText::new(site, is_span, secrets);
            self.recent[slot] = (key, find(&mut self.places, &mut self.texts, key, new));
        }
        &self.texts[self.recent[slot].1]
    }

    /// The text of a span whose site has its own name.
    fn named_text(
        &mut self,
        record: &Record<'_>,
        site: &Descriptor,
        secrets: &Secrets,
    ) -> &SiteText {
        let of_site = self.named.get(&record.site);
        if !of_site.is_some_and(|of_site| of_site.contains_key(record.name)) {
            if self.names >= NAMES_MAX {
                return self.inline_text(site, true, secrets);
            }
            self.names += 1;
            let text = SiteText::new(site, true, secrets);
            self.named.entry(record.site).or_default().insert(record.name.into(), text);
        }
        &self.named[&record.site][record.name]
    }

    fn inline_text(&mut self, site: &Descriptor, is_span: bool, secrets: &Secrets) -> &SiteText {
        let same =
            |(known, span, _): &(Descriptor, bool, _)| is_same(known, site) && *span == is_span;
        let kept = self.inline.take().filter(same);
        let new = || (site.clone(), is_span, SiteText::new(site, is_span, secrets));
        &self.inline.insert(kept.unwrap_or_else(new)).2
    }
}

/// Whether lines of both look the same. Nothing is not compared with nothing: glibc's `memcmp` on
/// AVX-512 takes a fault, which it suppresses, at the address an empty string has.
fn is_same(one: &Descriptor, other: &Descriptor) -> bool {
    let same =
        |one: &str, other: &str| one.len() == other.len() && (one.is_empty() || one == other);
    same(&one.name, &other.name)
        && same(&one.source, &other.source)
        && same(&one.message, &other.message)
        && one.keys.len() == other.keys.len()
        && one.keys.iter().zip(&other.keys).all(|(one, other)| same(one, other))
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
