//! `log` records as events.

mod sites;

use radiosonde_context::with_current;
use radiosonde_record::{Descriptor, Journal, Kind, Level, Site, Value, is_heard};

/// A logger for the `log` crate. `init!` installs one, with [`LogBridge::max_level`]: below it the
/// macros of `log` cost a load and a branch. See `Parts::logger` for installing it yourself.
///
/// A record becomes a line with `evt` `log`: its target is the `source`, and it carries the ids of
/// the span and the scope it was logged in. Its key-value pairs are not recorded.
#[derive(Clone, Debug)]
pub struct LogBridge {
    journal: Option<Journal>,
}

impl LogBridge {
    pub(crate) fn new(journal: Option<&Journal>) -> Self {
        sites::prepare();
        Self { journal: journal.cloned() }
    }

    /// The level to give to `log::set_max_level`: the lowest that the filter lets through for any
    /// target.
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
        let level = level(metadata.level());
        let allows = |journal: &Journal| journal.allows(metadata.target(), level);
        is_heard(level) && self.journal.as_ref().is_some_and(allows)
    }

    fn log(&self, record: &log::Record<'_>) {
        let Some(journal) = &self.journal else { return };
        let level = level(record.level());
        if !is_heard(level) {
            return;
        }
        let Some(site) = site(journal, record, level) else { return };
        journal.record(Kind::Event, level, &site, &[], |builder| {
            with_current(|context| builder.context(&context.packed()));
            let message = record.args();
            builder.message(message.as_str().map_or(Value::Display(message), Value::Str));
        });
    }

    /// Does nothing: `Guard::flush` waits for everything.
    fn flush(&self) {}
}

/// The call site, when its record is wanted. The filter comes first: what it holds back costs a
/// look at a few targets, less than knowing the call site, and takes none of its places.
fn site(journal: &Journal, record: &log::Record<'_>, level: Level) -> Option<Site> {
    let (target, file, line) = (record.target(), record.file(), record.line());
    if !journal.allows(target, level) {
        return None;
    }
    if let Some(known) = sites::find(record) {
        let passes = known.passes(journal, level);
        return passes.then(|| journal.site(known.key(), || known.describe()));
    }
    // More call sites than there is room for: each record carries its own.
    let describe = || describe(target, file, line);
    journal.passes(level, sites::hash(record), describe).then(|| Site::from(describe()))
}

fn describe(target: &str, file: Option<&str>, line: Option<u32>) -> Descriptor {
    Descriptor {
        name: "log".to_owned(),
        source: target.to_owned(),
        file: file.unwrap_or_default().to_owned(),
        line: line.unwrap_or_default(),
        keys: Vec::new(),
        ..Descriptor::default()
    }
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
