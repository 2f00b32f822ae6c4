//! What fuzz targets call. Not for users, and without any promise.

use std::io;
#[cfg(feature = "gzip")]
use std::io::{Read, Write};
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

/// A way to compress a file whole.
#[cfg(feature = "gzip")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there are these two")]
pub enum Packing {
    /// By flate2.
    Gzip,
    /// By zstd.
    Zstd,
}

#[cfg(feature = "gzip")]
impl Packing {
    /// How such a file begins.
    #[must_use]
    pub const fn magic(self) -> &'static [u8] {
        match self {
            Self::Gzip => &[0x1f, 0x8b],
            Self::Zstd => &[0x28, 0xb5, 0x2f, 0xfd],
        }
    }
}

/// One member, or one frame that tells its length if `is_told`.
#[cfg(feature = "gzip")]
#[must_use]
pub fn pack(bytes: &[u8], packing: Packing, is_told: bool) -> Vec<u8> {
    // Writing to memory does not fail.
    match packing {
        Packing::Gzip => {
            let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            let _ = out.write_all(bytes);
            out.finish().unwrap_or_default()
        }
        Packing::Zstd if is_told => zstd::bulk::compress(bytes, 1).unwrap_or_default(),
        Packing::Zstd => zstd::stream::encode_all(bytes, 1).unwrap_or_default(),
    }
}

/// What a compressed file holds, so many bytes at most, by the readers of the libraries; and whether
/// it could be had to its end.
#[cfg(feature = "gzip")]
#[must_use]
pub fn unpack(content: &[u8], packing: Packing, most: usize) -> (Vec<u8>, bool) {
    let mut out = Vec::new();
    let most = most as u64;
    let result = match packing {
        Packing::Gzip => {
            flate2::bufread::MultiGzDecoder::new(content).take(most).read_to_end(&mut out)
        }
        Packing::Zstd => zstd::stream::read::Decoder::with_buffer(content)
            .and_then(|reader| reader.take(most).read_to_end(&mut out)),
    };
    let is_whole = result.is_ok() && (out.len() as u64) < most;
    (out, is_whole)
}
