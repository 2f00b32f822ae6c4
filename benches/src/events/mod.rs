//! Suite `events`: what an event costs the thread that records it, and what becomes of it.
//!
//! The event: level, name or target, a message, two strings, two integers, one float, in a line of
//! JSON of about 250 bytes in a file that changes with the day. `radiosonde` keeps what was accepted
//! through `kill -9`; a queue in the memory of the process does not. After each round the lines on
//! disk are counted.

pub(crate) mod candidates;
pub(crate) mod lines;
pub(crate) mod subject;
mod work;

use crate::harness::{Better, Candidate, Layout, Suite, Workload, callgrind};
use candidates::emit::Emit;
use candidates::fast_log::FastLog;
use candidates::ftlog::FtLog;
use candidates::json_subscriber::JsonSubscriber;
use candidates::limit::Memory;
use candidates::log_serde::LogSerde;
use candidates::logforth::Logforth;
use candidates::radiosonde::{Macro, Tracing};
use candidates::slog::Slog;
use candidates::spans::InSpans;
use candidates::spdlog::Spdlog;
use candidates::tracing_json::{Floor, TracingJson};
use subject::candidate;
use work::{bursts, cost, disabled, disk, instructions, isolated, overload};

/// The suite.
pub(crate) const SUITE: Suite = Suite {
    name: "events",
    about: "what an event costs its caller, and what becomes of it",
    prepare: None,
    layout: Layout::Tables,
    workloads: &[
        Workload {
            name: "macro",
            about: "a business event through the peer's own macro, in bursts of 64",
            candidates: MACRO,
            ..CALLER
        },
        Workload {
            name: "tracing",
            about: "the same through the macros of tracing",
            candidates: TRACING,
            ..CALLER
        },
        Workload {
            name: "tracing_in_spans",
            about: "the same inside two spans with five fields",
            candidates: IN_SPANS,
            ..CALLER
        },
        Workload {
            name: "isolated",
            about: "one event every 100 µs; two looks at the clock are in each figure",
            candidates: ISOLATED,
            ..CALLER
        },
        Workload {
            name: "disabled",
            about: "an event below the level that is set at run time",
            candidates: DISABLED,
            ..CALLER
        },
        Workload {
            name: "disk_1",
            about: "full speed from one producer until all lines are in the file",
            candidates: DISK_1,
            ..DISK
        },
        Workload {
            name: "disk_2",
            about: "full speed from two producers until all lines are in the file",
            threads: 2,
            candidates: DISK_2,
            ..DISK
        },
        Workload {
            name: "disk_1_tracing",
            about: "as disk_1, through the macros of tracing",
            candidates: DISK_1_TRACING,
            ..DISK
        },
        Workload {
            name: "overload",
            about: "two producers at full speed for ten seconds (quick: two), or until 1 GiB \
                    (quick: 256 MiB) is queued, with defaults: the share of the events that is lost",
            unit: "share lost",
            threads: 2,
            rounds: 5,
            rounds_quick: 1,
            candidates: OVERLOAD,
            ..CALLER
        },
        Workload {
            name: "cost",
            about: cost::ABOUT,
            unit: "$",
            rounds: 5,
            rounds_quick: 1,
            lossless: true,
            candidates: COST,
            ..CALLER
        },
        Workload {
            name: "instructions",
            about: "instructions of the caller's thread an event, as macro",
            candidates: INSTRUCTIONS,
            ..COUNTED
        },
        Workload {
            name: "instructions_tracing",
            about: "instructions of the caller's thread an event, as tracing",
            candidates: INSTRUCTIONS_TRACING,
            ..COUNTED
        },
    ],
};

/// What the workloads of the caller's cost share.
const CALLER: Workload = Workload {
    name: "",
    about: "",
    unit: "ns",
    better: Better::Less,
    threads: 1,
    rounds: 9,
    rounds_quick: 2,
    lossless: false,
    needs: None,
    environment: &[],
    beside: false,
    candidates: &[],
};

/// What the workloads that count instructions share. Too slow for a quick run.
const COUNTED: Workload = Workload {
    unit: "instructions",
    rounds: 5,
    rounds_quick: 0,
    needs: Some(callgrind::NEEDS),
    ..CALLER
};

