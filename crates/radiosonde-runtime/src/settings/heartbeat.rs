//! How often machine and workers say how they are.

use std::time::Duration;

use super::Environment;
use super::durations::seconds;
use crate::config::{Config, Profile};
use crate::problem::Problems;

const NAME: &str = "RADIOSONDE_HEARTBEAT_INTERVAL";
/// Often enough to see within minutes that one is missing, seldom enough to be a small part of a day
/// file: 1,440 lines a day.
const INTERVAL: Duration = Duration::from_secs(60);
/// Longer is a number whose unit was meant otherwise.
const INTERVAL_MAX_S: u64 = 86_400;

/// The time between two events; none for no events.
pub(super) fn resolve(config: &Config, env: &Environment, problems: &Problems) -> Option<Duration> {
    let by_kind = match config.profile {
        Profile::Service if !config.service.test => INTERVAL,
        _ => Duration::ZERO,
    };
    let from_code = config.heartbeat.unwrap_or(by_kind);
    let interval = variable(env, problems).unwrap_or(from_code);
    (!interval.is_zero()).then_some(interval)
}

fn variable(env: &Environment, problems: &Problems) -> Option<Duration> {
    let text = env.text(NAME, problems)?;
    let asked = match text.trim().to_ascii_lowercase().as_str() {
        "off" => Some(0),
        text => seconds(text).filter(|seconds| *seconds <= INTERVAL_MAX_S),
    };
    if asked.is_none() {
        problems.say(
            format!("{NAME}: `{text}` is not understood, and not used"),
            "set it to a number of seconds up to 86400, to 90s, 10m or 2h, or to off",
        );
    }
    asked.map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Service;

    #[test]
    fn the_variable_wins_over_the_code_and_the_code_over_the_default() {
        let config = |test: bool| Config::new(Service::new("shop", "1").in_test(test));
        let asked = |test| config(test).heartbeat(Duration::from_secs(5));
        let cases: [(Config, &str, Option<u64>); 12] = [
            (config(false), "", Some(60)),
            (config(true), "", None),
            (config(false).profile(Profile::Cli), "", None),
            (asked(true), "", Some(5)),
            (asked(false).profile(Profile::Cli), "", Some(5)),
            (asked(false), "90", Some(90)),
            (asked(false), "10m", Some(600)),
            (asked(false), "0", None),
            (asked(false), " Off ", None),
            (config(true), "1h", Some(3_600)),
            (config(false), "1.5M", Some(90)),
            (config(false).heartbeat(Duration::ZERO), "", None),
        ];
        for (config, value, expected) in cases {
            let problems = Problems::default();
            let found = resolve(&config, &Environment::of(&[(NAME, value)]), &problems);
            assert_eq!(found, expected.map(Duration::from_secs), "{value}");
            assert_eq!(problems.all(), [], "{value}");
        }
    }

    #[test]
    fn what_is_not_understood_is_named_and_changes_nothing() {
        for value in ["often", "-1", "2d", "0.5s", "1e3", "99999999999999999999"] {
            let problems = Problems::default();
            let config = Config::new(Service::new("shop", "1"));
            let found = resolve(&config, &Environment::of(&[(NAME, value)]), &problems);
            assert_eq!(found, Some(INTERVAL), "{value}");
            assert!(problems.all()[0].what.contains(value), "{value}");
        }
    }
}
