//! Tests that run at the same time, say the same with values of their own, and see exactly these.
//! `cargo xtask prove capture` has a thousand rounds of it; CI has a few.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Barrier, LazyLock};
use std::thread;
use std::time::Duration;

use radiosonde::testing::{Captured, capture, capture_async};
use tokio::runtime::Runtime;

radiosonde::catalog!("registry.json");

/// Captures at the same time.
const CAPTURES: u64 = 64;

static KEPT: LazyLock<metrics::Counter> = LazyLock::new(|| metrics::counter!("kept_total"));

fn rounds() -> u64 {
    std::env::var("XTASK_CAPTURE").map_or(8, |rounds| rounds.parse().unwrap())
}

/// Call sites that are new: what `tracing` knows of one is settled by whoever comes first.
macro_rules! fresh {
    ($($number:literal)*) => {
        &[$(|number: u64| {
            let span = tracing::info_span!("fresh", site = $number, number);
            span.in_scope(|| tracing::info!(site = $number, number, "fresh"));
        }),*]
    };
}

const FRESH: &[fn(u64)] = fresh! {
    0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
    32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63
    64 65 66 67 68 69 70 71 72 73 74 75 76 77 78 79 80 81 82 83 84 85 86 87 88 89 90 91 92 93 94 95
    96 97 98 99 100 101 102 103 104 105 106 107 108 109 110 111 112 113 114 115 116 117 118 119 120
    121 122 123 124 125 126 127
};

/// One piece of work, by its number.
fn work(number: u64, round: u64) {
    FRESH[round as usize % FRESH.len()](number);
    radiosonde::event!("piece.done", number = number, "done");
    log::warn!("piece {number}");
    metrics::counter!("pieces_total").increment(number);
    metrics::histogram!("piece_size").record(number as f64);
    catalog::deliveries_total("kim", catalog::Outcome::Delivered).increment(number);
    KEPT.increment(number);
}

/// What a capture has of it after so many pieces.
fn check(t: &Captured, number: u64, pieces: usize) {
    let sum = number * pieces as u64;
    t.assert_event("piece.done").with("number", number).times(pieces);
    t.assert_log("fresh").with("number", number).in_span("fresh").times(pieces);
    t.assert_log(&format!("piece {number}")).times(pieces);
    t.assert_span("fresh").with("number", number).in_span("outer").times(pieces);
    t.assert_metric("pieces_total", &[]).increased_by(sum);
    t.assert_metric("piece_size", &[]).counted(pieces as u64).summed(sum);
    t.assert_metric("deliveries_total", &[("outcome", "delivered")]).increased_by(sum);
    t.assert_metric("kept_total", &[]).increased_by(sum);
    t.assert_no_event("of.nobody");
    // And nothing of anybody else.
    assert_eq!(t.events().len(), pieces, "{}", t.text());
    assert_eq!(t.logs().len(), 2 * pieces, "{}", t.text());
    assert_eq!(t.spans().named("fresh").len(), pieces, "{}", t.text());
    assert_eq!(t.open_spans().len(), 1, "the outer one: {:?}", t.open_spans());
}

/// On threads.
fn threads(number: u64, round: u64) {
    capture(|t| {
        let _outer = tracing::info_span!("outer").entered();
        work(number, round);
        let nested = move || radiosonde::spawn_thread(move || work(number, round)).join().unwrap();
        let spawned = radiosonde::spawn_thread(nested);
        thread::scope(|scope| {
            radiosonde::spawn_scoped(scope, || work(number, round));
        });
        let there = t.clone();
        let plain = thread::spawn(radiosonde::carry(move || {
            there.inside(|| radiosonde::carry(move || work(number, round))());
        }));
        spawned.join().unwrap();
        plain.join().unwrap();
        check(t, number, 4);
    });
}

/// In tasks of a runtime that all share.
async fn tasks(number: u64, round: u64) {
    capture_async(async |t| {
        let outer = tracing::info_span!("outer");
        let inside = tracing::Instrument::instrument(
            async {
                work(number, round);
                let nested = async move {
                    tokio::task::yield_now().await;
                    radiosonde::spawn(async move { work(number, round) }).await.unwrap();
                    tokio::task::yield_now().await;
                    work(number, round);
                };
                let task = radiosonde::spawn(nested);
                let blocking = radiosonde::spawn_blocking(move || work(number, round));
                let mut set = radiosonde::JoinSet::new();
                for _ in 0..2 {
                    set.spawn(async move {
                        tokio::task::yield_now().await;
                        work(number, round);
                    });
                }
                while let Some(ended) = set.join_next().await {
                    ended.unwrap();
                }
                task.await.unwrap();
                blocking.await.unwrap();
            },
            outer.clone(),
        );
        inside.await;
        check(t, number, 6);
    })
    .await;
}

#[test]
fn sixty_four_captures_at_once_see_their_own_and_all_of_it() {
    let runtime = Runtime::new().unwrap();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        // Somebody without a capture, who comes by all call sites as well, and with a subscriber that
        // wants nothing.
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                for round in 0..FRESH.len() as u64 {
                    FRESH[round as usize](u64::MAX);
                    radiosonde::event!("of.nobody", "outside");
                }
                let nobody = tracing::subscriber::NoSubscriber::new();
                tracing::subscriber::with_default(nobody, || FRESH[0](u64::MAX));
                // Not all the time: the captures need the processor as well.
                thread::park_timeout(Duration::from_millis(5));
            }
        });
        for round in 0..rounds() {
            let begin = Barrier::new(CAPTURES as usize);
            let captures: Vec<_> = thread::scope(|captures| {
                let run = |number: u64| {
                    let (begin, runtime) = (&begin, &runtime);
                    captures.spawn(move || {
                        begin.wait();
                        match number % 2 {
                            0 => threads(number + 1, round),
                            _ => runtime.block_on(tasks(number + 1, round)),
                        }
                    })
                };
                let captures: Vec<_> = (0..CAPTURES).map(run).collect();
                captures.into_iter().map(thread::ScopedJoinHandle::join).collect()
            });
            let failed = captures.iter().filter(|ended| ended.is_err()).count();
            if failed > 0 {
                over.store(true, Ordering::Relaxed);
            }
            assert_eq!(failed, 0, "captures of round {round}");
        }
        over.store(true, Ordering::Relaxed);
    });
    println!("{} rounds of {CAPTURES} captures", rounds());
}
