//! Metrics by their series, and the labels that make so many.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashSet};
use std::hash::{Hash, Hasher};

use serde_json::json;

use super::Section;
use super::growth::Sum;
use crate::render::metric::{Metric, number};
use crate::render::table::{Behind, Narrow};
use crate::render::text::{many, shown, start_of};

/// Series and values of labels, by metric.
#[derive(Debug, Default)]
pub(super) struct Labels {
    of: BTreeMap<String, OfMetric>,
    /// Hashes kept, over all metrics.
    kept: usize,
    /// Whether there were more, so that counts are too low.
    is_full: bool,
}

#[derive(Debug, Default)]
struct OfMetric {
    series: HashSet<u64>,
    labels: BTreeMap<String, Values>,
    /// What the guard says: how many may be there, the highest of all processes.
    limit: Option<f64>,
}

#[derive(Debug, Default)]
struct Values {
    different: HashSet<u64>,
    /// The first few.
    samples: Vec<String>,
}

impl Labels {
    pub(super) fn take(&mut self, metric: &Metric<'_>) {
        if metric.name == LIMIT {
            let of = metric.labels.iter().find(|(name, _)| *name == "metric");
            if let Some((_, of)) = of
                && let Some(entry) = self.entry(of)
            {
                entry.limit = match (entry.limit, metric.value) {
                    (Some(one), Some(other)) => Some(one.max(other)),
                    (one, other) => one.or(other),
                };
            }
        }
        // What telemetry tells of itself is not what explodes.
        if metric.name.starts_with(super::OWN) || BESIDE.contains(&metric.name) {
            return;
        }
        let mut room = KEPT_MAX.saturating_sub(self.kept);
        let before = room;
        let mut is_full = false;
        let Some(entry) = self.entry(metric.name) else { return };
        let whole = hash(&metric.labels);
        is_full |= !keep(&mut entry.series, whole, &mut room);
        for (label, value) in &metric.labels {
            if entry.labels.len() >= LABELS_MAX && !entry.labels.contains_key(*label) {
                is_full = true;
                continue;
            }
            let values = entry.labels.entry((*label).to_owned()).or_default();
            let before = values.different.len();
            is_full |= !keep(&mut values.different, hash(value), &mut room);
            if values.different.len() > before && values.samples.len() < SAMPLES_MAX {
                values.samples.push(start_of(value, SAMPLE_BYTES_MAX).to_owned());
            }
        }
        self.kept += before - room;
        self.is_full |= is_full;
    }

    fn entry(&mut self, metric: &str) -> Option<&mut OfMetric> {
        if !self.of.contains_key(metric) {
            if self.of.len() >= METRICS_MAX {
                self.is_full = true;
                return None;
            }
            let _ = self.of.insert(metric.to_owned(), OfMetric::default());
        }
        self.of.get_mut(metric)
    }

