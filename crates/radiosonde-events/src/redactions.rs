//! Which values are redacted, and how many were.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use radiosonde_redact::Rules;

/// How many values were redacted, by rule. Clones share their counts.
#[derive(Clone, Debug, Default)]
pub struct Redactions(Arc<Mutex<BTreeMap<String, Counter>>>);

impl Redactions {
    /// The counts so far.
    pub fn counts(&self) -> BTreeMap<String, u64> {
        let counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = counters.iter().map(|(rule, counter)| (rule.clone(), counter.get()));
        counts.filter(|(_, count)| *count > 0).collect()
    }

    fn counter(&self, rule: &str) -> Counter {
        let mut counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
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

/// Which keys hide their values. To ask the rules costs more than the rest of a line, so what they
/// said is kept.
#[derive(Debug)]
pub(crate) struct Secrets {
    rules: Rules,
    redactions: Redactions,
    /// Keys that do not stand at a call site, with the place of their answer.
    known: HashMap<Box<str>, usize>,
    answers: Vec<Option<Counter>>,
    unknown_key: Counter,
}

/// Keys that are kept at most: who makes them up as he goes pays for it, with time.
const KNOWN_MAX: usize = 1024;

/// Under which a value counts as redacted when its key is not known.
const UNKNOWN_KEY_RULE: &str = "unknown_key";

impl Secrets {
    pub(crate) fn new(rules: Rules, redactions: Redactions) -> Self {
        let unknown_key = redactions.counter(UNKNOWN_KEY_RULE);
        Self { rules, redactions, known: HashMap::new(), answers: Vec::new(), unknown_key }
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
