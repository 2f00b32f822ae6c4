//! Reads one dashboard.

use super::query::named;
use crate::{
    fields::Fields,
    model::{DashboardSpec, Link, PanelKind, PanelSpec, Priority, Threshold, ThresholdLevel},
};

/// One entry of `dashboards`.
pub(super) fn read(mut fields: Fields<'_, '_>) -> DashboardSpec {
    let default = DashboardSpec::default();
    let uid = fields.string("uid");
    let uid = fields.demand("uid", uid, "`\"uid\": \"…\"`").unwrap_or_default();
    let title = fields.string("title");
    let title = fields.demand("title", title, "`\"title\": \"…\"`").unwrap_or_default();
    let read = DashboardSpec {
        uid,
        title,
        description: fields.string("description"),
        folder: fields.string("folder"),
        persona: fields.string("persona"),
        priority: fields.word("priority", "priority", PRIORITIES),
        availability: fields.string("availability"),
        owner: fields.string("owner"),
        version: fields.whole("version").unwrap_or(default.version),
        refresh: fields.string("refresh"),
        columns: fields.whole("columns").unwrap_or(default.columns),
        filters: fields.strings("filters").unwrap_or_default(),
        freshness: fields.flag("freshness").unwrap_or(default.freshness),
        panels: fields.objects("panels", panel),
        annotations: named(&mut fields, "annotations"),
        links: fields.objects("links", link),
    };
    fields.finish();
    read
}

fn panel(mut fields: Fields<'_, '_>) -> PanelSpec {
    let default = PanelSpec::default();
    let title = fields.string("title");
    let title = fields.demand("title", title, "`\"title\": \"…\"`").unwrap_or_default();
    let description = fields.string("description");
    let kind = fields.word("kind", "kind of panel", PANEL_KINDS);
    let kind = fields.demand("kind", kind, "`\"kind\": \"timeseries\"`, gauge, stat, table, …");
    let read = PanelSpec {
        title,
        description,
        kind: kind.unwrap_or_default(),
        queries: named(&mut fields, "queries"),
        alerts: fields.strings("alerts").unwrap_or_default(),
        text: fields.string("text"),
        unit: fields.string("unit"),
        thresholds: fields.objects("thresholds", threshold),
        area: fields.flag("area").unwrap_or(default.area),
        stacked: fields.flag("stacked").unwrap_or(default.stacked),
        export_csv: fields.flag("export_csv").unwrap_or(default.export_csv),
        width: fields.whole("width").unwrap_or(default.width),
        height: fields.whole("height").unwrap_or(default.height),
        row: fields.string("row"),
        links: fields.objects("links", link),
    };
    fields.finish();
    read
}

fn threshold(mut fields: Fields<'_, '_>) -> Threshold {
    let from = fields.number("from");
    let level = fields.word("level", "level", LEVELS);
    let level = fields.demand("level", level, "`\"level\": \"warning\"`, ok or critical");
    let read = Threshold { from, level: level.unwrap_or_default() };
    fields.finish();
    read
}

fn link(mut fields: Fields<'_, '_>) -> Link {
    let title = fields.string("title");
    let read = Link {
        title: fields.demand("title", title, "`\"title\": \"…\"`").unwrap_or_default(),
        url: fields.string("url"),
        dashboard: fields.string("dashboard"),
        report: fields.string("report"),
    };
    fields.finish();
    read
}

const PRIORITIES: &[(&str, Priority)] =
    &[("P0", Priority::P0), ("P1", Priority::P1), ("P2", Priority::P2)];

const PANEL_KINDS: &[(&str, PanelKind)] = &[
    ("alert_list", PanelKind::AlertList),
    ("barchart", PanelKind::Barchart),
    ("gauge", PanelKind::Gauge),
    ("heatmap", PanelKind::Heatmap),
    ("histogram", PanelKind::Histogram),
    ("pie", PanelKind::Pie),
    ("stat", PanelKind::Stat),
    ("state_timeline", PanelKind::StateTimeline),
    ("table", PanelKind::Table),
    ("text", PanelKind::Text),
    ("timeseries", PanelKind::Timeseries),
];

const LEVELS: &[(&str, ThresholdLevel)] = &[
    ("ok", ThresholdLevel::Ok),
    ("warning", ThresholdLevel::Warning),
    ("critical", ThresholdLevel::Critical),
];
