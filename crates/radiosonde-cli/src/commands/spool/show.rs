//! `radiosonde spool show`: the oldest records that are pending.

use std::io::Write;

use radiosonde_otlp::{Stream, entries};
use radiosonde_runtime::doctor::shown::size;
use serde_json::json;

use super::{Found, View, item, known, moment, timestamp};
use crate::commands::print_json;
use crate::outcome::{Stop, show};
use crate::render::table::table_within;
use crate::render::text::{many, shown};

/// A frame holds at least one record.
const RECORDS_MAX: usize = 100_000;

pub(super) fn print(
    found: &Found,
    view: &View,
    limit: usize,
    out: &mut dyn Write,
) -> Result<(), Stop> {
    let limit = limit.min(RECORDS_MAX);
    let heading = ["appended (UTC)", "stream", "bytes", ""];
    let mut rows = vec![heading.map(|word| view.screen.paint.dim(word))];
    for stream in found.streams(view) {
        let name = &stream.account.stream;
        let frames = match stream.pending(&found.path, limit) {
            Ok(frames) => frames,
            Err(error) => {
                eprintln!("radiosonde: {}: {name} not read: {error}", show(&found.path));
                continue;
            }
        };
        let items = frames.iter().flat_map(|(records, time_ns, payload)| {
            decoded(name, *records, payload).into_iter().map(|item| (*time_ns, item))
        });
        for (time_ns, (length, text)) in items.take(limit) {
            if view.is_json {
                let object = json!({
                    "slot": found.slot,
                    "instance": found.instance,
                    "stream": name,
                    "appended": timestamp(time_ns).map(|at| at.to_string()),
                    "bytes": length,
                    "text": text,
                });
                print_json(&object.to_string(), out)?;
            } else {
                let cells = [moment(time_ns), shown(name), size(length as u64), shown(&text)];
                rows.push(cells);
            }
        }
    }
    if view.is_json {
        return Ok(());
    }
    if rows.len() == 1 {
        writeln!(out, "nothing is pending")?;
        return Ok(());
    }
    table_within(&rows, &[2], view.screen, out)
}

/// The records of a frame: bytes, and what they are.
fn decoded(stream: &str, records: u32, payload: &[u8]) -> Vec<(usize, String)> {
    let Some(signal) = known(stream).map(Stream::signal) else {
        return vec![(payload.len(), many(records.into(), "record"))];
    };
    entries(payload)
        .map(|entry| match entry {
            Ok(entry) => (entry.item.len(), item::name(signal, entry.item)),
            Err(error) => (0, error.to_string()),
        })
        .collect()
}
