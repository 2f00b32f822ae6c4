//! Recovery: what a dead process left in its rings and stage reaches the day files, and the queue of
//! its exports, once.
//!
//! The caller holds the lock of the slot. Every step can be killed and repeated: the stage of the
//! dead instance is used on, and its directory is removed last.

use std::fs;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::batch::{Batch, Counts, Sink};
use crate::descriptor::Descriptor;
use crate::files::Unsynced;
use crate::horizon::Horizon;
use crate::lanes::{self, Lane};
use crate::level::{DropReason, Kind, Level};
use crate::open::remains as open_spans;
use crate::place::{self, Place};
use crate::ring::image::Image;
use crate::ring::{Counters, Source as _, region};
use crate::site_cache::SiteCache;
use crate::slot::{Instance, OWNER, QUARANTINE, RINGS};
use crate::stage::{Contents, Stage};
use crate::writer::{Exported, Writer};

mod look;
mod poison;
mod resolve;

pub use look::{Left, Underway, look};
pub(crate) use poison::forget_attempts;
use poison::{ATTEMPTS_MAX, Deaths, Poison};
use resolve::{PANICKED, Where, resolve};

/// Largest `callsites` file that is read.
const CALLSITES_MAX: u64 = 16 * 1024 * 1024;

/// What one recovery did.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Recovered {
    /// Records that are in day files now, by kind: what was pending in rings.
    pub records: [u64; 3],
    /// Spans that were open when the process died: an event each, which is in a day file now, and is
    /// not among `records`.
    pub interrupted: u64,
    /// Spans besides those that were open when it died and had no place in its table: nothing but
    /// their number is known.
    pub interrupted_unlisted: u64,
    /// Bytes of a staged batch that were still missing in their files.
    pub staged_bytes: u64,
    /// Exports of a staged batch. Their queue may have had some, or all, of them already.
    pub staged_exports: u64,
    /// Exports of its rings that nobody has taken over.
    pub exports_lost: u64,
    /// Records that have neither a line nor an export, by kind: its owner wanted none.
    pub without_destination: [u64; 3],
    /// Records that could not be read or encoded.
    pub rejected: u64,
    /// Bytes of rings nothing could be made of.
    pub lost_bytes: u64,
    /// Batches that may be in their files twice, because the file had changed, or in the queue of
    /// exports, because that does not know what it had.
    pub maybe_duplicates: u64,
    /// What the rings of the dead process had accepted in its life, by kind: with `dropped`, what
    /// it was offered.
    pub accepted: [u64; 3],
    /// What the dead process had dropped itself.
    pub dropped: Vec<(Kind, DropReason, Level, u64)>,
    /// Ring files that are not ours or of another version, with the reason.
    pub unreadable: Vec<(PathBuf, String)>,
    /// Where its rings and its stage were, when that place is there no more: what it had not yet
    /// delivered is lost, and nobody knows how much that was.
    pub gone: Option<PathBuf>,
    /// Where the remains were set aside, when recovering them has failed too often.
    pub quarantined: Option<PathBuf>,
}

/// The remains of one dead instance, with its stage resolved: what was ready is in its files.
///
/// A slot may hold several. All of them are opened before anything is appended, since a batch that
/// was torn can only be completed while its file has not gone on.
#[derive(Debug)]
pub struct Remains {
    instance: Instance,
    images: Vec<Image>,
    stage: Stage,
    unsynced: Unsynced,
    recovered: Recovered,
}

/// Remains of which everything is in day files. What is left to do takes the time of a disk, and is
/// for a thread that has it: [`Replayed::finish`].
#[derive(Debug)]
#[must_use = "the remains stay until `finish`"]
pub struct Replayed {
    instance: Instance,
    unsynced: Unsynced,
    /// What was recovered.
    pub recovered: Recovered,
}

