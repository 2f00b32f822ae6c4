//! Series that were retired to make room: what leaves, what comes back, and where the rest goes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, UNIX_EPOCH};

use common::{refused, total, value, with};
use metrics::{counter, gauge, histogram};
use radiosonde_metrics::{Clock, Exposition, Metrics, Reason, Scrape, Settings, Value};
use radiosonde_registry::Registry;

radiosonde_metrics::catalog!("tests/registry.json");

const REGISTRY: &str = r#"{
  "schema_version": 1,
  "labels": {"host": {"pattern": "[a-z][0-9]{0,6}"}, "few": {"max_values": 2}, "kind": {"values": ["a", "b"]}},
  "owners": {"platform": {"slack": "telemetry"}},
  "metrics": [
    {"name": "runs_total", "type": "counter", "unit": "runs", "help": "Runs.", "owner": "platform",
     "labels": ["host"], "series_limit": 2,
     "rollups": [{"name": "all_runs_total", "by": [], "help": "All runs."}]},
    {"name": "few_total", "type": "counter", "unit": "runs", "help": "Few.", "owner": "platform",
     "labels": ["few", "kind"], "series_limit": 100},
    {"name": "run_seconds", "type": "histogram", "unit": "seconds", "help": "Time.",
     "owner": "platform", "labels": ["host"], "buckets": [1, 10], "series_limit": 1},
    {"name": "size_bytes", "type": "summary", "unit": "bytes", "help": "Sizes.", "owner": "platform",
     "labels": ["host"], "series_limit": 1},
    {"name": "depth", "type": "gauge", "unit": "items", "help": "Depth.", "owner": "platform",
     "labels": ["host"], "series_limit": 1},
    {"name": "nightly_ratio", "type": "gauge", "unit": "ratio", "help": "Nightly.",
     "owner": "platform", "source": "batch", "labels": ["host"], "series_limit": 1},
    {"name": "known_total", "type": "counter", "unit": "runs", "help": "Known.", "owner": "platform",
     "labels": ["kind"]},
    {"name": "users_total", "type": "counter", "unit": "users", "help": "Users.", "owner": "platform",
     "labels": ["host"], "series_limit": 20000}
  ],
  "modules": {"retire::library": {"policy": "namespace", "series_limit": 2}}
}"#;

fn metrics() -> Metrics {
    let registry = Some(Registry::parse("registry.json", REGISTRY).unwrap());
    let own_crates = vec!["elsewhere".to_owned()];
    Metrics::new(Settings { registry, own_crates, ..Settings::default() })
}

fn run(host: &str, by: u64) {
    counter!("runs_total", "host" => host.to_owned()).increment(by);
}

const OVERFLOW: [(&str, &str); 2] = [("host", "_other"), ("otel_metric_overflow", "true")];

fn counter_of(metrics: &Metrics, host: &str) -> Option<u64> {
    let labels = if host == "_other" { &OVERFLOW[..] } else { &[("host", host)][..] };
    match value(metrics, "runs_total", labels) {
        None => None,
        Some(Value::Counter(count)) => Some(count),
        other => panic!("{other:?}"),
    }
}

/// How many series a metric shows, as its snapshot and its scrape, and as we say.
fn shown(metrics: &Metrics, name: &str) -> usize {
    struct Lines<'n>(&'n str, bool, usize);
    impl Exposition for Lines<'_> {
        fn family(&mut self, head: &radiosonde_metrics::Head<'_>) {
            self.1 = head.name == self.0;
        }
        fn series(
            &mut self,
            _: &str,
            _: &radiosonde_metrics::Point<'_>,
            _: &[radiosonde_metrics::Exemplar],
        ) {
            self.2 += usize::from(self.1);
        }
    }
    let mut lines = Lines(name, false, 0);
    metrics.expose(Scrape::default(), &mut lines);
    let snapshot = metrics.snapshot();
    assert_eq!(snapshot.family(name).map_or(0, |family| family.series.len()), lines.2, "{name}");
    lines.2
}

fn told_series(metrics: &Metrics, name: &str) -> Option<Value> {
    value(metrics, "radiosonde_series", &[("metric", name)])
}

