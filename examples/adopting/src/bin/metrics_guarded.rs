//! The same till: its page stays, and the guard stands in front of its recorder.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "shows its page where a server would send it")]

use metrics_exporter_prometheus::PrometheusBuilder;

fn main() {
    let exporter = PrometheusBuilder::new().build_recorder(); // built, and not installed
    let page = exporter.handle();
    let _telemetry = radiosonde::init!(wrap_exporter = exporter); // feature `wrap-exporter`

    sell();
    println!("{}", page.render());
}

fn sell() {
    for customer in 0..1_000 {
        let customer = format!("c-{customer}");
        metrics::counter!("orders_total", "customer" => customer).increment(1);
    }
    metrics::histogram!("order_seconds").record(0.25);
}
