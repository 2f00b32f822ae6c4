//! The registries of the code, or the one of the environment, made one.

use radiosonde_registry::{Merged, Registry, RegistrySource};

use crate::config::Config;
use crate::problem::Problems;

/// The registries that could be read, each with its name.
pub(super) struct Loaded(Vec<(String, Registry)>);

impl Loaded {
    /// `path` is the environment's, which stands in place of all of the code's.
    pub(super) fn new(config: &Config, path: Option<String>, problems: &Problems) -> Self {
        let sources = match path {
            Some(path) => vec![RegistrySource::path(path)],
            None => config.registries.clone(),
        };
        let fix = match sources.len() {
            1 => "mend the registry; until then metrics are observed, not checked",
            _ => "mend the registry; until then its metrics are those of no registry",
        };
        let mut loaded = Vec::with_capacity(sources.len());
        for source in &sources {
            match source.load() {
                Ok(registry) => loaded.push((source.name(), registry)),
                Err(errors) => errors
                    .0
                    .iter()
                    .for_each(|error| problems.say(format!("registry not used: {error}"), fix)),
            }
        }
        Self(loaded)
    }

    pub(super) fn required_labels(&self) -> Vec<String> {
        self.0.iter().flat_map(|(_, registry)| registry.required_labels.iter().cloned()).collect()
    }

    /// All of them as one; what differs in several is a problem.
    pub(super) fn merge(self, environment: Option<&str>, problems: &Problems) -> Option<Merged> {
        if self.0.is_empty() {
            return None;
        }
        let mut merged = Registry::merge(self.0, environment);
        for conflict in merged.conflicts.drain(..) {
            problems.say(conflict.what, conflict.fix);
        }
        Some(merged)
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
