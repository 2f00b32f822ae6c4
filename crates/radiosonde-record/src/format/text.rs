//! Values as text: cut where they are too long, and formatted by code of the application.

use std::fmt::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use super::FIELD_MAX;
use super::buffer::{Buffer, Written, fits};
use crate::descriptor::floor_char_boundary;
use crate::value::Value;

static FORMAT_PANICS: AtomicU64 = AtomicU64::new(0);

/// How often a `Display` or `Debug` of the application panicked while its value was recorded.
pub fn format_panics() -> u64 {
    FORMAT_PANICS.load(Ordering::Relaxed)
}

/// A value as text of at most `max` bytes, up to [`FIELD_MAX`](crate::FIELD_MAX), and a marker behind
/// what is cut. Its formatter ends there; one that panics is counted in [`format_panics`], and the text
/// says so.
pub fn text_of(value: Value<'_>, max: usize) -> String {
    text_within(value, max).0
}

/// As [`text_of`], and whether something was cut.
pub fn text_within(value: Value<'_>, max: usize) -> (String, bool) {
    let mut buffer = Buffer::for_fields();
    let written = buffer.write_text(max.min(FIELD_MAX), value);
    (String::from_utf8_lossy(buffer.written()).into_owned(), written != Written::Whole)
}

impl Buffer {
    /// Appends a value as text of at most `max` bytes and a marker.
    pub(super) fn write_text(&mut self, max: usize, value: Value<'_>) -> Written {
        match value {
            Value::Str(text) if text.len() <= max => fits(self.bytes(text.as_bytes())),
            Value::Debug(value) => self.write_debug(max, value),
            Value::Display(value) => self.guarded(max, |out| write!(out, "{value}")),
            value => self.write_other(max, value),
        }
    }

    /// As [`Buffer::write_text`].
    #[inline]
    pub(super) fn write_debug(&mut self, max: usize, value: &dyn fmt::Debug) -> Written {
        self.guarded(max, |out| write!(out, "{value:?}"))
    }

    #[inline(never)]
    fn write_other(&mut self, max: usize, value: Value<'_>) -> Written {
        match value {
            Value::Str(text) => self.write_cut(max, text, text.len()),
            Value::Bytes(bytes) => {
                // A character behind the last one that may be needed.
                let beginning = &bytes[..bytes.len().min(max + 4)];
                let text = String::from_utf8_lossy(beginning);
                if beginning.len() < bytes.len() {
                    return self.write_cut(max, &text, bytes.len());
                }
                self.write_text(max, Value::Str(&text))
            }
            value => self.guarded(max, |out| write!(out, "{value:?}")),
        }
    }

    /// Appends what there is room for of a text that has so many bytes, and a marker.
    fn write_cut(&mut self, max: usize, text: &str, all: usize) -> Written {
        let end = floor_char_boundary(text, max);
        let marker = format!("…[cut, {all} bytes in all]");
        let whole = self.bytes(&text.as_bytes()[..end]) && self.bytes(marker.as_bytes());
        fits(whole).and_cut()
    }

    /// Runs a formatter of the application, which may panic, log, or never end.
    #[inline]
    fn guarded(
        &mut self,
        max: usize,
        format: impl FnOnce(&mut Bounded<'_>) -> fmt::Result,
    ) -> Written {
        let start = self.len();
        let mut bounded = Bounded { out: self, limit: start + max, written: Written::Whole };
        let formatted = catch_unwind(AssertUnwindSafe(|| format(&mut bounded)));
        let written = bounded.written;
        match formatted {
            Ok(Ok(())) => written,
            failed => self.failed(start, written, failed.is_err()),
        }
    }

    /// Says in place of a text, or of the rest of it, why it is not there.
    #[cold]
    fn failed(&mut self, start: usize, written: Written, is_panic: bool) -> Written {
        if is_panic {
            FORMAT_PANICS.fetch_add(1, Ordering::Relaxed);
        }
        match written {
            Written::Refused => Written::Refused,
            Written::Cut => fits(self.bytes("…[cut]".as_bytes())).and_cut(),
            Written::Whole if is_panic => {
                self.truncate(start);
                fits(self.bytes(b"[panicked while formatting]"))
            }
            Written::Whole => fits(self.bytes(b"[formatting failed]")),
        }
    }
}

/// What a formatter writes to: it ends with an error, since a formatter must not run on for output
/// nobody keeps.
struct Bounded<'a> {
    out: &'a mut Buffer,
    /// Length of the buffer that ends the text.
    limit: usize,
    written: Written,
}

impl Bounded<'_> {
    #[cold]
    fn cut(&mut self, text: &str) -> fmt::Result {
        let end = floor_char_boundary(text, self.limit.saturating_sub(self.out.len()));
        self.written = fits(self.out.bytes(&text.as_bytes()[..end])).and_cut();
        Err(fmt::Error)
    }
}

impl fmt::Write for Bounded<'_> {
    #[inline]
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.out.len() + text.len() <= self.limit && self.out.bytes(text.as_bytes()) {
            return Ok(());
        }
        self.cut(text)
    }
}
