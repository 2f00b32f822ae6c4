//! What is held against alerts, dashboards, objectives and reports.
//!
//! Nothing here can be allowed by a `lint_allow`: these are references to things that do not exist,
//! values that cannot be read, and wishes that contradict each other.

mod alert;
mod alert_test;
mod dashboard;
mod destination;
mod known;
mod panel;
mod query;
mod report;
mod schedule;
mod slo;
mod text;

use std::collections::BTreeSet;

use self::known::Known;
use crate::{locate::Path, model::Registry, report::Report};

/// Longest id of an alert, objective or report, in bytes.
const ID_BYTES_MAX: usize = 64;

/// Longest uid of a dashboard, in bytes; what Grafana takes.
const UID_BYTES_MAX: usize = 40;

/// Runs the lints of this subject. Entries with an unreadable part are left alone.
pub(super) fn check(registry: &Registry, report: &mut Report<'_>) {
    let known = Known::of(registry, report);
    each("alerts", &registry.alerts, report, |alert, path, report| {
        alert::check(&known, alert, path, report);
    });
    each("dashboards", &registry.dashboards, report, |dashboard, path, report| {
        dashboard::check(&known, dashboard, path, report);
    });
    each("slos", &registry.slos, report, |slo, path, report| {
        slo::check(&known, slo, path, report);
    });
    each("reports", &registry.reports, report, |written, path, report| {
        report::check(&known, written, path, report);
    });
    let ids = |section, key, names: Vec<&str>, max, report: &mut Report<'_>| {
        names_of(section, key, &names, max, report);
    };
    let alerts = registry.alerts.iter().map(|alert| alert.id.as_str()).collect();
    ids("alerts", "id", alerts, ID_BYTES_MAX, report);
    let dashboards = registry.dashboards.iter().map(|dashboard| dashboard.uid.as_str()).collect();
    ids("dashboards", "uid", dashboards, UID_BYTES_MAX, report);
    let slos = registry.slos.iter().map(|slo| slo.id.as_str()).collect();
    ids("slos", "id", slos, ID_BYTES_MAX, report);
    let reports = registry.reports.iter().map(|report| report.id.as_str()).collect();
    ids("reports", "id", reports, ID_BYTES_MAX, report);
}

fn each<'d, T>(
    section: &str,
    entries: &[T],
    report: &mut Report<'d>,
    check: impl Fn(&T, &Path, &mut Report<'d>),
) {
    for (index, entry) in entries.iter().enumerate() {
        let path = Path::default().then(section).then(index);
        if report.is_sound(&path) {
            check(entry, &path, report);
        }
    }
}

/// The names of the entries of a section: each of a form that files and addresses take, and each
/// once.
fn names_of(section: &str, key: &str, names: &[&str], bytes_max: usize, report: &mut Report<'_>) {
    let mut met = BTreeSet::new();
    for (index, name) in names.iter().enumerate() {
        let entry = Path::default().then(section).then(index);
        if !report.is_sound(&entry) {
            continue;
        }
        let path = entry.then(key);
        if !text::is_slug(name) {
            let fix = match text::slug(name) {
                Some(slug) => format!("write `{slug}`"),
                None => "use small letters, digits, `-` and `_`, a letter first".to_owned(),
            };
            report.wrong(&path, format!("`{name}` cannot be its {key}"), fix);
        } else if name.len() > bytes_max {
            let what = format!("a name of {} bytes, {bytes_max} allowed", name.len());
            report.wrong(&path, what, "shorten it");
        } else if !met.insert(*name) {
            report.wrong(&path, format!("`{name}` stands here twice"), "rename one of them");
        }
    }
}
