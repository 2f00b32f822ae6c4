//! Label values that are secrets by their looks: never stored, never quoted, counted.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::sync::atomic::{AtomicU64, Ordering};

use common::{metrics, value, with};
use metrics::counter;
use radiosonde_metrics::{Metrics, Settings, Value};
use radiosonde_redact::{Rules, Verdict};

#[test]
fn a_secret_as_the_value_of_a_label_becomes_a_series_without_it() {
    let metrics = metrics();
    with(&metrics, || {
        for password in ["hunter2", "hunter3", "hunter2"] {
            let url = format!("redis://:{password}@cache");
            counter!("queue_total_unregistered", "url" => url.clone()).increment(1);
            counter!("wide_total", "host" => url.clone(), "outcome" => "retry").increment(1);
            counter!("known_total", "outcome" => url).increment(1);
        }
    });
    let labels = [("host", "redis://:[redacted]@cache"), ("outcome", "retry")];
    assert_eq!(value(&metrics, "wide_total", &labels), Some(Value::Counter(3)), "one series");
    let everything = format!("{:?} {:?}", metrics.snapshot(), metrics.refusals());
    assert!(!everything.contains("hunter"), "{everything}");
    assert!(everything.contains("`redis://:[redacted]@cache`"), "the refusal shows the rest");
    let counted = metrics.redactions();
    assert!(counted.iter().any(|(rule, count)| rule == "url_password" && *count >= 3));
}

#[test]
fn observed_and_constant_labels_are_looked_at_too_and_callbacks_are_asked() {
    let rules = Rules::standard().with_callback("region", &["labels.region"], |_, value| {
        if value == "hq" { Verdict::Replace("somewhere".to_owned()) } else { Verdict::Keep }
    });
    let labels = vec![("via".to_owned(), "http://u:hunter2@proxy".to_owned())];
    let metrics = Metrics::new(Settings { rules, labels, ..Settings::default() });
    with(&metrics, || {
        for region in ["hq", "eu", "hq"] {
            counter!("jobs_total", "region" => region).increment(1);
        }
        counter!("calls_total", "auth" => "Bearer abc123def456").increment(1);
    });
    let via = ("via", "http://u:[redacted]@proxy");
    let jobs = |region| value(&metrics, "jobs_total", &[("region", region), via]);
    assert_eq!(jobs("somewhere"), Some(Value::Counter(2)));
    assert_eq!(jobs("eu"), Some(Value::Counter(1)));
    let calls = value(&metrics, "calls_total", &[("auth", "Bearer [redacted]"), via]);
    assert_eq!(calls, Some(Value::Counter(1)));
    assert!(!format!("{:?}", metrics.snapshot()).contains("hunter2"));
}

#[test]
fn the_rules_are_asked_once_for_a_label_set_and_each_write_is_counted() {
    static ASKED: AtomicU64 = AtomicU64::new(0);
    let rules = Rules::standard().with_callback("region", &["labels.region"], |_, value| {
        ASKED.fetch_add(1, Ordering::Relaxed);
        if value == "eu" { Verdict::Keep } else { Verdict::Replace(value[..2].to_owned()) }
    });
    let metrics = Metrics::new(Settings { rules, ..Settings::default() });
    let write = |region: String| {
        with(&metrics, || counter!("jobs_total", "region" => region).increment(1));
    };
    for _ in 0..100 {
        write("hq, 3rd floor".to_owned());
        write("eu".to_owned());
    }
    assert_eq!(ASKED.load(Ordering::Relaxed), 2);
    assert_eq!(value(&metrics, "jobs_total", &[("region", "hq")]), Some(Value::Counter(100)));
    assert_eq!(value(&metrics, "jobs_total", &[("region", "eu")]), Some(Value::Counter(100)));
    assert_eq!(metrics.redactions(), [("region".to_owned(), 100)]);
    // Made up without end, they are not kept without end.
    for n in 0..5_000 {
        write(format!("hq, desk {n}"));
    }
    let (before, again) = (ASKED.load(Ordering::Relaxed), ["hq, desk 4999", "hq, desk 17"]);
    assert_eq!(before, 5_002);
    again.into_iter().for_each(|region| write(region.to_owned()));
    assert_eq!(ASKED.load(Ordering::Relaxed), before + 1, "the late one is known");
    assert_eq!(value(&metrics, "jobs_total", &[("region", "hq")]), Some(Value::Counter(5_102)));
}
