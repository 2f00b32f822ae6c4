//! Taking up what earlier processes have left. All of it lies on the disk, and none of it stops the
//! program: what is wrong is a warning.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

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

/// Takes up what processes of this service and environment have left in the slots of a directory. Whether something
/// stands at the place of our own file that must not be written over.
pub(crate) fn restore(
    metrics: &Metrics,
    root: &Path,
    own: Option<&Slot>,
    whose: &Whose,
    problems: &Problems,
) -> bool {
    let (mut all, mut room, mut blocked) = (Vec::new(), READ_MAX, false);
    for number in Slot::existing(root) {
        let inst = root.join("inst");
        let directory = inst.join(number.to_string());
        // What somebody else's link leads to is not ours.
        if ![&inst, &directory].into_iter().all(|path| is_directory(path)) {
            continue;
        }
        let path = directory.join(file::name(whose));
        let is_own = own.is_some_and(|slot| slot.number() == number);
        match file::read(&path, whose) {
            Found::Nothing => {}
            Found::Foreign => blocked |= is_own,
            Found::Values(_, bytes) if bytes > room => {
                blocked |= is_own;
                problems.warn(
                    format!(
                        "{} is not read: values of batch gauges of all slots take more than 16 MiB",
                        path.display()
                    ),
                    "give the gauges fewer series, or delete the files of slots that are not used",
                );
            }
            Found::Values(values, bytes) => {
                room -= bytes;
                all.push(Kept { number, path, values });
            }
            Found::Damaged(why) => {
                let is_moved = note_damaged(&path, &why, root, number, own, problems);
                blocked |= is_own && !is_moved;
            }
            Found::Unreadable(why) => {
                blocked |= is_own;
                note_unreadable(&path, &why, is_own, problems);
            }
        }
    }
    let values = all.iter().flat_map(|kept| kept.values.iter().cloned()).collect();
    let restored = metrics.restore_batch(values);
    let dropped: HashSet<_> = restored.dropped.iter().map(|(value, _)| identity(value)).collect();
    // What the files of living processes hold is theirs to say: their registry may be another one.
    let mut removed = HashSet::new();
    for kept in all.iter().filter(|kept| kept.values.iter().any(|v| dropped.contains(&identity(v))))
    {
        remove(kept, &dropped, &mut removed, root, own, whose, problems);
    }
    let is_removed = |value: &BatchValue| removed.contains(&identity(value));
    for (metric, count, why) in restored.dropped_by_metric(is_removed) {
        problems.warn(
            format!(
                "{} of the batch gauge `{metric}` dropped: {why}",
                counted(count, "kept value")
            ),
            "nothing, if that is what the registry is meant to say: they are kept no longer",
        );
    }
    blocked
}

/// What tells one kept value from another, NaN included.
type Identity<'a> = (&'a str, &'a [(String, String)], SystemTime, u64);

fn identity(value: &BatchValue) -> Identity<'_> {
    (&value.metric, &value.labels, value.computed_at, value.value.to_bits())
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
    let is_own = own.is_some_and(|slot| slot.number() == kept.number);
    // Held while the file is written.
    let taken = if is_own { None } else { Slot::try_take(root, kept.number).ok().flatten() };
    if !is_own && taken.is_none() {
        return;
    }
    // Its owner may have written it, and gone, since it was read.
    let Found::Values(mut values, _) = file::read(&kept.path, whose) else { return };
    values.retain(|value| !dropped.contains(&identity(value)));
    if let Err(error) = file::rewrite(&kept.path, whose, &values) {
        problems.warn(
            format!("{} holds values that no longer fit: {error}", kept.path.display()),
            "delete it, or make it writable",
        );
    }
    removed.extend(kept.values.iter().map(identity).filter(|value| dropped.contains(value)));
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
    let is_own = own.is_some_and(|slot| slot.number() == number);
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
