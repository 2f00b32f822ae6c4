//! The metrics of one pipeline: all families, their refusals, and the door to a snapshot.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, RwLock};

use radiosonde_context::{Context, is_forked_child, set_child_hook};
use radiosonde_redact::Rules;
use radiosonde_registry::{LabelsByFile, Registry};

use crate::catalogue::{Catalogue, Problems};
use crate::cells::{self, Arena, SharedArena};
use crate::clock::Clock;
use crate::constants::constant_labels;
use crate::delta::{Delta, Sink};
use crate::exposition::{Exposition, Scrape};
use crate::family::{Common, Guarded};
use crate::ingest::Ingest;
use crate::ledger;
use crate::own::{self, Own};
use crate::recorder::Recorder;
use crate::redaction::Redactor;
use crate::refusal::{Announcer, Refusal};
use crate::registered::Maker;
use crate::scraper::Scraper;
use crate::snapshot::{Labels, Snapshot};
use crate::sync::{read, write};
use crate::told::Told;

/// What a [`Metrics`] is made from. Write it with `..Settings::default()`: it may grow.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What may be written. Default: none, so every metric is observed, up to 200 series each.
    pub registry: Option<Registry>,
    /// Where the registry is several files' ([`Registry::merge`]): the labels of each metric, which
    /// are those of its own file. Default: none, one file.
    pub labels_by_file: LabelsByFile,
    /// Which of the registry's series limits holds, and the value of a required label
    /// `environment`. Default: the constant label `environment`, else the strictest limit.
    pub environment: Option<String>,
    /// Constant labels: every series carries them, except where its metric declares a label of the
    /// same name. The values of the registry's required labels are looked for here.
    /// Default: none.
    pub labels: Vec<(String, String)>,
    /// Labels whose values are replaced by `[redacted]`. Default: [`Rules::standard`].
    pub rules: Rules,
    /// Crates of the program itself, by the first part of their module paths: their metrics have to
    /// be registered. Those of other crates are treated as `modules` in the registry says. Default:
    /// none listed, and then all crates are the program's own.
    pub own_crates: Vec<String>,
    /// What time it is. Default: the system's clock.
    pub clock: Clock,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            registry: None,
            labels_by_file: LabelsByFile::default(),
            environment: None,
            labels: Vec::new(),
            rules: Rules::standard(),
            own_crates: Vec::new(),
            clock: Clock::default(),
        }
    }
}

/// All metrics of one pipeline. Cheap to clone; clones are the same metrics.
#[derive(Clone)]
pub struct Metrics(pub(crate) Arc<Hub>);

impl Hub {
    /// Whether it is one of its families.
    pub(crate) fn has(&self, family: &Guarded) -> bool {
        Arc::ptr_eq(&self.sink, &family.info.sink)
    }
}

/// Takes what a job did to one series.
pub type OnDelta = Box<dyn Fn(&Context, &Delta) + Send + Sync>;

/// Takes a problem and what to do about it.
pub type OnProblem = Box<dyn Fn(&str, &str) + Send + Sync>;

/// Adds families to a snapshot that are computed when it is taken.
pub type Collector = Box<dyn Fn(&mut Snapshot) + Send + Sync>;

type SharedCollector = Arc<dyn Fn(&mut Snapshot) + Send + Sync>;

pub(crate) struct Hub {
    pub(crate) catalogue: Catalogue,
    pub(crate) redactor: Arc<Redactor>,
    pub(crate) clock: Clock,
    constants: Labels,
    announcer: Arc<Announcer>,
    sink: Arc<Sink>,
    collectors: RwLock<Arc<[SharedCollector]>>,
    pub(crate) told: Told,
    scraper: Scraper,
    /// In milliseconds since 1970.
    started: u64,
}

