//! What waits in spools to be sent over OTLP: of processes that run, and of those that have ended.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use radiosonde_otlp::{Destination, Destinations, Manifest, Signal, Stream};
use radiosonde_spool::{Account, DropReason, Tally};

use super::Finding;
use crate::words::{age, base, counted, grouped, listed, size};

const SUBJECT: &str = "spool";
/// What waits for less is on its way.
const PATIENCE: Duration = Duration::from_secs(60);
/// A spool that is full holds more than this, however little it may take; what is on its way is less.
const FULL_BYTES_LEAST: u64 = 1 << 20;
/// Spools that are looked into. More than that are known by their number.
const LOOKED_INTO_MAX: usize = 256;
/// Services that are named one by one.
const NAMED_MAX: usize = 3;

/// A spool, and whether a process has its slot.
pub(super) struct Place {
    pub(super) path: PathBuf,
    pub(super) is_in_use: bool,
}

/// Looks into all spools of a directory. What is set here says which of them go where it is said to.
pub(super) fn look(
    root: &Path,
    places: &[Place],
    own: Option<&Destinations>,
    findings: &mut Vec<Finding>,
) {
    let mut all = All { own, ..All::default() };
    let (looked_into, more) = places.split_at(places.len().min(LOOKED_INTO_MAX));
    for place in looked_into {
        match all.look(place) {
            // Sent and removed meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => findings.push(Finding::warn(
                SUBJECT,
                format!("{} cannot be looked into: {error}", place.path.display()),
                "look as the program's user; radiosonde spool drain says what it cannot open",
            )),
            Ok(()) => {}
        }
    }
    if !more.is_empty() {
        findings.push(Finding::warn(
            SUBJECT,
            format!("{} were not looked into", counted(more.len() as u64, "more spool")),
            format!("radiosonde spool status --dir {}", root.display()),
        ));
    }
    all.tell(root, SystemTime::now(), findings);
}

#[derive(Default)]
struct All<'a> {
    /// Where telemetry goes that is recorded here.
    own: Option<&'a Destinations>,
    /// By whether a process has them, and where they go; nobody knows where those of a damaged manifest go.
    waiting: BTreeMap<(bool, Option<String>), Waiting>,
    /// Spools of processes that have ended in which nothing waits.
    done: u64,
    in_use: u64,
}

/// What goes to one receiver.
#[derive(Default)]
struct Waiting {
    services: BTreeSet<String>,
    signals: BTreeSet<&'static str>,
    pending: Tally,
    /// Nanoseconds since 1970.
    oldest_ns: Option<u64>,
    /// Records that went because the spool was full.
    overflowed: u64,
    /// Whether what is recorded here goes there as well.
    is_own: bool,
}

