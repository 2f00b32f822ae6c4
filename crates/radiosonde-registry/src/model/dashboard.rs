//! Dashboards and their panels.

use super::NamedQuery;

/// Columns of a dashboard that does not say how many it has.
pub const DEFAULT_COLUMNS: u32 = 2;

/// One dashboard.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(deny_unknown_fields, default)
)]
#[non_exhaustive]
pub struct DashboardSpec {
    /// Its name in addresses and files: small letters, digits, `-` and `_`, at most 40.
    pub uid: String,
    /// The heading.
    pub title: String,
    /// What it answers.
    pub description: Option<String>,
    /// The folder it is kept in; access is given by folder. Default: the persona, else the service.
    pub folder: Option<String>,
    /// Who it is made for.
    pub persona: Option<String>,
    /// How soon it is needed. Default: not said.
    pub priority: Option<Priority>,
    /// When it is to be there, in words.
    pub availability: Option<String>,
    /// Who answers for it, declared in [`Registry::owners`](crate::Registry::owners).
    pub owner: Option<String>,
    /// Version of its content, from 1. Default: 1.
    pub version: u32,
    /// Time between two renewals, such as `1m`. Default: renewed by hand.
    pub refresh: Option<String>,
    /// Columns of its grid, 1 to 24. Default: 2.
    pub columns: u32,
    /// What can be chosen at the top: labels, or `time_range`. Default: the time range only.
    pub filters: Vec<String>,
    /// Whether a banner says when the data was last renewed. Default: yes.
    pub freshness: bool,
    /// The panels, from left to right and from top to bottom.
    pub panels: Vec<PanelSpec>,
    /// Moments that are marked on every panel over time.
    #[cfg_attr(feature = "schema", schemars(schema_with = "crate::schema::forms::named_queries"))]
    pub annotations: Vec<NamedQuery>,
    /// Where to go from here.
    pub links: Vec<Link>,
}

impl Default for DashboardSpec {
    fn default() -> Self {
        Self {
            uid: String::new(),
            title: String::new(),
            description: None,
            folder: None,
            persona: None,
            priority: None,
            availability: None,
            owner: None,
            version: 1,
            refresh: None,
            columns: DEFAULT_COLUMNS,
            filters: Vec::new(),
            freshness: true,
            panels: Vec::new(),
            annotations: Vec::new(),
            links: Vec::new(),
        }
    }
}

/// How soon a dashboard is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub enum Priority {
    /// First.
    P0,
    /// Next.
    P1,
    /// Later.
    P2,
}

/// One panel of a dashboard.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(deny_unknown_fields, default)
)]
#[non_exhaustive]
pub struct PanelSpec {
    /// The heading.
    pub title: String,
    /// What it shows and how to read it.
    pub description: Option<String>,
    /// How it is drawn.
    pub kind: PanelKind,
    /// What it shows. Not for `alert_list` and `text`.
    #[cfg_attr(feature = "schema", schemars(schema_with = "crate::schema::forms::named_queries"))]
    pub queries: Vec<NamedQuery>,
    /// The alerts of an `alert_list`, by id. Default: all.
    pub alerts: Vec<String>,
    /// The Markdown of a `text` panel.
    pub text: Option<String>,
    /// Unit of the values. Default: that of the metric.
    pub unit: Option<String>,
    /// From which values on it is coloured, rising.
    pub thresholds: Vec<Threshold>,
    /// Whether lines are filled below; for `timeseries`. Default: no.
    pub area: bool,
    /// Whether values are put on top of each other; for `timeseries` and `barchart`. Default: no.
    pub stacked: bool,
    /// Whether the values can be taken along as CSV; for `table`. Default: no.
    pub export_csv: bool,
    /// Columns it covers, from 1. Default: 1.
    pub width: u32,
    /// Its height in lines of the grid (30 pixels in Grafana), 1 to 40. Default: 8.
    pub height: u32,
    /// Heading of the row it stands in; panels with the same one that follow each other share it,
    /// another one begins a new row. Default: no heading.
    pub row: Option<String>,
    /// Where to go from here.
    pub links: Vec<Link>,
}

impl Default for PanelSpec {
    fn default() -> Self {
        Self {
            title: String::new(),
            description: None,
            kind: PanelKind::default(),
            queries: Vec::new(),
            alerts: Vec::new(),
            text: None,
            unit: None,
            thresholds: Vec::new(),
            area: false,
            stacked: false,
            export_csv: false,
            width: 1,
            height: 8,
            row: None,
            links: Vec::new(),
        }
    }
}

/// How a panel is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum PanelKind {
    /// Alerts and whether they fire.
    AlertList,
    /// Bars side by side.
    Barchart,
    /// A dial.
    Gauge,
    /// How values are spread, over time.
    Heatmap,
    /// How values are spread, over the whole range.
    Histogram,
    /// Shares of a whole, as a ring.
    Pie,
    /// One number on a card.
    Stat,
    /// States as bars over time.
    StateTimeline,
    /// Rows and columns.
    Table,
    /// Words.
    Text,
    /// Lines over time.
    #[default]
    Timeseries,
}

/// From which value on a panel is coloured how.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(deny_unknown_fields, default)
)]
#[non_exhaustive]
pub struct Threshold {
    /// The smallest value it holds for, in the unit of the panel. Default: from the very lowest,
    /// for the first one only. What lies below the first is `ok`.
    pub from: Option<f64>,
    /// What such a value means.
    pub level: ThresholdLevel,
}

/// What a value means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum ThresholdLevel {
    /// As it should be.
    #[default]
    Ok,
    /// To be looked at.
    Warning,
    /// Bad.
    Critical,
}

/// Where to go from a dashboard or panel: exactly one of `url`, `dashboard` and `report`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(deny_unknown_fields, default)
)]
#[non_exhaustive]
pub struct Link {
    /// What people click on.
    pub title: String,
    /// An address: `https://…`, `http://…`, or a path from the root.
    pub url: Option<String>,
    /// The uid of another dashboard.
    pub dashboard: Option<String>,
    /// The id of a report, to be made at once.
    pub report: Option<String>,
}
