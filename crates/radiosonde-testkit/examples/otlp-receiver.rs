//! Prints what arrives over OTLP, a line for each record: a collector for the terminal.
//!
//! ```text
//! cargo run -p radiosonde-testkit --example otlp-receiver
//! cargo run -p radiosonde-testkit --example otlp-receiver -- 4318 4317
//! ```
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a command: what arrives goes to stdout")]

use radiosonde_testkit::{Measured, Received, Receiver};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let mut ports = std::env::args().skip(1).map(|word| word.parse());
    let http = ports.next().transpose()?.unwrap_or(0);
    let grpc = ports.next().transpose()?.unwrap_or(0);
    let receiver = Receiver::builder().ports(http, grpc).counts_only().watch(print).start()?;
    println!("OTEL_EXPORTER_OTLP_ENDPOINT={}", receiver.http_endpoint());
    println!(
        "OTEL_EXPORTER_OTLP_PROTOCOL=grpc OTEL_EXPORTER_OTLP_ENDPOINT={}",
        receiver.grpc_endpoint()
    );
    loop {
        std::thread::park();
    }
}

fn print(received: &Received) {
    for log in &received.logs {
        let name = if log.event_name.is_empty() { "log" } else { &log.event_name };
        println!("{name} [{}] {} {}", log.severity_text, log.body, log.attributes);
    }
    for span in &received.spans {
        let took = span.end_ns.saturating_sub(span.start_ns) / 1000;
        println!(
            "span {} {took} us {}/{} {}",
            span.name, span.trace_id, span.span_id, span.attributes
        );
    }
    for point in &received.points {
        let value = match &point.value {
            Measured::Int(value) => value.to_string(),
            Measured::Double(value) => value.to_string(),
            other => format!("{other:?}"),
        };
        println!("metric {}{{{}}} {value}", point.name, point.attributes);
    }
}
