//! Panics as events of level critical, before the hook that was there.

/// Chains our hook in front of the one that is set.
#[cfg(feature = "panic")]
pub(crate) fn install() {
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        record(info);
        previous(info);
    }));
}

#[cfg(not(feature = "panic"))]
pub(crate) fn install() {}

#[cfg(feature = "panic")]
fn record(info: &std::panic::PanicHookInfo<'_>) {
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
fn payload<'a>(info: &'a std::panic::PanicHookInfo<'_>) -> Option<&'a str> {
    let payload = info.payload();
    payload
        .downcast_ref::<&'static str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
}
