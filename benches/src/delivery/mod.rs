//! Suite `delivery`: what arrives at a receiver of OTLP that fails, from programs that die.
//!
//! A cell is one fault, one signal and one transport. Processes of their own hand over events, each with
//! its number, and count the calls that have returned in a file mapping, which survives them; the
//! receiver of the test kit plays the fault and counts which numbers arrive. A cell says which share of
//! the calls that had returned arrived in the end. For radiosonde that is after the next start of the
//! program, where anything was left; `at exit` says what had arrived before it.
//!
//! Of metrics it is points that are promised: those of each snapshot that was taken. The process counts them
//! in the same mapping, the receiver counts which arrive, and the share is of those. An increment that no
//! snapshot held when its process was killed is gone on both sides; the figure `increments` has their share.

mod arrivals;
mod caller;
mod case;
mod drain;
mod emitter;
mod ours;
mod processes;
mod stock;
mod watch;

use crate::harness::{
    Better, Candidate, Layout, Measured, Overflow, Role, Round, Size, Suite, Workload,
};
use emitter::Emitter;
use ours::Ours;
use stock::Stock;

/// One emitter at one kind of cell: told by the size, a process sends, or watches others send.
fn run<E: Emitter>(
    round: &Round,
    watch: fn(&Round) -> Result<Measured, String>,
) -> Result<Measured, String> {
    match round.size {
        Size::Bursts(_) => {
            emitter::run::<E>(round)?;
            Ok(Measured { samples: vec![0.0], ..Measured::default() })
        }
        Size::Whole | Size::Quick => watch(round),
    }
}

fn deliver<E: Emitter>(round: &Round) -> Result<Measured, String> {
    run::<E>(round, watch::watch)
}

fn times<E: Emitter>(round: &Round) -> Result<Measured, String> {
    run::<E>(round, caller::times)
}

fn drained<E: Emitter>(round: &Round) -> Result<Measured, String> {
    run::<E>(round, drain::drained)
}

const fn ours(
    name: &'static str,
    overflow: Overflow,
    run: fn(&Round) -> Result<Measured, String>,
) -> Candidate {
    Candidate { name, role: Role::Ours, overflow, packages: &["radiosonde", "tracing"], run }
}

const fn stock(run: fn(&Round) -> Result<Measured, String>) -> Candidate {
    Candidate {
        name: "opentelemetry",
        role: Role::Peer,
        overflow: Overflow::Drops,
        packages: &["opentelemetry_sdk", "opentelemetry-otlp"],
        run,
    }
}

const BOTH: &[Candidate] =
    &[ours("radiosonde", Overflow::Drops, deliver::<Ours<false>>), stock(deliver::<Stock>)];

/// With one of ours that waits for room in its ring, as a program may that would rather wait than lose.
const WITH_PATIENCE: &[Candidate] = &[
    ours("radiosonde", Overflow::Drops, deliver::<Ours<false>>),
    ours("radiosonde-patient", Overflow::Waits, deliver::<Ours<true>>),
    stock(deliver::<Stock>),
];

const CALLERS: &[Candidate] = &[
    ours("radiosonde", Overflow::Drops, times::<Ours<false>>),
    ours("radiosonde-shm", Overflow::Drops, times::<Ours<false>>),
    stock(times::<Stock>),
];

/// They wait for room in their ring: what is left behind is to be all of it.
const DRAINS: &[Candidate] = &[
    ours("radiosonde", Overflow::Waits, drained::<Ours<true>>),
    ours("radiosonde-unpaced", Overflow::Waits, drained::<Ours<true>>),
];

/// What the cells share.
const CELL: Workload = Workload {
    name: "",
    about: "",
    unit: "%",
    better: Better::More,
    threads: 1,
    rounds: 1,
    rounds_quick: 1,
    lossless: false,
    needs: None,
    environment: &[],
    beside: false,
    candidates: BOTH,
};

/// What a call costs.
const CALLER: Workload =
    Workload { unit: "µs", better: Better::Less, rounds: 3, candidates: CALLERS, ..CELL };

