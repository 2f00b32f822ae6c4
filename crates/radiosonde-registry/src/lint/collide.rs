//! Names that are taken twice, by the metric itself or by what formats make of it.

use std::collections::BTreeMap;

use crate::{
    locate::Path,
    model::{MetricSpec, MetricType, Registry, Status},
    names,
    report::Report,
};

/// Something that writes series under a name.
#[derive(Clone, Copy)]
struct Family<'r> {
    name: &'r str,
    metric_type: MetricType,
    is_deprecated: bool,
    noun: &'static str,
}

impl<'r> Family<'r> {
    fn of(metric: &'r MetricSpec) -> Self {
        Self {
            name: &metric.name,
            metric_type: metric.metric_type,
            is_deprecated: matches!(metric.status, Status::Deprecated(_)),
            noun: "metric",
        }
    }
}

pub(super) fn check(registry: &Registry, report: &mut Report<'_>) {
    let mut taken: BTreeMap<String, Family<'_>> = BTreeMap::new();
    let metrics = Path::default().then("metrics");
    // All metrics first: where a roll-up takes the name of one, the roll-up has to change.
    for (index, metric) in registry.metrics.iter().enumerate() {
        take(Family::of(metric), &metrics.then(index), &mut taken, report);
    }
    for (index, metric) in registry.metrics.iter().enumerate() {
        let path = metrics.then(index).then("rollups");
        for (index, rollup) in metric.rollups.iter().enumerate() {
            let family = Family {
                name: &rollup.name,
                noun: "roll-up",
                is_deprecated: false,
                ..Family::of(metric)
            };
            take(family, &path.then(index), &mut taken, report);
        }
    }
    in_otlp(registry, report);
}

/// Takes every name a family writes; the first that is taken already is reported.
fn take<'r>(
    family: Family<'r>,
    path: &Path,
    taken: &mut BTreeMap<String, Family<'r>>,
    report: &mut Report<'_>,
) {
    // One without a name is reported as such.
    if family.name.is_empty() {
        return;
    }
    let path = path.then("name");
    let names = names::written(family.name, family.metric_type, family.is_deprecated);
    let clash = names.iter().find_map(|name| Some((name, *taken.get(name)?)));
    match clash {
        Some((_, other)) if other.name == family.name && other.noun == family.noun => {
            let what = format!("{} `{}` stands here twice", family.noun, family.name);
            report.wrong(&path, what, "keep one of them");
        }
        Some((_, other)) if other.name == family.name => {
            let what = format!("`{}` is the name of a {} already", family.name, other.noun);
            report.wrong(&path, what, format!("give the {} a name of its own", family.noun));
        }
        Some((name, other)) => {
            let what = format!("`{}` and `{}` both write `{name}`", family.name, other.name);
            report.wrong(&path, what, "rename one of them");
        }
        None => {}
    }
    for name in names {
        let _first = taken.entry(name).or_insert(family);
    }
}

/// Two metrics of one name would become one in OTLP.
fn in_otlp(registry: &Registry, report: &mut Report<'_>) {
    let mut taken: BTreeMap<&str, &str> = BTreeMap::new();
    for metric in registry.metrics.iter().filter(|metric| otel_name(metric).is_none()) {
        let _first = taken.entry(&metric.name).or_insert(&metric.name);
    }
    for (index, metric) in registry.metrics.iter().enumerate() {
        let Some(name) = otel_name(metric) else { continue };
        if let Some(other) = taken.insert(name, &metric.name) {
            let path = Path::default().then("metrics").then(index).then("otel").then("name");
            let what = format!("`{other}` is called `{name}` in OTLP already");
            report.wrong(&path, what, "give one of them another name");
        }
    }
}

fn otel_name(metric: &MetricSpec) -> Option<&str> {
    metric.otel.as_ref()?.name.as_deref()
}
