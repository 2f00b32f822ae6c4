//! Metrics without a registry entry that are recorded all the same: all of them where there is no
//! registry, else those of other crates.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};

use radiosonde_registry::{DEFAULT_SERIES_LIMIT, MetricType, ModulePolicy, Registry, sample_names};

use crate::caller::Caller;
use crate::family::Guarded;
use crate::fault::Fault;
use crate::sync::{read, write};

/// Metrics that are kept without a registry entry.
const METRICS_MAX: usize = 2_000;

/// Crates, or modules, whose metrics share a limit; their paths could be made up at run time.
const NAMESPACES_MAX: usize = 256;

/// The metrics of one crate or module, which have one limit together.
#[derive(Debug)]
pub(crate) struct Namespace {
    path: Box<str>,
    cap: usize,
    series: AtomicUsize,
    metrics: AtomicUsize,
}

impl Namespace {
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Most series of all its metrics together.
    pub(crate) fn cap(&self) -> usize {
        self.cap
    }

    /// The series of all its metrics together, without overflow sets.
    pub(crate) fn series_count(&self) -> usize {
        self.series.load(Ordering::Relaxed)
    }

    /// Takes room for a series.
    pub(crate) fn take(&self) -> Result<(), Fault<'static>> {
        take(&self.series, self.cap).then_some(()).ok_or_else(|| self.fault())
    }

    /// Gives room back that was taken.
    pub(crate) fn give_back(&self, series: usize) {
        let _ = self.series.fetch_sub(series, Ordering::Relaxed);
    }

    /// Whether there is room for a series; somebody else may take it.
    pub(crate) fn has_room(&self) -> Result<(), Fault<'static>> {
        let has = self.series.load(Ordering::Relaxed) < self.cap;
        has.then_some(()).ok_or_else(|| self.fault())
    }

    fn fault(&self) -> Fault<'static> {
        Fault::NamespaceCap { path: self.path.to_string(), cap: self.cap }
    }
}

fn take(count: &AtomicUsize, cap: usize) -> bool {
    let more = |count| (count < cap).then_some(count + 1);
    count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
}

/// What a library says about a metric of its own, usually before it writes it.
#[derive(Debug)]
struct Description {
    unit: Option<Arc<str>>,
    help: Arc<str>,
}

/// Whether a metric without an entry is recorded.
pub(crate) enum Verdict<'a> {
    /// It is, with a limit of its own.
    Alone(usize),
    /// It is, within a limit it shares with all metrics of this path.
    Shared { path: &'a str, cap: usize },
    /// It is not.
    Refused,
}

/// Why there is no family for a metric.
pub(crate) enum Full {
    Metrics,
    /// No crate or module more gets a limit.
    Namespaces,
    Namespace(Fault<'static>),
    /// Another metric writes one of its names.
    Taken {
        name: String,
        by: Arc<str>,
    },
}

/// Names with lines in a scrape, each with the metric that writes them.
pub(crate) type Written = HashMap<Box<str>, Arc<str>>;

/// Notes what a metric writes. What is there already stays.
pub(crate) fn note_written(written: &mut Written, metric: &Arc<str>, metric_type: MetricType) {
    for name in sample_names(metric, metric_type) {
        let _first = written.entry(name.into()).or_insert_with(|| metric.clone());
    }
}

/// The observed families.
#[derive(Default)]
struct Families {
    by_name: HashMap<Box<str>, Arc<Guarded>>,
    /// What they write.
    written: Written,
}

/// Families that came up at run time.
pub(crate) struct Observed {
    /// The policies by module; none where everything is observed.
    policies: Option<Policies>,
    families: RwLock<Families>,
    /// What metrics that are known from the start write, fixed.
    claimed: Written,
    namespaces: RwLock<HashMap<Box<str>, Arc<Namespace>>>,
    /// Of metrics that are not there yet: nobody knows from which crate they will come.
    described: RwLock<HashMap<Box<str>, Description>>,
}

struct Policies {
    /// A registry with nothing but its policies.
    modules: Registry,
    /// Crates of the program itself; without any, all are.
    own: Box<[String]>,
}

impl Observed {
    /// `claimed` are the names that other metrics write.
    pub(crate) fn new(registry: Option<&Registry>, own: &[String], claimed: Written) -> Self {
        let policies = registry.map(|registry| {
            let mut modules = Registry::default();
            modules.modules.clone_from(&registry.modules);
            Policies { modules, own: own.into() }
        });
        Self {
            policies,
            claimed,
            families: RwLock::default(),
            namespaces: RwLock::default(),
            described: RwLock::default(),
        }
    }

    /// Whether everything is observed, for want of a registry.
    pub(crate) fn is_everything(&self) -> bool {
        self.policies.is_none()
    }

