//! This project.

use super::exporter::shared;
use super::write_call;
use crate::harness::{Overflow, Role};
use crate::metrics::scrape::subject::{Registry as Registered, Text};
use crate::metrics::speed::subject::{Capped, Macros, Subject, visit};
use crate::metrics::text;
use crate::metrics::values::{BOUNDS, Kind, Pair, SERIES, SERIES_LABELS, VISITS, Values};
use radiosonde_metrics::{Metrics, Scrape, Settings};
use radiosonde_prometheus::{Format, Writer};
use radiosonde_registry::Registry;

radiosonde::catalog!("registry.json");

const PACKAGES: &[&str] = &["radiosonde", "metrics"];

/// The recorder, for the whole process.
fn install(registry: Registry) -> Result<Metrics, String> {
    let metrics = Metrics::new(Settings { registry: Some(registry), ..Settings::default() });
    if let Some((problem, fix)) = metrics.problems().first() {
        return Err(format!("{problem}: {fix}"));
    }
    metrics.recorder().install().map_err(|error| error.to_string())?;
    Ok(metrics)
}

fn installed() -> Result<Metrics, String> {
    install(catalog::REGISTRY.load().map_err(|errors| errors.to_string())?)
}

/// Writes that are in no series, folded ones left out: those are.
fn refused(metrics: &Metrics, name: &str) -> u64 {
    let refusals = metrics.refusals();
    let lost =
        refusals.iter().filter(|refusal| refusal.metric == name && !refusal.reason.is_folded());
    lost.map(|refusal| refusal.count).sum()
}

fn shown(metrics: &Metrics, name: &str) -> Result<Option<u64>, String> {
    match refused(metrics, name) {
        0 => Ok(Some(text::shown(&render(metrics), name))),
        _ => Err(format!("refused: {:?}", metrics.refusals())),
    }
}

fn render(metrics: &Metrics) -> String {
    radiosonde_prometheus::text::of(metrics, Format::Text)
}

/// Typed handles, label values as texts.
pub(crate) struct Typed {
    metrics: Metrics,
    cached: radiosonde::typed::Counter,
}

impl Subject for Typed {
    const NAME: &'static str = "radiosonde";
    const ROLE: Role = Role::Ours;
    const PACKAGES: &'static [&'static str] = PACKAGES;

    fn start() -> Result<Self, String> {
        let metrics = installed()?;
        let (method, outcome) = (catalog::Method::Get, catalog::Outcome::Success);
        Ok(Typed {
            metrics,
            cached: catalog::requests_total(method, outcome, catalog::Region::Eu1),
        })
    }

    #[inline]
    fn cached(&self) {
        self.cached.increment(1);
    }

    #[inline]
    fn enums(&self) {
        let (method, outcome) = (catalog::Method::Get, catalog::Outcome::Success);
        catalog::requests_total(method, outcome, catalog::Region::Eu1).increment(1);
    }

    #[inline]
    fn dynamic(&self, pair: &Pair) {
        catalog::calls_total(&pair.provider, &pair.model).increment(1);
    }

    #[inline]
    fn histogram(&self, pair: &Pair, seconds: f64) {
        catalog::call_duration_seconds(&pair.provider, &pair.model).record(seconds);
    }

    fn shown(&self, name: &str) -> Result<Option<u64>, String> {
        shown(&self.metrics, name)
    }
}

/// Typed handles, label values resolved once.
pub(crate) struct Symbols {
    metrics: Metrics,
    pairs: Vec<(catalog::Provider, catalog::Model)>,
}

impl Subject for Symbols {
    const NAME: &'static str = "radiosonde-symbols";
    const ROLE: Role = Role::Ours;
    const PACKAGES: &'static [&'static str] = PACKAGES;

    fn start() -> Result<Self, String> {
        let pairs = Values::new().pairs;
        let resolved = pairs
            .iter()
            .map(|pair| (catalog::Provider::new(&pair.provider), catalog::Model::new(&pair.model)));
        Ok(Symbols { metrics: installed()?, pairs: resolved.collect() })
    }

    fn cached(&self) {}

    fn enums(&self) {}

    #[inline]
    fn dynamic(&self, pair: &Pair) {
        let (provider, model) = &self.pairs[pair.index];
        catalog::calls_total(provider, model).increment(1);
    }

    #[inline]
    fn histogram(&self, pair: &Pair, seconds: f64) {
        let (provider, model) = &self.pairs[pair.index];
        catalog::call_duration_seconds(provider, model).record(seconds);
    }

    fn shown(&self, name: &str) -> Result<Option<u64>, String> {
        shown(&self.metrics, name)
    }
}

