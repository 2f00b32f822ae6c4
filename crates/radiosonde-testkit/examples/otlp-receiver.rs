//! Prints what arrives over OTLP, a line for each record: a collector for the terminal.
//!
//! ```text
//! cargo run -p radiosonde-testkit --example otlp-receiver
//! cargo run -p radiosonde-testkit --example otlp-receiver -- 4318 4317
//! ```
#![forbid(unsafe_code)]
#![allow(clippy::print_stderr, clippy::print_stdout, reason = "a command")]

use radiosonde_testkit::{Measured, Received, Receiver};
use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let ports: Result<Vec<u16>, _> = words.iter().map(|word| word.parse()).collect();
    let (http, grpc) = match ports.as_deref() {
        Ok([]) => (0, 0),
        Ok([http]) => (*http, 0),
        Ok([http, grpc]) => (*http, *grpc),
        _ => {
            eprintln!("usage: otlp-receiver [PORT FOR HTTP [PORT FOR GRPC]]");
            return ExitCode::from(2);
        }
    };
    let receiver = Receiver::builder().ports(http, grpc).counts_only().watch(print).start();
    let receiver = match receiver {
        Ok(receiver) => receiver,
        Err(error) => {
            eprintln!("otlp-receiver: {error}; without a port it takes one that is free");
            return ExitCode::FAILURE;
        }
    };
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
