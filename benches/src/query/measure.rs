//! What a query takes: time from the start of the program to its end, processor time, memory, and what
//! came from the disk.

use crate::harness::process;
use nix::sys::resource::{Usage, UsageWho, getrusage};
use rustix::fs::{Advice, fadvise};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What one query took.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spent {
    pub(super) wall_ms: f64,
    pub(super) cpu_ms: f64,
    /// The most that was resident of one of its processes, mapped files included; 0 when nobody watched.
    pub(super) rss_max_bytes: f64,
    /// Read from the disk, not from the memory of the system.
    pub(super) disk_bytes: f64,
}

/// What one process uses, or all that it has waited for.
struct Used {
    cpu: Duration,
    disk_bytes: f64,
}

/// Blocks as the system counts them.
const BLOCK_BYTES: f64 = 512.0;
/// A read of the limit, and of making files warm.
const READ_BYTES: usize = 256 << 10;
/// What the system hands out memory in.
const PAGE_BYTES: usize = 4096;
/// For so long a program's memory is asked for without a pause: it may have ended by then.
const WATCHED_CLOSELY: Duration = Duration::from_millis(20);
/// How often after that.
const LOOK: Duration = Duration::from_millis(1);

impl Used {
    fn of(who: UsageWho) -> Result<Used, String> {
        let usage = getrusage(who).map_err(|error| format!("no resource usage: {error}"))?;
        let time = |of: fn(&Usage) -> nix::sys::time::TimeVal| {
            let time = of(&usage);
            Duration::new(time.tv_sec().unsigned_abs(), time.tv_usec() as u32 * 1000)
        };
        Ok(Used {
            cpu: time(Usage::user_time) + time(Usage::system_time),
            disk_bytes: usage.block_reads() as f64 * BLOCK_BYTES,
        })
    }
}

/// Runs programs, each of which reads what the one before writes; the last one writes into a file.
///
/// When it is `watched`, another thread asks how much memory they have, again and again: what the system
/// says at their end (`ru_maxrss`) is at least what this process has.
///
/// # Errors
/// One of them cannot be started, or fails; that nothing was found is no failure.
pub(super) fn programs(
    mut commands: Vec<Command>,
    output: &Path,
    watched: bool,
) -> Result<Spent, String> {
    let file = File::create(output)
        .map_err(|error| format!("cannot write {}: {error}", output.display()))?;
    let before = Used::of(UsageWho::RUSAGE_CHILDREN)?;
    let started = Instant::now();
    let mut processes: Vec<(String, Child)> = Vec::new();
    let last = commands.len().saturating_sub(1);
    let mut file = Some(file);
    for (at, command) in commands.iter_mut().enumerate() {
        let name = command.get_program().to_string_lossy().into_owned();
        let input = processes.last_mut().and_then(|(_, process)| process.stdout.take());
        command.stdin(input.map_or_else(Stdio::null, Stdio::from)).stderr(Stdio::piped());
        command.stdout(match file.take_if(|_| at == last) {
            Some(file) => Stdio::from(file),
            None => Stdio::piped(),
        });
        let process = command.spawn().map_err(|error| format!("cannot start {name}: {error}"))?;
        processes.push((name, process));
    }
    let numbers: Vec<u32> = processes.iter().map(|(_, process)| process.id()).collect();
    let (ended, rss_max) = (AtomicBool::new(false), AtomicU64::new(0));
    let (wrong, wall) = std::thread::scope(|scope| {
        if watched {
            scope.spawn(|| watch(&numbers, &ended, &rss_max));
        }
        let wrong = wait(&mut processes);
        let wall = started.elapsed();
        ended.store(true, Ordering::Relaxed);
        (wrong, wall)
    });
    let after = Used::of(UsageWho::RUSAGE_CHILDREN)?;
    wrong?;
    let rss_max_bytes = rss_max.into_inner() as f64;
    Ok(Spent { rss_max_bytes, ..spent(wall, &before, &after) })
}

