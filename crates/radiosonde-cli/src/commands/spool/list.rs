//! `radiosonde spool list`: the files.

use std::io::Write;

use radiosonde_runtime::doctor::shown::size;
use serde_json::json;

use super::{Found, View, moment, timestamp};
use crate::commands::print_json;
use crate::outcome::Stop;
use crate::render::table::table;
use crate::render::text::shown;

pub(super) fn print(found: &Found, view: &View, out: &mut dyn Write) -> Result<(), Stop> {
    let heading = ["stream", "segment", "first", "used", "on disk", "begun (UTC)", ""];
    let mut rows = vec![heading.map(|word| view.screen.paint.dim(word))];
    for stream in found.streams(view) {
        for segment in &stream.segments {
            let name = &stream.account.stream;
            if view.is_json {
                let object = json!({
                    "dir": found.dir.to_string_lossy(),
                    "slot": found.slot,
                    "instance": found.instance,
                    "stream": name,
                    "segment": segment.number,
                    "first": segment.first,
                    "bytes": segment.bytes,
                    "disk_bytes": segment.disk_bytes,
                    "begun": timestamp(segment.created_ns).map(|at| at.to_string()),
                    "is_done": segment.is_done,
                });
                print_json(&object.to_string(), out)?;
                continue;
            }
            rows.push([
                shown(name),
                segment.number.to_string(),
                segment.first.to_string(),
                size(segment.bytes),
                size(segment.disk_bytes),
                moment(segment.created_ns),
                if segment.is_done { "done" } else { "" }.to_owned(),
            ]);
        }
    }
    if view.is_json {
        return Ok(());
    }
    if rows.len() == 1 {
        writeln!(out, "no segments")?;
        return Ok(());
    }
    table(&rows, &[1, 2, 3, 4], out)
}
