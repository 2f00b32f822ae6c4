//! Registries of several crates made one.

use std::collections::{BTreeMap, HashMap};

use crate::{
    model::{MetricSpec, Registry, Status},
    names,
};

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
    /// Merges the registries of several crates, each with the name its file has in messages. What is
    /// the same in several is there once; of what differs the first holds, and the rest are
    /// conflicts. A single registry stays as it is.
    ///
    /// Each metric keeps the series limit its own registry has for that environment, and its own
    /// limit of labels. Required labels are those of all.
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
    /// let (merged, conflicts) = Registry::merge(parts, None);
    /// assert_eq!(merged.metrics[0].help, "Runs.");
    /// assert_eq!(conflicts[0].what, "the metric `runs_total` differs in a.json and b.json");
    /// ```
    pub fn merge(
        registries: Vec<(String, Self)>,
        environment: Option<&str>,
    ) -> (Self, Vec<Conflict>) {
        let several = registries.len() > 1;
        let mut registries = registries.into_iter();
        let Some((file, first)) = registries.next() else { return Default::default() };
        if !several {
            return (first, Vec::new());
        }
        let mut merging = Merging { environment, ..Merging::default() };
        merging.add(&file, first);
        registries.for_each(|(file, next)| merging.add(&file, next));
        merging.finish()
    }
}

/// A merge under way.
#[derive(Default)]
struct Merging<'e> {
    environment: Option<&'e str>,
    merged: Registry,
    /// The metrics as they were read, each with its limits, and its file.
    metrics: Vec<(MetricSpec, Limits, String)>,
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
        merged.alerts.append(&mut next.alerts);
        merged.dashboards.append(&mut next.dashboards);
        merged.slos.append(&mut next.slos);
        merged.reports.append(&mut next.reports);
        let (files, conflicts) = (&mut self.files, &mut self.conflicts);
        let mut shared = Shared { file, files, conflicts };
        shared.add("label", &mut merged.labels, next.labels);
        shared.add("owner", &mut merged.owners, next.owners);
        shared.add("policy of the module", &mut merged.modules, next.modules);
        for metric in next.metrics {
            self.add_metric(metric, limits, file);
        }
    }

    fn add_metric(&mut self, metric: MetricSpec, limits: Limits, file: &str) {
        let is_deprecated = matches!(metric.status, Status::Deprecated(_));
        let mut written = names::written(&metric.name, metric.metric_type, is_deprecated);
        for rollup in &metric.rollups {
            written.extend(names::written(&rollup.name, metric.metric_type, false));
        }
        let clash = written.iter().find_map(|name| Some((name, *self.written.get(name)?)));
        if let Some((name, at)) = clash
            && let Some((there, _, first)) = self.metrics.get(at)
        {
            // Within one file the lints have their say.
            if *there != metric && first != file {
                let same = there.name == metric.name;
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
        self.metrics.push((metric, limits, file.to_owned()));
    }

    fn finish(mut self) -> (Registry, Vec<Conflict>) {
        let metrics = self.metrics.into_iter().map(|(mut metric, limits, _)| {
            let _own = metric.series_limit.get_or_insert(limits.series);
            metric.max_labels = metric.max_labels.or(limits.labels);
            metric
        });
        self.merged.metrics = metrics.collect();
        (self.merged, self.conflicts)
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

fn differs(what: &str, name: &str, first: &str, second: &str) -> Conflict {
    Conflict {
        what: format!("the {what} `{name}` differs in {first} and {second}"),
        fix: format!("make both the same, or rename one; until then that of {first} holds"),
    }
}
