//! `radiosonde tail`, `logs --follow` and `events --follow`: lines as they come.
//!
//! Ends with Ctrl-C or a signal to terminate, when the reader of a pipe goes, also while no line comes,
//! and at `--until`. A second signal ends it at once, whatever it waits for.

use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use radiosonde_store::Query;
use radiosonde_store::follow::{Follow, Progress, Start};
use radiosonde_store::names::StoredFile;
use radiosonde_store::query::Reading;

use crate::args::Select;
use crate::commands::logs::{Which, query};
use crate::explain;
use crate::outcome::{FOUND, NOTHING, PARTIAL, Stop, remains, show, tell};
use crate::output::Lines;
use crate::places::STDIN;
use crate::render::text::many;

pub(crate) fn run(select: &Select, which: Which, out: &mut dyn Write) -> Result<u8, Stop> {
    let select = Select { follow: true, ..select.clone() };
    let query = query(&select, which)?;
    query.dirs.iter().try_for_each(|path| can_be_followed(path))?;
    let end = end_on_signals();
    let mut follow = Follow::new(query.clone(), start(&select));
    let mut printer = Lines::new(&select, out);
    remains(&query.dirs);
    let mut account = Account::default();
    let mut stopped = None;
    loop {
        let progress = follow.poll(Instant::now(), &mut |line| {
            stopped = printer.print(line).err();
            match stopped.is_some() || end.load(Ordering::Relaxed) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        });
        let wait = progress.wait;
        account.add(progress);
        if let Some(stop) = stopped.take() {
            return Err(stop);
        }
        printer.finish()?;
        if !is_wanted(wait) {
            // `radiosonde tail | head`: the reader has what it wanted.
            return Ok(FOUND);
        }
        let is_over = query.until.is_some_and(|until| Timestamp::now() >= until + LATE);
        if is_over || end.load(Ordering::Relaxed) {
            break;
        }
    }
    account.lines += follow.finish(&mut |line| {
        stopped = printer.print(line).err();
        if stopped.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    match stopped {
        Some(stop) => Err(stop),
        None => {
            printer.finish()?;
            Ok(account.conclude(&query))
        }
    }
}

/// Refuses what has no end that lines come to.
fn can_be_followed(path: &Path) -> Result<(), Stop> {
    let name = path.file_name().and_then(|name| name.to_str());
    let is_day_file = || name.and_then(StoredFile::parse).is_some();
    let is_there = path == Path::new(STDIN) || path.exists();
    if !is_there || path.is_dir() || is_day_file() {
        return Ok(());
    }
    Err(Stop::Usage(format!(
        "{} cannot be followed, only telemetry directories and day files can: leave out --follow",
        show(path)
    )))
}

/// What of the lines that are there comes first.
fn start(select: &Select) -> Start {
    match (select.tail.or(select.limit), select.time.since) {
        (Some(0), _) => Start::Now,
        (Some(count), _) => Start::Tail(count),
        (None, Some(_)) => Start::All,
        (None, None) => Start::Tail(TAIL),
    }
}

/// What was found and what was missed, for the end.
#[derive(Default)]
struct Account {
    lines: u64,
    unreadable: u64,
    /// Without what was said at once.
    reading: Reading,
}

impl Account {
    /// Says at once what was missed.
    fn add(&mut self, progress: Progress) {
        let Progress { lines, mut reading, away, back, .. } = progress;
        tell(&reading);
        self.lines += lines;
        self.unreadable += reading.unreadable.len() as u64;
        reading.unreadable.clear();
        reading.skips.clear();
        reading.damaged.clear();
        self.reading.merge(reading);
        for (dirs, what) in [(away, "is not there, waiting for it"), (back, "is there again")] {
            dirs.iter().for_each(|dir: &PathBuf| eprintln!("radiosonde: {} {what}", show(dir)));
        }
    }

    fn conclude(self, query: &Query) -> u8 {
        explain::tell(query, &self.reading);
        let missed: Vec<String> = [
            (self.unreadable, "file not read to its end"),
            (self.reading.skipped, "stretch that is no line"),
            (self.reading.damages_with_loss, "damaged part"),
        ]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| many_of(count, what))
        .collect();
        if !missed.is_empty() {
            let lines = many(self.lines, "line");
            eprintln!("radiosonde: {lines} shown, and lines may be missing: {}", missed.join(", "));
            return PARTIAL;
        }
        if self.lines > 0 { FOUND } else { NOTHING }
    }
}

/// `2 × damaged part`, as not every noun has its plural at its end.
fn many_of(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} × {what}") }
}

/// Becomes true with the first signal to end; the second ends the process, as it may wait for a reader
/// that does not read.
fn end_on_signals() -> Arc<AtomicBool> {
    let end = Arc::new(AtomicBool::new(false));
    #[cfg(unix)]
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        // In this order: the first signal finds it false. Where they cannot be had, a signal ends the
        // process as it does any other.
        let second = signal_hook::flag::register_conditional_default(signal, Arc::clone(&end));
        if second.is_ok() {
            let _ = signal_hook::flag::register(signal, Arc::clone(&end));
        }
    }
    end
}

/// Waits so long, or until a signal comes. Whether anybody reads what is printed.
#[cfg(unix)]
fn is_wanted(wait: Duration) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    let stdout = std::io::stdout();
    let gone = PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL;
    let mut watched = [PollFd::new(&stdout, PollFlags::empty())];
    let wait = Timespec::try_from(wait).ok();
    match poll(&mut watched, wait.as_ref()) {
        Ok(_) => !watched[0].revents().intersects(gone),
        // A signal, which tells itself.
        Err(_) => true,
    }
}

#[cfg(not(unix))]
fn is_wanted(wait: Duration) -> bool {
    std::thread::sleep(wait);
    true
}

/// Lines that `--follow` begins with.
const TAIL: usize = 10;
/// What happened before a moment is in the files by then.
const LATE: Duration = Duration::from_secs(2);
