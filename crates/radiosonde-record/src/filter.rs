//! Level filter: `RUST_LOG` directives by target.

use crate::level::Level;

/// Which events are recorded, by target prefix and level.
///
/// Understands the common part of `RUST_LOG`: `info`, `my_crate=debug`, `hyper::proto=off`, in a
/// list separated by commas. The longest matching target decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Longest target first. `None` is `off`.
    directives: Vec<(String, Option<Level>)>,
    default: Option<Level>,
}

impl Filter {
    /// A filter with one level for everything.
    pub fn at(level: Level) -> Self {
        Self { directives: Vec::new(), default: Some(level) }
    }

    /// Reads directives. What is not understood is left out and returned, for the report.
    pub fn parse(text: &str, default: Level) -> (Self, Vec<String>) {
        let mut filter = Self::at(default);
        let mut refused = Vec::new();
        for directive in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            match directive.split_once('=') {
                None => match parse_level(directive) {
                    Some(level) => filter.default = level,
                    // A bare target means everything of it, as in env_logger.
                    None if is_target(directive) => {
                        filter.directives.push((directive.to_owned(), Some(Level::Trace)));
                    }
                    None => refused.push(directive.to_owned()),
                },
                Some((target, level)) => match parse_level(level.trim()) {
                    Some(level) if is_target(target.trim()) => {
                        filter.directives.push((target.trim().to_owned(), level));
                    }
                    _ => refused.push(directive.to_owned()),
                },
            }
        }
        filter.directives.sort_by_key(|(target, _)| std::cmp::Reverse(target.len()));
        (filter, refused)
    }

    /// Whether an event of this target and level is recorded.
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

    /// The lowest level any target is recorded at; `None` when everything is off.
    pub fn lowest(&self) -> Option<Level> {
        let levels = self.directives.iter().map(|(_, level)| *level);
        levels.chain([self.default]).flatten().min()
    }
}

/// `Some(None)` is `off`.
fn parse_level(text: &str) -> Option<Option<Level>> {
    if text.eq_ignore_ascii_case("off") { Some(None) } else { Level::parse(text).map(Some) }
}

fn is_target(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | ':' | '-' | '.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_target_decides_and_prefixes_end_at_path_segments() {
        let (filter, refused) =
            Filter::parse("warn, my_app=debug,my_app::noisy=off ,hyper=info", Level::Info);
        assert_eq!(refused, Vec::<String>::new());
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
    }

    #[test]
    fn what_is_not_understood_is_named_and_the_rest_holds() {
        let (filter, refused) = Filter::parse("lout,a=loud,[span{x=1}]=info,b=error", Level::Info);
        assert_eq!(refused, ["a=loud", "[span{x=1}]=info"]);
        assert!(!filter.allows("b", Level::Warning));
        assert!(filter.allows("c", Level::Info));
    }
}
