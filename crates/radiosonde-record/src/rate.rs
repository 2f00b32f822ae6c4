//! Rate limits: of a call site's own choice, and for every call site of a level.
//!
//! A limit lets a number of events a second through. Calls of `event!` keep their [`RateLimit`] in
//! a static; those of `tracing` and `log` get a place in a table of their journal's filter. What a
//! limit holds back is counted in the books as rate limited, and by call site in that table
//! ([`Journal::held_back`]), so that somebody can say where it came from.

mod sites;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::descriptor::Descriptor;
use crate::journal::Journal;
use crate::level::{Kind, Level};

pub use sites::HeldBack;
pub(crate) use sites::Sites;

/// Lets a number of events a second through, counted in whole seconds of the clock. Lock-free;
/// around the turn of a second up to twice the limit may pass, under contention a few more.
#[derive(Debug, Default)]
pub struct RateLimit(AtomicU64);

impl RateLimit {
    /// A limit that has let nothing through yet.
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Whether one more event may pass, with `per_second` a second. What may not pass writes
    /// nothing, so that threads in a storm do not fight for the memory.
    pub fn allow(&self, per_second: u32) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.allow_at(now.as_secs() as u32, per_second)
    }

    /// Upper half: the second. Lower half: how many passed in it.
    fn allow_at(&self, second: u32, per_second: u32) -> bool {
        let step = |state: u64| {
            let passed = if (state >> 32) as u32 == second { state as u32 } else { 0 };
            (passed < per_second).then(|| (u64::from(second) << 32) | u64::from(passed + 1))
        };
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step).is_ok()
    }
}

/// Most events a second of each call site, by level. Default: no limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LevelLimits {
    /// By the number of the level; 0 is no limit.
    per_second: [u32; Level::ALL.len()],
}

impl LevelLimits {
    /// Reads `level=number` in a list separated by commas, as in `debug=100,info=1000`, with the
    /// numbers in events a second; 0 is no limit, and so is `off` for all levels so far. What is
    /// not understood is left out and returned, for the report; the rest holds.
    pub fn parse(text: &str) -> (Self, Vec<String>) {
        let (mut limits, mut refused) = (Self::default(), Vec::new());
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let pair = part.split_once('=');
            let level = pair.and_then(|(level, _)| Level::parse(level.trim()));
            let number = pair.and_then(|(_, number)| number.trim().parse().ok());
            match (level, number) {
                (Some(level), Some(number)) => limits = limits.with(level, number),
                _ if part.eq_ignore_ascii_case("off") => limits = Self::default(),
                _ => refused.push(part.to_owned()),
            }
        }
        (limits, refused)
    }

    /// These limits, with another one for a level, in events a second; 0 is no limit.
    #[must_use]
    pub fn with(mut self, level: Level, per_second: u32) -> Self {
        self.per_second[level as usize] = per_second;
        self
    }

    /// The limit for each call site of a level, in events a second; 0 is no limit.
    #[inline]
    pub fn of(&self, level: Level) -> u32 {
        self.per_second[level as usize]
    }
}

impl Journal {
    /// Whether the limit for the level lets one more event of a call site through; counted when
    /// not. Without such a limit a load and a branch. `key` is that of [`Journal::site`].
    #[inline]
    pub fn passes(&self, level: Level, key: usize, describe: impl FnOnce() -> Descriptor) -> bool {
        let per_second = self.filter().limits().of(level);
        if per_second == 0 || self.filter().sites().find(key, level).limit.allow(per_second) {
            return true;
        }
        self.hold_back(level, key, describe);
        false
    }

    /// As [`Journal::passes`], for a call site with a limit of its own: the lower of its `own`
    /// number and the one for the level holds. Both are kept in `limit`, by the journal of the process;
    /// what another one lets through is nothing to it.
    #[inline]
    pub fn passes_own(
        &self,
        limit: &RateLimit,
        own: Option<u32>,
        level: Level,
        key: usize,
        describe: impl FnOnce() -> Descriptor,
    ) -> bool {
        let per_second = match (own, self.filter().limits().of(level)) {
            (None, 0) => return true,
            (Some(own), 0) => own,
            (own, of_level) => own.map_or(of_level, |own| own.min(of_level)),
        };
        let passes = match self.is_global() {
            true => limit.allow(per_second),
            false => self.filter().sites().find(key, level).limit.allow(per_second),
        };
        if !passes {
            self.hold_back(level, key, describe);
        }
        passes
    }

