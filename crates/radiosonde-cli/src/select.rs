//! From the command line to a query: which directories, which conditions.

use std::path::PathBuf;

use radiosonde_store::Query;
use radiosonde_store::location::{Location, Origin};
use radiosonde_store::names::Signal;

use crate::args::{Select, Time};
use crate::outcome::{Stop, show};
use crate::places::{self, existing, is_pattern};
use crate::render::time::moment;

impl Select {
    /// The query for some signals (none given: all).
    pub(crate) fn query(&self, signals: &[Signal]) -> Result<Query, Stop> {
        check_range(self.time)?;
        let mut query = Query::new(self.places()?);
        query.signals = signals.to_vec();
        query.job.clone_from(&self.job);
        query.traces = self.trace.iter().cloned().collect();
        query.machine.clone_from(&self.machine);
        query.worker.clone_from(&self.worker);
        query.session.clone_from(&self.session);
        query.service.clone_from(&self.service);
        query.level = self.level;
        query.evt.clone_from(&self.evt);
        query.conditions.clone_from(&self.conditions);
        query.since = self.time.since;
        query.until = self.time.until;
        query.limit = self.limit;
        query.tail = true;
        Ok(query)
    }

    /// The directories and files to read, and `-` for standard input.
    pub(crate) fn places(&self) -> Result<Vec<PathBuf>, Stop> {
        match self.dir.is_empty() {
            // Whoever follows a service may be there before it.
            true if self.follow => found(),
            true => directories(&[]),
            false => places::all(&self.dir, self.follow),
        }
    }

    /// The ids asked for, with the word for each, most telling first.
    pub(crate) fn subjects(&self) -> Vec<(&'static str, &str)> {
        [
            ("job", &self.job),
            ("trace", &self.trace),
            ("session", &self.session),
            ("worker", &self.worker),
            ("machine", &self.machine),
        ]
        .into_iter()
        .filter_map(|(word, id)| Some((word, id.as_deref()?)))
        .collect()
    }
}

/// Refuses a span of time in which nothing can lie.
pub(crate) fn check_range(time: Time) -> Result<(), Stop> {
    match (time.since, time.until) {
        (Some(since), Some(until)) if since >= until => Err(Stop::Usage(format!(
            "an empty span of time: it begins (--since) at {} and ends (--until) at {}; a time ago \
             such as 3d is the moment 3 days ago, so the longer one is --since",
            moment(since),
            moment(until)
        ))),
        _ => Ok(()),
    }
}

/// The directories to read: the ones named, else the ones found.
pub(crate) fn directories(named: &[PathBuf]) -> Result<Vec<PathBuf>, Stop> {
    if !named.is_empty() {
        return places::directories(named);
    }
    // More than one only where nobody named them, and then they exist.
    found()?.into_iter().map(existing).collect()
}

/// Where telemetry is looked for when nobody names a directory; of one that a variable names it is not
/// said that it is there.
fn found() -> Result<Vec<PathBuf>, Stop> {
    let cwd = std::env::current_dir()
        .map_err(|error| Stop::Usage(format!("no working directory ({error}): use --dir")))?;
    let search = Location::search(&|name| std::env::var_os(name), &cwd);
    if search.found.is_empty() {
        let looked: Vec<_> = search.looked.iter().map(|path| show(path)).collect();
        return Err(Stop::Nowhere(format!(
            "no telemetry found: looked at {}; name its directory with --dir or RADIOSONDE_DIR",
            looked.join(" and ")
        )));
    }
    let named = |location: &&Location| location.origin == Origin::Environment;
    // As behind --dir.
    if let Some(location) = search.found.iter().find(named).filter(|one| is_pattern(&one.path)) {
        return places::directories(std::slice::from_ref(&location.path));
    }
    Ok(search.found.into_iter().map(|location| location.path).collect())
}
