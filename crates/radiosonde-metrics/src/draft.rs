//! A registry out of what was observed: what somebody who wants one begins with.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use radiosonde_registry::{DEFAULT_SERIES_LIMIT, MetricType, is_command};

use crate::buckets;
use crate::family::Guarded;
use crate::hub::Metrics;
use crate::labels::fit_name;
use crate::refusal::Entry;

/// Values that are listed; a label with more of them is likely to have others tomorrow.
const LISTED_MAX: usize = 10;

/// What only a person can say.
const PLACEHOLDER: &str = "…";

impl Metrics {
    /// A `registry.json` of everything that was recorded without a registry entry: types, units,
    /// help, and labels, with a list of values where there were at most ten, else a limit. Of what was
    /// refused because the registry does not have it, there are the names, and those of its labels.
    /// `…` stands where a person has to say something, and the owner is `undecided`.
    ///
    /// The text can be read by [`Registry::parse`](radiosonde_registry::Registry::parse), unless a
    /// lint has something against a name or a label; that, too, is for a person to decide.
    pub fn registry_draft(&self) -> String {
        let observed = self.0.catalogue.observed();
        let mut drafts: Vec<Draft> = observed.iter().filter_map(Draft::of).collect();
        let entries = self.0.catalogue.refusal_entries();
        drafts.extend(entries.iter().filter_map(|entry| Draft::of_refused(entry)));
        drafts.sort_by(|a, b| a.name.cmp(&b.name));
        // Two spellings may have become one name, and a library may write what we were refused.
        drafts.dedup_by(|a, b| a.name == b.name);
        let listed = listed(&drafts);
        let mut text = String::from("{\n  \"schema_version\": 1,\n  \"labels\": {");
        for (at, (name, values)) in values_by_label(&drafts).iter().enumerate() {
            let separator = if at == 0 { "\n" } else { ",\n" };
            // Writing to a string does not fail.
            let _ = write!(text, "{separator}    {}: ", quote(name));
            let _ = if listed.contains(name) {
                write!(text, "{{\"values\": [{}]}}", list(values.iter().map(|value| &**value)))
            } else {
                write!(text, "{{\"max_values\": {}}}", limit(values.len()))
            };
        }
        let _ = write!(
            text,
            "\n  }},\n  \"owners\": {{\"undecided\": {{\"slack\": {}}}}},\n  \"metrics\": [",
            quote("#undecided")
        );
        for (at, draft) in drafts.iter().enumerate() {
            text.push_str(if at == 0 { "\n" } else { ",\n" });
            draft.write(&mut text);
        }
        text.push_str("\n  ]\n}\n");
        text
    }
}

/// What is known of a metric.
struct Draft {
    name: Arc<str>,
    metric_type: MetricType,
    unit: Option<Arc<str>>,
    help: Option<Arc<str>>,
    /// Of a histogram, where they are known.
    bounds: Arc<[f64]>,
    labels: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
}

impl Draft {
    /// `None` where there are handles, and nothing was ever written with one.
    fn of(family: &Arc<Guarded>) -> Option<Self> {
        let mut labels = BTreeMap::<Arc<str>, BTreeSet<_>>::new();
        let mut all: Vec<_> = family.all_series().enumerate().collect();
        let described_only = all.is_empty();
        all.retain(|(place, series)| family.value(*place, series).is_some());
        if all.is_empty() && !described_only {
            return None;
        }
        for (_, series) in all {
            if series.folded.is_some() {
                continue;
            }
            for (name, value) in family.labels_of(series) {
                let _ = labels.entry(name).or_default().insert(value);
            }
        }
        let info = &family.info;
        Some(Self {
            name: info.name.clone(),
            metric_type: info.metric_type,
            unit: info.unit.get().cloned(),
            help: info.help.get().cloned(),
            bounds: info.bounds.clone(),
            labels,
        })
    }

    /// Of a metric that the registry does not have.
    fn of_refused(entry: &Entry) -> Option<Self> {
        let (name, metric_type, labels) = entry.wanted()?;
        Some(Self {
            name: Arc::from(&*fit_name(name, true)),
            metric_type,
            unit: None,
            help: None,
            bounds: Arc::from([]),
            labels: labels.iter().map(|label| (label.clone(), BTreeSet::new())).collect(),
        })
    }

    fn write(&self, text: &mut String) {
        let unit = match &self.unit {
            Some(unit) => unit,
            None if self.name.ends_with("_seconds") => "seconds",
            None if self.name.ends_with("_bytes") => "bytes",
            None => "1",
        };
        let help = self.help.as_deref().map(str::trim).filter(|help| !help.is_empty());
        let _ = write!(
            text,
            "    {{\"name\": {}, \"type\": \"{}\", \"unit\": {}, \"owner\": \"undecided\",\n     \
             \"help\": {}",
            quote(&self.name),
            self.metric_type,
            quote(&printable(unit)),
            quote(&printable(help.unwrap_or(PLACEHOLDER)))
        );
        if !self.labels.is_empty() {
            let _ =
                write!(text, ", \"labels\": [{}]", list(self.labels.keys().map(|name| &**name)));
        }
        // Those it would get anyway need not be said.
        let is_said =
            !self.bounds.is_empty() && self.bounds != buckets::default_for(&self.name, Some(unit));
        if self.metric_type == MetricType::Histogram && is_said {
            let bounds = self.bounds.iter().map(f64::to_string);
            let _ =
                write!(text, ",\n     \"buckets\": [{}]", bounds.collect::<Vec<_>>().join(", "));
        }
        text.push('}');
    }
}

fn values_by_label(drafts: &[Draft]) -> BTreeMap<Arc<str>, BTreeSet<Arc<str>>> {
    let mut all = BTreeMap::<Arc<str>, BTreeSet<Arc<str>>>::new();
    for (name, values) in drafts.iter().flat_map(|draft| &draft.labels) {
        all.entry(name.clone()).or_default().extend(values.iter().cloned());
    }
    all
}

/// The labels whose values are listed: those with few, and of these as many as every metric that has
/// them can bear within its limit.
fn listed(drafts: &[Draft]) -> BTreeSet<Arc<str>> {
    let values = values_by_label(drafts);
    let few = values.iter().filter(|(_, values)| {
        (1..=LISTED_MAX).contains(&values.len())
            && values
                .iter()
                .all(|value| !["_other", radiosonde_redact::REDACTED].contains(&&**value))
    });
    let mut listed: BTreeSet<Arc<str>> = few.map(|(name, _)| name.clone()).collect();
    let count = |name: &Arc<str>| values.get(name).map_or(1, BTreeSet::len);
    for draft in drafts {
        loop {
            let of_it = || draft.labels.keys().filter(|name| listed.contains(*name));
            let product = of_it().fold(1_usize, |all, name| all.saturating_mul(count(name)));
            if product <= DEFAULT_SERIES_LIMIT {
                break;
            }
            let Some(widest) = of_it().max_by_key(|name| count(name)).cloned() else { break };
            let _ = listed.remove(&widest);
        }
    }
    listed
}

/// Twice what there was, in round numbers.
fn limit(values: usize) -> usize {
    let wanted = values.saturating_mul(2);
    [10, 20, 50, 100].into_iter().find(|round| *round >= wanted).unwrap_or(DEFAULT_SERIES_LIMIT)
}

fn list<'t>(texts: impl Iterator<Item = &'t str>) -> String {
    texts.map(quote).collect::<Vec<_>>().join(", ")
}

/// What a library says of its metrics, without the characters that no registry may hold.
fn printable(text: &str) -> String {
    text.replace(is_command, "\u{fffd}")
}

/// A JSON string.
fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
