//! What is where in a telemetry directory, as far as its documentation tells.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use radiosonde_events::Owner;
use radiosonde_record::Kind;
use radiosonde_store::names::{DayFile, StoredFile};

/// Where a process keeps its rings.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) slot: u32,
    pub(crate) path: PathBuf,
}

/// The place of a service, living or dead, until it is recovered.
pub(crate) fn place_of(root: &Path, service: &str) -> Option<Place> {
    all(root).into_iter().find(|place| {
        let owner = fs::read(place.path.join("owner.json")).ok();
        owner.and_then(|json| Owner::from_json(&json).ok()).is_some_and(|o| o.service == service)
    })
}

/// Every instance directory.
pub(crate) fn all(root: &Path) -> Vec<Place> {
    let mut found = Vec::new();
    for slot in entries(&root.join("inst")) {
        let number = slot.file_name().and_then(|name| name.to_str()?.parse().ok());
        let Some(number) = number else { continue };
        let places = entries(&slot).into_iter().filter(|path| path.is_dir());
        found.extend(places.map(|path| Place { slot: number, path }));
    }
    found
}

/// What other owners left in the same slot.
pub(crate) fn others(place: &Place) -> Vec<PathBuf> {
    let slot = place.path.parent().map(entries).unwrap_or_default();
    slot.into_iter().filter(|path| path.is_dir() && *path != place.path).collect()
}

/// The latest day file of a signal in a slot.
pub(crate) fn day_file(root: &Path, slot: u32, signal: Kind) -> Option<PathBuf> {
    let of_slot = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str())?;
        let file = DayFile::parse(name).filter(|file| file.slot == slot)?;
        (file.signal.as_str() == signal.as_str()).then_some((file.date, file.part))
    };
    let files = entries(root).into_iter().filter_map(|path| Some((of_slot(&path)?, path)));
    files.max_by_key(|(order, _)| *order).map(|(_, path)| path)
}

/// All day files, plain and sealed.
pub(crate) fn day_files(root: &Path) -> Vec<(StoredFile, PathBuf)> {
    let parse = |path: PathBuf| Some((StoredFile::parse(path.file_name()?.to_str()?)?, path));
    entries(root).into_iter().filter_map(parse).collect()
}

/// Sealed files that are not finished, by inode.
pub(crate) fn being_sealed(root: &Path) -> Vec<u64> {
    let is_unfinished = |path: &PathBuf| path.extension().is_some_and(|end| end == "tmp");
    let unfinished = entries(root).into_iter().filter(is_unfinished);
    unfinished.filter_map(|path| Some(fs::symlink_metadata(path).ok()?.ino())).collect()
}

/// None when the directory is gone, or not there yet.
fn entries(directory: &Path) -> Vec<PathBuf> {
    let found = fs::read_dir(directory).into_iter().flatten().flatten();
    found.map(|entry| entry.path()).collect()
}
