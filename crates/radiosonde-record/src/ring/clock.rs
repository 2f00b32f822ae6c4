//! The time of a record: the wall clock, read through the processor's counter where that is sound.
//!
//! The counter is used when the kernel itself keeps time by it (clock source `tsc`) and the
//! processor says that it runs at one rate for ever. The drain reads both clocks some times a
//! second and publishes an anchor (counter, wall clock, rate); a thread then reads the counter
//! only: 10 ns instead of 23. Until there is an anchor, or when it has grown old because the drain
//! was stopped, and on other processors, the wall clock is asked. A step of the wall clock is
//! followed within the anchor's interval. Times of one thread do not run backwards by the little
//! that two anchors may disagree.

use std::cell::Cell;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::anchor::{Anchor, Published};
use super::sync::AtomicU64;

#[cfg(not(all(test, loom)))]
static PUBLISHED: Published = Published::of([const { AtomicU64::new(0) }; 5]);
#[cfg(all(test, loom))]
loom::lazy_static! {
    static ref PUBLISHED: Published = Published::of(std::array::from_fn(|_| AtomicU64::new(0)));
}

const RATE_BITS: u32 = 26;
/// Between two anchors.
const INTERVAL: Duration = Duration::from_millis(100);
/// Age of an anchor that is not used any more. Longer than a busy drain ever takes.
const AGE_MAX: Duration = Duration::from_secs(2);
/// What two anchors may disagree by; more is a step of the clock, and followed.
const JITTER_NS: u64 = 1_000_000;
/// Ticks between which both clocks are read for an anchor, some microseconds: the thread was not
/// stopped in between.
const READING_TICKS_MAX: u64 = 20_000;
/// Readings tried at a look; on a busy machine the next look has better luck.
const READINGS: usize = 4;

/// What a thread remembers of the anchor.
#[derive(Debug)]
pub(crate) struct Clock {
    generation: Cell<u64>,
    anchor: Cell<Anchor>,
    last: Cell<u64>,
}

impl Clock {
    pub(crate) const fn new() -> Self {
        Self { generation: Cell::new(0), anchor: Cell::new(Anchor::NONE), last: Cell::new(0) }
    }

    /// Nanoseconds since 1970.
    #[inline(always)]
    pub(crate) fn now(&self) -> u64 {
        let generation = PUBLISHED.generation();
        if generation != self.generation.get() {
            self.load(generation);
        }
        let anchor = self.anchor.get();
        // A counter that is behind, on another processor, gives a difference past the maximum.
        let passed = counter::read().wrapping_sub(anchor.ticks);
        if passed >= anchor.ticks_max {
            return wall_ns();
        }
        // Below 2^34 ticks and 2^27: no overflow.
        let now = anchor.ns + ((passed * anchor.rate) >> RATE_BITS);
        let last = self.last.get();
        if now < last && last - now < JITTER_NS {
            return last;
        }
        self.last.set(now);
        now
    }

    /// Reads the anchor whole, or leaves the old one for this time.
    #[cold]
    fn load(&self, generation: u64) {
        if let Some(anchor) = PUBLISHED.read(generation) {
            self.anchor.set(anchor);
            self.generation.set(generation);
        }
    }
}

fn wall_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64
}

/// Publishes anchors. One per process is enough: a drain calls [`Calibration::tick`] at each look
/// at its rings; a second drain would only publish as well as the first.
#[derive(Debug)]
pub(crate) struct Calibration {
    /// `None` where the counter is not used.
    last: Option<(Instant, u64)>,
}

impl Calibration {
    /// Finds out whether the processor's counter can be used.
    pub(crate) fn new() -> Self {
        let first = || (0..READINGS).find_map(|_| read_clocks());
        let now = || Reading { ticks: counter::read(), now: Instant::now(), wall: 0 };
        let last = counter::is_sound().then(|| first().unwrap_or_else(now));
        Self { last: last.map(|Reading { ticks, now, .. }| (now, ticks)) }
    }

