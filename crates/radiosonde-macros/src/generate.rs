//! The code of a catalogue, as text: a plain function of a registry file.

use std::{collections::BTreeMap, fmt::Write as _, path::Path};

use radiosonde_registry::{MetricSpec, Registry, Source, Status};

/// Stands for the path to radiosonde in the generated code.
pub(crate) const PATH: &str = "__radiosonde_path";

/// Names a catalogue has besides its metrics.
const OWN_NAMES: &[&str] = &["REGISTRY"];

/// The catalogue of a registry file, or the text of the error that the user gets to see.
pub(crate) fn catalog(folder: &Path, file: &str) -> Result<String, String> {
    let path = folder.join(file);
    if !path.is_file() {
        let path = path.display();
        return Err(format!(
            "no registry at {path}; create it, or name it from the folder of Cargo.toml"
        ));
    }
    let registry = Registry::load(&path).map_err(|mut errors| {
        // The name the user wrote, not the long one it was opened by.
        errors.0.iter_mut().for_each(|error| file.clone_into(&mut error.file));
        let problems = if errors.0.len() == 1 { "a problem" } else { "problems" };
        format!("{file} has {problems}:\n{errors}")
    })?;
    let constants = constants(&registry).map_err(|problem| format!("{file}: {problem}"))?;
    Ok(module(file, &include(folder, file), &constants))
}

/// A catalogue without metrics, for a registry that cannot be used.
pub(crate) fn stand_in(file: &str) -> String {
    module(file, "\"{\\\"schema_version\\\": 1}\"", "")
}

fn module(file: &str, text: &str, constants: &str) -> String {
    let about = format!("The metrics of `{file}`.");
    // A binary rarely uses every metric, and never publishes them.
    format!(
        "#[doc = {about:?}]\n\
         #[allow(dead_code, unreachable_pub)]\n\
         pub mod catalog {{\n\
         /// The registry itself: what `init!(registry = catalog::REGISTRY)` takes.\n\
         pub const REGISTRY: {PATH}::RegistrySource =\n\
         {PATH}::RegistrySource::embedded({file:?}, {text});\n\
         {constants}}}\n"
    )
}

/// The expression of the file's text. It also tells cargo to rebuild when the file changes.
fn include(folder: &Path, file: &str) -> String {
    if Path::new(file).is_absolute() || folder.as_os_str().is_empty() {
        return format!("::core::include_str!({file:?})");
    }
    let below = format!("/{file}");
    format!(
        "::core::include_str!(::core::concat!(::core::env!(\"CARGO_MANIFEST_DIR\"), {below:?}))"
    )
}

/// One constant a metric that the program writes.
fn constants(registry: &Registry) -> Result<String, String> {
    let mut code = String::new();
    let mut taken: BTreeMap<String, &str> =
        OWN_NAMES.iter().map(|name| ((*name).to_owned(), "the catalogue itself")).collect();
    let written = |metric: &&MetricSpec| matches!(metric.source, Source::App | Source::Batch);
    for metric in registry.metrics.iter().filter(written) {
        let constant = metric.name.to_ascii_uppercase();
        if constant.bytes().all(|byte| byte == b'_') {
            return Err(format!("metric `{}` makes no constant; rename it", metric.name));
        }
        if let Some(other) = taken.get(&constant) {
            let name = &metric.name;
            return Err(format!(
                "metric `{name}` and {other} would both be `{constant}`; rename the metric"
            ));
        }
        let docs = documentation(metric);
        // Writing to a string cannot fail.
        let _written =
            writeln!(code, "#[doc = {docs:?}]\npub const {constant}: &str = {:?};", metric.name);
        let _free = taken.insert(constant, &metric.name);
    }
    Ok(code)
}

/// Help, then everything the writer of a metric wants to know.
fn documentation(metric: &MetricSpec) -> String {
    let mut text = format!(
        "{}\n\n`{}`: {} in {}",
        plain(&metric.help),
        metric.name,
        metric.metric_type,
        plain(metric.unit.as_deref().unwrap_or("1"))
    );
    if !metric.labels.is_empty() {
        text += &format!(", by `{}`", metric.labels.join("`, `"));
    }
    if let Some(owner) = &metric.owner {
        text += &format!("; owned by {}", plain(owner));
    }
    text.push('.');
    if let Status::Deprecated(deprecation) = &metric.status {
        text += "\n\nDeprecated";
        if let Some(since) = &deprecation.since {
            text += &format!(" since {since}");
        }
        if let Some(instead) = &deprecation.replaced_by {
            text += &format!("; use `{}` instead", plain(instead));
        }
        text.push('.');
    }
    text
}

