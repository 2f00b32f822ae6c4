//! Where each row of a story is from: its service, and its machine where that is not clear from the
//! service.

use std::collections::{BTreeMap, BTreeSet};

use radiosonde_store::Line;

use crate::render::text::{columns, fit, fit_middle, shown};
use crate::story::{Story, What};

/// The names of the services and machines of a story that is from several.
#[derive(Debug, Default)]
pub(crate) struct Places {
    /// By service and machine; `-` stands for what a line does not say.
    names: BTreeMap<(String, String), String>,
    /// Columns of the longest.
    pub(crate) width: usize,
}

impl Places {
    /// `None` where all is from one place.
    pub(crate) fn of(story: &Story) -> Option<Self> {
        let lines = story.nodes.iter().filter_map(|node| match &node.what {
            What::Line(line) => Some(line),
            What::Span(span) => Some(&span.line),
            _ => None,
        });
        let places: BTreeSet<(String, String)> = lines.map(place).collect();
        let named = |side: fn(&(String, String)) -> &String| -> BTreeSet<&str> {
            places.iter().map(|place| side(place).as_str()).filter(|name| *name != NONE).collect()
        };
        let (services, machines) = (named(|place| &place.0), named(|place| &place.1));
        if services.len() < 2 && machines.len() < 2 {
            return None;
        }
        let common = common_start(&machines);
        let name = |(service, machine): &(String, String)| {
            let machines = places.iter().filter(|other| other.0 == *service && other.1 != NONE);
            match (service != NONE, machine != NONE) {
                (false, false) => String::new(),
                (true, false) => service.clone(),
                (false, true) => machine[common..].to_owned(),
                // One service on several machines: their names alone tell them apart.
                (true, true) if services.len() == 1 => machine[common..].to_owned(),
                (true, true) if machines.count() == 1 => service.clone(),
                (true, true) => format!("{service}@{}", &machine[common..]),
            }
        };
        let names: BTreeMap<_, _> = places
            .iter()
            .map(|place| (place.clone(), fit(&shown(&name(place)), WIDTH_MAX).into_owned()))
            .collect();
        let width = names.values().map(|name| columns(name)).max().unwrap_or(0);
        Some(Self { names, width })
    }

    /// The name of a node's place in so many columns, padded; blank where it has none of its own.
    pub(crate) fn name(
        &self,
        story: &Story,
        node: usize,
        parent: Option<usize>,
        width: usize,
    ) -> String {
        let line = |node: usize| match &story.nodes[node].what {
            What::Line(line) => Some(line),
            What::Span(span) => Some(&span.line),
            _ => None,
        };
        // Those that are folded are all from one service.
        let node = match &story.nodes[node].what {
            What::Fold(fold) => fold.first,
            _ => node,
        };
        // What a span's line tells of its inside is from where the span is.
        let inside = matches!(story.nodes[node].what, What::Moment(_) | What::More(_));
        let line = line(node).or_else(|| parent.filter(|_| inside).and_then(line));
        let name = line.and_then(|line| self.names.get(&place(line))).map_or("", String::as_str);
        let name = fit_middle(name, width);
        format!("{name}{}", " ".repeat(width.saturating_sub(columns(&name))))
    }

    /// `api on machine-api`, each service with its machines.
    pub(crate) fn told(&self) -> Vec<String> {
        let mut machines: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (service, machine) in self.names.keys() {
            if service == NONE && machine == NONE {
                continue;
            }
            let of_service = machines.entry(service).or_default();
            of_service.extend((machine != NONE).then(|| shown(machine)));
        }
        let told = |(service, machines): (&str, Vec<String>)| {
            let service = if service == NONE { "no service".to_owned() } else { shown(service) };
            match machines[..] {
                [] => service,
                [ref one] => format!("{service} on {one}"),
                _ => {
                    let few = machines[..machines.len().min(MACHINES_MAX)].join(" and ");
                    let more = machines.len().saturating_sub(MACHINES_MAX);
                    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                    format!("{service} on {few}{more}")
                }
            }
        };
        let more = machines.len().saturating_sub(SERVICES_MAX);
        let mut told: Vec<String> = machines.into_iter().take(SERVICES_MAX).map(told).collect();
        told.extend((more > 0).then(|| format!("and {more} more")));
        told
    }
}

fn place(line: &Line) -> (String, String) {
    let text = |text: &Option<String>| text.as_deref().unwrap_or(NONE).to_owned();
    (text(&line.service), text(&line.machine_id))
}

/// Bytes that all machines begin with, up to a `-` or the like: they tell nothing.
fn common_start(machines: &BTreeSet<&str>) -> usize {
    let names: Vec<&str> = machines.iter().copied().collect();
    let [first, rest @ ..] = &names[..] else { return 0 };
    if rest.is_empty() {
        return 0;
    }
    let is_common = |end: &usize| rest.iter().all(|name| name.get(..*end) == first.get(..*end));
    let ends = first.match_indices(['-', '.', '_']).map(|(at, _)| at + 1).filter(is_common);
    ends.max().unwrap_or(0)
}

/// What a line has that names no service, or no machine.
const NONE: &str = "-";
/// Columns of a place at most.
const WIDTH_MAX: usize = 16;
/// So many machines of a service, and services, are named above a story.
const MACHINES_MAX: usize = 2;
const SERVICES_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::tests::told;

    /// A story of one span in each place, `service/machine`.
    fn places(of: &[&str]) -> (Vec<String>, Vec<String>) {
        let mut lines = Vec::new();
        for (nth, place) in of.iter().enumerate() {
            let mut line = told(&[(&format!("s{nth}"), "", nth as i64, 100)]).remove(0);
            let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
            let (service, machine) = place.split_once('/').unwrap();
            (line.service, line.machine_id) = (some(service), some(machine));
            lines.push(line);
        }
        let story = Story::new(lines, vec![]).unwrap();
        let Some(places) = Places::of(&story) else { return (vec![], vec![]) };
        let rows = story.rows();
        let names = rows.iter().map(|row| places.name(&story, row.node, row.parent, places.width));
        (names.map(|name| name.trim_end().to_owned()).collect(), places.told())
    }

    #[test]
    fn a_place_is_named_as_shortly_as_tells_it_from_the_others() {
        for (of, names, told) in [
            (&["a/m", "a/m"][..], &[][..], &[][..]),
            (&["a/m", "b/m"], &["a", "b"], &["a on m", "b on m"]),
            (&["a/m-1", "a/m-2"], &["1", "2"], &["a on m-1 and m-2"]),
            (
                &["api/host-a", "job/host-b", "job/host-c"],
                &["api", "job@b", "job@c"],
                &["api on host-a", "job on host-b and host-c"],
            ),
            (&["a/", "b/m"], &["a", "b"], &["a", "b on m"]),
            (&["/m", "b/n"], &["m", "n"], &["no service on m", "b on n"]),
            (&["/m", "b/m"], &[], &[]),
            (&["a/é-1", "a/è-2"], &["é-1", "è-2"], &["a on è-2 and é-1"]),
            (
                &["a-service-of-a-long-name/m", "b/m"],
                &["a-service-of-a-…", "b"],
                &["a-service-of-a-long-name on m", "b on m"],
            ),
        ] {
            let (found_names, found_told) = places(of);
            assert_eq!(found_names, names, "{of:?}");
            assert_eq!(found_told, told, "{of:?}");
        }
    }
}
