//! The same till, where nothing but metrics is to change: logger and subscriber are left alone.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "shows its page where a server would send it")]

use metrics_exporter_prometheus::PrometheusBuilder;

fn main() {
    let exporter = PrometheusBuilder::new().build_recorder();
    let page = exporter.handle();
    let radiosonde = radiosonde::config!().build(); // runs, and installs nothing
    metrics::set_global_recorder(radiosonde.recorder.in_front_of(exporter))
        .expect("there is no other recorder");

    sell();
    println!("{}", page.render());
    drop(radiosonde.guard); // lives to here, and brings everything to disk
}

fn sell() {
    for customer in 0..1_000 {
        let customer = format!("c-{customer}");
        metrics::counter!("orders_total", "customer" => customer).increment(1);
    }
    metrics::histogram!("order_seconds").record(0.25);
}
