//! `radiosonde spool drop`: gives up what is pending of processes that are gone.

use std::io::{self, Write};

use radiosonde_record::Slot;
use radiosonde_spool::Spool;

use super::{Found, Spools};
use crate::args::DropArgs;
use crate::outcome::{FOUND, NOTHING, PARTIAL, Stop, show, some};
use crate::render::text::{many, shown};
use crate::select::directories;

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
            dropped += spool.stream(at).discard().records;
        }
    }
    spool.sync()?;
    Ok(Some(dropped))
}
