//! Recovery: what a dead process left in its rings and stage reaches the day files, once.
//!
//! The caller holds the lock of the slot. Every step can be killed and repeated: the stage of the
//! dead instance is used on, and its directory is removed last.

use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::OFlags;

use crate::batch::{Batch, Sink};
use crate::callsite::Descriptor;
use crate::files::Unsynced;
use crate::lanes::{self, Lane};
use crate::level::{DropReason, Kind, Level};
use crate::ring::image::Image;
use crate::ring::{Counters, region};
use crate::stage::{Contents, Stage, Staged};
use crate::writer::Writer;

/// Recoveries of one instance that may die before it is set aside.
const ATTEMPTS_MAX: u8 = 3;
/// Largest `callsites` file that is read.
const CALLSITES_MAX: u64 = 16 * 1024 * 1024;
/// Names tried for a batch whose file cannot be continued.
const ALTERNATES_MAX: u32 = 1000;

/// What one recovery did.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Recovered {
    /// Records that are in day files now, by kind: what was pending in rings.
    pub records: [u64; 3],
    /// Bytes of a staged batch that were still missing in their files.
    pub staged_bytes: u64,
    /// Records that could not be read or encoded.
    pub rejected: u64,
    /// Bytes of rings nothing could be made of.
    pub lost_bytes: u64,
    /// Batches that may be in their files twice, because the file had changed.
    pub maybe_duplicates: u64,
    /// What the dead process had dropped itself.
    pub dropped: Vec<(Kind, DropReason, Level, u64)>,
    /// Ring files that are not ours or of another version, with the reason.
    pub unreadable: Vec<(PathBuf, String)>,
    /// Where the remains were set aside, when recovering them has failed too often.
    pub quarantined: Option<PathBuf>,
}

/// The remains of one dead instance, with its stage resolved: what was ready is in its files.
///
/// A slot may hold several. All of them are opened before anything is appended, since a batch that
/// was torn can only be completed while its file has not gone on.
#[derive(Debug)]
pub struct Remains {
    instance: PathBuf,
    images: Vec<Image>,
    stage: Stage,
    recovered: Recovered,
}

impl Remains {
    /// Opens the remains and resolves their stage. `Err` inside means that they were set aside.
    ///
    /// # Errors
    /// As from the system, for instance a full disk; nothing is lost then, and it can be repeated.
    pub fn open(
        root: &Path,
        instance: &Path,
        sink: &mut dyn Sink,
    ) -> io::Result<Result<Self, Recovered>> {
        let mut recovered = Recovered::default();
        if let Some(place) = count_attempt(instance)? {
            recovered.quarantined = Some(place);
            return Ok(Err(recovered));
        }
        orderly(instance, Self::resolve(root, instance, sink, recovered)).map(Ok)
    }

    fn resolve(
        root: &Path,
        instance: &Path,
        sink: &mut dyn Sink,
        mut recovered: Recovered,
    ) -> io::Result<Self> {
        let mut images = open_images(&instance.join("rings"), &mut recovered)?;
        let stage_path = instance.join("stage");
        let mut stage = match Stage::open(&stage_path) {
            Ok(stage) => stage,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Stage::create(&stage_path)?,
            Err(error) => return Err(error),
        };
        if let Some(contents) = stage.contents()? {
            if contents.attempts < u32::from(ATTEMPTS_MAX) {
                stage.count_attempt(&contents)?;
                resolve(root, &contents, &mut images, sink, &mut recovered)?;
            } else {
                let aside = instance.with_extension("stage");
                fs::copy(&stage_path, &aside)?;
                recovered.quarantined = Some(aside);
            }
            stage.free()?;
        }
        let mut sum = Counters::default();
        images.iter().for_each(|image| sum.add(image.counters()));
        recovered.dropped = nonzero(&sum);
        Ok(Self { instance: instance.to_owned(), images, stage, recovered })
    }

    /// Replays what is left in the rings, syncs it and removes the remains. `between` is called
    /// after each batch, so that a drain on the same thread can keep up; `false` ends the replay
    /// with `Interrupted`, to be continued by a later recovery.
    ///
    /// # Errors
    /// As [`Remains::open`].
    pub fn replay(
        self,
        root: &Path,
        sink: &mut dyn Sink,
        unsynced: &Unsynced,
        between: &mut dyn FnMut() -> bool,
    ) -> io::Result<Recovered> {
        let Self { instance, images, stage, mut recovered } = self;
        let callsites = read_callsites(&instance.join("callsites"));
        let mut writer = Writer::new(root, Some(stage), unsynced.clone());
        let replayed = replay(images, &mut writer, &callsites, sink, &mut recovered, between);
        orderly(&instance, replayed)?;
        // On disk before the originals are gone.
        unsynced.sync()?;
        fs::remove_dir_all(&instance)?;
        Ok(recovered)
    }
}

/// A failure that is reported is no death: the attempt does not count.
fn orderly<T>(instance: &Path, result: io::Result<T>) -> io::Result<T> {
    result.inspect_err(|_| drop(fs::remove_file(instance.join("attempts"))))
}

