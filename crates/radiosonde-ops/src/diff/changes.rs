//! The list of changes.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use radiosonde_registry::ExponentialBuckets;

/// One change between two registries.
///
/// `Display` is one line: the path, what changed, and the fix if it is breaking.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// What is changed, by name and not by position: `metrics.runs_total.unit`.
    pub path: String,
    /// What happened to it, such as `changed`, `removed`, `raised`.
    pub what: String,
    /// What stood there before, where that can be said in a word.
    pub old: Option<String>,
    /// What stands there now.
    pub new: Option<String>,
    /// What to do instead; only breaking changes have it.
    pub fix: Option<String>,
}

impl Change {
    /// Whether queries, panels, alerts or callers have to follow.
    pub fn is_breaking(&self) -> bool {
        self.fix.is_some()
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.what)?;
        match (&self.old, &self.new) {
            (Some(old), Some(new)) => write!(f, " from {old} to {new}")?,
            (Some(one), None) | (None, Some(one)) => write!(f, " ({one})")?,
            (None, None) => {}
        }
        match &self.fix {
            Some(fix) => write!(f, "; {fix}"),
            None => Ok(()),
        }
    }
}

/// Collects changes.
#[derive(Default)]
pub(super) struct Changes(Vec<Change>);

impl Changes {
    /// Breaking ones first, by path.
    pub(super) fn sorted(mut self) -> Vec<Change> {
        self.0.sort_by(|one, other| {
            let key = |change: &Change| (!change.is_breaking(), change.path.clone());
            key(one).cmp(&key(other))
        });
        self.0
    }

    pub(super) fn compatible(&mut self, path: impl Into<String>, what: &str) -> &mut Change {
        self.push(path.into(), what, None)
    }

    pub(super) fn breaking(
        &mut self,
        path: impl Into<String>,
        what: &str,
        fix: impl Into<String>,
    ) -> &mut Change {
        self.push(path.into(), what, Some(fix.into()))
    }

    /// A field that may have changed; with a fix, that is breaking.
    pub(super) fn field<T: PartialEq>(
        &mut self,
        path: String,
        old: &T,
        new: &T,
        fix: Option<&str>,
        show: impl Fn(&T) -> String,
    ) {
        if old != new {
            let change = self.push(path, "changed", fix.map(str::to_owned));
            let _ = change.told(&show(old), &show(new));
        }
    }

    /// A limit: breaking when it falls. `None` is none at all.
    pub(super) fn limit(&mut self, path: String, old: Option<u64>, new: Option<u64>, fix: &str) {
        let falls = match (old, new) {
            (Some(old), Some(new)) => new < old,
            (None, Some(_)) => true,
            (_, None) => false,
        };
        if old != new {
            let show = |limit: Option<u64>| match limit {
                Some(limit) => limit.to_string(),
                None => "no limit".to_owned(),
            };
            let what = if falls { "lowered" } else { "raised" };
            let change = self.push(path, what, falls.then(|| fix.to_owned()));
            let _ = change.told(&show(old), &show(new));
        }
    }

    fn push(&mut self, path: String, what: &str, fix: Option<String>) -> &mut Change {
        self.0.push(Change { path, what: what.to_owned(), old: None, new: None, fix });
        let last = self.0.len() - 1;
        &mut self.0[last]
    }
}

impl Change {
    pub(super) fn told(&mut self, old: &str, new: &str) -> &mut Self {
        (self.old, self.new) = (Some(old.to_owned()), Some(new.to_owned()));
        self
    }

    pub(super) fn was(&mut self, old: &str) {
        self.old = Some(old.to_owned());
    }

    pub(super) fn is(&mut self, new: &str) {
        self.new = Some(new.to_owned());
    }
}

/// The keys of two maps, each once, with what is there on either side.
pub(super) fn both<'m, K: Ord, V>(
    old: &'m BTreeMap<K, V>,
    new: &'m BTreeMap<K, V>,
) -> impl Iterator<Item = (&'m K, Option<&'m V>, Option<&'m V>)> {
    let keys: BTreeSet<&K> = old.keys().chain(new.keys()).collect();
    keys.into_iter().map(|key| (key, old.get(key), new.get(key)))
}

/// What stands for a value that is not there.
pub(super) fn none() -> String {
    "none".to_owned()
}

/// A list in one line, `none` when it is empty.
pub(super) fn list<T: fmt::Display>(items: &[T]) -> String {
    if items.is_empty() {
        return none();
    }
    items.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}

/// Bounds as powers.
pub(super) fn powers(buckets: &Option<ExponentialBuckets>) -> String {
    buckets.map_or_else(none, |buckets| {
        format!("scale {} from {:?} to {:?}", buckets.scale, buckets.min, buckets.max)
    })
}

/// An optional word.
pub(super) fn word(value: &Option<String>) -> String {
    value.clone().unwrap_or_else(none)
}

/// An optional setting in one line.
pub(super) fn setting<T: fmt::Debug>(value: &Option<T>) -> String {
    value.as_ref().map_or_else(none, |value| format!("{value:?}").to_lowercase())
}
