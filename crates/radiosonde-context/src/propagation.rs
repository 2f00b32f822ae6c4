//! Contexts into carriers and out of them: headers, messages, environments, files.
//!
//! ```
//! use std::collections::BTreeMap;
//!
//! use radiosonde_context::{Context, SpanId, TraceId, propagation, scope};
//!
//! // The sender, inside a span and a job:
//! let (trace, span) = (TraceId::random(), SpanId::random());
//! let _span = Context::current().with_span(trace, span, true).attach();
//! let mut message = BTreeMap::new();
//! scope().job("job-7").run(|| propagation::inject(&Context::current(), &mut message));
//! assert_eq!(message["traceparent"], format!("00-{trace}-{span}-03"));
//! assert_eq!(message["baggage"], "job_id=job-7");
//!
//! // The receiver:
//! let context = propagation::extract(&message);
//! assert_eq!((context.trace_id(), context.job_id()), (Some(trace), Some("job-7")));
//! assert!(context.is_remote());
//! ```
//!
//! Which formats are read and written is the process's choice ([`set_propagators`]). Injecting makes
//! the carrier say what the context says and nothing else: fields that were there from before are
//! taken out, those of formats that are not in use too.
//!
//! Nothing here fails: what cannot be read is as if it were not there, and [`ignored`] counts it.

mod b3;
mod baggage;
mod carriers;
mod destinations;
mod environment;
mod file;
mod filter;
mod hex;
mod ignored;
mod locks;
mod propagators;
mod trace_context;

use crate::Context;

use destinations::Reach;
pub use destinations::{Destinations, InvalidDestination, set_baggage_destinations};
pub use environment::{Environment, command};
pub use file::{FileError, read_file, write_file};
pub use filter::set_baggage_filter;
pub use ignored::{Ignored, ignored};
pub use propagators::{Propagators, UnknownPropagator, set_propagators};

/// What a context is read from.
pub trait Extract {
    /// Calls `value` with every value of this name, in their order. `name` is lower case; names of
    /// the carrier are compared without regard to case.
    fn each(&self, name: &str, value: &mut dyn FnMut(&[u8]));
}

/// What a context is written to.
pub trait Inject {
    /// Makes this the one value of this name. `name` is lower case, both are visible ASCII with
    /// blanks.
    fn set(&mut self, name: &str, value: &str);

    /// Takes out every value of this name.
    fn remove(&mut self, name: &str);
}

/// The context that a carrier brings, by the process's propagators; empty when it brings none.
///
/// `job_id`, `worker_id` and `session_id` in its baggage become the ids of the context. It knows
/// nothing of the code around, and takes its place where it is run or attached:
///
/// ```
/// use radiosonde_context::{Context, propagation, scope};
///
/// let message = [("baggage", "session_id=s-1")];
/// let worker = || Context::current().worker_id().map(str::to_owned);
/// scope().worker("w-3").run(|| {
///     let context = propagation::extract(&message);
///     assert_eq!(context.run(worker), None);
///     // A scope inside of it, or the context over what is there:
///     assert_eq!(context.run(|| scope().worker("w-3").run(worker)).as_deref(), Some("w-3"));
///     assert_eq!(context.over(&Context::current()).run(worker).as_deref(), Some("w-3"));
/// });
/// ```
pub fn extract(from: &impl Extract) -> Context {
    Propagators::of_process().extract(from)
}

/// Writes a context to a carrier whose reader is trusted: a queue, a child process, a file.
///
/// For requests over a network use [`inject_to`].
pub fn inject(context: &Context, into: &mut impl Inject) {
    Propagators::of_process().inject(context, true, into);
}

/// Writes a context to a request for `host`, a name or an address, with or without a port.
///
/// The trace goes to everybody. Baggage, and job, worker and session with it, goes to the hosts
/// that [`set_baggage_destinations`] allows.
pub fn inject_to(host: &str, context: &Context, into: &mut impl Inject) {
    Propagators::of_process().inject(context, destinations::allows(host), into);
}

/// Writes a context for whom nobody knows: for APIs that do not tell their receiver.
///
/// The trace goes to everybody. The baggage does as well, as users of such an API expect, as long as
/// the destinations are the default: where somebody has listed who may have it
/// ([`set_baggage_destinations`]), it goes to nobody, since nobody knows whether the receiver is one of
/// them. Job, worker and session go along, with the baggage, only where the list allows everybody.
pub fn inject_anywhere(context: &Context, into: &mut impl Inject) {
    let propagators = Propagators::of_process();
    match destinations::reach() {
        Reach::Nobody => propagators.inject(context, false, into),
        Reach::Default => propagators.inject(&context.without_ids(), true, into),
        Reach::Everybody => propagators.inject(context, true, into),
    }
}

/// The names of all fields that this process writes, by its propagators.
pub fn fields() -> impl Iterator<Item = &'static str> {
    Propagators::of_process().fields()
}
