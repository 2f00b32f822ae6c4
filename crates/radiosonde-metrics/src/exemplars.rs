//! Writes that show what a number stands for: of each bucket one that was made inside a trace.
//!
//! The first such write after a scrape is kept, and shown at every scrape until another takes its
//! place: whoever scrapes second sees it as well, and Prometheus tells by its time that it knows it.
//! While a scrape reads one that is just being replaced, it leaves it out.

use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::sync::{Mutex, TryLockError};
use std::time::{Duration, UNIX_EPOCH};

use radiosonde_context::{Context, SpanId, TraceId, with_current};

use crate::clock::Clock;
use crate::exposition::Exemplar;
use crate::segmented::Segmented;

/// The exemplars of one metric, by series and bucket.
///
/// Memory is taken for a series when it is first written inside a trace that is sampled: 48 bytes
/// for each of its buckets, and 24 for each number up to about twice that of the series.
#[derive(Debug)]
pub(crate) struct Exemplars {
    series: Segmented<Box<[Place]>>,
    /// Held while memory is taken.
    growing: Mutex<()>,
    /// Scrapes so far, and one.
    epoch: AtomicU64,
    clock: Clock,
}

/// One exemplar.
///
/// `state` is twice the epoch it was kept in, 0 if there is none, and one more while it is written.
/// An epoch is kept in once at most, so that no state ever comes back: who reads the same even one
/// before and after has read what belongs together.
#[derive(Debug, Default)]
struct Place {
    state: AtomicU64,
    value: AtomicU64,
    trace: [AtomicU64; 2],
    span: AtomicU64,
    /// Milliseconds since 1970.
    at: AtomicU64,
}

impl Exemplars {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            series: Segmented::default(),
            growing: Mutex::new(()),
            epoch: AtomicU64::new(1),
            clock,
        }
    }

    /// Keeps a write if it is made inside a trace that is not sampled out, and its bucket has none
    /// since the last scrape. `stride` is how many buckets a series has, 1 for counters.
    ///
    /// Nobody waits: two threads that come at once, and where memory is just being taken for another
    /// series, lose this chance, which is counted nowhere. There is a next write.
    #[inline]
    pub(crate) fn offer(&self, series: usize, bucket: usize, value: f64, stride: usize) {
        // First: mostly there is one, and then it does not matter in which trace.
        let place = self.series.get(series).and_then(|places| places.get(bucket));
        let has_one = |place: &Place| !place.is_free(self.epoch.load(Ordering::Relaxed));
        if place.is_some_and(has_one) {
            return;
        }
        if let Some(ids) = with_current(traced) {
            self.offer_traced(series, bucket, value, stride, ids);
        }
    }

    fn offer_traced(
        &self,
        series: usize,
        bucket: usize,
        value: f64,
        stride: usize,
        ids: (TraceId, SpanId),
    ) {
        let places = self.series.get(series).map(|places| &**places);
        let Some(places) = places.or_else(|| self.grow(series, stride)) else { return };
        let Some(place) = places.get(bucket) else { return };
        place.keep(self.epoch.load(Ordering::Relaxed), value, ids, &self.clock);
    }

    #[cold]
    fn grow(&self, series: usize, stride: usize) -> Option<&[Place]> {
        // A panic of whoever held it has left nothing half done.
        let _growing = match self.growing.try_lock() {
            Ok(growing) => growing,
            Err(TryLockError::Poisoned(growing)) => growing.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        let places = || (0..stride).map(|_| Place::default()).collect();
        self.series.get_or_init(series, places).map(|places| &**places)
    }

    /// A scrape was made: from now on the next write of each bucket is kept.
    pub(crate) fn advance(&self) {
        self.epoch.fetch_add(1, Ordering::Relaxed);
    }

    /// Puts the exemplars of a series into a list, by rising bucket, in place of what is there.
    /// Allocates nothing if there are none, or the list has been as long before.
    pub(crate) fn read(&self, series: usize, into: &mut Vec<Exemplar>) {
        into.clear();
        let places = self.series.get(series).map_or(&[][..], |places| places);
        into.extend(places.iter().enumerate().filter_map(|(bucket, place)| place.read(bucket)));
    }
}

