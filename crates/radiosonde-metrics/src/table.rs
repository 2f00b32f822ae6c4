//! The series of one family by their label set. The caller holds the lock.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::family::Info;
use crate::fault::Fault;
use crate::labels::{LabelRule, Pairs};
use crate::refusal::Entry;
use crate::series::{Identity, Series};
use crate::snapshot::Labels;

/// The label that marks an overflow set, as OpenTelemetry calls it.
pub(crate) const OVERFLOW_LABEL: &str = "otel_metric_overflow";

/// What a free label is in an overflow set.
const OVERFLOW_VALUE: &str = "_other";

#[derive(Debug)]
pub(crate) struct Table {
    series: HashMap<Box<[u8]>, Arc<Series>>,
    /// By the values of the enumerated labels. Bounded by the registry, therefore outside the cap.
    overflow: HashMap<Box<[u8]>, Arc<Series>>,
    /// Both, in the order they came: whatever sums series does it in this order, so that no sum of
    /// floats ever falls.
    order: Vec<Arc<Series>>,
    /// The values of each declared label: to count them, and to share one text per value.
    values: Vec<HashSet<Arc<str>>>,
}

impl Table {
    /// For a family with that many declared labels.
    pub(crate) fn new(declared: usize) -> Self {
        let values = vec![HashSet::new(); declared];
        Self { series: HashMap::new(), overflow: HashMap::new(), order: Vec::new(), values }
    }

    pub(crate) fn series(&self, encoded: &[u8]) -> Option<Arc<Series>> {
        self.series.get(encoded).cloned()
    }

    pub(crate) fn overflow(&self, encoded: &[u8]) -> Option<Arc<Series>> {
        self.overflow.get(encoded).cloned()
    }

    /// Whether a label set that is not there may become a series.
    pub(crate) fn has_room(
        &self,
        cap: usize,
        rules: &[LabelRule],
        pairs: &Pairs<'_>,
    ) -> Result<(), Fault<'static>> {
        if self.series.len() >= cap {
            return Err(Fault::SeriesCap(cap));
        }
        for ((rule, known), (_, value)) in rules.iter().zip(&self.values).zip(pairs.iter()) {
            if let Some(max) = rule.max_values
                && known.len() >= max
                && !known.contains(value)
            {
                return Err(Fault::LabelValues { label: rule.name().to_owned().into(), max });
            }
        }
        Ok(())
    }

    pub(crate) fn insert(
        &mut self,
        info: &Arc<Info>,
        encoded: Vec<u8>,
        rules: &[LabelRule],
        pairs: &Pairs<'_>,
    ) -> Arc<Series> {
        let mut labels = Labels::new();
        for (i, (name, value)) in pairs.iter().enumerate() {
            match rules.get(i).zip(self.values.get_mut(i)) {
                Some((rule, known)) => {
                    labels.push((rule.shared_name().clone(), share(known, value)));
                }
                None => labels.push((Arc::from(name), Arc::from(value))),
            }
        }
        let series = Arc::new(Series::new(Identity { info: info.clone(), labels }, None));
        let _ = self.series.insert(encoded.into_boxed_slice(), series.clone());
        self.order.push(series.clone());
        series
    }

    /// The overflow set of a label set. `folded` counts each write to it.
    pub(crate) fn insert_overflow(
        &mut self,
        info: &Arc<Info>,
        rules: &[LabelRule],
        pairs: &Pairs<'_>,
        folded: Arc<Entry>,
    ) -> Arc<Series> {
        let encoded = pairs.encode_enumerated(rules);
        if let Some(series) = self.overflow(&encoded) {
            return series;
        }
        let mut labels: Labels = vec![(Arc::from(OVERFLOW_LABEL), Arc::from("true"))];
        for (rule, (_, value)) in rules.iter().zip(pairs.iter()) {
            let value = if rule.is_closed() { value } else { OVERFLOW_VALUE };
            labels.push((rule.shared_name().clone(), Arc::from(value)));
        }
        labels.sort_by(|a, b| a.0.cmp(&b.0));
        let series = Arc::new(Series::new(Identity { info: info.clone(), labels }, Some(folded)));
        let _ = self.overflow.insert(encoded.into_boxed_slice(), series.clone());
        self.order.push(series.clone());
        series
    }

    /// Series, the overflow sets not counted.
    pub(crate) fn len(&self) -> usize {
        self.series.len()
    }

    /// All series, the overflow sets too, in the order they came.
    pub(crate) fn all(&self) -> &[Arc<Series>] {
        &self.order
    }
}

fn share(known: &mut HashSet<Arc<str>>, value: &str) -> Arc<str> {
    if let Some(shared) = known.get(value) {
        return shared.clone();
    }
    let shared: Arc<str> = Arc::from(value);
    let _ = known.insert(shared.clone());
    shared
}