impl Replayed {
    /// Syncs the day files and removes the remains; what is not ours among them is set aside.
    /// Killed before, it costs nothing: the rings are empty by now.
    ///
    /// # Errors
    /// As from the system.
    pub fn finish(mut self) -> io::Result<Recovered> {
        // On disk before the originals are gone.
        self.unsynced.sync()?;
        let path = &self.instance.path;
        if self.recovered.unreadable.is_empty() && remove_instance(path).is_ok() {
            return Ok(self.recovered);
        }
        self.recovered.quarantined = Some(set_aside(path)?);
        Ok(self.recovered)
    }
}

impl Remains {
    /// Opens the remains and resolves their stage. `Err` inside means that they were set aside.
    ///
    /// # Errors
    /// As from the system, for instance a full disk; nothing is lost then, and it can be repeated.
    /// Until it succeeds, nothing may be appended to the files of the slot.
    pub fn open(
        root: &Path,
        instance: Instance,
        sink: &mut dyn Sink,
    ) -> io::Result<Result<Self, Recovered>> {
        let path = instance.path.clone();
        if Deaths::read(&path)?.count >= ATTEMPTS_MAX {
            let quarantined = Some(set_aside(&path)?);
            return Ok(Err(Recovered { quarantined, ..Recovered::default() }));
        }
        Self::resolve(root, instance, sink).map(Ok)
    }

    fn resolve(root: &Path, instance: Instance, sink: &mut dyn Sink) -> io::Result<Self> {
        let mut recovered = Recovered::default();
        let unsynced = Unsynced::default();
        // Asked again: a pointer that cannot be read must not be taken for none.
        if let Place::Gone(path) = place::find(&instance.path)? {
            recovered.gone = Some(path);
        }
        let path = &instance.files;
        let mut images = open_images(&path.join(RINGS), &mut recovered)?;
        images.extend(open_table(path, sink, &mut recovered)?);
        let stage_path = path.join("stage");
        if fs::symlink_metadata(&stage_path).is_ok_and(|found| !found.is_file()) {
            let aside = path.join("stage.foreign");
            fs::rename(&stage_path, &aside)?;
            recovered.unreadable.push((aside, "not a file of this crate".to_owned()));
        }
        let mut stage = Stage::open_or_create(&stage_path)?;
        if let Some(contents) = stage.contents()? {
            let at = Where { root, instance: &instance.path, unsynced: &unsynced };
            resolve(at, &contents, &mut images, sink, &mut recovered)?;
            stage.free()?;
        }
        let mut sum = Counters::default();
        for image in &mut images {
            sum.add(image.counters());
            if image.number() == open_spans::RING {
                recovered.interrupted = image.count();
            }
        }
        recovered.accepted = sum.accepted;
        recovered.dropped = nonzero(&sum);
        Ok(Self { instance, images, stage, unsynced, recovered })
    }

    /// Replays what is left in the rings. `between` is called after each batch, so that a drain on the same thread
    /// can keep up; `false` ends the replay with `Interrupted`, to be continued by a later recovery.
    ///
    /// # Errors
    /// As [`Remains::open`].
    pub fn replay(
        self,
        root: &Path,
        sink: &mut dyn Sink,
        between: &mut dyn FnMut() -> bool,
    ) -> io::Result<Replayed> {
        let Self { instance, images, stage, unsynced, mut recovered } = self;
        let path = &instance.path;
        let callsites = read_callsites(&instance.files.join("callsites"));
        let mut writer = Writer::new(root, Some(stage), unsynced.clone());
        let mut poison = Poison::new(path)?;
        replay(images, &mut writer, &callsites, sink, &mut recovered, &mut poison, between)?;
        Ok(Replayed { instance, unsynced, recovered })
    }
}

/// Whether a batch of these remains is on its way to files, which may not be appended to until it
/// is there.
#[must_use]
pub fn has_ready_stage(instance: &Path) -> bool {
    // What cannot be read may well be one.
    ready_stage(instance).map_or(true, |contents| contents.is_some())
}

/// The day files a batch of these remains is on its way to. Until it is there they must stay as they
/// are: which of its lines they have is told by their bytes.
///
/// # Errors
/// As from the system. It may be any file then.
pub fn staged_files(instance: &Path) -> io::Result<Vec<String>> {
    let contents = ready_stage(instance)?;
    let targets = contents.into_iter().flat_map(|contents| contents.targets);
    Ok(targets.map(|target| target.file).collect())
}

