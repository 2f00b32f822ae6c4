//! The write of a series that leads to a trace, behind its line.

use std::fmt::Write as _;
use std::time::UNIX_EPOCH;

use radiosonde_metrics::Exemplar;

use crate::numbers::float;

/// Appends ` # {trace_id="…",span_id="…"} value timestamp`: 63 of the 128 characters that the labels
/// may have. A value that is no finite number has none, a time before 1970 is left out.
pub(crate) fn append(out: &mut String, exemplar: Option<&Exemplar>) {
    let Some(exemplar) = exemplar.filter(|exemplar| exemplar.value.is_finite()) else { return };
    // Writing to a string cannot fail.
    let _ =
        write!(out, " # {{trace_id=\"{}\",span_id=\"{}\"}} ", exemplar.trace_id, exemplar.span_id);
    float(out, exemplar.value);
    if let Ok(since) = exemplar.at.duration_since(UNIX_EPOCH) {
        let _ = write!(out, " {}.{:03}", since.as_secs(), since.subsec_millis());
    }
}
