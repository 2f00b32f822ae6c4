//! What telemetry would do in this environment and directory, and what is wrong with that: for
//! `radiosonde doctor`.
//!
//! Nothing is changed but for a file that is made in the directory and removed again.

mod places;
mod reach;
pub mod shown;
mod slots;
mod spools;
mod variables;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::SystemTime;

use radiosonde_store::location::{Location, Origin};
use serde::Serialize;

use crate::otlp::Destinations;
use crate::settings::Environment;

/// What to look at.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Options {
    /// Telemetry directories; where programs look for theirs when there is none.
    pub directories: Vec<PathBuf>,
    /// Whether no connection is made.
    pub offline: bool,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// What it is about: `clock`, `directory`, `disk`, `otlp`, `rings`, `slots`, `spool` or
    /// `variables`.
    pub subject: &'static str,
    /// How it is.
    pub state: State,
    /// What was found. Without secrets.
    pub what: String,
    /// What to do, where something is wrong.
    pub fix: Option<String>,
}

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum State {
    /// As it should be.
    Ok,
    /// Telemetry works, and something about it is less than it could be.
    Warn,
    /// Something that was asked for does not work.
    Fail,
}

impl Finding {
    fn ok(subject: &'static str, what: impl Into<String>) -> Self {
        Self { subject, state: State::Ok, what: what.into(), fix: None }
    }

    fn warn(subject: &'static str, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { subject, state: State::Warn, what: what.into(), fix: Some(fix.into()) }
    }

    fn fail(subject: &'static str, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { subject, state: State::Fail, what: what.into(), fix: Some(fix.into()) }
    }
}

/// Looks at everything, in the order in which it is best read. Connects to the destinations of OTLP
/// unless told not to, for at most their timeout each.
#[must_use]
pub fn examine(options: &Options) -> Vec<Finding> {
    let env = Environment::of_process();
    let mut findings = Vec::new();
    let settings = variables::look(&env, &mut findings);
    for place in directories(options, &env, &mut findings) {
        places::look(&place, &mut findings);
        let own = settings.otlp.destinations.as_ref().map(Destinations::inner);
        slots::look(&place, own, &mut findings);
        places::look_at_clock(&place, SystemTime::now(), &mut findings);
    }
    reach::look(&settings, options.offline, &mut findings);
    findings
}

/// The directories that are named, or found; what is said of how they were.
fn directories(options: &Options, env: &Environment, findings: &mut Vec<Finding>) -> Vec<PathBuf> {
    let subject = "directory";
    if !options.directories.is_empty() {
        return options.directories.clone();
    }
    let lookup = |name: &str| -> Option<OsString> { env.os(name) };
    let search = Location::search(&lookup, &env.cwd);
    let mut found = Vec::new();
    for location in search.found {
        let how = match location.origin {
            Origin::Environment => "RADIOSONDE_DIR names it",
            Origin::StateDirectory => "STATE_DIRECTORY names it",
            Origin::WorkingDirectory => "it is below the working directory",
            Origin::StateHome => "it is below the state directory of this user",
            _ => "the program names it",
        };
        findings.push(Finding::ok(subject, format!("{}: {how}", location.path.display())));
        found.push(location.path);
    }
    if found.is_empty() {
        let looked: Vec<_> = search.looked.iter().map(|path| path.display().to_string()).collect();
        findings.push(Finding::warn(
            subject,
            format!("none found: looked at {}", looked.join(" and ")),
            "start the program once, or name its directory with --dir or RADIOSONDE_DIR",
        ));
    }
    found
}
