//! What is recorded: `RUST_LOG` directives by target, and limits by level.
//!
//! Three questions, cheapest first, so that an event nobody wants costs a load and a branch:
//!
//! 1. [`is_heard`]: does any filter of this process let the level through at all?
//! 2. [`Filter::allows_at`]: does this one let the call site through? Kept at the call site.
//! 3. [`Journal::passes`](crate::Journal::passes): has the call site any of its events left for
//!    this second?

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

use crate::level::Level;
use crate::rate::{LevelLimits, Sites};

/// The lowest level that any filter of this process lets through. Filters only ever lower it: a
/// level that is open for nothing costs the way to the filter, which says no.
static LOWEST: AtomicU8 = AtomicU8::new(u8::MAX);

/// Numbers of filters, for what call sites keep of them. 0 is no filter.
static NEXT_NUMBER: AtomicU32 = AtomicU32::new(1);

/// What call sites keep that the filter of the process said yes to. Before there is one, and where it
/// limits levels, what none keeps: the number no filter gets.
static SETTLED: AtomicU32 = AtomicU32::new(u32::MAX);

/// Whether any filter of this process lets this level through. Without a filter there is no
/// journal either, and nothing is heard.
#[inline]
pub fn is_heard(level: Level) -> bool {
    level as u8 >= LOWEST.load(Ordering::Relaxed)
}

/// Which events are recorded, by target prefix and level, and how many of them.
///
/// Understands `RUST_LOG` as users of `env_logger` and `EnvFilter` write it: `info`,
/// `my_crate=debug`, `hyper::proto=off`, and `my_crate` or `my_crate=` for everything of it, in a
/// list separated by commas, with spaces around anything, levels in any case or as numbers (0 is
/// `off`, 5 is `trace`). The longest matching target decides; of the same target, or of two levels
/// for everything, the last.
///
/// A target matches itself and the modules below it: `hyper` matches `hyper::proto`, and, other
/// than there, not `hyper_util`. What no directive speaks of has the default level, `info` unless
/// something else was asked for.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Longest target first. `None` is `off`.
    directives: Vec<(String, Option<Level>)>,
    default: Option<Level>,
    limits: LevelLimits,
    /// Clones are the same filter: they share number and what the limits hold back.
    number: u32,
    sites: Arc<Sites>,
}

/// What a filter said about a call site of one target and level, kept there so that it is asked
/// once.
#[derive(Debug, Default)]
pub struct Verdict(AtomicU32);

impl Verdict {
    /// Nothing was said yet.
    pub const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// Whether the filter of the process is known to let the call site through, without a limit for
    /// its level: a shorter way to the same answer as [`Filter::allows_at`] of that filter.
    #[inline(always)]
    pub fn is_settled(&self) -> bool {
        self.0.load(Ordering::Relaxed) == SETTLED.load(Ordering::Relaxed)
    }
}

impl Filter {
    /// A filter with one level for everything.
    pub fn at(level: Level) -> Self {
        Self::new(Vec::new(), Some(level))
    }

    /// Reads directives. What is not understood (spans and fields in brackets, a regular expression
    /// behind `/`, unknown levels) is left out and returned, for the report; the rest holds.
    pub fn parse(text: &str, default: Level) -> (Self, Vec<String>) {
        let mut refused = Vec::new();
        // In env_logger a slash begins a regular expression for the messages of all directives.
        let text = match text.split_once('/') {
            Some((directives, pattern)) => {
                refused.push(format!("/{pattern}"));
                directives
            }
            None => text,
        };
        let (mut directives, mut default) = (Vec::<(String, _)>::new(), Some(default));
        for directive in split(text) {
            match read(directive) {
                Some((None, level)) => default = level,
                Some((Some(target), level)) => {
                    directives.retain(|(there, _)| there != target);
                    directives.push((target.to_owned(), level));
                }
                None => refused.push(directive.to_owned()),
            }
        }
        directives.sort_by_key(|(target, _)| std::cmp::Reverse(target.len()));
        (Self::new(directives, default), refused)
    }

    fn new(directives: Vec<(String, Option<Level>)>, default: Option<Level>) -> Self {
        let advance = |number: u32| number.checked_add(2);
        let number = NEXT_NUMBER.fetch_update(Ordering::Relaxed, Ordering::Relaxed, advance);
        let filter = Self {
            directives,
            default,
            limits: LevelLimits::default(),
            number: number.unwrap_or(0),
            sites: Arc::default(),
        };
        if let Some(lowest) = filter.lowest() {
            LOWEST.fetch_min(lowest as u8, Ordering::Relaxed);
        }
        filter
    }