impl Metrics {
    /// Makes the families of the registry. Cannot fail: what is wrong is in [`Metrics::problems`].
    pub fn new(mut settings: Settings) -> Self {
        let registry = settings.registry.take();
        let mut problems = Problems::default();
        let redactor = Arc::new(Redactor::new(settings.rules.clone()));
        let constants = constant_labels(&settings, registry.as_ref(), &redactor, &mut problems);
        let environment = settings.environment.as_deref().or_else(|| {
            let named = constants.iter().find(|(name, _)| &**name == "environment");
            named.map(|(_, value)| &**value)
        });
        let announcer = Arc::new(Announcer::default());
        let sink = Arc::new(Sink::default());
        let arena = SharedArena::new(Arena::new());
        let common = Common { arena, clock: settings.clock.clone() };
        let maker = Maker {
            environment,
            labels_by_file: &settings.labels_by_file,
            redactor: &redactor,
            announcer: &announcer,
            sink: &sink,
            common: &common,
        };
        let own = &settings.own_crates;
        let catalogue = Catalogue::new(registry.as_ref(), own, &maker, &mut problems);
        set_child_hook(cells::forget_in_child);
        if !ledger::install() {
            problems.add(
                "another component has the context's leave hook, so metric lines of a job are \
                 written late",
                "set no leave hook besides radiosonde's",
            );
        }
        let started = settings.clock.millis();
        Self(Arc::new(Hub {
            started,
            catalogue,
            redactor,
            clock: settings.clock,
            constants,
            announcer,
            sink,
            collectors: RwLock::default(),
            told: problems.into(),
            scraper: Scraper::default(),
        }))
    }

    /// A recorder for the macros of the `metrics` crate, such as for
    /// [`metrics::set_global_recorder`].
    pub fn recorder(&self) -> Recorder {
        Recorder::new(self.0.clone())
    }

    /// All series as they are now (none in a forked child, where a lock may be held by a thread that
    /// does not exist), with the constant labels, in a stable order: families by name,
    /// series by their labels. Runs the collectors on the calling thread. Includes
    /// `radiosonde_metric_writes_refused_total{metric,reason}`, `radiosonde_series{metric}`,
    /// `radiosonde_series_limit{metric}` and, of crates whose metrics share a limit,
    /// `radiosonde_namespace_series{module}` and `radiosonde_namespace_series_limit{module}`.
    pub fn snapshot(&self) -> Snapshot {
        if is_forked_child() {
            return Snapshot::default();
        }
        self.note_writes();
        let mut snapshot = Snapshot::default();
        let families = self.0.catalogue.families();
        for family in &families {
            family.snapshot(|made| snapshot.push_new(made), true);
            own::push_pair(family, &mut snapshot);
        }
        own::push(&families, &mut snapshot);
        own::push_missed(self.0.catalogue.summaries(), &mut snapshot);
        own::push_namespaces(&self.0.catalogue.namespaces(), &mut snapshot);
        own::push_refused(&self.refusals(), &mut snapshot);
        self.collect_all(&mut snapshot);
        snapshot.finish(&self.0.constants);
        self.0.catalogue.tell_of_retired();
        snapshot
    }

    /// The exemplars of the last [`Metrics::snapshot`] have been sent somewhere: newer ones may take
    /// their places. A scrape says so itself.
    pub fn renew_exemplars(&self) {
        if !is_forked_child() {
            self.0.catalogue.families().iter().for_each(|family| family.beside.note_scrape());
        }
    }

    /// Writes all series as they are now for a scrape: what [`Metrics::snapshot`] has, by name, in
    /// the form of the text formats. Series stand in the order they came, and constant labels behind
    /// the labels of a series. Allocates only for what is computed: roll-ups,
    /// collectors, refusals, quantiles. Runs the collectors on the calling thread.
    pub fn expose(&self, scrape: Scrape, to: &mut dyn Exposition) {
        if is_forked_child() {
            return;
        }
        self.note_writes();
        let computed = self.computed();
        let hub = &*self.0;
        // A clock that was set back makes nothing old.
        let age = hub.clock.millis().saturating_sub(hub.started);
        hub.scraper.expose(&hub.catalogue, &computed, &hub.constants, (scrape, age), to);
        hub.catalogue.tell_of_retired();
    }

