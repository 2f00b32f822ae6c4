//! Reading everything, with nobody writing.

use super::subject::{Registry, Text};
use crate::harness::{Books, Measured, Round};
use crate::metrics::speed::thread_ns;
use crate::metrics::text;
use crate::metrics::values::{Kind, Random, SERIES, metrics_for, names, series};

/// Scrapes of a round that are measured; one before them makes buffers grow.
const SCRAPES: usize = 5;
/// Scrapes in a round of a quick run.
const SCRAPES_QUICK: usize = 2;
/// Values in each histogram.
const VALUES: usize = 3;

/// Makes so many series, each with some writes; also how many there were.
pub(crate) fn filled<R: Registry>(
    kind: Kind,
    wanted: usize,
) -> Result<(R, Vec<String>, u64), String> {
    let names = names(kind, metrics_for(wanted));
    let registry = R::start(kind, &names)?;
    let mut random = Random(1);
    for metric in 0..names.len() {
        for labels in (0..SERIES).map(series) {
            for _ in 0..VALUES {
                registry.write(metric, &labels, random.below(8_000) as f64 / 1000.0);
            }
        }
    }
    let writes = (names.len() * SERIES * VALUES) as u64;
    Ok((registry, names, writes))
}

/// Whether a reader sees all of them.
pub(crate) fn books<R: Registry>(
    registry: &R,
    names: &[String],
    writes: u64,
) -> Result<Books, String> {
    let text = registry.check()?;
    let shown: u64 = text::shown_all(&text, names);
    if shown > writes {
        return Err(format!("{shown} writes are shown, {writes} were made"));
    }
    let counted = registry.refused();
    Ok(Books { events: writes, lost: writes - shown, counted, ..Books::default() })
}

/// One round: milliseconds of processor time for a scrape.
pub(crate) fn run<R: Registry>(
    round: &Round,
    kind: Kind,
    wanted: usize,
) -> Result<Measured, String> {
    let (registry, names, writes) = filled::<R>(kind, wanted)?;
    let mut text = R::Text::default();
    let mut samples = Vec::new();
    for scrape in 0..=round.size.of(SCRAPES, SCRAPES_QUICK) {
        let started = thread_ns();
        registry.scrape(&mut text)?;
        let took = thread_ns() - started;
        if scrape > 0 {
            samples.push(took as f64 / 1e6);
        }
    }
    let figures = vec![("text_max_bytes", text.as_str().len() as f64)];
    Ok(Measured { samples, books: books(&registry, &names, writes)?, figures })
}
