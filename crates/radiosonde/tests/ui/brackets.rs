//! Labels and limits in brackets, as lists of registries are written.
fn main() {
    let _telemetry = radiosonde::init!(labels = ["environment" => "staging"], service = "shop");
    let _config = radiosonde::config!(rate_limits = [radiosonde::Level::Debug => 100]);
}