    /// The answer to the last [`Metrics::expose`] with `from_zero` has been made whole: what it wrote
    /// counts as seen, and the next one shows its values. Without this call it uses nothing up. Where
    /// several such scrapes are under way at once, the last that was written is meant.
    pub fn scraped(&self) {
        self.0.scraper.complete();
    }

    /// What a scrape shows beside the series themselves. Families that a collector adds to are in it
    /// whole.
    fn computed(&self) -> Snapshot {
        let catalogue = &self.0.catalogue;
        let mut computed = Snapshot::default();
        for family in catalogue.with_more() {
            family.sum_rollups(|made| computed.push_new(made));
            own::push_pair(family, &mut computed);
        }
        let mut added = Snapshot::default();
        self.collect_all(&mut added);
        own::push_missed(catalogue.summaries(), &mut added);
        own::push_namespaces(&catalogue.namespaces(), &mut added);
        own::push_refused(&self.refusals(), &mut added);
        for family in &added.families {
            if let Some(live) = catalogue.known(&family.name) {
                live.snapshot(|made| computed.push_new(made), false);
            }
        }
        if added
            .families
            .iter()
            .any(|family| Own::ALL.iter().any(|own| own.name() == &*family.name))
        {
            own::push(&catalogue.families(), &mut computed);
        }
        added.families.into_iter().for_each(|family| computed.push(family));
        computed.finish(&self.0.constants);
        computed
    }

    /// Notes that what was written since the last call was written now. For metrics with `interval_s`
    /// in the registry, whose `metric_last_seen_timestamp_seconds{metric}` is as exact as the calls
    /// are frequent: the time is the first call's after the write, and each snapshot makes one.
    pub fn note_writes(&self) {
        if is_forked_child() {
            return;
        }
        let now = self.0.clock.millis();
        for family in self.0.catalogue.timed() {
            let _ = family.take_written(now);
        }
    }

    /// Counts the runs of a job that computes a metric, in `metric_ingest_status{metric,status}`.
    ///
    /// ```
    /// # let metrics = radiosonde_metrics::Metrics::default();
    /// metrics.ingest("cost_variance_ratio").succeeded();
    /// # assert!(metrics.snapshot().family("metric_ingest_status").is_some());
    /// ```
    pub fn ingest(&self, metric: &str) -> Ingest {
        Ingest::new(self.recorder(), metric)
    }

    /// Metrics that are recorded though no registry has them: all of them when there is none, else
    /// those of other crates.
    pub fn observed_count(&self) -> usize {
        self.0.catalogue.observed_count()
    }

    /// Their names, in a stable order, each with the crate or module it shares a limit with: none
    /// where there is no registry.
    pub fn observed(&self) -> Vec<(String, Option<String>)> {
        let families = self.0.catalogue.observed();
        let of = |family: &Arc<Guarded>| {
            let path = family.namespace.as_ref().map(|namespace| namespace.path().to_owned());
            (family.info.name.to_string(), path)
        };
        let mut observed: Vec<_> = families.iter().map(of).collect();
        observed.sort();
        observed
    }

    /// Adds a source of families that are computed for each snapshot. When it adds a series that
    /// is there, its own counts. It should not take a snapshot itself. A panic in it ends there
    /// and becomes a problem.
    pub fn add_collector(&self, collector: Collector) {
        let mut collectors = write(&self.0.collectors);
        let all = collectors.iter().cloned().chain([SharedCollector::from(collector)]);
        *collectors = all.collect();
    }

