//! `Config`: what the code asks for. The environment wins over all of it.

mod files;

use std::path::PathBuf;
use std::time::Duration;

use radiosonde_metrics::Clock;
use radiosonde_record::{Level, LevelLimits};
use radiosonde_redact::Rules;
use radiosonde_registry::RegistrySource;
use tracing_subscriber::{Layer, Registry};

use crate::guard::Guard;
use crate::install;
use crate::parts::Parts;
use crate::problem::{InitError, Severity};
use crate::telemetry::Telemetry;
use crate::traces::TraceConfig;

pub(crate) use self::files::FileConfig;
pub use self::files::Fsync;

/// A tracing layer of the application.
pub type BoxedLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// A metrics recorder of the application.
pub(crate) type BoxedRecorder = Box<dyn metrics::Recorder + Send + Sync>;

/// The program, as `init!` sees it: the caller's package.
#[derive(Clone, Copy, Debug)]
pub struct Service {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    pub(crate) test: bool,
    pub(crate) module: Option<&'static str>,
}

impl Service {
    /// A service by package name and version.
    pub const fn new(name: &'static str, version: &'static str) -> Self {
        Self { name, version, test: false, module: None }
    }

    /// The same service in its unit tests: telemetry goes to a directory below the system's
    /// temporary one, and guards flush instead of shutting down, since tests share the process.
    #[must_use]
    pub const fn in_test(self, test: bool) -> Self {
        Self { test, ..self }
    }

    /// The same service with the `module_path!()` of its program: with a registry, metrics of that
    /// crate have to be registered, those of other crates are treated as the registry's `modules`
    /// says. Default: not known, and then all metrics have to be registered.
    #[must_use]
    pub const fn in_crate(self, module: &'static str) -> Self {
        Self { module: Some(module), ..self }
    }
}

/// What kind of program this is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Profile {
    /// A command whose stderr belongs to its user: no console.
    Cli,
    /// A service: console as the terminal asks for.
    #[default]
    Service,
}

/// What a process has once, and [`Config::init`] sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Global {
    /// The logger of the `log` crate.
    Logger,
    /// The panic hook.
    PanicHook,
    /// The recorder of the `metrics` crate.
    Recorder,
    /// The subscriber of `tracing`.
    Subscriber,
}

/// Defaults for telemetry, set in code. `init!(key = value, …)` calls the methods of the same
/// names.
#[must_use = "nothing happens before `init`, `try_init` or `build`"]
pub struct Config {
    pub(crate) service: Service,
    pub(crate) name: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) dir: Option<PathBuf>,
    pub(crate) rings: Option<PathBuf>,
    pub(crate) registries: Vec<RegistrySource>,
    pub(crate) own_crates: Vec<String>,
    pub(crate) clock: Clock,
    pub(crate) prometheus: Option<String>,
    pub(crate) otlp: Option<String>,
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) layers: Vec<BoxedLayer>,
    pub(crate) left: Vec<Global>,
    /// Set with the feature `wrap-exporter` only.
    pub(crate) exporter: Option<BoxedRecorder>,
    pub(crate) profile: Profile,
    pub(crate) filter: Option<String>,
    pub(crate) rate_limits: LevelLimits,
    pub(crate) heartbeat: Option<Duration>,
    pub(crate) machine_id: Option<String>,
    pub(crate) redact: Rules,
    pub(crate) propagators: Option<String>,
    pub(crate) baggage_to: Option<String>,
    pub(crate) files: FileConfig,
    pub(crate) traces: TraceConfig,
}

impl Config {
    /// The defaults for a service.
    pub fn new(service: Service) -> Self {
        Self {
            service,
            name: None,
            version: None,
            dir: None,
            rings: None,
            registries: Vec::new(),
            own_crates: Vec::new(),
            clock: Clock::default(),
            prometheus: None,
            otlp: None,
            labels: Vec::new(),
            layers: Vec::new(),
            left: Vec::new(),
            exporter: None,
            profile: Profile::default(),
            filter: None,
            rate_limits: LevelLimits::default(),
            heartbeat: None,
            machine_id: None,
            redact: Rules::standard(),
            propagators: None,
            baggage_to: None,
            files: FileConfig::default(),
            traces: TraceConfig::default(),
        }
    }

    /// Name of the service. Default: the caller's package. Environment: `OTEL_SERVICE_NAME`, then
    /// `service.name` in `OTEL_RESOURCE_ATTRIBUTES`.
    pub fn service(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Version of the service. Default: the caller's package. Environment: `service.version` in
    /// `OTEL_RESOURCE_ATTRIBUTES`.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// Telemetry directory, relative to the working directory. Default: `$STATE_DIRECTORY`, an
    /// existing `./data/telemetry`, else `$XDG_STATE_HOME/radiosonde/<service>`. Environment:
    /// `RADIOSONDE_DIR`.
    pub fn dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.dir = Some(dir.into());
        self
    }

