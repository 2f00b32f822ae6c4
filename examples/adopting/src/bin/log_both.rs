//! The same courier: `env_logger` prints as before, and every record goes to radiosonde too.
#![forbid(unsafe_code)]

fn main() {
    let radiosonde = radiosonde::config!(profile = radiosonde::Profile::Cli).build();
    let printed = env_logger::Builder::from_default_env().build();
    let lowest = printed.filter().max(radiosonde.logger.max_level());
    let both = Both(printed, radiosonde.logger);
    if log::set_boxed_logger(Box::new(both)).is_ok() {
        log::set_max_level(lowest);
    }

    deliver(17);
    drop(radiosonde.guard); // lives to here, and brings everything to disk
}

/// A logger that is two.
struct Both(env_logger::Logger, radiosonde::LogBridge);

impl log::Log for Both {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        self.0.enabled(metadata) || self.1.enabled(metadata)
    }

    fn log(&self, record: &log::Record<'_>) {
        // Each asks its own filter.
        self.0.log(record);
        self.1.log(record);
    }

    fn flush(&self) {
        self.0.flush();
    }
}

fn deliver(parcel: u32) {
    log::info!("parcel {parcel} is out");
    log::error!("parcel {parcel}: nobody at home");
}