fn ready_stage(instance: &Path) -> io::Result<Option<Contents>> {
    let stage =
        place::find(instance).and_then(|place| Stage::open(&place.files(instance).join("stage")));
    match stage {
        Ok(stage) => stage.contents(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Removes what this crate has made of an instance.
///
/// # Errors
/// As from the system, for instance when there is something else in it: that is left alone.
pub fn remove_instance(path: &Path) -> io::Result<()> {
    if let Place::Elsewhere(files) = place::find(path)? {
        remove_files(&files)?;
        gone(fs::remove_dir(&files))?;
    }
    remove_files(path)?;
    // The owner last: without it the directory would not be known as ours.
    for name in [place::POINTER, "attempts", OWNER] {
        gone(fs::remove_file(path.join(name)))?;
    }
    fs::remove_dir(path)
}

/// What is mapped.
fn remove_files(path: &Path) -> io::Result<()> {
    let rings = path.join(RINGS);
    if fs::symlink_metadata(&rings).is_ok_and(|found| !found.is_dir()) {
        return Err(io::Error::new(io::ErrorKind::NotADirectory, "rings are somewhere else"));
    }
    let entries = fs::read_dir(&rings).into_iter().flatten().flatten();
    let of_ring = entries.map(|entry| entry.path()).filter(|path| is_ring_name(path));
    for file in of_ring.chain([open_spans::FILE, "callsites", "stage"].map(|name| path.join(name)))
    {
        gone(fs::remove_file(file))?;
    }
    gone(fs::remove_dir(&rings))
}

/// What is gone already needs not be removed.
fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Moves the remains out of the way, and tells where.
fn set_aside(instance: &Path) -> io::Result<PathBuf> {
    let (Some(slot), Some(name)) = (instance.parent(), instance.file_name()) else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not an instance directory"));
    };
    let quarantine = slot.join(QUARANTINE);
    crate::slot::create_directory(&quarantine)?;
    let place = quarantine.join(name);
    fs::rename(instance, &place)?;
    Ok(place)
}

/// What is left in the rings goes the ordinary way, through the dead instance's own stage.
fn replay(
    images: Vec<Image>,
    writer: &mut Writer,
    callsites: &[u8],
    sink: &mut dyn Sink,
    recovered: &mut Recovered,
    poison: &mut Poison<'_>,
    between: &mut dyn FnMut() -> bool,
) -> io::Result<()> {
    let find = |id: u32| Arc::new(region::lookup(callsites, id).unwrap_or_else(unknown_site));
    let mut sites = SiteCache::new(find);
    let mut lanes: Vec<Lane<Image>> = images.into_iter().map(Lane::new).collect();
    let mut batch = Batch::default();
    loop {
        // Wrapping: a damaged ring may stand anywhere.
        let place = lanes.iter().fold(0, |sum: u64, lane| sum.wrapping_add(lane.encoded));
        let limit = poison.batch_bytes(place);
        let fill = || {
            lanes::fill(
                &mut lanes,
                sink,
                &mut batch,
                lanes::Limit::at(limit),
                &mut sites,
                Horizon::NONE,
            )
        };
        let refused = poison.encode(place, fill)?.refused;
        recovered.rejected += refused.records.len() as u64;
        recovered.lost_bytes += refused.bytes;
        if batch.weight() == 0 {
            let events = &mut recovered.records[Kind::Event as usize];
            *events = events.saturating_sub(recovered.interrupted);
            return Ok(());
        }
        let is_staged = batch.len() > 0;
        if is_staged {
            writer.stage(&batch, &lanes::ranges(&lanes), sink)?;
        }
        lanes::mark_staged(&mut lanes);
        for lane in &mut lanes {
            lane.source.release(lane.encoded)?;
        }
        if is_staged && finish(writer, &batch, sink)? == Exported::Lost {
            recovered.exports_lost += batch.exports().count() as u64;
        }
        let Counts { records, passed, .. } = batch.counts();
        add(&mut recovered.records, records);
        add(&mut recovered.without_destination, passed);
        if !between() {
            return Err(io::ErrorKind::Interrupted.into());
        }
    }
}

/// Writes what is ready. A sink that panics leaves it ready, for the next recovery to be charged.
fn finish(writer: &mut Writer, batch: &Batch, sink: &mut dyn Sink) -> io::Result<Exported> {
    let finish = AssertUnwindSafe(|| writer.finish(batch, sink));
    catch_unwind(finish).unwrap_or_else(|_panic| Err(io::Error::other(PANICKED)))
}

fn add(sums: &mut [u64; 3], counts: [u64; 3]) {
    for (sum, count) in sums.iter_mut().zip(counts) {
        *sum += count;
    }
}

fn open_images(rings: &Path, recovered: &mut Recovered) -> io::Result<Vec<Image>> {
    if fs::symlink_metadata(rings).is_ok_and(|found| !found.is_dir()) {
        // A link would lead somewhere else, and what is there is not ours to remove.
        recovered.unreadable.push((rings.to_owned(), "not a directory of this crate".to_owned()));
        return Ok(Vec::new());
    }
    let entries = match fs::read_dir(rings) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut images = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let refuse = |why: &str| (path.clone(), why.to_owned());
        if !is_ring_name(&path) || !fs::symlink_metadata(&path)?.is_file() {
            recovered.unreadable.push(refuse("not a file of this crate"));
            continue;
        }
        match Image::open(&path) {
            Ok(image) if image.number() == open_spans::RING => {
                recovered.unreadable.push(refuse("a number no ring has"));
            }
            Ok(image) if path.ends_with(format!("{}.ring", image.number())) => images.push(image),
            Ok(_) => recovered.unreadable.push(refuse("a copy under another name")),
            // A ring whose process died before its first byte has no header, and nothing in it.
            Err(_) if is_blank(&path) => {}
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                recovered.unreadable.push(refuse(&error.to_string()));
            }
            Err(error) => return Err(error),
        }
    }
    images.sort_by_key(Image::number);
    Ok(images)
}