impl Place {
    /// Whether none is here of this epoch, or of a later one, or just being written.
    #[inline]
    fn is_free(&self, epoch: u64) -> bool {
        let state = self.state.load(Ordering::Relaxed);
        state < epoch << 1 && state & 1 == 0
    }

    fn keep(&self, epoch: u64, value: f64, (trace, span): (TraceId, SpanId), clock: &Clock) {
        let (before, kept) = (self.state.load(Ordering::Relaxed), epoch << 1);
        // As it was looked at before, but this is what the exchange below compares with.
        if before >= kept || before & 1 == 1 {
            return;
        }
        let claim = self.state.compare_exchange(
            before,
            kept | 1,
            // What was kept before is over.
            Ordering::Acquire,
            Ordering::Relaxed,
        );
        if claim.is_err() {
            return;
        }
        // Whoever sees one of the values below sees the odd state as well.
        fence(Ordering::Release);
        let trace = u128::from_be_bytes(trace.to_bytes());
        let words = [value.to_bits(), (trace >> 64) as u64, trace as u64];
        let places = [&self.value, &self.trace[0], &self.trace[1]];
        places.iter().zip(words).for_each(|(place, word)| place.store(word, Ordering::Relaxed));
        self.span.store(u64::from_be_bytes(span.to_bytes()), Ordering::Relaxed);
        self.at.store(clock.millis(), Ordering::Relaxed);
        self.state.store(kept, Ordering::Release);
    }

    fn read(&self, bucket: usize) -> Option<Exemplar> {
        let before = self.state.load(Ordering::Acquire);
        if before == 0 || before & 1 == 1 {
            return None;
        }
        let value = f64::from_bits(self.value.load(Ordering::Relaxed));
        let trace = self.trace.each_ref().map(|word| word.load(Ordering::Relaxed));
        let trace = u128::from(trace[0]) << 64 | u128::from(trace[1]);
        let span = self.span.load(Ordering::Relaxed);
        let at = self.at.load(Ordering::Relaxed);
        fence(Ordering::Acquire);
        if self.state.load(Ordering::Relaxed) != before {
            return None;
        }
        let trace = TraceId::from_bytes(trace.to_be_bytes())?;
        let span = SpanId::from_bytes(span.to_be_bytes())?;
        let at = UNIX_EPOCH.checked_add(Duration::from_millis(at))?;
        Some(Exemplar::new(bucket, value, (trace, span), at))
    }
}

