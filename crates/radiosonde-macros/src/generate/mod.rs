//! The code of a catalogue, as text: a plain function of a registry file.

mod docs;
mod labels;
mod metrics;

use std::{collections::BTreeSet, path::Path};

use radiosonde_registry::{MetricSpec, Registry, Source, closest_name};

/// Stands for the path to radiosonde in the generated code.
pub(crate) const PATH: &str = "__radiosonde_path";

/// Stands for the metrics and labels in the generated module.
pub(crate) const CONTENT: &str = "__radiosonde_content";

/// What the generated code calls the typed handles.
const TYPED: &str = "__radiosonde";

/// The code of a catalogue.
#[derive(Debug)]
pub(crate) struct Code {
    /// The module, with [`PATH`] and [`CONTENT`] in it.
    pub(crate) module: String,
    /// Its metrics and labels: nearly all of the text, and without [`PATH`].
    pub(crate) content: String,
}

/// The catalogue of a registry file, or the text of the error that the user gets to see.
pub(crate) fn catalog(folder: &Path, file: &str) -> Result<Code, String> {
    let path = folder.join(file);
    if !path.is_file() {
        return Err(absent(&path, file));
    }
    let registry = Registry::load(&path).map_err(|mut errors| {
        // The name the user wrote, not the long one it was opened by.
        errors.0.iter_mut().for_each(|error| file.clone_into(&mut error.file));
        let problems = if errors.0.len() == 1 { "a problem" } else { "problems" };
        format!("{file} has {problems}:\n{errors}")
    })?;
    Ok(Code { module: module(file, &include(folder, file)), content: content(&registry) })
}

/// What to do when there is no such file. The whole path would differ from machine to machine, in the
/// expected errors of whoever tests his own macros too.
fn absent(path: &Path, file: &str) -> String {
    if path.is_dir() {
        return format!("`{file}` is a directory; name the registry file in it");
    }
    let guess = path.file_name().and_then(|name| beside(path, name.to_str()?));
    let fix = match guess.map(|guess| Path::new(file).with_file_name(guess)) {
        Some(meant) => format!("did you mean `{}`?", meant.display()),
        None => "create it, or name it from the folder of Cargo.toml".to_owned(),
    };
    format!("no registry `{file}`; {fix}")
}

/// Files that are looked at for one that was meant.
const NEIGHBOURS_MAX: usize = 1_000;

/// The JSON file in the same folder that was probably meant.
fn beside(path: &Path, name: &str) -> Option<String> {
    let entries = path.parent()?.read_dir().ok()?.take(NEIGHBOURS_MAX);
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut candidates: Vec<String> = names.filter(|name| name.ends_with(".json")).collect();
    candidates.sort();
    closest_name(name, candidates.iter().map(String::as_str)).map(str::to_owned)
}

fn module(file: &str, text: &str) -> String {
    let about = format!("The metrics of {}.", docs::code(file));
    // A binary rarely uses every metric, and never publishes them. Names are the registry's, and
    // so is the date of a deprecation, which clippy takes for a version.
    format!(
        "#[doc = {about:?}]\n\
         #[allow(dead_code, unreachable_pub, unused_imports, non_snake_case, \
         non_camel_case_types, clippy::deprecated_semver)]\n\
         pub mod catalog {{\n\
         use {PATH}::typed as {TYPED};\n\
         /// The registry itself: what `init!(registry = catalog::REGISTRY)` takes.\n\
         pub const REGISTRY: {PATH}::RegistrySource =\n\
         {PATH}::RegistrySource::embedded_in(::core::module_path!(), {file:?}, {text});\n\
         {CONTENT}\n}}\n"
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

/// The metrics that the program writes, and their labels.
fn content(registry: &Registry) -> String {
    let written = |metric: &&MetricSpec| matches!(metric.source, Source::App | Source::Batch);
    let metrics: Vec<&MetricSpec> = registry.metrics.iter().filter(written).collect();
    let used: BTreeSet<&str> =
        metrics.iter().flat_map(|metric| &metric.labels).map(String::as_str).collect();
    let labels: Vec<&str> = used.into_iter().collect();
    let mut code = String::new();
    for name in labels {
        if let Some(spec) = registry.labels.get(name) {
            labels::label(&mut code, registry, name, spec);
        }
    }
    for metric in metrics {
        metrics::metric(&mut code, registry, metric);
    }
    code
}

#[cfg(test)]
mod tests;
