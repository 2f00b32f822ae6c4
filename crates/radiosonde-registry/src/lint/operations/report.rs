//! What is held against one report.

use std::collections::BTreeSet;

use super::{destination, known::Known, query, schedule, text};
use crate::{
    locate::Path,
    model::{ReportSection, ReportSpec, SectionKind},
    report::Report,
};

pub(super) fn check(known: &Known<'_>, written: &ReportSpec, path: &Path, report: &mut Report<'_>) {
    text::said(&written.title, &path.then("title"), "the heading", report);
    let description = written.description.as_deref();
    text::said_if_there(description, &path.then("description"), "what it is for", report);
    known.owner(written.owner.as_deref(), &path.then("owner"), report);
    if let Some(schedule) = &written.schedule {
        schedule::check(schedule, &path.then("schedule"), report);
    }
    let mut met = BTreeSet::new();
    for (index, format) in written.formats.iter().enumerate() {
        if !met.insert(format) {
            let what = "the format is named twice".to_owned();
            report.wrong(&path.then("formats").then(index), what, "keep one");
        }
    }
    if written.sections.is_empty() {
        let what = format!("report `{}` has no sections", written.id);
        report.wrong(path, what, "add `sections`, at least one");
    }
    for (index, part) in written.sections.iter().enumerate() {
        section(known, part, &path.then("sections").then(index), report);
    }
    destination::all(&written.destinations, &path.then("destinations"), report);
    let _age = text::some_duration(written.max_age.as_deref(), &path.then("max_age"), report);
}

fn section(known: &Known<'_>, part: &ReportSection, path: &Path, report: &mut Report<'_>) {
    use SectionKind::{
        ActiveAlerts, AlertReview, Dashboard, Metrics, Projection, Slos, Text, Variance,
    };
    let ReportSection { title, kind, text, queries, dashboard, alerts, slos } = part;
    text::said(title, &path.then("title"), "the heading", report);
    text::said_if_there(text.as_deref(), &path.then("text"), "Markdown", report);
    let kind = *kind;
    // What is there, for which kinds, and which of them do not go without.
    let contents: [(&str, bool, &[SectionKind], &[SectionKind]); 5] = [
        ("text", text.is_some(), &[], &[Text]),
        ("queries", !queries.is_empty(), &[Metrics, Projection, Variance], &[Metrics, Projection]),
        ("dashboard", dashboard.is_some(), &[Dashboard], &[Dashboard]),
        ("alerts", !alerts.is_empty(), &[ActiveAlerts, AlertReview], &[]),
        ("slos", !slos.is_empty(), &[Slos], &[]),
    ];
    for (key, there, kinds, needing) in contents {
        if !there && needing.contains(&kind) {
            let what = format!("section `{title}` has no `{key}`");
            report.wrong(path, what, format!("add `{key}`, or choose another `kind`"));
        } else if there && !kinds.is_empty() && !kinds.contains(&kind) {
            let what = format!("`{key}` means nothing to this kind of section");
            report.wrong(&path.then(key), what, "delete it, or choose another `kind`");
        }
    }
    query::all(known, queries, &path.then("queries"), report);
    if let Some(uid) = dashboard {
        let _found = known.dashboards.find(uid, "dashboard", &path.then("dashboard"), report);
    }
    for (index, id) in alerts.iter().enumerate() {
        let _found = known.alerts.find(id, "alert", &path.then("alerts").then(index), report);
    }
    for (index, id) in slos.iter().enumerate() {
        let path = path.then("slos").then(index);
        let _found = known.slos.find(id, "objective", &path, report);
    }
}
