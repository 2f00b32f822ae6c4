//! Which formats are read and written, and in which order.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};

use super::{Extract, Inject, b3, baggage, trace_context};
use crate::Context;

/// The formats a context is read from and written in, in their order.
///
/// Each is read in turn, and a later one that finds a span takes the place of an earlier one's:
/// with `tracecontext,b3` a request that has both goes on in the trace of its B3 headers. All of
/// them are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Propagators {
    // A nibble for each, the first lowest: the set of a process is one atomic number.
    order: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    TraceContext = 1,
    Baggage = 2,
    B3 = 3,
    B3Multi = 4,
}

impl Format {
    /// Every field it may write, or that says something of the same span.
    fn fields(self) -> &'static [&'static str] {
        match self {
            Self::TraceContext => &trace_context::FIELDS,
            Self::Baggage => &baggage::FIELDS,
            Self::B3 => &b3::FIELDS_SINGLE,
            Self::B3Multi => &b3::FIELDS_MULTI,
        }
    }
}

const FORMATS: [(&str, Format); 4] = [
    ("tracecontext", Format::TraceContext),
    ("baggage", Format::Baggage),
    ("b3", Format::B3),
    ("b3multi", Format::B3Multi),
];

const BITS: u32 = 4;
const DEFAULT: u32 = Format::TraceContext as u32 | (Format::Baggage as u32) << BITS;

static OF_PROCESS: AtomicU32 = AtomicU32::new(DEFAULT);

/// Sets what [`extract`](super::extract), [`inject`](super::inject) and
/// [`inject_to`](super::inject_to) use in this process. `radiosonde::init!` sets what
/// `OTEL_PROPAGATORS` says; the default is `tracecontext,baggage`.
pub fn set_propagators(propagators: Propagators) {
    OF_PROCESS.store(propagators.order, Ordering::Relaxed);
}

impl Propagators {
    /// None: nothing is read, and what is injected into says nothing.
    pub const NONE: Self = Self { order: 0 };
    /// `traceparent` and `tracestate` alone.
    pub const TRACE_CONTEXT: Self = Self { order: Format::TraceContext as u32 };

    /// Reads a list as `OTEL_PROPAGATORS` has it: names of `tracecontext`, `baggage`, `b3`,
    /// `b3multi`, with commas between them, or `none`. A name that comes again counts once.
    ///
    /// # Errors
    /// [`UnknownPropagator`] for another name, and for `none` beside others.
    pub fn parse(list: &str) -> Result<Self, UnknownPropagator> {
        let mut propagators = Self::NONE;
        let names = || list.split(',').map(str::trim).filter(|name| !name.is_empty());
        for name in names() {
            match FORMATS.iter().find(|(known, _)| *known == name) {
                Some((_, format)) => propagators = propagators.and(*format),
                None if name == "none" && names().all(|name| name == "none") => {}
                None => return Err(UnknownPropagator(name.to_owned())),
            }
        }
        Ok(propagators)
    }

    pub(super) fn of_process() -> Self {
        Self { order: OF_PROCESS.load(Ordering::Relaxed) }
    }

    /// The context that a carrier brings; empty when it brings none.
    pub fn extract(self, from: &impl Extract) -> Context {
        let read = |context, format| match format {
            Format::TraceContext => trace_context::extract(context, from),
            Format::Baggage => baggage::extract(context, from),
            Format::B3 | Format::B3Multi => b3::extract(context, from),
        };
        self.formats().fold(Context::default(), read)
    }

    /// Writes a context to a carrier; baggage and ids only `with_baggage`. Fields of formats that
    /// are not among these are taken out: what a copied carrier said before goes no further.
    pub fn inject(self, context: &Context, with_baggage: bool, into: &mut impl Inject) {
        let unused = FORMATS.iter().map(|(_, format)| *format);
        for format in unused.filter(|format| self.formats().all(|used| used != *format)) {
            format.fields().iter().for_each(|field| into.remove(field));
        }
        for format in self.formats() {
            match format {
                Format::TraceContext => trace_context::inject(context, into),
                Format::Baggage => baggage::inject(context, with_baggage, into),
                Format::B3 => b3::inject_single(context, into),
                Format::B3Multi => b3::inject_multi(context, into),
            }
        }
    }

    fn and(self, format: Format) -> Self {
        let known = self.formats().count() as u32;
        if self.formats().any(|known| known == format) {
            return self;
        }
        Self { order: self.order | (format as u32) << (known * BITS) }
    }

    /// The names of all fields that may be written.
    pub(super) fn fields(self) -> impl Iterator<Item = &'static str> {
        self.formats().flat_map(|format| format.fields().iter().copied())
    }

    fn formats(self) -> impl Iterator<Item = Format> {
        let nibble = move |place| (self.order >> (place * BITS)) & ((1 << BITS) - 1);
        let numbers = (0..FORMATS.len() as u32).map(nibble);
        numbers.filter_map(|number| {
            FORMATS.iter().map(|(_, format)| *format).find(|format| *format as u32 == number)
        })
    }
}

impl Default for Propagators {
    /// `tracecontext,baggage`.
    fn default() -> Self {
        Self { order: DEFAULT }
    }
}

impl fmt::Display for Propagators {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut none = true;
        for format in self.formats() {
            let name = FORMATS.iter().find(|(_, known)| *known == format).map(|(name, _)| *name);
            let comma = if none { "" } else { "," };
            write!(f, "{comma}{}", name.unwrap_or_default())?;
            none = false;
        }
        if none { f.write_str("none") } else { Ok(()) }
    }
}

impl fmt::Debug for Propagators {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Propagators({self})")
    }
}

/// A name that is no propagator of ours, or `none` beside others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownPropagator(String);

impl UnknownPropagator {
    /// The name.
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UnknownPropagator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == "none" {
            return f.write_str("`none` stands alone: no other propagator beside it");
        }
        write!(f, "unknown propagator `{}`", self.0)
    }
}

impl std::error::Error for UnknownPropagator {}
