//! A scrape, straight from the cells: labels are copied as they were written once, and nothing is
//! allocated but for what is computed beside the series.

use std::slice::from_mut;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use radiosonde_registry::{MetricType, Registry};

use crate::catalogue::Catalogue;
use crate::exposition::{Exemplar, Exposition, Head, Point, Scrape, escape};
use crate::family::{Guarded, Standing};
use crate::own::Own;
use crate::series::Series;
use crate::shown::{Shown, beginning};
use crate::snapshot::{Labels, Snapshot};
use crate::sync::lock;

/// What is kept between scrapes. Only scrapes wait for one another.
#[derive(Default)]
pub(crate) struct Scraper(Mutex<State>);

#[derive(Default)]
struct State {
    /// All families by name, radiosonde's own among them.
    entries: Vec<Entry>,
    /// How many families there were when these were listed.
    families: usize,
    buffers: Buffers,
    shown: Shown,
}

enum Entry {
    Live(Arc<Guarded>),
    Own(Own),
}

#[derive(Default)]
struct Buffers {
    labels: String,
    constants: String,
    counts: Vec<u64>,
    exemplars: Vec<Exemplar>,
}

impl Entry {
    fn name(&self) -> &str {
        match self {
            Self::Live(family) => &family.info.name,
            Self::Own(own) => own.name(),
        }
    }
}

impl Scraper {
    /// Writes all families by name; `computed` are those that are not series of ours, with the
    /// constant labels. Where there are such of a name, they stand for the family of that name.
    /// `age_ms`: for how long there have been metrics.
    pub(crate) fn expose(
        &self,
        catalogue: &Catalogue,
        computed: &Snapshot,
        constants: &Labels,
        (scrape, age_ms): (Scrape, u64),
        to: &mut dyn Exposition,
    ) {
        let mut state = lock(&self.0);
        let State { entries, families, buffers, shown } = &mut *state;
        let count = catalogue.family_count();
        if *families != count || entries.is_empty() {
            list(entries, catalogue);
            *families = count;
        }
        let begins = shown.may_begin(age_ms);
        if scrape.from_zero {
            shown.begin();
        }
        let mut merged = Merged {
            entries: entries.iter(),
            next: None,
            all: entries,
            buffers,
            constants,
            shown: scrape.from_zero.then_some(shown),
            begins,
            computed: String::new(),
            computed_begins: begins,
            to,
        };
        merged.next = merged.entries.next();
        computed.expose(&mut merged);
        merged.write_before(None);
        if let Some(shown) = merged.shown {
            shown.written();
        }
    }

    /// What the last scrape wrote has been seen.
    pub(crate) fn complete(&self) {
        lock(&self.0).shown.complete();
    }
}

fn list(entries: &mut Vec<Entry>, catalogue: &Catalogue) {
    entries.clear();
    entries.extend(catalogue.families().into_iter().map(Entry::Live));
    entries.extend(Own::ALL.map(Entry::Own));
    // A family of ours that has the name of a gauge of ours stands behind it, and has no series.
    entries.sort_by(|a, b| a.name().cmp(b.name()));
}

/// Writes the families of a snapshot, and those there are between them.
struct Merged<'m> {
    entries: std::slice::Iter<'m, Entry>,
    next: Option<&'m Entry>,
    all: &'m [Entry],
    buffers: &'m mut Buffers,
    constants: &'m Labels,
    /// Set if what is new is to be shown at 0.
    shown: Option<&'m mut Shown>,
    /// Whether it may be.
    begins: bool,
    /// The family that is written and is computed, and whether its new series begin at 0.
    computed: String,
    computed_begins: bool,
    to: &'m mut dyn Exposition,
}

