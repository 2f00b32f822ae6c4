//! Where registries come from: files, pipes, and `-` for standard input.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use radiosonde_ops::{RegistryDocument, RegistryErrors};

use crate::outcome::Stop;

/// Stands for standard input.
const STANDARD_INPUT: &str = "-";

/// Reads one. A program that writes metrics takes regular files only, as it must not wait; here
/// somebody has typed the name, and `<(git show main:registry.json)` is a pipe.
pub(super) fn read(file: &Path) -> Result<RegistryDocument, RegistryErrors> {
    let name = file.display().to_string();
    if name == STANDARD_INPUT {
        return RegistryDocument::read_from(&name, io::stdin().lock());
    }
    let is_pipe = fs::metadata(file).is_ok_and(|is| !is.is_file() && !is.is_dir());
    match is_pipe.then(|| File::open(file)) {
        Some(Ok(pipe)) => RegistryDocument::read_from(&name, pipe),
        _ => RegistryDocument::read(file),
    }
}

/// Standard input ends, so it can stand for one registry only.
pub(super) fn check_once<'f>(files: impl IntoIterator<Item = &'f PathBuf>) -> Result<(), Stop> {
    let named = files.into_iter().filter(|file| file.as_os_str() == STANDARD_INPUT).count();
    if named < 2 {
        return Ok(());
    }
    let message = "`-` can be read once; give the other registry as a file";
    Err(Stop::Usage(message.to_owned()))
}
