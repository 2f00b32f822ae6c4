//! Reads one report.

use super::{alert::destination, query::named};
use crate::{
    fields::Fields,
    model::{Cadence, ReportFormat, ReportSection, ReportSpec, Schedule, SectionKind, Weekday},
};

/// One entry of `reports`.
pub(super) fn read(mut fields: Fields<'_, '_>) -> ReportSpec {
    let id = fields.string("id");
    let id = fields.demand("id", id, "`\"id\": \"…\"`").unwrap_or_default();
    let title = fields.string("title");
    let title = fields.demand("title", title, "`\"title\": \"…\"`").unwrap_or_default();
    let read = ReportSpec {
        id,
        title,
        description: fields.string("description"),
        owner: fields.string("owner"),
        schedule: fields.object("schedule", schedule),
        formats: fields.words("formats", "format", FORMATS),
        sections: fields.objects("sections", section),
        destinations: fields.objects("destinations", destination),
        max_age: fields.string("max_age"),
    };
    fields.finish();
    read
}

fn schedule(mut fields: Fields<'_, '_>) -> Schedule {
    let read = Schedule {
        every: fields.word("every", "cadence", CADENCES),
        weekday: fields.word("weekday", "day of the week", WEEKDAYS),
        time: fields.string("time"),
        cron: fields.string("cron"),
        timezone: fields.string("timezone"),
    };
    fields.finish();
    read
}

fn section(mut fields: Fields<'_, '_>) -> ReportSection {
    let title = fields.string("title");
    let title = fields.demand("title", title, "`\"title\": \"…\"`").unwrap_or_default();
    let kind = fields.word("kind", "kind of section", SECTION_KINDS);
    let kind = fields.demand("kind", kind, "`\"kind\": \"metrics\"`, text, dashboard, …");
    let read = ReportSection {
        title,
        kind: kind.unwrap_or_default(),
        text: fields.string("text"),
        queries: named(&mut fields, "queries"),
        dashboard: fields.string("dashboard"),
        alerts: fields.strings("alerts").unwrap_or_default(),
        slos: fields.strings("slos").unwrap_or_default(),
    };
    fields.finish();
    read
}

const FORMATS: &[(&str, ReportFormat)] = &[
    ("html", ReportFormat::Html),
    ("markdown", ReportFormat::Markdown),
    ("pdf", ReportFormat::Pdf),
];

const CADENCES: &[(&str, Cadence)] = &[
    ("biweekly", Cadence::Biweekly),
    ("daily", Cadence::Daily),
    ("monthly", Cadence::Monthly),
    ("weekly", Cadence::Weekly),
];

const WEEKDAYS: &[(&str, Weekday)] = &[
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];

const SECTION_KINDS: &[(&str, SectionKind)] = &[
    ("active_alerts", SectionKind::ActiveAlerts),
    ("alert_review", SectionKind::AlertReview),
    ("dashboard", SectionKind::Dashboard),
    ("metrics", SectionKind::Metrics),
    ("projection", SectionKind::Projection),
    ("slos", SectionKind::Slos),
    ("text", SectionKind::Text),
    ("variance", SectionKind::Variance),
];
