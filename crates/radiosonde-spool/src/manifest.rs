//! The manifest: which spool this is, and what its owner wrote down.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::io;
use std::path::Path;

use crate::files::{self, Files, Mode, unlink_if_there, write_all};
use crate::format::{self, Head, SEGMENT_HEAD, segment_number};
use crate::home::{Home, NAMES_MAX};
use crate::options::Options;

/// Its file, and the name of that while it is written.
pub(crate) const MANIFEST: &str = "manifest";
pub(crate) const NEW_MANIFEST: &str = "manifest.new";
/// Most of what its owner writes down, in bytes.
pub(crate) const OWNER_MAX: usize = 1024 * 1024;
/// Most bytes of it that are read.
const READ_MAX: u64 = 2 * 1024 * 1024;

/// Writes it, in the place of one that is there.
pub(crate) fn write(
    files: &dyn Files,
    path: &Path,
    (id, owner): (u64, &[u8]),
    is_synced: bool,
) -> io::Result<()> {
    let new = path.join(NEW_MANIFEST);
    unlink_if_there(files, &new)?;
    let file = files.open(&new, Mode::New)?;
    write_all(&*file, &format::manifest(id, owner), 0)?;
    if is_synced {
        file.sync()?;
    }
    files.rename(&new, &path.join(MANIFEST))
}

/// Makes one for a spool whose own is damaged or gone, so that it keeps its id when its segments are
/// gone as well. What the owner wrote down is not in it; what is left of that goes to the quarantine.
pub(crate) fn mend(home: &Home) -> io::Result<()> {
    let path = home.path.join(MANIFEST);
    let left = home.files().open(&path, Mode::Read);
    let left = left.and_then(|file| files::read(&*file, 0, READ_MAX)).unwrap_or_default();
    if !left.is_empty() {
        // What cannot be kept for a look is no use to anybody else.
        let _ = home.quarantine(MANIFEST, &left, "damaged");
    }
    write(home.files(), &home.path, (home.id, &[]), true)?;
    home.files().sync_dir(&home.path)
}

/// An id that no other spool has.
pub(crate) fn new_id(path: &Path, now: u64) -> u64 {
    // Keyed by the system's randomness.
    let mut hasher = RandomState::new().build_hasher();
    hasher.write(path.as_os_str().as_encoded_bytes());
    hasher.write_u64(now);
    hasher.finish().max(1)
}

/// Reads the manifest; bad when there is none.
pub(crate) fn read(files: &dyn Files, path: &Path) -> io::Result<Head<(u64, Vec<u8>)>> {
    let bytes = match files.open(&path.join(MANIFEST), Mode::Read) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Head::Bad),
        Err(error) => return Err(error),
        Ok(file) => files::read(&*file, 0, READ_MAX)?,
    };
    Ok(match format::read_manifest(&bytes) {
        Head::Ours((id, owner)) => Head::Ours((id, owner.to_vec())),
        Head::Newer => Head::Newer,
        Head::Bad => Head::Bad,
    })
}

/// The id as the segments say it; zero when none does.
///
/// # Errors
/// As from the system: with a wrong id all would count as damaged.
pub(crate) fn find_id(files: &dyn Files, path: &Path, options: &Options) -> io::Result<u64> {
    for stream in &options.streams {
        let folder = path.join(&stream.name);
        let names = match files.list(&folder, NAMES_MAX) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            names => names?,
        };
        for name in names {
            let Some(number) = segment_number(&name) else { continue };
            let file = match files.open(&folder.join(name), Mode::Read) {
                Err(error) if files::is_no_file(&error) => continue,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                file => file?,
            };
            let bytes = files::read(&*file, 0, SEGMENT_HEAD as u64).unwrap_or_default();
            if let Some(id) = format::spool_of(&bytes, number, &stream.name) {
                return Ok(id);
            }
        }
    }
    Ok(0)
}
