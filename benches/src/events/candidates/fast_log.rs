//! fast_log, which knows messages only: the fields are JSON in the message, and a format of ours, as
//! its documentation foresees, adds time, level and source.

use super::QUEUE;
use super::json_text::json_text;
use crate::events::subject::{Ended, Fields, Subject};
use crate::harness::Overflow;
use fast_log::Config;
use fast_log::appender::{Command, FastLogRecord, RecordFormat};
use fast_log::plugin::file_split::{DateType, KeepType, Rolling, RollingType};
use fast_log::plugin::packer::LogPacker;
use std::path::Path;
use std::time::UNIX_EPOCH;

/// With the default, a queue without bounds; or with a bound, at which it waits.
pub(crate) struct FastLog<const WAITS: bool>;

/// `{"ts":…,"level":…,"source":…,` and the rest of the message.
struct Lines;

impl RecordFormat for Lines {
    fn do_format(&self, record: &mut FastLogRecord) {
        if !matches!(record.command, Command::CommandRecord) {
            return;
        }
        let ts = record.now.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let (level, source) = (record.level, &record.target);
        let fields = record.args.strip_prefix('{').unwrap_or(&record.args);
        record.formated =
            format!("{{\"ts\":{ts},\"level\":\"{level}\",\"source\":\"{source}\",{fields}\n");
    }
}

impl<const WAITS: bool> Subject for FastLog<WAITS> {
    const NAME: &'static str = if WAITS { "fast_log-blocking" } else { "fast_log" };
    const OVERFLOW: Overflow = if WAITS { Overflow::Waits } else { Overflow::Grows };
    const PACKAGES: &'static [&'static str] = &["fast_log"];

    fn start(folder: &Path) -> Result<Self, String> {
        let path = folder.join("events.jsonl");
        let config = Config::new()
            .level(log::LevelFilter::Info)
            .format(Lines)
            .chan_len(WAITS.then_some(QUEUE))
            .file_split(
                &path.to_string_lossy(),
                Rolling::new(RollingType::ByDate(DateType::Day)),
                KeepType::All,
                LogPacker {},
            );
        fast_log::init(config).map(|_logger| Self).map_err(|error| error.to_string())
    }

    #[inline]
    fn event(&self, fields: &Fields) {
        log::info!("{}", json_text(fields));
    }

    #[inline]
    fn disabled(&self, fields: &Fields) {
        log::debug!("{}", json_text(fields));
    }

    fn finish(self) -> Result<Ended, String> {
        fast_log::flush().map_err(|error| error.to_string())?.wait();
        Ok(Ended::now(None))
    }
}