/// What the workloads to disk share.
const DISK: Workload = Workload {
    unit: "events/s",
    better: Better::More,
    rounds: 5,
    rounds_quick: 1,
    lossless: true,
    ..CALLER
};

/// Candidates for the work that the function does, and others after them.
macro_rules! candidates {
    ($work:path as $run:ident: $($subject:ty),+; $($more:expr),*) => {{
        use $work as $run;
        &[$(candidate::<$subject>($run::<$subject>),)+ $($more),*]
    }};
}

/// This project and every peer, with its defaults.
macro_rules! everybody {
    ($work:path; $($more:expr),*) => {
        candidates![$work as run:
            Macro, TracingJson<false>, JsonSubscriber<false>, Emit, Logforth<false>, Slog<false>,
            Spdlog, FastLog<false>, FtLog<false>, LogSerde; $($more),*]
    };
}

/// This project and every peer, made to wait where it can be.
macro_rules! waiting {
    ($work:path) => {
        candidates![$work as run:
            Macro, TracingJson<true>, JsonSubscriber<true>, Emit, Logforth<true>, Slog<true>,
            Spdlog, FastLog<true>, FtLog<true>, LogSerde;]
    };
}

/// This project and every peer, with its defaults and, where it then drops or grows, made to wait.
macro_rules! to_disk {
    ($work:path; $($more:expr),+) => {
        candidates![$work as run:
            Macro, TracingJson<false>, TracingJson<true>, JsonSubscriber<false>,
            JsonSubscriber<true>, Emit, Logforth<false>, Logforth<true>, Slog<false>, Slog<true>,
            Spdlog, FastLog<false>, FastLog<true>, FtLog<false>, FtLog<true>, LogSerde;
            $($more),+]
    };
}

const MACRO: &[Candidate] =
    everybody![bursts::run; candidate::<Memory<Macro>>(bursts::limit::<Memory<Macro>>)];

const TRACING: &[Candidate] = candidates![bursts::run as run:
    Tracing, TracingJson<false>, JsonSubscriber<false>;
    candidate::<Floor>(bursts::limit::<Floor>),
    candidate::<Memory<Tracing>>(bursts::limit::<Memory<Tracing>>)];

const IN_SPANS: &[Candidate] = candidates![bursts::run as run:
    InSpans<Tracing>, InSpans<TracingJson<false>>, InSpans<JsonSubscriber<false>>;
    candidate::<InSpans<Floor>>(bursts::limit::<InSpans<Floor>>),
    candidate::<Memory<InSpans<Tracing>>>(bursts::limit::<Memory<InSpans<Tracing>>>)];

const ISOLATED: &[Candidate] =
    everybody![isolated::run; candidate::<Memory<Macro>>(isolated::limit::<Memory<Macro>>)];

const DISABLED: &[Candidate] =
    everybody![disabled::run; candidate::<Memory<Macro>>(disabled::run::<Memory<Macro>>)];

const DISK_1: &[Candidate] =
    to_disk![disk::from_one; candidate::<Memory<Macro>>(disk::limit::<Macro, 1>)];

const DISK_2: &[Candidate] =
    to_disk![disk::from_two; candidate::<Memory<Macro>>(disk::limit::<Macro, 2>)];

const DISK_1_TRACING: &[Candidate] = candidates![disk::from_one as run:
    Tracing, TracingJson<false>, TracingJson<true>, JsonSubscriber<false>, JsonSubscriber<true>;
    candidate::<Memory<Tracing>>(disk::limit::<Tracing, 1>)];

const OVERLOAD: &[Candidate] = everybody![overload::run;];

const COST: &[Candidate] = waiting![cost::run];

const INSTRUCTIONS: &[Candidate] = everybody![instructions::run;
    candidate::<Memory<Macro>>(instructions::limit::<Memory<Macro>>)];

const INSTRUCTIONS_TRACING: &[Candidate] = candidates![instructions::run as run:
    Tracing, TracingJson<false>, JsonSubscriber<false>;
    candidate::<Floor>(instructions::limit::<Floor>),
    candidate::<Memory<Tracing>>(instructions::limit::<Memory<Tracing>>)];
