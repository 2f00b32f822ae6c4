//! What is asked, in the words of each program.

use super::lines::Subject;
use radiosonde_store::{Level, Query};
use std::path::PathBuf;

/// A question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// The lines of a job.
    Job,
    /// Of it, those at least this severe.
    JobInfo,
    /// The lines of a trace.
    Trace,
    /// The lines of the traces whose id begins so.
    Prefix,
    /// The lines of a session.
    Session,
    /// What is at least an error.
    Errors,
    /// Events of a name.
    Evt,
    /// A minute.
    Window,
    /// The lines of a machine.
    Machine,
    /// What took longest, by a number in `meta`.
    Slow,
    /// The fifty newest lines.
    Newest,
}

/// Digits of a trace id that are given of it.
const PREFIX_DIGITS: usize = 10;
/// The name of the events that are asked for.
const EVT: &str = "openrouter_error";
/// Lines asked for by [`Ask::Newest`].
pub(super) const NEWEST: usize = 50;
/// What counts as slow.
const SLOW_MS: u32 = 8_185;

impl Ask {
    pub(super) const ALL: [Ask; 11] = [
        Ask::Job,
        Ask::JobInfo,
        Ask::Trace,
        Ask::Prefix,
        Ask::Session,
        Ask::Errors,
        Ask::Evt,
        Ask::Window,
        Ask::Machine,
        Ask::Slow,
        Ask::Newest,
    ];

    /// Its name, also of the file with the reference's answer.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Ask::Job => "job",
            Ask::JobInfo => "job_info",
            Ask::Trace => "trace",
            Ask::Prefix => "prefix",
            Ask::Session => "session",
            Ask::Errors => "errors",
            Ask::Evt => "evt",
            Ask::Window => "window",
            Ask::Machine => "machine",
            Ask::Slow => "slow",
            Ask::Newest => "newest",
        }
    }

    /// For our command line.
    pub(super) fn words(self, of: &Subject) -> Vec<String> {
        let words: &[&str] = match self {
            Ask::Job => &["--job", &of.job],
            Ask::JobInfo => &["--job", &of.job, "--level", "info"],
            Ask::Trace => &["--trace", &of.trace],
            Ask::Prefix => &["--trace", &of.trace[..PREFIX_DIGITS]],
            Ask::Session => &["--session", &of.session],
            Ask::Errors => &["--level", "error"],
            Ask::Evt => &["--evt", EVT],
            Ask::Window => &["--since", &of.since, "--until", &of.until],
            Ask::Machine => &["--machine", &of.machine],
            Ask::Slow => &["--where", &format!("duration_ms>={SLOW_MS}")],
            Ask::Newest => &["-n", "50"],
        };
        words.iter().map(ToString::to_string).collect()
    }

    /// For our library; none where it is a matter of the command line.
    pub(super) fn query(self, of: &Subject, place: PathBuf) -> Option<Query> {
        let mut query = Query::new(vec![place]);
        let time = |text: &str| text.parse().ok();
        match self {
            Ask::Job => query.job = Some(of.job.clone()),
            Ask::JobInfo => {
                query.job = Some(of.job.clone());
                query.level = Some(Level::Info);
            }
            Ask::Trace => query.traces = vec![of.trace.clone()],
            Ask::Prefix => query.traces = vec![of.trace[..PREFIX_DIGITS].to_owned()],
            Ask::Session => query.session = Some(of.session.clone()),
            Ask::Errors => query.level = Some(Level::Error),
            Ask::Evt => query.evt = vec![EVT.to_owned()],
            Ask::Window => (query.since, query.until) = (time(&of.since), time(&of.until)),
            Ask::Machine => query.machine = Some(of.machine.clone()),
            Ask::Slow => return None,
            Ask::Newest => (query.limit, query.tail) = (Some(NEWEST), true),
        }
        Some(query)
    }

    /// For a search for texts: one of them stands in a line of the answer and in no other. None where
    /// no text tells.
    pub(super) fn needles(self, of: &Subject) -> Option<Vec<String>> {
        let member = |key: &str, value: &str| format!("\"{key}\":\"{value}\"");
        Some(match self {
            Ask::Job => vec![member("job_id", &of.job)],
            Ask::Trace => vec![member("trace_id", &of.trace)],
            Ask::Prefix => vec![format!("\"trace_id\":\"{}", &of.trace[..PREFIX_DIGITS])],
            Ask::Session => vec![member("session_id", &of.session)],
            Ask::Errors => vec![member("level", "error"), member("level", "critical")],
            Ask::Evt => vec![member("evt", EVT)],
            Ask::Machine => vec![member("machine_id", &of.machine)],
            Ask::JobInfo | Ask::Window | Ask::Slow | Ask::Newest => return None,
        })
    }

    /// For jq and jaq: whether a line is one of the answer. The newest are no matter of one line.
    pub(super) fn filter(self, of: &Subject) -> Option<String> {
        let Subject { job, trace, session, machine, since, until } = of;
        let prefix = &trace[..PREFIX_DIGITS];
        let is_error = ".level == \"error\" or .level == \"critical\"";
        Some(match self {
            Ask::Job => format!(".job_id == \"{job}\""),
            Ask::JobInfo => format!(".job_id == \"{job}\" and .level != \"debug\""),
            Ask::Trace => format!(".trace_id == \"{trace}\""),
            Ask::Prefix => format!(".trace_id | startswith(\"{prefix}\")"),
            Ask::Session => format!(".session_id == \"{session}\""),
            Ask::Errors => is_error.to_owned(),
            Ask::Evt => format!(".evt == \"{EVT}\""),
            // `.` stands before every digit that these leave out.
            Ask::Window => format!(".ts >= \"{}\" and .ts < \"{}\"", open(since), open(until)),
            Ask::Machine => format!(".machine_id == \"{machine}\""),
            Ask::Slow => format!(".meta.duration_ms >= {SLOW_MS}"),
            Ask::Newest => return None,
        })
    }

    /// For DuckDB: the columns it needs, and the condition.
    pub(super) fn columns(self, of: &Subject) -> Option<(&'static str, String)> {
        Some(match self {
            Ask::Job => ("'job_id': 'VARCHAR'", format!("job_id = '{}'", of.job)),
            Ask::Errors => ("'level': 'VARCHAR'", "level IN ('error', 'critical')".to_owned()),
            Ask::Slow => {
                ("'meta': 'STRUCT(duration_ms DOUBLE)'", format!("meta.duration_ms >= {SLOW_MS}"))
            }
            _ => return None,
        })
    }
}

/// A time without the letter behind it, below all times of the same second.
fn open(time: &str) -> &str {
    time.trim_end_matches('Z')
}
