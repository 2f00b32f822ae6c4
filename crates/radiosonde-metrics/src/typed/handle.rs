//! The handles a catalogue's functions return.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use crate::handle::Write;

/// Writes one series of a counter.
#[must_use = "a handle writes nothing by itself; call `increment`"]
#[derive(Clone)]
pub struct Counter(Way<metrics::Counter>);

/// The way to a series.
#[derive(Clone)]
enum Way<H> {
    /// The short one, to the recorder of the process.
    Linked(Write<'static>),
    /// By a handle of whatever recorder was current.
    Foreign(H),
}

impl Counter {
    #[inline]
    pub(crate) fn linked(write: Write<'static>) -> Self {
        Self(Way::Linked(write))
    }

    pub(crate) fn foreign(handle: metrics::Counter) -> Self {
        Self(Way::Foreign(handle))
    }

    /// Adds `by`. A counter stops at [`u64::MAX`].
    #[doc(alias = "inc")]
    #[doc(alias = "add")]
    #[inline(always)]
    pub fn increment(&self, by: u64) {
        match &self.0 {
            Way::Linked(write) => write.increment(by),
            Way::Foreign(handle) => handle.increment(by),
        }
    }

    /// Raises the counter to `value`, which was counted elsewhere; a smaller value changes nothing.
    pub fn absolute(&self, value: u64) {
        match &self.0 {
            Way::Linked(write) => write.absolute(value),
            Way::Foreign(handle) => handle.absolute(value),
        }
    }
}

/// Writes one series of a histogram or summary, in the unit of the metric.
#[derive(Clone)]
pub(crate) struct Distribution(Way<metrics::Histogram>);

impl Distribution {
    #[inline]
    pub(crate) fn linked(write: Write<'static>) -> Self {
        Self(Way::Linked(write))
    }

    pub(crate) fn foreign(handle: metrics::Histogram) -> Self {
        Self(Way::Foreign(handle))
    }

    #[inline]
    fn record(&self, value: f64) {
        match &self.0 {
            Way::Linked(write) => write.record(value),
            Way::Foreign(handle) => handle.record(value),
        }
    }
}

/// Writes one series of a gauge.
#[must_use = "a handle writes nothing by itself; call `set`"]
#[derive(Clone)]
pub struct Gauge<U = Number> {
    pub(crate) gauge: metrics::Gauge,
    pub(crate) units_per_second: f64,
    pub(crate) unit: PhantomData<fn() -> U>,
}

impl<U> Gauge<U> {
    /// Sets the value, in the unit of the metric; NaN and infinities are refused.
    pub fn set(&self, value: impl Quantity<U>) {
        self.gauge.set(value.in_units(self.units_per_second));
    }

    /// Adds to the value.
    #[doc(alias = "inc")]
    #[doc(alias = "add")]
    pub fn increment(&self, by: impl Quantity<U>) {
        self.gauge.increment(by.in_units(self.units_per_second));
    }

    /// Takes from the value.
    #[doc(alias = "dec")]
    #[doc(alias = "sub")]
    pub fn decrement(&self, by: impl Quantity<U>) {
        self.gauge.decrement(by.in_units(self.units_per_second));
    }
}

/// Writes one series of a histogram.
#[must_use = "a handle writes nothing by itself; call `record`"]
#[derive(Clone)]
pub struct Histogram<U = Number> {
    pub(crate) histogram: Distribution,
    pub(crate) units_per_second: f64,
    pub(crate) unit: PhantomData<fn() -> U>,
}

impl<U> Histogram<U> {
    /// Counts one value, in the unit of the metric; NaN and infinities are refused.
    #[doc(alias = "observe")]
    #[inline]
    pub fn record(&self, value: impl Quantity<U>) {
        self.histogram.record(value.in_units(self.units_per_second));
    }
}

/// Writes one series of a summary. A scrape shows its quantiles 0.5, 0.9, 0.95 and 0.99 over the last eight
/// to ten minutes, off by 2 % at most, and count and sum since the start.
#[must_use = "a handle writes nothing by itself; call `record`"]
#[derive(Clone)]
pub struct Summary<U = Number> {
    pub(crate) histogram: Distribution,
    pub(crate) units_per_second: f64,
    pub(crate) unit: PhantomData<fn() -> U>,
}

impl<U> Summary<U> {
    /// Counts one value, in the unit of the metric; NaN and infinities are refused.
    /// It counts for the quantiles until it is eight to ten minutes old.
    #[doc(alias = "observe")]
    #[inline]
    pub fn record(&self, value: impl Quantity<U>) {
        self.histogram.record(value.in_units(self.units_per_second));
    }
}

macro_rules! debug {
    ($($name:ident $(<$unit:ident>)?)*) => {$(
        impl $(<$unit>)? fmt::Debug for $name $(<$unit>)? {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    )*};
}

debug! { Counter Gauge<U> Histogram<U> Summary<U> }

/// The unit of a handle that takes numbers only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Number;

/// The unit of a handle whose metric is in one of time (`seconds`, `ms`, `minutes`, …): it takes
/// numbers in that unit, and a [`Duration`], which is written in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Time;

/// What can be written: a number in the unit of the metric, and where that is one of [`Time`], a
/// [`Duration`]. Whole numbers above 2⁵³ lose their last digits.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not something this metric can hold",
    label = "not a number, nor a `Duration` for a metric whose unit is one of time",
    note = "write a number in the unit of the metric; a `std::time::Duration` where the registry \
            has a unit of time for it, such as `seconds`"
)]
pub trait Quantity<U> {
    /// The number to write, where a second is that many units.
    fn in_units(self, units_per_second: f64) -> f64;
}

impl Quantity<Time> for Duration {
    fn in_units(self, units_per_second: f64) -> f64 {
        self.as_secs_f64() * units_per_second
    }
}

macro_rules! numbers {
    ($($exact:ident)* / $($rounded:ident)*) => {
        $(impl<U> Quantity<U> for $exact {
            fn in_units(self, _: f64) -> f64 { f64::from(self) }
        })*
        $(impl<U> Quantity<U> for $rounded {
            fn in_units(self, _: f64) -> f64 { self as f64 }
        })*
    };
}

numbers! { f64 f32 i8 i16 i32 u8 u16 u32 / i64 u64 isize usize }