    /// A directory in memory, such as `/dev/shm`, for the rings: then no writing to a disk ever
    /// delays the application, and what is pending survives the process, but neither a restart of
    /// the machine nor the end of a container whose memory it is. Rings take a quarter of what is
    /// free there at most. Whoever recovers must see the same directory. Default: the telemetry
    /// directory. Environment: `RADIOSONDE_RINGS`.
    pub fn rings(mut self, dir: impl Into<PathBuf>) -> Self {
        self.rings = Some(dir.into());
        self
    }

    /// The metric registry: `catalog::REGISTRY`, a [`RegistrySource::path`], or a text. Called
    /// several times, for catalogues of several crates, the registries are merged: each metric keeps
    /// the limits and labels of its own, and of what differs the first holds, which is a problem. Default: none,
    /// then every metric is observed, with 200 series each. Environment: `RADIOSONDE_REGISTRY`, a
    /// path, in place of all of them, unless that file cannot be used.
    pub fn registry(mut self, registry: impl Into<RegistrySource>) -> Self {
        self.registries.push(registry.into());
        self
    }

    /// As [`Config::registry`], for several: `registries = [catalog::REGISTRY, stock::REGISTRY]`.
    pub fn registries(mut self, registries: impl IntoIterator<Item = RegistrySource>) -> Self {
        self.registries.extend(registries);
        self
    }

    /// A crate, as it stands in module paths, that belongs to the program: with a registry its
    /// metrics have to be registered, while those of other crates are treated as `modules` in the
    /// registry says. Default: the crate that calls `init!`, and those whose catalogues are passed.
    pub fn own_crate(mut self, name: impl Into<String>) -> Self {
        self.own_crates.push(name.into());
        self
    }

    /// What time it is for the metrics: whether a deprecation is over, when one was last written,
    /// when a batch gauge was computed. For tests; everything else keeps the system's time. Default:
    /// the system's clock.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Address of a listener for `/metrics`, `/health` and `/report`, such as `127.0.0.1:9464`;
    /// port 0 takes a free one. Needs the feature `prometheus`. Default: no listener.
    /// Environment: `RADIOSONDE_PROMETHEUS`, or `OTEL_METRICS_EXPORTER=prometheus` with
    /// `OTEL_EXPORTER_PROMETHEUS_HOST` and `_PORT`.
    pub fn prometheus(mut self, address: impl Into<String>) -> Self {
        self.prometheus = Some(address.into());
        self
    }

    /// Sends logs, events, spans and metrics over OTLP to this endpoint, such as
    /// `http://127.0.0.1:4318`: what cannot be sent waits on disk, also for the next start. Spans and
    /// snapshots of metrics have no day files then, unless `RADIOSONDE_FILES` asks for them, as in
    /// `events,spans,metrics`. Needs the feature `otlp-http` or `otlp-grpc`. Default: nothing is sent.
    /// Environment: `OTEL_EXPORTER_OTLP_ENDPOINT` and the others of its family.
    pub fn otlp(mut self, endpoint: impl Into<String>) -> Self {
        self.otlp = Some(endpoint.into());
        self
    }

