//! Several values behind one option: what a shell makes of a pattern, and conditions.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use super::values::trace_arg;
use crate::{nothing, places};

/// `--where a=1 b=2` with an option before each condition: what follows a condition and looks like one
/// is one, and what does not, an id or a file, is not taken for one. `--dir m/*`, which a shell makes
/// into several, likewise: what follows is one where it is there and the command could mean nothing else
/// by it.
pub(super) fn spread(args: Vec<OsString>) -> Vec<OsString> {
    let mut spread = Vec::with_capacity(args.len());
    let command = args.get(1).and_then(|command| command.to_str()).unwrap_or_default().to_owned();
    let mut args = args.into_iter().peekable();
    while let Some(arg) = args.next() {
        let is_end = arg == "--";
        let option = [WHERE, DIR].into_iter().find(|option| begins(&arg, option));
        let is_alone = option.is_some_and(|option| arg == option);
        spread.push(arg);
        if is_end {
            spread.extend(args);
            return spread;
        }
        let Some(option) = option else { continue };
        if is_alone {
            spread.extend(args.next());
        }
        let fits = |next: &OsString| match option {
            WHERE => is_condition(next),
            _ => is_place(next, &command),
        };
        while let Some(next) = args.next_if(fits) {
            spread.extend([option.into(), next]);
        }
    }
    spread
}

/// Whether an argument is this option, alone or with a value.
pub(super) fn begins(arg: &OsStr, option: &str) -> bool {
    let value = arg.to_str().and_then(|arg| arg.strip_prefix(option));
    value.is_some_and(|value| value.is_empty() || value.starts_with('='))
}

/// Whether an argument can be nothing but a path to this command. No id has a `/`.
fn is_place(arg: &OsStr, command: &str) -> bool {
    let text = arg.to_string_lossy();
    if text.starts_with('-') || Path::new(arg).symlink_metadata().is_err() {
        return false;
    }
    let is_telemetry = || Path::new(arg).is_file() || nothing::is_telemetry(Path::new(arg));
    text.contains('/')
        || match command {
            "correlate" | "metrics" => is_telemetry(),
            "trace" => trace_arg(&text).is_err() && is_telemetry(),
            // These have other words of their own.
            "completions" | "help" | "ops" | "spool" => false,
            _ => true,
        }
}

/// Whether an argument can be nothing but a condition. `date=2025-10-06/app.log` looks like one.
fn is_condition(arg: &OsStr) -> bool {
    let text = arg.to_string_lossy();
    !text.starts_with('-')
        && (text.contains(['=', '<', '>']) || text.ends_with('?'))
        && !places::is_there(Path::new(arg))
}

const DIR: &str = "--dir";
const WHERE: &str = "--where";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_conditions_stand_behind_one_option_and_nothing_else_is_taken() {
        for (given, expect) in [
            (
                "logs --where a=1 b>=2 c~=x d? -n 5",
                "logs --where a=1 --where b>=2 --where c~=x --where d? -n 5",
            ),
            ("trace --where a=1 0edadbc0", "trace --where a=1 0edadbc0"),
            ("logs --where=a=1 b!=2 --evt x", "logs --where=a=1 --where b!=2 --evt x"),
            ("logs --where nonsense a=1", "logs --where nonsense --where a=1"),
            ("logs --where a=1 --dir=x b=2", "logs --where a=1 --dir=x b=2"),
            ("logs --where", "logs --where"),
            ("logs -- --where a=1 b=2", "logs -- --where a=1 b=2"),
        ] {
            let args = given.split(' ').map(OsString::from).collect();
            let words: Vec<_> =
                spread(args).into_iter().map(|arg| arg.into_string().unwrap()).collect();
            assert_eq!(words.join(" "), expect);
        }
    }
}
