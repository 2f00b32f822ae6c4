//! Who is compared, each in its own words and with its own defaults.
//!
//! A peer hands its finished spans to a consumer that counts them and throws them away, so that no
//! queue grows and nobody waits for a network; ours are encoded and written to a day file, as they
//! are by default.

pub(crate) mod emit;
pub(crate) mod fastrace;
pub(crate) mod limit;
pub(crate) mod opentelemetry;
pub(crate) mod radiosonde;
pub(crate) mod registry;
pub(crate) mod tracing_opentelemetry;

use super::subject::Fields;

/// A root through the macros of `tracing`.
#[inline]
pub(crate) fn root(fields: &Fields, inside: impl FnOnce()) {
    let &Fields { route, user, items } = fields;
    let span = tracing::info_span!(parent: None, "request", route, user, items);
    let entered = span.enter();
    inside();
    drop(entered);
}

/// A child through the macros of `tracing`.
#[inline]
pub(crate) fn child(fields: &Fields) {
    let &Fields { route, user, items } = fields;
    let span = tracing::info_span!("load_order", route, user, items);
    let entered = span.enter();
    drop(entered);
}
