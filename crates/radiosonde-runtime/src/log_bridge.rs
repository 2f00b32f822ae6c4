//! `log` records as events.

use std::sync::{Mutex, OnceLock, PoisonError};

use radiosonde_context::with_current;
use radiosonde_record::{Journal, Kind, Level, LogOrigin, Value, is_heard, with_local_or};

use crate::pieces::Used;

use crate::settings::BRIDGED;

/// A logger for the `log` crate. `init!` installs one, with [`LogBridge::max_level`]: below it the
/// macros of `log` cost a load and a branch. See `Parts::logger` for installing it yourself.
///
/// A record becomes a line with `evt` `log`: its target is the `source`, and it carries the ids of
/// the span and the scope it was logged in. Its key-value pairs are not recorded. On a thread that
/// records elsewhere for the moment, inside of [`EventsHandle::within`](crate::EventsHandle::within)
/// or of a capture, it goes there.
#[derive(Clone, Debug)]
pub struct LogBridge {
    journal: Option<Journal>,
    /// Whether the OpenTelemetry bridge lets spans through that are nothing to `log`.
    is_bridged: bool,
    used: Used,
}

impl LogBridge {
    pub(crate) fn new(journal: Option<&Journal>, is_bridged: bool) -> Self {
        LogOrigin::prepare();
        Self { journal: journal.cloned(), is_bridged, used: Used::default() }
    }

    /// Says there whether it is in use.
    pub(crate) fn telling(self, used: &Used) -> Self {
        Self { used: used.clone(), ..self }
    }

    /// The level to give to `log::set_max_level`: the lowest that the filter lets through for any
    /// target. With the OpenTelemetry bridge `otel::tracing` is none of these: it has spans only.
    pub fn max_level(&self) -> log::LevelFilter {
        self.used.mark();
        let Some(journal) = &self.journal else { return log::LevelFilter::Off };
        if self.is_bridged {
            return as_log(journal.filter().lowest_without(BRIDGED));
        }
        max_level(journal)
    }
}

/// What the filter of a journal lets through of anything.
pub(crate) fn max_level(journal: &Journal) -> log::LevelFilter {
    as_log(journal.filter().lowest())
}

fn as_log(lowest: Option<Level>) -> log::LevelFilter {
    match lowest {
        None => log::LevelFilter::Off,
        Some(Level::Trace) => log::LevelFilter::Trace,
        Some(Level::Debug) => log::LevelFilter::Debug,
        Some(Level::Info) => log::LevelFilter::Info,
        Some(Level::Warning) => log::LevelFilter::Warn,
        Some(_) => log::LevelFilter::Error,
    }
}

/// The logger of the process: the bridge of `init!`, once it was called, and before that, and beside
/// it, the captures of tests.
struct OfProcess;

static BRIDGE: OnceLock<LogBridge> = OnceLock::new();
static LEVEL: Mutex<()> = Mutex::new(());

/// Makes ours the logger of the process, unless another one is. Whether it is ours.
pub(crate) fn claim() -> bool {
    static CLAIMED: OnceLock<bool> = OnceLock::new();
    *CLAIMED.get_or_init(|| {
        LogOrigin::prepare();
        log::set_logger(&OfProcess).is_ok()
    })
}

/// Makes this the bridge of the process. Whether it is.
pub(crate) fn install(bridge: LogBridge) -> bool {
    let max_level = bridge.max_level();
    let installed = claim() && BRIDGE.set(bridge).is_ok();
    if installed {
        raise(max_level);
    }
    installed
}

/// Lets the macros of `log` through to this level; what more they let through somebody asked for.
pub(crate) fn raise(to: log::LevelFilter) {
    let _alone = LEVEL.lock().unwrap_or_else(PoisonError::into_inner);
    log::set_max_level(log::max_level().max(to));
}

impl log::Log for OfProcess {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        is_enabled(|| BRIDGE.get()?.journal.as_ref(), metadata)
    }

    fn log(&self, record: &log::Record<'_>) {
        write(|| BRIDGE.get()?.journal.as_ref(), record);
    }

    /// As [`LogBridge`].
    fn flush(&self) {}
}

impl log::Log for LogBridge {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        self.used.mark();
        is_enabled(|| self.journal.as_ref(), metadata)
    }

    fn log(&self, record: &log::Record<'_>) {
        self.used.mark();
        write(|| self.journal.as_ref(), record);
    }

    /// Does nothing: `Guard::flush` waits for everything.
    fn flush(&self) {}
}

fn is_enabled<'j>(own: impl FnOnce() -> Option<&'j Journal>, metadata: &log::Metadata<'_>) -> bool {
    let level = level(metadata.level());
    let allows = |journal: &Journal| journal.allows(metadata.target(), level);
    is_heard(level) && with_local_or(own, allows).unwrap_or(false)
}

fn write<'j>(own: impl FnOnce() -> Option<&'j Journal>, record: &log::Record<'_>) {
    let level = level(record.level());
    if !is_heard(level) {
        return;
    }
    with_local_or(own, |journal| {
        let origin = LogOrigin::new(record.target(), record.file(), record.line(), level);
        if !origin.is_allowed(journal) {
            return;
        }
        let Some(site) = origin.site(journal) else { return };
        journal.record(Kind::Event, level, &site, &[], |builder| {
            with_current(|context| builder.context(&context.packed()));
            let message = record.args();
            builder.message(message.as_str().map_or(Value::Display(message), Value::Str));
        });
    });
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
