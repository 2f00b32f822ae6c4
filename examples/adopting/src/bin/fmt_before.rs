//! A shop with the shortest subscriber there is: lines on the terminal, by `RUST_LOG`.
#![forbid(unsafe_code)]

use tracing_subscriber::EnvFilter;

fn main() {
    tracing_subscriber::fmt().with_env_filter(EnvFilter::from_default_env()).init();

    pay(17);
}

#[tracing::instrument]
fn pay(order: u32) {
    tracing::info!(cents = 1250, "paid");
    log::warn!(target: "bank", "slow answer");
}
