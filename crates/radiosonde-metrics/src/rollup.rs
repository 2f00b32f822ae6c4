//! Roll-ups: sums over the series of one metric, made from the values of the same snapshot.
//!
//! A sum of floats depends on the order of its terms, so that another order could show a smaller
//! one, which would read as a restart. The series of a table have one order, in which new ones come
//! last, and rounding is monotone: while no term falls, no sum does.

use std::collections::HashMap;
use std::sync::Arc;

use radiosonde_registry::{MetricSpec, MetricType, Rollup as Spec};

use crate::family::{Guarded, OVERFLOW_LABEL};
use crate::labels::LabelRule;
use crate::snapshot::{self, Family, Labels, Value};
use crate::values::zero;

/// A sum over some labels of a metric.
#[derive(Debug)]
pub(crate) struct Rollup {
    pub(crate) name: Arc<str>,
    help: Arc<str>,
    /// The labels that stay, as positions among those of the metric.
    kept: Box<[usize]>,
    /// All labels of the metric. A constant label of the same name says nothing about a sum.
    labels: Arc<[Arc<str>]>,
    /// Whether sums that are known beforehand exist at 0 from the start.
    from_zero: bool,
}

impl Rollup {
    /// The roll-up of a metric; what is wrong with it otherwise, and what to do.
    pub(crate) fn new(
        spec: &Spec,
        metric: &MetricSpec,
        rules: &[LabelRule],
    ) -> Result<Self, (String, &'static str)> {
        let told = format!("the roll-up `{}` of `{}`", spec.name, metric.name);
        if !matches!(metric.metric_type, MetricType::Counter | MetricType::Histogram) {
            let fix = "delete it: only counters and histograms can be summed";
            return Err((format!("{told} sums a {}", metric.metric_type), fix));
        }
        let mut kept = Vec::with_capacity(spec.by.len());
        for label in &spec.by {
            match rules.iter().position(|rule| rule.name() == label) {
                Some(at) => kept.push(at),
                None => {
                    let fix = "name labels of the metric in `by`, or leave it out for one sum";
                    return Err((format!("{told} keeps `{label}`, which the metric has not"), fix));
                }
            }
        }
        kept.sort_unstable();
        kept.dedup();
        Ok(Self {
            name: Arc::from(spec.name.as_str()),
            help: Arc::from(spec.help.as_deref().unwrap_or(&metric.help)),
            kept: kept.into(),
            labels: rules.iter().map(|rule| rule.shared_name().clone()).collect(),
            from_zero: metric.zero_init.unwrap_or(true),
        })
    }

    /// The sums of these series, in the order of their table, each with its place there.
    pub(crate) fn sum(&self, family: &Guarded, all: &[(usize, snapshot::Series)]) -> Family {
        let mut sums = Sums::default();
        if self.from_zero {
            self.begin(family, &mut sums);
        }
        for (_, snapshot::Series { labels, value, .. }) in all {
            // The mark of an overflow set is no label of the metric.
            let own = labels.iter().filter(|(name, _)| **name != *OVERFLOW_LABEL);
            let values: Vec<&Arc<str>> = own.map(|(_, value)| value).collect();
            let key = self.kept.iter().filter_map(|at| values.get(*at).map(|v| (*v).clone()));
            add(sums.at(key.collect(), family), value);
        }
        let labelled = |values: &[Arc<str>]| -> Labels {
            let names = self.kept.iter().filter_map(|at| self.labels.get(*at).cloned());
            names.zip(values.iter().cloned()).collect()
        };
        let series = sums
            .all
            .into_iter()
            .map(|(values, value)| snapshot::Series::new(labelled(&values), value));
        Family {
            name: self.name.clone(),
            metric_type: family.info.metric_type,
            unit: family.info.unit.get().cloned(),
            help: self.help.clone(),
            series: series.collect(),
            summed_over: Some(self.labels.clone()),
        }
    }

    /// Sums whose labels all have lists of values: one that began above 0 would never show in a
    /// rate.
    fn begin(&self, family: &Guarded, sums: &mut Sums) {
        let list = |at: &usize| family.rules().get(*at).and_then(LabelRule::values);
        let Some(lists) = self.kept.iter().map(list).collect::<Option<Vec<_>>>() else { return };
        let product = lists.iter().fold(1_usize, |n, list| n.saturating_mul(list.len()));
        for nth in 0..if product > family.cap { 0 } else { product } {
            let mut rest = nth;
            let key = lists.iter().filter_map(|list| {
                let value = list.get(rest % list.len().max(1)).cloned();
                rest /= list.len().max(1);
                value
            });
            let _zero = sums.at(key.collect(), family);
        }
    }
}

/// The sums so far, in the order they began.
#[derive(Default)]
struct Sums {
    places: HashMap<Vec<Arc<str>>, usize>,
    all: Vec<(Vec<Arc<str>>, Value)>,
}

impl Sums {
    fn at(&mut self, key: Vec<Arc<str>>, family: &Guarded) -> &mut Value {
        let next = self.all.len();
        let place = *self.places.entry(key.clone()).or_insert(next);
        if place == next {
            self.all.push((key, zero(family)));
        }
        &mut self.all[place].1
    }
}

/// Adds and stays finite, as the series themselves do.
fn add(sum: &mut Value, more: &Value) {
    match (sum, more) {
        (Value::Counter(sum), Value::Counter(more)) => *sum = sum.saturating_add(*more),
        (
            Value::Histogram { counts: all, sum, count, .. },
            Value::Histogram { counts: more, sum: more_sum, .. },
        ) => {
            all.iter_mut().zip(more).for_each(|(all, more)| *all = all.saturating_add(*more));
            *count = all.iter().fold(0, |sum: u64, n| sum.saturating_add(*n));
            *sum = (*sum + more_sum).clamp(f64::MIN, f64::MAX);
        }
        // Every series of a family has a value of its type.
        _ => {}
    }
}
