//! Which spans are recorded, and how much of each.

use std::time::Duration;

use radiosonde_tracing::{Keep, Layer, Sampler, SpanCounts, SpanEvents, SpanLimits};

use super::Environment;
use super::durations::{duration, has_no_unit};
use crate::config::Config;
use crate::problem::Problems;

/// What the layer runs with.
#[derive(Clone, Debug, Default)]
pub(crate) struct TraceSettings {
    pub(crate) sampler: Sampler,
    /// Its name, with its argument.
    sampler_name: String,
    pub(crate) keep: Keep,
    pub(crate) span_events: SpanEvents,
    pub(crate) limits: SpanLimits,
    pub(crate) skip_unsampled: bool,
    /// Whether spans are those of the OpenTelemetry API.
    pub(crate) otel_bridge: bool,
}

impl TraceSettings {
    pub(super) fn resolve(config: &Config, env: &Environment, problems: &Problems) -> Self {
        let (sampler, sampler_name) = sampler(env, problems);
        let otel_bridge = otel_bridge(config, env, problems);
        let is_alone = config.layers.is_empty() && !otel_bridge;
        Self {
            sampler,
            sampler_name,
            keep: keep(config, env, problems),
            span_events: span_events(config, env, problems),
            limits: limits(env, problems),
            // Beside layers of the application nothing can be left out.
            skip_unsampled: skip_unsampled(config, env, problems) && is_alone,
            otel_bridge,
        }
    }

    /// `parentbased_always_on; kept: errors, slow 500 ms`, and `; unsampled: left out` where that is
    /// asked for.
    pub(crate) fn words(&self) -> String {
        let errors = self.keep.errors.then(|| "errors".to_owned());
        let slow = self.keep.slow.map(|least| match least.subsec_nanos() {
            0 => format!("slow {} s", least.as_secs()),
            nanos if nanos % 1_000_000 == 0 => format!("slow {} ms", least.as_millis()),
            _ => format!("slow {} µs", least.as_micros()),
        });
        let kept: Vec<_> = [errors, slow].into_iter().flatten().collect();
        let kept = if kept.is_empty() { "none".to_owned() } else { kept.join(", ") };
        let unsampled = if self.skip_unsampled { "; unsampled: left out" } else { "" };
        let bridge = if self.otel_bridge { "; OpenTelemetry bridge" } else { "" };
        format!("{}; kept: {kept}{unsampled}{bridge}", self.sampler_name)
    }

    /// The layer with these settings, counting there.
    pub(crate) fn on(&self, layer: Layer, counts: &SpanCounts) -> Layer {
        let layer = layer.keep(self.keep).with_span_events(self.span_events);
        let layer = layer.with_limits(self.limits).with_counts(counts);
        layer.skip_unsampled(self.skip_unsampled)
    }
}

/// A wrong argument counts as none, a wrong name as the default: so the specification has it.
fn sampler(env: &Environment, problems: &Problems) -> (Sampler, String) {
    let default = || (Sampler::default(), "parentbased_always_on".to_owned());
    let argument = env.text("OTEL_TRACES_SAMPLER_ARG", problems);
    let argument = argument.filter(|text| !text.trim().is_empty());
    let Some(name) = env.text("OTEL_TRACES_SAMPLER", problems) else {
        if argument.is_some() {
            problems.warn(
                "OTEL_TRACES_SAMPLER_ARG is set without OTEL_TRACES_SAMPLER, and not used: \
                 parentbased_always_on holds",
                "set OTEL_TRACES_SAMPLER=parentbased_traceidratio as well, or unset it",
            );
        }
        return default();
    };
    let known = name.trim().to_ascii_lowercase();
    let with = |argument: &str| match known.ends_with("traceidratio") {
        true => format!("{known} {argument}"),
        false => known.clone(),
    };
    match (Sampler::parse(&name, argument.as_deref()), Sampler::parse(&name, None)) {
        (Ok(sampler), _) => {
            if argument.is_some() && !known.ends_with("traceidratio") {
                problems.warn(
                    format!("OTEL_TRACES_SAMPLER_ARG is set and not used: {known} takes none"),
                    "set OTEL_TRACES_SAMPLER=parentbased_traceidratio to keep a share, or unset it",
                );
            }
            (sampler, with(argument.as_deref().map_or("1", str::trim)))
        }
        (Err(error), Ok(without)) => {
            problems.say(
                format!("OTEL_TRACES_SAMPLER_ARG: {error}; 1 is used"),
                "set it to the share of traces to keep, such as 0.1",
            );
            (without, with("1"))
        }
        (Err(error), Err(_)) => {
            problems.say(
                format!("OTEL_TRACES_SAMPLER: {error}; parentbased_always_on holds"),
                "use always_on, always_off, traceidratio or one of them behind parentbased_",
            );
            default()
        }
    }
}