impl All<'_> {
    fn look(&mut self, place: &Place) -> io::Result<()> {
        let seen = radiosonde_spool::look(&place.path, place.is_in_use)?;
        let manifest = Manifest::from_bytes(&seen.manifest).ok();
        let accounts = seen.streams.iter().map(|stream| &stream.account);
        let pending: Vec<&Account> = accounts.filter(|it| it.pending.records > 0).collect();
        self.in_use += u64::from(place.is_in_use);
        self.done += u64::from(!place.is_in_use && pending.is_empty());
        for account in pending {
            let stream = Stream::ALL.into_iter().find(|known| known.name() == account.stream);
            let signal = stream.map(Stream::signal);
            let to = manifest.as_ref().zip(signal);
            let to = to.and_then(|(manifest, signal)| manifest.destinations.of(signal));
            let key = signal.zip(to).map(|(signal, to)| told(signal, to));
            let waiting = self.waiting.entry((place.is_in_use, key)).or_default();
            waiting.services.extend(manifest.as_ref().map(|manifest| manifest.service.clone()));
            waiting.signals.extend(signal.map(Signal::name));
            waiting.pending += account.pending;
            waiting.oldest_ns = account.oldest_ns.into_iter().chain(waiting.oldest_ns).min();
            let cap = account.dropped.iter().filter(|(reason, _)| *reason == DropReason::Cap);
            waiting.overflowed += cap.map(|(_, lost)| lost.records).sum::<u64>();
            let own = signal.and_then(|signal| self.own?.of(signal));
            waiting.is_own |= own.zip(to).is_some_and(|(own, to)| own.endpoint == to.endpoint);
        }
        Ok(())
    }

    fn tell(self, root: &Path, now: SystemTime, findings: &mut Vec<Finding>) {
        let elsewhere = elsewhere(self.own);
        let (mut soon, before) = (0, findings.len());
        for ((is_in_use, to), waiting) in &self.waiting {
            let waited = waiting.oldest_ns.map_or(Duration::ZERO, |oldest| {
                let oldest = SystemTime::UNIX_EPOCH + Duration::from_nanos(oldest);
                now.duration_since(oldest).unwrap_or_default()
            });
            let is_soon = waited < PATIENCE && !waiting.is_full();
            if *is_in_use && is_soon && to.is_some() {
                soon += waiting.pending.records;
                continue;
            }
            let what = waiting.what(to.as_deref(), *is_in_use, waited);
            let fix = waiting.fix(to.is_some(), *is_in_use, &elsewhere, root);
            findings.push(Finding::warn(SUBJECT, what, fix));
        }
        if self.in_use > 0 && (soon > 0 || findings.len() == before) {
            let of = "of running processes";
            findings.push(Finding::ok(
                SUBJECT,
                match soon {
                    0 => format!("nothing {of} waits to be sent"),
                    _ => format!(
                        "{} {of}, on the way for less than a minute",
                        counted(soon, "record")
                    ),
                },
            ));
        }
        if self.done > 0 {
            let spools = counted(self.done, "spool");
            let what = format!(
                "nothing waits in {spools} of ended processes: the next start removes them"
            );
            findings.push(Finding::ok(SUBJECT, what));
        }
    }
}

impl Waiting {
    /// Whether so much waits now that what was lost for want of room was lost lately.
    fn is_full(&self) -> bool {
        self.overflowed > 0 && self.pending.bytes >= FULL_BYTES_LEAST
    }

    /// `1,204 records of shop (logs, 212 KiB) wait for http://collector:4318 since 5 min`
    fn what(&self, to: Option<&str>, is_in_use: bool, waited: Duration) -> String {
        let mut services: Vec<&str> = self.services.iter().map(String::as_str).collect();
        let more = services.len().saturating_sub(NAMED_MAX);
        services.truncate(NAMED_MAX);
        let more = if more > 0 { vec![counted(more as u64, "more service")] } else { Vec::new() };
        let mut services: Vec<String> = services.into_iter().map(str::to_owned).collect();
        services.extend(more);
        let of =
            if services.is_empty() { "nobody knows whom".to_owned() } else { listed(&services) };
        let signals: Vec<&str> = self.signals.iter().copied().collect();
        let records = counted(self.pending.records, "record");
        let bytes = size(self.pending.bytes);
        let wait = if self.pending.records == 1 { "waits" } else { "wait" };
        let mut what = format!("{records} of {of} ({}, {bytes}) {wait} ", listed(&signals));
        what.push_str(&match to {
            Some(to) => format!("for {to}"),
            None => "for nobody knows whom, as the manifest is damaged".to_owned(),
        });
        what.push_str(&format!(", the oldest for {}", age(waited.as_secs_f64())));
        what.push_str(match (is_in_use, to) {
            (true, _) => "; a running process sends them",
            (false, _) => "; their processes have ended",
        });
        if self.overflowed > 0 {
            let lost = grouped(self.overflowed);
            what.push_str(&format!("; {lost} older ones are lost, as the spool was full"));
        }
        what
    }

