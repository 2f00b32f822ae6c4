//! What to write instead, where somebody writes what other programs understand.

use std::ffi::OsString;

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Error};

use super::environment::{is_typed, option};
use crate::places;
use crate::render::text::shown;

/// The error of a command line with a tip, where there is one.
pub(super) fn with_tip(error: Error, args: &[OsString]) -> Error {
    match error.kind() {
        ErrorKind::UnknownArgument => of_unknown(error),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => of_value(error, args),
        _ => error,
    }
}

/// Of an option that there is not, or of a word that has no option before it.
fn of_unknown(mut error: Error) -> Error {
    let Some(ContextValue::String(given)) = error.get(ContextKind::InvalidArg) else {
        return error;
    };
    let is_option = given.starts_with('-');
    let tip = match is_option {
        true => tip(given).map(str::to_owned),
        false => Some(places::meant(given).unwrap_or_else(|| PLACES.to_owned())),
    };
    if tip.is_some() {
        // What clap proposes is what sounds alike.
        let _ = error.remove(ContextKind::SuggestedArg);
    }
    if tip.is_some() || is_option {
        // That it may be a value is true of few.
        let _ = error.remove(ContextKind::Suggested);
    }
    if let Some(tip) = tip {
        let tips = ContextValue::StyledStrs(vec![StyledStr::from(tip)]);
        let _ = error.insert(ContextKind::Suggested, tips);
    }
    error
}

/// Of a value, which may be from the environment: nobody has typed that option.
fn of_value(mut error: Error, args: &[OsString]) -> Error {
    let Some(ContextValue::String(named)) = error.get(ContextKind::InvalidArg) else {
        return error;
    };
    let long = named.split([' ', '=']).next().and_then(|option| option.strip_prefix("--"));
    let is_it = |arg: &Arg| arg.get_long() == long && long.is_some();
    let variable = option(args, &is_it).filter(|arg| !is_typed(arg, args));
    if let Some(variable) =
        variable.and_then(|arg| arg.get_env().map(std::ffi::OsStr::to_os_string))
    {
        let name = shown(&variable.to_string_lossy());
        let _ = error.insert(ContextKind::InvalidArg, ContextValue::String(name));
    }
    error
}

fn tip(given: &str) -> Option<&'static str> {
    let option = given.split('=').next().unwrap_or_default();
    if option.trim_start_matches('-').parse::<u64>().is_ok() {
        return Some("the newest N lines: -n N");
    }
    let option = option.strip_prefix("--").unwrap_or(option);
    TIPS.iter().find(|(options, _)| options.contains(&option)).map(|(_, tip)| *tip)
}

const PLACES: &str = "several directories or files: each behind a --dir of its own, or a pattern in \
                      quotes, --dir 'm/*'";

const TIPS: [(&[&str], &str); 8] = [
    (
        &[
            "grep", "search", "query", "text", "pattern", "regex", "message", "msg", "filter",
            "-g", "-e",
        ],
        "words of a line: --where 'msg~=timed out', with a regular expression",
    ),
    (
        &["-i", "ignore-case", "-v", "invert-match"],
        "words of a line: --where 'msg~=(?i)timed out', and !~= for the lines without them",
    ),
    (&["reverse", "-r", "head", "lines"], "the newest lines are last; -n N for the newest N"),
    (&["source", "module", "target", "logger"], "where a line comes from: --where source=NAME"),
    (&["span", "span-id", "id"], "--where span_id=ID or --where id=ID"),
    (&["file", "path", "input", "directory"], "directories and files: --dir PATH"),
    (&["format"], "shapes of the output: -o table, json, raw or csv"),
    (&["from", "after", "to", "before"], "spans of time: --since WHEN and --until WHEN"),
];
