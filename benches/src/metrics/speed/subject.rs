//! What a candidate has to be able to do, and what is done with it.

use crate::harness::{Candidate, Measured, Overflow, Role, Round};
use crate::metrics::peers::call;
use crate::metrics::values::{CALLS, DURATIONS, Pair, REQUESTS, VISITS, Values, visitor};

/// A library with counters and histograms of its own.
pub(crate) trait Subject: Sized + Sync {
    /// Its name in the tables.
    const NAME: &'static str;
    /// What its figures are good for.
    const ROLE: Role = Role::Peer;
    /// The packages whose versions stand in the table.
    const PACKAGES: &'static [&'static str];

    /// Sets it up as its documentation shows, its metrics registered.
    fn start() -> Result<Self, String>;

    /// Adds 1 through a handle that is kept.
    fn cached(&self);

    /// Adds 1 to `requests_total` of `get`, `success` and `eu1`: the everyday call, whose label
    /// values are known when the program is compiled.
    fn enums(&self);

    /// Adds 1 to `calls_total` of a combination of texts.
    fn dynamic(&self, pair: &Pair);

    /// Records a duration with the same labels.
    fn histogram(&self, pair: &Pair, seconds: f64);

    /// What a reader sees of a metric: all series together, of a histogram how many values; none if
    /// nobody can read.
    fn shown(&self, name: &str) -> Result<Option<u64>, String>;
}

/// A recorder behind the macros of `metrics`.
pub(crate) trait Macros: Sized + Sync {
    /// Its name in the tables.
    const NAME: &'static str;
    /// What its figures are good for.
    const ROLE: Role = Role::Peer;
    /// The packages whose versions stand in the table.
    const PACKAGES: &'static [&'static str];

    /// Installs it.
    fn start() -> Result<Self, String>;

    /// What a reader sees of a metric; none if nobody reads.
    fn shown(&self, name: &str) -> Result<Option<u64>, String>;
}

/// A metric that takes no more label values than it may.
pub(crate) trait Capped: Sized + Sync {
    /// Its name in the tables.
    const NAME: &'static str;
    /// What its figures are good for.
    const ROLE: Role = Role::Peer;
    /// The packages whose versions stand in the table.
    const PACKAGES: &'static [&'static str];

    /// Sets it up.
    fn start() -> Result<Self, String>;

    /// Adds 1 to `visits_total` of this visitor.
    fn visit(&self, visitor: &str);

    /// What a reader sees of `visits_total`, what was folded included.
    fn shown(&self) -> Result<Option<u64>, String>;
}

/// What the loops run: one call of one candidate, again and again.
pub(crate) trait Work: Sized + Sync {
    /// The candidate's name in the tables.
    const NAME: &'static str;
    /// What its figures are good for.
    const ROLE: Role;
    /// The packages whose versions stand in the table.
    const PACKAGES: &'static [&'static str];

    /// Sets it up.
    fn start() -> Result<Self, String>;

    /// The call with this number.
    fn call(&self, number: usize);

    /// How many calls a reader sees; none if nobody reads.
    fn shown(&self) -> Result<Option<u64>, String>;
}

/// The table's row of a candidate at one piece of work.
pub(crate) const fn candidate<W: Work>(run: fn(&Round) -> Result<Measured, String>) -> Candidate {
    let (name, role, packages) = (W::NAME, W::ROLE, W::PACKAGES);
    Candidate { name, role, overflow: Overflow::Writes, packages, run }
}

/// A kind of work: its type, what it holds, its call, the metric it writes.
macro_rules! work {
    ($(
        $(#[$doc:meta])* $name:ident<$trait:ident>($subject:ident $(, $kept:ident: $type:ty = $new:expr)?)
        |$number:ident| $call:expr; $shown:expr;
    )+) => {$(
        $(#[$doc])*
        pub(crate) struct $name<S> {
            $subject: S,
            $($kept: $type,)?
        }

        impl<S: $trait> Work for $name<S> {
            const NAME: &'static str = S::NAME;
            const ROLE: Role = S::ROLE;
            const PACKAGES: &'static [&'static str] = S::PACKAGES;

            fn start() -> Result<Self, String> {
                Ok(Self { $subject: S::start()?, $($kept: $new,)? })
            }

            #[inline]
            fn call(&self, $number: usize) {
                let Self { $subject, $($kept,)? } = self;
                // The macros of `metrics` find their recorder themselves.
                let _ = $subject;
                $call;
            }

            fn shown(&self) -> Result<Option<u64>, String> {
                let $subject = &self.$subject;
                $shown
            }
        }
    )+};
}

work! {
    /// A handle that is kept.
    Cached<Subject>(subject) |_number| subject.cached(); subject.shown(REQUESTS);
    /// The everyday call with labels known at compile time.
    Enums<Subject>(subject) |_number| subject.enums(); subject.shown(REQUESTS);
    /// The everyday call with texts.
    Dynamic<Subject>(subject, values: Values = Values::new())
        |number| subject.dynamic(values.pair(number)); subject.shown(CALLS);
    /// The same for a histogram.
    Durations<Subject>(subject, values: Values = Values::new())
        |number| subject.histogram(values.pair(number), values.seconds(number));
        subject.shown(DURATIONS);
    /// A macro of `metrics` whose labels are all literals.
    Literal<Macros>(subject) |_number| literal(); subject.shown(REQUESTS);
    /// A macro of `metrics` with labels that are made for the call.
    Owned<Macros>(subject, values: Values = Values::new())
        |number| call(values.pair(number)); subject.shown(CALLS);
    /// A label with more values than fit.
    Past<Capped>(subject, visitors: Vec<String> = (0..VISITORS).map(visitor).collect())
        |number| subject.visit(&visitors[number % VISITORS]); subject.shown();
}

/// Different values of the label that explodes.
const VISITORS: usize = 65_536;

/// What `metrics` makes of a call whose labels are known at compile time.
#[inline]
pub(crate) fn literal() {
    metrics::counter!(
        "requests_total", "method" => "get", "outcome" => "success", "region" => "eu1"
    )
    .increment(1);
}

/// What `metrics` makes of a visit.
#[inline]
pub(crate) fn visit(visitor: &str) {
    metrics::counter!(VISITS, "visitor" => visitor.to_owned()).increment(1);
}
