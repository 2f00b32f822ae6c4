//! What is held against one alert.

use super::{
    alert_test, destination,
    known::{Known, Subject},
    query, text,
};
use crate::{
    locate::Path,
    model::{AlertSpec, Escalation, Replay, Runbook, Severity, Suppression},
    report::Report,
};

/// Days of the past a replay may ask for.
const REPLAY_DAYS_MAX: u32 = 366;

pub(super) fn check(known: &Known<'_>, alert: &AlertSpec, path: &Path, report: &mut Report<'_>) {
    text::said(&alert.summary, &path.then("summary"), "what is wrong for whom", report);
    let texts = [
        ("description", &alert.description, "more about it"),
        ("group", &alert.group, "the name of the group"),
    ];
    for (key, written, wanted) in texts {
        text::said_if_there(written.as_deref(), &path.then(key), wanted, report);
    }
    known.owner(alert.owner.as_deref(), &path.then("owner"), report);
    let subject = query::check(known, &alert.query, path, report);
    comparison(alert, path, report);
    let times = [("for", &alert.hold), ("keep_firing_for", &alert.keep_firing_for)];
    for (key, written) in times {
        let _time = text::some_duration(written.as_deref(), &path.then(key), report);
    }
    if alert.severity == Severity::Critical {
        critical(alert, subject, path, report);
    }
    if let Some(runbook) = &alert.runbook {
        check_runbook(known, runbook, &path.then("runbook"), report);
    }
    destination::all(&alert.notify, &path.then("notify"), report);
    if let Some(escalation) = &alert.escalates_to {
        check_escalation(known, alert, escalation, &path.then("escalates_to"), report);
    }
    if let Some(suppression) = &alert.suppression {
        check_suppression(known, suppression, &path.then("suppression"), report);
    }
    alert_test::all(&alert.test_cases, &path.then("test_cases"), report);
    if let Some(replay) = &alert.replay {
        check_replay(replay, &path.then("replay"), report);
    }
}

/// The short form says what its value is compared with; a text holds the comparison itself.
fn comparison(alert: &AlertSpec, path: &Path, report: &mut Report<'_>) {
    let parts = [("op", alert.op.is_some()), ("threshold", alert.threshold.is_some())];
    match (&alert.query.metric, &alert.query.expr) {
        (Some(_), None) => {
            let examples = ["`\"op\": \">\"`", "`\"threshold\"`: the value compared with"];
            for ((key, there), example) in parts.iter().zip(examples) {
                if !there {
                    report.wrong(
                        path,
                        format!("`metric` without `{key}`"),
                        format!("add {example}"),
                    );
                }
            }
        }
        (None, Some(_)) => {
            for (key, _) in parts.iter().filter(|(_, there)| *there) {
                let what = format!("`{key}` beside `expr`");
                report.wrong(&path.then(*key), what, "write the comparison into the expression");
            }
        }
        // Reported with the query.
        _ => {}
    }
}

/// Somebody is woken: they have to know what to do, and somebody has to answer for it.
fn critical(alert: &AlertSpec, subject: Option<Subject<'_>>, path: &Path, report: &mut Report<'_>) {
    if alert.runbook.is_none() {
        let what = format!("critical alert `{}` has no runbook", alert.id);
        report.wrong(path, what, "add `\"runbook\": {\"checks\": […]}`: what to look at first");
    }
    // Of a metric nobody knows it is not known either whose it is.
    let unowned = match (&alert.query.metric, subject) {
        (Some(_), Some(subject)) => subject.metric.owner.is_none(),
        (Some(_), None) => false,
        (None, _) => true,
    };
    if alert.owner.is_none() && unowned {
        let what = format!("critical alert `{}` has no owner", alert.id);
        report.wrong(path, what, "add `\"owner\": \"…\"`, one of those under `owners`");
    }
}

fn check_runbook(known: &Known<'_>, runbook: &Runbook, path: &Path, report: &mut Report<'_>) {
    if runbook.checks.is_empty() {
        let what = "the runbook has no step".to_owned();
        report.wrong(&path.then("checks"), what, "write down what to look at first");
    }
    let lists = [
        ("checks", &runbook.checks),
        ("rollback", &runbook.rollback),
        ("communication", &runbook.communication),
    ];
    for (key, list) in lists {
        text::all_said(list, &path.then(key), "a sentence, or delete it", report);
    }
    query::all(known, &runbook.queries, &path.then("queries"), report);
}

fn check_escalation(
    known: &Known<'_>,
    alert: &AlertSpec,
    escalation: &Escalation,
    path: &Path,
    report: &mut Report<'_>,
) {
    known.owner(escalation.owner.as_deref(), &path.then("owner"), report);
    let after = escalation.after.as_deref();
    let _time = text::some_duration(after, &path.then("after"), report);
    match (&escalation.owner, after) {
        (Some(_), None) => {
            let what = "no time after which the owner is told".to_owned();
            report.wrong(path, what, "add `\"after\": \"30m\"`");
        }
        (None, Some(_)) => {
            let what = "`after` without `owner`".to_owned();
            report.wrong(&path.then("after"), what, "add the owner who is told then");
        }
        (None, None) if escalation.alert.is_none() => {
            let what = "it escalates to nobody".to_owned();
            report.wrong(path, what, "add `alert`, or `owner` and `after`");
        }
        _ => {}
    }
    let Some(target) = &escalation.alert else { return };
    let path = path.then("alert");
    // Escalation that only ever rises cannot go round in circles.
    if let Some(target) = known.alerts.find(target, "alert", &path, report)
        && target.severity <= alert.severity
    {
        let severity = target.severity.as_str();
        let what = format!("`{}` is {severity}, which is no more urgent", target.id);
        report.wrong(&path, what, "name an alert of higher severity");
    }
}

fn check_suppression(
    known: &Known<'_>,
    suppression: &Suppression,
    path: &Path,
    report: &mut Report<'_>,
) {
    for (index, label) in suppression.group_by.iter().enumerate() {
        known.any_label(label, true, &path.then("group_by").then(index), report);
    }
    let times = [("rearm", &suppression.rearm), ("digest", &suppression.digest)];
    for (key, written) in times {
        let _time = text::some_duration(written.as_deref(), &path.then(key), report);
    }
}

fn check_replay(replay: &Replay, path: &Path, report: &mut Report<'_>) {
    if let Some(days) = replay.days
        && !(1..=REPLAY_DAYS_MAX).contains(&days)
    {
        let what = format!("a replay of {days} days");
        report.wrong(&path.then("days"), what, format!("choose 1 to {REPLAY_DAYS_MAX}"));
    }
    let _time = text::some_duration(replay.soak.as_deref(), &path.then("soak"), report);
    if let Some(share) = replay.max_noise
        && !(0.0..=1.0).contains(&share)
    {
        let what = format!("{share} is not a share");
        report.wrong(&path.then("max_noise"), what, "write 5 % as 0.05");
    }
}
