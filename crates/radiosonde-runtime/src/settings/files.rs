//! What becomes of day files: rotation, sealing, retention, fsync.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use radiosonde_events::PART_BYTES;
use radiosonde_events::upkeep::SEAL_AFTER;

use serde::Serialize;

use super::Environment;
use super::durations::seconds;
use crate::config::{FileConfig, Fsync};
use crate::problem::Problems;
use crate::words::size;

/// Days for which files are kept.
const RETENTION_DAYS: u32 = 14;
/// Bytes of all day files, when nobody says otherwise and the disk is large.
const RETENTION_BYTES: u64 = 2 << 30;
/// The share of a smaller disk.
const DISK_SHARE: u64 = 20;
/// A file is at most this share of what all of them may take, unless somebody says otherwise: those
/// that are written to are not removed.
const PARTS: u64 = 16;
/// Less than this in a variable is a unit that was forgotten.
const ROTATE_LEAST: u64 = 64 << 10;
const RETENTION_LEAST: u64 = 1 << 20;

/// What becomes of day files. 0 is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileSettings {
    /// `None`: a share of what all files may take.
    pub(crate) rotate_bytes: Option<u64>,
    /// `None`: closed files stay as they are.
    pub(crate) seal_after: Option<Duration>,
    pub(crate) retention_days: u32,
    pub(crate) retention_files: u32,
    /// `None`: as the disk allows.
    pub(crate) retention_bytes: Option<u64>,
    pub(crate) fsync: Fsync,
}

impl FileSettings {
    pub(super) fn resolve(config: FileConfig, env: &Environment, problems: &Problems) -> Self {
        let read = Read { env, problems };
        let days = read.number("RADIOSONDE_RETENTION_DAYS").or(config.retention_days);
        let files = read.number("RADIOSONDE_RETENTION_FILES").or(config.retention_files);
        let rotate = read.bytes("RADIOSONDE_ROTATE_BYTES", ROTATE_LEAST);
        let bytes = read.bytes("RADIOSONDE_RETENTION_BYTES", RETENTION_LEAST);
        Self {
            rotate_bytes: rotate.or(config.rotate_bytes),
            seal_after: read.seal_after().or(config.seal_after).unwrap_or(Some(SEAL_AFTER)),
            retention_days: days.unwrap_or(RETENTION_DAYS),
            retention_files: files.unwrap_or(0),
            retention_bytes: bytes.or(config.retention_bytes),
            fsync: read.fsync().or(config.fsync).unwrap_or_default(),
        }
    }

    /// The limits in this directory.
    pub(crate) fn limits(&self, root: &Path, problems: &Problems) -> Limits {
        let limit = |number: u64| (number > 0).then_some(number);
        let retention = limit(self.retention_bytes.unwrap_or_else(|| bytes_of_disk(root)));
        let share = retention.map_or(PART_BYTES, |bytes| PART_BYTES.min(bytes / PARTS).max(1));
        let rotate = limit(self.rotate_bytes.unwrap_or(share));
        if let Some(bytes) = retention
            && rotate.is_none_or(|rotate| rotate > bytes / 2)
        {
            problems.say(
                format!(
                    "files may take {}, and one of them {}: what is written to is never removed, so \
                     all else is, and the limit is not held",
                    size(bytes),
                    rotate.map_or_else(|| "any size".to_owned(), size),
                ),
                "set RADIOSONDE_ROTATE_BYTES to a sixteenth of RADIOSONDE_RETENTION_BYTES, or neither",
            );
        }
        let kept = KeptFiles {
            days: self.retention_days,
            bytes: retention.unwrap_or(0),
            files: self.retention_files,
            rotate_bytes: rotate.unwrap_or(0),
            seal_after_s: self.seal_after.map(|after| after.as_secs()),
            fsync: self.fsync.as_str().to_owned(),
        };
        Limits { rotate, retention, kept }
    }
}

/// What follows from the settings and the disk.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) rotate: Option<u64>,
    pub(crate) retention: Option<u64>,
    pub(crate) kept: KeptFiles,
}

