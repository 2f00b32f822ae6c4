//! Panics as events of level critical, before the hook that was there.
//!
//! The panics of our own threads, and of callbacks that judge values, are none of the application's:
//! what they say may hold the value that was looked at, and nobody is to show that. Problems tell
//! of them, and where it was.

use std::panic::PanicHookInfo;
use std::sync::{Mutex, PoisonError};

use radiosonde_record::Journal;

/// Where one of our threads has panicked last.
static LAST: Mutex<Option<String>> = Mutex::new(None);

/// Chains our hook in front of the one that is set. A panic is an event of `pipeline`, or, without
/// one, of that which `event!` writes to where it happens.
pub(crate) fn install(pipeline: Option<Journal>) {
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if radiosonde_redact::is_in_callback() {
            return;
        }
        if radiosonde_record::is_suppressed() {
            let place = info.location().map(ToString::to_string);
            *LAST.lock().unwrap_or_else(PoisonError::into_inner) = place;
            return;
        }
        match &pipeline {
            Some(journal) => radiosonde_record::with_journal(journal, || record(info)),
            None => record(info),
        }
        previous(info);
    }));
}

/// Where one of our threads has panicked last: ` at src/encode.rs:12:5`, or nothing.
pub(crate) fn place() -> String {
    let last = LAST.lock().unwrap_or_else(PoisonError::into_inner).clone();
    last.map(|place| format!(" at {place}")).unwrap_or_default()
}

#[cfg(not(feature = "panic"))]
fn record(_: &PanicHookInfo<'_>) {}

#[cfg(feature = "panic")]
fn record(info: &PanicHookInfo<'_>) {
    use std::backtrace::{Backtrace, BacktraceStatus};

    use radiosonde_events::log_event;
    use radiosonde_record::{Level, Value};

    let location = info.location().map(ToString::to_string);
    let thread = std::thread::current();
    let backtrace = Backtrace::capture();
    let mut meta = vec![
        ("location", Value::Str(location.as_deref().unwrap_or("unknown"))),
        ("thread", Value::Str(thread.name().unwrap_or("unnamed"))),
    ];
    if backtrace.status() == BacktraceStatus::Captured {
        meta.push(("backtrace", Value::Display(&backtrace)));
    }
    let message = payload(info).unwrap_or("panic with a payload that is no text");
    log_event("panic", Level::Critical, "panic", message, &meta);
}

/// The message, when the payload is the text that `panic!` makes.
#[cfg(feature = "panic")]
fn payload<'a>(info: &'a PanicHookInfo<'_>) -> Option<&'a str> {
    let payload = info.payload();
    payload
        .downcast_ref::<&'static str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
}
