//! Fields that are recorded when their span has been made already.

use std::error::Error;
use std::fmt;

use tracing_core::field::{Field, Visit};
use tracing_core::span::Id;

use crate::fields::{Fields, Taking};
use crate::settings::SpanLimits;
use crate::store::{Locked, Store};

/// Takes fields into an open span.
///
/// Its lock is held from the first field to the last, and let go of while a formatter runs: these
/// are code of the application, take their time, and may come back.
pub(crate) struct Later<'a> {
    store: &'a Store,
    id: &'a Id,
    limits: &'a SpanLimits,
    /// Missing when the span is not open.
    span: Option<Locked<'a>>,
}

impl<'a> Later<'a> {
    pub(crate) fn new(store: &'a Store, id: &'a Id, limits: &'a SpanLimits) -> Self {
        Self { store, id, limits, span: store.lock(id) }
    }

    /// The span, with all fields that came.
    pub(crate) fn into_span(self) -> Option<Locked<'a>> {
        self.span
    }

    #[inline(always)]
    fn plain(&mut self, take: impl FnOnce(&mut Taking<'_>)) {
        if let Some(span) = &mut self.span {
            take(&mut Taking { fields: &mut span.fields, limits: self.limits });
        }
    }

    fn formatted(&mut self, take: impl FnOnce(&mut Taking<'_>)) {
        let Some(span) = self.span.take() else { return };
        let mut fields = Fields::later(span.collects);
        drop(span);
        take(&mut Taking { fields: &mut fields, limits: self.limits });
        self.span = self.store.lock(self.id);
        if let Some(span) = &mut self.span {
            span.fields.append(fields, self.limits);
        }
    }
}

impl Visit for Later<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.plain(|taking| taking.record_f64(field, value));
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.plain(|taking| taking.record_i64(field, value));
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.plain(|taking| taking.record_u64(field, value));
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.plain(|taking| taking.record_bool(field, value));
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.plain(|taking| taking.record_str(field, value));
    }
    fn record_bytes(&mut self, field: &Field, value: &[u8]) {
        self.plain(|taking| taking.record_bytes(field, value));
    }
    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.formatted(|taking| taking.record_error(field, value));
    }
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.formatted(|taking| taking.record_debug(field, value));
    }
}