    /// Everything that was refused or folded so far, by metric and reason, in a stable order.
    /// Bounded by the size of the registry, plus 64 unregistered names.
    pub fn refusals(&self) -> Vec<Refusal> {
        let mut refusals = self.0.catalogue.refusals();
        refusals.sort_by(|a, b| (&a.metric, a.reason).cmp(&(&b.metric, b.reason)));
        refusals
    }

    /// Sets what is called with the first refusal of each metric and reason; for those that were
    /// there before, now; after [`Metrics::retire`] with the first past a cap once more. It is called on
    /// the thread that wrote, or that reads where that finds out what became of a retired series; it may
    /// write metrics itself, and a panic in it is swallowed. The last one set counts.
    pub fn set_on_refusal(&self, on_refusal: Box<dyn Fn(&Refusal) + Send + Sync>) {
        self.0.announcer.set(Arc::from(on_refusal));
        for entry in self.0.catalogue.refusal_entries() {
            entry.announce();
        }
    }

    /// Sets what is called with what a job did to each series it wrote: when its context is left,
    /// when a thread has touched 64 series, at [`Metrics::flush_thread`] and at the thread's end.
    ///
    /// It is called on the thread that wrote, with the context that the writes were made in. Its
    /// own writes make no deltas, and a panic in it is swallowed. radiosonde's own metrics have no
    /// deltas. The last one set counts.
    pub fn on_delta(&self, on_delta: OnDelta) {
        self.0.sink.set(Arc::from(on_delta));
    }

    /// Delivers what the calling thread has accumulated so far, for every pipeline.
    pub fn flush_thread(&self) {
        ledger::flush();
    }

    /// Series there are, over all metrics; overflow sets and what collectors add are not counted.
    pub fn series_count(&self) -> usize {
        self.0.catalogue.families().iter().map(|family| family.series_count()).sum()
    }

    /// Label values that were redacted, by name of the rule.
    pub fn redactions(&self) -> Vec<(String, u64)> {
        self.0.redactor.counts()
    }

    /// Tells [`Metrics::redactions`] without holding the metrics: for collectors, which they hold.
    pub fn redactions_teller(&self) -> impl Fn() -> Vec<(String, u64)> + Send + Sync + use<> {
        let redactor = Arc::clone(&self.0.redactor);
        move || redactor.counts()
    }

    /// What is wrong with the settings and the registry together, or came up since, each with what
    /// to do about it. Refused writes are in [`Metrics::refusals`].
    pub fn problems(&self) -> Vec<(String, String)> {
        self.0.told.list()
    }

    /// Sets what is called with each problem and what to do about it: now with those there are, later
    /// with those that come up, on the thread they come up on. A panic in it is swallowed. The last
    /// one set counts.
    pub fn set_on_problem(&self, on_problem: OnProblem) {
        self.0.told.set(&Arc::from(on_problem));
    }

    /// Deprecated metrics whose days are over, and series that do not exist at 0 for want of room,
    /// each with what to do about it. No [problem] of the settings: a program must not stop for
    /// them.
    ///
    /// [problem]: Metrics::problems
    pub fn warnings(&self) -> Vec<(String, String)> {
        self.0.told.warnings()
    }

    fn collect_all(&self, snapshot: &mut Snapshot) {
        // Cloned out of the lock: a collector may add a collector.
        let collectors = read(&self.0.collectors).clone();
        for collector in collectors.iter() {
            self.collect(&**collector, snapshot);
        }
    }

    fn collect(&self, collector: &dyn Fn(&mut Snapshot), snapshot: &mut Snapshot) {
        let outcome = catch_unwind(AssertUnwindSafe(|| collector(snapshot)));
        if outcome.is_err() {
            self.0.told.add(
                "a collector of metrics panicked, so its families are incomplete",
                "look for the panic in the events and mend the collector",
            );
        }
    }
}

impl Default for Metrics {
    /// Without a registry.
    fn default() -> Self {
        Self::new(Settings::default())
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("series", &self.series_count()).finish_non_exhaustive()
    }
}
