//! Registries of several crates made one.

use std::collections::{BTreeMap, HashMap};

use crate::{
    model::{LabelSpec, MetricSpec, Registry, Status},
    names,
};

/// What becomes of the registries of several crates: [`Registry::merge`].
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Merged {
    /// All metrics. Its labels are those of the first file that declares them: what a label is for a
    /// metric, [`Merged::labels`] says.
    pub registry: Registry,
    /// The labels each metric has.
    pub labels: LabelsByFile,
    /// What cannot be had both ways.
    pub conflicts: Vec<Conflict>,
}

/// Labels as the file of each metric declares them: two crates may well mean different things by
/// `outcome`. Empty where there is one file only.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LabelsByFile {
    /// Name and labels of each file, in their order.
    files: Vec<(String, BTreeMap<String, LabelSpec>)>,
    /// The file of each metric, by its place.
    metrics: HashMap<String, usize>,
}

impl LabelsByFile {
    /// The labels of the file that a metric is from; `None` when there is one file only.
    pub fn of(&self, metric: &str) -> Option<&BTreeMap<String, LabelSpec>> {
        self.files.get(*self.metrics.get(metric)?).map(|(_, labels)| labels)
    }

    /// What the files say about a label, each with its name.
    pub fn declared<'l>(&'l self, label: &str) -> Vec<(&'l str, &'l LabelSpec)> {
        let of = |(file, labels): &'l (String, BTreeMap<_, _>)| Some((&**file, labels.get(label)?));
        self.files.iter().filter_map(of).collect()
    }
}

/// Two registries that say different things under one name. The first one's holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Conflict {
    /// What is said twice, and in which files.
    pub what: String,
    /// What to do about it.
    pub fix: String,
}

impl Registry {
    /// Merges the registries of several crates, each with the name its file has in messages; of
    /// equal names the second has ` (2)` behind it, and so on. What is the same in several is there
    /// once; of what differs the first holds, and the rest are conflicts. A single registry stays as
    /// it is.
    ///
    /// Each metric keeps the series limit its own registry has for that environment, its own limit of
    /// labels, and what its own registry says about its labels. Required labels are those of all.
    ///
    /// ```
    /// use radiosonde_registry::Registry;
    ///
    /// let of = |help: &str| {
    ///     let text = format!(
    ///         r#"{{"schema_version": 1, "metrics": [
    ///             {{"name": "runs_total", "type": "counter", "unit": "runs", "help": "{help}"}}]}}"#
    ///     );
    ///     Registry::parse("registry.json", &text).expect("it stands above")
    /// };
    /// let parts = vec![("a.json".to_owned(), of("Runs.")), ("b.json".to_owned(), of("Jobs."))];
    /// let merged = Registry::merge(parts, None);
    /// assert_eq!(merged.registry.metrics[0].help, "Runs.");
    /// let differs = "the metric `runs_total` differs in a.json and b.json";
    /// assert_eq!(merged.conflicts[0].what, differs);
    /// ```
    pub fn merge(registries: Vec<(String, Self)>, environment: Option<&str>) -> Merged {
        let several = registries.len() > 1;
        let mut registries = told_apart(registries);
        let Some((file, first)) = registries.next() else { return Merged::default() };
        if !several {
            return Merged { registry: first, ..Merged::default() };
        }
        let mut merging = Merging { environment, ..Merging::default() };
        merging.add(&file, first);
        registries.for_each(|(file, next)| merging.add(&file, next));
        merging.finish()
    }
}

/// Of several files of one name, as most are called `registry.json`, each but the first gets a number.
fn told_apart(registries: Vec<(String, Registry)>) -> impl Iterator<Item = (String, Registry)> {
    let mut met: HashMap<String, usize> = HashMap::new();
    registries.into_iter().map(move |(file, registry)| {
        let nth = met.entry(file.clone()).or_default();
        *nth += 1;
        let name = if *nth == 1 { file } else { format!("{file} ({nth})") };
        (name, registry)
    })
}

/// A merge under way.
#[derive(Default)]
struct Merging<'e> {
    environment: Option<&'e str>,
    merged: Registry,
    /// The metrics as they were read, each with its limits, and the place of its file.
    metrics: Vec<(MetricSpec, Limits, usize)>,
    /// Name and labels of each file.
    labels: Vec<(String, BTreeMap<String, LabelSpec>)>,
    /// Every name that is written, with the place of the metric it is written for.
    written: HashMap<String, usize>,
    /// The file each definition is from, by section and name.
    files: HashMap<(&'static str, String), String>,
    conflicts: Vec<Conflict>,
}

#[derive(Clone, Copy)]
struct Limits {
    series: usize,
    labels: Option<usize>,
}

