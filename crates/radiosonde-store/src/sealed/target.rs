//! Where a sealed file is written to.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// The file beside the target, removed unless it was renamed.
pub(super) struct Temporary {
    pub(super) path: PathBuf,
    pub(super) file: File,
    pub(super) renamed: bool,
}

impl Temporary {
    pub(super) fn create(target: &Path) -> io::Result<Self> {
        let mut path = OsString::from(target);
        path.push(TEMPORARY_END);
        let path = PathBuf::from(path);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut options = OpenOptions::new();
        // A new file is never reached through a link that somebody put there meanwhile.
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            let flags = rustix::fs::OFlags::NOFOLLOW;
            options.mode(0o600).custom_flags(flags.bits().cast_signed());
        }
        let file = options.open(&path)?;
        Ok(Self { path, file, renamed: false })
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.renamed {
            // Otherwise the next sealing replaces it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Lets the kernel drop what it holds of a file, so that comparing reads what the disk has. Where it
/// does not, comparing reads what the kernel holds.
pub(super) fn forget_pages(file: &File) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed);
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = file;
}

pub(super) fn sync_directory(target: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        let parent = target.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    #[cfg(not(unix))]
    let _ = target;
    Ok(())
}

/// Bytes of the file system of a file that anybody may still use. As many as can be where the system
/// cannot be asked.
pub(crate) fn free_bytes(file: &File) -> io::Result<u64> {
    #[cfg(unix)]
    {
        let found = rustix::fs::fstatvfs(file)?;
        Ok(found.f_bavail.saturating_mul(found.f_frsize))
    }
    #[cfg(not(unix))]
    {
        let _ = file;
        Ok(u64::MAX)
    }
}

/// No day file is called so, hence no reader takes it for one.
const TEMPORARY_END: &str = ".tmp";
