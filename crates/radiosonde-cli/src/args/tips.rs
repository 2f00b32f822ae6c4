//! What to write instead, where somebody writes what other programs understand.

use clap::Error;
use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};

/// The error with a tip, where there is one.
pub(super) fn with_tip(mut error: Error) -> Error {
    if error.kind() != ErrorKind::UnknownArgument {
        return error;
    }
    let tip = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(given)) => tip(given),
        _ => None,
    };
    if let Some(tip) = tip {
        // What clap proposes is what sounds alike.
        let _ = error.remove(ContextKind::SuggestedArg);
        let tips = ContextValue::StyledStrs(vec![StyledStr::from(tip)]);
        let _ = error.insert(ContextKind::Suggested, tips);
    }
    error
}

fn tip(given: &str) -> Option<&'static str> {
    let Some(option) = given.strip_prefix("--") else {
        return (!given.starts_with('-')).then_some(PLACES);
    };
    let option = option.split('=').next().unwrap_or_default();
    TIPS.iter().find(|(options, _)| options.contains(&option)).map(|(_, tip)| *tip)
}

const PLACES: &str = "several directories or files: each behind a --dir of its own, or a pattern in \
                      quotes, --dir 'm/*'";

const TIPS: [(&[&str], &str); 6] = [
    (
        &["grep", "search", "query", "text", "pattern", "regex", "message", "msg", "filter"],
        "words of a line: --where 'msg~=timed out', with a regular expression",
    ),
    (&["source", "module", "target", "logger"], "where a line comes from: --where source=NAME"),
    (&["span", "span-id", "id"], "--where span_id=ID or --where id=ID"),
    (&["file", "path", "input", "directory"], "directories and files: --dir PATH"),
    (&["format"], "shapes of the output: -o table, json, raw or csv"),
    (&["from", "after", "to", "before"], "spans of time: --since WHEN and --until WHEN"),
];
