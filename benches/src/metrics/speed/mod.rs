//! Suite `metrics`: what a write costs the thread that makes it.
//!
//! Every candidate is registered and read as its documentation shows; after each round what a reader
//! sees is compared with the calls that were made.

mod batch;
mod duo;
mod instructions;
mod solo;
pub(crate) mod subject;

pub(crate) use batch::thread_ns;

use super::peers::exporter::Exporter;
use super::peers::foundations::Foundations;
use super::peers::limit::{Alone, Limit};
use super::peers::measured::{KnownValues, Measured};
use super::peers::noop::Noop;
use super::peers::opentelemetry::{self, OpenTelemetry};
use super::peers::prometheus::Prometheus;
use super::peers::prometheus_client::Client;
use super::peers::radiosonde::{self, Symbols, Typed};
use crate::harness::{Better, Layout, Suite, Workload, callgrind};
use subject::{Cached, Durations, Dynamic, Enums, Literal, Owned, Past, candidate};

/// Candidates at one kind of work, through `run` of one of the loops.
macro_rules! candidates {
    ($loop:ident: $($work:ty),+) => { &[$(candidate::<$work>($loop::run::<$work>)),+] };
}

/// The libraries of counters at one kind of work, after ours and the limit.
macro_rules! libraries {
    ($loop:ident, $work:ident: $($more:ty),*) => {
        candidates![$loop: $work<Typed>, $work<Limit>, $($more,)* $work<Prometheus>, $work<Client>,
            $work<Measured>, $work<Foundations<false>>, $work<OpenTelemetry>, $work<Exporter>]
    };
}

macro_rules! cached {
    ($loop:ident) => { libraries![$loop, Cached: Cached<Alone>, Cached<Foundations<true>>] };
}

macro_rules! enums {
    ($loop:ident) => { libraries![$loop, Enums:] };
}

macro_rules! dynamic {
    ($loop:ident) => { libraries![$loop, Dynamic: Dynamic<KnownValues>] };
}

macro_rules! symbols {
    ($loop:ident) => {
        candidates![$loop: Dynamic<Symbols>, Dynamic<Limit>, Dynamic<KnownValues>]
    };
}

macro_rules! owned {
    ($loop:ident) => { candidates![$loop: Owned<Typed>, Owned<Noop>, Owned<Exporter>] };
}

macro_rules! literal {
    ($loop:ident) => { candidates![$loop: Literal<Typed>, Literal<Noop>, Literal<Exporter>] };
}

macro_rules! durations {
    ($loop:ident) => {
        libraries![$loop, Durations: Durations<Symbols>, Durations<KnownValues>]
    };
}

macro_rules! past {
    ($loop:ident) => {
        candidates![$loop: Past<radiosonde::Limited<false>>, Past<radiosonde::Limited<true>>,
            Past<Limit>, Past<Noop>, Past<opentelemetry::Limited>]
    };
}

const CACHED: &str = "adding to a counter through a handle that is kept";
const ENUMS: &str =
    "the everyday call with three labels that are known when the program is compiled";
const DYNAMIC: &str = "the everyday call with two labels that are texts, 200 combinations";
const SYMBOLS: &str = "the same with label values that were looked up before";
const OWNED: &str = "the same through a macro of metrics, whose labels are Strings";
const LITERAL: &str = "a macro of metrics with three labels that are literals";
const HISTOGRAM: &str = "a value into 12 buckets, with the labels of dynamic";
const PAST_CAP: &str = "a label with 65,536 values, most of them past the limit (ours 200, \
                        opentelemetry's 2,000); nobody else has one";

/// What the workloads with one thread share.
const ONE: Workload = Workload {
    name: "",
    about: "",
    unit: "ns",
    better: Better::Less,
    threads: 1,
    rounds: 9,
    rounds_quick: 1,
    lossless: false,
    needs: None,
    environment: &[],
    beside: false,
    candidates: &[],
};

/// What the workloads with two threads share.
const TWO: Workload = Workload { threads: 2, ..ONE };

/// What the workloads that count instructions share. Too slow for a quick run.
const COUNTED: Workload = Workload {
    unit: "instructions",
    rounds: 3,
    rounds_quick: 0,
    needs: Some(callgrind::NEEDS),
    ..ONE
};

/// The suite.
pub(crate) const SUITE: Suite = Suite {
    name: "metrics",
    about: "what a write costs the thread that makes it",
    prepare: None,
    layout: Layout::Tables,
    workloads: &[
        Workload { name: "cached", about: CACHED, candidates: cached!(solo), ..ONE },
        Workload { name: "cached_2", about: CACHED, candidates: cached!(duo), ..TWO },
        Workload { name: "enums", about: ENUMS, candidates: enums!(solo), ..ONE },
        Workload { name: "enums_2", about: ENUMS, candidates: enums!(duo), ..TWO },
        Workload { name: "dynamic", about: DYNAMIC, candidates: dynamic!(solo), ..ONE },
        Workload { name: "dynamic_2", about: DYNAMIC, candidates: dynamic!(duo), ..TWO },
        Workload { name: "symbols", about: SYMBOLS, candidates: symbols!(solo), ..ONE },
        Workload { name: "symbols_2", about: SYMBOLS, candidates: symbols!(duo), ..TWO },
        Workload { name: "macro_owned", about: OWNED, candidates: owned!(solo), ..ONE },
        Workload { name: "macro_owned_2", about: OWNED, candidates: owned!(duo), ..TWO },
        Workload { name: "macro_literal", about: LITERAL, candidates: literal!(solo), ..ONE },
        Workload { name: "macro_literal_2", about: LITERAL, candidates: literal!(duo), ..TWO },
        Workload { name: "histogram", about: HISTOGRAM, candidates: durations!(solo), ..ONE },
        Workload { name: "histogram_2", about: HISTOGRAM, candidates: durations!(duo), ..TWO },
        Workload { name: "past_cap", about: PAST_CAP, candidates: past!(solo), ..ONE },
        Workload { name: "past_cap_2", about: PAST_CAP, candidates: past!(duo), ..TWO },
        Workload {
            name: "instructions_cached",
            about: CACHED,
            candidates: cached!(instructions),
            ..COUNTED
        },
        Workload {
            name: "instructions_enums",
            about: ENUMS,
            candidates: enums!(instructions),
            ..COUNTED
        },
        Workload {
            name: "instructions_dynamic",
            about: DYNAMIC,
            candidates: dynamic!(instructions),
            ..COUNTED
        },
        Workload {
            name: "instructions_symbols",
            about: SYMBOLS,
            candidates: symbols!(instructions),
            ..COUNTED
        },
        Workload {
            name: "instructions_macro_owned",
            about: OWNED,
            candidates: owned!(instructions),
            ..COUNTED
        },
        Workload {
            name: "instructions_macro_literal",
            about: LITERAL,
            candidates: literal!(instructions),
            ..COUNTED
        },
        Workload {
            name: "instructions_histogram",
            about: HISTOGRAM,
            candidates: durations!(instructions),
            ..COUNTED
        },
        Workload {
            name: "instructions_past_cap",
            about: PAST_CAP,
            candidates: past!(instructions),
            ..COUNTED
        },
    ],
};
