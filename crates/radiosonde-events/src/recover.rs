//! Brings what dead processes left in a telemetry directory into its day files.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use radiosonde_record::recovery::{Recovered, Remains};
use radiosonde_record::{Sink as _, Slot, Unsynced};

use crate::encode::Redactions;
use crate::owner::Owner;
use crate::sink::DaySink;

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
    /// What became of its records.
    pub recovered: Recovered,
}

/// Recovers every slot of a telemetry directory whose owner is dead.
///
/// Can be killed and repeated at any moment; lines appear once.
///
/// # Errors
/// As from the system when the directory cannot be read. What concerns one dead process only is in
/// [`RecoveryReport::failed`].
pub fn recover_directory(root: &Path) -> io::Result<RecoveryReport> {
    std::fs::read_dir(root)?;
    let mut report = RecoveryReport::default();
    for number in Slot::existing(root) {
        match Slot::try_take(root, number) {
            Ok(Some(slot)) => {
                let redactions = Redactions::default();
                recover_slot(root, &slot, None, &redactions, &mut report, &mut || true);
            }
            Ok(None) => report.busy.push(number),
            Err(error) => report.failed.push((root.join("inst").join(number.to_string()), error)),
        }
    }
    Ok(report)
}

/// Recovers what earlier owners of a slot left. `own` is the instance that lives in it now.
///
/// `between` is called after each batch; `false` ends the recovery, to be continued another time.
pub fn recover_slot(
    root: &Path,
    slot: &Slot,
    own: Option<&str>,
    redactions: &Redactions,
    report: &mut RecoveryReport,
    between: &mut dyn FnMut() -> bool,
) {
    let left = match slot.left_behind(own) {
        Ok(left) => left,
        Err(error) => return report.failed.push((slot.path().to_owned(), error)),
    };
    let mut opened = Vec::new();
    for path in left {
        let instance = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let owner = read_owner(&path.join("owner.json"));
        let mut found = RecoveredInstance {
            slot: slot.number(),
            instance: instance.to_owned(),
            service: owner.service.clone(),
            pid: owner.pid,
            recovered: Recovered::default(),
        };
        let mut sink = DaySink::new(owner, instance, slot.number(), redactions.clone(), None);
        sink.begin(SystemTime::now());
        match Remains::open(root, &path, &mut sink) {
            Ok(Ok(remains)) => opened.push((path, found, sink, remains)),
            Ok(Err(set_aside)) => {
                found.recovered = set_aside;
                report.instances.push(found);
            }
            Err(error) => report.failed.push((path, error)),
        }
    }
    for (path, mut found, mut sink, remains) in opened {
        match remains.replay(root, &mut sink, &Unsynced::default(), between) {
            Ok(recovered) => {
                found.recovered = recovered;
                report.instances.push(found);
            }
            Err(error) => report.failed.push((path, error)),
        }
    }
}

fn read_owner(path: &Path) -> Owner {
    let mut bytes = Vec::new();
    let regular = std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file());
    if regular && let Ok(file) = File::open(path) {
        // What could be read is tried; a damaged owner is an unknown one.
        let _ = file.take(OWNER_MAX).read_to_end(&mut bytes);
    }
    Owner::from_json(&bytes)
}
