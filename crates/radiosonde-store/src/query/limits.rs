//! What a query may hold in memory.

use std::path::PathBuf;

/// The bounds of a query; tests make them small.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    /// Bytes of lines that wait for their turn. Beyond, they go to a temporary file.
    pub(super) waiting_bytes: usize,
    /// Bytes of lines that may wait so that their stretch is not read a second time.
    pub(super) early_bytes: usize,
    /// Bytes of lines that are looked at together, at least: of these, few or many match.
    pub(super) piece_bytes: usize,
    /// Bytes of a stretch of a day file, at least: of pieces next to each other with many matches.
    pub(super) stretch_bytes: usize,
    /// Bytes at the end of a day file that are remembered where the newest lines are wanted, so that
    /// they are not read a second time.
    pub(super) recent_bytes: u64,
    /// Bytes of all files that are.
    pub(super) remembered_bytes: usize,
    /// Temporary files that are put together to a longer one.
    pub(super) runs: usize,
    /// The shortest day file that several threads go through, in bytes.
    pub(super) skim_bytes_min: u64,
    /// Bytes of it that one of them searches at a time.
    pub(super) stripe_bytes: u64,
    /// Threads that read ahead, or go through a file.
    pub(super) threads: usize,
    /// Where temporary files are made.
    pub(super) temporary: PathBuf,
    /// Bytes that stay free there for others, but no more than one part in so many of all.
    pub(super) left_free: (u64, u64),
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            waiting_bytes: 32 << 20,
            early_bytes: 4 << 20,
            piece_bytes: 256 << 10,
            stretch_bytes: 1 << 20,
            recent_bytes: 1 << 20,
            remembered_bytes: 8 << 20,
            skim_bytes_min: 64 << 20,
            stripe_bytes: 4 << 20,
            runs: 16,
            threads: 4,
            temporary: std::env::temp_dir(),
            left_free: (256 << 20, 50),
        }
    }
}
