//! The same shop with radiosonde alone.
#![forbid(unsafe_code)]

fn main() {
    let _telemetry = radiosonde::init!();

    pay(17);
}

#[tracing::instrument]
fn pay(order: u32) {
    tracing::info!(cents = 1250, "paid");
    log::warn!(target: "bank", "slow answer");
}
