//! Every family there is, by name: those of the registry, radiosonde's own, and observed ones.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, RwLock};

use radiosonde_registry::{MetricSpec, MetricType, Registry, Source};

use crate::buckets;
use crate::delta::Sink;
use crate::family::{Guarded, Info, LabelSet};
use crate::labels::{LabelRule, fit_name};
use crate::redaction::Redactor;
use crate::refusal::{Announcer, Entry, Reason, Refusals};
use crate::sync::{read, write};

/// Series an observed metric may have.
const OBSERVED_SERIES_MAX: usize = 200;

/// Metrics that are kept when there is no registry.
const OBSERVED_METRICS_MAX: usize = 2_000;

/// Longest name of an observed metric, in bytes.
const NAME_BYTES_MAX: usize = 200;

/// Unregistered names that are kept one by one; the rest is counted under [`OTHER`].
const UNREGISTERED_MAX: usize = 64;

const OTHER: &str = "_other";

/// What is wrong with the settings, and what to do about it.
#[derive(Debug, Default)]
pub(crate) struct Problems(Vec<(String, String)>);

impl Problems {
    pub(crate) fn add(&mut self, what: &str, fix: &str) {
        self.0.push((what.to_owned(), fix.to_owned()));
    }

    pub(crate) fn list(&self) -> Vec<(String, String)> {
        self.0.clone()
    }
}

/// Refusals of metrics that have no family.
type Homeless = HashMap<(Reason, Box<str>), Arc<Entry>>;

/// The families of one pipeline.
pub(crate) struct Catalogue {
    /// Fixed from the start, so that a lookup needs no lock.
    registered: HashMap<Box<str>, Arc<Guarded>>,
    /// `Some` without a registry.
    observed: Option<RwLock<HashMap<Box<str>, Arc<Guarded>>>>,
    /// By reason and name, for metrics that have no family.
    homeless: RwLock<Homeless>,
    announcer: Arc<Announcer>,
    sink: Arc<Sink>,
}

impl Catalogue {
    pub(crate) fn new(
        registry: Option<&Registry>,
        environment: Option<&str>,
        redactor: &Redactor,
        announcer: &Arc<Announcer>,
        sink: &Arc<Sink>,
        problems: &mut Problems,
    ) -> Self {
        let mut catalogue = Self {
            registered: HashMap::new(),
            observed: registry.is_none().then(RwLock::default),
            homeless: RwLock::default(),
            announcer: announcer.clone(),
            sink: sink.clone(),
        };
        if let Some(registry) = registry {
            note_unknown_environment(registry, environment, problems);
            catalogue.add(registry, environment, redactor, problems);
        }
        // After the service's own, which may override them.
        catalogue.add_builtin(redactor);
        catalogue
    }

    /// The family to write to, or where the write is counted instead. An unknown metric gets a
    /// family when there is no registry.
    pub(crate) fn family(
        &self,
        name: &str,
        metric_type: MetricType,
        module: Option<&str>,
    ) -> Result<Arc<Guarded>, Arc<Entry>> {
        if let Some(family) = self.registered.get(name) {
            return Ok(family.clone());
        }
        let Some(observed) = &self.observed else {
            return Err(self.homeless(Reason::Unregistered, name, "not in the registry", module));
        };
        if name.is_empty() || name.len() > NAME_BYTES_MAX {
            let example = "names have 1 to 200 bytes";
            return Err(self.homeless(Reason::MetricName, name, example, module));
        }
        let fitted = fit_name(name, true);
        if let Some(family) = self.registered.get(&*fitted) {
            return Ok(family.clone());
        }
        if let Some(family) = read(observed).get(&*fitted) {
            return Ok(family.clone());
        }
        let mut observed = write(observed);
        if let Some(family) = observed.get(&*fitted) {
            return Ok(family.clone());
        }
        if observed.len() >= OBSERVED_METRICS_MAX {
            drop(observed);
            let example = "2,000 metrics are observed already; use a registry";
            return Err(self.homeless(Reason::MetricCap, name, example, module));
        }
        let info = self.info(&fitted, metric_type, buckets::default_for(&fitted, None), false);
        let family = Arc::new(Guarded::new(info, LabelSet::Observed, OBSERVED_SERIES_MAX, true));
        let _ = observed.insert(Box::from(&*fitted), family.clone());
        Ok(family)
    }

    /// The family of an observed metric, for a description of it.
    pub(crate) fn describe(
        &self,
        name: &str,
        metric_type: MetricType,
        unit: Option<&str>,
        help: &str,
    ) {
        // With a registry, the registry describes; and a description is not a write.
        if self.observed.is_none() || self.registered.contains_key(name) {
            return;
        }
        let Ok(family) = self.family(name, metric_type, None) else { return };
        if let Some(unit) = unit {
            let _ = family.info.unit.set(Arc::from(unit));
        }
        let _ = family.info.help.set(Arc::from(help));
    }

    /// All families, in no order.
    pub(crate) fn families(&self) -> Vec<Arc<Guarded>> {
        let mut families: Vec<_> = self.registered.values().cloned().collect();
        if let Some(observed) = &self.observed {
            families.extend(read(observed).values().cloned());
        }
        families
    }

    /// All refusals, in no order.
    pub(crate) fn refusal_entries(&self) -> Vec<Arc<Entry>> {
        let families = self.families();
        let mut entries: Vec<_> =
            families.iter().flat_map(|family| family.info.refusals.entries().cloned()).collect();
        entries.extend(read(&self.homeless).values().cloned());
        entries
    }

