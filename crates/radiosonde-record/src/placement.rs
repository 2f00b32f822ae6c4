//! Which file systems can hold rings.

use std::io;
use std::path::Path;

use rustix::fs::statfs;

use crate::journal::RINGS_BYTES_MAX;

/// What a directory's file system is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileSystem {
    /// ext2–4, XFS, tmpfs: allocated blocks stay allocated, a mapping cannot fail later.
    Suitable,
    /// Others (copy on write, network, overlay, FUSE): a full or absent disk could raise SIGBUS
    /// in the application. The number is the type `statfs` gives.
    Unsuitable(u64),
}

/// A file system in memory.
const TMPFS: u64 = 0x0102_1994;

/// Looks at the file system of a directory.
///
/// # Errors
/// As from `statfs`.
pub fn file_system(directory: &Path) -> io::Result<FileSystem> {
    const SUITABLE: [u64; 3] = [0xef53, 0x5846_5342, TMPFS];
    // The field's type differs between platforms.
    #[allow(clippy::unnecessary_cast)]
    let kind = statfs(directory)?.f_type as u64 & 0xffff_ffff;
    let suitable = SUITABLE.contains(&kind);
    Ok(if suitable { FileSystem::Suitable } else { FileSystem::Unsuitable(kind) })
}

/// Bytes that all rings of a journal in this directory may take: 64 MiB, and of a file system in
/// memory, which others need as well, a quarter of what is free when the journal is opened.
///
/// # Errors
/// As from `statfs`.
pub fn room_for_rings(directory: &Path) -> io::Result<usize> {
    let found = statfs(directory)?;
    // The fields' types differ between platforms.
    #[allow(clippy::unnecessary_cast)]
    let (kind, block) = (found.f_type as u64 & 0xffff_ffff, found.f_bsize as u64);
    let quarter = block.saturating_mul(found.f_bavail) / 4;
    let room =
        if kind == TMPFS { usize::try_from(quarter).unwrap_or(usize::MAX) } else { usize::MAX };
    Ok(room.min(RINGS_BYTES_MAX))
}
