//! A catalogue's short way to the series of the recorder of the process, and to its overflow sets, ends
//! where the long way does. One test: there is one such recorder.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use radiosonde_metrics::{Metrics, Refusal, Settings, Snapshot};
use radiosonde_registry::Registry;

radiosonde_metrics::catalog!("tests/flood.json");

/// One write: which metric, and the values it is made with.
#[derive(Clone, Debug)]
struct Write {
    metric: usize,
    provider: String,
    visitor: String,
    zone: String,
    fails: bool,
}

impl Write {
    fn make(&self) {
        let Self { provider, visitor, zone, .. } = self;
        let outcome =
            if self.fails { catalog::Outcome::Failure } else { catalog::Outcome::Success };
        match self.metric {
            0 => catalog::visits_total(visitor).increment(1),
            1 => catalog::calls_total(provider, outcome, visitor).increment(2),
            2 => catalog::moves_total(zone, provider).increment(3),
            _ => catalog::stay_seconds(visitor, zone).record(zone.len() as f64 * 2.0),
        }
    }
}

/// Values that fit, and all kinds of others: long, with escapes, with something to hide, shaped like an
/// id, against the pattern.
fn values() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => "[a-c]-[0-9]",
        4 => "visitor-[0-9]{1,2}",
        2 => r#"[ab]["\\\n]{1,2}"#,
        1 => "[ab]{14,18}",
        1 => "[ab]{127,130}",
        1 => "[0-9]{11}",
        1 => "postgres://ann:[a-z]{12}@db/x",
        1 => Just(String::new()),
    ]
}

fn writes() -> impl Strategy<Value = Write> {
    let labels = (values(), values(), values());
    (0..4_usize, labels, any::<bool>()).prop_map(|(metric, (provider, visitor, zone), fails)| {
        Write { metric, provider, visitor, zone, fails }
    })
}

fn pipeline() -> Metrics {
    // No callback: with one, each value takes the long way.
    let registry = Registry::parse("flood.json", include_str!("flood.json")).unwrap();
    let metrics = Metrics::new(Settings { registry: Some(registry), ..Settings::default() });
    assert_eq!(metrics.problems(), []);
    metrics
}

/// What there is to see of the metrics of the registry.
fn shown(metrics: &Metrics) -> (Snapshot, Vec<Refusal>, Vec<(String, u64)>) {
    let mut snapshot = metrics.snapshot();
    snapshot.families.retain(|family| !family.name.starts_with("radiosonde_"));
    (snapshot, metrics.refusals(), metrics.redactions())
}

#[test]
fn the_short_way_ends_where_the_long_way_does() {
    let (short, long) = (pipeline(), pipeline());
    short.recorder().install().unwrap();
    let recorder = long.recorder();
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let strategy = writes();
    for nth in 0..20_000 {
        let write = strategy.new_tree(&mut runner).unwrap().current();
        write.make();
        metrics::with_local_recorder(&recorder, || write.make());
        if nth % 500 == 0 || nth < 500 {
            assert_eq!(shown(&short), shown(&long), "{nth}: {write:?}");
        }
    }
    let (snapshot, refusals, redactions) = shown(&short);
    assert_eq!((snapshot.clone(), refusals.clone(), redactions.clone()), shown(&long));
    // All of it did happen.
    assert_eq!(snapshot.families.len(), 4);
    assert!(refusals.iter().filter(|refusal| refusal.reason.is_folded()).count() == 4);
    assert!(refusals.iter().any(|refusal| !refusal.reason.is_folded()));
    assert!(redactions.iter().all(|(_, count)| *count > 0) && !redactions.is_empty());
}
