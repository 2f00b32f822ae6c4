//! What is in no day file, as it is sent over OTLP alone.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use radiosonde_events::Owner;
use radiosonde_record::{Kind, Slot};
use radiosonde_store::names::{Signal, StoredFile};

/// Which variable keeps it here as well.
const KEEP: &str = "RADIOSONDE_FILES=events,spans,metrics keeps them here as well";
/// Owners that are looked at: they are mostly alike.
const OWNERS_MAX: usize = 64;
/// What stands in `owner.json` is a few hundred bytes, and rules.
const OWNER_BYTES_MAX: u64 = 1 << 20;

/// What to say where no spans, or no metrics, were found: that they are, or may be, sent over OTLP alone.
/// `None` where nothing speaks for it.
pub(super) fn hint(dirs: &[PathBuf], signal: Signal) -> Option<String> {
    let (kind, what) = match signal {
        Signal::Spans => (Kind::Span, "spans"),
        Signal::Metrics => (Kind::Metric, "metrics"),
        _ => return None,
    };
    // The processes that write there say so themselves.
    if dirs.iter().any(|dir| has_owner_without(dir, kind)) {
        return Some(format!("{what} of programs here are sent over OTLP alone: {KEEP}"));
    }
    let may = || Some(format!("{what} may have been sent over OTLP alone: {KEEP}"));
    if is_sent_from_here(signal) || dirs.iter().any(|dir| has_only_events(dir)) {
        return may();
    }
    None
}

/// Tells it on stderr, unless something was found.
pub(super) fn tell(found: bool, dirs: &[PathBuf], signal: Signal) {
    if let Some(hint) = hint(dirs, signal).filter(|_| !found) {
        eprintln!("radiosonde: {hint}");
    }
}

/// Whether a process, running or dead, gives this kind of record no lines in day files.
fn has_owner_without(dir: &Path, kind: Kind) -> bool {
    let slots = Slot::existing(dir).into_iter();
    let folders = slots.map(|slot| dir.join("inst").join(slot.to_string()));
    let entries = folders.filter_map(|slot| std::fs::read_dir(slot).ok()).flatten().flatten();
    let owners = entries.map(|entry| entry.path().join("owner.json")).filter(|path| path.is_file());
    owners
        .take(OWNERS_MAX)
        .any(|path| owner(&path).is_some_and(|owner| owner.exports && !owner.lines[kind as usize]))
}

fn owner(path: &Path) -> Option<Owner> {
    let mut bytes = Vec::new();
    let _read = File::open(path).ok()?.take(OWNER_BYTES_MAX).read_to_end(&mut bytes).ok()?;
    Owner::from_json(&bytes).ok()
}

/// Whether a program that starts here would send it, and keep no lines of it.
fn is_sent_from_here(signal: Signal) -> bool {
    let of_signal = match signal {
        Signal::Spans => "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        _ => "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
    };
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let files = std::env::var("RADIOSONDE_FILES").unwrap_or_default();
    let word = if signal == Signal::Spans { "spans" } else { "metrics" };
    (is_set("OTEL_EXPORTER_OTLP_ENDPOINT") || is_set(of_signal)) && !files.contains(word)
}

/// Whether there are day files, and all of them of events: every program with telemetry in files has
/// snapshots of metrics in them.
fn has_only_events(dir: &Path) -> bool {
    let names = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let names = names.filter_map(|entry| entry.file_name().into_string().ok());
    let mut signals =
        names.filter_map(|name| Some(StoredFile::parse(&name)?.day.signal)).peekable();
    signals.peek().is_some() && signals.all(|signal| signal == Signal::Events)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_for_sure_of_owners_and_as_a_guess_of_files_and_not_without_a_reason() {
        let root = tempfile::tempdir().unwrap();
        let dirs = [root.path().to_owned()];
        let told = |signal| hint(&dirs, signal).unwrap_or_default();
        // The variables of this test's own process are nobody's.
        if is_sent_from_here(Signal::Spans) || is_sent_from_here(Signal::Metrics) {
            return;
        }
        assert_eq!(told(Signal::Spans), "", "an empty directory");
        std::fs::write(root.path().join("events-2025-10-06.jsonl"), "").unwrap();
        assert!(told(Signal::Spans).starts_with("spans may have been sent"), "{dirs:?}");
        std::fs::write(root.path().join("metrics-2025-10-06.jsonl"), "").unwrap();
        assert_eq!(told(Signal::Spans), "", "it has files for what it records");

        let slot = Slot::take(root.path(), &mut |_, _| {}).unwrap();
        let mut owner = Owner::default();
        (owner.exports, owner.lines) = (true, [true, false, true]);
        let _instance = slot.create_instance(&owner.to_json()).unwrap();
        assert!(told(Signal::Spans).starts_with("spans of programs here are sent over OTLP alone"));
        assert_eq!(told(Signal::Metrics), "", "these have lines");
        assert_eq!(hint(&dirs, Signal::Events), None);
    }
}
