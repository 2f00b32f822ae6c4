//! Refused metric writes as problems: what, and what to do.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use radiosonde_metrics::{Reason, Refusal};
use radiosonde_registry::RegistrySource;

use crate::config::Config;
use crate::problem::{Problem, Problems};

/// What `init!` was told about catalogues: to say how one more is passed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Catalogues {
    /// The crate that calls `init!`.
    own: Option<String>,
    passed: Vec<RegistrySource>,
    /// `RADIOSONDE_REGISTRY` stands in the place of all of them.
    replaced: bool,
}

impl Catalogues {
    pub(crate) fn new(config: &Config, replaced: bool) -> Self {
        let first = |module: &str| module.split("::").next().map(str::to_owned);
        let own = config.service.module.and_then(first);
        Self { own, passed: config.registries.clone(), replaced }
    }

    /// What to do about a catalogue whose metric is not registered.
    fn fix(&self, module: &str) -> String {
        let is_it = |source: &&RegistrySource| matches!(source, RegistrySource::Embedded { module: Some(passed), .. } if *passed == module);
        let is_passed = self.passed.iter().any(|source| is_it(&source));
        if self.replaced {
            let what = if is_passed { "it" } else { "what is passed to init!" };
            return format!("RADIOSONDE_REGISTRY replaces {what}: add the metric there");
        }
        if is_passed {
            return "rename the metric: it is in conflict with that of another catalogue, which is a \
                    problem of its own"
                .to_owned();
        }
        let passed = self.passed.iter().map(|source| match source {
            RegistrySource::Embedded { module: Some(module), .. } => self.constant(module),
            RegistrySource::Path(path) => format!("RegistrySource::path({path:?})"),
            _ => "…".to_owned(),
        });
        let all: Vec<_> = passed.chain([self.constant(module)]).collect();
        format!("init!(registries = [{}])", all.join(", "))
    }

    /// The constant of a catalogue, as it is written in the crate that calls `init!`.
    fn constant(&self, module: &str) -> String {
        let own = self.own.as_deref().and_then(|own| module.strip_prefix(own));
        let path = own.and_then(|path| path.strip_prefix("::")).unwrap_or(module);
        format!("{path}::REGISTRY")
    }
}

/// The problem of the first refusal of a metric for a reason.
pub(crate) fn problem(refusal: &Refusal, catalogues: &Catalogues) -> Problem {
    let catalogue = refusal.module.as_deref().filter(|_| refusal.typed);
    if let Some(label) = &refusal.full_label {
        let first = first_fix(refusal);
        let first = first.unwrap_or_else(|| "find out where so many values come from".to_owned());
        let fix = format!("{first}, or raise `max_values` of the label `{label}` in the registry");
        return Problem::new(text(refusal), fix);
    }
    match (refusal.reason, catalogue) {
        (Reason::Unregistered, Some(module)) => Problem::new(text(refusal), catalogues.fix(module)),
        // Its label is the name a caller of `ingest` gave.
        (Reason::LabelValue, _) if refusal.metric == "metric_ingest_status" => {
            Problem::new(text(refusal), "name a metric of the registry in `ingest`")
        }
        (reason, _) => {
            let known = fix(reason);
            let rest = known.strip_prefix(EXPLODES).zip(first_fix(refusal));
            let fix = rest.map_or_else(|| known.to_owned(), |(rest, first)| first + rest);
            Problem::new(text(refusal), fix)
        }
    }
}

/// What to do about a label with too many values, by name, and where it is written if that is known.
fn first_fix(refusal: &Refusal) -> Option<String> {
    let exploded = refusal.exploded.as_ref()?;
    let module = exploded.module.as_ref().filter(|_| !is_through(refusal));
    let place = module.map(|(module, _)| format!(", written in `{module}`"));
    Some(format!("bound or drop the label `{}`{}", exploded.label, place.unwrap_or_default()))
}

