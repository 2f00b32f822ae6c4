//! What becomes of day files, as the code asks for it.

use std::time::Duration;

use super::Config;

/// What becomes of day files, as the code asks for it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FileConfig {
    pub(crate) rotate_bytes: Option<u64>,
    pub(crate) seal_after: Option<Option<Duration>>,
    pub(crate) retention_days: Option<u32>,
    pub(crate) retention_files: Option<u32>,
    pub(crate) retention_bytes: Option<u64>,
    pub(crate) fsync: Option<Fsync>,
}

/// When day files are synced to the disk: what a power cut may cost. A process that dies loses
/// nothing with any of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fsync {
    /// Never: the kernel writes when it sees fit, within about half a minute.
    Never,
    /// Once a second.
    #[default]
    Interval,
    /// As soon as a batch is written; what comes in meanwhile is in the next sync.
    /// [`Guard::flush`](crate::Guard::flush) waits for it.
    Batch,
}

impl Fsync {
    /// The word of `RADIOSONDE_FSYNC`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Interval => "interval",
            Self::Batch => "batch",
        }
    }
}

impl Config {
    /// Bytes at which a day file is closed and the next part of that day begins, such as
    /// `events-2025-10-06.0.1.jsonl`; 0 is no limit. Default: 256 MiB. Environment:
    /// `RADIOSONDE_ROTATE_BYTES`, such as `64MiB`.
    pub fn rotate_bytes(mut self, bytes: u64) -> Self {
        self.files.rotate_bytes = Some(bytes);
        self
    }

    /// Compresses and indexes closed day files (`.jsonl.zst`, readable by any zstd tool) so long
    /// after their last write, by when whoever reads along has come to their end; `None` leaves
    /// them as they are. Default: a minute. Environment: `RADIOSONDE_SEAL_AFTER`, seconds or `off`.
    pub fn seal_after(mut self, rest: impl Into<Option<Duration>>) -> Self {
        self.files.seal_after = Some(rest.into());
        self
    }

    /// Days for which day files are kept; 0 keeps them however old. Files of all processes of the
    /// directory count, those that are written to are never removed. What is removed is counted,
    /// and named in an event `telemetry.removed`. Default: 14. Environment:
    /// `RADIOSONDE_RETENTION_DAYS`.
    pub fn retention_days(mut self, days: u32) -> Self {
        self.files.retention_days = Some(days);
        self
    }

    /// Most day files in the directory, the oldest go first; 0 is no limit. Default: no limit.
    /// Environment: `RADIOSONDE_RETENTION_FILES`.
    pub fn retention_files(mut self, files: u32) -> Self {
        self.files.retention_files = Some(files);
        self
    }

    /// Most bytes of all day files in the directory, the oldest go first; 0 is no limit. Default:
    /// 2 GiB, or a twentieth of the disk when that is less. Environment:
    /// `RADIOSONDE_RETENTION_BYTES`, such as `10GiB`.
    pub fn retention_bytes(mut self, bytes: u64) -> Self {
        self.files.retention_bytes = Some(bytes);
        self
    }

    /// When day files are synced. Default: [`Fsync::Interval`]. Environment: `RADIOSONDE_FSYNC`,
    /// `never`, `interval` or `batch`.
    pub fn fsync(mut self, fsync: Fsync) -> Self {
        self.files.fsync = Some(fsync);
        self
    }
}
