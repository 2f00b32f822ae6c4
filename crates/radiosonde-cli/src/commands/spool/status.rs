//! `radiosonde spool status`: the books.

use std::io::Write;

use jiff::Timestamp;
use radiosonde_record::is_orphaned;
use radiosonde_runtime::doctor::shown::{age, base, listed, size};
use radiosonde_spool::{Account, StreamSeen};
use serde_json::json;

use super::{Found, View, known, timestamp};
use crate::commands::print_json;
use crate::outcome::{Stop, show};
use crate::render::color;
use crate::render::table::table;
use crate::render::text::{many, shown};

pub(super) fn print(found: &Found, view: &View, out: &mut dyn Write) -> Result<(), Stop> {
    let had_any = |seen: &&StreamSeen| seen.account.appended.records > 0;
    let streams: Vec<&StreamSeen> = found.streams(view).filter(had_any).collect();
    if view.is_json {
        return streams.iter().try_for_each(|seen| print_json(&json_of(found, seen), out));
    }
    let is_unrecovered = !found.is_in_use && !is_orphaned(&found.path);
    if is_unrecovered {
        writeln!(out, "not recovered yet: its rings may hold more, until the next start or drain")?;
    }
    if streams.is_empty() {
        if !is_unrecovered {
            writeln!(out, "nothing was ever appended")?;
        }
        return Ok(());
    }
    let heading = ["stream", "pending", "bytes", "oldest", "delivered", "rejected", "dropped"];
    let paint = view.screen.paint;
    let mut rows = vec![heading.map(|word| paint.dim(word))];
    for StreamSeen { account, .. } in &streams {
        let Account { delivered, rejected, pending, .. } = account;
        let lost = account.dropped_in_all().records;
        rows.push([
            shown(&account.stream),
            pending.records.to_string(),
            size(pending.bytes),
            account.oldest_ns.map(waited).unwrap_or_default(),
            delivered.records.to_string(),
            rejected.records.to_string(),
            paint.with(if lost == 0 { color::PLAIN } else { color::WARNING }, &lost.to_string()),
        ]);
    }
    table(&rows, &[1, 2, 3, 4, 5, 6], out)?;
    for account in streams.iter().map(|seen| &seen.account) {
        if let Some(reasons) = reasons(account) {
            let text = format!("dropped of {}: {reasons}", shown(&account.stream));
            writeln!(out, "{}", paint.with(color::WARNING, &text))?;
        }
    }
    for (to, streams) in destinations(found, &streams) {
        let text = format!("to {to}: {}", listed(&streams));
        writeln!(out, "{}", view.screen.wrap(&text, CONTINUED))?;
    }
    let (pieces, bytes) = found.seen.quarantine;
    if pieces > 0 {
        let folder = show(&found.path.join("quarantine"));
        let pieces = many(pieces, "piece");
        writeln!(out, "{pieces} set aside ({}): {folder}", size(bytes))?;
    }
    let in_memory: u64 = streams.iter().map(|seen| seen.account.in_memory.records).sum();
    if in_memory > 0 {
        let records = many(in_memory, "record");
        let what = "in the memory of its process only, as the disk takes nothing";
        writeln!(out, "{}", paint.with(color::WARNING, &format!("{records} {what}")))?;
    }
    let untold: u64 = streams.iter().map(|seen| seen.untold).sum();
    if untold > 0 {
        writeln!(out, "{} dropped that no gap has told yet", many(untold, "record"))?;
    }
    Ok(())
}

/// `cap 38, damaged 2`
fn reasons(account: &Account) -> Option<String> {
    let reasons = account.dropped.iter().filter(|(_, lost)| lost.records > 0);
    let reasons: Vec<String> =
        reasons.map(|(reason, lost)| format!("{} {}", reason.name(), lost.records)).collect();
    (!reasons.is_empty()).then(|| reasons.join(", "))
}

/// Which streams go to one receiver, in the order in which they stand above.
fn destinations(found: &Found, streams: &[&StreamSeen]) -> Vec<(String, Vec<String>)> {
    let mut all: Vec<(String, Vec<String>)> = Vec::new();
    for stream in streams.iter().map(|seen| &seen.account.stream) {
        let endpoint = found.destination(stream);
        let to = endpoint.zip(known(stream));
        let to = to.map(|(to, stream)| base(&to, stream.signal().name()).to_owned());
        let to = to.unwrap_or_else(|| "nowhere".to_owned());
        match all.iter_mut().find(|(known, _)| *known == to) {
            Some((_, streams)) => streams.push(shown(stream)),
            None => all.push((to, vec![shown(stream)])),
        }
    }
    all
}

/// `36 s`: how long ago that was.
fn waited(ns: u64) -> String {
    let now = Timestamp::now();
    timestamp(ns).map(|at| age(now.duration_since(at).as_secs_f64().max(0.0))).unwrap_or_default()
}

/// Columns before what goes on below.
const CONTINUED: usize = 3;

fn json_of(found: &Found, seen: &StreamSeen) -> String {
    let account = &seen.account;
    let reasons = account.dropped.iter().map(|(reason, lost)| (reason.name(), lost.records.into()));
    let reasons: serde_json::Map<String, serde_json::Value> =
        reasons.map(|(name, count)| (name.to_owned(), count)).collect();
    json!({
        "dir": found.dir.to_string_lossy(),
        "slot": found.slot,
        "service": found.manifest.as_ref().map(|manifest| &manifest.service),
        "instance": found.instance,
        "in_use": found.is_in_use,
        "stream": account.stream,
        "signal": known(&account.stream).map(|stream| stream.signal().name()),
        "destination": found.destination(&account.stream),
        "appended": account.appended.records,
        "delivered": account.delivered.records,
        "rejected": account.rejected.records,
        "dropped": account.dropped_in_all().records,
        "dropped_by_reason": reasons,
        "untold": seen.untold,
        "pending": account.pending.records,
        "pending_bytes": account.pending.bytes,
        "pending_in_memory": account.in_memory.records,
        "oldest": account.oldest_ns.and_then(timestamp).map(|at| at.to_string()),
        "segments": account.segments,
        "disk_bytes": account.disk_bytes,
        "foreign_files": account.foreign_files,
        "quarantined_bytes": found.seen.quarantine.1,
    })
    .to_string()
}