impl Merging<'_> {
    fn add(&mut self, file: &str, mut next: Registry) {
        let limits =
            Limits { series: next.series_limit(self.environment), labels: next.max_labels };
        let merged = &mut self.merged;
        merged.schema_version = merged.schema_version.max(next.schema_version);
        merged.service = merged.service.take().or(next.service.take());
        for (name, environment) in next.environments {
            let _first = merged.environments.entry(name).or_insert(environment);
        }
        for label in next.required_labels {
            if !merged.required_labels.contains(&label) {
                merged.required_labels.push(label);
            }
        }
        let (files, conflicts) = (&mut self.files, &mut self.conflicts);
        let mut shared = Shared { file, files, conflicts };
        shared.list("alert", &mut merged.alerts, next.alerts, |it| &it.id);
        shared.list("dashboard", &mut merged.dashboards, next.dashboards, |it| &it.uid);
        shared.list("objective", &mut merged.slos, next.slos, |it| &it.id);
        shared.list("report", &mut merged.reports, next.reports, |it| &it.id);
        shared.add("owner", &mut merged.owners, next.owners);
        shared.add("policy of the module", &mut merged.modules, next.modules);
        for (name, label) in &next.labels {
            let _first = merged.labels.entry(name.clone()).or_insert_with(|| label.clone());
        }
        self.labels.push((file.to_owned(), next.labels));
        for metric in next.metrics {
            self.add_metric(metric, limits);
        }
    }

    /// Whether a label of two metrics is the same.
    fn is_same_label(&self, label: &str, one: usize, other: usize) -> bool {
        let of = |file: usize| self.labels.get(file).and_then(|(_, labels)| labels.get(label));
        of(one) == of(other)
    }

    /// A metric of the file that was added last.
    fn add_metric(&mut self, metric: MetricSpec, limits: Limits) {
        let at_file = self.labels.len() - 1;
        let is_deprecated = matches!(metric.status, Status::Deprecated(_));
        let mut written = names::written(&metric.name, metric.metric_type, is_deprecated);
        for rollup in &metric.rollups {
            written.extend(names::written(&rollup.name, metric.metric_type, false));
        }
        let clash = written.iter().find_map(|name| Some((name, *self.written.get(name)?)));
        if let Some((name, at)) = clash
            && let Some((there, _, first)) = self.metrics.get(at)
        {
            let same_labels =
                || metric.labels.iter().all(|label| self.is_same_label(label, *first, at_file));
            // Within one file the lints have their say.
            if *first != at_file && (*there != metric || !same_labels()) {
                let same = there.name == metric.name;
                let [first, file] = [*first, at_file].map(|at| &*self.labels[at].0);
                self.conflicts.push(if same {
                    differs("metric", &metric.name, first, file)
                } else {
                    Conflict {
                        what: format!(
                            "`{}` in {first} and `{}` in {file} both write `{name}`",
                            there.name, metric.name
                        ),
                        fix: format!(
                            "rename one of them; until then `{}` is not registered",
                            metric.name
                        ),
                    }
                });
            }
            return;
        }
        let at = self.metrics.len();
        self.written.extend(written.into_iter().map(|name| (name, at)));
        self.metrics.push((metric, limits, at_file));
    }

    fn finish(mut self) -> Merged {
        let mut labels = LabelsByFile { files: self.labels, metrics: HashMap::new() };
        let metrics = self.metrics.into_iter().map(|(mut metric, limits, file)| {
            let _ = labels.metrics.insert(metric.name.clone(), file);
            let _own = metric.series_limit.get_or_insert(limits.series);
            metric.max_labels = metric.max_labels.or(limits.labels);
            metric
        });
        self.merged.metrics = metrics.collect();
        Merged { registry: self.merged, labels, conflicts: self.conflicts }
    }
}

/// What definitions that are shared by metrics are merged with.
struct Shared<'m> {
    file: &'m str,
    files: &'m mut HashMap<(&'static str, String), String>,
    conflicts: &'m mut Vec<Conflict>,
}

impl Shared<'_> {
    fn add<T: PartialEq>(
        &mut self,
        what: &'static str,
        all: &mut BTreeMap<String, T>,
        more: BTreeMap<String, T>,
    ) {
        for (name, definition) in more {
            match all.get(&name) {
                None => {
                    let _ = self.files.insert((what, name.clone()), self.file.to_owned());
                    let _ = all.insert(name, definition);
                }
                Some(there) if *there == definition => {}
                Some(_) => {
                    let first = self.files.get(&(what, name.clone())).map_or("", String::as_str);
                    self.conflicts.push(differs(what, &name, first, self.file));
                }
            }
        }
    }
}

impl Shared<'_> {
    /// As [`Shared::add`], of what says its own name.
    fn list<T: PartialEq>(
        &mut self,
        what: &'static str,
        all: &mut Vec<T>,
        more: Vec<T>,
        name: fn(&T) -> &String,
    ) {
        for definition in more {
            let key = (what, name(&definition).clone());
            let Some(first) = self.files.get(&key) else {
                let _ = self.files.insert(key, self.file.to_owned());
                all.push(definition);
                continue;
            };
            if !all.contains(&definition) {
                self.conflicts.push(differs(what, name(&definition), first, self.file));
            }
        }
    }
}

fn differs(what: &str, name: &str, first: &str, second: &str) -> Conflict {
    Conflict {
        what: format!("the {what} `{name}` differs in {first} and {second}"),
        fix: format!("make both the same, or rename one; until then that of {first} holds"),
    }
}
