//! Settings as fields of a structure are written, and one without a value.
fn main() {
    let _telemetry = radiosonde::init!(service: "shop");
    let _telemetry = radiosonde::init!(service = "shop", prometheus: "127.0.0.1:0", dir = "/tmp");
    let _config = radiosonde::config!("shop");
}
