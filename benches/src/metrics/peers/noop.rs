//! What the macros of `metrics` cost before any recorder has done anything.

use crate::harness::Role;
use crate::metrics::speed::subject::{Capped, Macros, visit};
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

/// A recorder that does nothing.
pub(crate) struct Noop;

impl Recorder for Noop {
    fn describe_counter(&self, _key: KeyName, _unit: Option<Unit>, _text: SharedString) {}

    fn describe_gauge(&self, _key: KeyName, _unit: Option<Unit>, _text: SharedString) {}

    fn describe_histogram(&self, _key: KeyName, _unit: Option<Unit>, _text: SharedString) {}

    fn register_counter(&self, _key: &Key, _metadata: &Metadata<'_>) -> Counter {
        Counter::noop()
    }

    fn register_gauge(&self, _key: &Key, _metadata: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _key: &Key, _metadata: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

impl Macros for Noop {
    const NAME: &'static str = "noop";
    const ROLE: Role = Role::Floor;
    const PACKAGES: &'static [&'static str] = &["metrics"];

    fn start() -> Result<Self, String> {
        metrics::set_global_recorder(Noop).map_err(|error| error.to_string())?;
        Ok(Noop)
    }

    fn shown(&self, _name: &str) -> Result<Option<u64>, String> {
        Ok(None)
    }
}

impl Capped for Noop {
    const NAME: &'static str = <Noop as Macros>::NAME;
    const ROLE: Role = Role::Floor;
    const PACKAGES: &'static [&'static str] = <Noop as Macros>::PACKAGES;

    fn start() -> Result<Self, String> {
        Macros::start()
    }

    #[inline]
    fn visit(&self, visitor: &str) {
        visit(visitor);
    }

    fn shown(&self) -> Result<Option<u64>, String> {
        Ok(None)
    }
}
