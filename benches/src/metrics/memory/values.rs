//! A label with a million values; and what reading allocates.

use crate::harness::heap::Heap;
use crate::harness::{Books, Measured, Round};
use crate::metrics::scrape::filled;
use crate::metrics::scrape::subject::Registry;
use crate::metrics::speed::thread_ns;
use crate::metrics::text;
use crate::metrics::values::{Kind, names, visitor};

/// What the workload is.
pub(crate) const ABOUT: &str = "heap after 1,000,000 writes (quick: 100,000) with as many values of \
     one of three labels; `ns` is the time of a write, making the value included; `series` and \
     `overflow` are what a scrape then shows; `names the label`: whether a sentence says \
     which one it was";

const VALUES: usize = 1_000_000;
const VALUES_QUICK: usize = 100_000;
/// How a series is marked that stands for all that were too many.
const OVERFLOW: [&str; 2] = ["otel_metric_overflow=\"true\"", "otel.metric.overflow=\"true\""];

/// One round: megabytes.
pub(crate) fn run<R: Registry>(round: &Round) -> Result<Measured, String> {
    let count = round.size.of(VALUES, VALUES_QUICK);
    let names = names(Kind::Counter, 1);
    let registry = R::start(Kind::Counter, &names)?;
    let mut labels = ["provider-1", "model-1", ""].map(str::to_owned);
    let (before, started) = (Heap::now()?, thread_ns());
    for number in 0..count {
        labels[2] = visitor(number);
        registry.write(0, &labels, 1.0);
    }
    let took = thread_ns() - started;
    let held = Heap::now()?.since(before).in_use as f64;
    let shown = registry.check()?;
    let (all, own) = (text::shown(&shown, &names[0]), text::series(&shown, &names[0]));
    let folded: Vec<&str> =
        shown.lines().filter(|line| OVERFLOW.iter().any(|mark| line.contains(mark))).collect();
    let overflow = text::shown(&folded.join("\n"), &names[0]);
    let mut figures = vec![
        ("ns", took as f64 / count as f64),
        ("series", (own - text::series(&folded.join("\n"), &names[0])) as f64),
        ("overflow", overflow as f64),
    ];
    figures.extend(blamed(&registry, &names[0]).map(|is| ("names_the_label", f64::from(is))));
    let counted = registry.refused();
    Ok(Measured {
        samples: vec![held / 1e6],
        books: Books {
            events: count as u64,
            lost: count as u64 - all,
            counted,
            ..Books::default()
        },
        figures,
    })
}

/// Whether one sentence names the metric and the label that exploded; none if nothing is said.
fn blamed<R: Registry>(registry: &R, name: &str) -> Option<bool> {
    let whole = |said: &String| said.contains(name) && said.contains("`outcome`");
    registry.complaints().map(|said| said.iter().any(whole))
}

/// One round: allocations of one scrape.
pub(crate) fn allocations<R: Registry>(kind: Kind, wanted: usize) -> Result<Measured, String> {
    let (registry, ..) = filled::<R>(kind, wanted)?;
    let mut text = R::Text::default();
    registry.scrape(&mut text)?;
    let before = Heap::now()?;
    registry.scrape(&mut text)?;
    let since = Heap::now()?.since(before);
    let figures = vec![("allocated_max_bytes", since.allocated as f64)];
    Ok(Measured { samples: vec![since.allocations as f64], figures, ..Measured::default() })
}
