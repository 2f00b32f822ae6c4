//! Reads questions to the metrics.

use crate::{
    fields::Fields,
    model::{Comparison, NamedQuery, Query, QueryAggregation},
};

/// Questions with names; a plain text is the name of a metric.
pub(super) fn named(fields: &mut Fields<'_, '_>, key: &'static str) -> Vec<NamedQuery> {
    let short = |metric| NamedQuery {
        title: None,
        query: Query { metric: Some(metric), ..Query::default() },
    };
    fields.objects_or_texts(key, short, |mut fields| {
        let read = NamedQuery { title: fields.string("title"), query: query(&mut fields) };
        fields.finish();
        read
    })
}

/// The keys of a question, out of an object that may have others.
pub(super) fn query(fields: &mut Fields<'_, '_>) -> Query {
    Query {
        metric: fields.string("metric"),
        aggregation: fields.word("aggregation", "aggregation", AGGREGATIONS),
        by: fields.strings("by").unwrap_or_default(),
        matchers: fields.matchers("where"),
        window: fields.string("window"),
        expr: fields.string("expr"),
        metrics: fields.strings("metrics").unwrap_or_default(),
    }
}

/// The sign of a comparison under `op`.
pub(super) fn comparison(fields: &mut Fields<'_, '_>) -> Option<Comparison> {
    fields.word("op", "comparison", COMPARISONS)
}

const AGGREGATIONS: &[(&str, QueryAggregation)] = &[
    ("avg", QueryAggregation::Avg),
    ("count", QueryAggregation::Count),
    ("increase", QueryAggregation::Increase),
    ("last", QueryAggregation::Last),
    ("max", QueryAggregation::Max),
    ("min", QueryAggregation::Min),
    ("p50", QueryAggregation::P50),
    ("p90", QueryAggregation::P90),
    ("p95", QueryAggregation::P95),
    ("p99", QueryAggregation::P99),
    ("rate", QueryAggregation::Rate),
    ("sum", QueryAggregation::Sum),
];

const COMPARISONS: &[(&str, Comparison)] = &[
    (">", Comparison::Greater),
    (">=", Comparison::GreaterOrEqual),
    ("<", Comparison::Less),
    ("<=", Comparison::LessOrEqual),
    ("==", Comparison::Equal),
    ("!=", Comparison::NotEqual),
];
