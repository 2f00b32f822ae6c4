//! Reads one metric.

use crate::{
    fields::Fields,
    model::{
        Aggregation, DEFAULT_EMIT_DAYS, Deprecation, ExponentialBuckets, LintAllowance, MetricSpec,
        MetricType, OtelNames, Refresh, Retention, Rollup, Source, Status, Variance,
    },
};

/// One entry of `metrics`.
pub(super) fn read(mut fields: Fields<'_, '_>) -> MetricSpec {
    let name = fields.string("name");
    let name = fields.demand("name", name, "`\"name\": \"…\"`").unwrap_or_default();
    let metric_type = fields.metric_type();
    let read = MetricSpec {
        name,
        metric_type,
        unit: fields.string("unit"),
        help: fields.string("help").unwrap_or_default(),
        labels: fields.strings("labels").unwrap_or_default(),
        owner: fields.string("owner"),
        source: fields.word("source", "source", SOURCES).unwrap_or_default(),
        status: status(&mut fields),
        version: fields.whole("version").unwrap_or(1),
        interval_s: fields.whole("interval_s"),
        buckets: fields.numbers("buckets").unwrap_or_default(),
        exponential_buckets: fields.object("exponential_buckets", exponential).flatten(),
        aggregation: fields.word("aggregation", "aggregation", AGGREGATIONS),
        family: fields.string("family"),
        variance: fields.object("variance", variance),
        refresh: fields.word("refresh", "refresh", REFRESHES),
        retention: retention(&mut fields),
        max_labels: fields.whole("max_labels"),
        otel: fields.object("otel", otel),
        zero_init: fields.flag("zero_init"),
        series_limit: fields.whole("series_limit"),
        lint_allow: fields.objects("lint_allow", allowance),
        expression: fields.string("expression"),
        rollups: fields.objects("rollups", rollup),
    };
    fields.finish();
    read
}

impl Fields<'_, '_> {
    fn metric_type(&mut self) -> MetricType {
        let read = self.word("type", "metric type", METRIC_TYPES);
        self.demand("type", read, "`\"type\": \"counter\"`, gauge, histogram or summary")
            .unwrap_or(MetricType::Gauge)
    }
}

/// `"stable"`, `{"deprecated": {…}}`, or the short `"deprecated": true` in its place.
fn status(fields: &mut Fields<'_, '_>) -> Status {
    let short = fields.flag("deprecated");
    let (said, long) = if fields.holds_object("status") {
        let read = fields.object("status", |mut status| {
            if status.holds_flag("deprecated") {
                let fix = match status.flag("deprecated") {
                    Some(true) => {
                        "write `\"deprecated\": true` in the place of `status`, or \
                         `\"status\": {\"deprecated\": {\"since\": \"2026-11-01\"}}`"
                    }
                    _ => "write `\"status\": \"stable\"`, or leave it out",
                };
                let what = "expected an object, found true or false".to_owned();
                status.unreadable("deprecated", what, fix.to_owned());
                status.finish();
                return None;
            }
            let read = status.object("deprecated", deprecation);
            let read =
                status.demand("deprecated", read, "`\"deprecated\": {}`, or write \"stable\"");
            status.finish();
            read
        });
        let long = read.flatten();
        (long.is_some().then_some(true), long)
    } else {
        let words = [("stable", false), ("deprecated", true)];
        let said = fields.word("status", "status", &words);
        (said, said.unwrap_or_default().then(Deprecation::default))
    };
    // A status that cannot be read says nothing, and is reported.
    if let (Some(short), Some(said)) = (short, said)
        && short != said
    {
        let word = if said { "deprecated" } else { "stable" };
        let what = format!("`deprecated` is {short} and `status` says {word}");
        fields.unreadable("deprecated", what, "delete `deprecated`, or the status".to_owned());
    } else if short.is_some() && said.is_some() {
        let what = "`status` says the same".to_owned();
        fields.unreadable("deprecated", what, "delete `deprecated`".to_owned());
    }
    match long {
        Some(deprecation) => Status::Deprecated(deprecation),
        None if short == Some(true) => Status::Deprecated(Deprecation::default()),
        None => Status::Stable,
    }
}

