//! `Span` of the OpenTelemetry API.

use std::borrow::Cow;
use std::time::SystemTime;

use opentelemetry::KeyValue;
use opentelemetry::trace::{self, SpanContext, Status};
use radiosonde_tracing::{SpanEditor, StartedSpan};

use crate::convert::Attributes;
use crate::{convert, current, open, tracer};

/// A span. Its record is written when it ends, into the memory of the thread that ends it; dropped
/// before, it ends then. After its end it takes no more.
///
/// Of a trace that is not sampled it records nothing ([`is_recording`](trace::Span::is_recording))
/// unless something is kept of those, and what happens inside has its ids all the same.
#[derive(Debug)]
pub struct Span {
    /// There until it ends.
    started: Option<StartedSpan>,
    context: SpanContext,
}

impl Span {
    pub(crate) fn new(started: StartedSpan, context: SpanContext) -> Self {
        Self { started: Some(started), context }
    }

    /// One that is nowhere, or is what is around.
    pub(crate) fn inert(context: SpanContext) -> Self {
        Self { started: None, context }
    }

    fn edit(&self, edit: impl FnOnce(&mut SpanEditor<'_>)) {
        let Some(started) = &self.started else { return };
        let changed = started.edit(edit);
        // Ids that are recorded from inside hold for what follows inside.
        if let (Some(ids), Some((_, span))) = (changed, convert::ids(&self.context)) {
            current::change(span, |context| ids.inside(context));
        }
    }

    fn finish(&mut self, end_ns: Option<u64>) {
        let Some(mut started) = self.started.take() else { return };
        started.end(end_ns);
        if let Some((_, span)) = convert::ids(&self.context) {
            open::remove(span);
        }
    }
}

impl trace::Span for Span {
    fn add_event_with_timestamp<T>(
        &mut self,
        name: T,
        timestamp: SystemTime,
        attributes: Vec<KeyValue>,
    ) where
        T: Into<Cow<'static, str>>,
    {
        let name = name.into();
        let at = convert::nanoseconds(timestamp);
        let attributes = Attributes::of(&attributes);
        self.edit(|editor| editor.event(at, &name, attributes.iter()));
    }

    fn span_context(&self) -> &SpanContext {
        &self.context
    }

    fn is_recording(&self) -> bool {
        self.started.as_ref().is_some_and(StartedSpan::is_recording)
    }

    fn set_attribute(&mut self, attribute: KeyValue) {
        self.edit(|editor| tracer::record(editor, std::slice::from_ref(&attribute), false));
    }

    fn set_attributes(&mut self, attributes: impl IntoIterator<Item = KeyValue>) {
        // Collected first: the iterator is somebody else's.
        let attributes: Vec<_> = attributes.into_iter().collect();
        self.edit(|editor| tracer::record(editor, &attributes, false));
    }

    fn set_status(&mut self, status: Status) {
        if let Some(status) = tracer::status(&status) {
            self.edit(|editor| editor.status(status));
        }
    }

    fn update_name<T>(&mut self, new_name: T)
    where
        T: Into<Cow<'static, str>>,
    {
        let name = new_name.into();
        self.edit(|editor| editor.rename(&name));
    }

    fn add_link(&mut self, span_context: SpanContext, attributes: Vec<KeyValue>) {
        let to = convert::in_span(&span_context);
        let attributes = Attributes::of(&attributes);
        self.edit(|editor| editor.link(&to, attributes.iter()));
    }

    fn end_with_timestamp(&mut self, timestamp: SystemTime) {
        self.finish(Some(convert::nanoseconds(timestamp)));
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        self.finish(None);
    }
}
