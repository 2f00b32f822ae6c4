//! The same shop: the lines on the terminal stay, and radiosonde's layer stands beside them.
#![forbid(unsafe_code)]

use tracing_subscriber::{EnvFilter, prelude::*};

fn main() {
    let radiosonde = radiosonde::config!(profile = radiosonde::Profile::Cli).build();
    let lines = tracing_subscriber::fmt::layer().with_filter(EnvFilter::from_default_env());
    tracing_subscriber::registry().with(radiosonde.layer).with(lines).init();

    pay(17);
    drop(radiosonde.guard); // lives to here, and brings everything to disk
}

#[tracing::instrument]
fn pay(order: u32) {
    tracing::info!(cents = 1250, "paid");
    log::warn!(target: "bank", "slow answer");
}
