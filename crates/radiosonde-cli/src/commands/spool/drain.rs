//! `radiosonde spool drain`: sends what processes that have ended left.

use std::io::{IsTerminal as _, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use radiosonde_record::is_orphaned;
use radiosonde_runtime::DestinationReport;
use radiosonde_runtime::doctor::shown::listed;
use radiosonde_runtime::drain::{Drained, Options, drain};
use radiosonde_spool::DropReason;
use serde_json::json;

use super::{Found, Spools};
use crate::args::DrainArgs;
use crate::commands::print_json;
use crate::outcome::{FOUND, PARTIAL, Stop, show};
use crate::render::text::{many, shown};
use crate::select::directories;

/// What takes longer says how it goes on, on a terminal.
const QUIET: Duration = Duration::from_secs(1);
/// Characters of the bar.
const BAR: u64 = 30;

pub(crate) fn run(args: &DrainArgs, out: &mut dyn Write) -> Result<u8, Stop> {
    let mut status = FOUND;
    let deadline = Instant::now() + args.within;
    for dir in directories(&args.dir)? {
        let mut options = Options::new(&dir);
        // One time for all of them.
        options.within = deadline.saturating_duration_since(Instant::now());
        options.endpoint.clone_from(&args.endpoint);
        let mut progress = Progress::new().told();
        let outcome = may_be_looked_at(&dir).and_then(|()| drain(&options, &mut progress));
        // The bar goes before anything else is said.
        drop(progress);
        let of_dir = match outcome {
            Ok(drained) => {
                let left_alone = LeftAlone::in_directory(&dir, drained.records.pending > 0);
                print(&dir, &drained, &left_alone, args, out)?;
                out.flush()?;
                tell(&drained, args.endpoint.is_some());
                left_alone.iter().for_each(LeftAlone::tell);
                let is_left = left_alone.iter().any(|left| left.has_ended);
                if is_whole(&drained) && !is_left { FOUND } else { PARTIAL }
            }
            Err(error) if error.kind() == std::io::ErrorKind::InvalidInput => {
                return Err(Stop::Usage(format!("--endpoint: {error}")));
            }
            Err(error) => {
                eprintln!("radiosonde: {}: not drained: {error}", show(&dir));
                PARTIAL
            }
        };
        if of_dir != FOUND {
            status = of_dir;
        }
    }
    out.flush()?;
    Ok(status)
}

/// What may not be looked at is not empty.
fn may_be_looked_at(dir: &Path) -> std::io::Result<()> {
    match std::fs::read_dir(dir.join("inst")) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Whether nothing is left, and nothing was lost but what an operator gave up. Nothing to send is that, too.
fn is_whole(drained: &Drained) -> bool {
    let records = &drained.records;
    records.pending + records.rejected + records.dropped == 0
        && drained.gaps.iter().all(|(_, _, reason)| reason == DropReason::Operator.name())
        && drained.problems.is_empty()
}

fn print(
    dir: &Path,
    drained: &Drained,
    left_alone: &[LeftAlone],
    args: &DrainArgs,
    out: &mut dyn Write,
) -> Result<(), Stop> {
    let records = &drained.records;
    if args.show.is_json() {
        let object = json!({
            "dir": dir.to_string_lossy(),
            "delivered": records.delivered,
            "rejected": records.rejected,
            "dropped": records.dropped,
            "pending": records.pending,
            "spools": records.spools,
            "left_alone": left_alone.iter().map(LeftAlone::json).collect::<Vec<_>>(),
        });
        return print_json(&object.to_string(), out);
    }
    let mut told = vec![format!("{} delivered", many(records.delivered, "record"))];
    for (count, what) in
        [(records.rejected, "rejected"), (records.dropped, "dropped"), (records.pending, "pending")]
    {
        if count > 0 {
            told.push(format!("{count} {what}"));
        }
    }
    writeln!(out, "{}: {}", show(dir), told.join(", "))?;
    Ok(())
}

/// What waits in a spool that a running process holds, or held: it is that one's to send.
struct LeftAlone {
    service: String,
    instance: String,
    pending: u64,
    /// Whether another process left it, and the running one has taken it over.
    has_ended: bool,
    is_in_use: bool,
}

impl LeftAlone {
    /// `is_told`: what waits in spools nobody holds is told already.
    fn in_directory(dir: &Path, is_told: bool) -> Vec<Self> {
        let mut all = Spools::default();
        all.look(dir, None);
        // What cannot be looked at was named while it was drained.
        let all = all.found.iter().filter_map(Self::of);
        all.filter(|left| left.is_in_use || !is_told).collect()
    }

    fn of(found: &Found) -> Option<Self> {
        let streams = found.seen.streams.iter();
        let pending: u64 = streams.map(|seen| seen.account.pending.records).sum();
        (pending > 0).then(|| Self {
            service: found.service(),
            instance: shown(&found.instance),
            pending,
            has_ended: !found.is_in_use || is_orphaned(&found.path),
            is_in_use: found.is_in_use,
        })
    }

    fn tell(&self) {
        let Self { service, instance, .. } = self;
        let records = many(self.pending, "record");
        let whose = match (self.is_in_use, self.has_ended) {
            (false, _) => "has ended; a process held them just now: run this again",
            (true, true) => {
                "has ended, and a running process holds what it left; to send them from here, stop that first"
            }
            (true, false) => "runs, and sends them itself; to send them from here, stop it first",
        };
        eprintln!(
            "radiosonde: left alone: {records} pending of {service} (instance {instance}), which {whose}"
        );
    }

    fn json(&self) -> serde_json::Value {
        json!({
            "service": self.service,
            "instance": self.instance,
            "pending": self.pending,
            "ended": self.has_ended,
        })
    }
}

/// What went wrong, and why something waits.
fn tell(drained: &Drained, elsewhere: bool) {
    for (records, stream, reason) in &drained.gaps {
        eprintln!("radiosonde: {} of {stream} lost: {reason}", many(*records, "record"));
    }
    for problem in &drained.problems {
        eprintln!("radiosonde: {}; {}", shown(&problem.what), shown(&problem.fix));
    }
    if drained.records.pending == 0 {
        return;
    }
    for (to, error, signals, pending) in reasons(&drained.destinations) {
        let (signals, records) = (listed(&signals), many(pending, "record"));
        eprintln!("radiosonde: {records} of {signals} wait for {}: {}", shown(to), shown(error));
    }
    if !elsewhere {
        eprintln!("radiosonde: to send what waits elsewhere, name it with --endpoint");
    }
}

/// Why something waits: each receiver and reason, with the signals and how many records.
fn reasons(destinations: &[DestinationReport]) -> Vec<(&str, &str, Vec<&str>, u64)> {
    let mut reasons: Vec<(&str, &str, Vec<&str>, u64)> = Vec::new();
    for to in destinations.iter().filter(|to| to.pending > 0) {
        // One that hangs has not failed yet.
        let error = to.last_error.as_deref().unwrap_or("no answer so far");
        match reasons.iter_mut().find(|(base, why, ..)| (*base, *why) == (to.base(), error)) {
            Some((_, _, signals, pending)) => {
                if !signals.contains(&to.signal.as_str()) {
                    signals.push(&to.signal);
                }
                *pending += to.pending;
            }
            None => reasons.push((to.base(), error, vec![&to.signal], to.pending)),
        }
    }
    reasons
}

/// A bar on the terminal, when it takes longer.
struct Progress {
    began: Instant,
    is_terminal: bool,
    is_shown: bool,
}

impl Progress {
    fn new() -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        Self { began: Instant::now(), is_terminal, is_shown: false }
    }

    fn told(mut self) -> impl FnMut(&Drained) {
        move |drained| self.look(drained)
    }

    fn look(&mut self, drained: &Drained) {
        let records = &drained.records;
        if !self.is_terminal || self.began.elapsed() < QUIET {
            return;
        }
        let (done, all) = (
            records.delivered + records.rejected + records.dropped,
            records.delivered + records.rejected + records.dropped + records.pending,
        );
        let filled = done * BAR / all.max(1);
        let bar: String = (0..BAR).map(|at| if at < filled { '█' } else { '░' }).collect();
        let text = format!("\r{bar} {done} of {} sent", many(all, "record"));
        let mut stderr = std::io::stderr();
        // A terminal that is gone is nobody to tell.
        let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
        self.is_shown = true;
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_shown {
            eprint!("\r\x1b[K");
        }
    }
}
