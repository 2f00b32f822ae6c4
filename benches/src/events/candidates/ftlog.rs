//! ftlog, which knows messages only, and puts time and level before them as text: its lines end in
//! JSON, but are none.

use super::json_text::json_text;
use crate::events::subject::{Ended, Fields, Subject};
use crate::harness::Overflow;
use ftlog::LoggerGuard;
use ftlog::appender::{FileAppender, Period};
use std::path::Path;

/// With the default, which drops when 100,000 messages are waiting; or made to wait.
pub(crate) struct FtLog<const WAITS: bool>(LoggerGuard);

impl<const WAITS: bool> Subject for FtLog<WAITS> {
    const NAME: &'static str = if WAITS { "ftlog-blocking" } else { "ftlog" };
    const OVERFLOW: Overflow = if WAITS { Overflow::Waits } else { Overflow::Drops };
    const PACKAGES: &'static [&'static str] = &["ftlog"];

    fn start(folder: &Path) -> Result<Self, String> {
        let path = folder.join("events.jsonl");
        let file = FileAppender::builder().path(&path).rotate(Period::Day).build();
        let builder = ftlog::builder()
            .max_log_level(ftlog::LevelFilter::Info)
            .bounded(100_000, WAITS)
            .utc()
            .root(file);
        builder.try_init().map(Self).map_err(|error| error.to_string())
    }

    #[inline]
    fn event(&self, fields: &Fields) {
        ftlog::info!("{}", json_text(fields));
    }

    #[inline]
    fn disabled(&self, fields: &Fields) {
        ftlog::debug!("{}", json_text(fields));
    }

    fn finish(self) -> Result<Ended, String> {
        drop(self.0);
        Ok(Ended::now(None))
    }
}
