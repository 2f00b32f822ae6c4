//! Fields of the type `u64`, which tracing-opentelemetry hands over as text: they stay numbers.
//!
//! What they are is known when they are recorded, and to which span they belong once it has begun. Of a
//! span that is never entered they are text.

use std::fmt;

use opentelemetry::Context as OtelContext;
use opentelemetry::trace::TraceContextExt as _;
use radiosonde_record::Value;
use tracing_core::Subscriber;
use tracing_core::field::{Field, Visit};
use tracing_core::span::{Attributes, Id, Record};
use tracing_subscriber::layer::Context as Subscribed;
use tracing_subscriber::registry::LookupSpan;

use crate::convert;
use crate::open::{self, Open};

/// What is kept of a span that has fields.
#[derive(Default)]
struct Kept {
    /// Until it has been entered; of one field the last value.
    waiting: Vec<(&'static str, u64)>,
    /// Once it has been.
    own: Option<Open>,
}

/// A span is made.
pub(crate) fn begin<S>(attributes: &Attributes<'_>, id: &Id, subscribed: &Subscribed<'_, S>)
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    if attributes.metadata().fields().is_empty() {
        return;
    }
    let mut kept = Kept::default();
    attributes.record(&mut Numbers(&mut kept.waiting));
    if let Some(span) = subscribed.span(id) {
        // A layer of ours that is there twice has been here.
        let _before = span.extensions_mut().replace(kept);
    }
}

/// Fields are recorded later.
pub(crate) fn record<S>(values: &Record<'_>, id: &Id, subscribed: &Subscribed<'_, S>)
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let mut found = Vec::new();
    values.record(&mut Numbers(&mut found));
    if found.is_empty() {
        return;
    }
    let own = subscribed.span(id).and_then(|span| {
        let mut extensions = span.extensions_mut();
        let kept = extensions.get_mut::<Kept>()?;
        if kept.own.is_none() {
            kept.waiting.retain(|(key, _)| found.iter().all(|(later, _)| later != key));
            kept.waiting.append(&mut found);
        }
        kept.own.clone()
    });
    if let Some(own) = own {
        set(&own, &found);
    }
}

/// It is entered: its context is the API's current one.
pub(crate) fn entered<S>(id: &Id, subscribed: &Subscribed<'_, S>)
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let Some(span) = subscribed.span(id) else { return };
    let is_first = span.extensions().get::<Kept>().is_some_and(|kept| kept.own.is_none());
    if !is_first {
        return;
    }
    let own = OtelContext::map_current(|cx| {
        let span = cx.span();
        // One that records nothing, such as one too many, may have the ids of what is around.
        convert::ids(span.span_context()).filter(|_| span.is_recording())
    });
    let Some(own) = own.and_then(|(_, id)| open::find(id)) else {
        let _not_needed = span.extensions_mut().remove::<Kept>();
        return;
    };
    let waiting = span.extensions_mut().get_mut::<Kept>().map(|kept| {
        kept.own = Some(own.clone());
        std::mem::take(&mut kept.waiting)
    });
    set(&own, &waiting.unwrap_or_default());
}

fn set(own: &Open, numbers: &[(&'static str, u64)]) {
    if !numbers.is_empty() {
        // None of them is an id: these are texts.
        let _ids = own.spans.edit(&own.number, |editor| {
            for (key, number) in numbers {
                editor.attribute(key, Value::U64(*number));
            }
        });
    }
}

/// Takes numbers of that type, and runs no formatter.
struct Numbers<'a>(&'a mut Vec<(&'static str, u64)>);

impl Visit for Numbers<'_> {
    fn record_u64(&mut self, field: &Field, value: u64) {
        // `job_id = 17` is one of those with a meaning, which has been taken.
        if !field.name().ends_with("_id") && !field.name().starts_with("otel.") {
            self.0.push((field.name(), value));
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}
