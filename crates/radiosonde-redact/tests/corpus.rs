//! The corpus through the rules themselves: of the secrets nothing survives, and what is innocent
//! stays as it is. `corpus/README.md` tells its form; radiosonde's own tests take it through events,
//! spans, labels and consoles.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use radiosonde_redact::Rules;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    at: String,
    key: Option<String>,
    text: Vec<String>,
    #[serde(default)]
    gone: Vec<String>,
}

fn entries(lines: &str) -> Vec<Entry> {
    let entries: Vec<Entry> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut texts: Vec<_> = entries.iter().map(|e| (&e.at, &e.key, e.text.concat())).collect();
    texts.sort();
    texts.dedup();
    assert_eq!(texts.len(), entries.len(), "no line twice");
    assert!(entries.len() >= 300);
    entries
}

/// What is shown of an entry, and by which rules something of it is not.
fn shown(rules: &Rules, entry: &Entry) -> (String, Vec<String>) {
    let text = entry.text.concat();
    let mut names = Vec::new();
    let mut count = |rule: &str| names.push(rule.to_owned());
    let shown = match entry.at.as_str() {
        "key" => rules.rule_for_key(entry.key.as_ref().unwrap()).map(|rule| {
            count(rule);
            String::new()
        }),
        "json" => rules.redact_json("meta.body", &text, &mut count),
        _ => rules.redact_at("meta.note", &text, &mut count),
    };
    (shown.unwrap_or(text), names)
}

#[test]
fn no_secret_survives() {
    let rules = Rules::standard();
    let survivors: Vec<String> = entries(include_str!("../corpus/secrets.jsonl"))
        .iter()
        .filter_map(|entry| {
            let gone = entry.gone.concat();
            assert!(!gone.is_empty() && entry.text.concat().contains(&gone), "{gone}");
            let (shown, names) = shown(&rules, entry);
            (shown.contains(&gone) || names.is_empty()).then(|| format!("{}: {shown}", entry.at))
        })
        .collect();
    assert!(survivors.is_empty(), "{} survive: {survivors:#?}", survivors.len());
}

#[test]
fn nothing_innocent_is_changed() {
    let rules = Rules::standard();
    let changed: Vec<_> = entries(include_str!("../corpus/innocent.jsonl"))
        .iter()
        .map(|entry| (entry.text.concat(), shown(&rules, entry)))
        .filter(|(text, (shown, names))| text != shown || !names.is_empty())
        .collect();
    assert!(changed.is_empty(), "{} are changed: {changed:#?}", changed.len());
}
