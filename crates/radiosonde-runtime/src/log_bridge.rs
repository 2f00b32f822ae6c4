//! `log` records as events.

use radiosonde_context::Context;
use radiosonde_record::{Descriptor, Journal, Kind, Level, Site, Value};

/// A logger for the `log` crate. `init!` installs one; see `Parts::logger` for doing it yourself.
#[derive(Clone, Debug)]
pub struct LogBridge {
    journal: Option<Journal>,
}

impl LogBridge {
    pub(crate) fn new(journal: Option<&Journal>) -> Self {
        Self { journal: journal.cloned() }
    }

    /// The level to give to `log::set_max_level`.
    pub fn max_level(&self) -> log::LevelFilter {
        let lowest = self.journal.as_ref().and_then(|journal| journal.filter().lowest());
        match lowest {
            None => log::LevelFilter::Off,
            Some(Level::Trace) => log::LevelFilter::Trace,
            Some(Level::Debug) => log::LevelFilter::Debug,
            Some(Level::Info) => log::LevelFilter::Info,
            Some(Level::Warning) => log::LevelFilter::Warn,
            Some(_) => log::LevelFilter::Error,
        }
    }
}

impl log::Log for LogBridge {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        let allows = |journal: &Journal| journal.allows(metadata.target(), level(metadata.level()));
        self.journal.as_ref().is_some_and(allows)
    }

    fn log(&self, record: &log::Record<'_>) {
        let Some(journal) = &self.journal else { return };
        if !self.enabled(record.metadata()) {
            return;
        }
        // Targets of log records need not live for ever, so the record carries its call site.
        let site = Site::Inline(Descriptor {
            name: "log".to_owned(),
            source: record.target().to_owned(),
            file: record.file().unwrap_or_default().to_owned(),
            line: record.line().unwrap_or_default(),
            keys: Vec::new(),
        });
        let context = Context::current();
        journal.record(Kind::Event, level(record.level()), &site, context.packed(), |builder| {
            let message = record.args();
            builder.message(message.as_str().map_or(Value::Display(message), Value::Str));
        });
    }

    /// Does nothing: `Guard::flush` waits for everything.
    fn flush(&self) {}
}

fn level(level: log::Level) -> Level {
    match level {
        log::Level::Error => Level::Error,
        log::Level::Warn => Level::Warning,
        log::Level::Info => Level::Info,
        log::Level::Debug => Level::Debug,
        log::Level::Trace => Level::Trace,
    }
}
