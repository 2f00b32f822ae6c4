//! What a candidate has to be able to do for the suites `scrape` and `memory`.

use crate::harness::{Candidate, Measured, Overflow, Role, Round};
use crate::metrics::values::Kind;

/// A library with many metrics, and a way to read them all.
pub(crate) trait Registry: Sized + Send + Sync {
    /// Its name in the tables.
    const NAME: &'static str;
    /// What its figures are good for.
    const ROLE: Role = Role::Peer;
    /// What it does with more series than it should hold.
    const OVERFLOW: Overflow = Overflow::Grows;
    /// The packages whose versions stand in the table.
    const PACKAGES: &'static [&'static str];

    /// Sets it up with metrics of these names, all of one kind, each with the three labels of
    /// `SERIES_LABELS`; histograms with `BOUNDS`.
    fn start(kind: Kind, names: &[String]) -> Result<Self, String>;

    /// The everyday call: adds 1 to a counter, or records the value in a histogram. The values are
    /// texts that are known at run time only.
    fn write(&self, metric: usize, labels: &[String; 3], value: f64);

    /// Whether it makes a text: who only collects is no rival to those who do.
    const WRITES_TEXT: bool = true;

    /// The text of a scrape, and what is kept from one to the next.
    type Text: Text;

    /// Everything, as text, as it would be done for each request.
    fn scrape(&self, into: &mut Self::Text) -> Result<(), String>;

    /// What there is, a line for each series with its labels in braces, to be checked.
    fn check(&self) -> Result<String, String> {
        let mut text = Self::Text::default();
        self.scrape(&mut text)?;
        Ok(text.as_str().to_owned())
    }

    /// What a running program does every now and then besides, to bound its memory.
    fn upkeep(&self) {}

    /// Writes that were refused and are in no series; none if it does not count.
    fn refused(&self) -> Option<u64> {
        None
    }

    /// The sentences about a metric that was full; none if nothing is said.
    fn complaints(&self) -> Option<Vec<String>> {
        None
    }
}

/// Where a text is after it was written.
pub(crate) trait Text: Default {
    /// The text.
    fn as_str(&mut self) -> &str;
}

impl Text for String {
    fn as_str(&mut self) -> &str {
        self
    }
}

/// The table's row of a candidate at one piece of work.
pub(crate) const fn candidate<R: Registry>(
    run: fn(&Round) -> Result<Measured, String>,
) -> Candidate {
    let (name, role, packages) = (R::NAME, R::ROLE, R::PACKAGES);
    Candidate { name, role, overflow: R::OVERFLOW, packages, run }
}

/// The same where the text is what is compared.
pub(crate) const fn reader<R: Registry>(run: fn(&Round) -> Result<Measured, String>) -> Candidate {
    let role = if R::WRITES_TEXT { R::ROLE } else { Role::Floor };
    Candidate { role, ..candidate::<R>(run) }
}
