//! In a forked child nothing is retired: a lock may be held there by a thread that does not exist. A
//! program of its own: what says that it is a child holds for the whole process.

use metrics::{counter, gauge};
use radiosonde_metrics::Metrics;

#[test]
fn a_forked_child_retires_nothing() {
    let metrics = Metrics::default();
    metrics::with_local_recorder(&metrics.recorder(), || {
        counter!("runs_total").increment(1);
        gauge!("depth").set(1.0);
        assert_eq!(metrics.retire("depth"), Some(1));
        radiosonde_context::reseed_after_fork();
        assert_eq!(metrics.retire("runs_total"), None);
        gauge!("depth").set(2.0);
        assert_eq!(metrics.series_count(), 1, "the one that was not retired");
        assert_eq!(metrics.batch_values(), []);
    });
}