#[test]
fn retired_series_leave_and_make_room() {
    let metrics = metrics();
    with(&metrics, || {
        ["a", "b", "c"].into_iter().for_each(|host| run(host, 1));
        assert_eq!(shown(&metrics, "runs_total"), 3);
        assert_eq!(metrics.retire("runs_total"), Some(2));
        assert_eq!(metrics.retire("runs_total"), Some(0), "the overflow set stays");
        assert_eq!(counter_of(&metrics, "_other"), Some(1));
        assert_eq!(shown(&metrics, "runs_total"), 1);
        assert_eq!(told_series(&metrics, "runs_total"), Some(Value::Gauge(0.0)));

        ["c", "d", "e"].into_iter().for_each(|host| run(host, 10));
        assert_eq!(counter_of(&metrics, "a"), None);
        assert_eq!(counter_of(&metrics, "c"), Some(10));
        assert_eq!(counter_of(&metrics, "d"), Some(10));
        assert_eq!(counter_of(&metrics, "_other"), Some(11), "room for two, as before");
        assert_eq!(told_series(&metrics, "runs_total"), Some(Value::Gauge(2.0)));
        assert_eq!(value(&metrics, "all_runs_total", &[]), Some(Value::Counter(33)));
    });
}

#[test]
fn what_is_written_again_comes_back_with_all_it_counted() {
    let metrics = metrics();
    with(&metrics, || {
        let kept = counter!("runs_total", "host" => "a");
        kept.increment(5);
        run("b", 7);
        assert_eq!(metrics.retire("runs_total"), Some(2));
        // By a handle from before, by what the thread keeps, by another thread, and by nothing.
        kept.increment(0);
        assert_eq!((counter_of(&metrics, "a"), counter_of(&metrics, "b")), (None, None));
        kept.increment(1);
        std::thread::scope(|scope| {
            let _ = scope.spawn(|| with(&metrics, || run("b", 1)));
        });
        assert_eq!((counter_of(&metrics, "a"), counter_of(&metrics, "b")), (Some(6), Some(8)));
        assert_eq!(metrics.retire("runs_total"), Some(2));
        run("b", 1);
        counter!("runs_total", "host" => "a").absolute(100);
        assert_eq!((counter_of(&metrics, "a"), counter_of(&metrics, "b")), (Some(100), Some(9)));
        assert_eq!(told_series(&metrics, "runs_total"), Some(Value::Gauge(2.0)));
        assert_eq!(metrics.refusals(), []);
    });
}

#[test]
fn what_is_written_again_without_room_is_folded_for_good() {
    let metrics = metrics();
    with(&metrics, || {
        ["a", "b"].into_iter().for_each(|host| run(host, 100));
        let _ = metrics.retire("runs_total");
        ["c", "d", "a"].into_iter().for_each(|host| run(host, 1));
        assert_eq!(counter_of(&metrics, "a"), None);
        assert_eq!(counter_of(&metrics, "_other"), Some(1), "the set is made for it");
        assert_eq!(refused(&metrics, "runs_total", Reason::SeriesCap), 1);
        run("a", 3);
        assert_eq!(counter_of(&metrics, "_other"), Some(4));
        assert_eq!(shown(&metrics, "runs_total"), 3);

        // There is room again, and it would have to leave the overflow set.
        assert_eq!(metrics.retire("runs_total"), Some(2));
        run("a", 1);
        assert_eq!(counter_of(&metrics, "a"), None);
        assert_eq!(counter_of(&metrics, "_other"), Some(5));
        run("e", 1);
        run("b", 1);
        assert_eq!((counter_of(&metrics, "e"), counter_of(&metrics, "b")), (Some(1), Some(101)));
        assert_eq!(value(&metrics, "all_runs_total", &[]), Some(Value::Counter(209)));
    });
}

#[test]
fn limits_of_values_are_exact_again() {
    let metrics = metrics();
    let write = |few: &'static str| {
        for kind in ["a", "b"] {
            counter!("few_total", "few" => few, "kind" => kind).increment(1);
        }
    };
    with(&metrics, || {
        ["1", "2", "3"].into_iter().for_each(write);
        assert_eq!(shown(&metrics, "few_total"), 4 + 2);
        assert_eq!(metrics.retire("few_total"), Some(4));
        ["3", "4", "5"].into_iter().for_each(write);
        assert_eq!(shown(&metrics, "few_total"), 4 + 2);
        // Neither value has room, though the metric has.
        ["1", "2"].into_iter().for_each(write);
        assert_eq!(shown(&metrics, "few_total"), 4 + 2);
        assert_eq!(total(&metrics, "few_total"), 16 - 4);
        let told = metrics.refusals().iter().map(ToString::to_string).collect::<Vec<_>>();
        assert!(told[0].contains("label `few` has its 2 different values"), "{told:?}");
    });
}

