//! Every family there is, by name: those of the registry, radiosonde's own, and observed ones.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};

use radiosonde_registry::{MetricType, Registry, closest_name};

use crate::buckets;
use crate::caller::Caller;
use crate::delta::Sink;
use crate::family::{Common, Guarded, Info, LabelSet};
use crate::labels::fit_name;
use crate::observed::{Full, Namespace, Observed, Verdict, Written, note_written};
use crate::refusal::{Announcer, Entry, Reason, Refusal};
use crate::registered::{Maker, Registered};
use crate::sync::{read, write};
use crate::told::Told;

/// Longest name of an observed metric, in bytes.
const NAME_BYTES_MAX: usize = 200;

/// Longest description of an observed metric, in bytes; what is longer is cut.
const HELP_BYTES_MAX: usize = 1_000;

/// Unregistered names that are kept one by one; the rest is counted under [`OTHER`].
const UNREGISTERED_MAX: usize = 64;

/// Stands for the names that are not kept.
pub(crate) const OTHER: &str = "_other";

/// What is wrong with the settings, and what to do about it.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    all: Vec<(String, String)>,
    /// What came with time, and was none when the program was made.
    warnings: Vec<(String, String)>,
}

impl Problems {
    pub(crate) fn add(&mut self, what: &str, fix: &str) {
        self.all.push((what.to_owned(), fix.to_owned()));
    }

    pub(crate) fn warn(&mut self, what: &str, fix: &str) {
        self.warnings.push((what.to_owned(), fix.to_owned()));
    }

    /// Whether it was not there.
    pub(crate) fn add_once(&mut self, what: &str, fix: &str) -> bool {
        let is_new = !self.all.iter().any(|(known, _)| known == what);
        if is_new {
            self.add(what, fix);
        }
        is_new
    }

    pub(crate) fn list(&self) -> Vec<(String, String)> {
        self.all.clone()
    }

    pub(crate) fn warnings(&self) -> Vec<(String, String)> {
        self.warnings.clone()
    }
}

/// Refusals of metrics that have no family.
type Homeless = HashMap<(Reason, Box<str>), Arc<Entry>>;

/// Families by name. The names are in the program, and nobody's to choose while it runs.
pub(crate) type Families = HashMap<Box<str>, Arc<Guarded>, rapidhash::fast::RandomState>;

/// The families of one pipeline.
pub(crate) struct Catalogue {
    /// Fixed from the start, so that a lookup needs no lock.
    registered: Families,
    /// Names that cannot be written, fixed as well.
    computed: HashSet<Box<str>>,
    observed: Observed,
    /// Whether a metric was ever retired.
    any_retired: AtomicBool,
    /// By reason and name, for metrics that have no family.
    homeless: RwLock<Homeless>,
    announcer: Arc<Announcer>,
    sink: Arc<Sink>,
    common: Common,
}

impl Catalogue {
    /// `own` are the crates of the program; without any, all are.
    pub(crate) fn new(
        registry: Option<&Registry>,
        own: &[String],
        maker: &Maker<'_>,
        problems: &mut Problems,
    ) -> Self {
        let Registered { families, computed, .. } = maker.make(registry, problems);
        let observed = Observed::new(registry, own, written(&families));
        Self {
            registered: families,
            computed,
            observed,
            any_retired: AtomicBool::new(false),
            homeless: RwLock::default(),
            announcer: maker.announcer.clone(),
            sink: maker.sink.clone(),
            common: maker.common.clone(),
        }
    }

