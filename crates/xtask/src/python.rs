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
    /// What comes with it: pip is not asked to find that out, so that all versions stand here.
    with: &'static [&'static str],
    /// What pip has to be told besides.
    options: &'static [&'static str],
    /// What programs import.
    modules: &'static [&'static str],
}

/// The official client library, for its two parsers.
pub(crate) const PROMETHEUS_CLIENT: Package = Package {
    name: "prometheus-client",
    version: "0.26.0",
    with: &[],
    options: &[],
    modules: &["prometheus_client"],
};

/// The OpenTelemetry SDK and gRPC, for a program that calls ours and is called back.
pub(crate) const OPENTELEMETRY_SDK: Package = Package {
    name: "opentelemetry-sdk",
    version: "1.45.2",
    with: &[
        "opentelemetry-api==1.45.2",
        "opentelemetry-semantic-conventions==0.66b2",
        "opentelemetry-propagator-b3==1.45.1",
        "typing-extensions==4.16.0",
        "grpcio==1.85.1",
    ],
    options: &[],
    modules: &["opentelemetry.sdk.trace", "opentelemetry.propagators.b3", "grpc"],
};

/// OpenTelemetry's own messages and services, for a receiver that nobody here wrote.
pub(crate) const OPENTELEMETRY_PROTO: Package = Package {
    name: "opentelemetry-proto",
    version: "1.45.2",
    with: &["protobuf==7.36.2", "grpcio==1.85.1", "typing-extensions==4.16.0"],
    options: &[],
    modules: &["opentelemetry.proto.collector.trace.v1", "google.protobuf", "grpc"],
};

/// A collector. The package is a program with a wheel around it: no Python runs it, so any wheel for
/// this machine will do.
pub(crate) const ROTEL: Package = Package {
    name: "rotel",
    version: "0.0.1a15",
    with: &[],
    options: &["--only-binary=:all:", "--python-version", "3.11"],
    modules: &["rotel"],
};

impl Package {
    /// The folder it is in; `python3` when any program of Python finds it.
    pub(crate) fn find(&self, variable: &str) -> Option<String> {
        let named = std::env::var_os(variable).map(PathBuf::from);
        let folders = named.into_iter().chain([self.folder()]);
        let holds = |folder: &PathBuf| {
            self.modules.iter().all(|module| folder.join(module.replace('.', "/")).is_dir())
        };
        if let Some(folder) = folders.into_iter().find(holds) {
            return Some(folder.to_string_lossy().into_owned());
        }
        let import = format!("import {}", self.modules.join(", "));
        succeeds(&mut program("python3", &["-c", &import])).then(|| "python3".to_owned())
    }

    /// The command that brings it into a folder of ours: no system and no user is changed.
    pub(crate) fn install(&self) -> Vec<String> {
        let requirement = format!("{}=={}", self.name, self.version);
        let folder = self.folder().to_string_lossy().into_owned();
        let words = ["python3", "-m", "pip", "install", "--quiet", "--no-deps", "--target"];
        let with = self.with.iter().map(ToString::to_string);
        let options = self.options.iter().map(ToString::to_string);
        let words = words.into_iter().map(str::to_owned).chain([folder]).chain(options);
        words.chain([requirement]).chain(with).collect()
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
