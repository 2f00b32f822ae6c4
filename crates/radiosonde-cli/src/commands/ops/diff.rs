//! `radiosonde ops diff`: what changed between two registries.

use std::io::Write;
use std::path::Path;

use radiosonde_ops::{Change, Registry, diff};
use serde_json::json;

use super::{CLEAN, PROBLEMS, input, tell};
use crate::args::DiffArgs;
use crate::commands::print_json;
use crate::outcome::{Stop, USAGE, show};
use crate::render::Screen;
use crate::render::color::{self, Paint};
use crate::render::text::{many, shown};

pub(crate) fn run(args: &DiffArgs, out: &mut dyn Write) -> Result<u8, Stop> {
    input::check_once([&args.old, &args.new])?;
    let (old, new) = (read(&args.old), read(&args.new));
    let (Some(old), Some(new)) = (old, new) else { return Ok(USAGE) };
    let changes = diff(&old, &new, args.judge.day());
    if args.judge.show.is_json() {
        for change in &changes {
            print_json(&object(change), out)?;
        }
    } else {
        let paint = Screen::new(&args.judge.show, true).paint;
        print(&changes, paint, out)?;
        let (old, new) = (show(&args.old), show(&args.new));
        writeln!(out, "{}", verdict(&changes, &old, &new, paint))?;
    }
    Ok(if changes.iter().any(Change::is_breaking) { PROBLEMS } else { CLEAN })
}

/// A registry that can be compared; otherwise stderr tells why not.
fn read(file: &Path) -> Option<Registry> {
    let read = input::read(file).and_then(|document| document.unlinted());
    read.map_err(|errors| tell(&errors)).ok()
}

fn print(changes: &[Change], paint: Paint, out: &mut dyn Write) -> Result<(), Stop> {
    let (breaking, compatible): (Vec<_>, Vec<_>) =
        changes.iter().partition(|change| change.is_breaking());
    for (heading, style, group) in
        [("breaking", color::BAD, breaking), ("compatible", color::GOOD, compatible)]
    {
        if group.is_empty() {
            continue;
        }
        writeln!(out, "{}", paint.with(style, heading))?;
        for change in group {
            let values = match (&change.old, &change.new) {
                (Some(old), Some(new)) => format!(" from {} to {}", shown(old), shown(new)),
                (Some(one), None) | (None, Some(one)) => format!(" ({})", shown(one)),
                (None, None) => String::new(),
            };
            let path = paint.with(color::NAME, &shown(&change.path));
            writeln!(out, "  {path}: {}{values}", shown(&change.what))?;
            if let Some(fix) = &change.fix {
                writeln!(out, "    {}", shown(fix))?;
            }
        }
        writeln!(out)?;
    }
    Ok(())
}

fn verdict(changes: &[Change], old: &str, new: &str, paint: Paint) -> String {
    let breaking = changes.iter().filter(|change| change.is_breaking()).count() as u64;
    let compatible = changes.len() as u64 - breaking;
    match (breaking, compatible) {
        (0, 0) => format!("{new}: nothing changed from {old}"),
        (0, _) => {
            let sum = format!("{}, none breaking", many(compatible, "change"));
            format!("{new}: {} from {old}", paint.with(color::GOOD, &sum))
        }
        _ => {
            let sum = format!("{}, {compatible} compatible", many(breaking, "breaking change"));
            format!("{new}: {} from {old}", paint.with(color::BAD, &sum))
        }
    }
}

fn object(change: &Change) -> String {
    json!({
        "breaking": change.is_breaking(),
        "path": change.path,
        "what": change.what,
        "old": change.old,
        "new": change.new,
        "fix": change.fix,
    })
    .to_string()
}
