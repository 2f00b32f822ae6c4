//! logforth: its asynchronous appender over its rolling file, through the facade `log`.

use super::QUEUE;
use super::log_serde::{disabled, event};
use crate::events::subject::{Ended, Fields, Subject};
use crate::harness::Overflow;
use logforth::append::Async;
use logforth::append::asynchronous::AsyncBuilder;
use logforth::append::file::FileBuilder;
use logforth::bridge::log::LogBridge;
use logforth::layout::JsonLayout;
use logforth::record::{Level, LevelFilter};
use std::path::Path;

/// With the default, a queue without bounds; or with a bound, made to wait.
pub(crate) struct Logforth<const WAITS: bool>;

impl<const WAITS: bool> Subject for Logforth<WAITS> {
    const NAME: &'static str = if WAITS { "logforth-blocking" } else { "logforth" };
    const OVERFLOW: Overflow = if WAITS { Overflow::Waits } else { Overflow::Grows };
    const PACKAGES: &'static [&'static str] = &["logforth", "logforth-append-async"];

    fn start(folder: &Path) -> Result<Self, String> {
        let append = appender(folder, WAITS).map_err(|error| error.to_string())?;
        let logger = logforth::core::builder()
            .dispatch(|dispatch| {
                dispatch.filter(LevelFilter::MoreSevereEqual(Level::Info)).append(append)
            })
            .build();
        log::set_boxed_logger(Box::new(LogBridge::new(logger)))
            .map_err(|error| error.to_string())?;
        log::set_max_level(log::LevelFilter::Info);
        Ok(Self)
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
        log::logger().flush();
        Ok(Ended::now(None))
    }
}

fn appender(folder: &Path, waits: bool) -> Result<Async, logforth::Error> {
    let file = FileBuilder::new(folder, "events")
        .filename_suffix("jsonl")
        .rollover_daily()
        .layout(JsonLayout::default())
        .build()?;
    let builder = AsyncBuilder::new("logforth").append(file);
    let bound = waits.then_some(QUEUE);
    Ok(builder.buffered_lines_limit(bound).overflow_block().build())
}
