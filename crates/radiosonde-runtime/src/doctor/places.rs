//! The directory, its disk, the rings in it, and the clock.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::{Duration, SystemTime};

use radiosonde_record::{FileSystem, file_system, room_for_rings};
use radiosonde_store::names::StoredFile;

use super::Finding;
use crate::words::size;

/// Types of file systems, as Linux numbers them.
const OVERLAY: u64 = 0x794c_7630;
const RAMFS: u64 = 0x8584_58f6;
const TMPFS: u64 = 0x0102_1994;
/// Clocks of file systems may be a moment ahead.
const CLOCK_AHEAD: Duration = Duration::from_secs(60);

pub(super) fn look(directory: &Path, findings: &mut Vec<Finding>) {
    if !look_at_directory(directory, findings) {
        return;
    }
    findings.extend(lasting(directory, file_system_type(directory)));
    findings.push(disk(directory));
    findings.push(rings(directory));
    findings.extend(locked());
}

/// Whether there is anything in it to look at.
fn look_at_directory(directory: &Path, findings: &mut Vec<Finding>) -> bool {
    let subject = "directory";
    let shown = directory.display();
    let metadata = match fs::metadata(directory) {
        Ok(metadata) => metadata,
        Err(error) => {
            findings.push(Finding::fail(
                subject,
                format!("{shown}: {error}"),
                "create it, or let the program do so at its start",
            ));
            return false;
        }
    };
    if let Err(error) = write(directory) {
        findings.push(Finding::fail(
            subject,
            format!("{shown} cannot be written: {error}"),
            "run this as the program's user; if that one cannot write there either, make it writable, or \
             set RADIOSONDE_DIR to a place that is: until then events reach the console only, and nothing is sent over OTLP",
        ));
        // Of its disk and its rings nothing will be used.
        return false;
    }
    let mode = metadata.permissions().mode() & 0o777;
    findings.push(match mode & 0o077 {
        // Whose it is, others may need to look into it.
        _ if holds_others(directory) => Finding::warn(
            subject,
            format!("{shown} holds other files, and no telemetry"),
            "name a telemetry directory; a program that is to begin one needs a directory of its own",
        ),
        0 => Finding::ok(subject, format!("{shown} is writable, and this user's alone")),
        _ => Finding::warn(
            subject,
            format!("{shown} can be looked into by others (mode {mode:o})"),
            format!("chmod 700 {shown}"),
        ),
    });
    true
}

/// Whether there is something in it, and nothing of it is of programs with telemetry.
fn holds_others(directory: &Path) -> bool {
    let is_telemetry = directory.join("inst").is_dir()
        || StoredFile::list(directory).is_ok_and(|files| !files.is_empty());
    !is_telemetry && fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_some())
}

/// The type of its file system, as `statfs` numbers them.
fn file_system_type(directory: &Path) -> Option<u64> {
    // The field's type differs between platforms.
    #[allow(clippy::unnecessary_cast)]
    rustix::fs::statfs(directory).ok().map(|found| found.f_type as u64 & 0xffff_ffff)
}

/// What ends before the disk of a machine does.
fn lasting(directory: &Path, kind: Option<u64>) -> Option<Finding> {
    let shown = directory.display();
    let (what, fix) = match kind? {
        OVERLAY => (
            "is a container's own file system (overlayfs): day files and what waits for OTLP survive the \
             process, and end with the container",
            "mount a volume for it, and name it with RADIOSONDE_DIR",
        ),
        TMPFS | RAMFS => (
            "is in memory (tmpfs): day files and what waits for OTLP survive the process, and end with the \
             machine or the pod; they count as its memory",
            "where they have to last longer, put it on a disk or a volume: RADIOSONDE_DIR",
        ),
        _ => return None,
    };
    Some(Finding::warn("directory", format!("{shown} {what}"), fix))
}

fn write(directory: &Path) -> io::Result<()> {
    let path = directory.join(format!(".doctor-{}", std::process::id()));
    let mut options = OpenOptions::new();
    let _file = options.write(true).create_new(true).mode(0o600).open(&path)?;
    fs::remove_file(path)
}

fn disk(directory: &Path) -> Finding {
    let subject = "disk";
    let found = match rustix::fs::statvfs(directory) {
        Ok(found) => found,
        Err(error) => {
            return Finding::warn(subject, format!("not known: {error}"), "look at it by hand");
        }
    };
    let free = found.f_frsize.saturating_mul(found.f_bavail);
    let all = found.f_frsize.saturating_mul(found.f_blocks).max(1);
    let what = format!("{} of {} free", size(free), size(all));
    let least = radiosonde_spool::free_least(all);
    match free < least {
        false => Finding::ok(subject, what),
        true => Finding::warn(
            subject,
            format!(
                "{what}: a spool leaves {} free, so that what waits for OTLP is evicted",
                size(least)
            ),
            "make room, or keep less: RADIOSONDE_RETENTION_BYTES, RADIOSONDE_RETENTION_DAYS",
        ),
    }
}

