//! The same till with radiosonde alone; `prometheus = "127.0.0.1:9464"` would serve the page.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "shows its page where a server would send it")]

fn main() {
    let telemetry = radiosonde::init!(); // feature `prometheus`

    sell();
    println!("{}", telemetry.metrics_text());
}

fn sell() {
    for customer in 0..1_000 {
        let customer = format!("c-{customer}");
        metrics::counter!("orders_total", "customer" => customer).increment(1);
    }
    metrics::histogram!("order_seconds").record(0.25);
}