    #[cold]
    fn hold_back(&self, level: Level, key: usize, describe: impl FnOnce() -> Descriptor) {
        self.count_rate_limited(Kind::Event, level);
        self.filter().sites().find(key, level).count(level, describe);
    }

    /// How many events limits have held back since the start, by call site. Past about a thousand
    /// call sites, the others of a level are one.
    pub fn held_back(&self) -> Vec<HeldBack> {
        self.filter().sites().held_back()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::Filter;
    use crate::journal::Placement;

    #[test]
    fn each_second_has_its_own_allowance() {
        let limit = RateLimit::new();
        let passed = |second| (0..10).filter(|_| limit.allow_at(second, 3)).count();
        assert_eq!(passed(1), 3);
        assert_eq!(passed(1), 0);
        assert_eq!(passed(2), 3);
        assert!(!RateLimit::new().allow_at(1, 0));
    }

    #[test]
    fn limits_are_read_by_level_and_mistakes_are_named() {
        let (limits, refused) = LevelLimits::parse("debug=100, INFO = 1000 ,,warn=0");
        assert_eq!(refused, Vec::<String>::new());
        let expected = [0, 100, 1000, 0, 0, 0];
        assert_eq!(Level::ALL.map(|level| limits.of(level)), expected);
        assert_eq!(LevelLimits::parse("").0, LevelLimits::default());
        assert_eq!(LevelLimits::parse("debug=1,off").0, LevelLimits::default());

        let (limits, refused) = LevelLimits::parse("100,loud=1,info=many,error=-1,trace=5");
        assert_eq!(refused, ["100", "loud=1", "info=many", "error=-1"]);
        assert_eq!(limits, LevelLimits::default().with(Level::Trace, 5));
    }

    fn journal(limits: LevelLimits) -> Journal {
        let filter = Filter::at(Level::Trace).limited(limits);
        Journal::open(Placement::Memory, filter).unwrap()
    }

    fn named(name: &str) -> Descriptor {
        Descriptor { name: name.to_owned(), ..Descriptor::default() }
    }

    /// What may pass with a limit in the seconds that `f` takes: as much as the limit, once for each
    /// second of the clock that it touched.
    fn allowance(limit: u64, f: impl FnOnce()) -> std::ops::RangeInclusive<u64> {
        let second = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let begin = second();
        f();
        limit..=limit * (second() - begin + 1)
    }

    #[test]
    fn each_call_site_has_the_limit_of_its_level_for_itself() {
        let journal = journal(LevelLimits::default().with(Level::Debug, 10));
        let passed = allowance(10, || {
            for _ in 0..1000 {
                journal.passes(Level::Debug, 16, || named("a"));
                journal.passes(Level::Debug, 32, || named("b"));
                assert!(journal.passes(Level::Info, 48, || named("c")), "another level");
            }
        });
        let held_back = journal.held_back();
        let names: Vec<_> = held_back.iter().map(|site| site.site.name.as_str()).collect();
        assert_eq!(names.len(), 2, "{names:?}");
        assert!(names.contains(&"a") && names.contains(&"b"));
        for site in &held_back {
            assert_eq!(site.level, Level::Debug);
            assert!(passed.contains(&(1000 - site.count)), "{site:?}");
        }
        let sum: u64 = held_back.iter().map(|site| site.count).sum();
        assert_eq!(journal.account(Kind::Event).dropped_total(), sum);
    }

    #[test]
    fn the_lower_of_two_limits_holds() {
        let limited = journal(LevelLimits::default().with(Level::Info, 10));
        let unlimited = journal(LevelLimits::default());
        let cases = [
            (&limited, None, Some(10)),
            (&limited, Some(3), Some(3)),
            (&limited, Some(30), Some(10)),
            (&unlimited, Some(7), Some(7)),
            (&unlimited, Some(0), Some(0)),
            (&unlimited, None, None),
        ];
        for (key, (journal, own, limit)) in (16..).step_by(16).zip(cases) {
            let bucket = RateLimit::new();
            let mut passed = 0;
            let pass = || journal.passes_own(&bucket, own, Level::Info, key, || named("x"));
            let allowance = allowance(limit.unwrap_or(1000), || {
                passed = (0..1000).filter(|_| pass()).count() as u64;
            });
            assert!(allowance.contains(&passed), "{passed} of {own:?} and {limit:?}");
        }
    }
}