/// Whether the values come through a catalogue: its functions do not know who calls them, and the
/// module is theirs.
fn is_through(refusal: &Refusal) -> bool {
    let from = refusal.exploded.as_ref().and_then(|exploded| exploded.module.as_ref());
    refusal.typed && from.is_some_and(|(from, _)| refusal.module.as_ref() == Some(from))
}

/// A sentence about a refusal that ends with the module most writes are from: of a catalogue it says
/// that they came through it.
pub(crate) fn sentence(text: String, refusal: &Refusal) -> String {
    match text.rsplit_once(" from ").filter(|_| is_through(refusal)) {
        Some((before, module)) => format!("{before} through {module}"),
        None => text,
    }
}

/// How the fix of a limit begins as long as nobody knows which label it is.
const EXPLODES: &str = "find the label that explodes";

/// Values per place of a limit from which on it is told once more.
const MANY: u64 = 10;

/// Keeps the problems of limits up with what becomes known of them after the first write past one:
/// the label with too many values, about how many, and who writes it.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    catalogues: Catalogues,
    /// As they are listed. Bounded by the metrics that refusals are kept of.
    told: Mutex<HashMap<(String, Reason), Told>>,
}

#[derive(Debug)]
struct Told {
    problem: Problem,
    /// Whether the log has the sentence with the label.
    again: bool,
    /// Taken back, when there were that many writes past the limit.
    withdrawn: Option<u64>,
}

impl Limits {
    pub(crate) fn new(catalogues: Catalogues) -> Self {
        Self { catalogues, told: Mutex::default() }
    }

    /// Puts what is known now in the place of what was said before. Where a label has more than ten
    /// times the values there is room for, the log has it as well, once.
    pub(crate) fn update(&self, refusals: &[Refusal], problems: &Problems) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        for refusal in refusals {
            let key = (refusal.metric.clone(), refusal.reason);
            if let Some(told) = told.get_mut(&key)
                && let Some(before) = told.withdrawn
            {
                // Full again, or handles that fold go on.
                if refusal.count <= before {
                    continue;
                }
                // Listed already, if the metrics told of the first such write.
                *told = self.first(refusal);
                problems.add(told.problem.clone());
            }
            let Some(exploded) = &refusal.exploded else { continue };
            let told = told.entry(key).or_insert_with(|| self.first(refusal));
            let now = problem(refusal, &self.catalogues);
            let room = refusal.limit.and_then(|limit| u64::try_from(limit).ok());
            let many = room.is_some_and(|room| exploded.values > room.saturating_mul(MANY));
            let log = many && !told.again;
            if (log || now != told.problem) && problems.replace(&told.problem, &now, log) {
                told.again |= log;
                told.problem = now;
            }
        }
    }
}

impl Limits {
    /// Takes back what was said of the limits of a metric, as it has room again. The next write past
    /// them is told as a new problem.
    pub(crate) fn withdraw(&self, metric: &str, refusals: &[Refusal], problems: &Problems) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_limit =
            |reason| matches!(reason, Reason::SeriesCap | Reason::NamespaceCap | Reason::GaugeCap);
        // Refusals have the name in the characters of Prometheus; the program may use another.
        let digit_first = metric.starts_with(|c: char| c.is_ascii_digit());
        let fits = |c: char| c.is_ascii_alphanumeric() || c == ':';
        let fitted = metric.chars().map(|c| if fits(c) { c } else { '_' });
        let fitted: String = digit_first.then_some('_').into_iter().chain(fitted).collect();
        let same = |known: &str| known == metric || known == fitted;
        let of_it = |refusal: &&Refusal| is_limit(refusal.reason) && same(&refusal.metric);
        for refusal in refusals.iter().filter(of_it) {
            let told = told.entry((refusal.metric.clone(), refusal.reason));
            let told = told.or_insert_with(|| self.first(refusal));
            problems.retract(&told.problem);
            told.withdrawn = Some(refusal.count);
        }
    }

    /// What was said of the first write of a kind.
    fn first(&self, refusal: &Refusal) -> Told {
        let mut first = refusal.clone();
        first.exploded = None;
        Told { problem: problem(&first, &self.catalogues), again: false, withdrawn: None }
    }
}