/// Counts on disk, before anything else, so that a record that kills its reader cannot do so at
/// every start. The place of quarantine, when this was one too many.
fn count_attempt(instance: &Path) -> io::Result<Option<PathBuf>> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let file =
        options.custom_flags(OFlags::NOFOLLOW.bits() as i32).open(instance.join("attempts"))?;
    let mut attempts = [0];
    let _read = file.read_at(&mut attempts, 0)?;
    if attempts[0] < ATTEMPTS_MAX {
        file.write_all_at(&[attempts[0] + 1], 0)?;
        return Ok(None);
    }
    let (Some(slot), Some(name)) = (instance.parent(), instance.file_name()) else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not an instance directory"));
    };
    let quarantine = slot.join("quarantine");
    crate::slot::create_directory(&quarantine)?;
    let place = quarantine.join(name);
    fs::rename(instance, &place)?;
    Ok(Some(place))
}

/// What is left in the rings goes the ordinary way, through the dead instance's own stage.
fn replay(
    images: Vec<Image>,
    writer: &mut Writer,
    callsites: &[u8],
    sink: &mut dyn Sink,
    recovered: &mut Recovered,
    between: &mut dyn FnMut() -> bool,
) -> io::Result<()> {
    let mut known: HashMap<u32, Arc<Descriptor>> = HashMap::new();
    let mut describe = |id: u32| {
        let find = || Arc::new(region::lookup(callsites, id).unwrap_or_else(unknown_site));
        Arc::clone(known.entry(id).or_insert_with(find))
    };
    let mut lanes: Vec<Lane<Image>> = images.into_iter().map(Lane::new).collect();
    let mut batch = Batch::default();
    loop {
        let refused = lanes::fill(&mut lanes, sink, &mut batch, &mut describe);
        recovered.rejected += refused.records.len() as u64;
        recovered.lost_bytes += refused.bytes;
        if batch.len() == 0 {
            return Ok(());
        }
        let ranges: Vec<(u32, u64)> =
            lanes.iter().map(|lane| (lane.source.number(), lane.encoded)).collect();
        writer.stage(&batch, &ranges)?;
        for lane in &mut lanes {
            lane.source.release(lane.encoded)?;
        }
        writer.finish()?;
        sink.committed(&batch);
        for (sum, count) in recovered.records.iter_mut().zip(batch.records()) {
            *sum += count;
        }
        if !between() {
            return Err(io::ErrorKind::Interrupted.into());
        }
    }
}

fn open_images(rings: &Path, recovered: &mut Recovered) -> io::Result<Vec<Image>> {
    let entries = match fs::read_dir(rings) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut images = Vec::new();
    for entry in entries {
        let path = entry?.path();
        match Image::open(&path) {
            Ok(image) => images.push(image),
            // A ring whose process died before its first byte has no header, and nothing in it.
            Err(_) if is_blank(&path) => {}
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                recovered.unreadable.push((path, error.to_string()));
            }
            Err(error) => return Err(error),
        }
    }
    images.sort_by_key(Image::number);
    Ok(images)
}

fn is_blank(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.len() == 0)
        || fs::File::open(path).is_ok_and(|file| {
            let mut head = [1; 256];
            file.read_exact_at(&mut head, 0).is_ok() && head == [0; 256]
        })
}

/// Brings a ready batch to its files, by the decision table of the staged protocol.
fn resolve(
    root: &Path,
    contents: &Contents,
    images: &mut [Image],
    sink: &dyn Sink,
    recovered: &mut Recovered,
) -> io::Result<()> {
    for (ring, to) in &contents.ranges {
        if let Some(image) = images.iter_mut().find(|image| image.number() == *ring) {
            image.release((*to).max(image.position()))?;
        }
    }
    for target in &contents.targets {
        match roll_forward(&root.join(&target.file), target)? {
            Some(written) => recovered.staged_bytes += written,
            None => {
                write_alternate(root, target, sink)?;
                recovered.staged_bytes += target.bytes.len() as u64;
                recovered.maybe_duplicates += 1;
            }
        }
    }
    Ok(())
}

/// Completes the bytes at their place and returns how many were missing; `None` when the file is
/// gone or holds something else there. Never truncates: shippers may have read what stands.
fn roll_forward(path: &Path, target: &Staged) -> io::Result<Option<u64>> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).custom_flags(OFlags::NOFOLLOW.bits() as i32);
    let Ok(file) = options.open(path) else { return Ok(None) };
    let metadata = file.metadata()?;
    if metadata.ino() != target.inode || metadata.len() < target.offset {
        return Ok(None);
    }
    let there = (metadata.len() - target.offset).min(target.bytes.len() as u64) as usize;
    let mut present = vec![0; there];
    file.read_exact_at(&mut present, target.offset)?;
    if present != target.bytes[..there] {
        return Ok(None);
    }
    file.write_all_at(&target.bytes[there..], target.offset + there as u64)?;
    file.sync_data()?;
    Ok(Some((target.bytes.len() - there) as u64))
}

fn write_alternate(root: &Path, target: &Staged, sink: &dyn Sink) -> io::Result<()> {
    for part in 1..ALTERNATES_MAX {
        let path = root.join(sink.alternate(&target.file, part));
        let mut options = OpenOptions::new();
        match options.write(true).create_new(true).mode(0o600).open(path) {
            Ok(file) => {
                file.write_all_at(&target.bytes, 0)?;
                return file.sync_data();
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, "no free name for a recovered batch"))
}

fn read_callsites(path: &Path) -> Vec<u8> {
    let small = fs::symlink_metadata(path)
        .is_ok_and(|metadata| metadata.is_file() && metadata.len() <= CALLSITES_MAX);
    // Without it the records still become lines, with their place unknown.
    if small { fs::read(path).unwrap_or_default() } else { Vec::new() }
}

fn unknown_site() -> Descriptor {
    Descriptor { name: "log".into(), source: "unknown".into(), ..Descriptor::default() }
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