    /// Publishes a new anchor when the last one is a tenth of a second old.
    pub(crate) fn tick(&mut self) {
        let Some((then, ticks_then)) = self.last else { return };
        if then.elapsed() < INTERVAL {
            return;
        }
        let Some(Reading { ticks, now, wall }) = (0..READINGS).find_map(|_| read_clocks()) else {
            return;
        };
        let (passed, ticks_passed) = (now.duration_since(then), ticks.wrapping_sub(ticks_then));
        self.last = Some((now, ticks));
        let passed_ns = passed.as_nanos();
        let rate = (passed_ns << RATE_BITS) / u128::from(ticks_passed.max(1));
        let ticks_max = AGE_MAX.as_nanos() * u128::from(ticks_passed) / passed_ns;
        // A counter that stood still, in a suspended machine, gives nonsense: below 0.1 and above
        // 10 ns per tick.
        let sensible = (1 << RATE_BITS) / 10..(1 << RATE_BITS) * 10;
        if passed > AGE_MAX || !sensible.contains(&rate) {
            return;
        }
        let (rate, ticks_max) = (rate as u64, ticks_max as u64);
        PUBLISHED.publish(Anchor { ticks, ticks_max, ns: wall, rate });
    }
}

/// All clocks at one moment.
struct Reading {
    ticks: u64,
    now: Instant,
    wall: u64,
}

/// `None` when the thread was stopped between two of them: an anchor of that would be wrong by as
/// much, and times would run backwards when the next one is right.
fn read_clocks() -> Option<Reading> {
    let before = counter::read();
    let (wall, now) = (wall_ns(), Instant::now());
    let between = counter::read().wrapping_sub(before);
    let ticks = before + between / 2;
    (between <= READING_TICKS_MAX).then_some(Reading { ticks, now, wall })
}

impl Default for Calibration {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(target_arch = "x86_64", target_os = "linux", not(miri)))]
mod counter {
    use core::arch::x86_64::{__cpuid, _rdtsc};

    #[inline]
    pub(super) fn read() -> u64 {
        // SAFETY: every x86-64 processor has the instruction; it reads a counter, nothing else.
        unsafe { _rdtsc() }
    }

    /// Whether the kernel keeps time by the counter and the processor promises a constant rate.
    pub(super) fn is_sound() -> bool {
        const PATH: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
        const LEAF: u32 = 0x8000_0007;
        let by_kernel = std::fs::read_to_string(PATH).is_ok_and(|name| name.trim() == "tsc");
        // SAFETY: the instruction exists on every x86-64 processor.
        #[allow(unused_unsafe, reason = "safe in newer toolchains")]
        let leaf = |number| unsafe { __cpuid(number) };
        by_kernel && leaf(0x8000_0000).eax >= LEAF && leaf(LEAF).edx & (1 << 8) != 0
    }
}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux", not(miri))))]
mod counter {
    pub(super) fn read() -> u64 {
        // Never less than the anchor's maximum, which stays 0.
        0
    }

    pub(super) fn is_sound() -> bool {
        false
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_calibrated_clock_agrees_with_the_wall_clock_and_does_not_run_backwards() {
        let mut calibration = Calibration::new();
        let sound = calibration.last.is_some();
        let clock = Clock::new();
        let begun = Instant::now();
        let mut last = 0;
        while begun.elapsed() < INTERVAL * 4 {
            calibration.tick();
            let (before, now, after) = (wall_ns(), clock.now(), wall_ns());
            // The test's own thread may be stopped between two reads: before and after are apart.
            assert!(
                now + JITTER_NS >= before && now <= after + JITTER_NS,
                "{before} {now} {after}"
            );
            assert!(now >= last || last - now >= JITTER_NS);
            last = now;
        }
        assert_eq!(sound, clock.generation.get() > 0);
    }

    // Elsewhere the counter stands still, and no anchor is ever published.
    #[cfg(all(target_arch = "x86_64", target_os = "linux", not(miri)))]
    #[test]
    fn an_old_anchor_is_not_used() {
        let clock = Clock::new();
        clock.anchor.set(Anchor { ticks_max: 1, ..Anchor::NONE });
        clock.generation.set(PUBLISHED.generation());
        let before = wall_ns();
        assert!(clock.now() >= before);
    }
}