    /// A label every metric carries, such as `environment`. Environment: `RADIOSONDE_ENVIRONMENT`,
    /// `OTEL_RESOURCE_ATTRIBUTES`.
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.push((name.into(), value.into()));
        self
    }

    /// Further tracing layers.
    pub fn layers<L>(mut self, layers: impl IntoIterator<Item = L>) -> Self
    where
        L: Layer<Registry> + Send + Sync + 'static,
    {
        self.layers.extend(layers.into_iter().map(|layer| Box::new(layer) as BoxedLayer));
        self
    }

    /// Globals that `init` does not set, since the application sets them itself, and would fail if
    /// they were taken: `leave = [Global::Recorder]`. What goes there is not ours to see, and nothing
    /// is said of it. What is already set needs no mention: `init` leaves it in any case, and reports
    /// it. Layers and an exporter given to the config go nowhere when theirs is left. Default: none.
    pub fn leave(mut self, globals: impl IntoIterator<Item = Global>) -> Self {
        self.left.extend(globals);
        self
    }

    /// A metrics recorder of the application, such as that of `metrics-exporter-prometheus`, which
    /// gets what the guard lets through: under the labels it was admitted with, within the caps, and
    /// nothing that was refused. [`Recorder::in_front_of`] says it exactly. It is not to be installed
    /// besides. With `OTEL_SDK_DISABLED` it is installed alone, unguarded. Needs the feature
    /// `wrap-exporter`. Default: none. The last one set counts.
    ///
    /// [`Recorder::in_front_of`]: radiosonde_metrics::Recorder::in_front_of
    #[cfg(feature = "wrap-exporter")]
    pub fn wrap_exporter<R>(mut self, exporter: R) -> Self
    where
        R: metrics::Recorder + Send + Sync + 'static,
    {
        self.exporter = Some(Box::new(exporter));
        self
    }

    /// What kind of program this is. Default: a service.
    pub fn profile(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self
    }

    /// Level filter in the form of `RUST_LOG`, as [`Filter`](radiosonde_record::Filter) reads it:
    /// `warn,my_crate=debug,hyper=off`. Default: `info`. Environment: `RUST_LOG`.
    pub fn filter(mut self, directives: impl Into<String>) -> Self {
        self.filter = Some(directives.into());
        self
    }

    /// Most events a second of each call site of a level, from `event!`, `tracing` and `log`; 0 is
    /// no limit. A lower `ratelimit:` of a call site holds there. What is held back is counted as
    /// dropped, and summed up once a minute, by call site, in an event `telemetry.suppressed`.
    /// Default: no limits. Environment: `RADIOSONDE_RATE_LIMIT`, such as `debug=100,info=1000`,
    /// which replaces all limits of the code; `off` for none.
    pub fn rate_limit(mut self, level: Level, per_second: u32) -> Self {
        self.rate_limits = self.rate_limits.with(level, per_second);
        self
    }

    /// Name of the machine. Default: the host name in pods and containers, a hash of
    /// `/etc/machine-id`, the host name. Environment: `RADIOSONDE_MACHINE_ID`.
    pub fn machine_id(mut self, id: impl Into<String>) -> Self {
        self.machine_id = Some(id.into());
        self
    }

    /// Redaction rules. Default: [`Rules::standard`]. Environment, in addition:
    /// `RADIOSONDE_REDACT_KEYS` and `RADIOSONDE_REDACT_ALLOW`, keys separated by commas that hide
    /// their values or show them, and `RADIOSONDE_REDACT_PATTERN`, a regular expression whose
    /// matches are replaced (rule `environment`).
    pub fn redact(mut self, rules: Rules) -> Self {
        self.redact = rules;
        self
    }

    /// In which formats contexts are read from requests and written to them, in their order:
    /// `tracecontext`, `baggage`, `b3` and `b3multi`, with commas between them, or `none`. Default:
    /// `tracecontext,baggage`. Environment: `OTEL_PROPAGATORS`.
    pub fn propagators(mut self, list: impl Into<String>) -> Self {
        self.propagators = Some(list.into());
        self
    }

    /// Which hosts get baggage, and job, worker and session with it, in requests:
    /// `loopback,*.internal,10.0.0.0/8`; `*` is everybody, `none` nobody. The trace goes to all. Default:
    /// `loopback`. Environment: `RADIOSONDE_BAGGAGE_TO`.
    pub fn baggage_to(mut self, hosts: impl Into<String>) -> Self {
        self.baggage_to = Some(hosts.into());
        self
    }

    /// Time between two events `machine.status`, which say how machine, process and workers are, with
    /// a line `worker.status` for each [`worker`](crate::worker); 0 is none, less than 100 ms is taken
    /// as that. Default: a minute, and none in a command (`Profile::Cli`) or in unit tests. Environment:
    /// `RADIOSONDE_HEARTBEAT_INTERVAL`, seconds, or `90s`, `10m`, `1h`, or `off`.
    pub fn heartbeat(mut self, interval: Duration) -> Self {
        self.heartbeat = Some(interval);
        self
    }

    /// Starts telemetry and installs it: tracing subscriber, logger, metrics recorder, panic hook,
    /// and the journal `event!` writes to. Cannot fail; see [`Guard::report`] for problems.
    pub fn init(self) -> Guard {
        install::init(self)
    }

    /// As [`Config::init`], for those who rather stop than run with a problem. Not for warnings
    /// ([`Severity`]): these are in the report only.
    ///
    /// # Errors
    /// [`InitError`] with every problem, when one is an error. Telemetry is flushed and shut down
    /// then, and does not start again in this process: this is for programs that stop.
    pub fn try_init(self) -> Result<Guard, InitError> {
        let guard = self.init();
        let problems = guard.report().problems;
        let stops = problems.iter().any(|problem| problem.severity == Severity::Error);
        if stops { Err(InitError { problems }) } else { Ok(guard) }
    }

    /// Starts telemetry and installs nothing: for users with a subscriber, recorder, logger or
    /// pipeline of their own.
    pub fn build(mut self) -> Parts {
        let (layers, exporter) = (std::mem::take(&mut self.layers), self.exporter.take());
        self.traces.in_parts = true;
        let (telemetry, settings) = Telemetry::start(&self);
        if exporter.is_some() {
            telemetry.problems().say(
                "the exporter given to Config is not part of Parts",
                "put Parts::recorder in front of it yourself: Recorder::in_front_of",
            );
        }
        for _unused in layers {
            telemetry.problems().say(
                "layers given to Config are not part of Parts",
                "add them to your own subscriber, beside Parts::layer",
            );
        }
        Parts::new(&telemetry, &settings.traces)
    }
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config").field("service", &self.service).finish_non_exhaustive()
    }
}