/// Waits for the end of all, which must be one in order.
fn wait(processes: &mut [(String, Child)]) -> Result<(), String> {
    let mut wrong = Ok(());
    for (name, process) in processes {
        let status = process.wait().map_err(|error| format!("{name}: {error}"))?;
        if !status.success() && status.code() != Some(1) {
            let mut said = String::new();
            // What is no text is of no use here.
            let _ = process.stderr.take().map(|mut stderr| stderr.read_to_string(&mut said));
            wrong = Err(format!("{name} ended with {status}: {}", said.trim()));
        }
    }
    wrong
}

/// Notes the most memory that one of these processes has had, until they have ended.
fn watch(processes: &[u32], ended: &AtomicBool, rss_max: &AtomicU64) {
    let started = Instant::now();
    while !ended.load(Ordering::Relaxed) {
        let most = processes.iter().map(|number| process::resident_max_bytes_of(*number)).max();
        rss_max.fetch_max(most.unwrap_or(0), Ordering::Relaxed);
        if started.elapsed() > WATCHED_CLOSELY {
            std::thread::sleep(LOOK);
        }
    }
}

/// Does something in this process.
///
/// # Errors
/// What it says itself.
pub(super) fn here(work: impl FnOnce() -> Result<(), String>) -> Result<Spent, String> {
    let before = Used::of(UsageWho::RUSAGE_SELF)?;
    let started = Instant::now();
    work()?;
    let wall = started.elapsed();
    Ok(spent(wall, &before, &Used::of(UsageWho::RUSAGE_SELF)?))
}

fn spent(wall: Duration, before: &Used, after: &Used) -> Spent {
    Spent {
        wall_ms: wall.as_secs_f64() * 1e3,
        cpu_ms: (after.cpu - before.cpu).as_secs_f64() * 1e3,
        rss_max_bytes: 0.0,
        disk_bytes: after.disk_bytes - before.disk_bytes,
    }
}

/// Reads files from their beginning to their end, and nothing else.
///
/// # Errors
/// What the system says.
pub(super) fn read(files: &[PathBuf]) -> Result<(), String> {
    let mut room = vec![0_u8; READ_BYTES + PAGE_BYTES];
    // From page to page: the copy of the kernel takes four times as long to a place some bytes behind
    // the beginning of one.
    let start = room.as_ptr().align_offset(PAGE_BYTES);
    let buffer = &mut room[start..][..READ_BYTES];
    for path in files {
        let wrong = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
        let mut file = File::open(path).map_err(wrong)?;
        while file.read(buffer).map_err(wrong)? > 0 {
            std::hint::black_box(&*buffer);
        }
    }
    Ok(())
}

/// Makes the system forget what it holds of files. They must have been synced.
///
/// # Errors
/// What the system says.
pub(super) fn forget(files: &[PathBuf]) -> Result<(), String> {
    for path in files {
        let wrong = |error: std::io::Error| format!("{}: {error}", path.display());
        let file = File::open(path).map_err(wrong)?;
        fadvise(&file, 0, None, Advice::DontNeed).map_err(|error| wrong(error.into()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn programs_feed_each_other_and_what_they_take_is_counted() {
        let folder = tempfile::tempdir().expect("a folder");
        let output = folder.path().join("output");
        let spent =
            programs(vec![shell("echo one; echo two; sleep 0.1"), shell("sort -r")], &output, true);
        let spent = spent.unwrap_or_else(|wrong| panic!("{wrong}"));
        assert_eq!(std::fs::read_to_string(&output).expect("a file"), "two\none\n");
        assert!(spent.wall_ms > 0.0 && spent.rss_max_bytes > 0.0, "{spent:?}");
        assert!(programs(vec![shell("exit 1")], &output, false).is_ok(), "nothing found");
        let wrong = programs(vec![shell("echo no >&2; exit 3"), shell("cat")], &output, false);
        assert!(wrong.is_err_and(|wrong| wrong.contains("no")));
    }
}