    pub(super) fn section(&self, growth: &[Sum], rows: usize) -> Section {
        let mut refused: BTreeMap<&str, BTreeMap<&str, f64>> = BTreeMap::new();
        for sum in growth.iter().filter(|sum| sum.metric == REFUSED) {
            let of = refused.entry(sum.label("metric")).or_default();
            *of.entry(sum.label("reason")).or_default() += sum.by;
        }
        let count = |metric: &str| refused.get(metric).map_or(0.0, |of| of.values().sum::<f64>());
        let nothing = OfMetric::default();
        let mut all: Vec<(&str, &OfMetric)> =
            self.of.iter().map(|(name, of)| (name.as_str(), of)).collect();
        // A metric of which every write was refused has no series.
        let unseen = refused.keys().filter(|metric| !self.of.contains_key(**metric));
        all.extend(unseen.map(|metric| (*metric, &nothing)));
        all.retain(|(name, of)| !of.series.is_empty() || count(name) > 0.0);
        all.sort_by(|(a, of_a), (b, of_b)| {
            let by_refused = count(b).total_cmp(&count(a));
            by_refused.then(of_b.series.len().cmp(&of_a.series.len())).then_with(|| a.cmp(b))
        });
        let (mut table, mut objects) = (Vec::new(), Vec::new());
        for (name, of) in all.iter().take(rows) {
            let reasons = refused.get(name);
            let told = reasons.map(|reasons| {
                let each = reasons.iter().map(|(reason, count)| {
                    format!("{} refused or folded: {}", number(*count), shown(reason))
                });
                each.collect::<Vec<_>>().join(", ")
            });
            let worst = of.worst();
            table.push(vec![
                of.series.len().to_string(),
                of.limit.map_or(String::new(), number),
                shown(name),
                [
                    worst
                        .iter()
                        .filter(|label| label.count > 1)
                        .take(2)
                        .map(Worst::told)
                        .collect::<Vec<_>>()
                        .join(", "),
                    told.unwrap_or_default(),
                ]
                .into_iter()
                .filter(|part| !part.is_empty())
                .collect::<Vec<_>>()
                .join("; "),
            ]);
            objects.push(json!({
                "top": "label", "metric": name, "series": of.series.len(), "limit": of.limit,
                "refused": reasons,
                "labels": worst.iter().map(Worst::json).collect::<Vec<_>>(),
            }));
        }
        let others = (all.len() - objects.len()) as u64;
        let mut rest = Vec::new();
        if others > 0 {
            rest.push(format!("{} more", many(others, "metric")));
        }
        if self.is_full {
            rest.push("more series than were counted: the numbers are too low".to_owned());
        }
        Section {
            title: "most series, and the labels that make them".to_owned(),
            heading: vec!["series", "limit", "metric", "labels"],
            rows: table,
            right: &[0, 1],
            narrow: Narrow { gives: 2, least: METRIC_LEAST, goes: &[], behind: Behind::Ends },
            rest: (!rest.is_empty()).then(|| rest.join("; ")),
            objects,
        }
    }
}

/// A label with its values.
struct Worst<'a> {
    label: &'a str,
    count: usize,
    samples: &'a [String],
}

impl OfMetric {
    /// The labels, the one with the most values first.
    fn worst(&self) -> Vec<Worst<'_>> {
        let mut labels: Vec<Worst<'_>> = (self.labels.iter())
            .map(|(label, values)| Worst {
                label,
                count: values.different.len(),
                samples: &values.samples,
            })
            .collect();
        labels.sort_by(|a, b| b.count.cmp(&a.count).then(a.label.cmp(b.label)));
        labels
    }
}

impl Worst<'_> {
    /// `user_id 1203 values (u-1, u-2, u-3, …)`
    fn told(&self) -> String {
        let mut samples: Vec<String> = self.samples.iter().map(|value| shown(value)).collect();
        if self.count > samples.len() {
            samples.push("…".to_owned());
        }
        let count = many(self.count as u64, "value");
        format!("{} {count} ({})", shown(self.label), samples.join(", "))
    }

    fn json(&self) -> serde_json::Value {
        json!({"label": self.label, "values": self.count, "samples": self.samples})
    }
}

/// Keeps a hash if there is room; false where there is none.
fn keep(hashes: &mut HashSet<u64>, hash: u64, room: &mut usize) -> bool {
    if hashes.contains(&hash) {
        return true;
    }
    if *room == 0 {
        return false;
    }
    *room -= 1;
    hashes.insert(hash)
}

fn hash(value: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Columns of a metric's name that tell it from others.
const METRIC_LEAST: usize = 24;
/// Ours as well, though not by their names.
const BESIDE: [&str; 2] = ["metric_interval_seconds", "metric_last_seen_timestamp_seconds"];
const LIMIT: &str = "radiosonde_series_limit";
const REFUSED: &str = "radiosonde_metric_writes_refused_total";
const METRICS_MAX: usize = 5_000;
/// Of one metric.
const LABELS_MAX: usize = 64;
/// About 32 MiB of hashes.
const KEPT_MAX: usize = 1 << 20;
const SAMPLES_MAX: usize = 3;
const SAMPLE_BYTES_MAX: usize = 40;
