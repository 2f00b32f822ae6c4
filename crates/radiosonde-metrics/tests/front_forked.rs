//! In a forked child neither side of the guard gets anything. A program of its own: what says that it
//! is a child holds for the whole process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit, counter, gauge, histogram,
};
use radiosonde_metrics::Metrics;

/// Counts whatever reaches it.
#[derive(Clone, Default)]
struct Calls(Arc<AtomicU64>);

impl Calls {
    fn one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn handle(&self) -> Arc<Self> {
        self.one();
        Arc::new(self.clone())
    }
}

impl CounterFn for Calls {
    fn increment(&self, _: u64) {
        self.one();
    }

    fn absolute(&self, _: u64) {
        self.one();
    }
}

impl GaugeFn for Calls {
    fn increment(&self, _: f64) {
        self.one();
    }

    fn decrement(&self, _: f64) {
        self.one();
    }

    fn set(&self, _: f64) {
        self.one();
    }
}

impl HistogramFn for Calls {
    fn record(&self, _: f64) {
        self.one();
    }
}

impl Recorder for Calls {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {
        self.one();
    }

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {
        self.one();
    }

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {
        self.one();
    }

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.handle())
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.handle())
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.handle())
    }
}

#[test]
fn a_forked_child_writes_to_neither_side() {
    let (metrics, calls) = (Metrics::default(), Calls::default());
    let both = metrics.recorder().in_front_of(calls.clone());
    metrics::with_local_recorder(&both, || {
        let handles = || (counter!("runs_total"), gauge!("depth"), histogram!("took_seconds"));
        let write = |(runs, depth, took): &(Counter, Gauge, Histogram)| {
            runs.increment(1);
            runs.absolute(5);
            depth.set(1.0);
            depth.increment(1.0);
            depth.decrement(1.0);
            took.record(1.0);
            took.record_many(1.0, 1);
        };
        let kept = handles();
        write(&kept);
        assert_eq!(calls.0.load(Ordering::Relaxed), 3 + 7);

        radiosonde_context::reseed_after_fork();
        write(&kept);
        write(&handles());
        counter!("new_total").increment(1);
        metrics::describe_counter!("new_total", "New.");
        metrics::describe_gauge!("new_depth", "New.");
        metrics::describe_histogram!("new_seconds", "New.");
        assert_eq!(calls.0.load(Ordering::Relaxed), 3 + 7);
    });
    assert_eq!(metrics.series_count(), 3, "and no series of ours is new");
}
