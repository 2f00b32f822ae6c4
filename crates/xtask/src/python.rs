//! Packages of Python that some tests use, and how to come by them.

use crate::steps::{program, root, succeeds};
use std::path::{Path, PathBuf};

/// One package, in the version the tests were written with.
#[derive(Debug)]
pub(crate) struct Package {
    /// What pip calls it.
    name: &'static str,
    /// Its version.
    version: &'static str,
    /// What a program imports.
    module: &'static str,
}

/// The official client library, for its two parsers.
pub(crate) const PROMETHEUS_CLIENT: Package =
    Package { name: "prometheus-client", version: "0.26.0", module: "prometheus_client" };

impl Package {
    /// The folder it is in; `python3` when any program of Python finds it.
    pub(crate) fn find(&self, variable: &str) -> Option<String> {
        let named = std::env::var_os(variable).map(PathBuf::from);
        let folders = named.into_iter().chain([self.folder()]);
        let found = folders.into_iter().find(|folder| folder.join(self.module).is_dir());
        if let Some(folder) = found {
            return Some(folder.to_string_lossy().into_owned());
        }
        let import = format!("import {}", self.module);
        succeeds(&mut program("python3", &["-c", &import])).then(|| "python3".to_owned())
    }

    /// The command that brings it into a folder of ours: no system and no user is changed.
    pub(crate) fn install(&self) -> Vec<String> {
        let requirement = format!("{}=={}", self.name, self.version);
        let folder = self.folder().to_string_lossy().into_owned();
        let words = ["python3", "-m", "pip", "install", "--quiet", "--no-deps", "--target"];
        words.into_iter().map(str::to_owned).chain([folder, requirement]).collect()
    }

    /// Where tests look for it: beside what they write themselves (`CARGO_TARGET_TMPDIR`).
    fn folder(&self) -> PathBuf {
        let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
        // A relative one is understood from the workspace, where cargo is run.
        let target = root().join(target.as_deref().unwrap_or(Path::new("target")));
        target.join("tmp").join(format!("{}-{}", self.name, self.version))
    }
}

/// Whether there is a Python with its installer.
pub(crate) fn has_pip() -> bool {
    succeeds(&mut program("python3", &["-m", "pip", "--version"]))
}
