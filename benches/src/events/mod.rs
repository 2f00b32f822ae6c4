//! Suite `events`: what one event costs the thread that records it.
//!
//! The event: level, name or target, a message, two strings, two integers, one float, in a line of
//! JSON of about 230 bytes in a file that changes with the day. `radiosonde` keeps what was accepted
//! through `kill -9`; a queue in the memory of the process does not. After each round the lines on
//! disk are counted.

mod limit;
mod radiosonde;
mod tracing_json;

use crate::harness::{Candidate, Role, Round, Suite, Workload, bursts};
use bursts::BURST;
use std::hint::black_box;
use std::io::{BufRead, BufReader};
use std::path::Path;

/// The suite.
pub(crate) const SUITE: Suite = Suite {
    name: "events",
    about: "nanoseconds an event costs its caller, in bursts of 64",
    workloads: &[
        Workload {
            name: "macro",
            about: "a business event: event! against the peer's own macro",
            unit: "ns",
            threads: 1,
            candidates: &[
                Candidate {
                    name: "radiosonde",
                    role: Role::Ours,
                    packages: &["radiosonde"],
                    run: radiosonde::event_macro,
                },
                TRACING_JSON,
                LIMIT,
            ],
        },
        Workload {
            name: "tracing",
            about: "the same through tracing::info!",
            unit: "ns",
            threads: 1,
            candidates: &[
                Candidate {
                    name: "radiosonde",
                    role: Role::Ours,
                    packages: &["radiosonde"],
                    run: radiosonde::through_tracing,
                },
                TRACING_JSON,
                LIMIT,
            ],
        },
    ],
};

const TRACING_JSON: Candidate = Candidate {
    name: "tracing-json",
    role: Role::Peer,
    packages: &["tracing-subscriber", "tracing-appender"],
    run: tracing_json::run,
};

const LIMIT: Candidate =
    Candidate { name: "limit", role: Role::Limit, packages: &[], run: limit::run };

/// Every event's line has it, and no other line.
const MARK: &str = "\"user.action\"";

/// What varies from event to event, the same for every candidate.
struct Fields {
    page: &'static str,
    user: &'static str,
    items: u64,
    attempt: i64,
    ratio: f64,
}

impl Fields {
    /// The fields of the event with this number, made beforehand: what is measured is recording them.
    fn of(number: u64) -> &'static Fields {
        static ALL: [Fields; BURST] = Fields::all();
        black_box(&ALL[number as usize % BURST])
    }

    const fn all() -> [Fields; BURST] {
        const PAGES: [&str; 4] = ["/orders/open", "/orders/all", "/search", "/account/settings"];
        const USERS: [&str; 4] = ["u-20931", "u-7", "u-118220", "u-4410"];
        let mut all =
            [const { Fields { page: "", user: "", items: 0, attempt: 0, ratio: 0.0 } }; BURST];
        let mut at = 0;
        while at < BURST {
            let number = at as u64 + 1;
            all[at] = Fields {
                page: PAGES[at % 4],
                user: USERS[at / 4 % 4],
                items: number * 7919 % 100_000,
                attempt: at as i64 % 5 - 1,
                ratio: number as f64 / 67.0,
            };
            at += 1;
        }
        all
    }
}

/// How many of the round's events are neither on disk nor among those that were dropped and counted.
fn lost(round: &Round, dropped: u64) -> Result<u64, String> {
    let (calls, written) = (bursts::calls(round.bursts), lines_with(&round.folder, MARK)?);
    let lost = calls.checked_sub(written + dropped);
    lost.ok_or_else(|| format!("{written} lines and {dropped} dropped, but only {calls} events"))
}

/// Lines with `needle` in the files of the folder itself.
fn lines_with(folder: &Path, needle: &str) -> Result<u64, String> {
    let wrong = |error: std::io::Error| format!("cannot read {}: {error}", folder.display());
    let mut count = 0;
    for entry in std::fs::read_dir(folder).map_err(wrong)? {
        let path = entry.map_err(wrong)?.path();
        if path.is_dir() {
            continue;
        }
        let file = std::fs::File::open(&path).map_err(wrong)?;
        for line in BufReader::new(file).split(b'\n') {
            let line = line.map_err(wrong)?;
            count += u64::from(line.windows(needle.len()).any(|part| part == needle.as_bytes()));
        }
    }
    Ok(count)
}
