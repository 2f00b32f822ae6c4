//! A till whose metrics go out through `metrics-exporter-prometheus`.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "shows its page where a server would send it")]

use metrics_exporter_prometheus::PrometheusBuilder;

fn main() {
    let page = PrometheusBuilder::new().install_recorder().expect("there is no other recorder");

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
