//! How contexts travel: in which formats, and to whom baggage goes.

use radiosonde_context::propagation::{
    Destinations, Propagators, set_baggage_destinations, set_baggage_filter, set_propagators,
};
use radiosonde_redact::Rules;

use super::Environment;
use crate::config::Config;
use crate::problem::Problems;

/// What this process sends and reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Propagation {
    propagators: Propagators,
    destinations: Destinations,
    /// The list of destinations, for people.
    to: String,
}

impl Propagation {
    /// What is wrong in a list becomes a problem, and the rest of it holds; of a list with nothing
    /// right in it the default does.
    pub(super) fn resolve(config: &Config, env: &Environment, problems: &Problems) -> Self {
        let set = |name: &'static str, code: Option<&String>, key: &'static str| {
            let text = env.text(name, problems).map(|text| (name, text));
            text.or_else(|| code.map(|text| (key, text.clone())))
        };
        let propagators = set("OTEL_PROPAGATORS", config.propagators.as_ref(), "propagators");
        let destinations = set("RADIOSONDE_BAGGAGE_TO", config.baggage_to.as_ref(), "baggage_to");
        let propagators = propagators
            .and_then(|(name, list)| propagators_of(name, &list, problems))
            .unwrap_or_default();
        let destinations = destinations.map(|(name, list)| {
            // Who wrote a list of which nothing is right wanted one.
            let loopback = || ("loopback".to_owned(), Destinations::loopback());
            destinations_of(name, &list, problems).unwrap_or_else(loopback)
        });
        let (to, destinations) = destinations.unwrap_or_default();
        Self { propagators, to: recipients(&to, &destinations), destinations }
    }

    /// `propagators tracecontext, baggage; baggage to loopback`
    pub(crate) fn words(&self) -> String {
        let propagators = self.propagators.to_string().replace(',', ", ");
        format!("propagators {propagators}; baggage to {}", self.to)
    }

    /// Makes them those of the process. No baggage leaves that the rules would hide in a line.
    pub(crate) fn apply(&self, rules: &Rules) {
        set_propagators(self.propagators);
        set_baggage_destinations(self.destinations.clone());
        let rules = rules.clone();
        set_baggage_filter(move |key, value| {
            let path = format!("baggage.{key}");
            rules.rule_for_key(key).is_none()
                && rules.redact_at(&path, value, &mut |_| ()).is_none()
        });
    }
}

fn propagators_of(name: &str, list: &str, problems: &Problems) -> Option<Propagators> {
    let mut unknown = |error: &str| {
        problems.say(
            format!("{name}: {error}"),
            "use tracecontext, baggage, b3 and b3multi, with commas between them, or none alone",
        );
    };
    let default = "tracecontext and baggage,";
    keep_known(list, Propagators::parse, default, &mut unknown).map(|(_, known)| known)
}

fn destinations_of(name: &str, list: &str, problems: &Problems) -> Option<(String, Destinations)> {
    let mut invalid = |error: &str| {
        problems.say(
            format!("{name}: {error}"),
            "list hosts and networks that may get baggage, such as loopback,*.internal,10.0.0.0/8",
        );
    };
    keep_known(list, Destinations::parse, "loopback,", &mut invalid)
}

/// Who gets baggage.
fn recipients(list: &str, destinations: &Destinations) -> String {
    let hosts: Vec<&str> = list.split(',').map(str::trim).filter(|host| !host.is_empty()).collect();
    if *destinations == Destinations::default() {
        "loopback".to_owned()
    } else if *destinations == Destinations::NONE {
        "nobody".to_owned()
    } else if hosts.contains(&"*") {
        "everybody".to_owned()
    } else {
        hosts.join(", ")
    }
}

