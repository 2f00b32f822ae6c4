//! Taking a place in the telemetry directory, or falling back, step by step and named.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use radiosonde_events::Owner;
use radiosonde_record::{
    FileSystem, Filter, Journal, Placement, Slot, create_directory, file_system, new_instance_id,
};

use crate::problem::Problems;
use crate::settings::Settings;

/// Where this process writes.
pub(crate) struct Place {
    /// The directory and our slot in it; `None` when it cannot be written.
    pub(crate) taken: Option<(PathBuf, Slot)>,
    pub(crate) instance: String,
    pub(crate) journal: Option<Journal>,
}

/// Takes a slot and opens the journal. Always gives the best that works.
pub(crate) fn prepare(settings: &Settings, owner: &Owner, problems: &Problems) -> Place {
    let filter = &settings.filter;
    let taken = settings.directory.as_deref().and_then(|root| take(root, problems));
    let Some((root, slot)) = taken else {
        let journal = in_memory(filter, problems);
        return Place { taken: None, instance: new_instance_id(), journal };
    };
    match in_files(&root, &slot, owner, filter) {
        Ok((instance, journal)) => {
            Place { taken: Some((root, slot)), instance, journal: Some(journal) }
        }
        Err(why) => {
            problems.say(
                format!("rings are in memory and pending records die with the process: {why}"),
                "put the telemetry directory on ext4, XFS or tmpfs with room to spare",
            );
            let journal = in_memory(filter, problems);
            Place { taken: Some((root, slot)), instance: new_instance_id(), journal }
        }
    }
}

fn take(root: &Path, problems: &Problems) -> Option<(PathBuf, Slot)> {
    let fix = "make it writable for this user, or set RADIOSONDE_DIR; until then durability is none: \
               events reach the console only";
    let attempt = || -> io::Result<Slot> {
        create_directory(root)?;
        Slot::take(root)
    };
    match attempt() {
        Ok(slot) => Some((root.to_owned(), slot)),
        Err(error) => {
            problems.say(format!("telemetry directory {}: {error}", root.display()), fix);
            None
        }
    }
}

fn in_files(
    root: &Path,
    slot: &Slot,
    owner: &Owner,
    filter: &Filter,
) -> Result<(String, Journal), String> {
    let at_root = |error: io::Error| format!("{}: {error}", root.display());
    if let FileSystem::Unsuitable(kind) = file_system(root).map_err(at_root)? {
        return Err(format!("{} is on a file system of type {kind:#x}", root.display()));
    }
    let (instance, path) = slot.create_instance(&owner.to_json()).map_err(at_root)?;
    match Journal::open(Placement::Directory(path.clone()), filter.clone()) {
        Ok(journal) => Ok((instance, journal)),
        Err(error) => {
            // Half an instance is nothing a later start should recover.
            let _ = fs::remove_dir_all(&path);
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
