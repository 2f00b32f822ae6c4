//! What becomes of day files: rotation, sealing, retention, fsync.

use std::time::Duration;

use radiosonde_events::PART_BYTES;
use radiosonde_events::upkeep::SEAL_AFTER;

use super::Environment;
use crate::config::{FileConfig, Fsync};
use crate::problem::Problems;

/// Days for which files are kept.
const RETENTION_DAYS: u32 = 14;

/// What becomes of day files. 0 is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileSettings {
    pub(crate) rotate_bytes: u64,
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
        let rotate = read.bytes("RADIOSONDE_ROTATE_BYTES").or(config.rotate_bytes);
        Self {
            rotate_bytes: rotate.unwrap_or(PART_BYTES),
            seal_after: read.seal_after().or(config.seal_after).unwrap_or(Some(SEAL_AFTER)),
            retention_days: days.unwrap_or(RETENTION_DAYS),
            retention_files: files.unwrap_or(0),
            retention_bytes: read.bytes("RADIOSONDE_RETENTION_BYTES").or(config.retention_bytes),
            fsync: read.fsync().or(config.fsync).unwrap_or_default(),
        }
    }
}

struct Read<'a> {
    env: &'a Environment,
    problems: &'a Problems,
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

    fn bytes(&self, name: &str) -> Option<u64> {
        let fix = "set it to a number of bytes such as 268435456, 256MiB or 2GiB; 0 is no limit";
        self.parse(name, fix, bytes)
    }

    fn seal_after(&self) -> Option<Option<Duration>> {
        let fix = "set it to a number of seconds, or to off";
        self.parse("RADIOSONDE_SEAL_AFTER", fix, |text| match text {
            "off" => Some(None),
            seconds => seconds.parse().ok().map(|seconds| Some(Duration::from_secs(seconds))),
        })
    }

    fn fsync(&self) -> Option<Fsync> {
        self.parse("RADIOSONDE_FSYNC", "set it to never, interval or batch", |text| match text {
            "never" => Some(Fsync::Never),
            "interval" => Some(Fsync::Interval),
            "batch" => Some(Fsync::Batch),
            _ => None,
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
            rotate_bytes: 64_000_000,
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
}
