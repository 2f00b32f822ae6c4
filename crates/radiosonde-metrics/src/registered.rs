//! The families of a registry, and radiosonde's own.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use radiosonde_registry::{LabelSpec, LabelsByFile, MetricSpec, MetricType, Registry, Source};

use crate::buckets;
use crate::catalogue::{Families, Problems};
use crate::delta::Sink;
use crate::family::{Common, Guarded, Info, LabelSet};
use crate::ingest;
use crate::labels::LabelRule;
use crate::life::{Life, Pair};
use crate::redaction::Redactor;
use crate::refusal::Announcer;
use crate::rollup::Rollup;

/// What families are made with.
pub(crate) struct Maker<'a> {
    pub(crate) environment: Option<&'a str>,
    pub(crate) labels_by_file: &'a LabelsByFile,
    pub(crate) redactor: &'a Redactor,
    pub(crate) announcer: &'a Arc<Announcer>,
    pub(crate) sink: &'a Arc<Sink>,
    pub(crate) common: &'a Common,
}

/// Series that are made at the start, of all metrics together: each takes memory whether it is ever
/// written or not, and whoever starts waits for them.
const SERIES_AT_START: usize = 100_000;

/// The families there are from the start.
#[derive(Default)]
pub(crate) struct Registered {
    /// Series that were made, and the metrics that found no room for theirs.
    made: usize,
    unborn: Vec<String>,
    pub(crate) families: Families,
    /// Names that are computed and cannot be written: roll-ups, and counters beside deprecated
    /// metrics.
    pub(crate) computed: HashSet<Box<str>>,
}

impl Maker<'_> {
    /// Everything that is known from the start.
    pub(crate) fn make(&self, registry: Option<&Registry>, problems: &mut Problems) -> Registered {
        let mut made = Registered::default();
        if let Some(registry) = registry {
            self.note_unknown_environment(registry, problems);
            self.add(registry, &mut made, problems);
            made.note_unborn(problems);
        }
        // After the service's own, which may override them.
        self.add_builtin(registry, &mut made);
        made
    }

    fn add(&self, registry: &Registry, made: &mut Registered, problems: &mut Problems) {
        let limit = registry.series_limit(self.environment);
        let mut names: HashSet<Box<str>> =
            registry.metrics.iter().map(|spec| spec.name.as_str().into()).collect();
        names.extend(Registry::builtin().metrics.iter().map(|spec| spec.name.as_str().into()));
        for spec in &registry.metrics {
            if is_unfit(spec, problems) {
                continue;
            }
            let cap = spec.series_limit.unwrap_or(limit);
            let mut life = Life::of(spec, &self.common.clock);
            if is_writable(spec) {
                let pair = Pair::of(spec, self.common.clock.millis(), problems);
                life.pair = pair.filter(|pair| made.claim(&pair.name, &mut names, spec, problems));
            }
            let labels = self.labels_by_file.of(&spec.name).unwrap_or(&registry.labels);
            let mut family = self.guarded(spec, labels, cap, life, false, problems);
            for rollup in &spec.rollups {
                match Rollup::new(rollup, spec, family.rules()) {
                    Err((what, fix)) => problems.add(&what, fix),
                    Ok(rollup) if made.claim(&rollup.name, &mut names, spec, problems) => {
                        family.rollups.push(rollup);
                    }
                    Ok(_) => {}
                }
            }
            made.create_from_zero(spec, &family, problems);
            // Of two with one name the first holds; the registry reports the other.
            let _ = made.families.entry(spec.name.as_str().into()).or_insert(Arc::new(family));
        }
    }

    fn add_builtin(&self, registry: Option<&Registry>, made: &mut Registered) {
        let builtin = Registry::builtin();
        let limit = builtin.series_limit(None);
        for spec in &builtin.metrics {
            if made.families.contains_key(&*spec.name) {
                continue;
            }
            let mut cap = spec.series_limit.unwrap_or(limit);
            let mut labels = &builtin.labels;
            let listed;
            if let (ingest::NAME, Some(registry)) = (spec.name.as_str(), registry) {
                listed = ingest::labels(builtin, registry);
                labels = &listed;
                cap = cap.max(registry.metrics.len().saturating_mul(ingest::STATUSES.len()));
            }
            let life = Life::of(spec, &self.common.clock);
            // Its registry is tested: it has no problems a user could mend.
            let none = &mut Problems::default();
            let family = self.guarded(spec, labels, cap, life, true, none);
            if let (ingest::NAME, Some(registry)) = (spec.name.as_str(), registry) {
                ingest::create_from_zero(registry, &family);
            }
            let _ = made.families.entry(spec.name.as_str().into()).or_insert(Arc::new(family));
        }
    }

    fn guarded(
        &self,
        spec: &MetricSpec,
        labels: &BTreeMap<String, LabelSpec>,
        cap: usize,
        life: Life,
        builtin: bool,
        problems: &mut Problems,
    ) -> Guarded {
        let mut rules = Vec::with_capacity(spec.labels.len());
        for label in &spec.labels {
            let (rule, broken) = LabelRule::new(label, labels.get(label), self.redactor);
            if let Some(pattern) = broken {
                let _new = problems.add_once(
                    &format!("the pattern `{pattern}` of the label `{label}` cannot be read, so any value is taken"),
                    "correct it in the registry; look-around and back-references are not known",
                );
            }
            rules.push(rule);
        }
        rules.sort_by(|a, b| a.name().cmp(b.name()));
        rules.dedup_by(|a, b| a.name() == b.name());
        let (bounds, exponential) = match spec.metric_type {
            MetricType::Histogram => buckets::of(spec),
            _ => (Arc::from([]), None),
        };
        let mut info = Info::new(
            &spec.name,
            spec.metric_type,
            bounds,
            self.announcer,
            self.sink,
            &self.common.arena,
        );
        (info.exponential, info.builtin, info.life) = (exponential, builtin, life);
        let _ = info.help.set(Arc::from(spec.help.as_str()));
        if let Some(unit) = &spec.unit {
            let _ = info.unit.set(Arc::from(unit.as_str()));
        }
        let labels = LabelSet::Declared(rules.into());
        Guarded::new(info, labels, cap, is_writable(spec), self.common)
    }

    fn note_unknown_environment(&self, registry: &Registry, problems: &mut Problems) {
        let Some(name) = self.environment else { return };
        if registry.environments.is_empty() || registry.environments.contains_key(name) {
            return;
        }
        let known: Vec<&str> = registry.environments.keys().map(String::as_str).collect();
        problems.add(
            &format!(
                "the registry has no environment `{name}`, so its strictest series limit holds"
            ),
            &format!("use one of {}, or add it to the registry", known.join(", ")),
        );
    }
}

