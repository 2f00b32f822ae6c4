//! The kitchen with radiosonde alone: macros of `tracing` and `metrics` in the place of logfire's.
#![forbid(unsafe_code)]

fn main() {
    let _telemetry = radiosonde::init!();

    cook(17);
}

fn cook(order: u32) {
    let span = tracing::info_span!("cook", order);
    span.in_scope(|| {
        tracing::info!(order, "order {order} is ready");
        metrics::counter!("dishes_total").increment(1);
    });
}
