//! A batch that was ready when its process died goes where it was going.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use rustix::fs::OFlags;

use super::Recovered;
use super::poison::{Deaths, STAGED};
use crate::batch::Sink;
use crate::exports::Exports;
use crate::files::Unsynced;
use crate::ring::Source as _;
use crate::ring::image::Image;
use crate::stage::{Contents, Staged};

/// Names tried for a batch whose file cannot be continued.
const ALTERNATES_MAX: u32 = 1000;
/// What is said of a sink that could not take exports over.
pub(super) const PANICKED: &str = "a panic while exports of the dead process were taken over; it is \
    tried again, and set aside after the third time";
const NO_QUEUE: &str = "a staged batch has exports, and nothing here takes them; recover it with a \
    program that has OTLP";

/// Where the batch goes, and where it comes from.
#[derive(Clone, Copy)]
pub(super) struct Where<'a> {
    pub(super) root: &'a Path,
    pub(super) instance: &'a Path,
    pub(super) unsynced: &'a Unsynced,
}

/// Brings a ready batch to its files and its queue, by the decision table of the staged protocol.
pub(super) fn resolve(
    at: Where<'_>,
    contents: &Contents,
    images: &mut [Image],
    sink: &mut dyn Sink,
    recovered: &mut Recovered,
) -> io::Result<()> {
    if contents.exports.is_some() && !sink.exports() {
        return Err(io::Error::new(io::ErrorKind::Unsupported, NO_QUEUE));
    }
    for (ring, to) in &contents.ranges {
        if let Some(image) = images.iter_mut().find(|image| image.number() == *ring) {
            image.release((*to).max(image.position()))?;
        }
    }
    let Where { root, unsynced, .. } = at;
    for target in &contents.targets {
        match roll_forward(&root.join(&target.file), target, unsynced)? {
            Some(written) => recovered.staged_bytes += written,
            None => {
                write_alternate(root, target, sink, unsynced)?;
                recovered.staged_bytes += target.bytes.len() as u64;
                recovered.maybe_duplicates += 1;
            }
        }
    }
    match &contents.exports {
        Some((number, bytes)) => export(at.instance, *number, bytes, sink, recovered),
        None => Ok(()),
    }
}

/// Hands exports over. One who dies of it is charged.
fn export(
    instance: &Path,
    number: u64,
    bytes: &[u8],
    sink: &mut dyn Sink,
    recovered: &mut Recovered,
) -> io::Result<()> {
    recovered.staged_exports += Exports::new(bytes).count() as u64;
    // One queue has no gaps: it was lost, or is another one, or did not keep its mark.
    let is_behind = number > sink.last_export().saturating_add(1);
    recovered.maybe_duplicates += u64::from(is_behind);
    let before = Deaths::charge(instance, STAGED)?;
    let hand_over = AssertUnwindSafe(|| sink.export(number, Exports::new(bytes)));
    catch_unwind(hand_over).map_err(|_panic| io::Error::other(PANICKED))?;
    before.write(instance)
}

/// Completes the bytes at their place and returns how many were missing; `None` when the file is
/// gone or holds something else there. Never truncates: shippers may have read what stands.
fn roll_forward(path: &Path, target: &Staged, unsynced: &Unsynced) -> io::Result<Option<u64>> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).custom_flags(OFlags::NOFOLLOW.bits() as i32);
    let Ok(file) = options.open(path) else { return Ok(None) };
    if file.metadata()?.ino() != target.inode {
        return Ok(None);
    }
    let completed = complete(&file, target.offset, &target.bytes)?;
    unsynced.add_file(file);
    Ok(completed)
}

/// Writes what is missing of `bytes` at `offset`; `None` when something else stands there.
fn complete(file: &fs::File, offset: u64, bytes: &[u8]) -> io::Result<Option<u64>> {
    let Some(there) = file.metadata()?.len().checked_sub(offset) else { return Ok(None) };
    let there = usize::try_from(there).unwrap_or(usize::MAX).min(bytes.len());
    let mut present = vec![0; there];
    file.read_exact_at(&mut present, offset)?;
    if present != bytes[..there] {
        return Ok(None);
    }
    file.write_all_at(&bytes[there..], offset + there as u64)?;
    Ok(Some((bytes.len() - there) as u64))
}

/// Writes the batch to a file of its own. Repeated after a kill, it finds the file it had begun.
fn write_alternate(
    root: &Path,
    target: &Staged,
    sink: &dyn Sink,
    unsynced: &Unsynced,
) -> io::Result<()> {
    // The line feed that ended a torn line of the other file would be an empty line here.
    let bytes = target.bytes.strip_prefix(b"\n").unwrap_or(&target.bytes);
    for part in 1..ALTERNATES_MAX {
        let path = root.join(sink.alternate(&target.file, part));
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let flags = OFlags::NOFOLLOW.bits() as i32;
        let Ok(file) = options.custom_flags(flags).open(path) else { continue };
        let ours = file.metadata()?.len() <= bytes.len() as u64;
        if ours && complete(&file, 0, bytes)?.is_some() {
            unsynced.add_file(file);
            return Ok(());
        }
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, "no free name for a recovered batch"))
}
