//! `radiosonde spool status`: the books.

use std::io::Write;

use radiosonde_record::is_orphaned;
use radiosonde_spool::{Account, StreamSeen};
use serde_json::json;

use super::{Found, View, known, moment, timestamp};
use crate::commands::print_json;
use crate::outcome::{Stop, show};
use crate::render::color;
use crate::render::metric::bytes;
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
    let heading =
        ["stream", "pending", "bytes", "oldest (UTC)", "delivered", "rejected", "dropped", "to"];
    let mut rows = vec![heading.map(|word| view.paint.dim(word))];
    for StreamSeen { account, .. } in &streams {
        let Account { delivered, rejected, pending, .. } = account;
        let lost = dropped(account);
        rows.push([
            shown(&account.stream),
            pending.records.to_string(),
            bytes(pending.bytes as f64),
            account.oldest_ns.map(moment).unwrap_or_default(),
            delivered.records.to_string(),
            rejected.records.to_string(),
            view.paint.with(if lost == "0" { color::PLAIN } else { color::WARNING }, &lost),
            found.destination(&account.stream).unwrap_or_else(|| "nowhere".to_owned()),
        ]);
    }
    table(&rows, &[1, 2, 4, 5], out)?;
    let (pieces, size) = found.seen.quarantine;
    if pieces > 0 {
        let folder = show(&found.path.join("quarantine"));
        let pieces = many(pieces, "piece");
        writeln!(out, "{pieces} set aside ({}): {folder}", bytes(size as f64))?;
    }
    let in_memory: u64 = streams.iter().map(|seen| seen.account.in_memory.records).sum();
    if in_memory > 0 {
        let records = many(in_memory, "record");
        let what = "in the memory of its process only, as the disk takes nothing";
        writeln!(out, "{}", view.paint.with(color::WARNING, &format!("{records} {what}")))?;
    }
    let untold: u64 = streams.iter().map(|seen| seen.untold).sum();
    if untold > 0 {
        writeln!(out, "{} dropped that no gap has told yet", many(untold, "record"))?;
    }
    Ok(())
}

/// `40 (cap 38, damaged 2)`
fn dropped(account: &Account) -> String {
    let all = account.dropped_in_all().records;
    if all == 0 {
        return "0".to_owned();
    }
    let reasons: Vec<String> = account
        .dropped
        .iter()
        .map(|(reason, lost)| format!("{} {}", reason.name(), lost.records))
        .collect();
    format!("{all} ({})", reasons.join(", "))
}

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
