//! What is recorded: levels by target, and limits by level.

use radiosonde_record::{Filter, Level, LevelLimits};

use super::Environment;
use crate::config::Config;
use crate::problem::Problems;

/// The target of axum- and tonic-tracing-opentelemetry and their like: their spans have the level
/// `trace`, and without them there is no trace.
pub(crate) const BRIDGED: &str = "otel::tracing";

pub(super) fn resolve(
    config: &Config,
    env: &Environment,
    is_bridged: bool,
    problems: &Problems,
) -> Filter {
    let (origin, directives) = match env.text("RUST_LOG", problems) {
        Some(directives) => ("RUST_LOG", directives),
        None => ("filter", config.filter.clone().unwrap_or_default()),
    };
    // Unless somebody has an opinion of it, or wants nothing at all.
    let is_silent = directives.split(',').all(|directive| directive.trim() == "off");
    let directives = match is_bridged && !is_silent && !directives.contains(BRIDGED) {
        true => format!("{directives},{BRIDGED}=trace"),
        false => directives,
    };
    let (filter, refused) = Filter::parse(&directives, Level::Info);
    for (word, level) in misspelt(&directives) {
        problems.say(
            format!("{origin}: `{word}` is taken as a target; did you mean the level `{level}`?"),
            format!("write `{level}`, or `{word}=trace` for everything of a target of that name"),
        );
    }
    for directive in refused {
        let level = directive.split_once('=').and_then(|(_, level)| nearly(level.trim()));
        let hint = level.map(|level| format!("; did you mean the level `{level}`?"));
        problems.say(
            format!(
                "{origin}: `{directive}` is not understood and was left out{}",
                hint.unwrap_or_default()
            ),
            "write directives as level, target or target=level; spans and fields in brackets and \
             regular expressions are not supported",
        );
    }
    filter.limited(limits(config, env, problems))
}

/// What keeps spans of the level `info` from being made, where nothing has them made.
pub(super) fn spans_off_by(
    filter: &Filter,
    env: &Environment,
    problems: &Problems,
) -> Option<&'static str> {
    let is_off = filter.lowest().is_none_or(|lowest| lowest > Level::Info);
    let origin = if env.text("RUST_LOG", problems).is_some() { "RUST_LOG" } else { "filter" };
    is_off.then_some(origin)
}

/// The variable stands for all limits of the code, as `RUST_LOG` does for the filter.
fn limits(config: &Config, env: &Environment, problems: &Problems) -> LevelLimits {
    let Some(text) = env.text("RADIOSONDE_RATE_LIMIT", problems) else { return config.rate_limits };
    let (limits, refused) = LevelLimits::parse(&text);
    for part in refused {
        problems.say(
            format!("RADIOSONDE_RATE_LIMIT: `{part}` is not understood and was left out"),
            "write limits as level=events a second, such as debug=100,info=1000, or off",
        );
    }
    limits
}

/// What levels are called, `off` aside: too many names are that short.
const LEVELS: [&str; 8] =
    ["trace", "debug", "info", "warn", "warning", "error", "critical", "fatal"];

/// Directives of one word that is nearly a level, each with that level. They mean everything of a
/// target of that name, as for `env_logger`, and are rarely meant so.
fn misspelt(directives: &str) -> Vec<(&str, &'static str)> {
    let directives = directives.split('/').next().unwrap_or_default();
    // Levels among the fields of a span in brackets are none.
    if directives.contains(['[', '{']) {
        return Vec::new();
    }
    let words = directives.split(',').map(str::trim);
    let words = words.filter(|word| word.chars().all(char::is_alphabetic));
    words.filter_map(|word| Some((word, nearly(word)?))).collect()
}

/// The level that is written nearly so: with two neighbours exchanged, one letter left out or one
/// written twice. With another letter in place of one it may be a target: `warp` is a crate.
fn nearly(word: &str) -> Option<&'static str> {
    let word: Vec<char> = word.to_ascii_lowercase().chars().collect();
    let is_nearly = |level: &str| {
        let level: Vec<char> = level.chars().collect();
        is_exchanged(&word, &level) || is_without_one(&word, &level) || is_doubled(&word, &level)
    };
    let is_one = LEVELS.into_iter().any(|level| word.iter().copied().eq(level.chars()));
    if is_one { None } else { LEVELS.into_iter().find(|level| is_nearly(level)) }
}

fn is_exchanged(word: &[char], level: &[char]) -> bool {
    let exchanged = |at: usize| {
        let mut word = word.to_vec();
        word.swap(at - 1, at);
        word == level
    };
    word.len() == level.len() && (1..word.len()).any(exchanged)
}

fn is_without_one(word: &[char], level: &[char]) -> bool {
    (0..level.len()).any(|at| [&level[..at], &level[at + 1..]].concat() == word)
}

fn is_doubled(word: &[char], level: &[char]) -> bool {
    (1..word.len())
        .any(|at| word[at - 1] == word[at] && [&word[..at], &word[at + 1..]].concat() == level)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Service;

    #[test]
    fn the_target_of_bridged_libraries_is_let_through_unless_somebody_speaks_of_it() {
        let lets = |directives: &str, is_bridged: bool| {
            let config = Config::new(Service::new("test", "1"));
            let (env, problems) =
                (Environment::of(&[("RUST_LOG", directives)]), Problems::default());
            let filter = resolve(&config, &env, is_bridged, &problems);
            assert_eq!(problems.all(), []);
            [(BRIDGED, Level::Trace), ("shop", Level::Info), ("shop", Level::Debug)]
                .map(|(target, level)| filter.allows(target, level))
        };
        for (directives, is_bridged, expect) in [
            ("", false, [false, true, false]),
            ("", true, [true, true, false]),
            ("warn", true, [true, false, false]),
            ("off", true, [false, false, false]),
            ("info,otel::tracing=off", true, [false, true, false]),
        ] {
            assert_eq!(lets(directives, is_bridged), expect, "{directives} {is_bridged}");
        }
    }

    #[test]
    fn a_word_that_is_nearly_a_level_is_told_from_a_target() {
        let nearly = [
            ("wran", "warn"),
            ("WRAN", "warn"),
            ("wanr", "warn"),
            ("inof", "info"),
            ("eror", "error"),
            ("debgu", "debug"),
            ("tracee", "trace"),
            ("warnning", "warning"),
            ("wanring", "warning"),
            ("critcal", "critical"),
        ];
        for (word, level) in nearly {
            assert_eq!(misspelt(word), [(word, level)]);
        }
        let text = "wran, my_app=debug ,inof/eror";
        assert_eq!(misspelt(text), [("wran", "warn"), ("inof", "info")]);
        let targets = "warn,Error,off,OFF,0,5,,wran=debug,my_app,app,foo,hyper,tokio,infra,mirror,\
                       wran::net,tracing,warp,tract,errors,brace,é,a_longer_one,fatal,api";
        assert_eq!(misspelt(targets), []);
        assert_eq!(misspelt("a[b,wran]=debug"), []);
    }
}
