//! What a text of the metrics allocates, counted, in memory that is used again. One test: the allocator
//! counts for all threads.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::alloc::System;

use metrics::{counter, gauge, histogram, with_local_recorder};
use radiosonde_metrics::{Metrics, Scrape};
use radiosonde_prometheus::{Format, Writer};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The fewest allocations, and changes of their size, of several texts: other threads of the test
/// program may have some of their own, and would not in each.
fn fewest(metrics: &Metrics, writer: &mut Writer, format: Format) -> usize {
    let counts = (0..5).map(|_| {
        let region = Region::new(ALLOCATOR);
        writer.begin(format);
        metrics.expose(Scrape::default(), writer);
        assert!(writer.finish().unwrap().lines().count() > 1_000);
        let change = region.change();
        change.allocations + change.reallocations
    });
    counts.min().unwrap()
}

#[test]
fn a_text_in_memory_that_is_used_again_allocates_nothing() {
    let metrics = Metrics::default();
    with_local_recorder(&metrics.recorder(), || {
        for nth in 0..1_000 {
            counter!(format!("runs_{}_total", nth / 100), "step" => (nth % 100).to_string())
                .increment(1);
        }
        for nth in 0..100 {
            histogram!("took_seconds", "step" => nth.to_string()).record(0.1);
            gauge!("depth", "step" => nth.to_string()).set(1.5);
        }
    });
    assert_eq!(metrics.refusals(), []);
    let mut writer = Writer::new(Format::Text);
    for format in [Format::Text, Format::OpenMetrics] {
        let _grown = fewest(&metrics, &mut writer, format);
        assert_eq!(fewest(&metrics, &mut writer, format), 0, "{format:?}");
    }
}
