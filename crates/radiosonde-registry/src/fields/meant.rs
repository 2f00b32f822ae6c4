//! What was probably meant by a value of another type than the one that belongs there.

use crate::{
    locate::{Path, Step},
    tree::{Kind, Node},
};

/// Keys that have to be there, wherever they are known: nobody is told to leave them out.
pub(super) const DEMANDED: &[&str] = &[
    "at",
    "checks",
    "deprecated",
    "description",
    "factor",
    "fires",
    "help",
    "id",
    "indicator",
    "keep",
    "kind",
    "level",
    "max",
    "min",
    "name",
    "not",
    "objective",
    "reason",
    "rule",
    "scale",
    "schema_version",
    "series",
    "severity",
    "summary",
    "title",
    "to",
    "type",
    "uid",
    "unit",
    "values",
    "window",
];

/// Keys with a list of texts, which may have one only.
const TEXT_LISTS: &[&str] = &["by", "labels", "required_labels", "values"];

/// Values that a message shows.
const SHOWN_MAX: usize = 3;

/// Bytes of a text that a message shows; longer ones are left out.
const SHOWN_BYTES_MAX: usize = 40;

/// The value to write instead, when what stands there leaves no doubt.
pub(super) fn instead(path: &Path, node: &Node, wanted: &str) -> Option<String> {
    let place: Vec<Option<&str>> = path
        .0
        .iter()
        .map(|step| match step {
            Step::Key(key) => Some(key.as_str()),
            Step::Index(_) => None,
        })
        .collect();
    of_place(&place, &node.kind).or_else(|| of_type(&place, node, wanted))
}

/// Keys are `Some`, places in a list `None`.
fn of_place(place: &[Option<&str>], kind: &Kind) -> Option<String> {
    Some(match (place, kind) {
        ([Some("labels")], _) => "`{\"outcome\": {\"values\": [\"success\", \"failure\"]}}`: the \
                                  labels by their names"
            .to_owned(),
        ([Some("metrics")], Kind::Object(_)) => {
            "`[{\"name\": …}]`: the metrics in a list, each with its `name`".to_owned()
        }
        ([Some("labels"), Some(_)], Kind::Array(values)) => {
            format!("`{{\"values\": {}}}`", texts(values)?)
        }
        ([Some("labels"), Some(_)], Kind::String(value)) => {
            format!("`{{\"values\": [{}]}}`", text(value)?)
        }
        ([Some("labels"), Some(_)], Kind::Number(most)) => format!("`{{\"max_values\": {most}}}`"),
        ([Some("environments"), Some(_)], Kind::Number(limit)) => {
            format!("`{{\"series_limit\": {limit}}}`")
        }
        ([Some("owners"), Some(_)], Kind::String(way)) => {
            let key = if way.contains('@') { "email" } else { "slack" };
            format!("`{{\"{key}\": {}}}`", text(way)?)
        }
        ([Some("modules"), Some(_)], Kind::String(policy)) => {
            format!("`{{\"policy\": {}}}`", text(policy)?)
        }
        ([.., Some("lint_allow"), None], Kind::String(rule)) => {
            format!("`{{\"rule\": {}, \"reason\": \"why it may be broken\"}}`", text(rule)?)
        }
        ([Some("metrics"), None, Some("labels")], Kind::Object(_)) => {
            "`[\"outcome\"]`: their names only, as they are declared under `labels` of the file"
                .to_owned()
        }
        _ => return None,
    })
}

/// Keys whose texts may well be numbers, or hold such texts.
const NUMBERS_IN_TEXTS: &[&str] = &["good", "unit", "values", "where"];

fn of_type(place: &[Option<&str>], node: &Node, wanted: &str) -> Option<String> {
    match &node.kind {
        Kind::String(written)
            if wanted == "an array" && TEXT_LISTS.contains(&place.last().copied().flatten()?) =>
        {
            Some(format!("`[{}]`", text(written)?))
        }
        Kind::String(written) if wanted == "true or false" => ["true", "false"]
            .contains(&written.as_str())
            .then(|| format!("`{written}`, without quotes")),
        Kind::String(written) if wanted.contains("number") => {
            let is_whole = written.parse::<u64>().is_ok();
            let is_number = written.parse::<f64>().is_ok_and(f64::is_finite);
            let fits = is_whole || (is_number && wanted == "a number");
            (fits && written.len() <= SHOWN_BYTES_MAX)
                .then(|| format!("`{written}`, without quotes"))
        }
        Kind::Number(number) if wanted.starts_with("a string") => {
            let mut keys = place.iter().flatten();
            keys.any(|key| NUMBERS_IN_TEXTS.contains(key))
                .then(|| format!("`\"{number}\"`, in quotes"))
        }
        _ => None,
    }
}

/// The texts of a list, the first ones.
fn texts(nodes: &[Node]) -> Option<String> {
    let mut shown = Vec::new();
    for node in nodes.iter().take(SHOWN_MAX) {
        let Kind::String(value) = &node.kind else { return None };
        shown.push(text(value)?);
    }
    let more = if nodes.len() > SHOWN_MAX { ", …" } else { "" };
    (!shown.is_empty()).then(|| format!("[{}{more}]", shown.join(", ")))
}

fn text(text: &str) -> Option<String> {
    let is_short = text.len() <= SHOWN_BYTES_MAX;
    is_short.then(|| serde_json::to_string(text).ok()).flatten()
}