/// What becomes of day files in this process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct KeptFiles {
    /// Days after which they are removed; 0 is never.
    pub days: u32,
    /// Bytes all of them may take; 0 is no limit.
    pub bytes: u64,
    /// Files there may be; 0 is no limit.
    pub files: u32,
    /// Bytes at which one is closed and the next begun; 0 is no limit.
    pub rotate_bytes: u64,
    /// Seconds after its last write at which a closed one is sealed; `None` is never.
    pub seal_after_s: Option<u64>,
    /// `never`, `interval` (of a second) or `batch`.
    pub fsync: String,
}

impl fmt::Display for KeptFiles {
    /// `14 days, 2.0 GiB; parts of 128 MiB, sealed after 60 s; synced every second`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limits = [
            (self.days > 0).then(|| format!("{} days", self.days)),
            (self.bytes > 0).then(|| size(self.bytes)),
            (self.files > 0).then(|| format!("{} files", self.files)),
        ];
        match limits.into_iter().flatten().collect::<Vec<_>>().join(", ") {
            none if none.is_empty() => write!(f, "everything")?,
            limits => write!(f, "{limits}")?,
        }
        match self.rotate_bytes {
            0 => write!(f, "; a file a day")?,
            bytes => write!(f, "; parts of {}", size(bytes))?,
        }
        match self.seal_after_s {
            None => write!(f, ", never sealed")?,
            Some(seconds) => write!(f, ", sealed after {seconds} s")?,
        }
        f.write_str(match self.fsync.as_str() {
            "never" => "; not synced",
            "batch" => "; every batch synced",
            _ => "; synced every second",
        })
    }
}

/// What day files may take: little enough that telemetry never is what fills a disk.
fn bytes_of_disk(root: &Path) -> u64 {
    let Ok(disk) = rustix::fs::statvfs(root) else { return RETENTION_BYTES };
    let bytes = disk.f_blocks.saturating_mul(disk.f_frsize);
    RETENTION_BYTES.min(bytes / DISK_SHARE).max(1)
}

pub(super) struct Read<'a> {
    pub(super) env: &'a Environment,
    pub(super) problems: &'a Problems,
}

impl Read<'_> {
    fn parse<T>(&self, name: &str, fix: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let text = self.env.text(name, self.problems)?;
        let parsed = parse(text.trim());
        if parsed.is_none() {
            self.problems.say(format!("{name}: `{text}` is not understood, and not used"), fix);
        }
        parsed
    }

    fn number(&self, name: &str) -> Option<u32> {
        self.parse(name, "set it to a whole number, or to 0 for no limit", |text| text.parse().ok())
    }

    pub(super) fn bytes(&self, name: &str, least: u64) -> Option<u64> {
        let fix = "set it to a number of bytes such as 268435456, 256MiB or 2GiB; 0 is no limit";
        let asked = self.parse(name, fix, bytes)?;
        if asked == 0 || asked >= least {
            return Some(asked);
        }
        let used = size(least);
        self.problems.say(format!("{name}: {} is too little; {used} is used", size(asked)), fix);
        Some(least)
    }

    fn seal_after(&self) -> Option<Option<Duration>> {
        let fix = "set it to a number of seconds, to 90s, 10m, 2h or 1d, or to off";
        self.parse("RADIOSONDE_SEAL_AFTER", fix, |text| match text.to_ascii_lowercase().as_str() {
            "off" => Some(None),
            text => seconds(text).map(|seconds| Some(Duration::from_secs(seconds))),
        })
    }

    fn fsync(&self) -> Option<Fsync> {
        self.parse("RADIOSONDE_FSYNC", "set it to never, interval or batch", |text| {
            match text.to_ascii_lowercase().as_str() {
                "never" => Some(Fsync::Never),
                "interval" => Some(Fsync::Interval),
                "batch" => Some(Fsync::Batch),
                _ => None,
            }
        })
    }
}

