//! The registries of the code, or the one of the environment, made one.

use radiosonde_registry::{Merged, Registry, RegistryErrors, RegistrySource};

use crate::config::Config;
use crate::problem::Problems;

/// The registries that could be read.
pub(super) struct Loaded {
    /// Each with its name.
    all: Vec<(String, Registry)>,
    /// Whether the environment's stands in place of all of the code's.
    pub(super) replaced: bool,
}

impl Loaded {
    /// `path` is the environment's, which stands in place of all of the code's; one that cannot be
    /// used must not cost the checks of those.
    pub(super) fn new(config: &Config, path: Option<String>, problems: &Problems) -> Self {
        if let Some(path) = path {
            let source = RegistrySource::path(path);
            let until = match config.registries.len() {
                0 => "unset RADIOSONDE_REGISTRY; until then metrics are observed, not checked",
                1 => "unset RADIOSONDE_REGISTRY; until then the registry of init! holds",
                _ => "unset RADIOSONDE_REGISTRY; until then the registries of init! hold",
            };
            match source.load() {
                Ok(registry) => {
                    return Self { all: vec![(source.name(), registry)], replaced: true };
                }
                Err(errors) => {
                    say(&errors, "RADIOSONDE_REGISTRY", &format!(", or {until}"), problems);
                }
            }
        }
        let until = match config.registries.len() {
            1 => "; until then metrics are observed, not checked",
            _ => "; until then its metrics are those of no registry",
        };
        let mut all = Vec::with_capacity(config.registries.len());
        for source in &config.registries {
            match source.load() {
                Ok(registry) => all.push((source.name(), registry)),
                Err(errors) => say(&errors, "registry", until, problems),
            }
        }
        Self { all, replaced: false }
    }

    pub(super) fn required_labels(&self) -> Vec<String> {
        self.all.iter().flat_map(|(_, registry)| registry.required_labels.iter().cloned()).collect()
    }

    /// All of them as one; what differs in several is a problem.
    pub(super) fn merge(self, environment: Option<&str>, problems: &Problems) -> Option<Merged> {
        if self.all.is_empty() {
            return None;
        }
        let mut merged = Registry::merge(self.all, environment);
        for conflict in merged.conflicts.drain(..) {
            problems.say(conflict.what, conflict.fix);
        }
        Some(merged)
    }
}

/// Says what is wrong with a registry, and what to do, once each.
fn say(errors: &RegistryErrors, what: &str, until: &str, problems: &Problems) {
    for error in &errors.0 {
        let told = error.to_string();
        // Its fix is ours, with what holds until then.
        let told = told.strip_suffix(&format!("; {}", error.fix)).unwrap_or(&told);
        problems.say(format!("{what} not used: {told}"), format!("{}{until}", error.fix));
    }
}

/// The crates of the program: the one that calls `init!`, those whose catalogues it passes, and
/// those it names. None, which means all, where nothing is known of them.
pub(super) fn own_crates(config: &Config) -> Vec<String> {
    let mut own = config.own_crates.clone();
    if let Some(module) = config.service.module {
        own.extend(module.split("::").next().map(str::to_owned));
        // A library beside the program has the package's name.
        own.push(config.service.name.replace('-', "_"));
    }
    if !own.is_empty() {
        let of_catalogues = config.registries.iter().filter_map(RegistrySource::crate_name);
        own.extend(of_catalogues.map(str::to_owned));
    }
    own
}
