//! Reads one alert.

use super::query::{comparison, named, query};
use crate::{
    fields::Fields,
    model::{
        AlertSpec, AlertTest, Destination, DestinationKind, Escalation, Replay, Runbook, Severity,
        Suppression, TestSeries,
    },
};

/// One entry of `alerts`.
pub(super) fn read(mut fields: Fields<'_, '_>) -> AlertSpec {
    let id = fields.string("id");
    let id = fields.demand("id", id, "`\"id\": \"…\"`").unwrap_or_default();
    let summary = fields.string("summary");
    let summary =
        fields.demand("summary", summary, "`\"summary\"`: what is wrong for whom, in one line");
    let read = AlertSpec {
        id,
        summary: summary.unwrap_or_default(),
        description: fields.string("description"),
        severity: severity(&mut fields),
        owner: fields.string("owner"),
        group: fields.string("group"),
        query: query(&mut fields),
        op: comparison(&mut fields),
        threshold: fields.number("threshold"),
        hold: fields.string("for"),
        keep_firing_for: fields.string("keep_firing_for"),
        runbook: fields.object("runbook", runbook),
        notify: fields.objects("notify", destination),
        escalates_to: fields.object("escalates_to", escalation),
        suppression: fields.object("suppression", suppression),
        test_cases: fields.objects("test_cases", test_case),
        replay: fields.object("replay", replay),
    };
    fields.finish();
    read
}

/// The key `severity`, which has to be there.
pub(super) fn severity(fields: &mut Fields<'_, '_>) -> Severity {
    let read = fields.word("severity", "severity", SEVERITIES);
    let example = "`\"severity\": \"warning\"`, critical or info";
    fields.demand("severity", read, example).unwrap_or_default()
}

/// One place messages or reports go to.
pub(super) fn destination(mut fields: Fields<'_, '_>) -> Destination {
    let kind = fields.word("kind", "kind of destination", DESTINATIONS);
    let kind = fields.demand("kind", kind, "`\"kind\": \"slack\"`, email, file, …");
    let to = fields.string("to");
    let to = fields.demand("to", to, "`\"to\"`: the channel, address or folder");
    let read = Destination { kind: kind.unwrap_or_default(), to: to.unwrap_or_default() };
    fields.finish();
    read
}

fn runbook(mut fields: Fields<'_, '_>) -> Runbook {
    let checks = fields.strings("checks");
    let checks = fields.demand("checks", checks, "`\"checks\"`: what to look at, step by step");
    let read = Runbook {
        checks: checks.unwrap_or_default(),
        queries: named(&mut fields, "queries"),
        rollback: fields.strings("rollback").unwrap_or_default(),
        communication: fields.strings("communication").unwrap_or_default(),
    };
    fields.finish();
    read
}

fn escalation(mut fields: Fields<'_, '_>) -> Escalation {
    let read = Escalation {
        alert: fields.string("alert"),
        owner: fields.string("owner"),
        after: fields.string("after"),
    };
    fields.finish();
    read
}

fn suppression(mut fields: Fields<'_, '_>) -> Suppression {
    let read = Suppression {
        group_by: fields.strings("group_by").unwrap_or_default(),
        rearm: fields.string("rearm"),
        digest: fields.string("digest"),
    };
    fields.finish();
    read
}

fn test_case(mut fields: Fields<'_, '_>) -> AlertTest {
    let name = fields.string("name");
    let name = fields.demand("name", name, "`\"name\"`: what the case shows");
    let series = fields.objects("series", test_series);
    let interval = fields.string("interval");
    let at = fields.string("at");
    let at = fields.demand("at", at, "`\"at\": \"10m\"`: the time asked about");
    let fires = fields.flag("fires");
    let fires = fields.demand("fires", fires, "`\"fires\": true` or false");
    let read = AlertTest {
        name: name.unwrap_or_default(),
        series,
        interval,
        at: at.unwrap_or_default(),
        fires: fires.unwrap_or_default(),
    };
    fields.finish();
    read
}

fn test_series(mut fields: Fields<'_, '_>) -> TestSeries {
    let series = fields.string("series");
    let series = fields.demand("series", series, "`\"series\"`: name and labels");
    let values = fields.string("values");
    let values = fields.demand("values", values, "`\"values\": \"0 1 2+1x10\"`");
    let read =
        TestSeries { series: series.unwrap_or_default(), values: values.unwrap_or_default() };
    fields.finish();
    read
}

fn replay(mut fields: Fields<'_, '_>) -> Replay {
    let read = Replay {
        days: fields.whole("days"),
        soak: fields.string("soak"),
        max_noise: fields.number("max_noise"),
    };
    fields.finish();
    read
}

const SEVERITIES: &[(&str, Severity)] =
    &[("critical", Severity::Critical), ("warning", Severity::Warning), ("info", Severity::Info)];

const DESTINATIONS: &[(&str, DestinationKind)] = &[
    ("confluence", DestinationKind::Confluence),
    ("discord", DestinationKind::Discord),
    ("email", DestinationKind::Email),
    ("file", DestinationKind::File),
    ("jira", DestinationKind::Jira),
    ("pagerduty", DestinationKind::Pagerduty),
    ("rss", DestinationKind::Rss),
    ("slack", DestinationKind::Slack),
    ("webhook", DestinationKind::Webhook),
];
