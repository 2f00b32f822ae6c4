//! Which file systems can hold rings.

use std::io;
use std::path::Path;

use rustix::fs::statfs;

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

/// Looks at the file system of a directory.
///
/// # Errors
/// As from `statfs`.
pub fn file_system(directory: &Path) -> io::Result<FileSystem> {
    const SUITABLE: [u64; 3] = [0xef53, 0x5846_5342, 0x0102_1994];
    // The field's type differs between platforms.
    #[allow(clippy::unnecessary_cast)]
    let kind = statfs(directory)?.f_type as u64 & 0xffff_ffff;
    let suitable = SUITABLE.contains(&kind);
    Ok(if suitable { FileSystem::Suitable } else { FileSystem::Unsuitable(kind) })
}