/// The list, without the entries that are wrong in it, and what it says; none when nothing is left,
/// and `default` holds.
fn keep_known<T, E: std::fmt::Display>(
    list: &str,
    parse: impl Fn(&str) -> Result<T, E>,
    default: &str,
    wrong: &mut dyn FnMut(&str),
) -> Option<(String, T)> {
    if let Ok(whole) = parse(list) {
        return Some((list.to_owned(), whole));
    }
    let (mut known, mut errors): (Vec<&str>, Vec<String>) = Default::default();
    for entry in list.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        let with = [&known[..], &[entry]].concat().join(",");
        match parse(&with) {
            Ok(_) => known.push(entry),
            Err(error) => errors.push(error.to_string()),
        }
    }
    let becomes = match known.is_empty() {
        true => &format!("the default, {default} holds"),
        false => "it is left out",
    };
    errors.iter().for_each(|error| wrong(&format!("{error}; {becomes}")));
    let known = Some(known.join(",")).filter(|known| !known.is_empty())?;
    let parsed = parse(&known).ok()?;
    Some((known, parsed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Service;

    fn resolve(config: &Config, variables: &[(&str, &str)]) -> (Propagation, Vec<String>) {
        let problems = Problems::default();
        let found = Propagation::resolve(config, &Environment::of(variables), &problems);
        (found, problems.all().into_iter().map(|problem| problem.what).collect())
    }

    #[test]
    fn the_environment_wins_and_what_is_wrong_in_a_list_is_left_out() {
        let none = || Config::new(Service::new("package", "1.0.0"));
        let code = || none().propagators("b3").baggage_to("*.internal");
        // Variables, what is asked for in code, and what holds; then how many problems there are.
        let cases = [
            (none(), "", "", "tracecontext,baggage", "localhost,*.localhost,127.0.0.0/8,::1", 0),
            (code(), "", "", "b3", "*.internal", 0),
            (code(), "none", "none", "none", "none", 0),
            (code(), "b3multi, baggage", "10.0.0.0/8", "b3multi,baggage", "10.0.0.0/8", 0),
            (none(), "tracecontext,jaeger", "a b,c", "tracecontext", "c", 2),
            (
                none(),
                "tracecontext,none,b3",
                "",
                "tracecontext,b3",
                "localhost,*.localhost,127.0.0.0/8,::1",
                1,
            ),
            (code(), "xray,ottrace", "*", "tracecontext,baggage", "*", 2),
        ];
        for (config, propagators, to, expected, expected_to, count) in cases {
            let variables = [("OTEL_PROPAGATORS", propagators), ("RADIOSONDE_BAGGAGE_TO", to)];
            let (found, problems) = resolve(&config, &variables);
            assert_eq!(found.propagators.to_string(), expected, "{variables:?}");
            let expected = Destinations::parse(expected_to).unwrap();
            assert_eq!(found.destinations, expected, "{variables:?}");
            assert_eq!(problems.len(), count, "{variables:?}: {problems:?}");
        }
        let config = none().propagators("jaeger");
        let (_, problems) = resolve(&config, &[]);
        let holds = "the default, tracecontext and baggage, holds";
        assert_eq!(problems, [format!("propagators: unknown propagator `jaeger`; {holds}")]);
        let (_, problems) = resolve(&none(), &[("OTEL_PROPAGATORS", "b3,jaeger")]);
        assert_eq!(problems, ["OTEL_PROPAGATORS: unknown propagator `jaeger`; it is left out"]);
        let (_, problems) = resolve(&none(), &[("RADIOSONDE_BAGGAGE_TO", "c,all")]);
        let instead = "`all` is no host: `*` is everybody; it is left out";
        assert_eq!(problems, [format!("RADIOSONDE_BAGGAGE_TO: {instead}")]);
    }

    #[test]
    fn people_are_told_what_holds() {
        let cases = [
            ("", "", "propagators tracecontext, baggage; baggage to loopback"),
            ("none", "none", "propagators none; baggage to nobody"),
            (
                "b3",
                "*.internal,10.0.0.0/8,a b",
                "propagators b3; baggage to *.internal, 10.0.0.0/8",
            ),
            ("", "loopback", "propagators tracecontext, baggage; baggage to loopback"),
            (
                "",
                "loopback,*.internal,all",
                "propagators tracecontext, baggage; baggage to loopback, *.internal",
            ),
            ("", "any", "propagators tracecontext, baggage; baggage to loopback"),
            ("w3c", "a,*", "propagators tracecontext, baggage; baggage to everybody"),
        ];
        for (propagators, to, expected) in cases {
            let variables = [("OTEL_PROPAGATORS", propagators), ("RADIOSONDE_BAGGAGE_TO", to)];
            let config = Config::new(Service::new("package", "1.0.0"));
            assert_eq!(resolve(&config, &variables).0.words(), expected);
        }
    }
}
