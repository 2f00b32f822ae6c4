//! The spool of this process, and the sender.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use radiosonde_events::{DaySink, Owner, Redactions};
use radiosonde_metrics::Snapshot;
use radiosonde_otlp::{
    Manifest, OtlpSink, Proxies, Resource, Sender, SenderOptions, SnapshotEncoder, State, Status,
    Stream, Unexported, spool_options,
};
use radiosonde_record::{FileSystem, Kind, Sink, Slot, Unsynced, file_system};
use radiosonde_spool::Spool;

use super::dead::Dead;
use super::destinations::Destinations;
use super::troubles::{Troubles, View};
use super::{Gap, books, resource};
use crate::config::Fsync;
use crate::problem::Problems;
use crate::report::{DestinationReport, OtlpReport};
use crate::settings::Settings;

/// What is sent over OTLP by this process, and what it does for those that have ended. Cheap to
/// clone; clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Otlp {
    live: Option<Arc<Live>>,
    dead: Dead,
}

#[derive(Debug)]
struct Live {
    service: String,
    destinations: Destinations,
    spool: Spool,
    /// Where it is.
    path: PathBuf,
    sender: Sender,
    snapshots: Mutex<SnapshotEncoder>,
    /// Records that could be encoded for their files only.
    unexported: Mutex<Unexported>,
    adoption: Mutex<Adoption>,
    adopted: Condvar,
    /// Most that the spool takes.
    cap_bytes: u64,
    troubles: Mutex<Troubles>,
}

/// Whether what earlier processes left is on its way.
#[derive(Clone, Copy, Debug, Default)]
struct Adoption {
    is_under_way: bool,
    /// For the first time.
    is_done: bool,
}

/// How long somebody waits for the next spool of an earlier process to have its turn before looking again.
const TURN_WITHIN: Duration = Duration::from_millis(100);

/// The file system of a container without a volume, as `statfs` has it: overlayfs.
const OVERLAY: u64 = 0x794c_7630;

/// Where the spool of this process goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) root: &'a Path,
    pub(crate) slot: &'a Slot,
    pub(crate) instance: &'a str,
}

impl Otlp {
    /// Makes a spool and starts the sender, where something is sent. What does not work is a problem.
    pub(crate) fn start(
        settings: &Settings,
        place: Option<Place<'_>>,
        problems: &Problems,
    ) -> Self {
        let dead = Dead::new(settings.files.fsync != Fsync::Never);
        let Some(destinations) = settings.otlp.destinations.clone() else {
            say_what_waits(place, problems);
            return Self { live: None, dead };
        };
        let started = match place {
            Some(place) => Live::start(settings, destinations, place),
            None => Err(io::Error::other("there is no telemetry directory")),
        };
        let live = started.map(Arc::new).inspect_err(|error| {
            problems.say(
                format!("nothing is sent over OTLP: what waits has no place: {error}"),
                "give the program a directory it can write to, RADIOSONDE_DIR; in a container a volume, \
                 or a tmpfs if what is pending may end with it",
            );
        });
        if let (Ok(_), Some(place)) = (&live, place)
            && matches!(file_system(place.root), Ok(FileSystem::Unsuitable(OVERLAY)))
        {
            problems.warn(
                "what waits for OTLP is in the container's own file system, and ends with the container",
                "mount a volume for the telemetry directory, and name it with RADIOSONDE_DIR",
            );
        }
        Self { live: live.ok(), dead }
    }

    pub(super) fn dead(&self) -> &Dead {
        &self.dead
    }

    /// Whether anything is sent.
    pub(crate) fn is_on(&self) -> bool {
        self.live.is_some()
    }

    /// Whether records of this kind are sent.
    pub(crate) fn sends(&self, kind: Kind) -> bool {
        self.live.as_ref().is_some_and(|live| live.destinations.sends(kind))
    }

    /// The sink for the drain: what `sink` does, and the way to the spool.
    pub(crate) fn around(
        &self,
        sink: DaySink,
        owner: &Owner,
        instance: &str,
        redactions: &Redactions,
        unsynced: &Unsynced,
        has_console: bool,
    ) -> Box<dyn Sink> {
        let Some(live) = &self.live else { return Box::new(sink) };
        let spool = live.spool.clone();
        let sink = OtlpSink::new(sink, owner, instance, redactions.clone(), spool);
        let sink = sink.sending(live.destinations.inner()).waking(unsynced.clone());
        let sink = if has_console { sink.beside_console() } else { sink };
        *lock(&live.unexported) = sink.unexported();
        Box::new(sink)
    }

