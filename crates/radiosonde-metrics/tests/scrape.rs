//! What a scrape writes is what a snapshot has.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use metrics::{counter, gauge, histogram, with_local_recorder};
use radiosonde_metrics::{Exemplar, Exposition, Head, Metrics, Point, Scrape, Settings, Snapshot};
use radiosonde_registry::Registry;

/// Everything that was written, by name and labels; labels in the order of their names.
#[derive(Debug, Default, PartialEq)]
struct Written {
    families: Vec<(String, String)>,
    series: BTreeMap<(String, Vec<String>), String>,
}

impl Exposition for Written {
    fn family(&mut self, head: &Head<'_>) {
        let said = format!("{} {:?} {}", head.metric_type, head.unit, head.help);
        self.families.push((head.name.to_owned(), said));
    }

    fn series(&mut self, labels: &str, point: &Point<'_>, exemplars: &[Exemplar]) {
        let (name, _) = self.families.last().unwrap();
        // No value of the test holds `",`.
        let mut parts: Vec<_> = labels
            .split_inclusive("\",")
            .map(|part| part.trim_end_matches(',').to_owned())
            .collect();
        parts.sort();
        let point = format!("{point:?} {exemplars:?}");
        let before = self.series.insert((name.clone(), parts), point);
        assert_eq!(before, None, "{name}{{{labels}}} twice");
    }
}

fn scraped(metrics: &Metrics) -> Written {
    let mut written = Written::default();
    metrics.expose(Scrape::default(), &mut written);
    written
}

fn shown(snapshot: &Snapshot) -> Written {
    let mut written = Written::default();
    snapshot.expose(&mut written);
    written
}

const REGISTRY: &str = r#"{"schema_version": 1, "environments": {"production": {"series_limit": 4}},
  "required_labels": ["environment"],
  "labels": {"outcome": {"values": ["success", "failure"]}, "lane": {"max_values": 4},
    "environment": {"values": ["production"]}},
  "metrics": [
    {"name": "runs_total", "type": "counter", "unit": "runs", "help": "Runs.",
     "labels": ["lane", "outcome"], "interval_s": 60,
     "rollups": [{"name": "runs_by_outcome_total", "by": ["outcome"]}]},
    {"name": "own_total", "type": "counter", "unit": "1", "help": "Has a constant label.",
     "labels": ["environment"]},
    {"name": "took_seconds", "type": "histogram", "unit": "seconds", "help": "Time.",
     "buckets": [0.5, 1, 2], "labels": ["outcome"],
     "status": {"deprecated": {"since": "2026-11-01", "emit_days": 14}}},
    {"name": "depth", "type": "gauge", "unit": "items", "help": "Depth.", "labels": ["lane"]},
    {"name": "never", "type": "gauge", "unit": "items", "help": "Not set.", "labels": ["lane"]},
    {"name": "size_bytes", "type": "summary", "unit": "bytes", "help": "Sizes.", "labels": []},
    {"name": "cost", "type": "gauge", "unit": "usd", "help": "Cost.", "labels": [], "source": "batch", "interval_s": 60}
  ]}"#;

/// In the year of the deprecation.
const FIFTH_OF_NOVEMBER: Duration = Duration::from_secs(1_793_836_800);

fn write(metrics: &Metrics) {
    with_local_recorder(&metrics.recorder(), || {
        for lane in ["a", "b \"quoted\"", "c\\", "d", "e", "f"] {
            for outcome in ["success", "failure"] {
                counter!("runs_total", "lane" => lane, "outcome" => outcome).increment(2);
            }
            gauge!("depth", "lane" => lane).set(1.5);
        }
        let _unset = gauge!("never", "lane" => "a");
        counter!("own_total", "environment" => "production").increment(1);
        histogram!("took_seconds", "outcome" => "success").record(0.7);
        histogram!("size_bytes").record(3.0);
        gauge!("cost").set(12.5);
        counter!("nobody_total").increment(1);
    });
}

