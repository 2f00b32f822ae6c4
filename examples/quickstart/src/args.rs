//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

/// What was asked for.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Args {
    /// Exports to ingest; the committed set when empty.
    pub files: Vec<PathBuf>,
    /// Go on until told to stop.
    pub serve: bool,
    /// Where to offer `/metrics`.
    pub prometheus: Option<String>,
}

/// Why a command line was not understood.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ArgsError {
    /// Help was asked for: not a mistake, but nothing to run either.
    #[error("help")]
    Help,
    /// An option that wants a value has none, or a wrong one.
    #[error("{option} needs {wanted}")]
    Value {
        /// The option.
        option: &'static str,
        /// What it wants.
        wanted: &'static str,
    },
    /// An option nobody knows.
    #[error("unknown option {0}; see --help")]
    Unknown(String),
}

/// The text of `--help`.
pub const HELP: &str = "\
Ingests usage exports, window by window, and shows what radiosonde makes of it.

Usage: quickstart [OPTIONS] [FILE]...

Arguments:
  [FILE]...          Usage exports, CSV or JSON; without any: the committed set
                     (three providers, 30 days, with gaps, duplicates and malformed rows)

Options:
      --serve              Go on, a run every 30 s, until Ctrl-C or SIGTERM; offers /metrics
      --prometheus <ADDR>  Offer /metrics, /health and /report there [--serve: 127.0.0.1:9464]
  -h, --help               Print this

Telemetry goes to ./data/telemetry, or to RADIOSONDE_DIR when that is set.

Examples:
  cargo run -p quickstart
  cargo run -p quickstart -- exports/acme-2026-09.csv exports/globex-2026-09.jsonl
  cargo run -p quickstart -- --serve --prometheus 127.0.0.1:9500
  RUST_LOG=debug cargo run -p quickstart

Exit codes: 0 done (failed windows are in the summary), 1 no file could be read, 2 usage.
";

/// Reads the arguments after the program's name.
///
/// # Errors
/// Help was asked for, or the line is not understood.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Args, ArgsError> {
    let mut args = Args::default();
    let mut arguments = arguments.into_iter();
    let mut only_files = false;
    while let Some(argument) = arguments.next() {
        let text = argument.to_string_lossy().into_owned();
        if only_files || !text.starts_with('-') {
            args.files.push(argument.into());
            continue;
        }
        let (name, inline) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text.as_str(), None),
        };
        let mut value = |option, wanted| {
            let given = inline.clone().or_else(|| arguments.next()?.into_string().ok());
            given.filter(|value| !value.is_empty()).ok_or(ArgsError::Value { option, wanted })
        };
        match name {
            "--" => only_files = true,
            "-h" | "--help" => return Err(ArgsError::Help),
            "--serve" if inline.is_none() => args.serve = true,
            "--prometheus" => {
                args.prometheus = Some(value("--prometheus", "an address like 127.0.0.1:9464")?);
            }
            _ => return Err(ArgsError::Unknown(text)),
        }
    }
    if args.serve && args.prometheus.is_none() {
        args.prometheus = Some("127.0.0.1:9464".to_owned());
    }
    Ok(args)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str) -> Result<Args, ArgsError> {
        parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn options_and_files() {
        assert_eq!(check(""), Ok(Args::default()));
        assert_eq!(check("a.csv -- -b.json").unwrap().files.len(), 2);
        let args = check("--serve").unwrap();
        assert_eq!((args.serve, args.prometheus.as_deref()), (true, Some("127.0.0.1:9464")));
        let args = check("--prometheus=127.0.0.1:0").unwrap();
        assert_eq!((args.serve, args.prometheus.as_deref()), (false, Some("127.0.0.1:0")));
    }

    #[test]
    fn mistakes_are_named() {
        for (line, message) in [
            ("--frobnicate", "unknown option --frobnicate; see --help"),
            ("--serve=yes", "unknown option --serve=yes; see --help"),
            ("--prometheus", "--prometheus needs an address like 127.0.0.1:9464"),
            ("a.csv -h --nonsense", "help"),
        ] {
            assert_eq!(check(line).unwrap_err().to_string(), message);
        }
    }
}