    /// The same filter, with limits for each call site of a level. Default: none.
    #[must_use]
    pub fn limited(self, limits: LevelLimits) -> Self {
        Self { limits, sites: Arc::default(), ..self }
    }

    /// Whether an event of this target and level is recorded, apart from limits.
    pub fn allows(&self, target: &str, level: Level) -> bool {
        let matches = |prefix: &str| {
            target
                .strip_prefix(prefix)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        };
        let found = self.directives.iter().find(|(prefix, _)| matches(prefix));
        let lowest = found.map_or(self.default, |(_, level)| *level);
        lowest.is_some_and(|lowest| level >= lowest)
    }

    /// As [`Filter::allows`], with the answer kept in `verdict`: it belongs to one call site, whose
    /// target and level are always the same.
    #[inline]
    pub fn allows_at(&self, verdict: &Verdict, target: &str, level: Level) -> bool {
        // Odd numbers are filters; one more is a filter that said yes.
        match verdict.0.load(Ordering::Relaxed).wrapping_sub(self.number) {
            0 if self.number != 0 => false,
            1 if self.number != 0 => true,
            _ => self.judge(verdict, target, level),
        }
    }

    #[cold]
    fn judge(&self, verdict: &Verdict, target: &str, level: Level) -> bool {
        let allows = self.allows(target, level);
        if self.number != 0 {
            verdict.0.store(self.number + u32::from(allows), Ordering::Relaxed);
        }
        allows
    }

    /// Call sites may take a shorter way to this filter from now on: it is that of the process.
    pub(crate) fn settle(&self) {
        if self.number != 0 && self.limits == LevelLimits::default() {
            SETTLED.store(self.number + 1, Ordering::Relaxed);
        }
    }

    /// The lowest level any target is recorded at; `None` when everything is off.
    pub fn lowest(&self) -> Option<Level> {
        let levels = self.directives.iter().map(|(_, level)| *level);
        levels.chain([self.default]).flatten().min()
    }

    /// The same for all targets but this one, as a directive has it.
    pub fn lowest_without(&self, target: &str) -> Option<Level> {
        let others = self.directives.iter().filter(|(prefix, _)| prefix != target);
        let levels = others.map(|(_, level)| *level);
        levels.chain([self.default]).flatten().min()
    }

    /// The limits for each call site of a level.
    pub fn limits(&self) -> &LevelLimits {
        &self.limits
    }

    pub(crate) fn sites(&self) -> &Sites {
        &self.sites
    }
}

/// Two filters are equal when they let the same through.
impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        (&self.directives, self.default, self.limits)
            == (&other.directives, other.default, other.limits)
    }
}

impl Eq for Filter {}

/// The directives of a list; commas in brackets belong to their directive.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_i32;
    let comma = move |c: char| {
        match c {
            '[' | '{' => depth += 1,
            ']' | '}' => depth -= 1,
            _ => {}
        }
        c == ',' && depth <= 0
    };
    text.split(comma).map(str::trim).filter(|directive| !directive.is_empty())
}

/// Target, if one is named, and level. `None` for what is not understood.
fn read(directive: &str) -> Option<(Option<&str>, Option<Level>)> {
    let Some((target, level)) = directive.split_once('=') else {
        return match parse_level(directive) {
            Some(level) => Some((None, level)),
            None => is_target(directive).then_some((Some(directive), Some(Level::Trace))),
        };
    };
    let (target, level) = (target.trim(), level.trim());
    let level = if level.is_empty() { Some(Level::Trace) } else { parse_level(level)? };
    is_target(target).then_some((Some(target), level))
}

/// `Some(None)` is `off`. Numbers are those of `EnvFilter`, which knows no level above error.
fn parse_level(text: &str) -> Option<Option<Level>> {
    Some(match text {
        "0" => None,
        "1" => Some(Level::Error),
        "2" => Some(Level::Warning),
        "3" => Some(Level::Info),
        "4" => Some(Level::Debug),
        "5" => Some(Level::Trace),
        text if text.eq_ignore_ascii_case("off") => None,
        text => Some(Level::parse(text)?),
    })
}

