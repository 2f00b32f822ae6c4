//! Quantiles over the last ten minutes, for summaries.
//!
//! Values go into a sketch (DDSketch) of their two minutes; five sketches make the window, so that it
//! holds the last eight to ten minutes. A quantile is off by 2 % of its value at most, for values whose
//! magnitude is between 1e-9 and 1e15. Smaller ones are 0; larger ones are not told apart, and a
//! quantile among them is the largest (or, of negative ones, the least) there is.
//!
//! Values in the range of 1:1000 take 10 KB a series. What is written decides how much, within a limit:
//! 225 KB for values of both signs over the whole range in all five sketches. Memory of what is past
//! goes with the next value or scrape.

use std::fmt;
use std::hint;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, TryLockError};

use radiosonde_registry::SUMMARY_QUANTILES;
use sketches_ddsketch::{Config, DDSketch};

use crate::sync::lock;

/// Relative error of a quantile.
const ERROR: f64 = 0.02;

/// Magnitudes that are told apart.
const LEAST: f64 = 1e-9;
const MOST: f64 = 1e15;

/// Bins that the range takes at this error, in the steps of the sketch: it never has to fold the
/// lower ones into one, as a single high value would make it do.
const BINS: u32 = 1_408;

/// Sketches of a window, and how long each takes values.
const SLICES: usize = 5;
const SLICE_MILLIS: u64 = 120_000;

/// Most values of one slice: four times as many fit into a count, and quantiles stay what they are.
const VALUES_MAX: u64 = 1 << 60;

/// Places for values that find the window busy.
const PARKED: usize = 16;

/// How often the lock is tried again when they are taken.
const TURNS: u32 = 32;

/// An empty one. No value is not a number.
const EMPTY: u64 = f64::NAN.to_bits();

/// The values of the last minutes.
#[derive(Debug)]
pub(crate) struct Window {
    slices: Mutex<Slices>,
    /// Values that came while another thread had the lock; whoever has it next takes them in.
    parked: [AtomicU64; PARKED],
    /// Where the next one is put. Not 0 once there was any.
    next: AtomicUsize,
    missed: AtomicU64,
}

#[derive(Debug, Default)]
struct Slices {
    slices: [Option<Box<Slice>>; SLICES],
    /// The latest period that was seen, in units of [`SLICE_MILLIS`].
    latest: u64,
}

struct Slice {
    period: u64,
    values: u64,
    least: f64,
    most: f64,
    sketch: DDSketch,
}

impl Default for Window {
    fn default() -> Self {
        Self {
            slices: Mutex::default(),
            parked: [const { AtomicU64::new(EMPTY) }; PARKED],
            next: AtomicUsize::new(0),
            missed: AtomicU64::new(0),
        }
    }
}

impl Window {
    /// Takes in a finite value, so many times. `now_millis` is in milliseconds since 1970.
    ///
    /// Waits a microsecond at most, however long another thread has the lock: values that come
    /// meanwhile are put aside, and what finds no place has no part in the quantiles; see
    /// [`Window::missed`].
    pub(crate) fn record(&self, value: f64, count: u64, now_millis: u64) {
        let mut turns = 0;
        loop {
            if let Some(mut slices) = self.try_lock() {
                let period = slices.turn(now_millis);
                self.take_parked(&mut slices, period);
                return slices.add(period, value, count);
            }
            if turns == 0 && count == 1 && self.park(value) {
                return;
            }
            if turns == TURNS {
                let _ = self.missed.fetch_add(count, Ordering::Relaxed);
                return;
            }
            turns += 1;
            hint::spin_loop();
        }
    }

    /// The values of [`SUMMARY_QUANTILES`]; `None` for each if there was no value in the window.
    /// Nothing is said then, rather than that it is not a number: a line that ends is a gap in a
    /// graph as well.
    pub(crate) fn quantiles(&self, now_millis: u64) -> [(f64, Option<f64>); 4] {
        let mut all = Slice::new(0);
        {
            let mut slices = lock(&self.slices);
            self.mend(&mut slices);
            let period = slices.turn(now_millis);
            self.take_parked(&mut slices, period);
            for slice in slices.slices.iter().flatten() {
                all.merge(slice);
            }
        }
        SUMMARY_QUANTILES.map(|quantile| (quantile, all.value_at(quantile)))
    }

