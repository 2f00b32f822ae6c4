//! Receivers that nobody here wrote, if their tests are to be run.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The folder of a part that `cargo xtask test` installs. `None` where it is not to be used; a failure
/// where it must be there.
pub(crate) fn part(name: &str) -> Option<PathBuf> {
    let without = std::env::var("XTASK_WITHOUT").unwrap_or_default();
    if without.split(',').any(|part| part == name) {
        eprintln!("not run: {name} is left out");
        return None;
    }
    let variable = name.to_uppercase().replace('-', "_");
    // Beside what tests write there, by `cargo xtask test`.
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let installed = kept.read_dir().into_iter().flatten().filter_map(Result::ok);
    let mut installed = installed.map(|entry| entry.path()).filter(|path| {
        path.file_name().is_some_and(|found| found.to_string_lossy().starts_with(name))
    });
    let found = std::env::var_os(&variable).map(PathBuf::from).or_else(|| installed.next());
    if found.is_none() {
        let advice = format!("run `cargo xtask test`, or set {variable} to the folder it is in");
        assert!(std::env::var_os("XTASK_REQUIRE_SERVERS").is_none(), "{name} is missing: {advice}");
        eprintln!("not run: {name} is missing; {advice}");
    }
    found
}

/// A process that ends with the test.
pub(crate) struct Process(pub(crate) Child);

impl Process {
    /// Starts it with nothing in its environment that configures telemetry.
    pub(crate) fn start(command: Command) -> Process {
        Process::start_with(command, &[])
    }

    /// Starts it with these variables, and no others that configure telemetry.
    pub(crate) fn start_with(mut command: Command, variables: &[(&str, &str)]) -> Process {
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if ["OTEL_", "ROTEL_", "RADIOSONDE_"].iter().any(|start| text.starts_with(start)) {
                command.env_remove(name);
            }
        }
        command.envs(variables.iter().copied());
        Process(command.stdin(Stdio::null()).spawn().expect("a program that starts"))
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.0.try_wait().is_ok_and(|status| status.is_some())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended by itself otherwise.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
