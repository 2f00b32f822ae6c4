//! `radiosonde spool`: what waits to be sent over OTLP.

mod discard;
mod drain;
mod item;
mod list;
mod show;
mod status;

use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use radiosonde_otlp::{Manifest, Stream};
use radiosonde_record::Slot;
use radiosonde_spool::{Seen, StreamSeen};

use crate::args::{SpoolCommand, SpoolSelect};
use crate::nothing;
use crate::outcome::{FOUND, NOTHING, PARTIAL, Stop, USAGE, show as path_shown, some};
use crate::render::Screen;
use crate::render::color;
use crate::render::text::shown;
use crate::render::time::{clock, day};
use crate::select::directories;

/// Most spools of one slot that are looked at.
const SPOOLS_MAX: usize = 1024;

pub(crate) fn run(command: &SpoolCommand, out: &mut dyn Write) -> Result<u8, Stop> {
    match command {
        SpoolCommand::Status(select) => each(select, out, &mut status::print),
        SpoolCommand::List(select) => each(select, out, &mut list::print),
        SpoolCommand::Show(args) => each(&args.select, out, &mut |found, view, out| {
            show::print(found, view, args.limit, out)
        }),
        SpoolCommand::Drain(args) => drain::run(args, out),
        SpoolCommand::Drop(args) => discard::run(args, out),
    }
}

/// A spool that was found.
struct Found {
    dir: PathBuf,
    path: PathBuf,
    slot: u32,
    instance: String,
    /// Whether a process has the slot now.
    is_in_use: bool,
    seen: Seen,
    /// `None` when it is damaged.
    manifest: Option<Manifest>,
}

/// How it is shown.
struct View {
    is_json: bool,
    screen: Screen,
    stream: Option<String>,
}

type Print<'a> = &'a mut dyn FnMut(&Found, &View, &mut dyn Write) -> Result<(), Stop>;

/// Prints each spool that was selected.
fn each(select: &SpoolSelect, out: &mut dyn Write, print: Print<'_>) -> Result<u8, Stop> {
    let dirs = directories(&select.dir)?;
    let view = View {
        is_json: select.show.is_json(),
        screen: Screen::new(&select.show, false),
        stream: select.stream.clone(),
    };
    let mut all = Spools::default();
    dirs.iter().for_each(|dir| all.look(dir, select.instance.as_deref()));
    for (number, found) in all.found.iter().enumerate() {
        if !view.is_json {
            if number > 0 {
                writeln!(out)?;
            }
            found.print_heading(&view, dirs.len() > 1, out)?;
        }
        print(found, &view, out)?;
    }
    out.flush()?;
    all.tell();
    if all.found.is_empty() && all.failed.is_empty() && nothing::all_wrong(&dirs) {
        return Ok(USAGE);
    }
    if all.found.is_empty() && all.failed.is_empty() {
        eprintln!("radiosonde: no spool in {}: nothing waits to be sent over OTLP", some(&dirs));
    }
    Ok(match (all.failed.is_empty(), all.found.is_empty()) {
        (false, _) => PARTIAL,
        (true, false) => FOUND,
        (true, true) => NOTHING,
    })
}

/// All spools of some directories.
#[derive(Default)]
struct Spools {
    found: Vec<Found>,
    failed: Vec<(PathBuf, std::io::Error)>,
}

impl Spools {
    fn look(&mut self, dir: &Path, instance: Option<&str>) {
        // What cannot be looked at is not empty.
        if let Err(error) = fs::read_dir(dir.join("inst")) {
            return self.fail(dir.join("inst"), error);
        }
        for slot in Slot::existing(dir) {
            let slot_folder = dir.join("inst").join(slot.to_string());
            let folder = slot_folder.join("spool");
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) => {
                    self.fail(folder, error);
                    continue;
                }
            };
            let mut names: Vec<String> = entries
                .take(SPOOLS_MAX)
                .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
                .filter(|name| instance.is_none_or(|wanted| wanted == name))
                .collect();
            names.sort_unstable();
            if names.is_empty() {
                continue;
            }
            let is_in_use = is_in_use(&slot_folder);
            for instance in names {
                let path = folder.join(&instance);
                match radiosonde_spool::look(&path, is_in_use) {
                    Ok(seen) => {
                        let manifest = Manifest::from_bytes(&seen.manifest).ok();
                        let dir = dir.to_owned();
                        self.found.push(Found {
                            dir,
                            path,
                            slot,
                            instance,
                            is_in_use,
                            seen,
                            manifest,
                        });
                    }
                    Err(error) => self.fail(path, error),
                }
            }
        }
    }

    /// Notes what could not be read, but for what is not there: sent and removed while we looked.
    fn fail(&mut self, path: PathBuf, error: std::io::Error) {
        if error.kind() != std::io::ErrorKind::NotFound {
            self.failed.push((path, error));
        }
    }

    fn tell(&self) {
        for (path, error) in &self.failed {
            eprintln!("radiosonde: {}: not read: {error}", path_shown(path));
        }
    }
}

/// Whether somebody has the slot. Its lock is asked for shared, and never made: whoever only looks keeps
/// nobody from starting, and can look at a mount that is read-only.
fn is_in_use(slot: &Path) -> bool {
    let file = File::open(slot.join("lock"));
    file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

impl Found {
    /// The streams that were asked for, in the order in which they are sent.
    fn streams<'a>(&'a self, view: &'a View) -> impl Iterator<Item = &'a StreamSeen> {
        let wanted = |seen: &&StreamSeen| {
            view.stream.as_ref().is_none_or(|name| *name == seen.account.stream)
        };
        let mut streams: Vec<&StreamSeen> = self.seen.streams.iter().filter(wanted).collect();
        streams.sort_by_key(|seen| known(&seen.account.stream).map_or(usize::MAX, Stream::index));
        streams.into_iter()
    }

    fn service(&self) -> String {
        let service = self.manifest.as_ref().map_or("?", |manifest| &manifest.service);
        shown(service)
    }

    /// Where a stream goes, without anything secret.
    fn destination(&self, stream: &str) -> Option<String> {
        let signal = known(stream)?.signal();
        self.manifest
            .as_ref()?
            .destinations
            .of(signal)
            .map(|destination| shown(&destination.shown()))
    }

    /// `shop  instance k3f9q2xw, slot 0, its process runs`
    fn print_heading(&self, view: &View, has_dir: bool, out: &mut dyn Write) -> Result<(), Stop> {
        let name = view.screen.paint.with(color::NAME, &self.service());
        let state = if self.is_in_use { "in use by a process" } else { "left behind" };
        let dir = if has_dir { format!(", {}", path_shown(&self.dir)) } else { String::new() };
        let instance = shown(&self.instance);
        writeln!(out, "{name}  instance {instance}, slot {}, {state}{dir}", self.slot)?;
        if self.manifest.is_none() {
            writeln!(out, "its manifest is damaged: nobody knows where it goes")?;
        }
        Ok(())
    }
}

fn known(stream: &str) -> Option<Stream> {
    Stream::ALL.into_iter().find(|known| known.name() == stream)
}

/// `2025-10-06 11:50:02.113`
fn moment(ns: u64) -> String {
    match timestamp(ns) {
        Some(at) => format!("{} {}", day(at), clock(at)),
        None => String::new(),
    }
}

fn timestamp(ns: u64) -> Option<Timestamp> {
    Timestamp::from_nanosecond(i128::from(ns)).ok().filter(|_| ns > 0)
}
