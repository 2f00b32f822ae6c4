//! What is recorded: levels by target, and limits by level.

use radiosonde_record::{Filter, Level, LevelLimits};

use super::Environment;
use crate::config::Config;
use crate::problem::Problems;

pub(super) fn resolve(config: &Config, env: &Environment, problems: &Problems) -> Filter {
    let (origin, directives) = match env.text("RUST_LOG", problems) {
        Some(directives) => ("RUST_LOG", directives),
        None => ("filter", config.filter.clone().unwrap_or_default()),
    };
    let (filter, refused) = Filter::parse(&directives, Level::Info);
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
