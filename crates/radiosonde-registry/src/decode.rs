//! From the text of `registry.json` to a checked [`Registry`].

use crate::{
    error::{RegistryError, RegistryErrors},
    fields::Fields,
    lint,
    locate::{Lines, Path},
    model::{
        DEFAULT_EMIT_DAYS, Deprecation, Environment, LabelSpec, LintAllowance, MetricSpec,
        MetricType, OtelNames, Owner, Registry, Source, Status, Variance,
    },
    report::Report,
    source, tree,
};

/// Parses and checks a registry; `file` is what messages call it.
pub(crate) fn parse(file: &str, text: &str) -> Result<Registry, RegistryErrors> {
    if text.len() as u64 > source::BYTES_MAX {
        return Err(source::too_large(file).into());
    }
    // Some editors put a byte order mark in front of UTF-8.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let root = tree::parse(text).map_err(|error| {
        let (line, column) = Lines::of(text).position(error.offset);
        RegistryErrors::from(RegistryError {
            file: file.to_owned(),
            line,
            column,
            path: error.path.to_string(),
            what: error.what,
            fix: error.fix.to_owned(),
        })
    })?;
    let mut report = Report::new(file, text, &root);
    let read = registry(Fields::of(&mut report, text, Path::default(), &root));
    // With a full report nobody reads the lints, and they could no longer tell what is unreadable.
    if !report.is_full() {
        lint::check(&read, &mut report);
    }
    report.finish().map(|()| read)
}

fn registry(mut fields: Fields<'_, '_>) -> Registry {
    // Editors find the JSON Schema by this key; it says nothing about metrics.
    let _schema = fields.string("$schema");
    let version = fields.whole("schema_version");
    let read = Registry {
        schema_version: fields
            .demand("schema_version", version, "`\"schema_version\": 1`")
            .unwrap_or(1),
        service: fields.string("service"),
        environments: fields.named("environments", environment),
        required_labels: fields.strings("required_labels").unwrap_or_default(),
        max_labels: fields.whole("max_labels"),
        labels: fields.named("labels", label),
        owners: fields.named("owners", owner),
        metrics: fields.objects("metrics", metric),
        alerts: fields.documents("alerts"),
        dashboards: fields.documents("dashboards"),
        slos: fields.documents("slos"),
        reports: fields.documents("reports"),
    };
    fields.finish();
    read
}

fn environment(mut fields: Fields<'_, '_>) -> Environment {
    let read = Environment {
        series_limit: fields.whole("series_limit"),
        fleet_limit: fields.whole("fleet_limit"),
    };
    fields.finish();
    read
}

fn label(mut fields: Fields<'_, '_>) -> LabelSpec {
    let read = LabelSpec {
        values: fields.strings("values"),
        pattern: fields.string("pattern"),
        max_values: fields.whole("max_values"),
        description: fields.string("description"),
    };
    fields.finish();
    read
}

fn owner(mut fields: Fields<'_, '_>) -> Owner {
    let read = Owner {
        name: fields.string("name"),
        slack: fields.string("slack"),
        email: fields.string("email"),
        pagerduty: fields.string("pagerduty"),
        jira: fields.string("jira"),
    };
    fields.finish();
    read
}

fn metric(mut fields: Fields<'_, '_>) -> MetricSpec {
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
        aggregation: fields.string("aggregation"),
        family: fields.string("family"),
        variance: fields.object("variance", variance),
        refresh: fields.string("refresh"),
        retention: fields.string("retention"),
        max_labels: fields.whole("max_labels"),
        otel: fields.object("otel", otel),
        zero_init: fields.flag("zero_init"),
        series_limit: fields.whole("series_limit"),
        lint_allow: fields.objects("lint_allow", allowance),
        expression: fields.string("expression"),
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

/// `"stable"`, `{"deprecated": {…}}`, or the short `"deprecated": true` beside it.
fn status(fields: &mut Fields<'_, '_>) -> Status {
    let short = fields.flag("deprecated").unwrap_or_default();
    let long = if fields.holds_object("status") {
        fields
            .object("status", |mut status| {
                let read = status.object("deprecated", deprecation);
                let read =
                    status.demand("deprecated", read, "`\"deprecated\": {}`, or write \"stable\"");
                status.finish();
                read
            })
            .flatten()
    } else {
        let words = [("stable", false), ("deprecated", true)];
        let deprecated = fields.word("status", "status", &words).unwrap_or_default();
        deprecated.then(Deprecation::default)
    };
    match long {
        Some(deprecation) => Status::Deprecated(deprecation),
        None if short => Status::Deprecated(Deprecation::default()),
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

fn allowance(mut fields: Fields<'_, '_>) -> LintAllowance {
    let (rule, reason) = (fields.string("rule"), fields.string("reason"));
    let read = LintAllowance {
        rule: fields.demand("rule", rule, "the name of a lint").unwrap_or_default(),
        reason: fields.demand("reason", reason, "why the lint may be broken").unwrap_or_default(),
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
