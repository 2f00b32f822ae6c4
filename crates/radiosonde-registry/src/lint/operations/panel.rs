//! What is held against one panel.

use super::{dashboard, known::Known, query, text};
use crate::{
    locate::Path,
    model::{MetricType, NamedQuery, PanelKind, PanelSpec, QueryAggregation, Threshold},
    report::Report,
};

/// Highest panel, in lines of the grid.
const HEIGHT_MAX: u32 = 40;

pub(super) fn check(
    known: &Known<'_>,
    panel: &PanelSpec,
    columns: u32,
    path: &Path,
    report: &mut Report<'_>,
) {
    text::said(&panel.title, &path.then("title"), "the heading", report);
    let texts = [
        ("description", &panel.description, "how to read it"),
        ("unit", &panel.unit, "the unit"),
        ("row", &panel.row, "the heading of the row"),
    ];
    for (key, written, wanted) in texts {
        text::said_if_there(written.as_deref(), &path.then(key), wanted, report);
    }
    content(known, panel, path, report);
    only_for(panel, path, report);
    for (index, named) in panel.queries.iter().enumerate() {
        drawable(known, panel.kind, named, &path.then("queries").then(index), report);
    }
    thresholds(&panel.thresholds, &path.then("thresholds"), report);
    if panel.width == 0 || panel.width > columns {
        let what = format!("{} columns wide on a dashboard of {columns}", panel.width);
        report.wrong(&path.then("width"), what, format!("choose 1 to {}", columns.max(1)));
    }
    if !(1..=HEIGHT_MAX).contains(&panel.height) {
        let what = format!("{} lines high", panel.height);
        report.wrong(&path.then("height"), what, format!("choose 1 to {HEIGHT_MAX}"));
    }
    dashboard::links(known, &panel.links, &path.then("links"), report);
}

/// A panel shows what its kind shows, and nothing else.
fn content(known: &Known<'_>, panel: &PanelSpec, path: &Path, report: &mut Report<'_>) {
    let shows_queries = !matches!(panel.kind, PanelKind::AlertList | PanelKind::Text);
    if shows_queries && panel.queries.is_empty() {
        let what = format!("panel `{}` shows nothing", panel.title);
        report.wrong(path, what, "add `queries`: names of metrics, or objects");
    } else if !shows_queries && !panel.queries.is_empty() {
        let what = "this kind of panel shows no queries".to_owned();
        report.wrong(&path.then("queries"), what, "delete them, or choose another `kind`");
    }
    query::all(known, &panel.queries, &path.then("queries"), report);
    match &panel.text {
        None if panel.kind == PanelKind::Text => {
            let what = format!("panel `{}` shows nothing", panel.title);
            report.wrong(path, what, "add `text`");
        }
        Some(_) if panel.kind != PanelKind::Text => {
            let what = "`text` belongs to panels of kind `text`".to_owned();
            report.wrong(&path.then("text"), what, "move it to `description`");
        }
        written => {
            let path = path.then("text");
            text::said_if_there(written.as_deref(), &path, "Markdown", report);
        }
    }
    if panel.kind != PanelKind::AlertList && !panel.alerts.is_empty() {
        let what = "`alerts` belongs to panels of kind `alert_list`".to_owned();
        report.wrong(&path.then("alerts"), what, "delete it, or choose that `kind`");
        return;
    }
    for (index, alert) in panel.alerts.iter().enumerate() {
        let path = path.then("alerts").then(index);
        let _found = known.alerts.find(alert, "alert", &path, report);
    }
}

/// Ways to draw that only some kinds have.
fn only_for(panel: &PanelSpec, path: &Path, report: &mut Report<'_>) {
    use PanelKind::{Barchart, Table, Timeseries};
    let flags: [(&str, bool, &[PanelKind], &str); 3] = [
        ("area", panel.area, &[Timeseries], "timeseries"),
        ("stacked", panel.stacked, &[Timeseries, Barchart], "timeseries or barchart"),
        ("export_csv", panel.export_csv, &[Table], "table"),
    ];
    for (key, on, kinds, list) in flags {
        if on && !kinds.contains(&panel.kind) {
            let what = format!("`{key}` means nothing to this kind of panel");
            report.wrong(&path.then(key), what, format!("delete it, or choose kind {list}"));
        }
    }
}

/// Drawings that would say something false, whatever the values.
fn drawable(
    known: &Known<'_>,
    kind: PanelKind,
    named: &NamedQuery,
    path: &Path,
    report: &mut Report<'_>,
) {
    use QueryAggregation::{Avg, Max, Min, P50, P90, P95, P99};
    let query = &named.query;
    let Some(subject) = query.metric.as_ref().and_then(|metric| known.peek(metric)) else { return };
    let metric_type = subject.metric.metric_type;
    let whole = match (query.aggregation, metric_type) {
        (Some(aggregation), _) => !matches!(aggregation, Avg | Max | Min | P50 | P90 | P95 | P99),
        // A percentile or a mean is what is made of it when nothing else is said.
        (None, MetricType::Histogram | MetricType::Summary) => false,
        (None, _) => true,
    };
    let (what, fix) = match kind {
        PanelKind::Pie if !whole => (
            "means, extremes and percentiles are no shares of a whole",
            "use sum, count or rate, or draw a barchart",
        ),
        PanelKind::StateTimeline if metric_type != MetricType::Gauge => {
            ("only a gauge can hold states", "draw a timeseries, or ask a gauge")
        }
        _ => return,
    };
    report.wrong(path, what.to_owned(), fix);
}

fn thresholds(thresholds: &[Threshold], path: &Path, report: &mut Report<'_>) {
    let mut before = None;
    for (index, threshold) in thresholds.iter().enumerate() {
        let path = path.then(index);
        match (threshold.from, before) {
            (None, _) if index > 0 => {
                let what = "only the first threshold may do without `from`".to_owned();
                report.wrong(&path, what, "add the value from which on it holds");
            }
            (Some(from), Some(before)) if from <= before => {
                let what = format!("threshold {from} does not rise above {before}");
                report.wrong(&path.then("from"), what, "sort them, each value once");
            }
            _ => {}
        }
        before = threshold.from.or(before);
    }
}
