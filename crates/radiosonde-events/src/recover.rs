//! Brings what dead processes left in a telemetry directory into its day files.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use radiosonde_record::recovery::{Recovered, Remains, has_ready_stage};
use radiosonde_record::{Instance, Sink, Slot, survive_size_limit};

use crate::filing::{Filing, Live};
use crate::owner::Owner;
use crate::redactions::Redactions;
use crate::sink::DaySink;

const CANNOT_EXPORT: &str = "its records go to an OTLP collector as well, and this program was built \
    without OTLP or has no place for them; recover it with one that has";
/// Largest `owner.json` that is read.
const OWNER_MAX: u64 = 1024 * 1024;

/// What a recovery of a directory found.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct RecoveryReport {
    /// What was recovered, one entry per dead process.
    pub instances: Vec<RecoveredInstance>,
    /// Slots whose owner lives: nothing to do there.
    pub busy: Vec<u32>,
    /// Remains that were set aside by now or earlier. They are left alone until
    /// [`recover_directory`] is asked to try them again.
    pub quarantined: Vec<PathBuf>,
    /// What could not be recovered now, and why. It stays where it is, and can be tried again.
    pub failed: Vec<(PathBuf, io::Error)>,
}

/// What one dead process had left.
#[derive(Debug)]
#[non_exhaustive]
pub struct RecoveredInstance {
    /// The slot it owned.
    pub slot: u32,
    /// Its instance id, the first part of the ids of its lines.
    pub instance: String,
    /// Its service.
    pub service: String,
    /// Its process id.
    pub pid: u32,
    /// Whether the machine was restarted since. A power cut may have cost, or may repeat, what it
    /// did last: exactly once is claimed for remains of this boot only.
    pub other_boot: bool,
    /// What became of its records.
    pub recovered: Recovered,
}

/// Whoever lives on while a slot is recovered on its thread.
pub trait Host {
    /// Where the records of a dead owner go: its day files as they are, or those within a sink that
    /// has exports besides. `owner` has the rules that the records are redacted by, `instance` is
    /// its directory.
    ///
    /// # Errors
    /// When this program cannot do what the owner did: then its remains are left alone, and the
    /// error is told. So for every owner with exports, by default.
    fn sink(&mut self, sink: DaySink, owner: &Owner, instance: &Path) -> io::Result<Box<dyn Sink>> {
        let _where_its_spool_is = instance;
        if owner.exports {
            return Err(io::Error::new(io::ErrorKind::Unsupported, CANNOT_EXPORT));
        }
        Ok(Box::new(sink))
    }

    /// A batch of the slot's files could not be completed: nothing may be appended to them.
    fn unresolved(&mut self) {}

    /// Called after each batch; `false` ends the recovery, to be continued another time.
    fn between(&mut self) -> bool {
        true
    }

    /// Runs what takes the time of a disk. The default runs it here and now.
    fn later(&mut self, work: Work) {
        work();
    }
}

/// What is left to do when everything is in day files.
pub type Work = Box<dyn FnOnce() + Send>;

/// Nobody: the recovery has the thread for itself.
struct Alone;

impl Host for Alone {}

/// Recovers every slot of a telemetry directory whose owner is dead; with `retry`, also remains
/// that were set aside before.
///
/// Can be killed and repeated at any moment; lines appear once.
///
/// # Errors
/// As from the system when the directory cannot be read. What concerns one dead process only is in
/// [`RecoveryReport::failed`].
pub fn recover_directory(root: &Path, retry: bool) -> io::Result<RecoveryReport> {
    recover_directory_with(root, retry, &mut Alone)
}

/// As [`recover_directory`], asking `host` where the records of each owner go. Its other methods are
/// called as well.
///
/// # Errors
/// As [`recover_directory`].
pub fn recover_directory_with(
    root: &Path,
    retry: bool,
    host: &mut dyn Host,
) -> io::Result<RecoveryReport> {
    survive_size_limit(|| recover_all(root, retry, host))
}

fn recover_all(root: &Path, retry: bool, host: &mut dyn Host) -> io::Result<RecoveryReport> {
    std::fs::read_dir(root)?;
    let filing = Filing::new(root, &Live::default());
    let mut report = RecoveryReport::default();
    for number in Slot::existing(root) {
        let path = root.join("inst").join(number.to_string());
        match Slot::try_take(root, number) {
            Ok(Some(slot)) => {
                if retry && let Err(error) = slot.retry_quarantined() {
                    report.failed.push((path, error));
                }
                remove_targets(root, &slot);
                recover_slot(&slot, &filing, &Redactions::default(), &mut report, host);
            }
            Ok(None) => report.busy.push(number),
            Err(error) => report.failed.push((path, error)),
        }
    }
    Ok(report)
}