fn keep(config: &Config, env: &Environment, problems: &Problems) -> Keep {
    let Some(text) = env.text("RADIOSONDE_TRACES_KEEP", problems) else {
        return config.traces.keep;
    };
    let (mut keep, mut is_understood) = (Keep::default(), false);
    let mut wrong = Vec::new();
    for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        match member(word) {
            Some(Kept::Nothing) => {}
            Some(Kept::Errors) => keep.errors = true,
            Some(Kept::Slow(least)) => keep.slow = Some(least),
            None => {
                wrong.push(word);
                continue;
            }
        }
        is_understood = true;
    }
    let becomes = if is_understood { "it is left out" } else { "what the code says holds" };
    for word in wrong {
        problems.say(
            format!(
                "RADIOSONDE_TRACES_KEEP: `{word}` is neither errors nor slow= with a duration and \
                 its unit; {becomes}"
            ),
            "write it as errors,slow=500ms, one of both, or none",
        );
    }
    if is_understood { keep } else { config.traces.keep }
}

enum Kept {
    Nothing,
    Errors,
    Slow(Duration),
}

/// `errors`, `slow=1.5s` or `none`, in any case and with any blanks.
fn member(word: &str) -> Option<Kept> {
    let (name, least) = match word.split_once('=') {
        Some((name, least)) => (name, Some(least)),
        None => (word, None),
    };
    match (name.trim().to_ascii_lowercase().as_str(), least) {
        ("none", None) => Some(Kept::Nothing),
        ("errors", None) => Some(Kept::Errors),
        // Seconds or milliseconds: `slow=500` does not say.
        ("slow", Some(least)) if !has_no_unit(least) => duration(least).map(Kept::Slow),
        _ => None,
    }
}

fn span_events(config: &Config, env: &Environment, problems: &Problems) -> SpanEvents {
    let Some(text) = env.text("RADIOSONDE_SPAN_EVENTS", problems) else {
        return config.traces.span_events;
    };
    match text.trim() {
        "all" => SpanEvents::All,
        "exceptions" => SpanEvents::Exceptions,
        "none" => SpanEvents::None,
        other => {
            problems.say(
                format!("RADIOSONDE_SPAN_EVENTS: `{other}` is not understood"),
                "use exceptions, all or none",
            );
            config.traces.span_events
        }
    }
}

fn otel_bridge(config: &Config, env: &Environment, problems: &Problems) -> bool {
    let asked = match env.text("RADIOSONDE_OTEL_BRIDGE", problems) {
        None => config.traces.otel_bridge,
        Some(text) => match text.trim().to_ascii_lowercase().as_str() {
            "on" if config.traces.in_parts && !config.traces.otel_bridge => {
                problems.say(
                    "RADIOSONDE_OTEL_BRIDGE: `on` is not used: the program puts its own subscriber \
                     together, without the bridge",
                    "ask for it with Config::otel_bridge, and take Parts::otel as well as Parts::layer",
                );
                false
            }
            "on" => true,
            "off" => false,
            _ => {
                problems.say(
                    format!("RADIOSONDE_OTEL_BRIDGE: `{text}` is not understood"),
                    "use on or off",
                );
                config.traces.otel_bridge
            }
        },
    };
    if asked && !crate::otel::IS_THERE {
        problems.say(
            "the OpenTelemetry bridge is asked for, and radiosonde was built without it",
            "build it with the feature `otel-bridge`",
        );
    }
    asked && crate::otel::IS_THERE
}

fn skip_unsampled(config: &Config, env: &Environment, problems: &Problems) -> bool {
    let Some(text) = env.text("RADIOSONDE_TRACES_UNSAMPLED", problems) else {
        return config.traces.skip_unsampled;
    };
    match text.trim() {
        "skip" => true,
        "track" => false,
        other => {
            problems.say(
                format!("RADIOSONDE_TRACES_UNSAMPLED: `{other}` is not understood"),
                "use track or skip",
            );
            config.traces.skip_unsampled
        }
    }
}

