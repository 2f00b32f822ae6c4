//! Suite `scrape`: what reading everything costs, and what it costs those who write meanwhile.

mod render;
pub(crate) mod subject;
mod writers;

pub(super) use render::{books, filled};

use super::peers::{
    exporter, foundations, measured, opentelemetry, prometheus, prometheus_client, radiosonde,
};
use super::values::Kind;
use crate::harness::{Better, Candidate, Layout, Measured, Round, Suite, Workload};
use subject::{Registry, candidate, reader};

/// Everybody at one piece of work, a function, as a row of one of two kinds.
macro_rules! everybody {
    ($run:path as $candidate:ident) => {{
        use $run as run;
        const ALL: &[Candidate] = &[
            $candidate::<radiosonde::Many>(run::<radiosonde::Many>),
            $candidate::<prometheus::Many>(run::<prometheus::Many>),
            $candidate::<prometheus_client::Many>(run::<prometheus_client::Many>),
            $candidate::<measured::Many>(run::<measured::Many>),
            $candidate::<foundations::Many>(run::<foundations::Many>),
            $candidate::<opentelemetry::Many>(run::<opentelemetry::Many>),
            $candidate::<exporter::Many>(run::<exporter::Many>),
        ];
        ALL
    }};
}
pub(super) use everybody;

/// The suite.
pub(crate) const SUITE: Suite = Suite {
    name: "scrape",
    about: "what reading all metrics costs",
    prepare: None,
    layout: Layout::Tables,
    workloads: &[
        Workload {
            name: "counters_100k",
            about: "processor time of a text of 100,000 counters (quick: 10,000), 200 series of \
                    three labels to a metric; opentelemetry only collects them, it has no text",
            candidates: everybody!(self::counters as reader),
            ..READ
        },
        Workload {
            name: "histograms_10k",
            about: "the same of 10,000 histograms (quick: 2,000) of 12 buckets",
            candidates: everybody!(self::histograms as reader),
            ..READ
        },
        Workload {
            name: "writers",
            about: writers::ABOUT,
            unit: "µs",
            threads: 4,
            rounds: 5,
            candidates: everybody!(self::writing as candidate),
            ..READ
        },
    ],
};

/// What all workloads share.
const READ: Workload = Workload {
    name: "",
    about: "",
    unit: "ms",
    better: Better::Less,
    threads: 1,
    rounds: 5,
    rounds_quick: 1,
    lossless: false,
    needs: None,
    environment: &[],
    beside: false,
    candidates: &[],
};

fn counters<R: Registry>(round: &Round) -> Result<Measured, String> {
    render::run::<R>(round, Kind::Counter, round.size.of(100_000, 10_000))
}

fn histograms<R: Registry>(round: &Round) -> Result<Measured, String> {
    render::run::<R>(round, Kind::Histogram, round.size.of(10_000, 2_000))
}

fn writing<R: Registry>(round: &Round) -> Result<Measured, String> {
    writers::run::<R>(round)
}
