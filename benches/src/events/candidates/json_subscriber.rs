//! json-subscriber: as tracing-subscriber's JSON, with span fields kept as JSON; over the same
//! appender.

use super::tracing_json::{Appender, disabled, event};
use crate::events::subject::{Ended, Fields, Subject};
use crate::harness::Overflow;
use std::path::Path;

/// With the default of tracing-appender, which drops; or made to wait.
pub(crate) struct JsonSubscriber<const WAITS: bool>(Appender);

impl<const WAITS: bool> Subject for JsonSubscriber<WAITS> {
    const NAME: &'static str = if WAITS { "json-subscriber-blocking" } else { "json-subscriber" };
    const OVERFLOW: Overflow = if WAITS { Overflow::Waits } else { Overflow::Drops };
    const PACKAGES: &'static [&'static str] = &["json-subscriber", "tracing-appender"];

    fn start(folder: &Path) -> Result<Self, String> {
        let (writer, appender) = Appender::new(folder, WAITS);
        json_subscriber::fmt().flatten_event(true).with_writer(writer).init();
        Ok(Self(appender))
    }

    #[inline]
    fn event(&self, fields: &Fields) {
        event(fields);
    }

    #[inline]
    fn disabled(&self, fields: &Fields) {
        disabled(fields);
    }

    fn finish(self) -> Result<Ended, String> {
        Ok(self.0.finish())
    }
}