/// A fault with each signal and transport. A quick run does spans over HTTP of each. A program that is too
/// short for a snapshot promises nothing of its metrics, and a burst is one of times.
macro_rules! cells {
    ($($fault:literal: $about:literal;)+) => {
        &[
            $(
                cell(concat!($fault, "/spans/http"), $about, 1),
                cell(concat!($fault, "/spans/grpc"), $about, 0),
                cell(concat!($fault, "/logs/http"), $about, 0),
                cell(concat!($fault, "/logs/grpc"), $about, 0),
                cell(concat!($fault, "/metrics/http"), $about, 0),
                cell(concat!($fault, "/metrics/grpc"), $about, 0),
            )+
            cell("short/spans/http", SHORT, 1),
            cell("short/spans/grpc", SHORT, 0),
            cell("short/logs/http", SHORT, 0),
            cell("short/logs/grpc", SHORT, 0),
            burst("burst/spans/http", 1),
            burst("burst/spans/grpc", 0),
            burst("burst/logs/http", 0),
            burst("burst/logs/grpc", 0),
            burst("burst/metrics/http", 0),
            burst("burst/metrics/grpc", 0),
            Workload { name: "caller_healthy/spans/http", about: HEALTHY, ..CALLER },
            Workload { name: "caller_healthy/spans/grpc", about: HEALTHY, rounds_quick: 0, ..CALLER },
            Workload { name: "caller_healthy/logs/http", about: HEALTHY, rounds_quick: 0, ..CALLER },
            Workload { name: "caller_hung/spans/http", about: HUNG, ..CALLER },
            Workload { name: "caller_hung/spans/grpc", about: HUNG, rounds_quick: 0, ..CALLER },
            Workload { name: "caller_hung/logs/http", about: HUNG, rounds_quick: 0, ..CALLER },
            Workload { name: "caller_healthy_awake/spans/http", about: AWAKE, ..CALLER },
            Workload { name: "caller_healthy_awake/logs/http", about: AWAKE, rounds_quick: 0, ..CALLER },
            Workload { name: "caller_hung_awake/spans/http", about: HUNG_AWAKE, ..CALLER },
            Workload { name: "caller_hung_awake/logs/http", about: HUNG_AWAKE, rounds_quick: 0, ..CALLER },
            Workload {
                name: "drain",
                about: DRAIN,
                unit: "records/s",
                rounds: 3,
                candidates: DRAINS,
                ..CELL
            },
        ]
    };
}

const fn cell(name: &'static str, about: &'static str, rounds_quick: usize) -> Workload {
    Workload { name, about, rounds_quick, beside: true, ..CELL }
}

/// How much of a burst has room depends on who else wants the processors.
const fn burst(name: &'static str, rounds_quick: usize) -> Workload {
    Workload { name, about: BURST, candidates: WITH_PATIENCE, rounds_quick, ..CELL }
}

const SHORT: &str = "100 events in 13 ms, then exit(0)";
const BURST: &str = "200,000 events at once";
const HEALTHY: &str = "one call with five attributes, 8,000 a second, while all is well";
const HUNG: &str = "the same while the receiver takes requests and never answers";
const AWAKE: &str =
    "one call with five attributes each 125 µs, between which the thread waits busily";
const HUNG_AWAKE: &str = "the same while the receiver takes requests and never answers";
const DRAIN: &str = "what a program left behind that ended during an outage, sent by its next start; `unpaced` by a \
                     sender that need not spare the receiver";

/// The suite.
pub(crate) const SUITE: Suite = Suite {
    name: "delivery",
    about: "which share of what was handed over arrives over OTLP, and what that costs the caller; a \
            quick run has 5 s, and its outage from 1 s to 3 s",
    prepare: None,
    layout: Layout::Cells,
    workloads: cells! {
        "healthy": "8,000 events a second for 25 s";
        "refused": "the receiver's port is closed from 5 s to 15 s";
        "reset": "connections are reset from 5 s to 15 s";
        "unavailable": "503 or UNAVAILABLE and one second to wait, from 5 s to 15 s";
        "hang_before_body": "requests are not read from 5 s to 15 s";
        "hang_after_body": "requests are read and not answered from 5 s to 15 s";
        "sigkill": "five SIGKILL in 25 s, started again each time";
        "sigkill_in_outage": "SIGKILL at 10 s while the port is closed from 5 s to 15 s";
        "exit": "exit(0) after the last event of 25 s";
        "down_at_exit": "the port is closed from 20 s until the program has shut down";
    },
};
