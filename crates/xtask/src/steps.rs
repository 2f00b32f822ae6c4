//! Running other programs: sections in the output, what failed, how long it took.

use std::io::{BufRead, BufReader, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The folder of the workspace, wherever the command was started.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// `cargo` with these arguments, to be run in the workspace by the toolchain that runs us.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command =
        program(&std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()), arguments);
    // Set for us by the outer cargo; inherited, they would describe xtask to the inner one.
    for inherited in ["CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "CARGO_PKG_NAME"] {
        command.env_remove(inherited);
    }
    command
}

/// Any program with these arguments, to be run in the workspace.
pub(crate) fn program(name: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(name);
    command.args(arguments).current_dir(root());
    command
}

/// Whether the command can be started and ends well; its output is not shown.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// Announces a section of the output.
pub(crate) fn section(title: &str) {
    println!("\n=== {title}");
    let _ = std::io::stdout().flush();
}

/// What came of one command.
pub(crate) struct Outcome {
    /// It started and ended with status 0.
    pub(crate) ok: bool,
    /// Lines of stderr that start with `warning:`, without colours.
    pub(crate) warnings: Vec<String>,
}

/// Runs a command, shows what it prints while it prints it, and hands each line of stdout to `see`.
pub(crate) fn watch(command: &mut Command, mut see: impl FnMut(&str) + Send) -> Outcome {
    println!("$ {}", shown(command));
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => {
            eprintln!("cannot start `{}`: {error}", command.get_program().to_string_lossy());
            return Outcome { ok: false, warnings: Vec::new() };
        }
    };
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let mut warnings = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            copy(stderr, std::io::stderr(), |line| {
                if line.starts_with("warning:") {
                    warnings.push(line.trim_end().to_owned());
                }
            });
        });
        copy(stdout, std::io::stdout(), &mut see);
    });
    let ok = child.wait().is_ok_and(|status| status.success());
    Outcome { ok, warnings }
}

/// Copies line by line; what is not UTF-8 passes through unharmed.
fn copy(from: Option<impl Read>, mut to: impl Write, mut see: impl FnMut(&str)) {
    let Some(from) = from else { return };
    let mut reader = BufReader::new(from);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        let _ = to.write_all(&line);
        see(&plain(&String::from_utf8_lossy(&line)));
        line.clear();
    }
    let _ = to.flush();
}

/// The text without terminal colour sequences.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\x1b[") {
        out.push_str(before);
        rest = after.split_once(|end: char| end.is_ascii_alphabetic()).map_or("", |(_, rest)| rest);
    }
    out + rest
}

/// Cargo's own colours survive the pipe when a person is watching.
pub(crate) fn colour() -> &'static str {
    let wanted = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    if wanted { "--color=always" } else { "--color=never" }
}

fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let program = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy();
    let settings = command
        .get_envs()
        .filter_map(|(key, value)| Some((key.to_string_lossy(), value?.to_string_lossy())))
        .map(|(key, value)| {
            let quote = if value.contains(' ') { "\"" } else { "" };
            format!("{key}={quote}{value}{quote} ")
        });
    let arguments = command.get_args().map(|argument| format!(" {}", argument.to_string_lossy()));
    settings.chain([program.into_owned()]).chain(arguments).collect()
}

/// Keeps the names and times of the sections of one run.
pub(crate) struct Run {
    started: Instant,
    done: Vec<(String, bool, Duration)>,
}

impl Run {
    /// Starts the clock.
    pub(crate) fn new() -> Run {
        Run { started: Instant::now(), done: Vec::new() }
    }

    /// Runs one section; a failure does not keep the next from running, so that one run shows all.
    pub(crate) fn step(&mut self, name: &str, work: impl FnOnce() -> bool) -> bool {
        section(name);
        let started = Instant::now();
        let ok = work();
        self.done.push((name.to_owned(), ok, started.elapsed()));
        ok
    }

    /// Prints how each section went and the total time; true when all went well.
    pub(crate) fn close(self) -> bool {
        section("summary");
        for (name, ok, took) in &self.done {
            let verdict = if *ok { "ok" } else { "FAILED" };
            println!("{verdict:>7}  {:>8}  {name}", seconds(*took));
        }
        println!("  total  {:>8}", seconds(self.started.elapsed()));
        self.done.iter().all(|(_, ok, _)| *ok)
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_do_not_hide_a_warning() {
        for (given, expected) in [
            ("warning: unused", "warning: unused"),
            ("\x1b[1m\x1b[33mwarning\x1b[0m\x1b[1m: unused\x1b[0m", "warning: unused"),
            ("cut off \x1b[", "cut off "),
        ] {
            assert_eq!(plain(given), expected);
        }
    }

    #[test]
    fn the_root_holds_the_workspace() {
        assert!(root().join("Cargo.lock").is_file(), "{}", root().display());
    }

    #[test]
    fn a_program_that_does_not_exist_is_a_failure_and_no_panic() {
        let mut missing = program("radiosonde-no-such-program", &[]);
        assert!(!watch(&mut missing, |_| ()).ok);
        assert!(!succeeds(&mut missing));
    }
}