    /// The family to write to, or where the write is counted instead. An unknown metric gets a
    /// family when there is no registry, or when it comes from another crate and may.
    pub(crate) fn family(
        &self,
        name: &str,
        metric_type: MetricType,
        caller: Caller<'_>,
        told: &Told,
    ) -> Result<Arc<Guarded>, Arc<Entry>> {
        if let Some(family) = self.registered.get(name) {
            return Ok(family.clone());
        }
        if self.computed.contains(name) {
            return Err(self.homeless(Reason::Computed, name, computed, caller));
        }
        let verdict = self.observed.verdict(caller);
        if self.observed.is_everything()
            && let Some(module) = caller.catalogue()
        {
            told.note_unchecked(module);
        }
        if let Verdict::Refused = verdict {
            let example = || self.unregistered(name, caller);
            return Err(self.homeless(Reason::Unregistered, name, example, caller));
        }
        if name.is_empty() || name.len() > NAME_BYTES_MAX {
            let example = || "names have 1 to 200 bytes".to_owned();
            return Err(self.homeless(Reason::MetricName, name, example, caller));
        }
        let fitted = fit_name(name, true);
        if let Some(family) = self.registered.get(&*fitted) {
            return Ok(family.clone());
        }
        if self.computed.contains(&*fitted) {
            return Err(self.homeless(Reason::Computed, name, computed, caller));
        }
        if let Some(family) = self.observed.family(&fitted) {
            return Ok(family);
        }
        let made = self.observed.family_or(&fitted, metric_type, &verdict, |cap, namespace| {
            let bounds = match metric_type {
                MetricType::Histogram => buckets::default_for(&fitted, None),
                _ => Arc::from([]),
            };
            let info = Info::new(
                &fitted,
                metric_type,
                bounds,
                &self.announcer,
                &self.sink,
                &self.common.arena,
            );
            let mut family = Guarded::new(info, LabelSet::Observed, cap, true, &self.common);
            family.namespace = namespace;
            family
        });
        made.map_err(|full| match full {
            Full::Metrics => {
                let example =
                    || "2,000 metrics are observed already; add it to a registry".to_owned();
                self.homeless(Reason::MetricCap, name, example, caller)
            }
            Full::Namespaces => {
                let example = || {
                    "256 crates or modules share limits already; give its own the policy `allow` \
                     under `modules` in the registry"
                        .to_owned()
                };
                self.homeless(Reason::MetricCap, name, example, caller)
            }
            Full::Namespace(fault) => {
                self.homeless(Reason::MetricCap, name, || fault.to_string(), caller)
            }
            Full::Taken { name: part, by } => {
                let example = || format!("the metric `{by}` writes `{part}` already");
                self.homeless(Reason::NameTaken, name, example, caller)
            }
        })
    }

    /// The family of an observed metric, for a description of it.
    pub(crate) fn describe(
        &self,
        name: &str,
        metric_type: MetricType,
        unit: Option<&str>,
        help: &str,
        told: &Told,
    ) {
        if name.len() > NAME_BYTES_MAX {
            return;
        }
        // What is registered, the registry describes; and a description is not a write.
        let fitted = fit_name(name, true);
        let is_known =
            |name: &str| self.registered.contains_key(name) || self.computed.contains(name);
        if is_known(name) || is_known(&fitted) {
            return;
        }
        let help = head(help, HELP_BYTES_MAX);
        if !self.observed.is_everything() {
            if !name.is_empty() {
                self.observed.describe(&fitted, unit, help);
            }
            return;
        }
        let Ok(family) = self.family(name, metric_type, Caller::default(), told) else { return };
        family.info.describe(unit.map(Arc::from), Arc::from(help));
    }

    /// Whether the metric is the same for all crates, so that who has found it need not ask again.
    pub(crate) fn is_for_all(&self, family: &Guarded) -> bool {
        !family.is_observed() || self.observed.is_everything()
    }

    /// All families, in no order.
    pub(crate) fn families(&self) -> Vec<Arc<Guarded>> {
        let mut families: Vec<_> = self.registered.values().cloned().collect();
        families.extend(self.observed.all());
        families
    }

    /// How many families there are.
    pub(crate) fn family_count(&self) -> usize {
        self.registered.len() + self.observed.len()
    }

    /// Summaries, which only a registry can ask for.
    pub(crate) fn summaries(&self) -> impl Iterator<Item = &Guarded> {
        let is_it = |family: &&Guarded| family.info.metric_type == MetricType::Summary;
        self.registered.values().map(|family| &**family).filter(is_it)
    }

    /// Notes that a metric is being retired.
    pub(crate) fn note_retired(&self) {
        self.any_retired.store(true, Ordering::Release);
    }

    /// Tells what a reading found out about retired series. Called without a lock.
    pub(crate) fn tell_of_retired(&self) {
        if self.any_retired.load(Ordering::Acquire) {
            self.families().iter().for_each(|family| family.tell_of_retired());
        }
    }

    /// Families that something is computed from at each scrape.
    pub(crate) fn with_more(&self) -> impl Iterator<Item = &Guarded> {
        let has_more =
            |family: &&Guarded| !family.rollups.is_empty() || family.info.life.pair.is_some();
        self.registered.values().map(|family| &**family).filter(has_more)
    }

    /// The family of a metric, registered or observed.
    pub(crate) fn known(&self, name: &str) -> Option<Arc<Guarded>> {
        self.registered.get(name).cloned().or_else(|| self.observed.family(name))
    }

