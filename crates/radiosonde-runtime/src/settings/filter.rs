//! What is recorded: levels by target, and limits by level.

use radiosonde_record::{Filter, Level, LevelLimits};
use radiosonde_registry::closest;

use super::Environment;
use crate::config::Config;
use crate::problem::Problems;

pub(super) fn resolve(config: &Config, env: &Environment, problems: &Problems) -> Filter {
    let (origin, directives) = match env.text("RUST_LOG", problems) {
        Some(directives) => ("RUST_LOG", directives),
        None => ("filter", config.filter.clone().unwrap_or_default()),
    };
    let (filter, refused) = Filter::parse(&directives, Level::Info);
    for (word, level) in misspelt(&directives) {
        problems.say(
            format!("{origin}: `{word}` is taken as a target; did you mean the level `{level}`?"),
            format!("write `{level}`, or `{word}=trace` for everything of a target of that name"),
        );
    }
    for directive in refused {
        problems.say(
            format!("{origin}: `{directive}` is not understood and was left out"),
            "write directives as level, target or target=level; spans and fields in brackets and \
             regular expressions are not supported",
        );
    }
    filter.limited(limits(config, env, problems))
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

/// The level that is written nearly so.
fn nearly(word: &str) -> Option<&'static str> {
    let word = word.to_ascii_lowercase();
    if word == "off" {
        return None;
    }
    closest(&word, LEVELS).filter(|level| *level != word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_nearly_a_level_is_told_from_a_target() {
        let nearly = [
            ("wran", "warn"),
            ("WRAN", "warn"),
            ("wanr", "warn"),
            ("inof", "info"),
            ("eror", "error"),
            ("debgu", "debug"),
            ("traces", "trace"),
            ("warnning", "warning"),
            ("warinng", "warning"),
            ("critcal", "critical"),
        ];
        for (word, level) in nearly {
            assert_eq!(misspelt(word), [(word, level)]);
        }
        let text = "wran, my_app=debug ,inof/eror";
        assert_eq!(misspelt(text), [("wran", "warn"), ("inof", "info")]);
        let targets = "warn,Error,off,OFF,0,5,,wran=debug,my_app,app,foo,hyper,tokio,infra,mirror,\
                       wran::net,tracing,é,a_longer_one,fatal,api";
        assert_eq!(misspelt(targets), []);
        assert_eq!(misspelt("a[b,wran]=debug"), []);
    }
}
