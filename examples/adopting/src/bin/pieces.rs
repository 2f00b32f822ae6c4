//! Every global of the process set by hand: leave out the line of what is to stay yours.
#![forbid(unsafe_code)]

use tracing_subscriber::prelude::*;

fn main() {
    let radiosonde = radiosonde::config!().build(); // runs, and installs nothing

    // Spans and events of `tracing`: a subscriber of yours, with one layer more.
    let subscriber = tracing_subscriber::registry().with(radiosonde.layer);
    tracing::subscriber::set_global_default(subscriber).expect("there is no other subscriber");
    // Records of `log`.
    let lowest = radiosonde.logger.max_level();
    log::set_boxed_logger(Box::new(radiosonde.logger)).expect("there is no other logger");
    log::set_max_level(lowest);
    // Metrics of the `metrics` crate.
    radiosonde.recorder.install().expect("there is no other recorder");
    // `event!`, and panics: the hook that is there runs after ours.
    radiosonde.events.install();
    radiosonde.events.hook_panics();

    let worker = std::thread::spawn(|| {
        let _span = tracing::info_span!("pay", order = 17).entered();
        log::warn!("slow answer");
        metrics::counter!("payments_total").increment(1);
        radiosonde::event!("payment.failed", order = 17, "no answer");
        panic!("the bank is gone");
    });
    let _panicked = worker.join();
    drop(radiosonde.guard); // lives to here, and brings everything to disk
}
