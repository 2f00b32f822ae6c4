//! What fuzz targets call. Not for users, and without any promise.

use std::io;
use std::path::Path;

use crate::sealed::{self, LEVEL_DEFAULT, Seal};

/// Seals in frames of so many bytes of lines, so that a small file has several.
///
/// # Errors
/// Those of [`sealed::seal`].
pub fn seal_in_frames(source: &Path, target: &Path, frame_bytes: usize) -> io::Result<Seal> {
    sealed::seal_in_frames(source, target, LEVEL_DEFAULT, frame_bytes, &mut || true)
}

/// An index of these sections, by kind, whose checksums are right whatever the sections hold.
#[must_use]
pub fn index(sections: &[(u32, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    // Writing to memory does not fail.
    let _ = sealed::write_sections(sections, &mut out);
    out
}
