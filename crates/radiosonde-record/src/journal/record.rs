//! The way in: events, spans and metrics of any thread.

use super::Journal;
use crate::callsite::Callsite;
use crate::format::{self, Buffer, Builder, MESSAGE_MAX, Site};
use crate::level::{DropReason, Kind, Level};
use crate::plain::{self, FieldList, Plain};
use crate::push::Push;
use crate::thread;
use crate::value::Value;

impl Journal {
    /// Records one event, span or metric: `build` fills it in. Never fails and never panics;
    /// waits at most 1 ms, and only when the ring is full and the drain makes room.
    ///
    /// `build` runs code of the application (formatters), which may record in turn. The context may
    /// be empty and come from `build` instead: see [`Builder::context`].
    pub fn record(
        &self,
        kind: Kind,
        level: Level,
        site: &Site,
        context: &[u8],
        build: impl FnOnce(&mut Builder<'_>),
    ) {
        self.record_at(thread::now_ns(), (kind, level), site, context, build);
    }

    /// As [`Journal::record`], of something that happened at another time, in nanoseconds since 1970.
    /// A time ahead of the clock delays what comes after it by some milliseconds, not more.
    pub fn record_at(
        &self,
        timestamp_ns: u64,
        what: (Kind, Level),
        site: &Site,
        context: &[u8],
        build: impl FnOnce(&mut Builder<'_>),
    ) {
        if !thread::is_suppressed() {
            self.build_at(timestamp_ns, what, site, context, build);
        }
    }

    /// As [`Journal::record_at`], on threads of telemetry as well.
    pub(crate) fn build_at(
        &self,
        now: u64,
        (kind, level): (Kind, Level),
        site: &Site,
        context: &[u8],
        build: impl FnOnce(&mut Builder<'_>),
    ) {
        let Some(_entered) = thread::enter() else {
            thread::note_drop();
            return self.count_outside(kind, DropReason::Reentrant, level);
        };
        let mut buffer = Buffer::take();
        let mut builder = Builder::new(&mut buffer, kind, level, now, site);
        builder.context(context);
        build(&mut builder);
        let truncated = builder.finish();
        let fill = |record: &mut [u8], stamp| {
            record.copy_from_slice(buffer.written());
            format::seal(record, stamp);
        };
        Push { kind, level, truncated, length: buffer.written().len(), fill }.run(self);
        buffer.give();
    }

    /// Records an event of a static call site in the ring itself, when no formatter is among its
    /// message and fields and nothing must be cut: then no code of the application runs. `false`,
    /// and nothing is recorded, otherwise: [`Journal::formatted_event`] is for those. Waits as
    /// [`Journal::record`] does.
    ///
    /// `message` is left out when the call site has it.
    #[inline(always)]
    pub fn plain_event(
        &self,
        callsite: &'static Callsite,
        context: &[u8],
        message: Option<Value<'_>>,
        fields: &dyn FieldList,
    ) -> bool {
        if thread::is_suppressed() {
            return true;
        }
        let text = callsite.text();
        let message = match message {
            None => None,
            Some(Value::Str(text)) if text.len() <= MESSAGE_MAX => Some(text),
            Some(_) => return false,
        };
        let field_count = text.keys.len();
        let Some(length) = plain::length(context, message, fields, field_count) else {
            return false;
        };
        let Some(site) = self.number(callsite) else { return false };
        let (level, timestamp_ns) = (text.level, thread::now_ns());
        let plain = Plain { level, timestamp_ns, site, context, message, fields, field_count };
        Push::new(
            (Kind::Event, level),
            length,
            #[inline(always)]
            |record, stamp| plain.write(record, stamp),
        )
        .run(self);
        true
    }

    /// Records an event of a static call site, whatever its message and fields are. See
    /// [`Journal::plain_event`].
    #[cold]
    pub fn formatted_event(
        &self,
        callsite: &'static Callsite,
        context: &[u8],
        message: Option<Value<'_>>,
        fields: &dyn FieldList,
    ) {
        let text = callsite.text();
        let site = self.site(callsite.key(), || callsite.describe());
        self.record(Kind::Event, text.level, &site, context, |record| {
            // In full, should the call site have found no number.
            record.message(message.or(text.message.map(Value::Str)).unwrap_or(Value::Str("")));
            fields.each(0, &mut |index, value| record.field(index, value));
        });
    }
}
