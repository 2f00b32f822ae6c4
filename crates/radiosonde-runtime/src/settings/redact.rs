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
    let mut add = |name: &str, with: &dyn Fn(Rules) -> Rules| {
        let known = rules.faults().len();
        rules = with(rules.clone());
        for fault in rules.faults().iter().skip(known) {
            problems.say(format!("{name}: {}", fault.what()), fault.fix());
        }
    };
    for (name, with) in [
        ("RADIOSONDE_REDACT_KEYS", Rules::with_key as fn(Rules, &str) -> Rules),
        ("RADIOSONDE_REDACT_ALLOW", Rules::allow_key),
    ] {
        add(name, &|rules| keys(name).iter().fold(rules, |rules, key| with(rules, key)));
    }
    if let Some(pattern) = text("RADIOSONDE_REDACT_PATTERN") {
        add("RADIOSONDE_REDACT_PATTERN", &|rules| rules.with_pattern(RULE, &pattern));
    }
    problems.apply(&rules);
    rules
}
