//! Alerts, dashboards, objectives and reports: what changes in them breaks nobody, but they break
//! when a name they read goes.

use std::collections::BTreeMap;

use radiosonde_registry::{MetricType, NamedQuery, Query, Registry};

use super::changes::{Changes, both};

pub(super) fn compare(old: &Registry, new: &Registry, changes: &mut Changes) {
    section("alerts", &old.alerts, &new.alerts, |it| &it.id, changes);
    section("dashboards", &old.dashboards, &new.dashboards, |it| &it.uid, changes);
    section("slos", &old.slos, &new.slos, |it| &it.id, changes);
    section("reports", &old.reports, &new.reports, |it| &it.id, changes);
}

fn section<T: PartialEq>(
    key: &str,
    old: &[T],
    new: &[T],
    id: impl Fn(&T) -> &String,
    changes: &mut Changes,
) {
    let by_id = |list| -> BTreeMap<_, _> { Iterator::map(list, |it| (id(it), it)).collect() };
    let (old, new): (BTreeMap<&String, &T>, _) = (by_id(old.iter()), by_id(new.iter()));
    for (name, before, after) in both(&old, &new) {
        let what = match (before, after) {
            (None, _) => "added",
            (_, None) => "removed",
            (Some(before), Some(after)) if before != after => "changed",
            _ => continue,
        };
        let _ = changes.compatible(format!("{key}.{name}"), what);
    }
}

/// Who reads which word: a name of a metric in the short form, any word of an expression.
pub(super) struct Readers(BTreeMap<String, Vec<String>>);

impl Readers {
    pub(super) fn of(registry: &Registry) -> Self {
        let mut readers = Self(BTreeMap::new());
        for alert in &registry.alerts {
            let who = format!("alert `{}`", alert.id);
            readers.query(&alert.query, &who);
            let queries = alert.runbook.iter().flat_map(|runbook| &runbook.queries);
            readers.queries(queries, &who);
        }
        for dashboard in &registry.dashboards {
            let who = format!("dashboard `{}`", dashboard.uid);
            let panels = dashboard.panels.iter().flat_map(|panel| &panel.queries);
            readers.queries(panels.chain(&dashboard.annotations), &who);
        }
        for slo in &registry.slos {
            let who = format!("objective `{}`", slo.id);
            let indicator = &slo.indicator;
            let texts = [&indicator.metric, &indicator.good_expr, &indicator.total_expr];
            texts.into_iter().flatten().for_each(|text| readers.words(text, &who));
        }
        for report in &registry.reports {
            let who = format!("report `{}`", report.id);
            readers.queries(report.sections.iter().flat_map(|section| &section.queries), &who);
        }
        readers
    }

    /// Who reads a metric, by its name or that of one of its parts, in one line.
    pub(super) fn told(&self, name: &str, metric_type: MetricType) -> Option<String> {
        let parts = metric_type.parts().iter().chain(&[""]);
        let words = parts.filter_map(|part| self.0.get(&format!("{name}{part}")));
        let mut who: Vec<&str> = words.flatten().map(String::as_str).collect();
        who.sort_unstable();
        who.dedup();
        let more = who.len().saturating_sub(READERS_MAX);
        who.truncate(READERS_MAX);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        (!who.is_empty()).then(|| format!("read by {}{more}", who.join(", ")))
    }

    fn queries<'q>(&mut self, queries: impl Iterator<Item = &'q NamedQuery>, who: &str) {
        queries.for_each(|named| self.query(&named.query, who));
    }

    fn query(&mut self, query: &Query, who: &str) {
        let texts = [&query.metric, &query.expr];
        texts.into_iter().flatten().for_each(|text| self.words(text, who));
    }

    fn words(&mut self, text: &str, who: &str) {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        for word in text.split(|c| !is_part(c)).filter(|word| !word.is_empty()) {
            let readers = self.0.entry(word.to_owned()).or_default();
            // One reader names a metric several times in a row.
            if readers.last().is_none_or(|last| last != who) {
                readers.push(who.to_owned());
            }
        }
    }
}

/// Readers named in one line.
const READERS_MAX: usize = 4;
