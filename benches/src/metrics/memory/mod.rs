//! Suite `memory`: what metrics weigh, and what becomes of a label that explodes.
//!
//! What is allocated is counted by the allocator: see [`crate::harness::heap`].

mod series;
mod threads;
mod values;

use super::peers::{
    exporter, foundations, measured, opentelemetry, prometheus, prometheus_client, radiosonde,
};
use super::scrape::everybody;
use super::scrape::subject::{Registry, candidate, reader};
use super::values::Kind;
use crate::harness::{Better, Candidate, Layout, Measured, Round, Suite, Workload};

/// The suite.
pub(crate) const SUITE: Suite = Suite {
    name: "memory",
    about: "what metrics weigh",
    prepare: None,
    layout: Layout::Tables,
    workloads: &[
        Workload {
            name: "counter_series",
            about: "heap of a counter series with three labels, 200 in a metric, written by one thread: \
                    what 10,000 add to 3,000; `with all`: that of 13,000 divided, the rest of the \
                    pipeline included",
            candidates: everybody!(self::counter_series as candidate),
            ..HELD
        },
        Workload {
            name: "counter_series_8",
            about: "the same written by eight threads, which are still there",
            threads: 8,
            candidates: everybody!(self::counter_series_8 as candidate),
            ..HELD
        },
        Workload {
            name: "histogram_series",
            about: "the same of a histogram with 12 buckets, written by one thread",
            candidates: everybody!(self::histogram_series as candidate),
            ..HELD
        },
        Workload {
            name: "million_values",
            about: values::ABOUT,
            unit: "MB",
            candidates: everybody!(self::values::run as candidate),
            ..HELD
        },
        Workload {
            name: "threads",
            about: "heap of 1,000 histograms that 500 threads (quick: 100) have written to, all of \
                    them alive; the threads themselves are not in it",
            unit: "MB",
            threads: 500,
            candidates: everybody!(self::threads::run as candidate),
            ..HELD
        },
        Workload {
            name: "allocations_counters",
            about: "allocations of a scrape of 100,000 counters (quick: 10,000), once its buffers \
                    have grown",
            unit: "allocations",
            candidates: everybody!(self::allocations_counters as reader),
            ..HELD
        },
        Workload {
            name: "allocations_histograms",
            about: "the same of 10,000 histograms (quick: 2,000) of 12 buckets",
            unit: "allocations",
            candidates: everybody!(self::allocations_histograms as reader),
            ..HELD
        },
    ],
};

/// What all workloads share. What is allocated is the same every time, but for chance in hashing.
const HELD: Workload = Workload {
    name: "",
    about: "",
    unit: "B",
    better: Better::Less,
    threads: 1,
    rounds: 3,
    rounds_quick: 1,
    lossless: false,
    needs: None,
    environment: &[],
    beside: false,
    candidates: &[],
};

fn counter_series<R: Registry>(round: &Round) -> Result<Measured, String> {
    series::run::<R>(round, Kind::Counter, 1)
}

fn counter_series_8<R: Registry>(round: &Round) -> Result<Measured, String> {
    series::run::<R>(round, Kind::Counter, 8)
}

fn histogram_series<R: Registry>(round: &Round) -> Result<Measured, String> {
    series::run::<R>(round, Kind::Histogram, 1)
}

fn allocations_counters<R: Registry>(round: &Round) -> Result<Measured, String> {
    values::allocations::<R>(Kind::Counter, round.size.of(100_000, 10_000))
}

fn allocations_histograms<R: Registry>(round: &Round) -> Result<Measured, String> {
    values::allocations::<R>(Kind::Histogram, round.size.of(10_000, 2_000))
}