fn limits(env: &Environment, problems: &Problems) -> SpanLimits {
    let number = |name: &str| {
        let text = env.text(name, problems)?;
        let number = text.trim().parse::<u32>();
        if number.is_err() {
            problems.say(
                format!("{name}: `{text}` is no number; the default is used"),
                format!("set {name} to a whole number, such as 128"),
            );
        }
        number.ok()
    };
    let mut limits = SpanLimits::default();
    let of_all = number("OTEL_ATTRIBUTE_COUNT_LIMIT");
    let attributes = number("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT").or(of_all);
    limits.attributes = attributes.unwrap_or(limits.attributes);
    let of_events = number("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT").or(of_all);
    limits.event_attributes = of_events.unwrap_or(limits.event_attributes);
    let of_all = number("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT");
    limits.value_length = number("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT").or(of_all);
    limits.events = number("OTEL_SPAN_EVENT_COUNT_LIMIT").unwrap_or(limits.events);
    limits.links = number("OTEL_SPAN_LINK_COUNT_LIMIT").unwrap_or(limits.links);
    limits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Service;

    fn resolved(variables: &[(&str, &str)]) -> (TraceSettings, Vec<String>) {
        let problems = Problems::default();
        let slow = Keep::default().and_slow(Duration::from_secs(1));
        let config = Config::new(Service::new("shop", "1")).keep_traces(slow);
        let settings = TraceSettings::resolve(&config, &Environment::of(variables), &problems);
        (settings, problems.all().into_iter().map(|problem| problem.what).collect())
    }

    #[test]
    fn variables_win_over_the_code_and_over_each_other() {
        let (settings, problems) = resolved(&[
            ("RADIOSONDE_TRACES_KEEP", "errors"),
            ("RADIOSONDE_SPAN_EVENTS", "all"),
            ("OTEL_ATTRIBUTE_COUNT_LIMIT", "7"),
            ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "5"),
            ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "100"),
            ("OTEL_SPAN_EVENT_COUNT_LIMIT", "9"),
            ("OTEL_SPAN_LINK_COUNT_LIMIT", "0"),
        ]);
        assert_eq!(problems, [""; 0]);
        assert_eq!(settings.keep, Keep::errors());
        assert_eq!(settings.span_events, SpanEvents::All);
        let SpanLimits { attributes, event_attributes, value_length, events, links, .. } =
            settings.limits;
        assert_eq!((attributes, event_attributes, value_length), (5, 7, Some(100)));
        assert_eq!((events, links), (9, 0));
        assert_eq!(resolved(&[]).0.keep.slow, Some(Duration::from_secs(1)));
    }

    #[test]
    fn people_are_told_what_holds() {
        let cases = [
            ("", "", "", "parentbased_always_on; kept: slow 1 s"),
            (
                "TraceIdRatio",
                " 0.1",
                "errors,slow=100ms",
                "traceidratio 0.1; kept: errors, slow 100 ms",
            ),
            ("parentbased_traceidratio", "2", "none", "parentbased_traceidratio 1; kept: none"),
            ("always_off", "0.5", "slow=70us", "always_off; kept: slow 70 µs"),
            ("sometimes", "", "errors,fast", "parentbased_always_on; kept: errors"),
        ];
        for (name, argument, keep, expected) in cases {
            let variables = [
                ("OTEL_TRACES_SAMPLER", name),
                ("OTEL_TRACES_SAMPLER_ARG", argument),
                ("RADIOSONDE_TRACES_KEEP", keep),
            ];
            assert_eq!(resolved(&variables).0.words(), expected);
        }
    }

    #[test]
    fn what_is_kept_is_written_as_people_write_it() {
        let code = Keep::default().and_slow(Duration::from_secs(1));
        let slow = |millis| Keep::default().and_slow(Duration::from_millis(millis));
        let cases = [
            ("errors,slow=2m", Keep::errors().and_slow(Duration::from_secs(120)), 0),
            ("slow=1.5s", slow(1_500), 0),
            (" ERRORS , Slow = 500 MS", Keep::errors().and_slow(Duration::from_millis(500)), 0),
            ("errors,", Keep::errors(), 0),
            ("none", Keep::default(), 0),
            ("errors,slow=500", Keep::errors(), 1),
            ("fast,slow=1s,errors", Keep::errors().and_slow(Duration::from_secs(1)), 1),
            ("none,fast", Keep::default(), 1),
            ("fast,slow", code, 2),
            (",", code, 0),
        ];
        for (text, expected, count) in cases {
            let (settings, problems) = resolved(&[("RADIOSONDE_TRACES_KEEP", text)]);
            assert_eq!((settings.keep, problems.len()), (expected, count), "{text}: {problems:?}");
        }
    }

    #[test]
    fn an_argument_that_nobody_reads_is_named() {
        let told = |name: &str, argument: &str| {
            let bad = [("OTEL_TRACES_SAMPLER", name), ("OTEL_TRACES_SAMPLER_ARG", argument)];
            resolved(&bad).1.join("; ")
        };
        assert!(told("", "0.1").contains("without OTEL_TRACES_SAMPLER, and not used"));
        assert!(told("always_on", "0.1").ends_with("not used: always_on takes none"));
        for (name, argument) in [("", " "), ("always_on", ""), ("TraceIdRatio", "0.1")] {
            assert_eq!(told(name, argument), "", "{name} {argument}");
        }
    }

    #[test]
    fn a_misspelt_sampler_is_told_with_the_one_that_holds() {
        let (settings, problems) = resolved(&[("OTEL_TRACES_SAMPLER", "parent_based")]);
        assert_eq!(settings.sampler, Sampler::default());
        let holds = "unknown sampler `parent_based`; parentbased_always_on holds";
        assert_eq!(problems, [format!("OTEL_TRACES_SAMPLER: {holds}")]);
    }

    #[test]
    fn the_environment_says_whether_there_is_a_bridge_and_what_is_missing_is_named() {
        let missing = "the OpenTelemetry bridge is asked for, and radiosonde was built without it";
        let lacks = if crate::otel::IS_THERE { "" } else { missing };
        for (code, variable, asked, told) in [
            (false, "", false, ""),
            (true, "", true, lacks),
            (false, " On ", true, lacks),
            (true, "off", false, ""),
            (false, "yes", false, "RADIOSONDE_OTEL_BRIDGE: `yes` is not understood"),
        ] {
            let config = Config::new(Service::new("test", "1")).otel_bridge(code);
            let (env, problems) =
                (Environment::of(&[("RADIOSONDE_OTEL_BRIDGE", variable)]), Problems::default());
            let settings = TraceSettings::resolve(&config, &env, &problems);
            assert_eq!(settings.otel_bridge, asked && crate::otel::IS_THERE, "{code} {variable}");
            let found: Vec<_> = problems.all().into_iter().map(|problem| problem.what).collect();
            assert_eq!(found.join("; "), told, "{code} {variable}");
            assert_eq!(settings.words().contains("bridge"), settings.otel_bridge);
        }
    }

    #[test]
    fn over_parts_the_environment_can_only_switch_the_bridge_off() {
        for (code, variable, on, told) in [
            (false, "on", false, "RADIOSONDE_OTEL_BRIDGE: `on` is not used"),
            (true, "on", crate::otel::IS_THERE, ""),
            (true, "off", false, ""),
        ] {
            let mut config = Config::new(Service::new("test", "1")).otel_bridge(code);
            config.traces.in_parts = true;
            let (env, problems) =
                (Environment::of(&[("RADIOSONDE_OTEL_BRIDGE", variable)]), Problems::default());
            let settings = TraceSettings::resolve(&config, &env, &problems);
            assert_eq!(settings.otel_bridge, on, "{code} {variable}");
            let found: Vec<_> = problems.all().into_iter().map(|problem| problem.what).collect();
            let is_missing = code && variable == "on" && !crate::otel::IS_THERE;
            assert_eq!(found.is_empty(), told.is_empty() && !is_missing, "{found:?}");
            assert!(found.iter().all(|what| is_missing || what.starts_with(told)), "{found:?}");
        }
    }

    #[test]
    fn spans_that_are_left_out_are_told() {
        let (settings, _) = resolved(&[("RADIOSONDE_TRACES_UNSAMPLED", "skip")]);
        let expected = "parentbased_always_on; kept: slow 1 s; unsampled: left out";
        assert_eq!(settings.words(), expected);

        let config = Config::new(Service::new("shop", "1")).skip_unsampled(true);
        let config = config.layers([tracing_subscriber::layer::Identity::new()]);
        let (env, problems) = (Environment::of(&[]), Problems::default());
        let words = TraceSettings::resolve(&config, &env, &problems).words();
        assert_eq!(words, "parentbased_always_on; kept: none", "a registry keeps all of them");
    }

    #[test]
    fn what_is_wrong_is_named_and_costs_only_itself() {
        let cases = [
            ("RADIOSONDE_TRACES_KEEP", "fast", "`fast` is neither"),
            ("RADIOSONDE_TRACES_KEEP", "fast", "; what the code says holds"),
            ("RADIOSONDE_TRACES_KEEP", "errors,fast", "`fast` is neither"),
            ("RADIOSONDE_TRACES_KEEP", "errors,slow=500", "; it is left out"),
            ("RADIOSONDE_TRACES_KEEP", "slow=-1s", "`slow=-1s` is neither"),
            ("RADIOSONDE_TRACES_KEEP", "error=1", "`error=1` is neither"),
            ("RADIOSONDE_SPAN_EVENTS", "some", "`some` is not understood"),
            ("OTEL_SPAN_LINK_COUNT_LIMIT", "-1", "`-1` is no number"),
        ];
        for (name, value, expected) in cases {
            let (settings, problems) = resolved(&[(name, value)]);
            assert!(problems.iter().any(|what| what.contains(expected)), "{problems:?}");
            assert_eq!(settings.limits, SpanLimits::default());
        }
        let bad = [("OTEL_TRACES_SAMPLER", "traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "1.5")];
        let (settings, problems) = resolved(&bad);
        let expected = Sampler::parse("traceidratio", None).unwrap();
        assert_eq!((settings.sampler, problems.len()), (expected, 1), "the name holds");
    }
}
