//! What a registry declares that alerts, dashboards, objectives and reports may name.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::{
    fields,
    locate::Path,
    model::{AlertSpec, LabelSpec, MetricSpec, Registry, Status},
    names,
    report::Report,
};

/// Labels the scraper gives every series.
const SCRAPE_LABELS: &[&str] = &["instance", "job"];

/// Labels every alert carries, beside those of its series.
const ALERT_LABELS: &[&str] = &["alertname", "metric_name", "owner", "severity"];

/// Labels a message lists.
const LISTED_MAX: usize = 20;

/// Everything there is, by name.
///
/// References into a section are judged only when all of it could be read: what is missing may be
/// in the part that could not.
pub(super) struct Known<'r> {
    registry: &'r Registry,
    /// Whether all metrics and labels could be read.
    is_sound: bool,
    metrics: HashMap<&'r str, Subject<'r>>,
    /// Labels of metrics and roll-ups. In sets, as are the values below: a document may look at a
    /// long list as often as it likes.
    labels: HashSet<(&'r str, &'r str)>,
    /// Labels every series has: those that are required, and those the scraper adds.
    everywhere: HashSet<&'r str>,
    /// Listed values by label.
    values: HashMap<&'r str, HashSet<&'r str>>,
    pub(super) alerts: Section<'r, &'r AlertSpec>,
    pub(super) dashboards: Section<'r, ()>,
    pub(super) slos: Section<'r, ()>,
    pub(super) reports: Section<'r, ()>,
}

/// A metric, or a roll-up of it, as queries see it.
#[derive(Clone, Copy)]
pub(super) struct Subject<'r> {
    /// The metric, or the one that is rolled up.
    pub(super) metric: &'r MetricSpec,
    /// The labels its series have, those that are required everywhere not counted.
    labels: &'r [String],
    /// What the labels may be.
    specs: &'r BTreeMap<String, LabelSpec>,
}

impl Subject<'_> {
    /// Whether the metric is among the words: its name, or one of the names it is written as.
    pub(super) fn is_among(&self, name: &str, words: &HashSet<&str>) -> bool {
        let parts = self.metric.metric_type.parts();
        words.contains(name)
            || parts.iter().any(|part| words.contains(format!("{name}{part}").as_str()))
    }
}

/// The entries of a section by their names.
pub(super) struct Section<'r, T> {
    /// Its key in the document.
    key: &'static str,
    /// Whether all entries could be read.
    is_sound: bool,
    entries: HashMap<&'r str, T>,
}

impl<'r, T: Copy> Section<'r, T> {
    fn of(
        key: &'static str,
        report: &Report<'_>,
        entries: impl Iterator<Item = (&'r str, T)>,
    ) -> Self {
        let is_sound = report.is_sound(&Path::default().then(key));
        Self { key, is_sound, entries: entries.collect() }
    }

    /// The entry of that name; reported at `path` when there is none.
    pub(super) fn find(
        &self,
        name: &str,
        what: &str,
        path: &Path,
        report: &mut Report<'_>,
    ) -> Option<T> {
        if !self.is_sound {
            return None;
        }
        let found = self.entries.get(name);
        if found.is_none() {
            let add = format!("add it under `{}`", self.key);
            unknown(name, what, self.entries.keys().copied(), &add, path, report);
        }
        found.copied()
    }
}

impl<'r> Known<'r> {
    pub(super) fn of(registry: &'r Registry, report: &Report<'_>) -> Self {
        let specs = &registry.labels;
        let mut metrics = HashMap::new();
        let mut labels = HashSet::new();
        let mut add = |name: &'r str, own: &'r [String], metric: &'r MetricSpec| {
            let _other = metrics.insert(name, Subject { metric, labels: own, specs });
            labels.extend(own.iter().map(|label| (name, label.as_str())));
        };
        for metric in &registry.metrics {
            for rollup in &metric.rollups {
                add(&rollup.name, &rollup.by, metric);
            }
        }
        // After the roll-ups: where one takes the name of a metric, the metric is meant.
        for metric in &registry.metrics {
            add(&metric.name, &metric.labels, metric);
        }
        let listed = |(label, spec): (&'r String, &'r LabelSpec)| {
            let values = spec.values.as_ref()?.iter().map(String::as_str).collect();
            Some((label.as_str(), values))
        };
        let alerts = registry.alerts.iter().map(|alert| (alert.id.as_str(), alert));
        let dashboards = registry.dashboards.iter().map(|board| (board.uid.as_str(), ()));
        let slos = registry.slos.iter().map(|slo| (slo.id.as_str(), ()));
        let reports = registry.reports.iter().map(|report| (report.id.as_str(), ()));
        let required = registry.required_labels.iter().map(String::as_str);
        let root = Path::default();
        Self {
            registry,
            is_sound: ["metrics", "labels"].iter().all(|key| report.is_sound(&root.then(*key))),
            metrics,
            labels,
            everywhere: required.chain(SCRAPE_LABELS.iter().copied()).collect(),
            values: specs.iter().filter_map(listed).collect(),
            alerts: Section::of("alerts", report, alerts),
            dashboards: Section::of("dashboards", report, dashboards),
            slos: Section::of("slos", report, slos),
            reports: Section::of("reports", report, reports),
        }
    }