/// Without the count, which goes on growing: the report has it.
fn text(refusal: &Refusal) -> String {
    let reason = refusal.example.as_deref().unwrap_or(refusal.reason.as_str());
    let place = refusal.place().map(|place| format!(" ({place})"));
    let outcome = if refusal.reason.is_folded() { "folded into overflow" } else { "refused" };
    let exploded = refusal.exploded.as_ref().map(|exploded| format!("; {exploded}"));
    let text = format!(
        "writes to metric `{}` are {outcome}: {reason}{}{}",
        refusal.metric,
        place.unwrap_or_default(),
        exploded.unwrap_or_default()
    );
    sentence(text, refusal)
}

fn fix(reason: Reason) -> &'static str {
    match reason {
        Reason::Unregistered => "add the metric to the registry, or remove the write",
        Reason::TypeMismatch => "write it as the type the registry says, or register a new name",
        Reason::ForeignSource => "leave the metric to its source, or set its source to app",
        Reason::LabelUndeclared => "declare the label for the metric in the registry, or drop it",
        Reason::LabelMissing => "give every label the registry declares for the metric",
        Reason::LabelValue => "use a value of the registry's list or pattern, or extend it",
        Reason::LabelShape => "put ids and free text on events and spans, not in metric labels",
        Reason::SeriesCap => {
            "find the label that explodes, or give the metric a higher limit in a registry"
        }
        Reason::NamespaceCap => {
            "find the label that explodes, or give the crate a higher series_limit, or the policy \
             `allow`, under `modules` in the registry"
        }
        Reason::NameTaken => "rename one of the two, or refuse the crate of one under `modules`",
        Reason::GaugeCap => {
            "find the label that explodes, or give the gauge, or its crate under `modules`, a higher \
             series_limit in a registry"
        }
        Reason::MetricCap => {
            "register the metric, or give its crate a higher series_limit under `modules`"
        }
        Reason::Computed => "remove the write: it follows from the metric it is computed from",
        Reason::Value => "check the value before it is written",
        _ => "correct the write; the reference of radiosonde-metrics lists what is allowed",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use radiosonde_metrics::{Metrics, Settings};
    use radiosonde_registry::Registry;

    use super::*;
    use crate::config::Service;

    const SHOP: RegistrySource = RegistrySource::embedded_in("a1::catalog", "registry.json", "");

    #[test]
    fn a_catalogue_is_passed_as_it_is_written_in_the_program() {
        let config = || Config::new(Service::new("a1", "1.0.0").in_crate("a1::main"));
        let fix =
            |config: &Config, replaced| Catalogues::new(config, replaced).fix("a1::stock::catalog");
        let passed = config().registry(SHOP);
        assert_eq!(
            fix(&passed, false),
            "init!(registries = [catalog::REGISTRY, stock::catalog::REGISTRY])"
        );
        let mixed = config().registry(RegistrySource::path("r.json")).registry("{}");
        assert_eq!(
            fix(&mixed, false),
            "init!(registries = [RegistrySource::path(\"r.json\"), …, stock::catalog::REGISTRY])"
        );
        assert!(fix(&passed, true).starts_with("RADIOSONDE_REGISTRY replaces what is passed"));
        let replaced = Catalogues::new(&passed, true).fix("a1::catalog");
        assert_eq!(replaced, "RADIOSONDE_REGISTRY replaces it: add the metric there");
        assert!(Catalogues::new(&passed, false).fix("a1::catalog").contains("in conflict"));
    }

    #[test]
    fn past_max_values_counters_are_folded_and_gauges_refused() {
        let text = r#"{"schema_version": 1, "labels": {"region": {"max_values": 1}}, "metrics": [
            {"name": "runs_total", "type": "counter", "unit": "runs", "help": "Runs.",
             "labels": ["region"]},
            {"name": "queue_items", "type": "gauge", "unit": "items", "help": "Queue.",
             "labels": ["region"]}]}"#;
        let registry = Some(Registry::parse("registry.json", text).unwrap());
        let metrics = Metrics::new(Settings { registry, ..Settings::default() });
        metrics::with_local_recorder(&metrics.recorder(), || {
            for region in ["eu", "us"] {
                metrics::counter!("runs_total", "region" => region).increment(1);
                metrics::gauge!("queue_items", "region" => region).set(1.0);
            }
        });
        let told: Vec<_> = metrics
            .refusals()
            .iter()
            .map(|refusal| problem(refusal, &Catalogues::default()))
            .collect();
        assert!(told[0].what.starts_with("writes to metric `queue_items` are refused: label"));
        assert!(
            told[1].what.starts_with("writes to metric `runs_total` are folded into overflow: ")
        );
        for problem in told {
            assert!(
                problem.fix.ends_with("raise `max_values` of the label `region` in the registry")
            );
        }
    }

    /// 10,000 values of one label, as the code of a module would write them.
    fn flood(metrics: &Metrics) {
        flood_as(metrics, "shop::pay", "shop::pay");
    }

    fn flood_as(metrics: &Metrics, target: &str, module: &str) {
        let recorder = metrics.recorder();
        let module = metrics::Metadata::new(target, metrics::Level::INFO, Some(module));
        for n in 0..10_000 {
            let label = metrics::Label::new("customer", format!("c-{n}"));
            let key = metrics::Key::from_parts("orders_total", vec![label]);
            metrics::Recorder::register_counter(&recorder, &key, &module).increment(1);
        }
    }

    fn started() -> (tempfile::TempDir, crate::telemetry::Telemetry) {
        let directory = tempfile::tempdir().unwrap();
        let config =
            Config::new(Service::new("a1", "1.0.0").in_crate("a1::main")).dir(directory.path());
        let (telemetry, _) = crate::telemetry::Telemetry::start(&config);
        (directory, telemetry)
    }

    #[test]
    fn the_report_names_the_label_that_explodes_and_its_module() {
        let (directory, telemetry) = started();
        flood(telemetry.metrics());
        for _ in 0..2 {
            let report = telemetry.report();
            let text = report.to_string();
            let line = text.lines().find(|line| line.starts_with("refused ")).unwrap();
            for part in ["`orders_total`", "label `customer` has about", "from shop::pay"] {
                assert!(line.contains(part), "{part}: {line}");
            }
            let of = |problem: &&Problem| problem.what.contains("`orders_total`");
            let problems: Vec<_> = report.problems.iter().filter(of).collect();
            let [problem] = *problems else { panic!("one of them: {problems:?}") };
            assert!(problem.what.contains("label `customer` has about"), "{problem}");
            let fix = "bound or drop the label `customer`, written in `shop::pay`, or give ";
            assert!(problem.fix.starts_with(fix), "{problem}");
        }
        drop(telemetry.shutdown(std::time::Duration::from_secs(20)));
        drop(directory);
    }

    #[test]
    fn a_catalogue_is_not_said_to_be_where_the_write_stands() {
        let (directory, telemetry) = started();
        // As a function of a catalogue does.
        flood_as(telemetry.metrics(), "radiosonde::catalog", "typed::catalog");
        let report = telemetry.report();
        let refused = report.refused.iter().find(|refused| refused.metric == "orders_total");
        let of = |problem: &&Problem| problem.what.contains("`orders_total`");
        let problem = report.problems.iter().find(of).unwrap();
        for text in [&refused.unwrap().text, &problem.what] {
            assert!(text.contains("label `customer` has about"), "{text}");
            assert!(text.ends_with(", through typed::catalog"), "{text}");
            assert!(!text.contains(" from "), "{text}");
        }
        assert!(problem.fix.starts_with("bound or drop the label `customer`, or "), "{problem}");
        drop(telemetry.shutdown(std::time::Duration::from_secs(20)));
        drop(directory);
    }

    #[test]
    fn a_metric_that_has_room_again_is_no_problem_until_it_is_full_again() {
        for looked in [true, false] {
            let (directory, telemetry) = started();
            let told = || {
                let all = telemetry.report().problems;
                all.iter().filter(|problem| problem.what.contains("`orders_total`")).count()
            };
            flood(telemetry.metrics());
            if looked {
                assert_eq!(told(), 1);
            }
            assert_eq!(crate::retire::retire(&telemetry, "orders_total"), Some(200));
            assert_eq!((told(), told()), (0, 0));
            flood(telemetry.metrics());
            assert_eq!((told(), told()), (1, 1));
            assert_eq!(crate::retire::retire(&telemetry, "unknown_total"), None);
            assert_eq!(told(), 1);
            let report = telemetry.shutdown(std::time::Duration::from_secs(20));
            assert!(report.refused.iter().any(|refused| refused.metric == "orders_total"));
            let lines = lines(directory.path());
            let line: Vec<_> =
                lines.iter().filter(|line| line.contains("telemetry.retired")).collect();
            assert!(line.len() == 1, "{line:?}");
            let line: serde_json::Value = serde_json::from_str(line[0]).unwrap();
            assert_eq!(line["level"], "info", "{line}");
            assert_eq!(line["meta"]["metric"], "orders_total", "{line}");
            assert_eq!(line["meta"]["series"], 200, "{line}");
        }
    }

    #[test]
    fn a_metric_is_found_by_the_name_the_program_gave_it() {
        let (directory, telemetry) = started();
        metrics::with_local_recorder(&telemetry.metrics().recorder(), || {
            for n in 0..201 {
                for name in ["queue.items", "_queue_items"] {
                    metrics::gauge!(name, "shelf" => format!("s-{n}")).set(1.0);
                }
            }
        });
        let told = || telemetry.report().problems.iter().map(|it| it.what.clone()).collect();
        let told: [Vec<String>; 2] = [told(), {
            assert_eq!(crate::retire::retire(&telemetry, "queue.items"), Some(200));
            told()
        }];
        let of = |name: &str| {
            told.each_ref().map(|all| all.iter().filter(|it| it.contains(name)).count())
        };
        assert_eq!((of("`queue_items`"), of("`_queue_items`")), ([1, 0], [1, 1]), "{told:?}");
        drop(telemetry.shutdown(std::time::Duration::from_secs(20)));
        drop(directory);
    }

    /// All lines of the day files.
    fn lines(directory: &std::path::Path) -> Vec<String> {
        let mut lines = Vec::new();
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() && path.extension().is_some_and(|ending| ending == "jsonl") {
                lines.extend(std::fs::read_to_string(&path).unwrap().lines().map(str::to_owned));
            }
        }
        lines
    }

    #[test]
    fn without_a_registry_no_fix_speaks_of_the_one_there_is() {
        for reason in [Reason::SeriesCap, Reason::GaugeCap] {
            assert!(fix(reason).ends_with("in a registry"), "{}", fix(reason));
        }
    }

    #[test]
    fn far_past_the_limit_it_is_told_once_more() {
        let (metrics, problems) = (Metrics::default(), Problems::default());
        let listed = problems.clone();
        metrics.set_on_refusal(Box::new(move |refusal| {
            listed.add(problem(refusal, &Catalogues::default()));
        }));
        flood(&metrics);
        let first = problems.take_unlogged();
        assert!(first.len() == 1 && !first[0].what.contains("customer"), "{first:?}");
        let limits = Limits::default();
        for told in [1, 0] {
            limits.update(&metrics.refusals(), &problems);
            let again = problems.take_unlogged();
            assert_eq!(again.len(), told, "{again:?}");
            assert!(again.iter().all(|it| it.what.contains("label `customer`")), "{again:?}");
        }
        assert_eq!(problems.all().len(), 1);
    }
}
