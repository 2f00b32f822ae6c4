//! What people read when they point at something in a catalogue.

use radiosonde_registry::{
    Deprecation, LabelSpec, MetricSpec, MetricType, Registry, Source, Status, code as names,
};

/// Values of a label that are named.
const NAMED_MAX: usize = 8;

/// The first line of everything about a metric.
pub(super) fn constant(metric: &MetricSpec) -> String {
    format!("The name of [`{}()`]: {}", names::function(&metric.name), plain(&metric.help))
}

/// Help, then everything the writer of a metric wants to know.
pub(super) fn metric(registry: &Registry, metric: &MetricSpec) -> String {
    let mut text = format!(
        "{}\n\n`{}`: {} in {}",
        plain(&metric.help),
        metric.name,
        metric.metric_type,
        plain(metric.unit.as_deref().unwrap_or("1"))
    );
    if let Some(owner) = &metric.owner {
        text += &format!("; owned by {}", plain(owner));
    }
    if metric.source == Source::Batch {
        text += "; written by a job";
    }
    if let Some(interval) = metric.interval_s {
        text += &format!("; written every {interval} s");
    }
    if metric.version > 1 {
        text += &format!("; version {}", metric.version);
    }
    text.push('.');
    if let Status::Deprecated(deprecation) = &metric.status {
        text += "\n\nDeprecated";
        if let Some(since) = &deprecation.since {
            text += &format!(" since {}", plain(since));
        }
        text += &format!(": {}.", plain(&instead(deprecation)));
    }
    if !metric.labels.is_empty() {
        text.push('\n');
    }
    for name in &metric.labels {
        let spec = registry.labels.get(name);
        text += &format!("\n- `{name}`: {}", label_values(name, spec));
        if let Some(description) = spec.and_then(|spec| spec.description.as_deref()) {
            text += &format!(". {}", plain(description));
        }
    }
    text + &format!("\n\n```text\n{}\n```", example(registry, metric))
}

/// What the compiler says about the use of a deprecated metric.
pub(super) fn instead(deprecation: &Deprecation) -> String {
    match &deprecation.replaced_by {
        Some(instead) => format!("use `{instead}` instead"),
        None => "no replacement is named".to_owned(),
    }
}

/// The type of a label.
pub(super) fn label(name: &str, spec: &LabelSpec) -> String {
    let mut text = String::new();
    if let Some(description) = &spec.description {
        text += &format!("{}\n\n", plain(description));
    }
    if spec.values.is_some() {
        text + &format!("The values of the label `{name}`.")
    } else {
        let rule = rule(spec);
        let rule = if rule.is_empty() { String::new() } else { format!(": {rule}") };
        text + &format!("A value of the label `{name}`{rule}.")
    }
}

fn label_values(name: &str, spec: Option<&LabelSpec>) -> String {
    let link = names::label_type(name);
    let Some(spec) = spec else { return format!("[`type@{link}`]") };
    let Some(values) = &spec.values else {
        let rule = rule(spec);
        let before = if rule.is_empty() { "" } else { ", " };
        return format!("[`type@{link}`] or a text{before}{rule}");
    };
    let named: Vec<String> = values.iter().take(NAMED_MAX).map(|value| code(value)).collect();
    let more = if values.len() > NAMED_MAX { ", …" } else { "" };
    format!("[`type@{link}`], {}{more}", named.join(", "))
}

/// What a value that is not listed has to be.
fn rule(spec: &LabelSpec) -> String {
    let mut rules = Vec::new();
    if let Some(pattern) = &spec.pattern {
        rules.push(format!("a match of {}", code(pattern)));
    }
    if let Some(max) = spec.max_values {
        rules.push(format!("at most {max} different ones"));
    }
    rules.join(", ")
}

/// A write, as it stands in a program.
fn example(registry: &Registry, metric: &MetricSpec) -> String {
    let values = metric.labels.iter().map(|label| {
        let listed = registry.labels.get(label).and_then(|spec| spec.values.as_ref());
        match listed.map(|values| values.first()) {
            Some(Some(value)) => {
                format!("catalog::{}::{}", names::label_type(label), names::variant(value))
            }
            _ => format!("&{}", names::parameter(label)),
        }
    });
    let write = match metric.metric_type {
        MetricType::Counter => "increment(1)",
        MetricType::Gauge => "set(1.5)",
        _ => "record(1.5)",
    };
    let values: Vec<String> = values.collect();
    format!("catalog::{}({}).{write};", names::function(&metric.name), values.join(", "))
}

/// A text in the type of a program, whatever is in it.
pub(super) fn code(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if !text.contains('`') {
        return format!("`{text}`");
    }
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    format!("{fence} {text} {fence}")
}

/// Text that Markdown shows as it is: links and tags in it would be warnings in the user's docs.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let text = text.trim();
    for (place, next) in text.char_indices() {
        match next {
            '[' | ']' | '<' | '>' | '*' | '`' | '\\' | '#' | '~' | '|' | '&' => {
                plain.extend(['\\', next]);
            }
            // An address would be a warning as well.
            ':' if text[place..].starts_with("://") => plain.push_str("\\:"),
            // A line of its own could begin a heading or a list.
            next if next.is_control() => plain.push(' '),
            next => plain.push(next),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_cannot_be_smuggled_in() {
        assert_eq!(plain(" a [b](c) <d>\n# e "), "a \\[b\\](c) \\<d\\> \\# e");
        assert_eq!(plain("see https://example.org"), "see https\\://example.org");
        assert_eq!(code("a`b"), "`` a`b ``");
        assert_eq!(code("a``b\n"), "``` a``b  ```");
        assert_eq!(code("[a](b)"), "`[a](b)`");
    }
}
