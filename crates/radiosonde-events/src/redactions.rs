//! Which values are redacted, and how many were.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use radiosonde_record::{Key, Record, Value, marked};
use radiosonde_redact::Rules;

/// How many values were redacted, by rule. Clones share their counts.
#[derive(Clone, Debug, Default)]
pub struct Redactions {
    counters: Arc<Mutex<BTreeMap<String, Counter>>>,
    /// The rules of this process, for their callbacks.
    own: Option<Arc<Rules>>,
}

impl Redactions {
    /// No counts yet, and the callbacks of these rules for what dead processes have left: of their
    /// own, only the names are known.
    pub fn with_callbacks_of(rules: &Rules) -> Self {
        let own = rules.has_callbacks().then(|| Arc::new(rules.clone()));
        Self { counters: Arc::default(), own }
    }

    /// The rules of a dead process, with the callbacks that are known here.
    pub(crate) fn complete(&self, rules: Rules) -> Rules {
        match &self.own {
            Some(own) => rules.with_callbacks_of(own),
            None => rules,
        }
    }

    /// The counts so far.
    pub fn counts(&self) -> BTreeMap<String, u64> {
        let counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = counters.iter().map(|(rule, counter)| (rule.clone(), counter.get()));
        counts.filter(|(_, count)| *count > 0).collect()
    }

    fn counter(&self, rule: &str) -> Counter {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(counter) = counters.get(rule) {
            return counter.clone();
        }
        // The rules are a bounded set, and so are their counts.
        counters.entry(rule.to_owned()).or_default().clone()
    }
}

/// The count of one rule: looked up once, counted often.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counter(Arc<AtomicU64>);

impl Counter {
    pub(crate) fn add_one(&self) {
        // Only shown to people, nothing is published through it.
        let _before = self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Which keys hide their values, and which values are hidden wherever they stand. To ask the rules
/// costs more than the rest of a line, so what they said is kept.
#[derive(Debug)]
pub(crate) struct Secrets {
    rules: Rules,
    redactions: Redactions,
    /// What is shown of names of spans that were asked about.
    names: RefCell<HashMap<Box<str>, SpanName>>,
    /// Keys that do not stand at a call site, with the place of their answer.
    known: HashMap<Box<str>, usize>,
    answers: Vec<Option<Counter>>,
    unknown_key: Counter,
}

/// What is shown of the name of a span, when that is not all of it, and which rules say so.
type SpanName = (Option<Arc<str>>, Vec<Counter>);

/// Keys, and names of spans, that are kept at most: who makes them up as he goes pays for it, with time.
const KNOWN_MAX: usize = 1024;

/// Under which a value counts as redacted when its key is not known.
const UNKNOWN_KEY_RULE: &str = "unknown_key";

impl Secrets {
    pub(crate) fn new(rules: Rules, redactions: Redactions) -> Self {
        let unknown_key = redactions.counter(UNKNOWN_KEY_RULE);
        let (names, known) = Default::default();
        Self { rules, redactions, names, known, answers: Vec::new(), unknown_key }
    }

    /// Whether each value has to be looked at, since rules of the user may say anything about it.
    #[inline(always)]
    pub(crate) fn looks_at_everything(&self) -> bool {
        self.rules.looks_at_everything()
    }

    /// Whether values that are no text have to be looked at as well.
    pub(crate) fn has_callbacks(&self) -> bool {
        self.rules.has_callbacks()
    }

    /// Whether a record has something in it that must not be shown, other than by its key. Rules of
    /// the user are not asked.
    pub(crate) fn are_in(&self, record: &Record<'_>, suspects_json: bool) -> bool {
        let is_secret = |(key, value): (Key<'_>, Value<'_>)| {
            let in_value = match value {
                Value::Str(text) => self.rules.matches(text),
                Value::Json(json) => suspects_json || self.rules.matches(json),
                Value::Marked(_) => true,
                Value::Bytes(bytes) => self.rules.matches(&String::from_utf8_lossy(bytes)),
                _ => false,
            };
            in_value || matches!(key, Key::Name(key) if self.rules.matches(key))
        };
        self.rules.matches(record.message) || record.fields().any(is_secret)
    }

    /// A text without its secrets, when it has any, and which rules found them. `path` is `None` for
    /// what callbacks are not asked about.
    pub(crate) fn redact(
        &self,
        path: Option<&str>,
        text: &str,
        hits: &mut Vec<Counter>,
    ) -> Option<String> {
        let mut hit = |rule: &str| hits.push(self.redactions.counter(rule));
        match path {
            Some(path) => self.rules.redact_at(path, text, &mut hit),
            None => self.rules.redact(text, &mut hit),
        }
    }

    /// As [`Secrets::redact`], for the name of a span. It is decided once, so that its own line and
    /// those of people show the same.
    pub(crate) fn span_name(&self, name: &str, hits: &mut Vec<Counter>) -> Option<Arc<str>> {
        if !self.rules.may_match(name) {
            return None;
        }
        let mut names = self.names.borrow_mut();
        if let Some((shown, by)) = names.get(name) {
            hits.extend(by.iter().cloned());
            return shown.clone();
        }
        if names.len() >= KNOWN_MAX {
            names.clear();
        }
        let mut by = Vec::new();
        let shown: Option<Arc<str>> = self.redact(Some("name"), name, &mut by).map(Arc::from);
        hits.extend(by.iter().cloned());
        names.insert(name.into(), (shown.clone(), by));
        shown
    }

    /// As [`Secrets::redact`], for finished JSON.
    pub(crate) fn redact_json(
        &self,
        path: &str,
        json: &str,
        hits: &mut Vec<Counter>,
    ) -> Option<String> {
        self.rules.redact_json(path, json, &mut |rule| hits.push(self.redactions.counter(rule)))
    }

    /// As [`Secrets::redact_json`], for JSON with marks: what they stand for is looked at.
    pub(crate) fn redact_marked(
        &self,
        path: &str,
        json: &str,
        hits: &mut Vec<Counter>,
    ) -> Option<String> {
        let meant = |text: String| marked::read(&text).into_text();
        let mut hit = |rule: &str| hits.push(self.redactions.counter(rule));
        self.rules.redact_json_by(path, json, &meant, &mut hit)
    }

    /// Where the rule counts that hides values of this key; `None` when they may be shown.
    pub(crate) fn ask(&self, key: &str) -> Option<Counter> {
        self.rules.rule_for_key(key).map(|rule| self.redactions.counter(rule))
    }

    /// As [`Secrets::ask`], for a key that will be asked about again.
    pub(crate) fn recall(&mut self, key: &str) -> Option<&Counter> {
        let place = match self.known.get(key) {
            Some(place) => *place,
            None => self.learn(key),
        };
        self.answers.get(place).and_then(Option::as_ref)
    }

    fn learn(&mut self, key: &str) -> usize {
        if self.answers.len() >= KNOWN_MAX {
            self.known.clear();
            self.answers.clear();
        }
        let place = self.answers.len();
        self.answers.push(self.ask(key));
        self.known.insert(key.into(), place);
        place
    }

    /// As [`Secrets::ask`], for a key that was lost with its call site: nobody knows whether this
    /// is a secret.
    pub(crate) fn unknown(&self) -> &Counter {
        &self.unknown_key
    }
}