    /// The sink for what a dead process has left: into its own spool as well, if it had one.
    ///
    /// # Errors
    /// When that spool cannot be opened: what is left is then not recovered yet.
    pub(crate) fn around_dead(
        &self,
        sink: DaySink,
        owner: &Owner,
        instance: &Path,
        redactions: &Redactions,
    ) -> io::Result<Box<dyn Sink>> {
        let path = radiosonde_record::spool_of(instance);
        let is_gone = path.symlink_metadata().is_err_and(|it| it.kind() == io::ErrorKind::NotFound);
        if !owner.exports && !path.is_dir() {
            return Ok(Box::new(sink));
        }
        let spool = match is_gone {
            true => self.dead.make(&path, &self.manifest_of(owner, instance))?,
            false => self.dead.open(&path)?,
        };
        let (redactions, manifest) = (redactions.clone(), Manifest::from_bytes(spool.manifest()));
        let sink = OtlpSink::of_dead_process(sink, owner, instance, redactions, spool);
        Ok(match manifest {
            Ok(manifest) if !manifest.destinations.is_empty() => {
                Box::new(sink.sending(&manifest.destinations))
            }
            // Where it would go nobody knows; that it waits is known.
            _ => Box::new(sink),
        })
    }

    /// The manifest of a process whose own is gone: where it would have sent is known if that is where we
    /// send, and otherwise found out by whoever drains it.
    fn manifest_of(&self, owner: &Owner, instance: &Path) -> Manifest {
        let id = instance.file_name().unwrap_or_default().to_string_lossy();
        let ours = self.live.as_ref().filter(|live| live.service == owner.service);
        let destinations = ours.map(|live| live.destinations.inner().clone()).unwrap_or_default();
        let mut resource = Resource::new(&owner.service, &owner.version, &id);
        if let Some(machine) = &owner.machine_id {
            resource = resource.with("machine_id", machine);
        }
        Manifest::new(&owner.service, id, destinations, resource.encode())
    }

    /// Says which spools were made anew, as those of dead processes were gone.
    pub(crate) fn say_what_was_gone(&self, problems: &Problems) {
        self.dead.say_what_was_gone(problems);
    }

    /// Hands all series of a snapshot to the spool, if metrics are sent. Whether they are.
    pub(crate) fn snapshot(&self, snapshot: &Snapshot) -> bool {
        let Some(live) = self.live.as_ref().filter(|_| self.sends(Kind::Metric)) else {
            return false;
        };
        let _points = lock(&live.snapshots).append(snapshot, SystemTime::now(), &live.spool);
        true
    }