/// The ids of the current span, unless its trace is sampled out: nobody could look it up.
#[inline]
fn traced(context: &Context) -> Option<(TraceId, SpanId)> {
    if context.is_sampled() != Some(true) {
        return None;
    }
    Some((context.trace_id()?, context.span_id()?))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::time::SystemTime;

    use super::*;

    fn ids(number: u64) -> (TraceId, SpanId) {
        let trace = TraceId::from_bytes((u128::from(number) << 64 | 7).to_be_bytes());
        (trace.expect("not zero"), SpanId::from_bytes(number.to_be_bytes()).expect("not zero"))
    }

    fn inside(number: u64, sampled: bool, write: impl FnOnce()) {
        let (trace, span) = ids(number);
        Context::default().with_span(trace, span, sampled).run(write);
    }

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn read(exemplars: &Exemplars, series: usize) -> Vec<Exemplar> {
        let mut list = vec![Exemplar::new(9, 9.0, ids(9), UNIX_EPOCH)];
        exemplars.read(series, &mut list);
        list
    }

    #[test]
    fn outside_of_a_sampled_trace_nothing_is_kept_and_no_memory_taken() {
        let exemplars = Exemplars::new(Clock::default());
        exemplars.offer(3, 0, 1.0, 4);
        inside(1, false, || exemplars.offer(3, 0, 1.0, 4));
        radiosonde_context::scope().job("job-1").run(|| {
            exemplars.offer(3, 0, 1.0, 4);
        });
        assert!(exemplars.series.get(3).is_none());
        let mut list = Vec::new();
        exemplars.read(3, &mut list);
        assert_eq!((list.len(), list.capacity()), (0, 0));
    }

    #[test]
    fn the_first_of_each_bucket_after_a_scrape_is_kept_until_the_next_one() {
        let clock = Clock::fixed(at(100));
        let exemplars = Exemplars::new(clock.clone());
        let offer = |number, bucket, value| {
            inside(number, true, || exemplars.offer(5, bucket, value, 3));
        };
        offer(1, 2, 20.0);
        offer(2, 0, 0.5);
        offer(3, 2, 30.0);
        let first =
            [Exemplar::new(0, 0.5, ids(2), at(100)), Exemplar::new(2, 20.0, ids(1), at(100))];
        assert_eq!(read(&exemplars, 5), first);
        exemplars.advance();
        assert_eq!(read(&exemplars, 5), first, "shown again until there is another");
        clock.set(at(200));
        offer(4, 2, 40.0);
        offer(5, 2, 50.0);
        let second = [first[0], Exemplar::new(2, 40.0, ids(4), at(200))];
        assert_eq!(read(&exemplars, 5), second);
        assert_eq!(read(&exemplars, 4), []);
    }

    #[test]
    fn places_that_are_not_there_are_left_alone() {
        let exemplars = Exemplars::new(Clock::default());
        inside(1, true, || {
            exemplars.offer(0, 3, 1.0, 3);
            exemplars.offer(1, 0, 1.0, 0);
            exemplars.offer(usize::MAX, 0, 1.0, 3);
            exemplars.offer(0, usize::MAX, 1.0, 3);
        });
        assert_eq!(read(&exemplars, 0), []);
        assert_eq!(read(&exemplars, 1), []);
        assert_eq!(read(&exemplars, usize::MAX), []);
        assert_eq!(size_of::<Place>(), 48, "as the docs say");
    }

    #[test]
    fn nobody_waits_while_memory_is_taken() {
        let exemplars = Exemplars::new(Clock::default());
        inside(1, true, || {
            exemplars.offer(0, 0, 1.0, 1);
            let growing = exemplars.growing.lock();
            // On this thread a lock that waits would never come back.
            exemplars.offer(1, 0, 1.0, 1);
            exemplars.advance();
            exemplars.offer(0, 0, 2.0, 1);
            drop(growing);
        });
        assert_eq!(read(&exemplars, 1), []);
        assert_eq!(read(&exemplars, 0)[0].value, 2.0);
        inside(1, true, || exemplars.offer(1, 0, 1.0, 1));
        assert_eq!(read(&exemplars, 1).len(), 1);
    }

    #[test]
    fn what_is_read_belongs_together_while_threads_write() {
        let rounds: u64 = if cfg!(miri) { 20 } else { 400 };
        let (exemplars, done) = (Exemplars::new(Clock::default()), AtomicBool::new(false));
        let (mut seen, mut torn) = (0, None);
        std::thread::scope(|scope| {
            for writer in 0..3 {
                let (exemplars, done) = (&exemplars, &done);
                scope.spawn(move || {
                    let mut number = writer + 1;
                    while !done.load(Ordering::Relaxed) {
                        let value = number as f64;
                        exemplars.offer_traced(0, 0, value, 1, ids(number));
                        number += 3;
                    }
                });
            }
            let mut list = Vec::new();
            while seen < rounds && torn.is_none() {
                exemplars.advance();
                exemplars.read(0, &mut list);
                for exemplar in &list {
                    seen += 1;
                    let number = exemplar.value as u64;
                    let belongs = (exemplar.trace_id, exemplar.span_id) == ids(number);
                    torn = torn.or((!belongs).then_some(*exemplar));
                }
                std::thread::yield_now();
            }
            done.store(true, Ordering::Relaxed);
        });
        assert_eq!(torn, None);
    }
}