#[test]
fn histograms_and_summaries_go_on() {
    let metrics = metrics();
    let took =
        |host: &'static str, value: f64| histogram!("run_seconds", "host" => host).record(value);
    let size =
        |host: &'static str, value: f64| histogram!("size_bytes", "host" => host).record(value);
    let histogram = |labels: &[(&str, &str)]| match value(&metrics, "run_seconds", labels) {
        Some(Value::Histogram { counts, sum, count, .. }) => Some((counts, sum, count)),
        None => None,
        other => panic!("{other:?}"),
    };
    let summary = |labels: &[(&str, &str)]| match value(&metrics, "size_bytes", labels) {
        Some(Value::Summary { count, sum, .. }) => Some((count, sum)),
        None => None,
        other => panic!("{other:?}"),
    };
    with(&metrics, || {
        [0.5, 5.0].into_iter().for_each(|value| took("a", value));
        [1.0, 2.0].into_iter().for_each(|value| size("a", value));
        assert_eq!(
            (metrics.retire("run_seconds"), metrics.retire("size_bytes")),
            (Some(1), Some(1))
        );
        took("a", 50.0);
        size("a", 4.0);
        assert_eq!(histogram(&[("host", "a")]), Some((vec![1, 1, 1], 55.5, 3)));
        assert_eq!(summary(&[("host", "a")]), Some((3, 7.0)));

        assert_eq!(
            (metrics.retire("run_seconds"), metrics.retire("size_bytes")),
            (Some(1), Some(1))
        );
        ["b", "c"].into_iter().for_each(|host| took(host, 0.5));
        ["b", "c"].into_iter().for_each(|host| size(host, 8.0));
        took("a", 7.0);
        size("a", 16.0);
        assert_eq!((histogram(&[("host", "a")]), summary(&[("host", "a")])), (None, None));
        assert_eq!(histogram(&OVERFLOW), Some((vec![1, 1, 0], 7.5, 2)));
        assert_eq!(summary(&OVERFLOW), Some((2, 24.0)));
        assert_eq!((shown(&metrics, "run_seconds"), shown(&metrics, "size_bytes")), (2, 2));
    });
}

#[test]
fn gauges_come_back_with_the_write_or_are_refused() {
    let metrics = metrics();
    let depth = |host: &str| value(&metrics, "depth", &[("host", host)]);
    with(&metrics, || {
        let kept = gauge!("depth", "host" => "a");
        kept.set(1.0);
        assert_eq!(metrics.retire("depth"), Some(1));
        assert_eq!(depth("a"), None);
        kept.set(f64::NAN);
        assert_eq!(told_series(&metrics, "depth"), Some(Value::Gauge(0.0)), "no value");
        kept.set(1.0);
        assert_eq!(told_series(&metrics, "depth"), Some(Value::Gauge(1.0)), "at once");
        assert_eq!(depth("a"), Some(Value::Gauge(1.0)), "also with the value it had");

        assert_eq!(metrics.retire("depth"), Some(1));
        gauge!("depth", "host" => "b").set(2.0);
        kept.set(3.0);
        kept.increment(1.0);
        gauge!("depth", "host" => "a").set(4.0);
        assert_eq!((depth("a"), depth("b")), (None, Some(Value::Gauge(2.0))));
        assert_eq!(refused(&metrics, "depth", Reason::GaugeCap), 3);
        assert_eq!(metrics.retire("depth"), Some(1));
        kept.increment(1.0);
        assert_eq!((depth("a"), depth("b")), (Some(Value::Gauge(2.0)), None));
        assert_eq!(refused(&metrics, "depth", Reason::GaugeCap), 3);
    });
}

#[test]
fn gauges_that_many_threads_write_stay_within_the_limit() {
    let metrics = metrics();
    let (done, written) = (AtomicBool::new(false), AtomicU64::new(0));
    let set_all = |thread: u32| {
        let kept = gauge!("depth", "host" => format!("h{thread}"));
        while !done.load(Ordering::Relaxed) {
            kept.set(1.0);
            gauge!("depth", "host" => format!("h{}", (thread + 1) % 4)).increment(1.0);
            written.fetch_add(1, Ordering::Relaxed);
        }
    };
    let look = || {
        let until = Instant::now() + Duration::from_secs(60);
        for _ in 0..300 {
            // Each time after writes of all kinds.
            let before = written.load(Ordering::Relaxed);
            while written.load(Ordering::Relaxed) < before + 8 {
                assert!(Instant::now() < until, "nobody writes");
                std::thread::yield_now();
            }
            assert!(metrics.retire("depth").unwrap() <= 1);
            let shown = metrics.snapshot();
            let depth = shown.family("depth").map_or(0, |family| family.series.len());
            assert!(depth <= 1, "{:?}", shown.family("depth"));
            let told = [("metric", "depth")];
            let Some(Value::Gauge(told)) = shown.value("radiosonde_series", &told) else {
                panic!("it is counted")
            };
            assert!(*told <= 1.0, "{told}");
        }
    };
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (metrics, set_all) = (&metrics, &set_all);
            scope.spawn(move || with(metrics, || set_all(thread)));
        }
        let looked = scope.spawn(look).join();
        done.store(true, Ordering::Relaxed);
        looked.unwrap();
    });
    // At rest the limit is used, and what is shown was written.
    with(&metrics, || gauge!("depth", "host" => "h0").set(5.0));
    let refused = refused(&metrics, "depth", Reason::GaugeCap);
    assert!(refused > 0 && shown(&metrics, "depth") == 1, "{refused}");
}