fn settings(registry: Option<&str>) -> Settings {
    let parsed = registry.map(|text| Registry::parse("registry.json", text).unwrap());
    let labels = vec![
        ("environment".to_owned(), "production".to_owned()),
        ("zone".to_owned(), "b".to_owned()),
    ];
    Settings {
        registry: parsed,
        labels,
        clock: radiosonde_metrics::Clock::fixed(UNIX_EPOCH + FIFTH_OF_NOVEMBER),
        ..Settings::default()
    }
}

#[test]
fn a_scrape_and_a_snapshot_say_the_same() {
    for registry in [Some(REGISTRY), None] {
        let metrics = Metrics::new(settings(registry));
        assert_eq!(scraped(&metrics), shown(&metrics.snapshot()), "before anything is written");
        write(&metrics);
        let (scrape, snapshot) = (scraped(&metrics), shown(&metrics.snapshot()));
        assert_eq!(scrape, snapshot);
        assert!(scrape.families.is_sorted(), "{:?}", scrape.families);
        assert!(!scrape.families.iter().any(|(name, _)| name == "never"));
        // New series come into their places.
        with_local_recorder(&metrics.recorder(), || {
            counter!("zone_total", "zone" => "its own").increment(1);
            histogram!("took_seconds", "outcome" => "failure").record(9.0);
        });
        assert_eq!(scraped(&metrics), shown(&metrics.snapshot()));
    }
}

#[test]
fn families_that_a_collector_adds_to_are_whole() {
    let metrics = Metrics::new(settings(Some(REGISTRY)));
    write(&metrics);
    metrics.add_collector(Box::new(|snapshot| {
        snapshot.counter("own_total", &[("environment", "staging")], 7);
        snapshot.counter("own_total", &[("environment", "production")], 9);
        snapshot.gauge("radiosonde_series", &[("metric", "elsewhere")], 5.0);
        snapshot.gauge("aaa_first", &[], 1.0);
        snapshot.float_counter("zzz_last_total", &[("a", "1")], 0.5);
    }));
    let scrape = scraped(&metrics);
    assert_eq!(scrape, shown(&metrics.snapshot()));
    let own: Vec<_> = scrape.series.iter().filter(|((name, _), _)| name == "own_total").collect();
    assert_eq!(own.len(), 2, "{own:?}");
    assert!(own[0].1.starts_with("Counter(9)"), "what the collector says counts: {own:?}");
}

/// What a scraper gets that comes again; whether its answer was made whole is another matter.
fn from_zero(metrics: &Metrics) -> Written {
    let mut written = Written::default();
    let mut scrape = Scrape::default();
    scrape.from_zero = true;
    metrics.expose(scrape, &mut written);
    written
}

/// The points of a family.
fn points(written: &Written, name: &str) -> Vec<String> {
    let series = written.series.iter().filter(|((of, _), _)| of == name);
    series.map(|(_, point)| point.clone()).collect()
}

/// All that is a sum is 0, and the rest as it is.
fn assert_begun(first: &Written, values: &Written) {
    assert_eq!(first.families, values.families);
    for ((at, point), value) in first.series.iter().zip(values.series.values()) {
        if point.starts_with("Gauge") {
            assert_eq!(point, value, "{at:?}");
        } else if point.starts_with("Histogram") {
            assert!(point.contains(" 0], sum: 0.0 }"), "{at:?}: {point}");
        } else if point.starts_with("Summary") {
            assert!(point.contains("sum: 0.0, count: 0"), "{at:?}: {point}");
        } else {
            let is_zero = ["Counter(0) ", "FloatCounter(0.0) "].map(|zero| point.starts_with(zero));
            assert!(is_zero.contains(&true), "{at:?}: {point}");
        }
    }
}