/// `268435456`, `256MiB`, `256 MB`; units in any case.
fn bytes(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let unit: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "kib" | "k" => 1 << 10,
        "mib" | "m" => 1 << 20,
        "gib" | "g" => 1 << 30,
        "tb" => 1_000_000_000_000,
        "tib" | "t" => 1 << 40,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(variables: &[(&str, &str)]) -> (FileSettings, Vec<String>) {
        let problems = Problems::default();
        let config = FileConfig { retention_days: Some(3), ..FileConfig::default() };
        let settings = FileSettings::resolve(config, &Environment::of(variables), &problems);
        (settings, problems.all().into_iter().map(|problem| problem.what).collect())
    }

    #[test]
    fn the_environment_wins_and_sizes_have_units() {
        let (settings, problems) = resolve(&[
            ("RADIOSONDE_RETENTION_DAYS", "0"),
            ("RADIOSONDE_RETENTION_BYTES", "2 GiB"),
            ("RADIOSONDE_ROTATE_BYTES", "64mb"),
            ("RADIOSONDE_SEAL_AFTER", "off"),
            ("RADIOSONDE_FSYNC", "batch"),
        ]);
        assert_eq!(problems, Vec::<String>::new());
        let expected = FileSettings {
            rotate_bytes: Some(64_000_000),
            seal_after: None,
            retention_days: 0,
            retention_files: 0,
            retention_bytes: Some(2_147_483_648),
            fsync: Fsync::Batch,
        };
        assert_eq!(settings, expected);
    }

    #[test]
    fn what_is_not_understood_is_named_and_changes_nothing() {
        let names = [
            ("RADIOSONDE_RETENTION_DAYS", "two"),
            ("RADIOSONDE_RETENTION_FILES", "-1"),
            ("RADIOSONDE_RETENTION_BYTES", "2 parsecs"),
            ("RADIOSONDE_ROTATE_BYTES", "99999999999GiB"),
            ("RADIOSONDE_SEAL_AFTER", "later"),
            ("RADIOSONDE_FSYNC", "sometimes"),
        ];
        let (settings, problems) = resolve(&names);
        assert_eq!(settings, resolve(&[]).0);
        assert_eq!(settings.retention_days, 3);
        for (problem, (name, value)) in problems.iter().zip(names) {
            assert!(problems.iter().any(|p| p.contains(name) && p.contains(value)), "{problem}");
        }
        assert_eq!(problems.len(), names.len());
    }

    #[test]
    fn a_unit_that_was_forgotten_removes_nothing() {
        let (settings, problems) =
            resolve(&[("RADIOSONDE_RETENTION_BYTES", "10"), ("RADIOSONDE_ROTATE_BYTES", "1")]);
        assert_eq!(settings.retention_bytes, Some(1 << 20));
        assert_eq!(settings.rotate_bytes, Some(64 << 10));
        assert!(problems[0].contains("1.0 MiB is used") || problems[1].contains("1.0 MiB is used"));
        assert_eq!(problems.len(), 2, "{problems:?}");
    }

    #[test]
    fn a_file_is_a_small_part_of_what_all_may_take() {
        let problems = Problems::default();
        let of = |bytes, rotate| {
            let config = FileConfig {
                retention_bytes: bytes,
                rotate_bytes: rotate,
                ..FileConfig::default()
            };
            let settings = FileSettings::resolve(config, &Environment::of(&[]), &problems);
            settings.limits(Path::new("/"), &problems).rotate
        };
        assert_eq!(of(Some(64 << 20), None), Some(4 << 20));
        assert_eq!(of(Some(0), None), Some(PART_BYTES));
        assert_eq!(of(Some(1 << 40), None), Some(PART_BYTES));
        assert_eq!(problems.all(), []);
        assert_eq!(of(Some(64 << 20), Some(0)), None);
        assert_eq!(problems.all().len(), 1);
        assert_eq!(of(Some(64 << 20), Some(40 << 20)), Some(40 << 20));
        assert_eq!(problems.all().len(), 2);
    }
}