    /// Brings what is in the spool of this process to the disk. Where nothing is sent, what was recovered for
    /// others: nobody else does.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.live.as_ref().map_or_else(|| self.dead.sync(), |live| live.spool.sync())
    }

    /// Looks after it where nothing is synced.
    pub(crate) fn tend(&self) -> io::Result<()> {
        self.live.as_ref().map_or_else(|| self.dead.sync(), |live| live.spool.tend())
    }

    /// Tells losses that were not told yet, `tell` saying whether it could. What it could not, and what of
    /// its spool comes after it, is told the next time.
    pub(crate) fn tell_gaps(&self, tell: &mut dyn FnMut(&Gap) -> bool) {
        self.dead.tell_gaps(&mut |_, _, gaps| gaps.iter().take_while(|gap| tell(gap)).count());
        if let Some(live) = &self.live {
            let gaps = live.spool.take_gaps();
            let is_told = |gap: &&radiosonde_spool::Gap| tell(&told(gap, None));
            live.spool.told_first(gaps.iter().take_while(is_told).count());
        }
    }

    /// Spools that are open in this slot, which this process has, are its own to send; see [`Dead::hold`].
    pub(crate) fn hold(&self, slot: &Slot, is_own: bool) {
        self.dead.hold(slot, is_own);
    }

    /// Finds what processes that have ended left to be sent, in our slot and in those nobody has.
    pub(crate) fn find(&self, root: &Path, own: Option<&Slot>, problems: &Problems) {
        let Some(live) = &self.live else { return };
        let _found = self.dead.find(root, own, Some(&live.path), problems);
    }

    /// What earlier processes left is being looked for.
    pub(crate) fn set_adopting(&self) {
        if let Some(live) = &self.live {
            lock(&live.adoption).is_under_way = true;
        }
    }

    /// What they left is known, and on its way.
    pub(crate) fn set_adopted(&self) {
        if let Some(live) = &self.live {
            *lock(&live.adoption) = Adoption { is_done: true, is_under_way: false };
            live.adopted.notify_all();
        }
    }

    /// Removes spools of processes that have ended in which everything is done, and gives those that wait
    /// their turn. For one thread, as is `find`: it waits for the disk.
    pub(crate) fn turn_dead(&self, problems: &Problems) {
        if let Some(live) = &self.live {
            self.dead.turn(&live.sender, &|_, manifest| live.corrected(manifest), problems);
        }
    }

    /// Brings what has become of them to the disk. Nobody waits for that.
    pub(crate) fn sync_dead(&self) -> io::Result<()> {
        if self.is_on() { self.dead.sync() } else { Ok(()) }
    }

    /// Waits until there is something to do in `turn_dead`, for `pause` at most while any spool is there.
    pub(crate) fn await_dead(&self, pause: Duration) {
        self.dead.await_work(pause);
    }

    /// Ends that wait.
    pub(crate) fn wake_dead(&self) {
        self.dead.wake();
    }

    /// The last that is done for them.
    pub(crate) fn close_dead(&self, problems: &Problems) {
        self.dead.close();
        self.dead.remove_done(problems);
    }

    /// Brings the problems of destinations up to what holds now.
    pub(crate) fn tell(&self, problems: &Problems) {
        let Some(live) = &self.live else { return };
        let view = View {
            statuses: &live.sender.status(),
            accounts: &live.spool.accounts(),
            path: &live.path,
            cap_bytes: live.cap_bytes,
            is_own: &|signal, endpoint| live.destinations.shows(signal, endpoint),
        };
        lock(&live.troubles).tell(&view, problems);
    }

    /// What was sent and what was not.
    pub(crate) fn report(&self) -> Option<OtlpReport> {
        let live = self.live.as_ref()?;
        let unexported = lock(&live.unexported).counts().into_iter();
        let unexported = unexported.filter(|(_, count)| *count > 0);
        let signals = books::by_signal(&live.spool.accounts(), SystemTime::now());
        Some(OtlpReport {
            survives_kill: signals.iter().all(|signal| signal.pending_in_memory == 0),
            signals,
            unexported: unexported.map(|(why, count)| (why.as_str().to_owned(), count)).collect(),
            destinations: live.sender.status().iter().map(destination).collect(),
            adopted: self.dead.report(),
        })
    }

    /// Waits until everything in the spools is sent, what earlier processes left included, at most
    /// `within`. Whether it is.
    pub(crate) fn flush(&self, within: Duration) -> bool {
        let Some(live) = &self.live else { return true };
        let deadline = Instant::now() + within;
        live.await_adoption(within, |adoption| adoption.is_done);
        loop {
            if !live.sender.flush(left(deadline)) {
                return false;
            }
            // With what was sent, others have their turn.
            if !self.dead.has_waiting() {
                return true;
            }
            let left = left(deadline);
            if left.is_zero() {
                return false;
            }
            self.dead.await_change(left.min(TURN_WITHIN));
        }
    }

    /// Sends what can be sent `within`, and ends the sender. What is pending then stays on disk. Waits for no
    /// disk.
    pub(crate) fn shutdown(&self, within: Duration) {
        let Some(live) = &self.live else { return };
        let deadline = Instant::now() + within;
        // Our own records do not wait for those of others.
        live.sender.end_within(within);
        // What a short program found is sent by it; nothing more is begun.
        live.await_adoption(within, |adoption| !adoption.is_under_way);
        self.dead.stop();
        let _shutdown = live.sender.shutdown(left(deadline));
    }

    /// Writes what still waits in memory. For a thread that has a disk's time.
    pub(crate) fn close(&self) {
        let Some(live) = &self.live else { return self.dead.close() };
        // What the disk does not take is counted.
        let _closed =
            if self.dead.is_synced() { live.spool.close() } else { live.spool.close_unsynced() };
    }

    /// Removes the spool when everything in it is done, and nothing can come any more.
    pub(crate) fn remove(&self) {
        if let Some(live) = &self.live
            && live.spool.is_done()
        {
            let _ = self.dead.remove(live.spool.clone());
            // Until the next process makes one.
            let _ = live.path.parent().map(std::fs::remove_dir);
        }
    }
}

