//! What lints ask about the registry as a whole, gathered once.

use std::cell::RefCell;
use std::collections::HashMap;

use super::pattern::{self, Tried};
use crate::model::{DEFAULT_SERIES_LIMIT, Environment, MetricSpec, Registry};

/// Answers about the whole registry that would otherwise take a walk through it for every metric.
pub(super) struct Survey<'r> {
    pub(super) registry: &'r Registry,
    /// The smallest series limit over all environments.
    pub(super) strictest_limit: usize,
    /// Where the first metric of each name stands in the list.
    metrics: HashMap<&'r str, usize>,
    /// Labels that metrics have, with the most series any of these metrics may have anywhere.
    labels: HashMap<&'r str, usize>,
    /// Whether a metric has a label that is not declared: then one that seems unused may be meant.
    pub(super) has_unknown_label: bool,
    /// Patterns that were tried: thousands of labels may have the same.
    tried: RefCell<HashMap<String, Tried>>,
}

impl<'r> Survey<'r> {
    pub(super) fn of(registry: &'r Registry) -> Self {
        let limits = registry.environments.values();
        let loosest_limit = limits
            .map(|environment| environment.series_limit.unwrap_or(DEFAULT_SERIES_LIMIT))
            .max()
            .unwrap_or(DEFAULT_SERIES_LIMIT);
        let mut metrics = HashMap::new();
        let mut labels = HashMap::new();
        for (index, metric) in registry.metrics.iter().enumerate() {
            let _first = *metrics.entry(metric.name.as_str()).or_insert(index);
            let limit = metric.series_limit.unwrap_or(loosest_limit);
            for label in &metric.labels {
                let most = labels.entry(label.as_str()).or_insert(limit);
                *most = limit.max(*most);
            }
        }
        let has_unknown_label = labels.keys().any(|label| !registry.labels.contains_key(*label));
        let strictest_limit = registry.strictest_series_limit();
        Self {
            registry,
            strictest_limit,
            metrics,
            labels,
            has_unknown_label,
            tried: RefCell::default(),
        }
    }

    /// What comes out when a pattern is tried.
    pub(super) fn tried(&self, written: &str) -> Tried {
        let mut tried = self.tried.borrow_mut();
        if let Some(known) = tried.get(written) {
            return known.clone();
        }
        let new = pattern::try_out(written);
        let _ = tried.insert(written.to_owned(), new.clone());
        new
    }

    /// Where the smallest series limit stands.
    pub(super) fn strictest_limit_of(&self) -> String {
        let limit = |environment: &Environment| {
            environment.series_limit.unwrap_or(DEFAULT_SERIES_LIMIT) == self.strictest_limit
        };
        let mut environments = self.registry.environments.iter();
        match environments.find(|(_, environment)| limit(environment)) {
            Some((name, _)) => format!("the limit of the environment `{name}`"),
            None => "the default limit".to_owned(),
        }
    }

    /// The first metric of that name, and where it stands in the list.
    pub(super) fn metric(&self, name: &str) -> Option<(usize, &'r MetricSpec)> {
        let index = *self.metrics.get(name)?;
        Some((index, self.registry.metrics.get(index)?))
    }

    /// The most series any metric with that label may have in any environment; `None` when no
    /// metric has it.
    pub(super) fn series_with(&self, label: &str) -> Option<usize> {
        self.labels.get(label).copied()
    }
}
