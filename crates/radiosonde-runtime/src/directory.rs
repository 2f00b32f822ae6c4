//! Taking a place in the telemetry directory, or falling back, step by step and named.

use std::io;
use std::path::Path;
use std::sync::Arc;

use radiosonde_events::Owner;
use radiosonde_record::recovery::remove_instance;
use radiosonde_record::{
    FileSystem, Filter, Instance, Journal, Lease, Placement, Slot, create_directory, file_system,
    new_instance_id,
};

use crate::otlp;
use crate::problem::Problems;
use crate::settings::Settings;

/// Where this process writes.
pub(crate) struct Place {
    /// The directory and our slot in it; `None` when it cannot be written.
    pub(crate) lease: Option<Lease>,
    /// Our directory in the slot, locked; `None` when rings are in memory.
    pub(crate) instance: Option<Arc<Instance>>,
    pub(crate) journal: Option<Journal>,
}

impl Place {
    /// The id of our instance; one nobody else has where there is no directory for it.
    pub(crate) fn instance_id(&self) -> String {
        self.instance.as_ref().map_or_else(new_instance_id, |found| found.id.clone())
    }

    /// Where a spool of ours belongs.
    pub(crate) fn for_spool<'a>(&'a self, instance: &'a str) -> Option<otlp::Place<'a>> {
        let lease = self.lease.as_ref()?;
        Some(otlp::Place { root: lease.root(), slot: lease.slot(), instance })
    }

    /// Says anew who we are, to those who come after. Where that fails they look for what is not there,
    /// and leave the rest alone.
    pub(crate) fn rewrite(&self, owner: &Owner) {
        let Some(instance) = &self.instance else { return };
        let draft = instance.path.join("owner.json.draft");
        let written = std::fs::write(&draft, owner.to_json());
        let _ = written.and_then(|()| std::fs::rename(draft, instance.path.join("owner.json")));
    }
}

/// Takes a slot and opens the journal. Always gives the best that works.
pub(crate) fn prepare(settings: &Settings, owner: &Owner, problems: &Problems) -> Place {
    let filter = &settings.filter;
    let lease = settings.directory.as_deref().and_then(|root| take(root, problems));
    let Some(lease) = lease else {
        let journal = in_memory(filter, problems);
        return Place { lease: None, instance: None, journal };
    };
    match in_files(&lease, settings, owner, problems) {
        Ok((instance, journal)) => {
            let (instance, journal) = (Some(Arc::new(instance)), Some(journal));
            Place { lease: Some(lease), instance, journal }
        }
        Err(why) => {
            problems.say(
                format!("rings are in memory and pending records die with the process: {why}"),
                "put the telemetry directory on ext4, XFS or tmpfs with room to spare, or set \
                 RADIOSONDE_RINGS to such a directory, /dev/shm for instance",
            );
            let journal = in_memory(filter, problems);
            Place { lease: Some(lease), instance: None, journal }
        }
    }
}

fn take(root: &Path, problems: &Problems) -> Option<Lease> {
    let mut unusable = |path: &Path, error: &io::Error| {
        let fix = match error.kind() {
            // What waits in it is another user's.
            io::ErrorKind::PermissionDenied => {
                "run as the user who owns it, or set RADIOSONDE_DIR to a directory of your own"
            }
            _ => "remove what is in its place; other processes use the next slot until then",
        };
        problems.say(format!("{} cannot be used: {error}", path.display()), fix);
    };
    let taken = create_directory(root).and_then(|()| Slot::take(root, &mut unusable));
    match taken {
        Ok(slot) => Some(Lease::new(root, slot)),
        Err(error) => {
            problems.say(
                format!("telemetry directory {}: {error}", root.display()),
                "make it writable for this user, or set RADIOSONDE_DIR; until then durability is \
                 none: events reach the console only",
            );
            None
        }
    }
}

type Files = (Instance, Journal);

/// In the place that was asked for, else in the telemetry directory.
fn in_files(
    lease: &Lease,
    settings: &Settings,
    owner: &Owner,
    problems: &Problems,
) -> Result<Files, String> {
    let owner = owner.to_json();
    if let Some(rings) = &settings.rings {
        let create = || lease.slot().create_instance_with_rings_in(rings, &owner);
        match in_directory(rings, &settings.filter, create) {
            Ok(files) => return Ok(files),
            Err(why) => problems.say(
                format!(
                    "rings are in the telemetry directory, not where they were asked for: {why}"
                ),
                "name a writable directory on tmpfs, ext4 or XFS with room to spare",
            ),
        }
    }
    let create = || lease.slot().create_instance(&owner);
    in_directory(lease.root(), &settings.filter, create)
}

/// Opens a journal in an instance that `create` makes with its rings in `directory`.
fn in_directory(
    directory: &Path,
    filter: &Filter,
    create: impl FnOnce() -> io::Result<Instance>,
) -> Result<Files, String> {
    let failed = |error: io::Error| format!("{}: {error}", directory.display());
    if let FileSystem::Unsuitable(kind) = file_system(directory).map_err(failed)? {
        return Err(format!("{} is on a file system of type {kind:#x}", directory.display()));
    }
    let instance = create().map_err(failed)?;
    match Journal::open(Placement::Directory(instance.files.clone()), filter.clone()) {
        Ok(journal) => Ok((instance, journal)),
        Err(error) => {
            // Half an instance is nothing a later start should recover.
            let _ = remove_instance(&instance.path);
            Err(failed(error))
        }
    }
}

fn in_memory(filter: &Filter, problems: &Problems) -> Option<Journal> {
    Journal::open(Placement::Memory, filter.clone())
        .inspect_err(|error| {
            problems.say(format!("no memory for rings: {error}"), "give the process more memory");
        })
        .ok()
}
