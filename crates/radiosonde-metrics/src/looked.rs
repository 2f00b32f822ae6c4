//! Label sets that had something to hide, with the series they became: the rules are not asked again
//! on each write.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::labels::Pairs;
use crate::redaction::Redactor;
use crate::sync::{read, write};

/// Label sets that are kept; whoever makes up more pays for it, with time.
const KEPT_MAX: usize = 1024;

/// What became of label sets. They are kept as hashes with keys of this process: what was hidden is
/// not to be found in its memory because of us.
#[derive(Debug, Default)]
pub(crate) struct Looked {
    keys: [RandomState; 2],
    kept: RwLock<HashMap<[u64; 2], Kept>>,
    /// Whether there ever was one: mostly not, and then no lock is taken.
    any: AtomicBool,
}

#[derive(Debug)]
struct Kept {
    /// The place of its series.
    series: usize,
    /// The rules that replaced something, once for each time they did.
    rules: Box<[Box<str>]>,
}

impl Looked {
    /// The series of a label set that was looked at before. What was replaced is counted.
    pub(crate) fn series(&self, pairs: &Pairs<'_>, redactor: &Redactor) -> Option<usize> {
        if !self.any.load(Ordering::Relaxed) {
            return None;
        }
        let kept = read(&self.kept);
        let Kept { series, rules } = kept.get(&self.place(pairs))?;
        rules.iter().for_each(|rule| redactor.count(rule));
        Some(*series)
    }

    pub(crate) fn keep(&self, pairs: &Pairs<'_>, series: usize, rules: &[&str]) {
        let rules = rules.iter().map(|rule| Box::from(*rule)).collect();
        let mut kept = write(&self.kept);
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(self.place(pairs), Kept { series, rules });
        self.any.store(true, Ordering::Relaxed);
    }

    fn place(&self, pairs: &Pairs<'_>) -> [u64; 2] {
        let encoded = pairs.encode();
        self.keys.each_ref().map(|key| key.hash_one(&encoded))
    }
}
