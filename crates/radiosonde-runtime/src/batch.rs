//! Values of batch gauges from process to process: read at the start, kept as they change.
//!
//! Each slot keeps those of its process, `inst/<n>/batch-<hash of service and environment>.json`.
//! Whoever starts reads the files of its service and environment in all slots, of living processes too, and of each series takes
//! the value that was computed last. What is kept was redacted, as every label is.

mod file;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use radiosonde_metrics::{BatchValue, Metrics};
use radiosonde_record::Slot;

use crate::problem::{Problem, Problems};
use crate::words::counted;
use file::Found;
pub(crate) use file::Whose;

/// How soon what failed is tried again.
const RETRY: Duration = Duration::from_secs(10);
/// What is read at a start, of all slots together.
const READ_MAX: usize = 16 << 20;

/// Takes up what processes of this service and environment have left in the slots of a directory.
/// Whether our own file is to be written anew, because it says what cannot be.
pub(crate) fn restore(
    metrics: &Metrics,
    root: &Path,
    own: Option<&Slot>,
    whose: &Whose,
    now: SystemTime,
    problems: &Problems,
) -> bool {
    let (mut values, mut ahead, mut is_own_ahead) = (Vec::new(), Ahead::default(), false);
    let (mut room, mut unread) = (READ_MAX, Vec::new());
    for number in Slot::existing(root) {
        let inst = root.join("inst");
        let directory = inst.join(number.to_string());
        // What somebody else's link leads to is not ours.
        if ![&inst, &directory].into_iter().all(|path| is_directory(path)) {
            continue;
        }
        let path = directory.join(file::name(whose));
        match file::read(&path, whose) {
            Found::Nothing | Found::Foreign => {}
            Found::Values(_, bytes) if bytes > room => unread.push(path),
            Found::Values(found, bytes) => {
                room -= bytes;
                let (sound, is_wrong) = ahead.sift(found, &path, now);
                values.extend(sound);
                is_own_ahead |= is_wrong && is_own(own, number);
            }
            Found::Damaged(why) => note_damaged(&path, &why, root, number, own, problems),
        }
    }
    note_unread(&unread, problems);
    ahead.tell(problems);
    // After the others: they beat nothing whose time can be believed.
    let restored = [metrics.restore_batch(values), metrics.restore_batch(ahead.into_values())];
    for (metric, count, why) in restored.into_iter().flat_map(|restored| restored.dropped) {
        problems.say(
            format!(
                "{} of the batch gauge `{metric}` dropped: {why}",
                counted(count, "kept value")
            ),
            "nothing, if that is what the registry is meant to say: they are gone when the next \
             value is kept",
        );
    }
    is_own_ahead
}

/// Values that claim to be computed in the future: under a clock that was wrong.
#[derive(Default)]
struct Ahead {
    /// With the time they claim.
    values: Vec<(SystemTime, BatchValue)>,
    /// The first file there is one in.
    path: Option<PathBuf>,
}

impl Ahead {
    /// Takes those out of what a file has, and gives them the time the file is from. When that is to
    /// come as well, nobody knows when it was, and they are as old as can be. The others, and whether
    /// the file is wrong: where it is from the future itself, our clock may be what is wrong.
    fn sift(
        &mut self,
        found: Vec<BatchValue>,
        path: &Path,
        now: SystemTime,
    ) -> (Vec<BatchValue>, bool) {
        let (ahead, sound): (Vec<_>, _) =
            found.into_iter().partition(|value| value.is_ahead_of(now));
        if ahead.is_empty() {
            return (sound, false);
        }
        let modified = fs::symlink_metadata(path).and_then(|found| found.modified());
        let at = modified.ok().filter(|at| *at <= now);
        self.values.extend(ahead.into_iter().map(|mut value| {
            let claimed = value.computed_at;
            value.computed_at = at.unwrap_or(UNIX_EPOCH);
            (claimed, value)
        }));
        let _ = self.path.get_or_insert_with(|| path.to_owned());
        (sound, at.is_some())
    }

    /// Among equals the one that claims to be newer comes first: only the clock of now may be wrong.
    fn into_values(mut self) -> Vec<BatchValue> {
        self.values.sort_by_key(|(claimed, _)| std::cmp::Reverse(*claimed));
        self.values.into_iter().map(|(_, value)| value).collect()
    }

