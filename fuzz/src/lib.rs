//! The fuzz targets as functions of bytes, and inputs to begin with.
//!
//! The programs in `fuzz_targets` hand these functions to libFuzzer. The tests of radiosonde-events
//! include this file, so that an ordinary test run calls them too, with the inputs to begin with
//! and some thousand mutations of them.
#![forbid(unsafe_code)]

pub mod dice;
pub mod image;
pub mod otlp;
pub mod propagation;
pub mod registry;
pub mod sealed;
pub mod seeds;
pub mod spool;
pub mod stage;
pub mod targets;

/// One target.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name, also of its program.
    pub name: &'static str,
    /// Panics when it finds something.
    pub run: fn(&[u8]),
    /// Inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "ring_image", run: targets::ring_image, seeds: seeds::ring_image },
    Target { name: "open_spans", run: targets::open_spans, seeds: seeds::open_spans },
    Target { name: "record_decode", run: targets::record_decode, seeds: seeds::record_decode },
    Target { name: "stage_contents", run: targets::stage_contents, seeds: seeds::stage_contents },
    Target { name: "spool_segment", run: spool::segment, seeds: spool::segment_seeds },
    Target { name: "spool_cursor", run: spool::cursor, seeds: spool::cursor_seeds },
    Target {
        name: "callsites_lookup",
        run: targets::callsites_lookup,
        seeds: seeds::callsites_lookup,
    },
    Target { name: "json_escape", run: targets::json_escape, seeds: seeds::json_escape },
    Target { name: "encode_record", run: targets::encode_record, seeds: seeds::encode_record },
    Target { name: "sealed_reader", run: targets::sealed_reader, seeds: seeds::sealed_reader },
    Target { name: "redact_text", run: targets::redact_text, seeds: seeds::redact_text },
    Target { name: "filter_parse", run: targets::filter_parse, seeds: seeds::filter_parse },
    Target {
        name: "condition_parse",
        run: targets::condition_parse,
        seeds: seeds::condition_parse,
    },
    Target { name: "registry_parse", run: registry::registry_parse, seeds: registry::seeds },
    Target {
        name: "propagation_extract",
        run: propagation::propagation_extract,
        seeds: propagation::extract_seeds,
    },
    Target {
        name: "propagation_texts",
        run: propagation::propagation_texts,
        seeds: propagation::texts_seeds,
    },
    Target { name: "otlp_http_answer", run: otlp::http_answer, seeds: otlp::http_answer_seeds },
    Target { name: "otlp_grpc_answer", run: otlp::grpc_answer, seeds: otlp::grpc_answer_seeds },
    Target { name: "otlp_manifest", run: otlp::manifest, seeds: otlp::manifest_seeds },
    Target { name: "otlp_settings", run: otlp::settings, seeds: otlp::settings_seeds },
    Target { name: "otlp_payloads", run: otlp::payloads, seeds: otlp::payloads_seeds },
];