/// The table of open spans as one more ring. What cannot be read of it costs nothing else.
fn open_table(
    files: &Path,
    sink: &dyn Sink,
    recovered: &mut Recovered,
) -> io::Result<Option<Image>> {
    let path = files.join(open_spans::FILE);
    let callsites = read_callsites(&files.join("callsites"));
    match open_spans::open(&path, &callsites, sink) {
        Ok(Some((image, unlisted))) => {
            recovered.interrupted_unlisted = unlisted;
            Ok(Some(image))
        }
        Ok(None) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            recovered.unreadable.push((path, error.to_string()));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// `rings/<n>.ring`.
fn is_ring_name(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.strip_suffix(".ring").is_some_and(|number| number.parse::<u32>().is_ok())
}

/// Of a regular file: whether nothing was ever written to it.
fn is_blank(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.len() == 0)
        || fs::File::open(path).is_ok_and(|file| {
            let mut head = [1; 256];
            file.read_exact_at(&mut head, 0).is_ok() && head == [0; 256]
        })
}

fn read_callsites(path: &Path) -> Vec<u8> {
    let small = fs::symlink_metadata(path)
        .is_ok_and(|metadata| metadata.is_file() && metadata.len() <= CALLSITES_MAX);
    // Without it the records still become lines, with their place unknown.
    if small { fs::read(path).unwrap_or_default() } else { Vec::new() }
}

fn unknown_site() -> Descriptor {
    Descriptor {
        name: "log".into(),
        source: "unknown".into(),
        message: "[its call site is lost]".into(),
        ..Descriptor::default()
    }
}

fn nonzero(sum: &Counters) -> Vec<(Kind, DropReason, Level, u64)> {
    let mut out = Vec::new();
    for kind in Kind::ALL {
        for reason in DropReason::ALL {
            for level in Level::ALL {
                let count = sum.dropped[kind as usize][reason as usize][level as usize];
                if count > 0 {
                    out.push((kind, reason, level, count));
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_of_exports;
#[cfg(test)]
mod tests_of_spans;