    fn fix(&self, is_known: bool, is_in_use: bool, elsewhere: &str, root: &Path) -> String {
        let drain = format!("radiosonde spool drain --dir {}", root.display());
        let mut fix = match (is_known, is_in_use, self.is_own) {
            (true, true, true) => "see to that receiver; it is tried again by itself".to_owned(),
            (true, true, false) => format!(
                "see to that receiver; or, if they are to go elsewhere, stop the process and run {drain} \
                 --endpoint {elsewhere}"
            ),
            (true, false, true) => format!("start the service, or run {drain}"),
            (true, false, false) => format!(
                "to send them there: {drain}; if they are to go elsewhere: the same with --endpoint {elsewhere}"
            ),
            (false, true, _) => format!("stop the process, and run {drain} --endpoint {elsewhere}"),
            (false, false, _) => format!("{drain} --endpoint {elsewhere}"),
        };
        if self.overflowed > 0 {
            fix.push_str("; RADIOSONDE_SPOOL_BYTES gives a spool more room");
        }
        fix
    }
}

/// What several signals have in common, as it is shown.
fn told(signal: Signal, to: &Destination) -> String {
    base(&to.shown(), signal.name()).to_owned()
}

/// What to write behind `--endpoint`, so that it goes where everything goes that is recorded here.
fn elsewhere(own: Option<&Destinations>) -> String {
    let all = Signal::ALL.into_iter().filter_map(|signal| Some(told(signal, own?.of(signal)?)));
    let all: BTreeSet<String> = all.collect();
    // What is hidden in it cannot be copied.
    let one = all.first().filter(|one| all.len() == 1 && !one.contains('…'));
    one.cloned().unwrap_or_else(|| "URL".to_owned())
}

#[cfg(test)]
mod tests {
    use radiosonde_otlp::{Protocol, spool_options};
    use radiosonde_spool::{Frame, Spool};

    use super::*;
    use crate::doctor::State;

    const HERE: &str = "http://collector:4318";
    const THERE: &str = "http://moved:4318";

    fn destinations(base: &str) -> Destinations {
        let mut all = Destinations::default();
        for signal in Signal::ALL {
            let endpoint = format!("{base}/v1/{signal}");
            all.set(signal, Some(Destination::new(endpoint, Protocol::Http)));
        }
        all
    }

    /// A spool with two log lines and a span in it that wait for a receiver.
    fn spool(root: &Path, name: &str, base: &str) -> PathBuf {
        let path = root.join(name);
        let manifest = Manifest::new("shop", name, destinations(base), Vec::new());
        let options = spool_options(None, None);
        let spool = Spool::create(&path, &manifest.to_bytes().unwrap(), &options).unwrap();
        for (stream, records) in [(Stream::LogsInfo, 2), (Stream::Traces, 1)] {
            let frame = Frame { records, payload: &[0; 64] };
            spool.stream(stream.index()).append(spool.next_batch(), &[frame]);
        }
        path
    }

    /// What is told of spools that were looked into, so much later.
    fn told_of(all: All<'_>, later: Duration) -> Vec<Finding> {
        let mut findings = Vec::new();
        all.tell(Path::new("/t"), SystemTime::now() + later, &mut findings);
        findings
    }

