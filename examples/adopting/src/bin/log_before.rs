//! A courier that logs through `log` and `env_logger`.
#![forbid(unsafe_code)]

fn main() {
    env_logger::init();

    deliver(17);
}

fn deliver(parcel: u32) {
    log::info!("parcel {parcel} is out");
    log::error!("parcel {parcel}: nobody at home");
}