    /// The metric or roll-up of that name; reported at `path` when there is none, or when it is on
    /// its way out and nothing new should look at it.
    pub(super) fn metric(
        &self,
        name: &str,
        path: &Path,
        report: &mut Report<'_>,
    ) -> Option<Subject<'r>> {
        if !self.is_sound {
            return None;
        }
        let Some(found) = self.peek(name) else {
            let candidates = self.metrics.keys().copied().chain(builtin_names());
            let add = "add it under `metrics`, as \"source\": \"external\" if others write it";
            unknown(name, "metric", candidates, add, path, report);
            return None;
        };
        if let Status::Deprecated(deprecation) = &found.metric.status {
            let fix = match &deprecation.replaced_by {
                Some(new) => format!("use `{new}`"),
                None => "look at another metric".to_owned(),
            };
            report.wrong(path, format!("metric `{name}` is deprecated"), fix);
        }
        Some(found)
    }

    /// The metric or roll-up of that name, without a word when there is none.
    pub(super) fn peek(&self, name: &str) -> Option<Subject<'r>> {
        if !self.is_sound {
            return None;
        }
        self.metrics.get(name).copied().or_else(|| builtin(name))
    }

    /// An owner who is named somewhere.
    pub(super) fn owner(&self, name: Option<&str>, path: &Path, report: &mut Report<'_>) {
        let Some(name) = name else { return };
        let owners = &self.registry.owners;
        if !owners.contains_key(name) && report.is_readable(&Path::default().then("owners")) {
            let candidates = owners.keys().map(String::as_str);
            unknown(name, "owner", candidates, "declare it under `owners`", path, report);
        }
    }

    /// A label of one metric.
    pub(super) fn label_of(
        &self,
        name: &str,
        subject: Subject<'r>,
        label: &str,
        path: &Path,
        report: &mut Report<'_>,
    ) {
        // Metrics that are built in are in no set, and have few labels.
        if self.labels.contains(&(name, label))
            || self.everywhere.contains(label)
            || (!self.metrics.contains_key(name) && subject.labels.iter().any(|own| own == label))
        {
            return;
        }
        let own = subject.labels.iter().map(String::as_str);
        let list: Vec<&str> = own.clone().take(LISTED_MAX).collect();
        let fix = match guess(label, own.chain(self.everywhere.iter().copied()), report) {
            Some(guess) => format!("did you mean `{guess}`?"),
            None if list.is_empty() => "it has no labels of its own".to_owned(),
            None => format!("use {}", fields::alternatives(&list)),
        };
        report.wrong(path, format!("metric `{name}` has no label `{label}`"), fix);
    }

    /// A value of a label, which has to be listed where values are.
    pub(super) fn label_value(
        &self,
        name: &str,
        subject: Subject<'r>,
        label: &str,
        value: &str,
        path: &Path,
        report: &mut Report<'_>,
    ) {
        // What a built-in metric declares itself is in no set, and short.
        let own = self.metrics.contains_key(name) || !subject.specs.contains_key(label);
        if own && self.values.get(label).is_some_and(|values| values.contains(value)) {
            return;
        }
        let spec = subject.specs.get(label).or_else(|| self.registry.labels.get(label));
        let Some(values) = spec.and_then(|spec| spec.values.as_ref()) else { return };
        if own || !values.iter().any(|listed| listed == value) {
            let fix = match guess(value, values.iter().map(String::as_str), report) {
                Some(guess) => format!("did you mean `{guess}`?"),
                None => "use one of its `values`, or add it there".to_owned(),
            };
            report.wrong(path, format!("label `{label}` has no value `{value}`"), fix);
        }
    }

    /// A label that some metric has, or every alert.
    pub(super) fn any_label(
        &self,
        label: &str,
        with_alerts: bool,
        path: &Path,
        report: &mut Report<'_>,
    ) {
        if self.registry.labels.contains_key(label) {
            return;
        }
        let alerts = if with_alerts { ALERT_LABELS } else { &[] };
        let fixed = SCRAPE_LABELS.iter().chain(alerts).copied();
        let builtin = &Registry::builtin().labels;
        if !builtin.contains_key(label)
            && !fixed.clone().any(|candidate| candidate == label)
            && report.is_readable(&Path::default().then("labels"))
        {
            let add = "declare it under `labels`";
            let declared = self.registry.labels.keys().chain(builtin.keys());
            let candidates = declared.map(String::as_str).chain(fixed);
            unknown(label, "label", candidates, add, path, report);
        }
    }
}

/// A metric radiosonde writes itself. Only asked for names that are found nowhere else: the
/// built-in registry is read with these lints, and names nothing.
fn builtin(name: &str) -> Option<Subject<'static>> {
    let registry = Registry::builtin();
    let metric = registry.metric(name)?;
    Some(Subject { metric, labels: &metric.labels, specs: &registry.labels })
}

fn builtin_names<'n>() -> impl Iterator<Item = &'n str> {
    Registry::builtin().metrics.iter().map(|metric| metric.name.as_str())
}

fn unknown<'c>(
    name: &str,
    what: &str,
    candidates: impl Iterator<Item = &'c str>,
    add: &str,
    path: &Path,
    report: &mut Report<'_>,
) {
    let fix = match guess(name, candidates, report) {
        Some(guess) => format!("did you mean `{guess}`?"),
        None => add.to_owned(),
    };
    report.wrong(path, format!("unknown {what} `{name}`"), fix);
}

/// The candidate that was probably meant. None is looked for when nobody will read it.
fn guess<'c>(
    name: &str,
    candidates: impl Iterator<Item = &'c str>,
    report: &Report<'_>,
) -> Option<&'c str> {
    if report.is_full() {
        return None;
    }
    // In the order of the alphabet, so that of two equally close the same is named every time.
    let mut candidates: Vec<_> = candidates.collect();
    candidates.sort_unstable();
    names::closest(name, candidates)
}