fn deprecation(mut fields: Fields<'_, '_>) -> Deprecation {
    let read = Deprecation {
        since: fields.string("since"),
        replaced_by: fields.string("replaced_by"),
        emit_days: fields.whole("emit_days").unwrap_or(DEFAULT_EMIT_DAYS),
    };
    fields.finish();
    read
}

/// A duration, or a list of durations with their steps.
fn retention(fields: &mut Fields<'_, '_>) -> Vec<Retention> {
    if fields.holds_text("retention") {
        let keep = fields.string("retention");
        return keep.map(|keep| Retention { keep, step: None }).into_iter().collect();
    }
    fields.objects("retention", |mut fields| {
        let keep = fields.string("keep");
        let read = Retention {
            keep: fields.demand("keep", keep, "`\"keep\": \"90d\"`").unwrap_or_default(),
            step: fields.string("step"),
        };
        fields.finish();
        read
    })
}

/// Without one of them nothing can be said of the others.
fn exponential(mut fields: Fields<'_, '_>) -> Option<ExponentialBuckets> {
    let (scale, min, max) = (fields.integer("scale"), fields.number("min"), fields.number("max"));
    let scale = fields.demand("scale", scale, "`\"scale\": 3`");
    let min = fields.demand("min", min, "`\"min\": 0.001`");
    let max = fields.demand("max", max, "`\"max\": 60`");
    fields.finish();
    Some(ExponentialBuckets { scale: scale?, min: min?, max: max? })
}

fn rollup(mut fields: Fields<'_, '_>) -> Rollup {
    let name = fields.string("name");
    let read = Rollup {
        name: fields.demand("name", name, "`\"name\": \"…\"`").unwrap_or_default(),
        by: fields.strings("by").unwrap_or_default(),
        help: fields.string("help"),
    };
    fields.finish();
    read
}

fn variance(mut fields: Fields<'_, '_>) -> Variance {
    let read =
        Variance { baseline: fields.string("baseline"), tolerance: fields.number("tolerance") };
    fields.finish();
    read
}

fn otel(mut fields: Fields<'_, '_>) -> OtelNames {
    let read = OtelNames { name: fields.string("name"), unit: fields.string("unit") };
    fields.finish();
    read
}

pub(super) fn allowance(mut fields: Fields<'_, '_>) -> LintAllowance {
    let (rule, reason) = (fields.string("rule"), fields.string("reason"));
    let read = LintAllowance {
        rule: fields.demand("rule", rule, "the name of a lint").unwrap_or_default(),
        reason: fields
            .demand("reason", reason, "why it may be broken, `\"reason\": \"…\"`")
            .unwrap_or_default(),
    };
    fields.finish();
    read
}

const METRIC_TYPES: &[(&str, MetricType)] = &[
    ("counter", MetricType::Counter),
    ("gauge", MetricType::Gauge),
    ("histogram", MetricType::Histogram),
    ("summary", MetricType::Summary),
];

const SOURCES: &[(&str, Source)] = &[
    ("app", Source::App),
    ("batch", Source::Batch),
    ("derived", Source::Derived),
    ("external", Source::External),
];

const AGGREGATIONS: &[(&str, Aggregation)] = &[
    ("avg", Aggregation::Avg),
    ("count", Aggregation::Count),
    ("last", Aggregation::Last),
    ("max", Aggregation::Max),
    ("min", Aggregation::Min),
    ("p50", Aggregation::P50),
    ("p90", Aggregation::P90),
    ("p95", Aggregation::P95),
    ("p99", Aggregation::P99),
    ("sum", Aggregation::Sum),
];

const REFRESHES: &[(&str, Refresh)] = &[
    ("daily", Refresh::Daily),
    ("hourly", Refresh::Hourly),
    ("realtime", Refresh::Realtime),
    ("weekly", Refresh::Weekly),
];
