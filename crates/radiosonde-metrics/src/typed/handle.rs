//! The handles a catalogue's functions return.

use std::fmt;
use std::time::Duration;

/// Writes one series of a counter.
#[must_use = "a handle writes nothing by itself; call `increment`"]
#[derive(Clone)]
pub struct Counter(pub(crate) metrics::Counter);

impl Counter {
    /// Adds `by`. A counter stops at [`u64::MAX`].
    #[doc(alias = "inc")]
    #[doc(alias = "add")]
    pub fn increment(&self, by: u64) {
        self.0.increment(by);
    }

    /// Raises the counter to `value`, which was counted elsewhere; a smaller value changes nothing.
    pub fn absolute(&self, value: u64) {
        self.0.absolute(value);
    }
}

/// Writes one series of a gauge.
#[must_use = "a handle writes nothing by itself; call `set`"]
#[derive(Clone)]
pub struct Gauge {
    pub(crate) gauge: metrics::Gauge,
    pub(crate) units_per_second: f64,
}

impl Gauge {
    /// Sets the value, in the unit of the metric; NaN and infinities are refused.
    pub fn set(&self, value: impl Quantity) {
        self.gauge.set(value.in_units(self.units_per_second));
    }

    /// Adds to the value.
    #[doc(alias = "inc")]
    #[doc(alias = "add")]
    pub fn increment(&self, by: impl Quantity) {
        self.gauge.increment(by.in_units(self.units_per_second));
    }

    /// Takes from the value.
    #[doc(alias = "dec")]
    #[doc(alias = "sub")]
    pub fn decrement(&self, by: impl Quantity) {
        self.gauge.decrement(by.in_units(self.units_per_second));
    }
}

/// Writes one series of a histogram.
#[must_use = "a handle writes nothing by itself; call `record`"]
#[derive(Clone)]
pub struct Histogram {
    pub(crate) histogram: metrics::Histogram,
    pub(crate) units_per_second: f64,
}

impl Histogram {
    /// Counts one value, in the unit of the metric; NaN and infinities are refused.
    #[doc(alias = "observe")]
    pub fn record(&self, value: impl Quantity) {
        self.histogram.record(value.in_units(self.units_per_second));
    }
}

/// Writes one series of a summary.
#[must_use = "a handle writes nothing by itself; call `record`"]
#[derive(Clone)]
pub struct Summary {
    pub(crate) histogram: metrics::Histogram,
    pub(crate) units_per_second: f64,
}

impl Summary {
    /// Counts one value, in the unit of the metric; NaN and infinities are refused.
    #[doc(alias = "observe")]
    pub fn record(&self, value: impl Quantity) {
        self.histogram.record(value.in_units(self.units_per_second));
    }
}

macro_rules! debug {
    ($($name:ident)*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    )*};
}

debug! { Counter Gauge Histogram Summary }

/// What can be written: a number in the unit of the metric, or a [`Duration`].
///
/// A duration is written in the unit of the metric when that is one of time (`seconds`, `ms`,
/// `minutes`, …), otherwise in seconds. Whole numbers above 2⁵³ lose their last digits.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not something a gauge or histogram can hold",
    label = "not a number and not a `Duration`",
    note = "write a number in the unit of the metric, or a `std::time::Duration`"
)]
pub trait Quantity {
    /// The number to write, where a second is that many units.
    fn in_units(self, units_per_second: f64) -> f64;
}

impl Quantity for Duration {
    fn in_units(self, units_per_second: f64) -> f64 {
        self.as_secs_f64() * units_per_second
    }
}

macro_rules! numbers {
    ($($exact:ident)* / $($rounded:ident)*) => {
        $(impl Quantity for $exact {
            fn in_units(self, _: f64) -> f64 { f64::from(self) }
        })*
        $(impl Quantity for $rounded {
            fn in_units(self, _: f64) -> f64 { self as f64 }
        })*
    };
}

numbers! { f64 f32 i8 i16 i32 u8 u16 u32 / i64 u64 isize usize }

/// Units in a second, by the unit of a metric as the registry writes it; 1 when it is not of time.
pub(crate) const fn units_per_second(unit: &str) -> f64 {
    match unit.as_bytes() {
        b"ns" | b"nanosecond" | b"nanoseconds" => 1e9,
        b"us" | b"microsecond" | b"microseconds" => 1e6,
        b"ms" | b"millisecond" | b"milliseconds" => 1e3,
        b"min" | b"minute" | b"minutes" => 1.0 / 60.0,
        b"h" | b"hour" | b"hours" => 1.0 / 3_600.0,
        b"d" | b"day" | b"days" => 1.0 / 86_400.0,
        _ => 1.0,
    }
}
