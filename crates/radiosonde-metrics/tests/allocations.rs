//! What a scrape allocates, counted. One test: the allocator counts for all threads.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::alloc::System;
use std::fmt::Write as _;

use metrics::{counter, gauge, histogram, with_local_recorder};
use radiosonde_metrics::{Exemplar, Exposition, Head, Metrics, Point, Scrape, Settings};
use radiosonde_registry::Registry;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const REGISTRY: &str = r#"{"schema_version": 1,
  "labels": {"lane": {"max_values": 10}, "step": {"max_values": 100}},
  "metrics": [
    {"name": "runs_total", "type": "counter", "unit": "runs", "help": "Runs.",
     "labels": ["lane", "step"], "series_limit": 1000},
    {"name": "took_seconds", "type": "histogram", "unit": "seconds", "help": "Time.",
     "labels": ["step"], "series_limit": 100},
    {"name": "size_bytes", "type": "summary", "unit": "bytes", "help": "Sizes.", "labels": []},
    {"name": "depth", "type": "gauge", "unit": "items", "help": "Depth.", "labels": ["lane"]}
  ]}"#;

/// A page in memory that is used again.
#[derive(Default)]
struct Page(String);

impl Exposition for Page {
    fn family(&mut self, head: &Head<'_>) {
        writeln!(self.0, "# {}", head.name).unwrap();
    }

    fn series(&mut self, labels: &str, point: &Point<'_>, _: &[Exemplar]) {
        writeln!(self.0, "{labels} {point:?}").unwrap();
    }
}

/// The fewest allocations, and changes of their size, of several scrapes: other threads of the test
/// program may have some of their own, and would not in each.
fn fewest(metrics: &Metrics, scrape: Scrape, page: &mut Page) -> usize {
    let counts = (0..5).map(|_| {
        page.0.clear();
        let region = Region::new(ALLOCATOR);
        metrics.expose(scrape, page);
        metrics.scraped();
        let change = region.change();
        change.allocations + change.reallocations
    });
    counts.min().unwrap()
}

#[test]
fn a_scrape_allocates_next_to_nothing() {
    let registry = Some(Registry::parse("registry.json", REGISTRY).unwrap());
    let labels = vec![("zone".to_owned(), "north".to_owned())];
    for (metrics, lanes) in [
        (Metrics::new(Settings { registry, labels, ..Settings::default() }), 10),
        // Without a registry, as much.
        (Metrics::default(), 2),
    ] {
        let mut page = Page::default();
        with_local_recorder(&metrics.recorder(), || {
            for step in 0..100 {
                for lane in 0..lanes {
                    let (lane, step) = (lane.to_string(), step.to_string());
                    counter!("runs_total", "lane" => lane, "step" => step).increment(1);
                }
                histogram!("took_seconds", "step" => step.to_string()).record(0.1);
            }
            gauge!("depth", "lane" => "1").set(1.0);
        });
        assert_eq!(metrics.refusals(), []);
        let mut from_zero = Scrape::default();
        from_zero.from_zero = true;
        for scrape in [Scrape::default(), from_zero] {
            // The first makes buffers grow, and of those from zero the second shows the values.
            let _grown = fewest(&metrics, scrape, &mut page);
            assert_eq!(fewest(&metrics, scrape, &mut page), 0);
        }
        assert!(page.0.lines().count() > 300, "{}", page.0.lines().count());

        // Refusals are computed: as much each time, however many writes they were.
        let refuse = || {
            with_local_recorder(&metrics.recorder(), || {
                gauge!("depth", "lane" => "2").set(f64::NAN);
            });
        };
        refuse();
        let once = fewest(&metrics, from_zero, &mut page);
        (0..1_000).for_each(|_| refuse());
        assert_eq!(fewest(&metrics, from_zero, &mut page), once);
        assert!((1..=60).contains(&once), "{once}");

        // What is retired takes as much as is said, beside what it took before.
        let region = Region::new(ALLOCATOR);
        let retired = metrics.retire("runs_total").unwrap();
        let change = region.change();
        let taken = change.bytes_allocated - change.bytes_deallocated;
        assert_eq!(retired, lanes * 100);
        assert!((1..=100 * retired).contains(&taken), "{taken} for {retired}");
    }
}