    fn tell(&self, problems: &Problems) {
        let Some(path) = &self.path else { return };
        let count = counted(self.values.len() as u64, "kept value");
        problems.say(
            format!(
                "{count} of batch gauges claim to be computed in the future, as in {}: any other \
                 value goes before, and the time of the file is taken for theirs",
                path.display()
            ),
            "set the clock right, and let the jobs run again; delete the file when nobody writes it \
             any more",
        );
    }
}

fn is_own(own: Option<&Slot>, number: u32) -> bool {
    own.is_some_and(|slot| slot.number() == number)
}

/// One problem, however many slots there are.
fn note_unread(unread: &[PathBuf], problems: &Problems) {
    let Some(first) = unread.first() else { return };
    let files = counted(unread.len() as u64, "file");
    problems.say(
        format!(
            "{files} of batch gauges not read, such as {}: those of all slots take more than 16 MiB",
            first.display()
        ),
        "give the gauges fewer series, or delete the files of slots that are not used",
    );
}

fn is_directory(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())
}

/// Tells about a damaged file, and moves it out of the way unless its owner lives.
fn note_damaged(
    path: &Path,
    why: &str,
    root: &Path,
    number: u32,
    own: Option<&Slot>,
    problems: &Problems,
) {
    let is_own = is_own(own, number);
    // Held while the file is moved.
    let taken = if is_own { None } else { Slot::try_take(root, number).ok().flatten() };
    let aside = (is_own || taken.is_some()).then(|| file::set_aside(path));
    let (what, fix) = match aside {
        Some(Ok(aside)) => {
            let aside = aside.display();
            (format!("; it is set aside as {aside}"), "look at it, and delete it".to_owned())
        }
        Some(Err(error)) => (format!(", nor moved: {error}"), format!("delete {}", path.display())),
        None => {
            let fix = "it is another process's, which writes it anew with its next value";
            (String::new(), fix.to_owned())
        }
    };
    problems.say(
        format!("kept values of batch gauges in {} cannot be read: {why}{what}", path.display()),
        fix,
    );
}

/// Keeps the values of this process.
#[derive(Debug)]
pub(crate) struct Keeper {
    slot: Slot,
    path: PathBuf,
    whose: Whose,
    /// Not before.
    next: Instant,
    /// Written since the last file.
    changed: bool,
    /// What the last attempt had to say.
    told: Vec<Problem>,
}

impl Keeper {
    /// `changed`: the file is to be written even if no gauge is.
    pub(crate) fn new(slot: Slot, whose: Whose, changed: bool) -> Self {
        let path = slot.path().join(file::name(&whose));
        let next = Instant::now();
        Self { slot, path, whose, next, changed, told: Vec::new() }
    }

    /// Writes what has changed, unless that failed a moment ago.
    pub(crate) fn keep(&mut self, now: Instant, metrics: &Metrics, problems: &Problems) {
        if now >= self.next && !self.write_changes(metrics, problems) {
            self.next = now + RETRY;
        }
    }

    /// Writes what has changed. Whether everything is on disk.
    pub(crate) fn write_changes(&mut self, metrics: &Metrics, problems: &Problems) -> bool {
        self.changed |= metrics.take_batch_changes();
        if !self.changed {
            return true;
        }
        let told = match self.write(&metrics.batch_values()) {
            Ok(left_out) => {
                self.changed = false;
                left_out.into_iter().collect()
            }
            Err(problem) => vec![problem],
        };
        self.told.iter().filter(|old| !told.contains(old)).for_each(|old| problems.retract(old));
        told.iter()
            .filter(|new| !self.told.contains(new))
            .for_each(|new| problems.add(new.clone()));
        self.told = told;
        !self.changed
    }

    /// What was left out for want of room, if anything.
    fn write(&self, values: &[BatchValue]) -> Result<Option<Problem>, Problem> {
        let failed = |why: &dyn std::fmt::Display, fix: &str| {
            let path = self.path.display();
            Problem::new(format!("values of batch gauges are not kept in {path}: {why}"), fix)
        };
        if !self.slot.is_held() {
            return Err(failed(&"the lock of our slot is gone", "restart the program"));
        }
        let fix = "make room or remove what is in the way; writing is tried again by itself";
        let rendered = file::render(&self.whose, values);
        let (text, left_out) = rendered.map_err(|error| failed(&error, fix))?;
        file::write(&self.path, &text).map_err(|error| failed(&error, fix))?;
        Ok((left_out > 0).then(|| {
            let left_out = counted(left_out as u64, "value");
            let what =
                format!("{left_out} of batch gauges, the oldest, are not kept: 4 MiB are full");
            Problem::new(what, "give batch gauges fewer series")
        }))
    }
}
