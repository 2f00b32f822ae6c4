//! Taking a place in the telemetry directory, or falling back, step by step and named.

use std::io;
use std::path::Path;
use std::sync::Arc;

use radiosonde_events::Owner;
use radiosonde_record::recovery::remove_instance;
use radiosonde_record::{
    FileSystem, Filter, Instance, Journal, Lease, Placement, Slot, create_directory, file_system,
};

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

/// Takes a slot and opens the journal. Always gives the best that works.
pub(crate) fn prepare(settings: &Settings, owner: &Owner, problems: &Problems) -> Place {
    let filter = &settings.filter;
    let lease = settings.directory.as_deref().and_then(|root| take(root, problems));
    let Some(lease) = lease else {
        let journal = in_memory(filter, problems);
        return Place { lease: None, instance: None, journal };
    };
    match in_files(&lease, owner, filter) {
        Ok((instance, journal)) => {
            let (instance, journal) = (Some(Arc::new(instance)), Some(journal));
            Place { lease: Some(lease), instance, journal }
        }
        Err(why) => {
            problems.say(
                format!("rings are in memory and pending records die with the process: {why}"),
                "put the telemetry directory on ext4, XFS or tmpfs with room to spare",
            );
            let journal = in_memory(filter, problems);
            Place { lease: Some(lease), instance: None, journal }
        }
    }
}

fn take(root: &Path, problems: &Problems) -> Option<Lease> {
    let mut unusable = |path: &Path, error: &io::Error| {
        problems.say(
            format!("{} cannot be used: {error}", path.display()),
            "remove what is in its place; other processes use the next slot until then",
        );
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

fn in_files(lease: &Lease, owner: &Owner, filter: &Filter) -> Result<(Instance, Journal), String> {
    let root = lease.root();
    let at_root = |error: io::Error| format!("{}: {error}", root.display());
    if let FileSystem::Unsuitable(kind) = file_system(root).map_err(at_root)? {
        return Err(format!("{} is on a file system of type {kind:#x}", root.display()));
    }
    let instance = lease.slot().create_instance(&owner.to_json()).map_err(at_root)?;
    match Journal::open(Placement::Directory(instance.path.clone()), filter.clone()) {
        Ok(journal) => Ok((instance, journal)),
        Err(error) => {
            // Half an instance is nothing a later start should recover.
            let _ = remove_instance(&instance.path);
            Err(at_root(error))
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
