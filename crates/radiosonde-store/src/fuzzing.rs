//! What fuzz targets call. Not for users, and without any promise.

use std::io;
use std::path::Path;

use crate::sealed::{self, Manner, Seal, SealOptions};

/// Seals in frames of so many bytes of lines, so that a small file has several.
///
/// # Errors
/// Those of [`sealed::seal`].
pub fn seal_in_frames(source: &Path, target: &Path, frame_bytes: usize) -> io::Result<Seal> {
    let options = SealOptions::default();
    let manner = Manner { frame_bytes, ..Manner::of(&options) };
    sealed::seal_in(source, target, &manner, &mut |_| true)
}

/// Seals and calls `step` before each step, also those nobody else is asked about: what is written
/// going to the disk, the renaming, and the directory going to the disk.
///
/// # Errors
/// Those of [`sealed::seal`].
pub fn seal_in_steps(source: &Path, target: &Path, step: &mut dyn FnMut()) -> io::Result<Seal> {
    let options = SealOptions::default();
    sealed::seal_in(source, target, &Manner::of(&options), &mut |_| {
        step();
        true
    })
}

/// An index of these sections, by kind, whose checksums are right whatever the sections hold.
#[must_use]
pub fn index(sections: &[(u32, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    // Writing to memory does not fail.
    let _ = sealed::write_sections(sections, &mut out);
    out
}

/// A sealed file with an index of these sections of its own, by kind, and of others. Its checksums are
/// right whatever the sections hold.
///
/// # Errors
/// What the system says; [`io::ErrorKind::InvalidData`] where there is no such section.
pub fn with_sections(path: &Path, kinds: &[u32], others: &[(u32, &[u8])]) -> io::Result<Vec<u8>> {
    let (mut file, own) = sealed::sections(path, kinds)?;
    let own = own.iter().map(|(kind, bytes)| (*kind, bytes.as_slice()));
    let sections: Vec<(u32, &[u8])> = own.chain(others.iter().copied()).collect();
    file.extend(index(&sections));
    Ok(file)
}
