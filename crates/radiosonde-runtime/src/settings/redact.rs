//! Redaction rules: those of the code, and what the environment adds.

use radiosonde_redact::Rules;

use super::Environment;
use crate::config::Config;
use crate::problem::Problems;

/// Under which matches of the pattern from the environment are counted.
const RULE: &str = "environment";

/// The rules. One that cannot be used becomes a problem, and the others go on.
pub(super) fn resolve(config: &Config, env: &Environment, problems: &Problems) -> Rules {
    let text = |name: &str| env.text(name, problems);
    let keys = |name: &str| {
        let list = text(name).unwrap_or_default();
        let keys = list.split(',').map(str::trim).filter(|key| !key.is_empty());
        keys.map(str::to_owned).collect::<Vec<_>>()
    };
    let mut rules = config.redact.clone();
    for fault in rules.faults() {
        problems.say(fault.what(), fault.fix());
    }
    for key in keys("RADIOSONDE_REDACT_KEYS") {
        rules = rules.with_key(&key);
    }
    for key in keys("RADIOSONDE_REDACT_ALLOW") {
        rules = rules.allow_key(&key);
    }
    if let Some(pattern) = text("RADIOSONDE_REDACT_PATTERN") {
        let known = rules.faults().len();
        rules = rules.with_pattern(RULE, &pattern);
        for fault in &rules.faults()[known..] {
            problems.say(format!("RADIOSONDE_REDACT_PATTERN: {}", fault.what()), fault.fix());
        }
    }
    problems.apply(&rules);
    rules
}
