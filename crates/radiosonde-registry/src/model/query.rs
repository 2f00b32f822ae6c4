//! What alerts, panels, runbooks and reports ask of the metrics.

use std::collections::BTreeMap;

/// A question to the metrics: of one metric in the short form, or any PromQL text.
///
/// In a registry that was read without errors either [`Query::metric`] or [`Query::expr`] is there,
/// and the fields of the other form are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(deny_unknown_fields, default)
)]
#[non_exhaustive]
pub struct Query {
    /// The metric asked for: one of the registry, one of its roll-ups, or one radiosonde writes
    /// itself.
    pub metric: Option<String>,
    /// What is made of its values. Default: `rate` of a counter, `last` of a gauge, `p95` of a
    /// histogram, `avg` of a summary.
    pub aggregation: Option<QueryAggregation>,
    /// Labels by which the answer is split. Default: none, one answer.
    pub by: Vec<String>,
    /// `where` in the file: the series that are looked at, by label. Default: all.
    #[cfg_attr(feature = "schema", schemars(rename = "where"))]
    pub matchers: BTreeMap<String, LabelMatch>,
    /// The time looked back on, such as `5m`. Default: left to whoever asks; `5m` in an alert.
    pub window: Option<String>,
    /// A PromQL text instead of the short form.
    pub expr: Option<String>,
    /// Metrics `expr` reads that are to be checked; each occurs in the text.
    pub metrics: Vec<String>,
}

/// A question with a name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(deny_unknown_fields, default)
)]
#[non_exhaustive]
pub struct NamedQuery {
    /// What people read: the legend of a line, the heading of a query. Default: made from the query.
    pub title: Option<String>,
    /// The question; its fields stand beside `title` in the file. A plain text in the file is the
    /// name of a metric.
    #[cfg_attr(feature = "schema", schemars(flatten))]
    pub query: Query,
}

/// What is made of the values of a metric: first of each series over the window, then of the
/// series that agree in the labels of [`Query::by`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum QueryAggregation {
    /// Their mean. Of a histogram or summary: the mean of what was measured.
    Avg,
    /// How many series there are. Of a histogram or summary: how many values were measured.
    Count,
    /// What a counter rose by, summed.
    Increase,
    /// The values written last, summed.
    Last,
    /// The largest.
    Max,
    /// The smallest.
    Min,
    /// The median of a histogram or summary, or of a gauge over the window.
    P50,
    /// The 90th percentile.
    P90,
    /// The 95th percentile.
    P95,
    /// The 99th percentile.
    P99,
    /// What a counter rose by in a second, summed.
    Rate,
    /// Of a gauge: the mean over the window, summed over the series. Of a histogram or summary:
    /// the sum of what was measured.
    Sum,
}

/// Which values of a label are looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(schema_with = "crate::schema::forms::label_match")
)]
#[non_exhaustive]
pub enum LabelMatch {
    /// One of these. A single text in the file is a list of one.
    In(Vec<String>),
    /// None of these: `{"not": …}` in the file.
    NotIn(Vec<String>),
}

impl LabelMatch {
    /// The values that are named, looked for or not.
    pub fn values(&self) -> &[String] {
        match self {
            Self::In(values) | Self::NotIn(values) => values,
        }
    }
}

/// How a value is compared with a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub enum Comparison {
    /// Both are the same.
    #[cfg_attr(feature = "schema", schemars(rename = "=="))]
    Equal,
    /// The value is larger.
    #[cfg_attr(feature = "schema", schemars(rename = ">"))]
    Greater,
    /// The value is larger, or the same.
    #[cfg_attr(feature = "schema", schemars(rename = ">="))]
    GreaterOrEqual,
    /// The value is smaller.
    #[cfg_attr(feature = "schema", schemars(rename = "<"))]
    Less,
    /// The value is smaller, or the same.
    #[cfg_attr(feature = "schema", schemars(rename = "<="))]
    LessOrEqual,
    /// They differ.
    #[cfg_attr(feature = "schema", schemars(rename = "!="))]
    NotEqual,
}

impl Comparison {
    /// As PromQL and the registry write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::NotEqual => "!=",
        }
    }
}
