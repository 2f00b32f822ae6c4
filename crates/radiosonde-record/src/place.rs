//! Where an instance keeps what is mapped: its rings, its stage and its call sites. In its own
//! directory, or by choice below another one, such as `/dev/shm`, where no disk is ever waited for.
//!
//! ```text
//! inst/0/k3f9q2xw/owner.json elsewhere          elsewhere: the path of the next line
//! /dev/shm/radiosonde-k3f9q2xw/callsites stage rings/0.ring …
//! ```
//!
//! The pointer is written before what it points to, and removed after it, so that no kill leaves
//! memory that nobody knows of. Such a place ends with the machine or its container: then there is
//! nothing to recover, and [`Place::Gone`] says so.

use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use crate::slot::{RINGS, write_new};

/// The file with the path.
pub(crate) const POINTER: &str = "elsewhere";
/// Longest path that is read.
const PATH_MAX: u64 = 4096;

/// Where the files of an instance are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In its own directory.
    Here(PathBuf),
    /// In another one.
    Elsewhere(PathBuf),
    /// They were in another one, which is not there any more.
    Gone(PathBuf),
}

impl Place {
    /// The directory the files are in, or would be, of the instance with this directory.
    pub(crate) fn files<'a>(&'a self, instance: &'a Path) -> &'a Path {
        match self {
            Self::Here(path) | Self::Elsewhere(path) => path,
            Self::Gone(_) => instance,
        }
    }
}

/// Looks where the files of an instance are.
///
/// # Errors
/// As from the system; `InvalidData` for a pointer nobody here has written.
pub(crate) fn find(instance: &Path) -> io::Result<Place> {
    let pointer = instance.join(POINTER);
    match fs::symlink_metadata(&pointer) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Place::Here(instance.to_owned()));
        }
        Err(error) => return Err(error),
        Ok(found) if found.is_file() && found.len() <= PATH_MAX => {}
        Ok(_) => return Err(invalid(&pointer)),
    }
    let bytes = fs::read(&pointer)?;
    // Killed while it was written, before there was anything to point to.
    if bytes.is_empty() {
        return Ok(Place::Here(instance.to_owned()));
    }
    let path = Path::new(OsStr::from_bytes(&bytes));
    let is_named = path.file_name().is_some_and(|name| Some(name) == name_of(instance).as_deref());
    // Only ever a directory made for this instance is read from, and removed.
    if !path.is_absolute() || !is_named {
        return Err(invalid(&pointer));
    }
    let path = path.to_owned();
    Ok(if is_ours(&path, instance)? { Place::Elsewhere(path) } else { Place::Gone(path) })
}

/// Makes a place below `parent` for the files of an instance.
///
/// # Errors
/// As from the system; `AlreadyExists` when somebody has the name.
pub(crate) fn create(instance: &Path, parent: &Path) -> io::Result<PathBuf> {
    let name = name_of(instance).ok_or(io::ErrorKind::InvalidInput)?;
    let path = fs::canonicalize(parent)?.join(name);
    write_new(&instance.join(POINTER), path.as_os_str().as_bytes())?;
    let mut private = DirBuilder::new();
    private.mode(0o700);
    // Not with its parents: a directory that is there already is somebody else's.
    if let Err(error) = private.create(&path) {
        let _ = fs::remove_file(instance.join(POINTER));
        return Err(error);
    }
    private.create(path.join(RINGS))?;
    Ok(path)
}

/// `radiosonde-<id>`.
fn name_of(instance: &Path) -> Option<OsString> {
    let mut name = OsString::from("radiosonde-");
    name.push(instance.file_name()?);
    Some(name)
}

/// Whether the directory is that of the instance's owner. `/dev/shm` is everybody's: after a
/// restart of the machine somebody else may have the name, with records of his own making.
fn is_ours(path: &Path, instance: &Path) -> io::Result<bool> {
    let found = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        found => found?,
    };
    let owner = fs::symlink_metadata(instance)?.uid();
    Ok(found.is_dir() && found.uid() == owner && found.mode() & 0o022 == 0)
}

fn invalid(pointer: &Path) -> io::Error {
    let what = format!(
        "{} does not name a place of this instance; remove it to recover what is beside it",
        pointer.display()
    );
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_place_of_its_own_is_believed() {
        let directory = tempfile::tempdir().unwrap();
        let (instance, other) = (directory.path().join("abcdefgh"), directory.path().join("shm"));
        fs::create_dir(&instance).unwrap();
        fs::create_dir(&other).unwrap();
        assert_eq!(find(&instance).unwrap(), Place::Here(instance.clone()));
        let path = create(&instance, &other).unwrap();
        assert_eq!(find(&instance).unwrap(), Place::Elsewhere(path.clone()));
        assert!(create(&instance, &other).is_err(), "the name is taken");

        fs::remove_dir(path.join(RINGS)).unwrap();
        fs::remove_dir(&path).unwrap();
        assert_eq!(find(&instance).unwrap(), Place::Gone(path.clone()));
        std::os::unix::fs::symlink(&other, &path).unwrap();
        assert_eq!(find(&instance).unwrap(), Place::Gone(path), "a link is not followed");

        let pointer = instance.join(POINTER);
        for hostile in ["/etc", "radiosonde-abcdefgh", "/tmp/radiosonde-other000", "/"] {
            fs::write(&pointer, hostile).unwrap();
            assert!(find(&instance).is_err(), "{hostile}");
        }
        fs::write(&pointer, "").unwrap();
        assert_eq!(find(&instance).unwrap(), Place::Here(instance.clone()));
    }
}