impl Registered {
    fn create_from_zero(&mut self, spec: &MetricSpec, family: &Guarded, problems: &mut Problems) {
        let by_default = matches!(spec.metric_type, MetricType::Counter | MetricType::Histogram);
        if !family.writable || !spec.zero_init.unwrap_or(by_default) {
            return;
        }
        let room = SERIES_AT_START.saturating_sub(self.made);
        let Some(product) = family.create_all(room) else { return };
        if product > family.cap {
            problems.add(
                &format!(
                    "the labels of `{}` make {product} series, more than its limit of {}, so none \
                     exists at 0 from the start",
                    spec.name, family.cap
                ),
                "shorten the lists of values, or raise series_limit in the registry",
            );
        } else if product > room {
            self.unborn.push(spec.name.clone());
        } else {
            self.made += product;
        }
    }

    fn note_unborn(&self, problems: &mut Problems) {
        let Some(first) = self.unborn.first() else { return };
        let others = match self.unborn.len() - 1 {
            0 => String::new(),
            others => format!(" and of {others} more"),
        };
        // All is well but for zeros: no reason for a program not to start.
        problems.warn(
            &format!(
                "the series of `{first}`{others} do not exist at 0 from the start: all metrics \
                 together would have more than {SERIES_AT_START}"
            ),
            "shorten the lists of values, or set `zero_init` to false where 0 says nothing",
        );
    }

    /// Takes a name for something that is computed, unless it is taken: then it is left out.
    fn claim(
        &mut self,
        name: &str,
        names: &mut HashSet<Box<str>>,
        of: &MetricSpec,
        problems: &mut Problems,
    ) -> bool {
        let free = names.insert(name.into());
        if free {
            let _ = self.computed.insert(name.into());
        } else {
            problems.add(
                &format!("`{name}`, which is computed from `{}`, is left out: there is another metric of that name", of.name),
                "rename one of the two in the registry",
            );
        }
        free
    }
}

fn is_writable(spec: &MetricSpec) -> bool {
    matches!(spec.source, Source::App | Source::Batch) && !is_computed(&spec.name)
}

/// Whether a metric is one of radiosonde's own books, which nobody else writes. Runs of batch jobs
/// may be counted by name as well.
pub(crate) fn is_computed(name: &str) -> bool {
    const BESIDE: [&str; 3] = [
        "last_update_timestamp_seconds",
        "metric_interval_seconds",
        "metric_last_seen_timestamp_seconds",
    ];
    let is_ours = name.starts_with("radiosonde_") && Registry::builtin().metric(name).is_some();
    is_ours || BESIDE.contains(&name)
}

/// Whether a metric has the name of one that radiosonde writes itself, and another type or other
/// labels: it is left out then, for both would stand in one family.
fn is_unfit(own: &MetricSpec, problems: &mut Problems) -> bool {
    let Some(builtin) = Registry::builtin().metric(&own.name) else { return false };
    let mut unfit = Vec::new();
    if own.metric_type != builtin.metric_type {
        unfit.push(format!("is a {} there", own.metric_type));
    }
    for label in builtin.labels.iter().filter(|label| !own.labels.contains(label)) {
        unfit.push(format!("lacks the label `{label}`"));
    }
    for label in own.labels.iter().filter(|label| !builtin.labels.contains(label)) {
        unfit.push(format!("has a label `{label}`"));
    }
    if !unfit.is_empty() {
        problems.add(
            &format!(
                "`{}` of the registry is left out: radiosonde writes it itself, and it {}",
                own.name,
                unfit.join(" and ")
            ),
            &format!(
                "delete it from the registry, or make it a {} with the labels [{}]",
                builtin.metric_type,
                builtin.labels.join(", ")
            ),
        );
    }
    !unfit.is_empty()
}
