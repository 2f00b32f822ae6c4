//! `radiosonde ops`: what follows from the registry.

mod check;
mod diff;
mod input;

use std::io::Write;

use radiosonde_ops::{RegistryError, RegistryErrors, json_schema};

use crate::args::OpsCommand;
use crate::outcome::Stop;
use crate::render::color::{self, Paint};
use crate::render::text::shown;

pub(crate) fn run(command: &OpsCommand, out: &mut dyn Write) -> Result<u8, Stop> {
    match command {
        OpsCommand::Check(args) => check::run(args, out),
        OpsCommand::Diff(args) => diff::run(args, out),
        OpsCommand::Schema => {
            out.write_all(json_schema().as_bytes())?;
            Ok(CLEAN)
        }
    }
}

/// No problem, or nothing that breaks.
const CLEAN: u8 = 0;
/// Problems, or breaking changes.
const PROBLEMS: u8 = 1;

/// Names on stderr what kept a file from being read.
fn tell(errors: &RegistryErrors) {
    for error in &errors.0 {
        eprintln!("radiosonde: {}", told(error, Paint { on: false }));
    }
}

/// `registry.json:12:17: metrics[3].unit: missing unit; add "unit"`, safe to print: a registry may
/// hold anything.
fn told(error: &RegistryError, paint: Paint) -> String {
    let mut place = shown(&error.file);
    if error.line > 0 {
        place.push_str(&format!(":{}:{}", error.line, error.column));
    }
    let mut line = format!("{}: ", paint.with(color::NAME, &place));
    if !error.path.is_empty() {
        line.push_str(&format!("{}: ", shown(&error.path)));
    }
    line.push_str(&format!(
        "{}; {}",
        paint.with(color::BAD, &shown(&error.what)),
        shown(&error.fix)
    ));
    line
}
