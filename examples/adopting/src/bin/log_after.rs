//! The same courier with radiosonde alone.
#![forbid(unsafe_code)]

fn main() {
    let _telemetry = radiosonde::init!();

    deliver(17);
}

fn deliver(parcel: u32) {
    log::info!("parcel {parcel} is out");
    log::error!("parcel {parcel}: nobody at home");
}
