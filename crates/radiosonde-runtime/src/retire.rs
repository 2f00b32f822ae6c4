//! A retirement leaves a line in the log, and takes back what it has mended.

use radiosonde_record::{Descriptor, Kind, Level, Site, Value};

use crate::telemetry::Telemetry;
use crate::words::grouped;

/// As [`radiosonde_metrics::Metrics::retire`], and says so.
pub(crate) fn retire(telemetry: &Telemetry, metric: &str) -> Option<usize> {
    // Nothing in a forked child: no lock is taken there, which a thread may hold that it has not got.
    let series = telemetry.metrics().retire(metric)?;
    if series > 0 {
        telemetry.withdraw_limits(metric);
    }
    log(telemetry, metric, series as u64);
    Some(series)
}

/// Nobody waits for the drain here: it is a thread of the application.
fn log(telemetry: &Telemetry, metric: &str, series: u64) {
    let Some(journal) = telemetry.journal() else { return };
    let (level, source) = (Level::Info, "radiosonde");
    if !journal.allows(source, level) {
        return;
    }
    let (name, source) = ("telemetry.retired".to_owned(), source.to_owned());
    let site = Site::from(Descriptor { name, source, ..Descriptor::default() });
    let text = format!("retired {} series of `{metric}`", grouped(series));
    journal.record(Kind::Event, level, &site, &[], |record| {
        record.message(Value::Str(&text));
        record.field_named("metric", Value::Str(metric));
        record.field_named("series", Value::U64(series));
    });
}
