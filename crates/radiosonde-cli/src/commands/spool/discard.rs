//! `radiosonde spool drop`: gives up what is pending of processes that are gone.

use std::io::{self, Write};

use radiosonde_otlp::{Signal, entries};
use radiosonde_record::Slot;
use radiosonde_spool::Spool;

use super::{Found, Spools, item, known};
use crate::args::DropArgs;
use crate::outcome::{FOUND, NOTHING, PARTIAL, Stop, show, some};
use crate::render::text::{many, shown};
use crate::select::directories;

/// More that is pending is not looked at one by one.
const GAPS_MAX: usize = 1024;

pub(super) fn run(args: &DropArgs, out: &mut dyn Write) -> Result<u8, Stop> {
    let select = &args.select;
    let dirs = directories(&select.dir)?;
    let mut all = Spools::default();
    dirs.iter().for_each(|dir| all.look(dir, select.instance.as_deref()));
    let (mut dropped, mut left) = (0, !all.failed.is_empty());
    for found in &all.found {
        let wanted = |name: &str| select.stream.as_ref().is_none_or(|stream| stream == name);
        let streams = found.seen.streams.iter().filter(|seen| wanted(&seen.account.stream));
        let pending: u64 = streams.map(|seen| seen.account.pending.records).sum();
        if pending == 0 {
            continue;
        }
        let whose = format!("{} (instance {})", found.service(), shown(&found.instance));
        if found.is_in_use {
            eprintln!(
                "radiosonde: {whose} has {} pending, but a process has its slot: stop it first",
                many(pending, "record")
            );
            left = true;
        } else if !args.yes {
            writeln!(out, "would drop {} of {whose}", many(pending, "record"))?;
            dropped += pending;
        } else {
            match discard(found, &wanted) {
                Ok(Some(count)) => {
                    writeln!(out, "dropped {} of {whose}", many(count, "record"))?;
                    dropped += count;
                }
                Ok(None) => {
                    eprintln!("radiosonde: {whose}: a process has taken its slot; left alone");
                    left = true;
                }
                Err(error) => {
                    eprintln!("radiosonde: {}: not dropped: {error}", show(&found.path));
                    left = true;
                }
            }
        }
    }
    out.flush()?;
    all.tell();
    if dropped > 0 && !args.yes {
        return Err(Stop::Usage("nothing was dropped: say --yes to drop it".to_owned()));
    }
    if dropped == 0 && !left {
        eprintln!("radiosonde: nothing is pending in {}", some(&dirs));
    }
    Ok(match (left, dropped > 0) {
        (true, _) => PARTIAL,
        (false, true) => FOUND,
        (false, false) => NOTHING,
    })
}

/// Drops with the lock of the slot; `None` when somebody has that.
fn discard(found: &Found, wanted: &dyn Fn(&str) -> bool) -> io::Result<Option<u64>> {
    let Some(_slot) = Slot::try_take(&found.dir, found.slot)? else { return Ok(None) };
    let options = found.seen.options();
    let spool = Spool::open(&found.path, &options)?;
    let mut dropped = 0;
    for (at, stream) in options.streams.iter().enumerate() {
        if wanted(&stream.name) {
            let stream = spool.stream(at);
            let count = match tells_of_losses_only(found, at) {
                true => stream.discard_told(),
                false => stream.discard(),
            };
            dropped += count.records;
        }
    }
    spool.sync()?;
    Ok(Some(dropped))
}

/// Whether all that is pending tells of losses: that stands in the day file, and that it was dropped as well
/// need not be told, or there were no end to it.
fn tells_of_losses_only(found: &Found, at: usize) -> bool {
    let Some(seen) = found.seen.streams.get(at) else { return false };
    let is_log = known(&seen.account.stream).is_some_and(|it| it.signal() == Signal::Logs);
    let pending = usize::try_from(seen.account.pending.records).unwrap_or(usize::MAX);
    if !is_log || pending == 0 || pending > GAPS_MAX {
        return false;
    }
    let frames = seen.pending(&found.path, pending).unwrap_or_default();
    let entries = frames.iter().flat_map(|(_, _, payload)| entries(payload));
    let gaps = entries
        .take_while(|entry| entry.as_ref().is_ok_and(|entry| item::tells_of_a_loss(entry.item)));
    gaps.count() == pending
}