    /// Families for which it matters when they are written: those with an interval. Those of batch
    /// jobs keep the time of each value themselves.
    pub(crate) fn timed(&self) -> impl Iterator<Item = &Guarded> {
        let timed = |family: &&Guarded| {
            let life = &family.info.life;
            life.interval_s.is_some() && life.computed_by.is_none()
        };
        self.registered.values().map(|family| &**family).filter(timed)
    }

    /// Gauges of batch jobs.
    pub(crate) fn batch(&self) -> impl Iterator<Item = &Guarded> {
        let batch = |family: &&Guarded| family.info.life.computed_by.is_some();
        self.registered.values().map(|family| &**family).filter(batch)
    }

    /// The family of a metric that is registered.
    pub(crate) fn registered(&self, name: &str) -> Option<&Arc<Guarded>> {
        self.registered.get(name)
    }

    /// Families without a registry entry, in no order.
    pub(crate) fn observed(&self) -> Vec<Arc<Guarded>> {
        self.observed.all()
    }

    /// Crates and modules whose metrics share a limit, by path.
    pub(crate) fn namespaces(&self) -> Vec<Arc<Namespace>> {
        self.observed.namespaces()
    }

    /// How many metrics are recorded without a registry entry.
    pub(crate) fn observed_count(&self) -> usize {
        self.observed.len()
    }

    /// Everything that was refused or folded, in no order.
    pub(crate) fn refusals(&self) -> Vec<Refusal> {
        // No list but the one that is asked for: a scrape without refusals allocates nothing for them.
        let mut refusals = Vec::new();
        let mut add = |family: &Arc<Guarded>| {
            let told = |mut refusal: Refusal| {
                refusal.exploded = family.exploded().filter(|_| refusal.reason.is_cap());
                if let Some(exploded) = &mut refusal.exploded {
                    // About so many, and never more than there were writes.
                    exploded.values = exploded.values.min(refusal.count);
                }
                if refusal.reason.is_cap() {
                    let full = refusal.full_label.as_deref();
                    let rule = family.rules().iter().find(|rule| Some(rule.name()) == full);
                    refusal.limit = rule.and_then(|rule| rule.max_values).or(family.limit());
                }
                refusal
            };
            let entries = family.info.refusals.entries();
            refusals.extend(entries.filter_map(|entry| entry.refusal()).map(told));
        };
        self.registered.values().for_each(&mut add);
        self.observed.each(&mut add);
        refusals.extend(read(&self.homeless).values().filter_map(|entry| entry.refusal()));
        refusals
    }

    /// What counts refusals, in no order.
    pub(crate) fn refusal_entries(&self) -> Vec<Arc<Entry>> {
        let families = self.families();
        let mut entries: Vec<_> =
            families.iter().flat_map(|family| family.info.refusals.entries().cloned()).collect();
        entries.extend(read(&self.homeless).values().cloned());
        entries
    }

    /// What is wrong with a metric that is not in the registry, and what may have been meant. For the
    /// first write of a name only: it looks at all names there are.
    fn unregistered(&self, name: &str, caller: Caller<'_>) -> String {
        if caller.typed {
            return "its catalogue is not part of the registry".to_owned();
        }
        let service = self.registered.iter().filter(|(_, family)| !family.info.builtin);
        match closest_name(name, service.map(|(name, _)| &**name)) {
            Some(meant) => format!("not in the registry; did you mean `{meant}`?"),
            None => "not in the registry".to_owned(),
        }
    }

    fn homeless(
        &self,
        reason: Reason,
        name: &str,
        example: impl FnOnce() -> String,
        caller: Caller<'_>,
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
            entry.describe(example, caller);
            Arc::new(entry)
        });
        entry.clone()
    }
}

/// What families write, with what is computed from them.
fn written(families: &Families) -> Written {
    let mut written = Written::new();
    for family in families.values() {
        let info = &family.info;
        note_written(&mut written, &info.name, info.metric_type);
        for rollup in &family.rollups {
            note_written(&mut written, &rollup.name, info.metric_type);
        }
        if let Some(pair) = &info.life.pair {
            note_written(&mut written, &pair.name, MetricType::Counter);
        }
    }
    written
}

fn computed() -> String {
    "radiosonde computes it from another metric".to_owned()
}

/// As much of a text as fits, in whole characters.
fn head(text: &str, bytes_max: usize) -> &str {
    let end = (0..=bytes_max.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}
