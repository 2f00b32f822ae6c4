//! One metric of a catalogue: its keys, and the way to the current recorder.

use std::marker::PhantomData;
use std::sync::OnceLock;

use metrics::{Key, Level, Metadata, SharedString};
use radiosonde_context::is_forked_child;

use super::handle::{Counter, Distribution, Gauge, Histogram, Summary};
use super::label::{Part, Text};
use super::link::{self, Link};
use super::symbol::head;
use crate::handle::Write;
use radiosonde_registry::MetricType;

/// The target of everything that is written through a catalogue: how a recorder knows.
pub const TARGET: &str = "radiosonde::catalog";

/// Most keys a metric keeps: the registry's limits are far below.
pub(super) const KEPT_MAX: usize = 4_096;

/// A metric as `catalog!` makes it. Keys of listed values are made once and kept.
#[derive(Debug)]
pub struct Metric {
    name: &'static str,
    labels: &'static [&'static str],
    metadata: Metadata<'static>,
    units_per_second: f64,
    /// By the places of the values, the first label counting fastest.
    keys: OnceLock<Box<[OnceLock<Key>]>>,
    /// The short way to the recorder of the process, once it is there.
    link: OnceLock<Option<Link>>,
}

impl Metric {
    /// A metric by its name, how many of its unit a second has (1 where it is none of time), the
    /// module of its catalogue and its labels, which are sorted.
    pub const fn new(
        name: &'static str,
        units_per_second: f64,
        module: &'static str,
        labels: &'static [&'static str],
    ) -> Self {
        Self {
            name,
            labels,
            metadata: Metadata::new(TARGET, Level::INFO, Some(module)),
            units_per_second,
            keys: OnceLock::new(),
            link: OnceLock::new(),
        }
    }

    /// The counter of these labels, one value for each in their order. They are asked for where they
    /// are needed, so that the short way has them in registers.
    #[inline(always)]
    pub fn counter<'v, const N: usize>(
        &self,
        values: impl Fn() -> [Part<'v>; N] + Copy,
    ) -> Counter {
        match self.linked(values) {
            Some(write) => Counter::linked(write),
            None => self.counter_asked(&values()),
        }
    }

    #[cold]
    #[inline(never)]
    fn counter_asked<const N: usize>(&self, values: &[Part<'_>; N]) -> Counter {
        let handle = self.ask(values, MetricType::Counter, |key| {
            metrics::with_recorder(|recorder| recorder.register_counter(key, &self.metadata))
        });
        self.linked(|| *values).map_or_else(|| Counter::foreign(handle), Counter::linked)
    }

    /// The gauge of these labels.
    pub fn gauge<'v, U, const N: usize>(
        &self,
        values: impl Fn() -> [Part<'v>; N] + Copy,
    ) -> Gauge<U> {
        let gauge = self.with_key(&values(), |key| {
            metrics::with_recorder(|recorder| recorder.register_gauge(key, &self.metadata))
        });
        Gauge { gauge, units_per_second: self.units_per_second, unit: PhantomData }
    }

    /// The histogram of these labels.
    #[inline(always)]
    pub fn histogram<'v, U, const N: usize>(
        &self,
        values: impl Fn() -> [Part<'v>; N] + Copy,
    ) -> Histogram<U> {
        let histogram = self.distribution(values);
        Histogram { histogram, units_per_second: self.units_per_second, unit: PhantomData }
    }

    /// The summary of these labels.
    #[inline(always)]
    pub fn summary<'v, U, const N: usize>(
        &self,
        values: impl Fn() -> [Part<'v>; N] + Copy,
    ) -> Summary<U> {
        let histogram = self.distribution(values);
        Summary { histogram, units_per_second: self.units_per_second, unit: PhantomData }
    }

    #[inline(always)]
    fn distribution<'v, const N: usize>(
        &self,
        values: impl Fn() -> [Part<'v>; N] + Copy,
    ) -> Distribution {
        match self.linked(values) {
            Some(write) => Distribution::linked(write),
            None => self.distribution_asked(&values()),
        }
    }

    #[cold]
    #[inline(never)]
    fn distribution_asked<const N: usize>(&self, values: &[Part<'_>; N]) -> Distribution {
        let handle = self.ask(values, MetricType::Histogram, |key| {
            metrics::with_recorder(|recorder| recorder.register_histogram(key, &self.metadata))
        });
        self.linked(|| *values).map_or_else(|| Distribution::foreign(handle), Distribution::linked)
    }

    /// The short way to a series that is there.
    #[inline(always)]
    fn linked<'v, const N: usize>(
        &self,
        values: impl Fn() -> [Part<'v>; N] + Copy,
    ) -> Option<Write<'static>> {
        let link = self.link.get()?.as_ref().filter(|link| link.is_current())?;
        link.find(values)
    }

    /// The long way; the recorder is asked for the short one.
    fn ask<H>(
        &self,
        values: &[Part<'_>],
        wanted: MetricType,
        register: impl FnOnce(&Key) -> H,
    ) -> H {
        if self.link.get().is_some() || is_forked_child() {
            return self.with_key(values, register);
        }
        let (handle, answer) = link::ask(self.name, || self.with_key(values, register));
        if let Some(answer) = answer {
            let _ = self.link.get_or_init(|| {
                Link::new(answer, self.metadata.module_path(), self.labels, values, wanted)
            });
        }
        handle
    }

    fn with_key<T>(&self, values: &[Part<'_>], then: impl FnOnce(&Key) -> T) -> T {
        match self.kept(values) {
            Some(kept) => then(kept.get_or_init(|| self.key(values))),
            None => then(&self.key(values)),
        }
    }

    /// The place of the key, when all values are listed.
    fn kept(&self, values: &[Part<'_>]) -> Option<&OnceLock<Key>> {
        let (mut place, mut count) = (0, 1_usize);
        for Part(text) in values {
            let Text::Listed(list, index) = text else { return None };
            place += index * count;
            count = count.checked_mul(list.len()).filter(|count| *count <= KEPT_MAX)?;
        }
        if is_forked_child() {
            return None;
        }
        let keys = self.keys.get_or_init(|| (0..count).map(|_| OnceLock::new()).collect());
        keys.get(place)
    }

    fn key(&self, values: &[Part<'_>]) -> Key {
        if values.is_empty() {
            return Key::from_static_name(self.name);
        }
        let labels = self.labels.iter().zip(values).map(|(name, Part(text))| {
            let value = match text {
                Text::Listed(list, index) => {
                    SharedString::const_str(list.get(*index).copied().unwrap_or_default())
                }
                Text::Shared(text) => SharedString::from_shared((*text).clone()),
                Text::Borrowed(text) => SharedString::from_owned(head(text).to_owned()),
            };
            metrics::Label::new(SharedString::const_str(name), value)
        });
        Key::from_parts(self.name, labels.collect::<Vec<_>>())
    }
}
