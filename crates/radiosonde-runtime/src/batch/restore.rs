//! Taking up what earlier processes have left. All of it lies on the disk, and none of it stops the
//! program: what is wrong is a warning.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use radiosonde_metrics::{BatchValue, Metrics};
use radiosonde_record::Slot;

use super::file::{self, Found, Whose};
use crate::problem::Problems;
use crate::words::counted;

/// What is read at a start, of all slots together.
const READ_MAX: usize = 16 << 20;

/// The file of a slot, and what was in it.
struct Kept {
    number: u32,
    path: PathBuf,
    values: Vec<BatchValue>,
}

/// What stands at the place of our own file.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Own {
    /// Something that must not be written over.
    pub(super) is_blocked: bool,
    /// What is to be written anew, because it says what cannot be.
    pub(super) is_stale: bool,
}

/// Takes up what processes of this service and environment have left in the slots of a directory.
pub(crate) fn restore(
    metrics: &Metrics,
    root: &Path,
    own: Option<&Slot>,
    whose: &Whose,
    now: SystemTime,
    problems: &Problems,
) -> Own {
    let (mut all, mut values, mut ahead) = (Vec::new(), Vec::new(), Ahead::default());
    let (mut room, mut unread, mut ours) = (READ_MAX, Vec::new(), Own::default());
    for number in Slot::existing(root) {
        let inst = root.join("inst");
        let directory = inst.join(number.to_string());
        // What somebody else's link leads to is not ours.
        if ![&inst, &directory].into_iter().all(|path| is_directory(path)) {
            continue;
        }
        let path = directory.join(file::name(whose));
        let is_own = is_own(own, number);
        match file::read(&path, whose) {
            Found::Nothing => {}
            Found::Foreign => ours.is_blocked |= is_own,
            Found::Values(_, bytes) if bytes > room => {
                ours.is_blocked |= is_own;
                unread.push(path);
            }
            Found::Values(found, bytes) => {
                room -= bytes;
                let (sound, is_wrong) = ahead.sift(found.clone(), &path, now);
                values.extend(sound);
                ours.is_stale |= is_wrong && is_own;
                all.push(Kept { number, path, values: found });
            }
            Found::Damaged(why) => {
                let is_moved = note_damaged(&path, &why, root, number, own, problems);
                ours.is_blocked |= is_own && !is_moved;
            }
            Found::Unreadable(why) => {
                ours.is_blocked |= is_own;
                note_unreadable(&path, &why, is_own, problems);
            }
        }
    }
    note_unread(&unread, problems);
    ahead.tell(problems);
    // After the others: they beat nothing whose time can be believed.
    let restored = [metrics.restore_batch(values), metrics.restore_batch(ahead.into_values())];
    let all_dropped = restored.iter().flat_map(|restored| &restored.dropped);
    let dropped: HashSet<_> = all_dropped.map(|(value, _)| identity(value)).collect();
    // What the files of living processes hold is theirs to say: their registry may be another one.
    let mut removed = HashSet::new();
    for kept in all.iter().filter(|kept| kept.values.iter().any(|v| dropped.contains(&identity(v))))
    {
        remove(kept, &dropped, &mut removed, root, own, whose, problems);
    }
    let is_removed = |value: &BatchValue| removed.contains(&identity(value));
    let by_metric = restored.iter().flat_map(|restored| restored.dropped_by_metric(is_removed));
    for (metric, count, why) in by_metric {
        problems.warn(
            format!(
                "{} of the batch gauge `{metric}` dropped: {why}",
                counted(count, "kept value")
            ),
            "nothing, if that is what the registry is meant to say: they are kept no longer",
        );
    }
    ours
}

/// What decides whether a kept value fits, NaN included; its time does not.
type Identity<'a> = (&'a str, &'a [(String, String)], u64);

fn identity(value: &BatchValue) -> Identity<'_> {
    (&value.metric, &value.labels, value.value.to_bits())
}

/// Takes what was dropped out of a file, and notes it, unless the file's owner lives.
fn remove<'a>(
    kept: &'a Kept,
    dropped: &HashSet<Identity<'_>>,
    removed: &mut HashSet<Identity<'a>>,
    root: &Path,
    own: Option<&Slot>,
    whose: &Whose,
    problems: &Problems,
) {
    let is_own = is_own(own, kept.number);
    // Held while the file is written.
    let taken = if is_own { None } else { Slot::try_take(root, kept.number).ok().flatten() };
    if !is_own && taken.is_none() {
        return;
    }
    // Its owner may have written it, and gone, since it was read.
    let Found::Values(mut values, _) = file::read(&kept.path, whose) else { return };
    values.retain(|value| !dropped.contains(&identity(value)));
    // The time of the file stands for that of values from the future.
    let modified = fs::symlink_metadata(&kept.path).and_then(|found| found.modified());
    let rewritten = file::rewrite(&kept.path, whose, &values);
    if let (false, Ok(modified)) = (values.is_empty(), modified) {
        let file = fs::File::options().write(true).open(&kept.path);
        let _ = file.and_then(|file| file.set_modified(modified));
    }
    if let Err(error) = rewritten {
        problems.warn(
            format!("{} holds values that no longer fit: {error}", kept.path.display()),
            "delete it, or make it writable",
        );
    }
    removed.extend(kept.values.iter().map(identity).filter(|value| dropped.contains(value)));
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
        problems.warn(
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
    problems.warn(
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

/// Tells about a file that is left as it is.
fn note_unreadable(path: &Path, why: &str, is_own: bool, problems: &Problems) {
    let (what, fix) = if is_own {
        (", and values of this process are not kept", super::MOVE)
    } else {
        ("", "mend, move or delete it, and restart; a newer program reads what it wrote")
    };
    let path = path.display();
    problems
        .warn(format!("kept values of batch gauges in {path} are not taken up{what}: {why}"), fix);
}

/// Tells about a damaged file, and moves it out of the way unless its owner lives: whether it did.
fn note_damaged(
    path: &Path,
    why: &str,
    root: &Path,
    number: u32,
    own: Option<&Slot>,
    problems: &Problems,
) -> bool {
    let is_own = is_own(own, number);
    // Held while the file is moved.
    let taken = if is_own { None } else { Slot::try_take(root, number).ok().flatten() };
    let aside = (is_own || taken.is_some()).then(|| file::set_aside(path));
    let is_moved = matches!(aside, Some(Ok(_)));
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
    problems.warn(
        format!("kept values of batch gauges in {} cannot be read: {why}{what}", path.display()),
        fix,
    );
    is_moved
}
