//! Whether a zstd file is read frame by frame or as one stream.

use std::io;
use std::path::Path;

use crate::reader::open_plain;
use crate::sealed::frames::RAW_BYTES_MAX;
use crate::sealed::index::Index;
use crate::sealed::look::{BLOCKS_MAX, Look, Looked};
use crate::sealed::pace::Pace;

/// Whether a zstd file is made of frames that can be taken apart whole, as ours are:
/// it has the end of an index, or its frames say so, as far as they can be told from each other. A
/// frame that is alone is no file of ours; nor is what looks like the beginning of one.
pub(crate) fn is_in_frames(path: &Path) -> io::Result<bool> {
    let (file, length) = open_plain(path)?;
    let file = &file;
    if Index::start(file, length)?.is_some() {
        return Ok(true);
    }
    let mut look = Look::new(length);
    let mut go_on = || true;
    let mut pace = Pace::new(&mut go_on);
    let (mut at, mut frames) = (0, 0_u64);
    while at < length {
        let raw = match look.head(file, at)? {
            Some((Looked::Frame(header), _)) => match header.raw {
                Some(raw) if raw <= RAW_BYTES_MAX as u64 => raw,
                // What claims more than anybody has is damaged; the next frame is looked for.
                claimed => return Ok(claimed.is_some_and(|raw| raw / RATIO_MAX > length)),
            },
            Some((Looked::Skippable { ours: true, .. }, _)) | None => return Ok(true),
            Some((Looked::Skippable { end, .. }, _)) => {
                at = end;
                continue;
            }
        };
        match look.look(file, at, &mut { BLOCKS_MAX }, &mut pace)? {
            Some(Looked::Frame(header)) => at = header.end,
            // Cut off, if what is left is no more than it needs; otherwise damaged.
            _ => return Ok(frames > 0 || length - at > raw + raw / 128 + HEAD_BYTES),
        }
        frames += 1;
    }
    Ok(frames != 1)
}

/// No telemetry is so much alike that so many bytes take one.
const RATIO_MAX: u64 = 2_000;
/// More than what a frame needs besides its blocks.
const HEAD_BYTES: u64 = 64;
