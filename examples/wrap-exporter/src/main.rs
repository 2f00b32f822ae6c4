//! A program that shows its metrics through `metrics-exporter-prometheus`, with a label that has a
//! value for each customer: without and with the guard in front of the exporter.
//!
//! `cargo run -p wrap-exporter -- [before|after]` prints the exporter's page.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a command: its page goes to stdout")]

use std::process::ExitCode;

use metrics::{counter, gauge, histogram};
use metrics_exporter_prometheus::PrometheusBuilder;

const CUSTOMERS: u32 = 10_000;

fn main() -> ExitCode {
    let exporter = PrometheusBuilder::new().build_recorder();
    let page = exporter.handle();
    let telemetry = match std::env::args().nth(1).as_deref() {
        Some("before") => {
            if metrics::set_global_recorder(exporter).is_err() {
                eprintln!("wrap-exporter: a recorder is already set");
            }
            None
        }
        None | Some("after") => {
            Some(radiosonde::init!(wrap_exporter = exporter, profile = radiosonde::Profile::Cli,))
        }
        Some(_) => {
            eprintln!("usage: wrap-exporter [before|after]");
            return ExitCode::from(2);
        }
    };
    for customer in 0..CUSTOMERS {
        let customer = format!("c{customer}");
        counter!("orders_total", "customer" => customer.clone()).increment(2);
        gauge!("basket_items", "customer" => customer.clone()).set(3.0);
        histogram!("order_seconds", "customer" => customer).record(0.25);
    }
    println!("{}", page.render());
    if let Some(telemetry) = telemetry {
        eprintln!("{}", telemetry.report());
    }
    ExitCode::SUCCESS
}