    fn looked<'a>(own: Option<&'a Destinations>, places: &[(&PathBuf, bool)]) -> All<'a> {
        let mut all = All { own, ..All::default() };
        for (path, is_in_use) in places {
            all.look(&Place { path: (*path).clone(), is_in_use: *is_in_use }).unwrap();
        }
        all
    }

    #[test]
    fn what_waits_is_told_with_where_to_and_the_command_that_sends_it() {
        let root = tempfile::tempdir().unwrap();
        let (here, there) = (spool(root.path(), "a", HERE), spool(root.path(), "b", THERE));
        let own = destinations(HERE);
        let hour = Duration::from_secs(7_200);
        // Of whom, what is set here, how long it has waited: what is told, and the fix.
        for (places, own, later, state, what, fix) in [
            (
                (&here, true),
                Some(&own),
                Duration::ZERO,
                State::Ok,
                "3 records of running processes, on the way",
                "",
            ),
            (
                (&here, true),
                Some(&own),
                hour,
                State::Warn,
                "3 records of shop (logs and traces, 128 B) wait for http://collector:4318, the oldest for 2 h; a running",
                "tried again by itself",
            ),
            (
                (&there, true),
                Some(&own),
                hour,
                State::Warn,
                "wait for http://moved:4318,",
                "stop the process and run radiosonde spool drain --dir /t --endpoint http://collector:4318",
            ),
            (
                (&here, false),
                Some(&own),
                Duration::ZERO,
                State::Warn,
                "their processes have ended",
                "start the service, or run radiosonde spool drain --dir /t",
            ),
            (
                (&there, false),
                Some(&own),
                Duration::ZERO,
                State::Warn,
                "wait for http://moved:4318,",
                "the same with --endpoint http://collector:4318",
            ),
            (
                (&there, false),
                None,
                Duration::ZERO,
                State::Warn,
                "wait for http://moved:4318,",
                "the same with --endpoint URL",
            ),
        ] {
            let found = told_of(looked(own, &[places]), later);
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!(found[0].state, state, "{found:?}");
            assert!(found[0].what.contains(what), "{what} in {found:?}");
            assert!(
                found[0].fix.as_deref().unwrap_or_default().contains(fix),
                "{fix} in {found:?}"
            );
        }
        // One line for each receiver.
        let found = told_of(looked(Some(&own), &[(&here, false), (&there, false)]), hour);
        assert_eq!(found.len(), 2, "{found:?}");
    }

    #[test]
    fn a_damaged_manifest_and_an_empty_spool_are_told_as_such() {
        let root = tempfile::tempdir().unwrap();
        let path = spool(root.path(), "a", HERE);
        std::fs::write(path.join("manifest"), "not a manifest").unwrap();
        let found = told_of(looked(None, &[(&path, false)]), Duration::ZERO);
        assert!(found[0].what.contains("the manifest is damaged"), "{found:?}");
        assert!(found[0].fix.as_deref().unwrap().contains("--endpoint URL"), "{found:?}");

        let manifest = Manifest::new("shop", "b", destinations(HERE), Vec::new());
        let path = root.path().join("b");
        let options = spool_options(None, None);
        let _spool = Spool::create(&path, &manifest.to_bytes().unwrap(), &options).unwrap();
        let found = told_of(looked(None, &[(&path, false)]), Duration::ZERO);
        assert_eq!(
            (found.len(), found[0].state),
            (1, State::Ok),
            "nobody has to drain it: {found:?}"
        );
    }

    #[test]
    fn a_spool_that_is_full_is_told_with_what_it_has_cost() {
        let mut waiting = Waiting::default();
        waiting.services.extend(["a", "b", "c", "d", "e"].map(str::to_owned));
        waiting.pending = Tally::new(7, 700);
        waiting.overflowed = 67_338;
        assert!(!waiting.is_full(), "it was, and is not any more");
        let what = waiting.what(Some(HERE), true, Duration::from_secs(600));
        assert!(what.contains("of a, b, c and 2 more services"), "{what}");
        assert!(what.contains("67,338 older ones are lost, as the spool was full"), "{what}");
        let fix = waiting.fix(true, true, "URL", Path::new("/t"));
        assert!(fix.contains("RADIOSONDE_SPOOL_BYTES"), "{fix}");
        // However fast its content changes.
        waiting.pending.bytes = 3 << 20;
        waiting.oldest_ns = Some(u64::MAX);
        let all = [((true, Some(HERE.to_owned())), waiting)];
        let all = All { waiting: all.into_iter().collect(), in_use: 1, ..All::default() };
        let found = told_of(all, Duration::ZERO);
        assert_eq!((found.len(), found[0].state), (1, State::Warn), "{found:?}");
    }

    #[test]
    fn an_endpoint_that_is_hidden_in_part_is_no_command() {
        let hidden = destinations("https://vendor/v1/abcdefgh12345678");
        assert_eq!(elsewhere(Some(&hidden)), "URL");
        assert_eq!(elsewhere(Some(&destinations(HERE))), HERE);
    }
}
