//! What is said where nothing was found: where was looked, and why there may be nothing.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use radiosonde_store::names::{Signal, StoredFile};
use radiosonde_store::query::{Condition, Reading};
use radiosonde_store::{Line, Query};

use crate::commands::removed_in_all;
use crate::levels::{self, LEVEL};
use crate::narrowed;
use crate::outcome::{NOTHING, USAGE, again, quoted, show, some};
use crate::places;
use crate::render::text::{many, shown};
use crate::render::time::moment;

/// Says it on stderr. The status of the command: that nothing was found, or that a wrong place was named.
pub(crate) fn tell(query: &Query, reading: &Reading) -> u8 {
    let dirs = &query.dirs;
    if all_wrong(dirs) {
        return USAGE;
    }
    let files = many(reading.files_read, "file");
    let variables = narrowed::told().map(|told| format!(", with {told}")).unwrap_or_default();
    eprintln!("radiosonde: nothing found in {files} of {}{variables}", some(dirs));
    if let Some(since) = query.since.filter(|since| *since > Timestamp::now()) {
        eprintln!("radiosonde: --since is in the future, {}", moment(since));
    }
    say_wrong(dirs);
    dirs.iter().filter_map(|dir| of_another(dir, query)).for_each(|told| {
        eprintln!("radiosonde: {told}");
    });
    match levels::without(query) {
        Some(told) => eprintln!("radiosonde: {told}"),
        None => levels::tell_left_out(query),
    }
    for condition in query.conditions.iter().filter(|_| can_be_read_again(dirs)) {
        if condition.compares_text() {
            let condition = shown(&condition.to_string());
            eprintln!(
                "radiosonde: `{condition}` goes by the bytes of texts: its value is no number"
            );
        } else if condition.needs_units() {
            let (shown_condition, key) = (shown(&condition.to_string()), shown(condition.key()));
            eprintln!(
                "radiosonde: `{shown_condition}` fits texts with a unit: of numbers `{key}` does not say \
                 which they have, as one that ends with _ms or _us would"
            );
        }
        if let Some(key) = unknown_key(query, condition) {
            eprintln!("radiosonde: no line looked at has `{}`{}", shown(key), meant(key));
        }
    }
    if let Some(told) = names(query) {
        // Which reads day files alone.
        let stats =
            if dirs.iter().any(|dir| dir.is_file()) { "top --by callsites" } else { "stats" };
        eprintln!("radiosonde: {told}: `{}` counts those there are", again(stats, dirs));
    }
    removed(dirs);
    NOTHING
}

/// Says on stderr where all of these are directories of something else. Whether they are.
pub(crate) fn all_wrong(dirs: &[PathBuf]) -> bool {
    let is_wrong = !dirs.is_empty() && dirs.iter().all(|dir| is_elsewhere(dir));
    if is_wrong {
        say_wrong(dirs);
    }
    is_wrong
}

/// Says on stderr which of these are directories of something else.
fn say_wrong(dirs: &[PathBuf]) {
    let all = dirs.iter().filter(|dir| is_elsewhere(dir)).take(PLACES_MAX);
    all.for_each(|dir| eprintln!("radiosonde: {}", wrong(dir)));
}

/// A query for the first lines of the same files and times, which tell what lines are like.
pub(crate) fn look(query: &Query) -> Query {
    let mut look = Query::new(query.dirs.clone());
    look.signals.clone_from(&query.signals);
    (look.since, look.until) = (query.since, query.until);
    look.bytes_max = Some(LOOK_BYTES_MAX);
    look
}

/// The key of a condition that no line has, as far as was looked. Of the level [`levels`] tells.
fn unknown_key<'a>(query: &Query, condition: &'a Condition) -> Option<&'a str> {
    if condition.key() == LEVEL {
        return None;
    }
    let mut is_there = look(query);
    is_there.conditions = vec![condition.presence().or_else(|| of_own(condition))?];
    let mut is_found = false;
    let _ = is_there.stream(&mut |_| {
        is_found = true;
        ControlFlow::Break(())
    });
    (!is_found).then(|| condition.key())
}

