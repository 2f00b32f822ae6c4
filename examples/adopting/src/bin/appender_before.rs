//! A shop that logs to files of its own, a new one each day.
#![forbid(unsafe_code)]

use tracing_subscriber::{EnvFilter, prelude::*};

fn main() {
    let files = tracing_appender::rolling::daily("logs", "shop.log");
    let (writer, _flushed_at_the_end) = tracing_appender::non_blocking(files);
    tracing_subscriber::registry()
        .with(EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info")))
        .with(tracing_subscriber::fmt::layer().json().with_writer(writer))
        .init();

    pay(17);
}

#[tracing::instrument]
fn pay(order: u32) {
    tracing::info!(cents = 1250, "paid");
    log::warn!(target: "bank", "slow answer");
}