/// The file in a telemetry directory that tells Prometheus where the owner of a slot listens.
pub fn targets_file(root: &Path, slot: u32) -> PathBuf {
    match slot {
        0 => root.join("prometheus-targets.json"),
        slot => root.join(format!("prometheus-targets.{slot}.json")),
    }
}

/// Removes the file of [`targets_file`]: whoever has the slot knows that nobody listens there any
/// more. An owner that listens does so before it publishes its own.
pub fn remove_targets(root: &Path, slot: &Slot) {
    // There seldom is one. Where it cannot be removed, Prometheus says that nobody answers.
    let _ = std::fs::remove_file(targets_file(root, slot.number()));
}

/// Recovers what earlier owners of a slot left, into files cut as `filing` says.
pub fn recover_slot(
    slot: &Slot,
    filing: &Filing,
    redactions: &Redactions,
    report: &mut RecoveryReport,
    host: &mut dyn Host,
) {
    let root = filing.root();
    let left = match slot.left_behind() {
        Ok(left) => left,
        Err(error) => {
            // A batch may be half in a file, for all that is known.
            host.unresolved();
            return report.failed.push((slot.path().to_owned(), error));
        }
    };
    let mut opened = Vec::new();
    let mut unresolved = false;
    for instance in left {
        let path = instance.path.clone();
        match open(slot, filing, instance, redactions, host) {
            Ok(Opened::Remains(found)) => opened.push((path, *found)),
            Ok(Opened::SetAside(found)) => report.instances.push(*found),
            Err(error) => {
                unresolved |= has_ready_stage(&path);
                report.failed.push((path, error));
            }
        }
    }
    if unresolved {
        host.unresolved();
    }
    let is_taken = |name: &str| std::fs::symlink_metadata(root.join(name)).is_ok();
    for (path, (mut found, mut sink, remains)) in opened {
        if unresolved {
            sink.next_part(&is_taken);
        }
        match remains.replay(root, sink.as_mut(), &mut || host.between()) {
            Ok(replayed) => {
                // The report tells what was recovered; how its remains end is told by `finish`.
                let (sender, receiver) = std::sync::mpsc::channel();
                found.recovered.clone_from(&replayed.recovered);
                host.later(Box::new(move || drop(sender.send(replayed.finish()))));
                // Here already, unless the host has put it off.
                match receiver.try_recv() {
                    Ok(Ok(finished)) => found.recovered = finished,
                    Ok(Err(error)) => report.failed.push((path, error)),
                    Err(_put_off) => {}
                }
                report.instances.push(found);
            }
            Err(error) => {
                if has_ready_stage(&path) {
                    // Half of a batch is in a file: from here on lines go elsewhere.
                    unresolved = true;
                    host.unresolved();
                }
                report.failed.push((path, error));
            }
        }
    }
    report.quarantined.extend(slot.quarantined());
}

enum Opened {
    Remains(Box<(RecoveredInstance, Box<dyn Sink>, Remains)>),
    SetAside(Box<RecoveredInstance>),
}

/// Opens one dead instance with the identity and the rules of its owner.
fn open(
    slot: &Slot,
    filing: &Filing,
    instance: Instance,
    redactions: &Redactions,
    host: &mut dyn Host,
) -> io::Result<Opened> {
    let mut owner = read_owner(&instance.path)?;
    owner.redact = redactions.complete(owner.redact);
    let mut found = RecoveredInstance {
        slot: slot.number(),
        instance: instance.id.clone(),
        service: owner.service.clone(),
        pid: owner.pid,
        other_boot: owner.is_of_another_boot(),
        recovered: Recovered::default(),
    };
    let (number, redactions) = (slot.number(), redactions.clone());
    let sink = DaySink::of_dead_process(owner.clone(), &instance.id, number, redactions);
    let mut sink = host.sink(sink.filing(filing.clone()), &owner, &instance.path)?;
    sink.begin(SystemTime::now());
    Ok(match Remains::open(filing.root(), instance, sink.as_mut())? {
        Ok(remains) => Opened::Remains(Box::new((found, sink, remains))),
        Err(set_aside) => {
            found.recovered = set_aside;
            Opened::SetAside(Box::new(found))
        }
    })
}

fn read_owner(instance: &Path) -> io::Result<Owner> {
    let path = instance.join("owner.json");
    let mut bytes = Vec::new();
    match std::fs::symlink_metadata(&path) {
        Ok(metadata) if metadata.is_file() => {
            let _read = File::open(path)?.take(OWNER_MAX).read_to_end(&mut bytes)?;
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        _ => return Owner::from_json(&bytes),
    }
    // Its process died, or its disk was full, before it was written, and before there was a ring.
    if bytes.is_empty() && has_no_ring(instance) {
        bytes.extend_from_slice(b"{}");
    }
    Owner::from_json(&bytes)
}

fn has_no_ring(instance: &Path) -> bool {
    match std::fs::read_dir(instance.join("rings")) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}
