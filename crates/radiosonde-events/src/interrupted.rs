//! The event of a span that was open when its process died, or ended its telemetry.

use radiosonde_record::{Builder, Interrupted, Value};

use crate::digits::hexadecimal;
use crate::time::Clock;

/// Fills the event in: its context is the span's, so that the ids stand where those of every line
/// do. For [`Journal::interrupt_spans`](radiosonde_record::Journal::interrupt_spans) as well as for
/// recovery.
pub fn describe_interrupted(found: &Interrupted, record: &mut Builder<'_>) {
    let span = &found.span;
    let name = if span.site.name.is_empty() { "a span" } else { &span.site.name };
    let open_us = found.died_ns.saturating_sub(span.start_ns) / 1_000;
    let open_for = duration(open_us);
    let message = if found.is_shutdown {
        format!("{name} was open when telemetry was shut down, for at least {open_for}")
    } else {
        format!("{name} was open for at least {open_for} when its process died")
    };
    record.message(Value::Str(&message));
    record.field_named("name", Value::Str(&span.site.name));
    if span.parent != 0 {
        let digits: [u8; 16] = hexadecimal(span.parent.to_be_bytes());
        record.field_named("parent_span_id", Value::Str(&String::from_utf8_lossy(&digits)));
    }
    record.field_named("start", Value::Str(&Clock::new(b"").text(span.start_ns)));
    record.field_named("open_us", Value::U64(open_us));
    if !span.thread.is_empty() {
        record.field_named("thread", Value::Str(&span.thread));
    }
    record.field_named("pid", Value::U64(u64::from(found.pid)));
    if found.is_shutdown {
        record.field_named("end", Value::Str("shutdown"));
    }
}

/// `2.1 s`, `35 ms`.
fn duration(us: u64) -> String {
    let (number, unit) = match us {
        0..1_000 => (us as f64, "µs"),
        1_000..1_000_000 => (us as f64 / 1e3, "ms"),
        1_000_000..120_000_000 => (us as f64 / 1e6, "s"),
        120_000_000..7_200_000_000 => (us as f64 / 60e6, "min"),
        _ => (us as f64 / 3600e6, "h"),
    };
    let digits = usize::from(number < 10.0 && us >= 1_000);
    // Cut, not rounded: it was open for at least that long.
    let scale = 10_f64.powi(digits as i32);
    format!("{:.digits$} {unit}", (number * scale).floor() / scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_never_longer_than_they_were() {
        for (us, text) in [
            (0, "0 µs"),
            (999, "999 µs"),
            (1_999, "1.9 ms"),
            (35_900, "35 ms"),
            (2_199_999, "2.1 s"),
            (119_999_999, "119 s"),
            (120_000_000, "2.0 min"),
            (3 * 3_600_000_000, "3.0 h"),
            (u64::MAX, "5124095576 h"),
        ] {
            assert_eq!(duration(us), text, "{us}");
        }
    }
}