impl Macros for Typed {
    const NAME: &'static str = <Typed as Subject>::NAME;
    const ROLE: Role = Role::Ours;
    const PACKAGES: &'static [&'static str] = PACKAGES;

    fn start() -> Result<Self, String> {
        Subject::start()
    }

    fn shown(&self, name: &str) -> Result<Option<u64>, String> {
        Subject::shown(self, name)
    }
}

/// Past the limit of 200 series, through a handle or (`MACRO`) through a macro.
pub(crate) struct Limited<const MACRO: bool>(Metrics);

impl<const MACRO: bool> Capped for Limited<MACRO> {
    const NAME: &'static str = if MACRO { "radiosonde-macro" } else { "radiosonde" };
    const ROLE: Role = Role::Ours;
    const PACKAGES: &'static [&'static str] = PACKAGES;

    fn start() -> Result<Self, String> {
        installed().map(Self)
    }

    #[inline]
    fn visit(&self, visitor: &str) {
        if MACRO {
            visit(visitor);
        } else {
            catalog::visits_total(visitor).increment(1);
        }
    }

    fn shown(&self) -> Result<Option<u64>, String> {
        shown(&self.0, VISITS)
    }
}

/// The metrics of the suites `scrape` and `memory`, with a registry that has them all.
pub(crate) struct Many {
    kind: Kind,
    names: Vec<metrics::SharedString>,
    metrics: Metrics,
}

impl Registered for Many {
    const NAME: &'static str = <Typed as Subject>::NAME;
    const ROLE: Role = Role::Ours;
    const OVERFLOW: Overflow = Overflow::Drops;
    const PACKAGES: &'static [&'static str] = &["radiosonde-metrics", "metrics"];

    fn start(kind: Kind, names: &[String]) -> Result<Self, String> {
        let registry = Registry::parse("benches", &registry(kind, names));
        let metrics = install(registry.map_err(|errors| errors.to_string())?)?;
        Ok(Many { kind, names: shared(names), metrics })
    }

    #[inline]
    fn write(&self, metric: usize, labels: &[String; 3], value: f64) {
        write_call(self.kind, &self.names[metric], labels, value);
    }

    type Text = Written;

    fn scrape(&self, into: &mut Written) -> Result<(), String> {
        into.0.begin(Format::Text);
        self.metrics.expose(Scrape::default(), &mut into.0);
        into.0.finish().map(|_| ()).map_err(|error| error.to_string())
    }

    fn refused(&self) -> Option<u64> {
        Some(self.names.iter().map(|name| refused(&self.metrics, name)).sum())
    }

    fn complaints(&self) -> Option<Vec<String>> {
        Some(self.metrics.refusals().iter().map(ToString::to_string).collect())
    }
}

/// The memory of the text is kept, as the listener does.
#[derive(Default)]
pub(crate) struct Written(Writer);

impl Text for Written {
    fn as_str(&mut self) -> &str {
        self.0.finish().unwrap_or_default()
    }
}

/// A `registry.json` of these metrics.
fn registry(kind: Kind, names: &[String]) -> String {
    let [kind, unit] = match kind {
        Kind::Counter => ["counter", "jobs"],
        Kind::Histogram => ["histogram", "seconds"],
    };
    let metric = |name: &String| {
        let mut metric = serde_json::json!({
            "name": name, "type": kind, "unit": unit, "help": "Something that is counted.",
            "labels": SERIES_LABELS, "owner": "benches", "series_limit": SERIES,
        });
        if kind == "histogram" {
            metric["buckets"] = BOUNDS.into();
        }
        metric
    };
    let label = serde_json::json!({"max_values": SERIES});
    let labels: serde_json::Map<_, _> =
        SERIES_LABELS.iter().map(|name| ((*name).to_owned(), label.clone())).collect();
    serde_json::json!({
        "schema_version": 1, "service": "benches", "labels": labels,
        "owners": {"benches": {"email": "benches@example.org"}},
        "metrics": names.iter().map(metric).collect::<Vec<_>>(),
    })
    .to_string()
}
