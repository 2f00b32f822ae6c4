//! What is held against one dashboard.

use std::collections::BTreeSet;

use super::{known::Known, panel, query, text};
use crate::{
    locate::Path,
    model::{DashboardSpec, Link},
    report::Report,
};

/// Columns of the grid below all dashboards.
const COLUMNS_MAX: u32 = 24;

/// A filter that is no label.
const TIME_RANGE: &str = "time_range";

pub(super) fn check(
    known: &Known<'_>,
    dashboard: &DashboardSpec,
    path: &Path,
    report: &mut Report<'_>,
) {
    text::said(&dashboard.title, &path.then("title"), "the heading", report);
    let texts = [
        ("description", &dashboard.description, "what it answers"),
        ("folder", &dashboard.folder, "the name of the folder"),
        ("persona", &dashboard.persona, "who it is made for"),
        ("availability", &dashboard.availability, "when it is to be there"),
    ];
    for (key, written, wanted) in texts {
        text::said_if_there(written.as_deref(), &path.then(key), wanted, report);
    }
    known.owner(dashboard.owner.as_deref(), &path.then("owner"), report);
    if dashboard.version == 0 {
        report.wrong(&path.then("version"), "version 0".to_owned(), "count from 1");
    }
    let refresh = dashboard.refresh.as_deref();
    let _refresh = text::some_duration(refresh, &path.then("refresh"), report);
    if !(1..=COLUMNS_MAX).contains(&dashboard.columns) {
        let what = format!("{} columns", dashboard.columns);
        report.wrong(&path.then("columns"), what, format!("choose 1 to {COLUMNS_MAX}"));
    }
    filters(known, &dashboard.filters, &path.then("filters"), report);
    if dashboard.panels.is_empty() {
        let what = format!("dashboard `{}` has no panels", dashboard.uid);
        report.wrong(path, what, "add `panels`, at least one");
    }
    for (index, panel) in dashboard.panels.iter().enumerate() {
        panel::check(known, panel, dashboard.columns, &path.then("panels").then(index), report);
    }
    query::all(known, &dashboard.annotations, &path.then("annotations"), report);
    links(known, &dashboard.links, &path.then("links"), report);
}

fn filters(known: &Known<'_>, filters: &[String], path: &Path, report: &mut Report<'_>) {
    let mut met = BTreeSet::new();
    for (index, filter) in filters.iter().enumerate() {
        let path = path.then(index);
        if !met.insert(filter) {
            report.wrong(&path, format!("filter `{filter}` is named twice"), "keep one");
        } else if filter != TIME_RANGE {
            known.any_label(filter, false, &path, report);
        }
    }
}

/// Links lead to one thing each, and it is there.
pub(super) fn links(known: &Known<'_>, links: &[Link], path: &Path, report: &mut Report<'_>) {
    for (index, link) in links.iter().enumerate() {
        let path = path.then(index);
        text::said(&link.title, &path.then("title"), "what people click on", report);
        let Link { title: _, url, dashboard, report: wanted } = link;
        match [url, dashboard, wanted].iter().filter(|target| target.is_some()).count() {
            0 => {
                let what = "the link leads nowhere".to_owned();
                report.wrong(&path, what, "add `url`, `dashboard` or `report`");
            }
            1 => {}
            _ => {
                let what = "the link leads to several places".to_owned();
                report.wrong(&path, what, "keep one of `url`, `dashboard` and `report`");
            }
        }
        if let Some(url) = url
            && !is_address(url)
        {
            let what = format!("`{url}` is not an address");
            let fix = "begin it with `https://`, or with `/` for a path";
            report.wrong(&path.then("url"), what, fix);
        }
        if let Some(uid) = dashboard {
            let path = path.then("dashboard");
            let _found = known.dashboards.find(uid, "dashboard", &path, report);
        }
        if let Some(id) = wanted {
            let _found = known.reports.find(id, "report", &path.then("report"), report);
        }
    }
}

/// Only what a browser opens as a page: `javascript:` and the like never get into a dashboard.
fn is_address(url: &str) -> bool {
    let rest = ["https://", "http://", "/"].iter().find_map(|start| url.strip_prefix(start));
    rest.is_some_and(|rest| !rest.is_empty() || url == "/")
        && !url.contains(|char: char| char.is_whitespace() || char.is_control())
}
