//! Names that are taken twice, by the metric itself or by what formats make of it.

use std::collections::BTreeMap;

use crate::{
    locate::Path,
    model::{MetricSpec, MetricType, Registry, Status},
    report::Report,
};

pub(super) fn check(registry: &Registry, report: &mut Report<'_>) {
    let mut taken: BTreeMap<String, &str> = BTreeMap::new();
    for (index, metric) in registry.metrics.iter().enumerate() {
        // A metric without a name is reported as such.
        if metric.name.is_empty() {
            continue;
        }
        let path = Path::default().then("metrics").then(index).then("name");
        let names = written_names(metric);
        let clash = names.iter().find_map(|name| Some((name, *taken.get(name)?)));
        match clash {
            Some((_, other)) if other == metric.name => {
                report.wrong(
                    &path,
                    format!("metric `{other}` stands here twice"),
                    "keep one of them",
                );
            }
            Some((name, other)) => {
                let what = format!("`{}` and `{other}` both write `{name}`", metric.name);
                report.wrong(&path, what, "rename one of them");
            }
            None => {}
        }
        for name in names {
            let _first = taken.entry(name).or_insert(&metric.name);
        }
    }
}

/// Every name that the formats write for a metric. OpenMetrics calls the family of a counter by
/// its name without `_total`.
fn written_names(metric: &MetricSpec) -> Vec<String> {
    let name = metric.name.as_str();
    let (base, suffixes): (&str, &[&str]) = match metric.metric_type {
        MetricType::Counter => match name.strip_suffix("_total") {
            Some(base) => (base, &["_total", "_created"]),
            None => (name, &[]),
        },
        MetricType::Gauge => (name, &[]),
        MetricType::Histogram => (name, &["_bucket", "_count", "_created", "_sum"]),
        MetricType::Summary => (name, &["_count", "_created", "_sum"]),
    };
    let mut names = vec![name.to_owned()];
    if base != name && !base.is_empty() {
        names.push(base.to_owned());
    }
    names.extend(
        suffixes.iter().map(|suffix| format!("{base}{suffix}")).filter(|made| made != name),
    );
    if matches!(metric.status, Status::Deprecated(_)) {
        names.push(format!("{name}_deprecated"));
    }
    names
}
