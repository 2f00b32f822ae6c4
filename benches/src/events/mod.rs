//! Suite `events`: what an event costs the thread that records it, and what becomes of it.
//!
//! The event: level, name or target, a message, two strings, two integers, one float, in a line of
//! JSON of about 250 bytes in a file that changes with the day. `radiosonde` keeps what was accepted
//! through `kill -9`; a queue in the memory of the process does not. After each round the lines on
//! disk are counted.

mod candidates;
mod lines;
mod subject;
mod work;

use crate::harness::{Better, Candidate, Suite, Workload};
use candidates::limit::Memory;
use candidates::radiosonde::{Macro, Tracing};
use candidates::spans::InSpans;
use candidates::tracing_json::{Floor, TracingJson};
use subject::candidate;
use work::{bursts, disabled, disk, isolated};

/// The suite.
pub(crate) const SUITE: Suite = Suite {
    name: "events",
    about: "what an event costs its caller, and what becomes of it",
    workloads: &[
        Workload {
            name: "macro",
            about: "a business event through the peer's own macro, in bursts of 64",
            candidates: MACRO,
            ..CALLER
        },
        Workload {
            name: "tracing",
            about: "the same through tracing::info!",
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
            about: "one event every 100 us; two looks at the clock are in each figure",
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
            about: "as disk_1, through tracing::info!",
            candidates: DISK_1_TRACING,
            ..DISK
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
    rounds_quick: 3,
    lossless: false,
    candidates: &[],
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

const MACRO: &[Candidate] = &[
    candidate::<Macro>(bursts::run::<Macro>),
    candidate::<TracingJson<false>>(bursts::run::<TracingJson<false>>),
    candidate::<Memory<Macro>>(bursts::limit::<Memory<Macro>>),
];

const TRACING: &[Candidate] = &[
    candidate::<Tracing>(bursts::run::<Tracing>),
    candidate::<TracingJson<false>>(bursts::run::<TracingJson<false>>),
    candidate::<Floor>(bursts::limit::<Floor>),
    candidate::<Memory<Tracing>>(bursts::limit::<Memory<Tracing>>),
];

const IN_SPANS: &[Candidate] = &[
    candidate::<InSpans<Tracing>>(bursts::run::<InSpans<Tracing>>),
    candidate::<InSpans<TracingJson<false>>>(bursts::run::<InSpans<TracingJson<false>>>),
    candidate::<InSpans<Floor>>(bursts::limit::<InSpans<Floor>>),
    candidate::<Memory<InSpans<Tracing>>>(bursts::limit::<Memory<InSpans<Tracing>>>),
];

const ISOLATED: &[Candidate] = &[
    candidate::<Macro>(isolated::run::<Macro>),
    candidate::<TracingJson<false>>(isolated::run::<TracingJson<false>>),
    candidate::<Memory<Macro>>(isolated::limit::<Memory<Macro>>),
];

const DISABLED: &[Candidate] = &[
    candidate::<Macro>(disabled::run::<Macro>),
    candidate::<TracingJson<false>>(disabled::run::<TracingJson<false>>),
    candidate::<Memory<Macro>>(disabled::run::<Memory<Macro>>),
];

const DISK_1: &[Candidate] = &[
    candidate::<Macro>(disk::run::<Macro, 1>),
    candidate::<TracingJson<false>>(disk::run::<TracingJson<false>, 1>),
    candidate::<TracingJson<true>>(disk::run::<TracingJson<true>, 1>),
    candidate::<Memory<Macro>>(disk::limit::<Macro, 1>),
];

const DISK_2: &[Candidate] = &[
    candidate::<Macro>(disk::run::<Macro, 2>),
    candidate::<TracingJson<false>>(disk::run::<TracingJson<false>, 2>),
    candidate::<TracingJson<true>>(disk::run::<TracingJson<true>, 2>),
    candidate::<Memory<Macro>>(disk::limit::<Macro, 2>),
];

const DISK_1_TRACING: &[Candidate] = &[
    candidate::<Tracing>(disk::run::<Tracing, 1>),
    candidate::<TracingJson<false>>(disk::run::<TracingJson<false>, 1>),
    candidate::<TracingJson<true>>(disk::run::<TracingJson<true>, 1>),
    candidate::<Memory<Tracing>>(disk::limit::<Tracing, 1>),
];