fn is_target(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | ':' | '-' | '.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Filter {
        let (filter, refused) = Filter::parse(text, Level::Info);
        assert_eq!(refused, Vec::<String>::new(), "{text}");
        filter
    }

    #[test]
    fn the_longest_target_decides_and_prefixes_end_at_path_segments() {
        let filter = parse("warn, my_app=debug,my_app::noisy=off ,hyper=info");
        let cases = [
            ("other", Level::Info, false),
            ("other", Level::Warning, true),
            ("my_app", Level::Debug, true),
            ("my_app::inner", Level::Debug, true),
            ("my_app::noisy", Level::Critical, false),
            ("my_app_two", Level::Info, false),
            ("hyper::proto", Level::Info, true),
        ];
        for (target, level, expected) in cases {
            assert_eq!(filter.allows(target, level), expected, "{target} {level}");
        }
        assert_eq!(filter.lowest(), Some(Level::Debug));
        assert_eq!(filter.lowest_without("my_app"), Some(Level::Info));
    }

    #[test]
    fn what_users_of_env_logger_and_env_filter_write_is_read() {
        let lowest = |text: &str, target: &str| {
            let filter = parse(text);
            Level::ALL.into_iter().find(|level| filter.allows(target, *level))
        };
        use Level::{Critical, Debug, Error, Info, Trace, Warning};
        let cases = [
            ("", "a", Some(Info)),
            (" , ,", "a", Some(Info)),
            ("warn", "a", Some(Warning)),
            ("WARN", "a", Some(Warning)),
            ("off", "a", None),
            ("info,warn", "a", Some(Warning)),
            ("a", "a::b", Some(Trace)),
            ("a=", "a", Some(Trace)),
            ("a", "c", Some(Info)),
            (" a = debug ", "a", Some(Debug)),
            ("a=error,a=debug", "a", Some(Debug)),
            ("a=debug,a=error", "a", Some(Error)),
            ("a=off,error", "a::b", None),
            ("a=off,error", "b", Some(Error)),
            ("a-b=critical", "a-b", Some(Critical)),
            ("a=4,1", "a", Some(Debug)),
            ("a=4,1", "b", Some(Error)),
            ("a=0", "a", None),
        ];
        for (text, target, expected) in cases {
            assert_eq!(lowest(text, target), expected, "{text:?} for {target}");
        }
        assert_eq!(parse("off,a=off").lowest(), None);
    }

    #[test]
    fn what_is_not_understood_is_named_and_the_rest_holds() {
        let cases: [(&str, &[&str]); 7] = [
            ("lout,a=loud,b=error", &["a=loud"]),
            ("[span{x=1}]=info,b=error", &["[span{x=1}]=info"]),
            ("a[s{x=1,debug,y=2}]=info,b=error", &["a[s{x=1,debug,y=2}]=info"]),
            ("b=error/timed? out", &["/timed? out"]),
            ("b=error,c d=info", &["c d=info"]),
            ("=trace,b=error", &["=trace"]),
            ("b=error,b=info=debug", &["b=info=debug"]),
        ];
        for (text, expected) in cases {
            let (filter, refused) = Filter::parse(text, Level::Info);
            assert_eq!(refused, expected, "{text}");
            assert!(!filter.allows("b", Level::Warning), "{text}");
            assert!(filter.allows("b", Level::Error), "{text}");
            assert!(filter.allows("x", Level::Info), "{text}");
            assert!(!filter.allows("x", Level::Debug), "{text}");
        }
    }

    #[test]
    fn a_kept_verdict_is_that_of_the_filter_that_asks() {
        let verdict = Verdict::new();
        let (open, shut) = (Filter::at(Level::Debug), parse("off"));
        for _ in 0..3 {
            assert!(open.allows_at(&verdict, "a", Level::Debug));
            assert!(open.clone().allows_at(&verdict, "a", Level::Debug));
            assert!(!shut.allows_at(&verdict, "a", Level::Debug));
            assert!(!shut.allows_at(&verdict, "a", Level::Debug));
        }
        // As it is when numbers have run out.
        let numberless = Filter { number: 0, ..shut };
        assert!(open.allows_at(&verdict, "a", Level::Debug));
        assert!(!numberless.allows_at(&verdict, "a", Level::Debug));
        assert!(!numberless.allows_at(&Verdict::new(), "a", Level::Debug));
        assert!(open.allows_at(&verdict, "a", Level::Debug));
    }

    #[test]
    fn a_level_is_heard_once_a_filter_lets_it_through() {
        let _filter = Filter::at(Level::Debug);
        assert!(is_heard(Level::Debug) && is_heard(Level::Critical));
    }
}