#[test]
fn a_scraper_sees_each_series_at_zero_first() {
    let metrics = Metrics::new(settings(Some(REGISTRY)));
    write(&metrics);
    metrics.add_collector(Box::new(|snapshot| {
        snapshot.float_counter("zzz_last_total", &[("a", "1")], 0.5);
        snapshot.counter("own_total", &[("environment", "staging")], 7);
    }));
    let plain = scraped(&metrics);
    for name in ["radiosonde_metric_writes_refused_total", "runs_by_outcome_total", "size_bytes"] {
        assert!(!points(&plain, name).is_empty(), "{name} is part of the test");
    }
    // Whatever is not completed uses nothing up.
    for _ in 0..3 {
        assert_begun(&from_zero(&metrics), &plain);
        assert_eq!(scraped(&metrics), plain);
    }
    metrics.scraped();
    assert_eq!(from_zero(&metrics), plain);
    metrics.scraped();
    assert_eq!(from_zero(&metrics), plain);
    assert_eq!(scraped(&metrics), plain);
}

#[test]
fn what_comes_later_begins_at_zero_beside_values() {
    let metrics = Metrics::new(settings(None));
    let count = |lane: &'static str| {
        with_local_recorder(&metrics.recorder(), || {
            counter!("runs_total", "lane" => lane).increment(2);
        });
    };
    count("a");
    // Nobody was scraping yet.
    metrics.scraped();
    assert!(points(&from_zero(&metrics), "runs_total")[0].starts_with("Counter(0)"));
    // Came after the scrape was written, and before it was completed.
    count("b");
    metrics.scraped();
    let seen = points(&from_zero(&metrics), "runs_total");
    assert!(seen[0].starts_with("Counter(2)") && seen[1].starts_with("Counter(0)"), "{seen:?}");
    metrics.scraped();
    assert_eq!(from_zero(&metrics), scraped(&metrics));
    // The first refusal is one of many.
    with_local_recorder(&metrics.recorder(), || counter!("", "lane" => "a").increment(1));
    let name = "radiosonde_metric_writes_refused_total";
    assert!(points(&from_zero(&metrics), name)[0].starts_with("Counter(0)"));
    metrics.scraped();
    assert!(points(&from_zero(&metrics), name)[0].starts_with("Counter(1)"));
}

#[test]
fn the_first_scrape_of_an_old_process_shows_values() {
    let clock = radiosonde_metrics::Clock::fixed(UNIX_EPOCH + FIFTH_OF_NOVEMBER);
    let metrics = Metrics::new(Settings { clock: clock.clone(), ..settings(Some(REGISTRY)) });
    write(&metrics);
    clock.set(UNIX_EPOCH + FIFTH_OF_NOVEMBER + Duration::from_secs(299));
    assert_begun(&from_zero(&metrics), &scraped(&metrics));
    clock.set(UNIX_EPOCH + FIFTH_OF_NOVEMBER + Duration::from_secs(300));
    assert_eq!(from_zero(&metrics), scraped(&metrics));
    metrics.scraped();
    // From then on somebody comes regularly.
    with_local_recorder(&metrics.recorder(), || {
        histogram!("took_seconds", "outcome" => "success").record(0.7);
        counter!("own_total", "environment" => "staging").increment(1);
        counter!("runs_total", "lane" => "a").increment(1);
    });
    let (seen, values) = (from_zero(&metrics), scraped(&metrics));
    assert_eq!(points(&seen, "took_seconds"), points(&values, "took_seconds"));
    let name = "radiosonde_metric_writes_refused_total";
    let differing: Vec<_> =
        seen.series.iter().filter(|(at, point)| values.series[*at] != **point).collect();
    assert!(!differing.is_empty());
    for ((of, labels), point) in differing {
        assert!(of == name && point.starts_with("Counter(0)"), "{of}{labels:?} {point}");
    }
}

#[test]
fn a_family_that_a_collector_joins_does_not_fall_to_zero() {
    let metrics = Metrics::new(settings(Some(REGISTRY)));
    write(&metrics);
    let _ = from_zero(&metrics);
    metrics.scraped();
    metrics.add_collector(Box::new(|snapshot| {
        snapshot.counter("own_total", &[("environment", "staging")], 7);
    }));
    for _ in 0..2 {
        assert_eq!(
            points(&from_zero(&metrics), "own_total"),
            points(&scraped(&metrics), "own_total")
        );
        metrics.scraped();
    }
}