#[test]
fn batch_gauges_are_kept_no_longer() {
    let clock = Clock::fixed(UNIX_EPOCH + Duration::from_secs(1_793_491_200));
    let registry = Some(Registry::parse("registry.json", REGISTRY).unwrap());
    let metrics = Metrics::new(Settings { registry, clock, ..Settings::default() });
    with(&metrics, || {
        gauge!("nightly_ratio", "host" => "a").set(0.5);
        let old = metrics.batch_values();
        assert_eq!(old.len(), 1);
        assert_eq!(metrics.retire("nightly_ratio"), Some(1));
        assert_eq!(metrics.batch_values(), []);
        // When it was computed is true of the metric all the same.
        let updated = [("metric", "nightly_ratio")];
        assert!(value(&metrics, "last_update_timestamp_seconds", &updated).is_some());
        gauge!("nightly_ratio", "host" => "b").set(0.25);
        gauge!("nightly_ratio", "host" => "a").set(0.75);
        assert_eq!(refused(&metrics, "nightly_ratio", Reason::GaugeCap), 1);
        let values: Vec<_> = metrics.batch_values().iter().map(|value| value.value).collect();
        assert_eq!(values, [0.25]);
    });
}

mod library {
    pub(crate) fn write(metric: &'static str) {
        metrics::counter!(metric, "host" => "a").increment(1);
    }
}

#[test]
fn a_shared_limit_gets_its_room_back() {
    let metrics = metrics();
    with(&metrics, || {
        ["lib.one", "lib.two", "lib.one"].into_iter().for_each(library::write);
        assert_eq!(metrics.retire("lib.one"), Some(1), "by the name that is written");
        let one = || value(&metrics, "lib_one", &[("host", "a")]);
        assert_eq!(one(), None);
        counter!("lib.two", "host" => "b").increment(1);
        let two = value(&metrics, "lib_two", &[("host", "b")]);
        assert_eq!(two, Some(Value::Counter(1)), "it has the room now");
        library::write("lib.one");
        assert_eq!(one(), None);
        let overflow = value(&metrics, "lib_one", &[("otel_metric_overflow", "true")]);
        assert_eq!(overflow, Some(Value::Counter(1)));
        assert_eq!(refused(&metrics, "lib_one", Reason::NamespaceCap), 1);
    });
}

