//! `radiosonde tail`, `logs --follow` and `events --follow`: lines as they come.
//!
//! Ends with Ctrl-C or a signal to terminate, when the reader of a pipe goes, also while no line comes,
//! and at `--until`; the first two also while it goes through what was there. A second signal ends it at
//! once, whatever it waits for.

use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use radiosonde_store::Query;
use radiosonde_store::follow::{Follow, Progress, Start};
use radiosonde_store::names::StoredFile;
use radiosonde_store::query::Reading;

use crate::args::Select;
use crate::commands::logs::{Which, query};
use crate::explain;
use crate::outcome::{FOUND, NOTHING, PARTIAL, Stop, quoted, remains, show, tell};
use crate::output::Lines;
use crate::places::STDIN;
use crate::render::text::many;
use crate::render::time::moment;
use crate::{narrowed, nothing};

pub(crate) fn run(select: &Select, which: Which, out: &mut dyn Write) -> Result<u8, Stop> {
    let select = Select { follow: true, ..select.clone() };
    let query = query(&select, which)?;
    query.dirs.iter().try_for_each(|path| can_be_followed(path))?;
    let end = Signals::catch();
    let asked = end.clone();
    let is_over = move || asked.is_any() || !is_wanted(Duration::ZERO);
    let mut follow = Follow::new(query.clone(), start(&select)).until(is_over);
    let mut printer = Lines::new(&select, out);
    remains(&query.dirs);
    if let Some(told) = narrowed::follow() {
        eprintln!("radiosonde: following, by {told}");
    }
    tell_nothing_yet(&query);
    let mut account = Account::default();
    let mut stopped = None;
    let mut is_last = false;
    loop {
        let progress = follow.poll(Instant::now(), &mut |line| {
            stopped = printer.print(line).err();
            match stopped.is_some() || !is_last && end.is_any() {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        });
        let (wait, is_ended) = (progress.wait, progress.is_ended);
        account.add(progress);
        if let Some(stop) = stopped.take() {
            return Err(stop);
        }
        printer.finish()?;
        if is_ended && end.is_any() {
            // Whether there was something is not known.
            let found = account.conclude(&query);
            return Ok(if found == NOTHING { end.status() } else { found });
        }
        let is_over = query.until.is_some_and(|until| Timestamp::now() >= until + LATE);
        if is_last || is_over {
            break;
        }
        // What was written before comes still, wherever it was by then.
        is_last = end.is_any();
        if is_last {
            continue;
        }
        if !is_wanted(wait) {
            // `radiosonde tail | head`: the reader has what it wanted.
            return Ok(FOUND);
        }
        is_last = end.is_any();
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

/// Says why nothing may come, where that can be told.
fn tell_nothing_yet(query: &Query) {
    let is_empty = |dir: &&PathBuf| dir.is_dir() && !nothing::is_telemetry(dir);
    query.dirs.iter().filter(is_empty).for_each(|dir| {
        eprintln!("radiosonde: {} holds no telemetry yet, waiting for it", show(dir));
    });
    if let Some(since) = query.since.filter(|since| *since > Timestamp::now()) {
        eprintln!("radiosonde: --since is in the future, {}", moment(since));
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
    let path = show(path);
    Err(Stop::Usage(format!(
        "{path} cannot be followed, only telemetry directories and day files can; what is in it now: \
         radiosonde logs -n {TAIL} {}",
        quoted(&path)
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
        if reading.has_older {
            let lines = many(lines, "line");
            eprintln!(
                "radiosonde: only the newest {lines} of what was there, as all take too much memory"
            );
        }
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

/// Whether a signal to end has come. The second one ends the process, as it may wait for a reader that
/// does not read.
#[derive(Clone, Default)]
struct Signals {
    is_any: Arc<AtomicBool>,
    /// Which it was.
    number: Arc<AtomicUsize>,
}

impl Signals {
    fn catch() -> Self {
        let signals = Self::default();
        #[cfg(unix)]
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            use signal_hook::flag::{register, register_conditional_default, register_usize};

            // In this order: the first signal finds it false. Where they cannot be had, a signal ends
            // the process as it does any other.
            let is_any = || Arc::clone(&signals.is_any);
            if register_conditional_default(signal, is_any()).is_ok() {
                let number = usize::try_from(signal).unwrap_or_default();
                let _ = register_usize(signal, Arc::clone(&signals.number), number);
                let _ = register(signal, is_any());
            }
        }
        signals
    }

    fn is_any(&self) -> bool {
        self.is_any.load(Ordering::Relaxed)
    }

    /// As a shell says it of a process that ended with the signal.
    fn status(&self) -> u8 {
        u8::try_from(128 + self.number.load(Ordering::Relaxed)).unwrap_or(PARTIAL)
    }
}

/// Waits so long, or until a signal comes. Whether anybody reads what is printed.
#[cfg(unix)]
fn is_wanted(wait: Duration) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    let stdout = std::io::stdout();
    let gone = PollFlags::ERR | PollFlags::HUP;
    let mut watched = [PollFd::new(&stdout, PollFlags::empty())];
    let timeout = wait;
    let wait = Timespec::try_from(wait).ok();
    match poll(&mut watched, wait.as_ref()) {
        Ok(_) if watched[0].revents().contains(PollFlags::NVAL) => {
            // Some systems cannot tell it of a terminal.
            std::thread::sleep(timeout);
            true
        }
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