    pub(crate) fn verdict<'a>(&'a self, caller: Caller<'a>) -> Verdict<'a> {
        let Some(policies) = &self.policies else { return Verdict::Alone(DEFAULT_SERIES_LIMIT) };
        let Some(module) = caller.module.filter(|_| !policies.own.is_empty()) else {
            return Verdict::Refused;
        };
        let first = module.split("::").next().unwrap_or(module);
        // The handles of a catalogue are for registered metrics only.
        if policies.own.iter().any(|own| own == first) || caller.typed {
            return Verdict::Refused;
        }
        let Some((path, spec)) = policies.modules.module(module) else {
            return Verdict::Shared { path: first, cap: DEFAULT_SERIES_LIMIT };
        };
        let cap = spec.series_limit.unwrap_or(DEFAULT_SERIES_LIMIT);
        match spec.policy {
            ModulePolicy::Allow => Verdict::Alone(cap),
            ModulePolicy::Namespace => Verdict::Shared { path, cap },
            // A policy of a later registry is not guessed at.
            _ => Verdict::Refused,
        }
    }

    pub(crate) fn family(&self, name: &str) -> Option<Arc<Guarded>> {
        read(&self.families).by_name.get(name).cloned()
    }

    /// The family of that name, made by `make` when there is none: with its limit, and the namespace
    /// it belongs to.
    pub(crate) fn family_or(
        &self,
        name: &str,
        metric_type: MetricType,
        verdict: &Verdict<'_>,
        make: impl FnOnce(usize, Option<Arc<Namespace>>) -> Guarded,
    ) -> Result<Arc<Guarded>, Full> {
        let mut families = write(&self.families);
        if let Some(family) = families.by_name.get(name) {
            return Ok(family.clone());
        }
        // Under the lock: of two that are new at the same time the first holds.
        for name in sample_names(name, metric_type) {
            let taken = families.written.get(&*name).or_else(|| self.claimed.get(&*name));
            if let Some(by) = taken.cloned() {
                return Err(Full::Taken { name, by });
            }
        }
        if families.by_name.len() >= METRICS_MAX {
            return Err(Full::Metrics);
        }
        let (cap, namespace) = match verdict {
            Verdict::Alone(cap) => (*cap, None),
            Verdict::Shared { path, cap } => {
                let namespace = self.namespace(path, *cap).ok_or(Full::Namespaces)?;
                // Each metric needs a series at least, so there are never more of them.
                namespace.has_room().map_err(Full::Namespace)?;
                if !take(&namespace.metrics, namespace.cap) {
                    return Err(Full::Namespace(namespace.fault()));
                }
                (usize::MAX, Some(namespace))
            }
            Verdict::Refused => return Err(Full::Metrics),
        };
        let family = Arc::new(make(cap, namespace));
        if let Some(Description { unit, help }) = write(&self.described).remove(name) {
            family.info.describe(unit, help);
        }
        note_written(&mut families.written, &family.info.name, metric_type);
        let _ = families.by_name.insert(name.into(), family.clone());
        Ok(family)
    }

    /// Keeps what is said about a metric, for when it is there. What was said first holds.
    pub(crate) fn describe(&self, name: &str, unit: Option<&str>, help: &str) {
        let (unit, help) = (unit.map(Arc::from), Arc::from(help));
        // Locked in the order of `family_or`: nothing said in between is missed.
        let families = write(&self.families);
        if let Some(family) = families.by_name.get(name) {
            return family.info.describe(unit, help);
        }
        let mut described = write(&self.described);
        if described.len() < METRICS_MAX && !described.contains_key(name) {
            let _ = described.insert(name.into(), Description { unit, help });
        }
    }

    pub(crate) fn all(&self) -> Vec<Arc<Guarded>> {
        read(&self.families).by_name.values().cloned().collect()
    }

    /// Hands out all there are, in no order. New ones wait.
    pub(crate) fn each(&self, to: impl FnMut(&Arc<Guarded>)) {
        read(&self.families).by_name.values().for_each(to);
    }

    pub(crate) fn len(&self) -> usize {
        read(&self.families).by_name.len()
    }

    /// All namespaces, by path.
    pub(crate) fn namespaces(&self) -> Vec<Arc<Namespace>> {
        let mut namespaces: Vec<_> = read(&self.namespaces).values().cloned().collect();
        namespaces.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        namespaces
    }

    fn namespace(&self, path: &str, cap: usize) -> Option<Arc<Namespace>> {
        let mut namespaces = write(&self.namespaces);
        if let Some(namespace) = namespaces.get(path) {
            return Some(namespace.clone());
        }
        if namespaces.len() >= NAMESPACES_MAX {
            return None;
        }
        let (series, metrics) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let namespace = Arc::new(Namespace { path: path.into(), cap, series, metrics });
        let _ = namespaces.insert(path.into(), namespace.clone());
        Some(namespace)
    }
}
