//! The same shop: its files stay, and radiosonde's layer stands beside them.
#![forbid(unsafe_code)]

use tracing_subscriber::{EnvFilter, prelude::*};

fn main() {
    let radiosonde = radiosonde::config!().build(); // runs, and installs nothing
    let files = tracing_appender::rolling::daily("logs", "shop.log");
    let (writer, _flushed_at_the_end) = tracing_appender::non_blocking(files);
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::registry()
        .with(radiosonde.layer)
        .with(tracing_subscriber::fmt::layer().json().with_writer(writer).with_filter(filter))
        .init();

    pay(17);
    drop(radiosonde.guard); // lives to here, and brings everything to disk
}

#[tracing::instrument]
fn pay(order: u32) {
    tracing::info!(cents = 1250, "paid");
    log::warn!(target: "bank", "slow answer");
}