fn rings(directory: &Path) -> Finding {
    let subject = "rings";
    match file_system(directory) {
        Ok(FileSystem::Suitable) => {
            let room = room_for_rings(directory).unwrap_or_default();
            let room = size(u64::try_from(room).unwrap_or(u64::MAX));
            Finding::ok(
                subject,
                format!("in files, up to {room}: what is pending survives kill -9"),
            )
        }
        Ok(FileSystem::Unsuitable(kind)) => Finding::warn(
            subject,
            format!(
                "in memory, as the directory's file system (type {kind:#x}) is not ext4, XFS or tmpfs: \
                 what is pending dies with the process"
            ),
            "put the directory on one of them, or set RADIOSONDE_RINGS to one, /dev/shm for instance",
        ),
        Ok(_) => Finding::warn(subject, "on an unknown file system", "update this command"),
        Err(error) => {
            Finding::fail(subject, format!("not possible: {error}"), "mend the directory")
        }
    }
}

/// What the system lets rings lock in memory.
#[cfg(target_os = "linux")]
fn locked() -> Option<Finding> {
    use rustix::process::{Resource, getrlimit};
    /// What part of the limit rings take.
    const SHARE: u64 = 4;
    /// The first rings of a program with a dozen threads.
    const LEAST: u64 = 1 << 20;
    let subject = "rings";
    Some(match getrlimit(Resource::Memlock).current {
        None => Finding::ok(subject, "may be locked in memory without a limit"),
        Some(limit) if limit / SHARE >= LEAST => Finding::ok(
            subject,
            format!("{} of them are locked in memory, a quarter of the limit", size(limit / SHARE)),
        ),
        Some(limit) => Finding::warn(
            subject,
            format!(
                "only {} of them can be locked in memory: a thread may wait for the disk when memory \
                 is short",
                size(limit / SHARE)
            ),
            "raise the limit for the program: LimitMEMLOCK=8M in its unit, or `ulimit -l 8192`",
        ),
    })
}

#[cfg(not(target_os = "linux"))]
fn locked() -> Option<Finding> {
    None
}

/// Whether what was written here is of the past.
pub(super) fn look_at_clock(directory: &Path, now: SystemTime, findings: &mut Vec<Finding>) {
    let subject = "clock";
    let Ok(entries) = fs::read_dir(directory) else { return };
    let modified = |entry: fs::DirEntry| entry.metadata().ok()?.modified().ok();
    let newest = entries.flatten().filter_map(modified).max();
    let ahead = newest.and_then(|newest| newest.duration_since(now).ok()).unwrap_or_default();
    findings.push(match ahead > CLOCK_AHEAD {
        false => Finding::ok(subject, "agrees with the times of the files"),
        true => Finding::warn(
            subject,
            format!("a file was written {} s in the future", ahead.as_secs()),
            "set the clock (timedatectl): lines are filed by day, and removed by age",
        ),
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::State;

    #[test]
    fn a_directory_that_cannot_be_used_is_told_with_what_to_do() {
        let scratch = tempfile::tempdir().unwrap();
        let mut findings = Vec::new();
        look(&scratch.path().join("missing"), &mut findings);
        assert_eq!(findings.len(), 1);
        assert_eq!((findings[0].subject, findings[0].state), ("directory", State::Fail));

        findings.clear();
        look(Path::new("/proc"), &mut findings);
        assert_eq!(
            findings.len(),
            1,
            "nothing is said of a disk that cannot be used: {findings:?}"
        );
        assert!(findings[0].fix.as_deref().unwrap().contains("nothing is sent"), "{findings:?}");

        fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o755)).unwrap();
        findings.clear();
        look(scratch.path(), &mut findings);
        assert_eq!((findings[0].subject, findings[0].state), ("directory", State::Warn));
        fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o700)).unwrap();
        findings.clear();
        look(scratch.path(), &mut findings);
        assert_eq!((findings[0].subject, findings[0].state), ("directory", State::Ok));
        assert!(findings.iter().any(|it| it.subject == "disk" && it.what.contains("free")));
        assert!(findings.iter().any(|it| it.subject == "rings"), "{findings:?}");
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0, "nothing is left behind");
    }

    #[test]
    fn a_place_that_ends_before_the_disk_does_is_told() {
        for (kind, expected) in [
            (Some(OVERLAY), Some("end with the container")),
            (Some(TMPFS), Some("in memory")),
            (Some(0xef53), None),
            (None, None),
        ] {
            let found = lasting(Path::new("/t"), kind);
            assert_eq!(found.is_some(), expected.is_some(), "{kind:?}");
            if let (Some(finding), Some(expected)) = (found, expected) {
                assert_eq!(finding.state, State::Warn);
                assert!(finding.what.contains(expected), "{finding:?}");
            }
        }
    }

    #[test]
    fn files_of_the_future_tell_of_a_clock_that_was_set() {
        let scratch = tempfile::tempdir().unwrap();
        fs::write(scratch.path().join("events-2025-10-06.jsonl"), "").unwrap();
        for (now, state) in [
            (SystemTime::now(), State::Ok),
            (SystemTime::now() - Duration::from_secs(3_600), State::Warn),
        ] {
            let mut findings = Vec::new();
            look_at_clock(scratch.path(), now, &mut findings);
            assert_eq!((findings.len(), findings[0].state), (1, state), "{findings:?}");
        }
    }
}