/// That a line has this key of its own. `None` where the condition holds without it as well.
pub(crate) fn of_own(condition: &Condition) -> Option<Condition> {
    let empty = Line::parse(br#"{"ts":"1970-01-01T00:00:00Z"}"#).ok()?;
    let is_there = || format!("{}?", condition.key()).parse().ok();
    if condition.matches(&empty) { None } else { is_there() }
}

/// What to know about the names of events that were asked for, where none of the lines looked at has one
/// of them.
fn names(query: &Query) -> Option<String> {
    let asked = query.evt.as_slice();
    if asked.is_empty() || !can_be_read_again(&query.dirs) {
        return None;
    }
    let is_name = |name: &str| asked.iter().any(|asked| asked == name);
    let is_part = |name: &str| asked.iter().any(|asked| name.contains(asked.as_str()));
    let mut all = look(query);
    all.evt = asked.to_vec();
    let mut found = None;
    let _ = all.stream(&mut |line| {
        found = Some(line.evt.clone());
        ControlFlow::Break(())
    });
    if found.is_none() {
        (all.evt, all.bytes_max) = (Vec::new(), Some(NAMES_BYTES_MAX));
        let _ = all.stream(&mut |line| match is_part(&line.evt) {
            true => {
                found = Some(line.evt.clone());
                ControlFlow::Break(())
            }
            false => ControlFlow::Continue(()),
        });
    }
    match found {
        Some(name) if is_name(&name) => None,
        Some(name) => Some(format!("--evt takes whole names of events, such as {}", shown(&name))),
        None => {
            let asked = asked.iter().map(|name| shown(name)).collect::<Vec<_>>();
            Some(format!("no line looked at has the name {}", asked.join(" or ")))
        }
    }
}

/// What may have been meant by a key that is not there.
fn meant(key: &str) -> String {
    match key.strip_prefix('.') {
        Some(rest) if !rest.is_empty() => format!("; without the point, `{}`?", shown(rest)),
        _ => String::new(),
    }
}

/// Whether the lines are where they were: standard input and pipes were read.
pub(crate) fn can_be_read_again(dirs: &[PathBuf]) -> bool {
    dirs.iter().all(|dir| places::can_be_read_again(dir))
}

/// That a file holds what another command reads.
fn of_another(path: &Path, query: &Query) -> Option<String> {
    let file = path.file_name()?.to_str().and_then(StoredFile::parse)?;
    let signal = file.day.signal;
    if path.is_dir() || query.signals.is_empty() || query.signals.contains(&signal) {
        return None;
    }
    let (what, command) = match signal {
        Signal::Spans => ("spans", "trace"),
        Signal::Metrics => ("metrics", "metrics"),
        _ => ("events", "logs"),
    };
    Some(format!("{} holds {what}, which `radiosonde {command}` reads", show(path)))
}

/// Whether a directory is one of something else: it holds something, and nothing of it is telemetry. An
/// empty one is that of a service that has written nothing yet.
fn is_elsewhere(dir: &Path) -> bool {
    let names = || fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.file_name());
    dir.is_dir()
        && !is_telemetry(dir)
        // What this user may not read is said elsewhere.
        && names().next().is_some()
}

/// Whether a program with telemetry was here.
pub(crate) fn is_telemetry(dir: &Path) -> bool {
    dir.join(PROCESSES).is_dir() || StoredFile::list(dir).is_ok_and(|files| !files.is_empty())
}

/// What to name instead of a directory that holds something else.
fn wrong(dir: &Path) -> String {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten().take(ENTRIES_MAX);
    let mut below: Vec<PathBuf> =
        entries.map(|entry| entry.path()).filter(|path| is_telemetry(path)).collect();
    below.sort();
    let dir = show(dir);
    match below.as_slice() {
        [] => format!("{dir} holds no telemetry: name a telemetry directory or a file"),
        [one] => format!("{dir} holds no telemetry itself: --dir {}", quoted(&show(one))),
        [first, more @ ..] => format!(
            "{dir} holds no telemetry itself, {} and {} below it do: --dir {}",
            show(first),
            more.len(),
            quoted(&format!("{}/*", dir.trim_end_matches('/')))
        ),
    }
}

/// What retention has removed from here.
fn removed(dirs: &[PathBuf]) {
    let removed = removed_in_all(dirs);
    if removed.files > 0 {
        let were = if removed.lines == 1 { "was" } else { "were" };
        eprintln!(
            "radiosonde: {} in {} {were} removed by retention; `{}` lists them",
            many(removed.lines, "line"),
            many(removed.files, "file"),
            again("removed", dirs)
        );
    }
}

/// What belongs to the processes of a telemetry directory stands there.
const PROCESSES: &str = "inst";
/// Entries of a directory that are looked at for telemetry below it.
const ENTRIES_MAX: usize = 10_000;
/// Wrong places that are named.
const PLACES_MAX: usize = 3;
/// Bytes of lines in which a key is looked for: one that is used stands in some of the first.
const LOOK_BYTES_MAX: u64 = 64 << 20;
/// Bytes of lines that are taken apart for their names.
const NAMES_BYTES_MAX: u64 = 8 << 20;
