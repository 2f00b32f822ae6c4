//! Whether there is a console, and how it shows events.

use radiosonde_events::ConsoleFormat;

use super::Environment;
use crate::config::{Config, Profile};
use crate::problem::Problems;

/// What is shown on stderr, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ConsoleSettings {
    pub(crate) format: ConsoleFormat,
    /// Whether stderr is a terminal.
    pub(crate) is_terminal: bool,
    /// From `COLUMNS`.
    pub(crate) columns: Option<usize>,
}

pub(super) fn resolve(
    config: &Config,
    env: &Environment,
    problems: &Problems,
) -> Option<ConsoleSettings> {
    let is_terminal = env.stderr_is_terminal;
    let pretty = ConsoleFormat::Pretty { color: color(env, problems) };
    let by_terminal = if is_terminal { pretty } else { ConsoleFormat::Json };
    let format = match env.text("RADIOSONDE_STDERR", problems).as_deref() {
        Some("pretty") => Some(pretty),
        Some("json") => Some(ConsoleFormat::Json),
        Some("off") => None,
        other => {
            if let Some(other) = other {
                problems.say(
                    format!("RADIOSONDE_STDERR: unknown form `{other}`"),
                    "use pretty, json or off",
                );
            }
            (config.profile == Profile::Service && !config.service.test).then_some(by_terminal)
        }
    };
    // Others set it, and set it wrongly: that is no problem of ours.
    let columns = env.text("COLUMNS", problems).and_then(|text| text.trim().parse().ok());
    let columns = columns.filter(|columns| *columns > 0);
    format.map(|format| ConsoleSettings { format, is_terminal, columns })
}

/// Colours are for terminals that have them, unless somebody wants none (`NO_COLOR`), which goes
/// first, or wants them elsewhere too (`CLICOLOR_FORCE`).
fn color(env: &Environment, problems: &Problems) -> bool {
    let text = |name: &str| env.text(name, problems);
    if text("NO_COLOR").is_some() {
        return false;
    }
    if text("CLICOLOR_FORCE").is_some_and(|force| force != "0") {
        return true;
    }
    env.stderr_is_terminal && text("TERM").as_deref() != Some("dumb")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Service;

    fn resolved(is_terminal: bool, variables: &[(&str, &str)]) -> Option<ConsoleSettings> {
        let problems = Problems::default();
        let mut env = Environment::of(variables);
        env.stderr_is_terminal = is_terminal;
        let config = Config::new(Service::new("package", "1.0.0"));
        let console = resolve(&config, &env, &problems);
        assert!(problems.all().is_empty(), "{:?}", problems.all());
        console
    }

    #[test]
    fn text_is_for_terminals_and_json_for_programs_unless_somebody_says_otherwise() {
        let is_pretty = |is_terminal, variables: &[(&str, &str)]| {
            let format = resolved(is_terminal, variables)?.format;
            Some(matches!(format, ConsoleFormat::Pretty { .. }))
        };
        assert_eq!(is_pretty(true, &[]), Some(true));
        assert_eq!(is_pretty(false, &[]), Some(false));
        assert_eq!(is_pretty(true, &[("RADIOSONDE_STDERR", "json")]), Some(false));
        assert_eq!(is_pretty(false, &[("RADIOSONDE_STDERR", "pretty")]), Some(true));
        assert_eq!(is_pretty(false, &[("CLICOLOR_FORCE", "1")]), Some(false));
        assert_eq!(is_pretty(true, &[("RADIOSONDE_STDERR", "off")]), None);
    }

    #[test]
    fn colour_is_for_terminals_that_have_it_unless_somebody_says_otherwise() {
        let pretty = ("RADIOSONDE_STDERR", "pretty");
        for (is_terminal, variables, expected) in [
            (true, &[pretty][..], true),
            (false, &[pretty], false),
            (true, &[pretty, ("NO_COLOR", "1")], false),
            (true, &[pretty, ("NO_COLOR", "")], true),
            (true, &[pretty, ("TERM", "dumb")], false),
            (true, &[pretty, ("TERM", "xterm")], true),
            (false, &[pretty, ("CLICOLOR_FORCE", "1")], true),
            (false, &[pretty, ("CLICOLOR_FORCE", "0")], false),
            (true, &[pretty, ("CLICOLOR_FORCE", "1"), ("TERM", "dumb")], true),
            (true, &[pretty, ("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false),
        ] {
            let format = resolved(is_terminal, variables).map(|console| console.format);
            let expected = Some(ConsoleFormat::Pretty { color: expected });
            assert_eq!(format, expected, "{is_terminal} {variables:?}");
        }
    }

    #[test]
    fn columns_are_a_number_above_nothing() {
        for (text, expected) in
            [("132", Some(132)), (" 80 ", Some(80)), ("0", None), ("wide", None), ("", None)]
        {
            let console = resolved(true, &[("COLUMNS", text)]);
            assert_eq!(console.and_then(|console| console.columns), expected, "{text:?}");
        }
    }
}
