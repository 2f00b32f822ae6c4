//! Each way to say something, on each way to other threads and tasks, inside of a capture.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::LazyLock;

use metrics::{Key, Level as MetricLevel, Metadata};
use radiosonde::testing::{Capture, Captured, capture, capture_async};
use radiosonde::{Level, Value};
use radiosonde_metrics::Lasting;

radiosonde::catalog!("registry.json");

static METADATA: Metadata<'static> = Metadata::new("tested", MetricLevel::INFO, None);

/// Kept by whoever comes first, and that may be another test. Made outside of all captures and without
/// `init!` they would write nowhere for ever.
static KEPT: LazyLock<metrics::Counter> = LazyLock::new(|| metrics::counter!("kept_total"));
static KEPT_GAUGE: LazyLock<metrics::Gauge> = LazyLock::new(|| metrics::gauge!("kept_depth"));
static KEPT_TYPED: LazyLock<radiosonde::typed::Histogram<radiosonde::typed::Time>> =
    LazyLock::new(|| catalog::delivery_seconds(catalog::Outcome::Delivered));

/// Says everything once.
fn say(who: &'static str) {
    radiosonde::event!("user.action", who = who, "clicked");
    radiosonde::log_event(
        "named.late",
        Level::Warning,
        "tested",
        "late",
        &[("who", Value::Str(who))],
    );
    let span = tracing::info_span!("work", who);
    span.in_scope(|| tracing::info!(who, "by tracing"));
    drop(span);
    log::error!("by log: {who}");
    metrics::counter!("said_total", "who" => who).increment(2);
    metrics::gauge!("said_depth", "who" => who).set(1.5);
    metrics::histogram!("said_seconds", "who" => who).record(0.5);
    catalog::deliveries_total(who, catalog::Outcome::Returned).increment(3);
    KEPT.increment(1);
    KEPT_GAUGE.set(7.0);
    KEPT_TYPED.record(2.0);
    let key = Key::from_name("lasting_total");
    match Lasting::counter(&key, &METADATA) {
        Ok(lasting) => lasting.handle().increment(1),
        Err(counter) => counter.increment(1),
    }
    radiosonde::scope().job(who).run(|| radiosonde::event!("in.job", "in a job"));
}

/// All of it is here, once.
fn check(t: &Captured, who: &'static str) {
    t.assert_event("user.action").with("who", who).saying("clicked").once();
    t.assert_event("named.late").with("who", who).at_level(Level::Warning).once();
    t.assert_log("by tracing").with("who", who).in_span("work").once();
    t.assert_log("by log").saying(who).at_level(Level::Error).once();
    t.assert_span("work").with("who", who).is_root().once();
    t.assert_event("in.job").of_job(who).once();
    t.assert_metric("said_total", &[("who", who)]).increased_by(2);
    t.assert_metric("said_depth", &[("who", who)]).is(1.5);
    t.assert_metric("said_seconds", &[("who", who)]).counted(1).summed(0.5);
    t.assert_metric("deliveries_total", &[("courier", who)]).increased_by(3);
    t.assert_metric("kept_total", &[]).increased_by(1);
    t.assert_metric("kept_depth", &[]).is(7);
    t.assert_metric("delivery_seconds", &[]).counted(1).summed(2);
    t.assert_metric("lasting_total", &[]).increased_by(1);
    t.assert_no_refusals();
    let all = t.events().len() + t.logs().len() + t.spans().len();
    assert_eq!(all, 6, "{}", t.text());
}

#[test]
fn on_the_thread_itself() {
    // Again: handles are of the first.
    for _ in 0..3 {
        capture(|t| {
            say("here");
            check(t, "here");
        });
    }
}

