//! docs/registry.md, held to the code it describes.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "all of this crate is a test")]

use std::{collections::BTreeSet, fs, path::Path};

use radiosonde_ops::{Day, RegistryDocument, check_document, json_schema, lints};
use radiosonde_registry::code;

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/registry.md");
    fs::read_to_string(path).unwrap()
}

/// The text between a heading and the next one of the same or a higher level.
fn section<'p>(page: &'p str, heading: &str) -> &'p str {
    let (_, after) = page.split_once(&format!("\n{heading}\n")).expect("the heading");
    let level = heading.split(' ').next().unwrap();
    let ends =
        (1..=level.len()).filter_map(|depth| after.find(&format!("\n{} ", "#".repeat(depth))));
    &after[..ends.min().unwrap_or(after.len())]
}

/// The words in code that stand in the first column of tables.
fn listed(text: &str) -> BTreeSet<String> {
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    let first = rows.filter_map(|line| line.split('|').nth(1));
    first.flat_map(|cell| cell.split('`').skip(1).step_by(2).map(str::to_owned)).collect()
}

#[test]
fn every_whole_registry_on_the_page_is_sound() {
    let page = page();
    let blocks = page.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let whole: Vec<_> = blocks.filter(|block| block.contains("schema_version")).collect();
    assert_eq!(whole.len(), 2);
    for block in whole {
        let document = RegistryDocument::of("registry.md", block.to_owned());
        let found = check_document(&document, Day::today()).findings;
        assert!(found.is_empty(), "{found:#?}\n{block}");
    }
}

#[test]
fn the_tables_of_keys_are_those_of_the_schema() {
    let (page, schema) = (page(), json_schema());
    let keys = |definition: Option<&str>| -> BTreeSet<String> {
        let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
        let of = match definition {
            Some(name) => &schema["definitions"][name],
            None => &schema,
        };
        of["properties"].as_object().unwrap().keys().cloned().collect()
    };
    for (heading, definition) in [
        ("### The file", None),
        ("### A label", Some("LabelSpec")),
        ("### A metric", Some("MetricSpec")),
    ] {
        assert_eq!(listed(section(&page, heading)), keys(definition), "{heading}");
    }
    for key in keys(Some("Owner")) {
        assert!(section(&page, "### An owner").contains(&format!("`{key}`")), "{key}");
    }
}

#[test]
fn the_names_in_code_are_those_the_catalogue_has() {
    let page = page();
    let rows = section(&page, "## In code").lines().filter(|line| line.starts_with("| "));
    let mut kinds = BTreeSet::new();
    for row in rows {
        let Some((kind, rest)) = row[2..].split_once(" `") else { continue };
        let Some((name, _)) = rest.split_once('`') else { continue };
        let (what, expected) = match kind {
            "metric" => {
                let (function, constant) = (code::function(name), code::constant(name));
                let both =
                    format!("function `{function}`, constant `{constant}` (its name as text)");
                ("metric", both)
            }
            "label" => {
                let (own, parameter) = (code::label_type(name), code::parameter(name));
                ("label", format!("type `{own}`, parameter `{parameter}`"))
            }
            "value" => ("value", format!("variant `{}`", code::variant(name))),
            _ => continue,
        };
        let _again = kinds.insert(what);
        assert_eq!(row, format!("| {kind} `{name}` | {expected} |"));
    }
    assert_eq!(kinds.len(), 3);
}

#[test]
fn the_table_of_rules_is_the_list_of_lints() {
    let page = page();
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
    for rule in lints() {
        let on = match (rule.on_metrics, rule.on_labels) {
            (true, true) => "metrics, labels",
            (true, false) => "metrics",
            _ => "labels",
        };
        let row = format!("| `{}` | {on} | {} |", rule.name, rule.what);
        assert!(rows.contains(&row.as_str()), "not on the page:\n{row}");
    }
    let names: BTreeSet<String> = lints().iter().map(|rule| rule.name.to_owned()).collect();
    assert_eq!(listed(section(&page, "## Checks")), names);
}