impl Live {
    fn await_adoption(&self, within: Duration, is_over: impl Fn(&Adoption) -> bool) {
        let adoption = lock(&self.adoption);
        let waited = self.adopted.wait_timeout_while(adoption, within, |it| !is_over(it));
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    fn start(
        settings: &Settings,
        destinations: Destinations,
        place: Place<'_>,
    ) -> io::Result<Self> {
        let resource = resource::of(settings, place.instance).encode();
        let manifest = Manifest::new(
            &settings.service,
            place.instance,
            destinations.inner().clone(),
            resource,
        );
        let path = place.slot.place_for_spool(place.instance)?;
        let options = spool_options(Some(place.root), settings.otlp.spool_bytes);
        let spool = Spool::create(&path, &manifest.to_bytes()?, &options)?;
        let snapshots = SnapshotEncoder::new(destinations.metrics(), SystemTime::now());
        let sender = Sender::start(sender_options())?;
        sender.add(spool.clone(), &manifest, None);
        Ok(Self {
            service: settings.service.clone(),
            destinations,
            spool,
            path,
            sender,
            snapshots: Mutex::new(snapshots),
            unexported: Mutex::default(),
            adoption: Mutex::default(),
            adopted: Condvar::new(),
            cap_bytes: options.cap_bytes,
            troubles: Mutex::default(),
        })
    }

    /// What an earlier process of this service wrote down, with what we know better. Elsewhere each goes
    /// where its owner said.
    fn corrected(&self, manifest: Manifest) -> Manifest {
        let mut manifest = manifest;
        if manifest.service != self.service {
            return manifest;
        }
        if manifest.destinations.is_empty() {
            // Its own manifest was gone.
            manifest.destinations = self.destinations.inner().clone();
        }
        self.destinations.correct(&mut manifest.destinations);
        manifest
    }
}

/// What earlier owners of our slot left to be sent stays where it is, as nothing is sent here.
fn say_what_waits(place: Option<Place<'_>>, problems: &Problems) {
    let left = place.and_then(|place| place.slot.left_spools().ok()).unwrap_or_default();
    if !left.is_empty() {
        problems.warn(
            "earlier processes left records to be sent over OTLP, and here is no endpoint: they wait",
            "set OTEL_EXPORTER_OTLP_ENDPOINT, or send them with `radiosonde spool drain`",
        );
    }
}

/// As the environment has it.
pub(super) fn sender_options() -> SenderOptions {
    let mut options = SenderOptions::default();
    options.proxies = Proxies::from(&|name| std::env::var(name).ok());
    options
}

pub(super) fn told(gap: &radiosonde_spool::Gap, instance: Option<&str>) -> Gap {
    Gap {
        stream: Stream::from_index(gap.stream).map_or("unknown", Stream::name),
        reason: gap.reason.name(),
        records: gap.lost.records,
        bytes: gap.lost.bytes,
        from_ns: gap.from_ns,
        to_ns: gap.to_ns,
        instance: instance.map(str::to_owned),
    }
}

pub(super) fn destination(status: &Status) -> DestinationReport {
    // Something has waited since before the last failure: then that was not all in order.
    let fails = status.state != State::Closed
        || status.oldest_pending.zip(status.last_error_at).is_some_and(|(oldest, at)| oldest < at);
    DestinationReport {
        signal: status.signal.name().to_owned(),
        endpoint: status.endpoint.clone(),
        state: status.state.name().to_owned(),
        last_error: status.last_error.clone().filter(|_| fails),
        next_attempt_seconds: status.next_attempt.map(|wait| wait.as_secs_f64()),
        pending: status.pending,
    }
}

fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[cfg(feature = "otlp-http")]
mod tests;