/// Text that Markdown shows as it is: links and tags in it would be warnings in the user's docs.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for next in text.trim().chars() {
        match next {
            '[' | ']' | '<' | '>' | '*' | '`' | '\\' => plain.extend(['\\', next]),
            // A line of its own could begin a heading or a list.
            next if next.is_control() => plain.push(' '),
            next => plain.push(next),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn with(metrics: &str) -> Result<String, String> {
        let folder = tempfile::tempdir().expect("a directory");
        let text = format!(
            r#"{{"schema_version": 1, "labels": {{"outcome": {{"values": ["ok", "failed"]}}}},
                "required_labels": ["outcome"],
                "owners": {{"platform": {{"slack": "telemetry"}}}}, "metrics": [{metrics}]}}"#
        );
        fs::write(folder.path().join("registry.json"), text).expect("written");
        catalog(folder.path(), "registry.json")
    }

    #[test]
    fn a_constant_for_each_metric_the_program_writes() {
        let code = with(
            r#"{"name": "runs_total", "type": "counter", "unit": "runs", "help": "Runs [of] <all>.",
                "labels": ["outcome"], "owner": "platform"},
               {"name": "rows", "type": "gauge", "unit": "rows", "help": "Rows.", "source": "batch",
                "owner": "platform", "status": {"deprecated": {"since": "2026-11-01", "replaced_by": "lines"}}},
               {"name": "job:rate", "type": "gauge", "unit": "1", "help": "h", "source": "derived",
                "owner": "platform", "expression": "1"},
               {"name": "up", "type": "gauge", "unit": "1", "help": "h", "source": "external",
                "owner": "platform"},
               {"name": "lines", "type": "gauge", "unit": "lines", "help": "h", "source": "external",
                "owner": "platform"}"#,
        )
        .expect("a good registry");
        let expected = [
            "pub const REGISTRY: __radiosonde_path::RegistrySource",
            "concat!(::core::env!(\"CARGO_MANIFEST_DIR\"), \"/registry.json\")",
            "pub const RUNS_TOTAL: &str = \"runs_total\";",
            "Runs \\\\[of\\\\] \\\\<all\\\\>.\\n\\n`runs_total`: counter in runs, by `outcome`; owned by platform.",
            "pub const ROWS: &str = \"rows\";",
            "Deprecated since 2026-11-01; use `lines` instead.",
        ];
        for expected in expected {
            assert!(code.contains(expected), "{expected} in\n{code}");
        }
        assert!(!code.contains("UP") && !code.contains("job:rate"), "{code}");
    }

    #[test]
    fn findings_are_all_in_the_error() {
        let error = with(r#"{"name": "runs", "type": "countr"}, {"name": "x", "typ": "gauge"}"#)
            .expect_err("findings");
        let lines: Vec<&str> = error.lines().collect();
        assert_eq!(lines[0], "registry.json has problems:");
        assert!(lines[1].starts_with("registry.json:3:"), "{error}");
        assert!(lines[1].contains("metrics[0].type: unknown metric type `countr`"), "{error}");
        assert!(lines[2..].iter().any(|line| line.contains("unknown key `typ`")), "{error}");
    }

    #[test]
    fn constants_that_cannot_be() {
        let metric = |name: &str| {
            let allow = match name.starts_with('R') {
                true => r#"[{"rule": "camel_case", "reason": "old"}]"#,
                false => "[]",
            };
            format!(
                r#"{{"name": "{name}", "type": "gauge", "unit": "1", "help": "h",
                    "owner": "platform", "lint_allow": {allow}}}"#
            )
        };
        let table = [
            (metric("registry"), "`registry` and the catalogue itself would both be `REGISTRY`"),
            (
                format!("{},{}", metric("rows"), metric("Rows")),
                "`Rows` and rows would both be `ROWS`",
            ),
            (metric("__"), "`__` makes no constant"),
        ];
        for (metrics, expected) in table {
            let error = with(&metrics).expect_err(expected);
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let folder = tempfile::tempdir().expect("a directory");
        let error = catalog(folder.path(), "none.json").expect_err("missing");
        assert!(error.contains("none.json; create it"), "{error}");
        assert!(stand_in("none.json").contains("pub const REGISTRY"));
    }
}