impl Merged<'_> {
    /// Writes the families whose names come before that one.
    fn write_before(&mut self, name: Option<&str>) {
        while let Some(entry) = self.next.filter(|next| name.is_none_or(|name| next.name() < name))
        {
            self.write(entry);
            self.next = self.entries.next();
        }
    }

    fn write(&mut self, entry: &Entry) {
        match entry {
            Entry::Live(family) => self.write_family(family),
            Entry::Own(own) => self.write_own(*own),
        }
    }

    fn write_own(&mut self, own: Own) {
        let mut is_first = true;
        let builtin = Registry::builtin().metric(own.name());
        for entry in self.all {
            let Entry::Live(family) = entry else { continue };
            let Some(value) = own.value(family) else { continue };
            if std::mem::take(&mut is_first) {
                self.to.family(&Head {
                    name: own.name(),
                    metric_type: MetricType::Gauge,
                    unit: builtin.and_then(|spec| spec.unit.as_deref()),
                    help: builtin.map_or("", |spec| &spec.help),
                });
                write_constants(
                    self.constants,
                    |name| name == "metric",
                    &mut self.buffers.constants,
                );
            }
            let Buffers { labels, constants, .. } = &mut *self.buffers;
            labels.clear();
            labels.push_str("metric=\"");
            escape(labels, &family.info.name);
            labels.push('"');
            append(labels, constants);
            self.to.series(labels, &Point::Gauge(value), &[]);
        }
    }

    fn write_family(&mut self, family: &Arc<Guarded>) {
        let info = &family.info;
        let is_own = |name: &str| family.rules().iter().any(|rule| rule.name() == name);
        write_constants(self.constants, is_own, &mut self.buffers.constants);
        let mut is_first = true;
        let known = family.shown.load(Ordering::Relaxed);
        let standing = family.standing();
        for (place, series) in standing.series(family) {
            // A gauge that nobody has set shows nothing.
            let gauge = family.gauge_if_set(series);
            if gauge.is_none() && info.metric_type == MetricType::Gauge {
                continue;
            }
            if std::mem::take(&mut is_first) {
                self.to.family(&Head {
                    name: &info.name,
                    metric_type: info.metric_type,
                    unit: info.unit.get().map(|unit| &**unit),
                    help: info.help.get().map_or("", |help| help),
                });
            }
            let is_new = self.begins && self.shown.is_some() && place >= known;
            self.write_series((family, &standing), (place, series), gauge, is_new);
        }
        if let Some(shown) = &mut self.shown {
            shown.note_family(family, standing.count());
        }
        family.beside.note_scrape();
    }

    fn write_series(
        &mut self,
        (family, standing): (&Guarded, &Standing),
        (place, series): (usize, &Series),
        gauge: Option<f64>,
        is_new: bool,
    ) {
        let Buffers { labels, constants, counts, exemplars } = &mut *self.buffers;
        let mut labels_text = family.text_of(series);
        if !self.constants.is_empty() {
            if family.is_observed() {
                // Its labels are known from the series only.
                let is_own = |name: &str| family.pairs_of(series).any(|(own, _)| own == name);
                write_constants(self.constants, is_own, constants);
            }
            labels.clear();
            labels.push_str(labels_text);
            append(labels, constants);
            labels_text = labels;
        }
        let arena = &family.arena;
        family.beside.read_exemplars(place, exemplars);
        let exemplars: &[Exemplar] = if is_new { &[] } else { exemplars };
        let point = match family.info.metric_type {
            MetricType::Gauge => Point::Gauge(gauge.unwrap_or_default()),
            MetricType::Histogram => {
                counts.clear();
                counts.resize(family.info.bounds.len() + 1, 0);
                let mut sum = 0.0;
                if !is_new {
                    arena.sums(series.cell, counts);
                    sum = arena.sum_f64(series.cell + family.buckets());
                    standing.add_folded(family, place, counts, &mut sum);
                }
                Point::Histogram { bounds: &family.info.bounds, counts, sum }
            }
            MetricType::Summary => {
                let (mut count, mut sum) = (0, 0.0);
                if !is_new {
                    (count, sum) = (arena.sum(series.cell), arena.sum_f64(series.cell + 1));
                    standing.add_folded(family, place, from_mut(&mut count), &mut sum);
                }
                let quantiles = family.beside.quantiles(place, MetricType::Summary);
                let point = Point::Summary { quantiles: &quantiles, sum, count };
                return self.to.series(labels_text, &point, &[]);
            }
            _ if is_new => Point::Counter(0),
            _ => {
                let mut count = arena.sum(series.cell);
                standing.add_folded(family, place, from_mut(&mut count), &mut 0.0);
                Point::Counter(count)
            }
        };
        self.to.series(labels_text, &point, exemplars);
    }
}

impl Exposition for Merged<'_> {
    fn family(&mut self, head: &Head<'_>) {
        self.write_before(Some(head.name));
        let mut begins = self.begins;
        while let Some(next) = self.next.filter(|next| next.name() == head.name) {
            if let (Some(shown), Entry::Live(family)) = (&mut self.shown, next) {
                begins &= !shown.is_taken_over(family);
            }
            self.next = self.entries.next();
        }
        self.computed.clear();
        self.computed.push_str(head.name);
        self.computed_begins = begins;
        self.to.family(head);
    }

    fn series(&mut self, labels: &str, point: &Point<'_>, exemplars: &[Exemplar]) {
        let Self { shown, computed, computed_begins, buffers, .. } = self;
        let zeros = &mut buffers.counts;
        let begun = beginning(point, zeros).filter(|_| {
            let is_new = shown.as_mut().is_some_and(|shown| shown.is_new(computed, labels));
            is_new && *computed_begins
        });
        match begun {
            Some(begun) => self.to.series(labels, &begun, &[]),
            None => self.to.series(labels, point, exemplars),
        }
    }
}

/// The constant labels but those that a series has of its own.
fn write_constants(constants: &Labels, is_own: impl Fn(&str) -> bool, to: &mut String) {
    to.clear();
    for (name, value) in constants.iter().filter(|(name, _)| !is_own(name)) {
        if !to.is_empty() {
            to.push(',');
        }
        to.push_str(name);
        to.push_str("=\"");
        escape(to, value);
        to.push('"');
    }
}

fn append(labels: &mut String, constants: &str) {
    if !labels.is_empty() && !constants.is_empty() {
        labels.push(',');
    }
    labels.push_str(constants);
}
