//! The file of a slot that keeps the values of batch gauges of one service in one environment.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use radiosonde_metrics::BatchValue;
use rustix::fs::OFlags;
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

/// Largest file that is written, or read.
pub(super) const BYTES_MAX: usize = 4 << 20;

/// As much as is told of what is wrong with one.
const WHY_CHARS: usize = 200;

/// Damaged files of one name that are kept.
const ASIDE_MAX: u32 = 9;

/// The format that is written and read.
const VERSION: u32 = 1;

/// Whose values they are: what one environment computed is not true of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Whose {
    pub(crate) service: String,
    /// As the constant label says; none where there is none.
    pub(crate) environment: Option<String>,
}

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    service: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    environment: Option<&'a str>,
    values: Vec<Entry>,
}

/// What every version has.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

/// As [`Document`], owned: texts with escapes cannot be borrowed.
#[derive(Deserialize)]
struct Read {
    service: String,
    #[serde(default)]
    environment: Option<String>,
    values: Vec<Entry>,
}

#[derive(Clone, Deserialize, Serialize)]
struct Entry {
    metric: String,
    labels: BTreeMap<String, String>,
    /// As text, which gives the very same number again.
    value: String,
    /// Milliseconds since 1970.
    computed_at: u64,
}

/// What stands at the place of the file.
pub(super) enum Found {
    Nothing,
    Values(Vec<BatchValue>, usize),
    /// Of another service or environment, whose names have the same hash.
    Foreign,
    /// Nothing that we wrote, or no longer: it says nothing to anybody.
    Damaged(String),
    /// It may well be good: it cannot be read now, or a newer program wrote it. To be left alone.
    Unreadable(String),
}

/// The name of the file: a slot may have had several services, and environments.
pub(super) fn name(whose: &Whose) -> String {
    let mut hasher = hmac_sha256::Hash::new();
    hasher.update(whose.service.as_bytes());
    if let Some(environment) = &whose.environment {
        // No text contains this byte.
        hasher.update([0xff]);
        hasher.update(environment.as_bytes());
    }
    let hash = hasher.finalize();
    let digits: String = hash[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("batch-{digits}.json")
}

/// Reads a file of that service and environment, if it is one. Follows no link, and waits for
/// nobody.
pub(super) fn read(path: &Path, whose: &Whose) -> Found {
    let bytes = match read_bytes(path) {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(why)) => return Found::Damaged(why.to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Found::Nothing,
        Err(error) => return Found::Unreadable(error.to_string()),
    };
    // It may quote a text of any length.
    let damaged = |error: serde_json::Error| {
        Found::Damaged(error.to_string().chars().take(WHY_CHARS).collect())
    };
    // Alone at first: of a newer version nothing else is known.
    match serde_json::from_slice::<Versioned>(&bytes) {
        Ok(Versioned { version: VERSION }) => {}
        Ok(Versioned { version }) if version > VERSION => {
            let why = format!("it has format {version}, of a newer program; ours is {VERSION}");
            return Found::Unreadable(why);
        }
        Ok(Versioned { version }) => {
            return Found::Damaged(format!("there is no format {version}"));
        }
        Err(error) => return damaged(error),
    }
    let read: Read = match serde_json::from_slice(&bytes) {
        Ok(read) => read,
        Err(error) => return damaged(error),
    };
    if read.service != whose.service || read.environment != whose.environment {
        return Found::Foreign;
    }
    let values = read.values.into_iter().map(|entry| {
        let value = entry.value.parse().ok()?;
        let computed_at = UNIX_EPOCH.checked_add(Duration::from_millis(entry.computed_at))?;
        Some(BatchValue::new(entry.metric, entry.labels, value, computed_at))
    });
    match values.collect::<Option<_>>() {
        Some(values) => Found::Values(values, bytes.len()),
        None => Found::Damaged("a value or a time is none".to_owned()),
    }
}

/// The bytes, or why no file of ours can look like that.
fn read_bytes(path: &Path) -> io::Result<Result<Vec<u8>, &'static str>> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let opened = OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path);
    let file = match opened {
        Err(error) if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => {
            return Ok(Err("it is a symbolic link"));
        }
        opened => opened?,
    };
    if !file.metadata()?.is_file() {
        return Ok(Err("it is no regular file"));
    }
    let mut bytes = Vec::new();
    let _length = file.take(BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(if bytes.len() > BYTES_MAX { Err("it is larger than 4 MiB") } else { Ok(bytes) })
}

/// The file's text, and how many values found no place in it: the oldest.
pub(super) fn render(whose: &Whose, values: &[BatchValue]) -> io::Result<(Vec<u8>, usize)> {
    let mut entries: Vec<Entry> = values.iter().map(entry).collect();
    let mut left_out = 0;
    loop {
        let (service, environment) = (&*whose.service, whose.environment.as_deref());
        let document = Document { version: VERSION, service, environment, values: entries.clone() };
        let text = serde_json::to_vec(&document)?;
        if text.len() <= BYTES_MAX || entries.is_empty() {
            return Ok((text, left_out));
        }
        // What is over, and a bit more, so that this is not repeated for long.
        let over = entries.len() * (text.len() - BYTES_MAX) / text.len() + 1;
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.computed_at));
        entries.truncate(entries.len() - over);
        left_out += over;
    }
}

