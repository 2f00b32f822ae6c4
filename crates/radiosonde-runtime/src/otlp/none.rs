//! Without the features for OTLP: nothing is sent, and whoever asks for it is told.

use std::io;
use std::path::Path;
use std::time::Duration;

use radiosonde_events::{DaySink, Owner, Redactions};
use radiosonde_metrics::Snapshot;
use radiosonde_record::{Kind, Sink, Slot, Unsynced};

use super::Gap;
use crate::problem::Problems;
use crate::report::OtlpReport;
use crate::settings::{ENDPOINTS, Settings};

/// Where telemetry goes: nowhere.
#[derive(Clone, Debug)]
pub(crate) enum Destinations {}

impl Destinations {
    pub(crate) fn resolve(
        lookup: &dyn Fn(&str) -> Option<String>,
        _from_code: Option<&str>,
        problems: &Problems,
    ) -> Option<Self> {
        let is_named = |name: &str| {
            lookup(name).is_some_and(|list| list.split(',').any(|word| word.trim() == "otlp"))
        };
        let exporters = ["OTEL_LOGS_EXPORTER", "OTEL_METRICS_EXPORTER", "OTEL_TRACES_EXPORTER"];
        if ENDPOINTS.iter().any(|name| lookup(name).is_some())
            || exporters.into_iter().any(is_named)
        {
            problems.say(
                "OTLP is asked for, and this program cannot send: it has no exporter built \
                 in",
                "build radiosonde with the feature `otlp-http` or `otlp-grpc`, or read the day files",
            );
        }
        None
    }

    pub(crate) fn by_kind(&self) -> [bool; 3] {
        match *self {}
    }
}

/// Nothing is sent. Each of these is as its namesake says that can.
#[derive(Clone, Debug, Default)]
pub(crate) struct Otlp {}

#[derive(Clone, Copy, Debug)]
#[expect(dead_code, reason = "nothing has a place")]
pub(crate) struct Place<'a> {
    pub(crate) root: &'a Path,
    pub(crate) slot: &'a Slot,
    pub(crate) instance: &'a str,
}

#[expect(clippy::unused_self, reason = "as its namesake has it")]
impl Otlp {
    pub(crate) fn start(_: &Settings, _: Option<Place<'_>>, _: &Problems) -> Self {
        Self {}
    }

    pub(crate) fn is_on(&self) -> bool {
        false
    }

    pub(crate) fn sends(&self, _: Kind) -> bool {
        false
    }

    pub(crate) fn around(
        &self,
        sink: DaySink,
        _: &Owner,
        _: &str,
        _: &Redactions,
        _: &Unsynced,
        _: bool,
    ) -> Box<dyn Sink> {
        Box::new(sink)
    }

    /// Who cannot export must leave alone what an exporter has left.
    pub(crate) fn around_dead(
        &self,
        sink: DaySink,
        owner: &Owner,
        _: &Path,
        _: &Redactions,
    ) -> io::Result<Box<dyn Sink>> {
        if owner.exports {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "its records go over OTLP as well, and this program is built without; recover it with \
                 one that is built with `otlp-http` or `otlp-grpc`, or with `radiosonde recover`",
            ));
        }
        Ok(Box::new(sink))
    }

    pub(crate) fn snapshot(&self, _: &Snapshot) -> bool {
        false
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    pub(crate) fn tend(&self) -> io::Result<()> {
        Ok(())
    }

    pub(crate) fn tell_gaps(&self, _: &mut dyn FnMut(&Gap) -> bool) {}

    pub(crate) fn hold(&self, _: &Slot, _: bool) {}

    pub(crate) fn find(&self, _: &Path, _: Option<&Slot>, _: &Problems) {}

    pub(crate) fn set_adopting(&self) {}

    pub(crate) fn set_adopted(&self) {}

    pub(crate) fn say_what_was_gone(&self, _: &Problems) {}

    pub(crate) fn turn_dead(&self, _: &Problems) {}

    pub(crate) fn sync_dead(&self) -> io::Result<()> {
        Ok(())
    }

    pub(crate) fn await_dead(&self, _: Duration) {}

    pub(crate) fn wake_dead(&self) {}

    pub(crate) fn close_dead(&self, _: &Problems) {}

    pub(crate) fn tell(&self, _: &Problems) {}

    pub(crate) fn report(&self) -> Option<OtlpReport> {
        None
    }

    pub(crate) fn flush(&self, _: Duration) -> bool {
        true
    }

    pub(crate) fn shutdown(&self, _: Duration) {}

    pub(crate) fn close(&self) {}

    pub(crate) fn remove(&self) {}
}
