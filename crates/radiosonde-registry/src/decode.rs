//! From the text of `registry.json` to a checked [`Registry`].

mod alert;
mod dashboard;
mod metric;
mod query;
mod report;
mod slo;

use crate::{
    error::{RegistryError, RegistryErrors},
    fields::Fields,
    lint,
    locate::{Lines, Path},
    model::{Environment, LabelSpec, ModulePolicy, ModuleSpec, Owner, Registry},
    report::Report,
    source, tree,
};

/// Parses and checks a registry; `file` is what messages call it.
pub(crate) fn parse(file: &str, text: &str) -> Result<Registry, RegistryErrors> {
    read(file, text, true)
}

/// Parses a registry and leaves the lints out.
pub(crate) fn parse_unlinted(file: &str, text: &str) -> Result<Registry, RegistryErrors> {
    read(file, text, false)
}

fn read(file: &str, text: &str, linted: bool) -> Result<Registry, RegistryErrors> {
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
    let read = registry(Fields::of(&mut report, Path::default(), &root));
    // With a full report nobody reads the lints, and they could no longer tell what is unreadable.
    if linted && !report.is_full() {
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
        modules: fields.named("modules", module),
        metrics: fields.objects("metrics", metric::read),
        alerts: fields.objects("alerts", alert::read),
        dashboards: fields.objects("dashboards", dashboard::read),
        slos: fields.objects("slos", slo::read),
        reports: fields.objects("reports", report::read),
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
        lint_allow: fields.objects("lint_allow", metric::allowance),
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

fn module(mut fields: Fields<'_, '_>) -> ModuleSpec {
    let read = ModuleSpec {
        policy: fields.word("policy", "policy", POLICIES).unwrap_or_default(),
        series_limit: fields.whole("series_limit"),
    };
    fields.finish();
    read
}

const POLICIES: &[(&str, ModulePolicy)] = &[
    ("allow", ModulePolicy::Allow),
    ("namespace", ModulePolicy::Namespace),
    ("refuse", ModulePolicy::Refuse),
];