    /// Begins anew.
    pub(crate) fn forget(&self) {
        let mut slices = lock(&self.slices);
        self.mend(&mut slices);
        slices.slices = Default::default();
    }

    /// Values that have no part in quantiles, as too many came at once.
    pub(crate) fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }

    fn try_lock(&self) -> Option<MutexGuard<'_, Slices>> {
        match self.slices.try_lock() {
            Ok(slices) => Some(slices),
            Err(TryLockError::Poisoned(slices)) => {
                let mut slices = slices.into_inner();
                self.mend(&mut slices);
                Some(slices)
            }
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// After a panic in the middle of a change the window begins anew: nobody knows what it holds.
    fn mend(&self, slices: &mut Slices) {
        if self.slices.is_poisoned() {
            *slices = Slices::default();
            self.slices.clear_poison();
        }
    }

    /// Puts a value aside, if there is a place.
    fn park(&self, value: f64) -> bool {
        let nth = self.next.fetch_add(1, Ordering::Relaxed) % PARKED;
        let park = |place: &AtomicU64| {
            let (empty, bits) = (EMPTY, value.to_bits());
            place.compare_exchange(empty, bits, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        };
        self.parked.get(nth).is_some_and(park)
    }

    fn take_parked(&self, slices: &mut Slices, period: u64) {
        if self.next.load(Ordering::Relaxed) == 0 {
            return;
        }
        for place in &self.parked {
            if place.load(Ordering::Relaxed) != EMPTY {
                slices.add(period, f64::from_bits(place.swap(EMPTY, Ordering::Relaxed)), 1);
            }
        }
    }
}

impl Slices {
    /// The period of that time; what is too old for it goes.
    ///
    /// A clock may be set back, and threads look at it before they come here: up to one period back is
    /// now. By more, the window begins anew, or it would stand still until that time comes again.
    fn turn(&mut self, now_millis: u64) -> u64 {
        let period = now_millis / SLICE_MILLIS;
        if period == self.latest {
            return period;
        }
        if period + 1 < self.latest {
            self.slices = Default::default();
            self.latest = period;
        }
        self.latest = self.latest.max(period);
        let latest = self.latest;
        for slice in &mut self.slices {
            if slice.as_ref().is_some_and(|slice| slice.period + SLICES as u64 <= latest) {
                *slice = None;
            }
        }
        latest
    }

    fn add(&mut self, period: u64, value: f64, count: u64) {
        let Some(slice) = self.slices.get_mut((period % SLICES as u64) as usize) else { return };
        let slice = slice.get_or_insert_with(|| Box::new(Slice::new(period)));
        // A sketch counts without looking whether the sum still fits.
        let count = count.min(VALUES_MAX - slice.values);
        slice.values += count;
        slice.least = slice.least.min(value);
        slice.most = slice.most.max(value);
        slice.sketch.add_with_count(value.clamp(-MOST, MOST), count);
    }
}

impl Slice {
    fn new(period: u64) -> Self {
        // One for all: only sketches of equal configurations can be merged, and it holds a logarithm.
        static CONFIG: OnceLock<Config> = OnceLock::new();
        let sketch = DDSketch::new(*CONFIG.get_or_init(|| Config::new(ERROR, BINS, LEAST)));
        Self { period, values: 0, least: f64::INFINITY, most: f64::NEG_INFINITY, sketch }
    }

    fn merge(&mut self, other: &Self) {
        self.values += other.values;
        self.least = self.least.min(other.least);
        self.most = self.most.max(other.most);
        // Fails for sketches of another configuration only.
        let _ = self.sketch.merge(&other.sketch);
    }

    fn value_at(&self, quantile: f64) -> Option<f64> {
        let value = self.sketch.quantile(quantile).ok()??;
        // Of the last bin all that is known is the value that is farthest out.
        let is_last = value.abs() > MOST * (1.0 - 2.0 * ERROR);
        let value = match value {
            value if is_last && value > 0.0 => value.max(self.most),
            value if is_last => value.min(self.least),
            value => value,
        };
        // The middle of a bin may be outside of what there was.
        Some(value.clamp(self.least, self.most))
    }
}

impl fmt::Debug for Slice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slice").field("period", &self.period).field("values", &self.values).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::AtomicBool;
    use std::thread::ScopedJoinHandle;

    use super::*;

    const MINUTE: u64 = 60_000;

    /// Any time: nothing here looks at a clock.
    const START: u64 = 14_000_000 * SLICE_MILLIS;

    fn told(window: &Window, now: u64) -> [Option<f64>; 4] {
        window.quantiles(now).map(|(_, value)| value)
    }

    fn of(values: &[f64]) -> [Option<f64>; 4] {
        let window = Window::default();
        values.iter().for_each(|value| window.record(*value, 1, START));
        assert_eq!(window.missed(), 0);
        told(&window, START)
    }

    fn assert_near(told: [Option<f64>; 4], expected: [f64; 4]) {
        for (value, expected) in told.iter().zip(expected) {
            let near = value.is_some_and(|value| (value / expected - 1.0).abs() <= 0.0201);
            assert!(near, "{told:?} {expected}");
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "tens of thousands of values")]
    fn quantiles_are_as_exact_as_stated() {
        // Rising by factors, by steps, and equal.
        let factors: Vec<f64> =
            (0..10_000).map(|n| 1e-9 * 10_f64.powf(f64::from(n) / 417.0)).collect();
        let steps: Vec<f64> = (0..10_000).map(|n| f64::from(n) * 0.25 - 1_000.0).collect();
        for values in [factors, steps, vec![0.3; 10_000], vec![-7.0; 3], vec![0.0; 3]] {
            for (quantile, value) in SUMMARY_QUANTILES.iter().zip(of(&values)) {
                let exact = values[(quantile * (values.len() - 1) as f64) as usize];
                let value = value.expect("there are values");
                let off = (value - exact).abs();
                assert!(off <= exact.abs() * 0.0201 + 1e-9, "{quantile}: {value} for {exact}");
            }
        }
        assert_eq!(of(&[0.3; 9]), [Some(0.3); 4], "equal values are told as they are");
    }

    #[test]
    fn one_value_far_out_does_not_move_the_others() {
        for out in [1e300, f64::MAX, -1e300, f64::MIN, 1e-300, f64::MIN_POSITIVE] {
            let mut values = vec![2.0; 999];
            values.push(out);
            assert!(
                of(&values).iter().all(|v| v.is_some_and(|v| (1.9..2.1).contains(&v))),
                "{out}"
            );
        }
        assert_eq!(of(&[1e300; 3]), [Some(1e300); 4], "past the range there is the farthest");
        assert_eq!(of(&[f64::MIN; 3]), [Some(f64::MIN); 4]);
        let mixed = of(&[-1e300, -1.0, 0.0, 1.0, 1e16, 1e300]);
        assert_eq!((mixed[0], mixed[3]), (Some(0.0), Some(1e300)));
    }

    #[test]
    fn values_leave_after_eight_to_ten_minutes() {
        let window = Window::default();
        assert_eq!(told(&window, START), [None; 4]);
        window.record(1.0, 1, START);
        window.record(1.0, 1, START + 2 * MINUTE - 1);
        window.record(9.0, 3, START + 2 * MINUTE);
        assert_near(told(&window, START + 10 * MINUTE - 1), [9.0; 4]);
        assert_eq!(values(&window), 5);
        let _ = told(&window, START + 10 * MINUTE);
        assert_eq!(values(&window), 3, "the first two are past");
        assert_eq!(told(&window, START + 12 * MINUTE), [None; 4]);
        assert_eq!(values(&window), 0, "and their memory is gone");
    }

    fn values(window: &Window) -> u64 {
        lock(&window.slices).slices.iter().flatten().map(|slice| slice.values).sum()
    }

    #[test]
    fn a_clock_that_is_set_back_begins_anew_but_for_a_little() {
        let window = Window::default();
        let late = START + 600 * MINUTE;
        window.record(1.0, 1, late);
        window.record(1.0, 1, late - 1);
        assert_eq!(values(&window), 2);
        window.record(5.0, 1, START);
        assert_eq!(told(&window, START), [Some(5.0); 4]);
        window.record(5.0, 1, 0);
        window.record(5.0, 1, u64::MAX);
        assert_eq!(values(&window), 1);
    }

    #[test]
    fn counts_of_values_have_weight_and_never_too_much() {
        let window = Window::default();
        window.record(1.0, 98, START);
        window.record(3.0, 2, START);
        window.record(7.0, 0, START);
        assert_near(told(&window, START), [1.0, 1.0, 1.0, 3.0]);
        for minute in 0..10 {
            window.record(5.0, u64::MAX, START + minute * MINUTE);
            window.record(5.0, u64::MAX, START + minute * MINUTE);
        }
        assert_near(told(&window, START + 9 * MINUTE), [5.0; 4]);
    }

    #[test]
    #[cfg_attr(miri, ignore = "tens of thousands of values")]
    fn memory_is_bounded_whatever_is_written() {
        let window = Window::default();
        for nth in 0..40_000_u32 {
            let value = 10_f64.powf(f64::from(nth % 20_000) / 31.0 - 320.0);
            window.record(if nth % 2 == 0 { value } else { -value }, 1, START);
        }
        let slices = lock(&window.slices);
        let slice = slices.slices.iter().flatten().next().expect("one slice");
        assert_eq!(slice.values, 40_000);
        assert!(slice.sketch.length() <= 2 * BINS as usize, "{}", slice.sketch.length());
        assert!(size_of::<Window>() <= 256, "{}", size_of::<Window>());
    }

    #[test]
    fn nobody_waits_for_the_lock_and_nothing_is_lost_uncounted() {
        let window = Window::default();
        window.record(1.0, 1, START);
        let held = window.slices.lock();
        // On this thread a lock that waits would never come back.
        for _ in 0..PARKED + 3 {
            window.record(2.0, 1, START);
        }
        window.record(2.0, 10, START);
        drop(held);
        assert_eq!(window.missed(), 13);
        assert_eq!(told(&window, START)[1], Some(2.0));
        assert_eq!(values(&window), 1 + PARKED as u64);
    }

    #[test]
    fn values_of_many_threads_are_taken_or_missed() {
        const EACH: u64 = if cfg!(miri) { 50 } else { 20_000 };
        let (window, done) = (Window::default(), AtomicBool::new(false));
        std::thread::scope(|scope| {
            let writers: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| (0..EACH).for_each(|_| window.record(1.0, 1, START))))
                .collect();
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    assert_eq!(told(&window, START)[0].unwrap_or(1.0), 1.0);
                }
            });
            let ends: Vec<_> = writers.into_iter().map(ScopedJoinHandle::join).collect();
            done.store(true, Ordering::Relaxed);
            assert!(ends.iter().all(Result::is_ok));
        });
        assert_eq!(told(&window, START), [Some(1.0); 4]);
        assert_eq!(values(&window) + window.missed(), 4 * EACH);
    }

    #[test]
    fn after_a_panic_under_the_lock_the_window_begins_anew() {
        let poison = |window: &Window| {
            let _ = catch_unwind(AssertUnwindSafe(|| {
                let _held = window.slices.lock();
                panic!("under the lock");
            }));
        };
        let window = Window::default();
        window.record(1.0, 1, START);
        poison(&window);
        window.record(2.0, 1, START);
        assert_eq!(told(&window, START), [Some(2.0); 4]);
        poison(&window);
        assert_eq!(told(&window, START), [None; 4]);
        assert!(!window.slices.is_poisoned());
    }
}