#[test]
fn on_threads() {
    type Way = fn(&Captured, &'static str);
    let ways: [(&str, Way); 9] = [
        ("spawn_thread", |_, who| radiosonde::spawn_thread(move || say(who)).join().unwrap()),
        ("spawn_thread_with", |_, who| {
            let builder = std::thread::Builder::new();
            radiosonde::spawn_thread_with(builder, move || say(who)).unwrap().join().unwrap();
        }),
        ("spawn_scoped", |_, who| {
            std::thread::scope(|threads| {
                radiosonde::spawn_scoped(threads, || say(who)).join().unwrap();
            });
        }),
        ("carry", |_, who| {
            let carried = radiosonde::carry(move || say(who));
            std::thread::spawn(carried).join().unwrap();
        }),
        ("carry_fn", |_, who| {
            let carried = radiosonde::carry_fn(say);
            std::thread::spawn(move || carried(who)).join().unwrap();
        }),
        ("Carried", |_, who| {
            let (sender, receiver) = std::sync::mpsc::channel();
            let worker = std::thread::spawn(move || {
                let carried: radiosonde::Carried<&'static str> = receiver.recv().unwrap();
                carried.run(say);
            });
            sender.send(radiosonde::Carried::new(who)).unwrap();
            worker.join().unwrap();
        }),
        ("inside", |t, who| {
            let t = t.clone();
            std::thread::spawn(move || t.inside(|| say(who))).join().unwrap();
        }),
        ("nested", |_, who| {
            let inner = move || radiosonde::spawn_thread(move || say(who)).join().unwrap();
            radiosonde::spawn_thread(inner).join().unwrap();
        }),
        ("wrap", |_, who| {
            let wrapped = radiosonde::wrap(async move { say(who) });
            let runtime = || tokio::runtime::Builder::new_current_thread().build().unwrap();
            std::thread::spawn(move || runtime().block_on(wrapped)).join().unwrap();
        }),
    ];
    for (who, way) in ways {
        capture(|t| {
            way(t, who);
            check(t, who);
        });
    }
}

async fn in_tasks() {
    capture_async(async |t| {
        say("await");
        check(t, "await");
    })
    .await;
    capture_async(async |t| {
        radiosonde::spawn(async {
            tokio::task::yield_now().await;
            say("spawn");
        })
        .await
        .unwrap();
        check(t, "spawn");
    })
    .await;
    capture_async(async |t| {
        radiosonde::spawn_on(&tokio::runtime::Handle::current(), async { say("spawn_on") })
            .await
            .unwrap();
        check(t, "spawn_on");
    })
    .await;
    capture_async(async |t| {
        radiosonde::spawn_blocking(|| say("spawn_blocking")).await.unwrap();
        check(t, "spawn_blocking");
    })
    .await;
    capture_async(async |t| {
        let mut set = radiosonde::JoinSet::new();
        set.spawn(async { say("JoinSet") });
        set.join_next().await.unwrap().unwrap();
        check(t, "JoinSet");
    })
    .await;
    capture_async(async |t| {
        tokio::spawn(t.wrap(async { say("t.wrap") })).await.unwrap();
        check(t, "t.wrap");
    })
    .await;
    capture_async(async |t| {
        let scoped = radiosonde::scope().worker("w").wrap(async { say("scope.wrap") });
        tokio::spawn(scoped).await.unwrap();
        check(t, "scope.wrap");
        t.assert_event("user.action").with("worker_id", "w");
    })
    .await;
    let local = tokio::task::LocalSet::new();
    let inside = capture_async(async |t| {
        radiosonde::spawn_local(async { say("spawn_local") }).await.unwrap();
        check(t, "spawn_local");
    });
    local.run_until(inside).await;
}

#[tokio::test]
async fn in_tasks_of_one_thread() {
    in_tasks().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn in_tasks_of_many_threads() {
    in_tasks().await;
}

#[test]
fn a_plain_spawn_carries_nothing() {
    capture(|t| {
        let plain = || {
            radiosonde::event!("user.action", "clicked");
            tracing::info_span!("work").in_scope(|| log::error!("by log"));
            metrics::counter!("said_total").increment(1);
        };
        std::thread::spawn(plain).join().unwrap();
        assert_eq!(t.text(), "");
    });
}

#[test]
fn of_captures_in_one_another_the_inner_one_gets_it() {
    capture(|outer| {
        capture(|inner| {
            say("inner");
            check(inner, "inner");
            outer.inside(|| tracing::info!("for the outer one"));
        });
        assert_eq!(outer.logs().len(), 1, "{}", outer.text());
        say("outer");
        outer.assert_event("user.action").with("who", "outer").once();
        outer.assert_metric("kept_total", &[]).increased_by(1);
    });
}

#[test]
fn a_panic_leaves_the_thread_as_it_was() {
    let caught = std::panic::catch_unwind(|| {
        capture(|_| {
            let _span = tracing::info_span!("left").entered();
            let _scope = radiosonde::scope().job("left").enter();
            panic!("boom");
        });
    });
    assert!(caught.is_err());
    assert!(radiosonde::Context::current().is_empty());
    capture(|t| {
        say("after");
        check(t, "after");
    });
}

#[tokio::test]
async fn a_capture_that_is_cancelled_has_what_its_future_says_as_it_is_dropped() {
    struct Says;
    impl Drop for Says {
        fn drop(&mut self) {
            tracing::info!("dropped");
        }
    }
    let (sender, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let task = tokio::spawn(capture_async(async move |t: &Captured| {
        let _says = Says;
        sender.send(t.clone()).unwrap();
        std::future::pending::<()>().await;
    }));
    let t = seen.recv().await.unwrap();
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    t.assert_log("dropped").once();
    t.inside(|| tracing::info!("too late"));
    assert_eq!(t.logs().len(), 1, "what has ended gets nothing more");
}

#[test]
fn limits_of_a_call_site_are_of_each_capture() {
    for _ in 0..3 {
        capture(|t| {
            for _ in 0..5 {
                radiosonde::event!("seldom", ratelimit: 2, "at most twice a second");
            }
            let passed = t.events().named("seldom").len();
            assert!((2..=4).contains(&passed), "{passed}: a second may turn in between");
            t.assert_none_at(Level::Error);
        });
    }
}

#[test]
fn filters_are_of_each_capture() {
    let both = || {
        tracing::debug!(target: "tested::quiet", "quiet");
        tracing::debug!(target: "tested::loud", "loud");
        log::debug!(target: "tested::loud", "loud log");
    };
    capture(|t| {
        both();
        assert_eq!(t.logs().len(), 0, "{}", t.text());
    });
    Capture::new().filter("warn,tested::loud=debug").run(|t| {
        both();
        t.assert_log("loud").times(2);
        assert_eq!(t.logs().len(), 2, "{}", t.text());
    });
    Capture::new().level(Level::Trace).run(|t| {
        both();
        assert_eq!(t.logs().len(), 3, "{}", t.text());
    });
}

proptest::proptest! {
    #[test]
    fn in_a_loop_of_examples(numbers in proptest::collection::vec(0..100_u32, 0..20)) {
        capture(|t| {
            for number in &numbers {
                tracing::info!(number, "drawn");
                metrics::counter!("drawn_total").increment(1);
            }
            assert_eq!(t.logs().len(), numbers.len());
            t.assert_metric("drawn_total", &[]).increased_by(numbers.len());
        });
    }
}
