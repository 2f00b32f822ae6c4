//! Making room in a metric that is full.

use radiosonde_context::is_forked_child;

use crate::hub::Metrics;
use crate::labels::fit_name;

impl Metrics {
    /// Makes room in a metric that is full, or has series nobody writes any more: all of its series but
    /// the overflow sets leave scrapes and snapshots, and give their room to new ones. Returns how many
    /// they were; 0 is no room made: there was nothing to retire, or the bound below is reached. None if
    /// there is no such metric, if it is one of radiosonde's own, or in a forked child.
    ///
    /// Call it only once the source of the values is mended, and take a snapshot or a scrape straight
    /// after: new label sets take room at once, retired series only when they are next read.
    ///
    /// Nothing is lost of what is written afterwards. A retired series that is written again comes back
    /// at the next scrape or snapshot if there is room, with all it ever counted. If there is none, what
    /// was written to it since it was retired is part of the overflow set from then on, and it stays
    /// folded until the process ends, also when there is room later. Handles go on working: one that was
    /// taken while the metric was full goes on to the overflow set, or refuses, as it did. A gauge comes
    /// back with the write itself; without room the write is refused
    /// ([`Reason::GaugeCap`](crate::Reason::GaugeCap)).
    ///
    /// To whoever keeps the scrapes the series end. `increase` over one that comes back counts what it
    /// gained meanwhile, as its value goes on, if its range reaches back to the last value. A sum over
    /// the series of a scrape falls by what they held. What was written between the last scrape and the
    /// call shows in no scrape unless the series comes back, and one that was never scraped does not begin
    /// at 0 then. Roll-ups do not fall: what was retired stays part of them, with its labels.
    ///
    /// A write to a folded series is not counted under [`Reason::SeriesCap`](crate::Reason::SeriesCap)
    /// or [`Reason::NamespaceCap`](crate::Reason::NamespaceCap); that the series was folded counts as one
    /// write. The overflow set of a summary has its count and sum, and not its quantiles.
    ///
    /// Retired series take the memory they took, and up to 100 bytes more each (a histogram 8 more for
    /// each bucket), until the process ends. A metric keeps at most 100,000 of them, or as many as its
    /// limit if that is higher, in any case at most 262,143: past that nothing is retired, the answer is
    /// 0, and one of [`Metrics::problems`] says so. The time it takes is that of a scrape of the metric;
    /// writes go on meanwhile, those of new label sets of the metric wait. From then on each reading and
    /// each call looks at every retired series, about 0.1 µs each; a write to a gauge of the metric takes a
    /// shared lock (about 20 ns), and one to a retired gauge may wait for a copy of the table of them
    /// (17 ms at 100,000, beside a snapshot).
    ///
    /// ```
    /// # let metrics = radiosonde_metrics::Metrics::default();
    /// # metrics::with_local_recorder(&metrics.recorder(), || {
    /// metrics::counter!("runs_total", "provider" => "acme").increment(1);
    /// # });
    /// assert_eq!(metrics.retire("runs_total"), Some(1));
    /// assert!(metrics.snapshot().family("runs_total").is_none());
    /// assert_eq!(metrics.retire("no_such_total"), None);
    /// ```
    pub fn retire(&self, metric: &str) -> Option<usize> {
        if is_forked_child() {
            return None;
        }
        let catalogue = &self.0.catalogue;
        let known = catalogue.known(metric).or_else(|| catalogue.known(&fit_name(metric, true)));
        let family = known.filter(|family| !family.info.builtin)?;
        catalogue.note_retired();
        if let Some(retired) = family.retire() {
            return Some(retired);
        }
        self.0.told.add(
            &format!(
                "`{}` keeps as many retired series as it may, so nothing was retired",
                family.info.name
            ),
            "take the label with ever new values off the metric; a restart frees what was retired",
        );
        Some(0)
    }
}
