//! How a capture is begun.

use radiosonde_events::Owner;
use radiosonde_metrics::{Clock, Settings};
use radiosonde_record::{Filter, Level};
use radiosonde_redact::Rules;
use radiosonde_registry::{Registry, RegistrySource};

use super::pipeline::{Captured, Plan, Running};

/// Runs `f` with signals of its own, which `t` shows: [`Capture`] with its defaults.
///
/// # Panics
/// As `f`, and when the system has neither memory nor a thread for it.
#[track_caller]
pub fn capture<R>(f: impl FnOnce(&Captured) -> R) -> R {
    Capture::new().run(f)
}

/// As [`capture`], for async code, in any runtime.
///
/// ```
/// # use radiosonde_runtime::testing::capture_async;
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// capture_async(async |t| {
///     tracing::info!("in a future");
///     t.assert_log("in a future");
/// })
/// .await;
/// # });
/// ```
///
/// # Panics
/// As [`capture`].
///
/// # Cancel safety
/// Dropping the future drops what is inside of it within the capture, and ends that.
pub async fn capture_async<R>(f: impl AsyncFnOnce(&Captured) -> R) -> R {
    Capture::new().run_async(f).await
}

/// How code is captured.
///
/// ```
/// use radiosonde_record::Level;
/// use radiosonde_runtime::testing::Capture;
///
/// Capture::new().level(Level::Debug).run(|t| {
///     tracing::debug!("in detail");
///     t.assert_log("in detail");
/// });
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is captured before `run` or `run_async`"]
pub struct Capture {
    service: String,
    filter: Filter,
    registries: Vec<RegistrySource>,
    own_crates: Vec<String>,
    labels: Vec<(String, String)>,
    rules: Rules,
    clock: Clock,
    log: bool,
}

impl Default for Capture {
    fn default() -> Self {
        Self::new()
    }
}

impl Capture {
    /// What `init!` does without settings: level `info`, every metric observed, the standard rules of
    /// redaction, every trace recorded.
    pub fn new() -> Self {
        Self {
            service: "test".to_owned(),
            filter: Filter::at(Level::Info),
            registries: Vec::new(),
            own_crates: Vec::new(),
            labels: Vec::new(),
            rules: Rules::standard(),
            clock: Clock::default(),
            log: true,
        }
    }

    /// The registry that metrics are held against, such as `catalog::REGISTRY`; several are merged.
    /// Default: none, and every metric is observed. One with a mistake makes the test fail.
    pub fn registry(mut self, registry: impl Into<RegistrySource>) -> Self {
        self.registries.push(registry.into());
        self
    }

    /// A crate, as it stands in module paths, whose metrics have to be registered. Default: those
    /// whose catalogues were passed; where that is not known, all.
    pub fn own_crate(mut self, name: impl Into<String>) -> Self {
        self.own_crates.push(name.into());
        self
    }

    /// A label every metric carries, such as `environment`. Default: none.
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.push((name.into(), value.into()));
        self
    }

    /// Rules of redaction. Default: [`Rules::standard`].
    pub fn redact(mut self, rules: Rules) -> Self {
        self.rules = rules;
        self
    }

    /// The lowest level that is recorded, of everything. Default: `info`.
    pub fn level(self, level: Level) -> Self {
        Self { filter: Filter::at(level), ..self }
    }

    /// Which levels of which targets are recorded, in the form of `RUST_LOG`:
    /// `warn,my_crate=debug`. In place of [`Capture::level`].
    ///
    /// # Panics
    /// When a part of it cannot be understood.
    #[track_caller]
    pub fn filter(self, directives: &str) -> Self {
        let (filter, refused) = Filter::parse(directives, Level::Info);
        assert!(
            refused.is_empty(),
            "the filter `{directives}` of a capture is not understood at `{}`; write level, or \
             target=level, separated by commas",
            refused.join("`, `")
        );
        Self { filter, ..self }
    }

    /// Name of the service, in every line. Default: `test`.
    pub fn service(mut self, name: impl Into<String>) -> Self {
        self.service = name.into();
        self
    }

    /// What time it is for the metrics: whether a deprecation is over. Default: the system's clock.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Leaves the logger of the `log` crate alone, for tests that set one of their own. What is
    /// written with `log` is then captured only if another capture or `init!` has set ours.
    pub fn without_log(mut self) -> Self {
        self.log = false;
        self
    }

    /// Runs `f` inside of the capture.
    ///
    /// # Panics
    /// As `f`; when a registry has a mistake, and when the system has neither memory nor a thread for
    /// it.
    #[track_caller]
    pub fn run<R>(self, f: impl FnOnce(&Captured) -> R) -> R {
        let running = Running::start(self.plan());
        running.0.inside(|| f(&running.0))
    }

    /// As [`Capture::run`], for async code. See [`capture_async`].
    ///
    /// # Panics
    /// As [`Capture::run`].
    ///
    /// # Cancel safety
    /// As [`capture_async`].
    pub async fn run_async<R>(self, f: impl AsyncFnOnce(&Captured) -> R) -> R {
        let running = Running::start(self.plan());
        let future = running.0.inside(|| f(&running.0));
        running.0.wrap(future).await
    }

    #[track_caller]
    fn plan(self) -> Plan {
        let owner = Owner::new(&self.service, "", None, self.rules.clone());
        let mut metrics = Settings { labels: self.labels, ..Settings::default() };
        metrics.rules = self.rules;
        metrics.clock = self.clock;
        if !self.registries.is_empty() {
            let crates = self.registries.iter().filter_map(RegistrySource::crate_name);
            metrics.own_crates = crates.map(str::to_owned).chain(self.own_crates).collect();
            let loaded = self.registries.iter().map(|source| (source.name(), load(source)));
            let merged = Registry::merge(loaded.collect(), None);
            if let Some(conflict) = merged.conflicts.first() {
                panic!("the registries of a capture conflict: {}; {}", conflict.what, conflict.fix);
            }
            metrics.registry = Some(merged.registry);
            metrics.labels_by_file = merged.labels;
        }
        Plan { owner, filter: self.filter, metrics, log: self.log }
    }
}

#[track_caller]
fn load(source: &RegistrySource) -> Registry {
    match source.load() {
        Ok(registry) => registry,
        Err(errors) => panic!("the registry of a capture cannot be used: {errors}"),
    }
}
