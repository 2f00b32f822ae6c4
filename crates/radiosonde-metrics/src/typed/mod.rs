//! Typed handles: what `catalog!` makes of a registry, so that a metric that is not declared cannot
//! be written.
//!
//! A catalogue has a function for each metric, named as the metric, with a parameter for each of
//! its labels in the order of the registry. It returns a [`Counter`], [`Gauge`], [`Histogram`] or
//! [`Summary`]:
//!
//! ```
//! # use radiosonde_metrics as radiosonde;
//! radiosonde::catalog!("tests/registry.json"); // relative to the caller's Cargo.toml
//!
//! # fn main() {
//! let provider = catalog::Provider::new("acme"); // once
//! catalog::ingestion_runs_total(&provider, catalog::Outcome::Success).increment(1);
//! catalog::ingestion_runs_total("globex", catalog::Outcome::Failure).increment(1);
//! # }
//! ```
//!
//! # Labels
//!
//! A label whose values are listed is an enum ([`Enumerated`]). Any other is a type whose values
//! are resolved once, such as `Provider` above; a plain text does as well ([`LabelValue`]) and is
//! copied with each write. Two plain texts in the wrong order compile, two such types do not: prefer
//! them where a metric has several labels of that kind. What such a type may hold in memory is bounded by the label's
//! `max_values`, or by the smallest series limit: a value past that carries its own text.
//!
//! # Durations
//!
//! A handle of a metric whose unit is one of time (`Histogram<Time>`) takes a
//! [`Duration`](std::time::Duration) and writes it in that unit; for any other that does not
//! compile.
//!
//! # Which recorder
//!
//! A function asks the current recorder of the `metrics` crate (the local one, if there is one) for
//! its handle, exactly as the macros of that crate do, and a handle goes on writing where it began.
//! Without a recorder, handles do nothing. In a forked child nothing is shared or kept: locks may
//! be held there by threads that do not exist.
//!
//! # Failure
//!
//! Nothing here fails or panics. A value that is not fit (shaped like an id, too long, off its
//! pattern) makes a handle whose writes the recorder refuses and counts with their reason; the
//! `check` of a label's type tells beforehand.

mod error;
mod handle;
mod label;
mod lines;
pub(crate) mod link;
mod metric;
mod symbol;

pub use error::{UnfitValue, UnknownValue};
pub use handle::{Counter, Gauge, Histogram, Number, Quantity, Summary, Time};
pub use label::{Enumerated, FreeLabel, LabelValue};
#[doc(hidden)]
pub use label::{Part, parse};
#[doc(hidden)]
pub use metric::{Metric, TARGET};
#[doc(hidden)]
pub use symbol::{Label, Symbol};

#[cfg(test)]
mod tests;
