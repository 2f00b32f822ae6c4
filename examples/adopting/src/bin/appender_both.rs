//! The same shop: radiosonde is installed, and the old files are one of its layers.
#![forbid(unsafe_code)]

use tracing_subscriber::{EnvFilter, prelude::*};

fn main() {
    let files = tracing_appender::rolling::daily("logs", "shop.log");
    let (writer, _flushed_at_the_end) = tracing_appender::non_blocking(files);
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let files = tracing_subscriber::fmt::layer().json().with_writer(writer).with_filter(filter);
    let _telemetry = radiosonde::init!(layers = [files]);

    pay(17);
}

#[tracing::instrument]
fn pay(order: u32) {
    tracing::info!(cents = 1250, "paid");
    log::warn!(target: "bank", "slow answer");
}