fn entry(value: &BatchValue) -> Entry {
    let since = value.computed_at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Entry {
        metric: value.metric.clone(),
        labels: value.labels.iter().cloned().collect(),
        value: value.value.to_string(),
        computed_at: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
    }
}

/// Writes a file whole, or leaves the one that is there: a new one, synced, takes its name.
pub(super) fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    let draft = path.with_extension("json.tmp");
    // One of a process that was killed would be in the way.
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    let written = file.write_all(text).and_then(|()| file.sync_all());
    if let Err(error) = written.and_then(|()| fs::rename(&draft, path)) {
        // Half a file would keep room that the application may need.
        let _ = fs::remove_file(&draft);
        return Err(error);
    }
    // The new name as well; where directories cannot be synced, it comes with the next file.
    let _ = path.parent().map(|parent| File::open(parent).and_then(|parent| parent.sync_all()));
    Ok(())
}

/// Leaves nothing but these values in a file: none, no file.
pub(super) fn rewrite(path: &Path, whose: &Whose, values: &[BatchValue]) -> io::Result<()> {
    if values.is_empty() {
        return fs::remove_file(path);
    }
    write(path, &render(whose, values)?.0)
}

/// Moves what is damaged out of the way. Where it is now. The caller holds the slot's lock.
///
/// # Errors
/// As from the system, and when there are [`ASIDE_MAX`] such files: none is written over.
pub(super) fn set_aside(path: &Path) -> io::Result<PathBuf> {
    for number in 1..=ASIDE_MAX {
        let ending =
            if number == 1 { "json.damaged".to_owned() } else { format!("json.damaged-{number}") };
        let aside = path.with_extension(ending);
        match fs::symlink_metadata(&aside) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
            Ok(_) => continue,
        }
        fs::rename(path, &aside)?;
        return Ok(aside);
    }
    Err(io::Error::other(format!("{ASIDE_MAX} damaged ones are there already")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whose(service: &str, environment: Option<&str>) -> Whose {
        Whose { service: service.to_owned(), environment: environment.map(str::to_owned) }
    }

    fn value(metric: String, at: u64) -> BatchValue {
        let labels = vec![("note".to_owned(), "a \"b\" \\ \u{1f388}".to_owned())];
        let computed_at = UNIX_EPOCH + Duration::from_millis(at);
        BatchValue::new(metric, labels, 0.1 + 0.2, computed_at)
    }

    #[test]
    fn what_is_written_is_read_and_what_is_too_much_is_left_out() {
        let directory = tempfile::tempdir().unwrap();
        let shop = whose("shop", Some("staging"));
        let path = directory.path().join(name(&shop));
        assert!(matches!(read(&path, &shop), Found::Nothing));
        let values = [value("a".to_owned(), 1), value("b".to_owned(), 1_793_491_200_123)];
        let (text, left_out) = render(&shop, &values).unwrap();
        assert_eq!(left_out, 0);
        // Left by a process that was killed in the middle.
        fs::write(path.with_extension("json.tmp"), &text[..9]).unwrap();
        write(&path, &text).unwrap();
        assert!(!path.with_extension("json.tmp").exists());
        let Found::Values(found, _) = read(&path, &shop) else { panic!("no values") };
        assert_eq!(found, values);
        for other in [
            whose("other", Some("staging")),
            whose("shop", Some("production")),
            whose("shop", None),
        ] {
            assert!(matches!(read(&path, &other), Found::Foreign));
            assert_ne!(name(&shop), name(&other));
        }

        let many: Vec<_> = (0..60_000).map(|n| value(format!("metric_{n}"), n)).collect();
        let (text, left_out) = render(&shop, &many).unwrap();
        assert!(text.len() <= BYTES_MAX && left_out > 0, "{} {left_out}", text.len());
        write(&path, &text).unwrap();
        let Found::Values(found, _) = read(&path, &shop) else { panic!("no values") };
        assert_eq!(found.len() + left_out, many.len());
        // The newest are kept.
        assert!(found.contains(&many[59_999]) && !found.contains(&many[0]));
    }
}
