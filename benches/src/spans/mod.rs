//! Suite `spans`: what a span costs the thread that makes it, recorded and not, and what a server
//! pays for the telemetry of a request.

mod http;
mod lines;
mod peers;
mod subject;
mod work;

use crate::harness::{Better, Candidate, Environment, Layout, Role, Suite, Workload, callgrind};
use http::peers as servers;
use peers::emit::Emit;
use peers::fastrace::Fastrace;
use peers::limit::Limit;
use peers::opentelemetry::OpenTelemetry;
use peers::radiosonde::Radiosonde;
use peers::registry::Registry;
use peers::tracing_opentelemetry::TracingOpenTelemetry;
use subject::{NOBODY, SAMPLER, candidate};

/// Ours and every peer at one piece of work, and others after them.
macro_rules! everybody {
    ($run:ident; $($more:expr),+) => {
        &[
            candidate::<Radiosonde<false>>(work::$run::<Radiosonde<false>>),
            candidate::<Radiosonde<true>>(work::$run::<Radiosonde<true>>),
            candidate::<TracingOpenTelemetry<false>>(work::$run::<TracingOpenTelemetry<false>>),
            candidate::<TracingOpenTelemetry<true>>(work::$run::<TracingOpenTelemetry<true>>),
            candidate::<OpenTelemetry>(work::$run::<OpenTelemetry>),
            candidate::<Fastrace>(work::$run::<Fastrace>),
            candidate::<Emit>(work::$run::<Emit>),
            $($more),+
        ]
    };
}

/// As [`everybody`], with what a span of `tracing` costs before anybody does anything, and the limit.
macro_rules! with_limit {
    ($run:ident) => {
        everybody![$run;
            candidate::<Registry>(work::$run::<Registry>),
            candidate::<Limit>(work::$run::<Limit>)]
    };
}

/// As [`everybody`]; the registry alone is the limit, as it makes a span before anybody can say that
/// the span is not wanted.
macro_rules! with_registry {
    ($run:ident) => {
        everybody![$run;
            Candidate { role: Role::Limit, ..candidate::<Registry>(work::$run::<Registry>) }]
    };
}

/// Servers at one piece of work; the one without telemetry is the limit.
macro_rules! servers {
    ($run:ident) => {
        &[
            http::candidate::<servers::Radiosonde>(http::$run::<servers::Radiosonde>),
            http::candidate::<servers::Bare>(http::$run::<servers::Bare>),
            http::candidate::<servers::Tracing<false>>(http::$run::<servers::Tracing<false>>),
            http::candidate::<servers::Tracing<true>>(http::$run::<servers::Tracing<true>>),
            http::candidate::<servers::Tower>(http::$run::<servers::Tower>),
        ]
    };
}

const IN: &str = "a span with a string and two integers, made, entered, left and closed, 64 to a \
                  root, in bursts of one trace; `all threads`: with what writes or sends it, of \
                  which ours alone encodes and writes";
const CHILD: &str = "the same span below a root that nobody sampled";
const ROOT: &str = "the same span without a parent, sampled by nobody";
const HTTP: &str = "GET /items/{id} with a traceparent, 1 KiB comes back, through the service of an \
                    axum router in this process; `over bare`: less the same without telemetry";

/// What the workloads of the caller's time share.
const CALLER: Workload = Workload {
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

/// What the workloads that count instructions share. Too slow for a quick run.
const COUNTED: Workload = Workload {
    unit: "instructions",
    rounds: 3,
    rounds_quick: 0,
    needs: Some(callgrind::NEEDS),
    ..CALLER
};

/// Nobody is sampled.
const OUT: Environment = &[(SAMPLER, NOBODY)];

/// The suite.
pub(crate) const SUITE: Suite = Suite {
    name: "spans",
    about: "what a span costs the thread that makes it, and the telemetry of a request its server",
    prepare: None,
    layout: Layout::Tables,
    workloads: &[
        Workload { name: "sampled_in", about: IN, candidates: with_limit!(sampled_in), ..CALLER },
        Workload {
            name: "sampled_out_child",
            about: CHILD,
            environment: OUT,
            candidates: with_limit!(sampled_out_child),
            ..CALLER
        },
        Workload {
            name: "sampled_out_root",
            about: ROOT,
            environment: OUT,
            candidates: with_registry!(sampled_out_root),
            ..CALLER
        },
        Workload {
            name: "http_server",
            about: HTTP,
            unit: "µs",
            candidates: servers!(time),
            ..CALLER
        },
        Workload {
            name: "instructions_sampled_in",
            about: IN,
            candidates: with_limit!(instructions_sampled_in),
            ..COUNTED
        },
        Workload {
            name: "instructions_sampled_out_child",
            about: CHILD,
            environment: OUT,
            candidates: with_limit!(instructions_sampled_out_child),
            ..COUNTED
        },
        Workload {
            name: "instructions_sampled_out_root",
            about: ROOT,
            environment: OUT,
            candidates: with_registry!(instructions_sampled_out_root),
            ..COUNTED
        },
        Workload {
            name: "instructions_http_server",
            about: HTTP,
            candidates: servers!(instructions),
            ..COUNTED
        },
    ],
};