#[test]
fn what_comes_back_does_not_begin_at_zero() {
    struct Values(Vec<(String, u64)>);
    impl Exposition for Values {
        fn family(&mut self, _: &radiosonde_metrics::Head<'_>) {}
        fn series(
            &mut self,
            labels: &str,
            point: &radiosonde_metrics::Point<'_>,
            _: &[radiosonde_metrics::Exemplar],
        ) {
            if let radiosonde_metrics::Point::Counter(count) = point
                && labels.starts_with("host=")
            {
                self.0.push((labels.to_owned(), *count));
            }
        }
    }
    let metrics = metrics();
    let scrape = || {
        let mut scrape = Scrape::default();
        scrape.from_zero = true;
        let mut values = Values(Vec::new());
        metrics.expose(scrape, &mut values);
        metrics.scraped();
        values.0
    };
    let is = |host: &str, count: u64| (format!("host=\"{host}\""), count);
    with(&metrics, || {
        run("a", 5);
        assert_eq!(scrape(), [is("a", 0)]);
        assert_eq!(scrape(), [is("a", 5)]);
        let _ = metrics.retire("runs_total");
        assert_eq!(scrape(), []);
        run("a", 1);
        run("b", 1);
        assert_eq!(scrape(), [is("a", 6), is("b", 0)]);
        // A set that is new because of what was folded begins at 0 as any other.
        let _ = metrics.retire("runs_total");
        ["c", "d", "a"].into_iter().for_each(|host| run(host, 2));
        let overflow = |count| (r#"host="_other",otel_metric_overflow="true""#.to_owned(), count);
        assert_eq!(scrape(), [is("c", 0), is("d", 0), overflow(0)]);
        assert_eq!(scrape(), [is("c", 2), is("d", 2), overflow(2)]);
    });
}

/// The recorder of the process: a catalogue keeps most with one. The other tests have one of their
/// threads, which goes before it.
#[test]
fn handles_of_a_catalogue_go_on() {
    let text = include_str!("registry.json").replace(r#""max_values": 20"#, r#""max_values": 2"#);
    let registry = Some(Registry::parse("registry.json", &text).unwrap());
    let metrics = Metrics::new(Settings { registry, ..Settings::default() });
    metrics.recorder().install().unwrap();
    let count = |name: &str, labels: &[(&str, &str)]| match value(&metrics, name, labels) {
        Some(Value::Counter(count)) => Some(count),
        None => None,
        other => panic!("{other:?}"),
    };
    // Not all values are listed.
    let run = |provider: &str| {
        let provider = catalog::Provider::new(provider);
        catalog::ingestion_runs_total(&provider, catalog::Outcome::Success).increment(1);
    };
    let runs =
        |provider| count("ingestion_runs_total", &[("outcome", "success"), ("provider", provider)]);
    let overflow =
        [("otel_metric_overflow", "true"), ("outcome", "success"), ("provider", "_other")];
    for round in 1..4 {
        ["a", "b"].into_iter().for_each(run);
        assert_eq!((runs("a"), runs("b")), (Some(round), Some(round)), "they come back when read");
        // No room, the second time by what is known at a glance.
        ["c", "c"].into_iter().for_each(run);
        let shown = [runs("a"), runs("b"), runs("c"), count("ingestion_runs_total", &overflow)];
        assert_eq!(shown, [Some(round), Some(round), None, Some(2 * round)]);
        assert_eq!(metrics.retire(catalog::INGESTION_RUNS_TOTAL), Some(2));
        assert_eq!((runs("a"), runs("b")), (None, None));
    }
    for provider in ["d", "c", "a"] {
        run(provider);
    }
    assert_eq!([runs("d"), runs("c"), runs("a")], [Some(1), Some(1), None]);
    assert_eq!(count("ingestion_runs_total", &overflow), Some(7));

    // All values are listed.
    let listed = || catalog::runs_total(catalog::Outcome::Success).increment(1);
    let success = || count("runs_total", &[("outcome", "success")]);
    for round in 1..4 {
        listed();
        assert_eq!(success(), Some(round));
        assert!(metrics.retire(catalog::RUNS_TOTAL).is_some());
        assert_eq!(success(), None);
    }
}

#[test]
fn what_cannot_be_retired_says_so() {
    let metrics = metrics();
    assert_eq!(metrics.retire("no_such_total"), None);
    assert_eq!(metrics.retire("all_runs_total"), None, "a roll-up is no metric of its own");
    assert_eq!(metrics.retire("radiosonde_metric_writes_refused_total"), None);
    assert_eq!(metrics.retire("metric_ingest_status"), None, "it is ours");
    assert_eq!(metrics.retire(""), None);
    assert_eq!(metrics.retire("known_total"), Some(2), "those at 0 as well");
    assert_eq!(shown(&metrics, "known_total"), 0);
}

#[test]
fn what_is_retired_is_bounded() {
    let metrics = metrics();
    let user = |nth: u32| counter!("users_total", "host" => format!("u{nth}")).increment(1);
    let mut filled = 0;
    let mut fill = || {
        (filled..filled + 20_000).for_each(user);
        filled += 20_000;
    };
    with(&metrics, || {
        for _ in 0..5 {
            fill();
            assert_eq!(metrics.retire("users_total"), Some(20_000));
        }
        assert_eq!(metrics.problems(), []);
        fill();
        assert_eq!(metrics.retire("users_total"), Some(0));
        assert_eq!(metrics.retire("users_total"), Some(0));
        assert_eq!(metrics.problems().len(), 1, "told once");
        assert_eq!(shown(&metrics, "users_total"), 20_000);
        assert_eq!(total(&metrics, "users_total"), 20_000);
        // Each is still found, and folded now as the metric is full.
        (1_000..1_050).for_each(user);
        assert_eq!(total(&metrics, "users_total"), 20_050);
        assert_eq!(shown(&metrics, "users_total"), 20_001);
    });
}