    fn homeless(
        &self,
        reason: Reason,
        name: &str,
        example: &str,
        module: Option<&str>,
    ) -> Arc<Entry> {
        let kept = head(name, NAME_BYTES_MAX);
        let key = |name: &str| (reason, Box::<str>::from(name));
        {
            let entries = read(&self.homeless);
            if let Some(entry) = entries.get(&key(kept)) {
                return entry.clone();
            }
            if entries.len() >= UNREGISTERED_MAX
                && let Some(entry) = entries.get(&key(OTHER))
            {
                return entry.clone();
            }
        }
        let mut entries = write(&self.homeless);
        // The few `_other` entries, one per reason, stand outside the limit.
        let full = entries.len() >= UNREGISTERED_MAX && !entries.contains_key(&key(kept));
        let name = if full { OTHER } else { kept };
        let entry = entries.entry(key(name)).or_insert_with(|| {
            let entry = Entry::new(Arc::from(name), reason, self.announcer.clone());
            entry.describe(|| example.to_owned(), module);
            Arc::new(entry)
        });
        entry.clone()
    }

    fn add(
        &mut self,
        registry: &Registry,
        environment: Option<&str>,
        redactor: &Redactor,
        problems: &mut Problems,
    ) {
        let limit = registry.series_limit(environment);
        for spec in &registry.metrics {
            let cap = spec.series_limit.unwrap_or(limit);
            let family = self.guarded(spec, registry, cap, redactor, false, problems);
            let by_default =
                matches!(spec.metric_type, MetricType::Counter | MetricType::Histogram);
            if family.writable
                && spec.zero_init.unwrap_or(by_default)
                && let Some(product) = family.create_all().filter(|product| *product > cap)
            {
                problems.add(
                    &format!(
                        "the labels of `{}` make {product} series, more than its limit of {cap}, \
                         so none exists at 0 from the start",
                        spec.name
                    ),
                    "shorten the lists of values, or raise series_limit in the registry",
                );
            }
            // Of two with one name the first holds; the registry reports the other.
            let _ = self.registered.entry(spec.name.as_str().into()).or_insert(Arc::new(family));
        }
    }

    fn add_builtin(&mut self, redactor: &Redactor) {
        let builtin = Registry::builtin();
        let limit = builtin.series_limit(None);
        for spec in &builtin.metrics {
            let cap = spec.series_limit.unwrap_or(limit);
            // Its registry is tested here: it has no problems a user could mend.
            let family = self.guarded(spec, builtin, cap, redactor, true, &mut Problems::default());
            let _ = self.registered.entry(spec.name.as_str().into()).or_insert(Arc::new(family));
        }
    }

    fn guarded(
        &self,
        spec: &MetricSpec,
        registry: &Registry,
        cap: usize,
        redactor: &Redactor,
        builtin: bool,
        problems: &mut Problems,
    ) -> Guarded {
        let mut rules = Vec::with_capacity(spec.labels.len());
        for label in &spec.labels {
            let (rule, broken) = LabelRule::new(label, registry.labels.get(label), redactor);
            if let Some(pattern) = broken {
                problems.add_once(
                    &format!("the pattern `{pattern}` of the label `{label}` cannot be read, so any value is taken"),
                    "correct it in the registry; look-around and back-references are not known",
                );
            }
            rules.push(rule);
        }
        rules.sort_by(|a, b| a.name().cmp(b.name()));
        rules.dedup_by(|a, b| a.name() == b.name());
        let bounds = match spec.metric_type {
            MetricType::Histogram if spec.buckets.is_empty() => {
                buckets::default_for(&spec.name, spec.unit.as_deref())
            }
            MetricType::Histogram => buckets::usable(&spec.buckets),
            _ => Arc::from([]),
        };
        let info = self.info(&spec.name, spec.metric_type, bounds, builtin);
        let _ = info.help.set(Arc::from(spec.help.as_str()));
        if let Some(unit) = &spec.unit {
            let _ = info.unit.set(Arc::from(unit.as_str()));
        }
        let writable = matches!(spec.source, Source::App | Source::Batch);
        Guarded::new(info, LabelSet::Declared(rules.into()), cap, writable)
    }

    fn info(&self, name: &str, metric_type: MetricType, bounds: Arc<[f64]>, builtin: bool) -> Info {
        let name: Arc<str> = Arc::from(name);
        Info {
            name: name.clone(),
            metric_type,
            unit: OnceLock::new(),
            help: OnceLock::new(),
            bounds,
            builtin,
            sink: self.sink.clone(),
            refusals: Refusals::new(name, self.announcer.clone()),
        }
    }
}

/// As much of a text as fits, in whole characters.
fn head(text: &str, bytes_max: usize) -> &str {
    let end = (0..=bytes_max.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

impl Problems {
    fn add_once(&mut self, what: &str, fix: &str) {
        if !self.0.iter().any(|(known, _)| known == what) {
            self.add(what, fix);
        }
    }
}

fn note_unknown_environment(
    registry: &Registry,
    environment: Option<&str>,
    problems: &mut Problems,
) {
    let Some(name) = environment else { return };
    if registry.environments.is_empty() || registry.environments.contains_key(name) {
        return;
    }
    let known: Vec<&str> = registry.environments.keys().map(String::as_str).collect();
    problems.add(
        &format!("the registry has no environment `{name}`, so its strictest series limit holds"),
        &format!("use one of {}, or add it to the registry", known.join(", ")),
    );
}
