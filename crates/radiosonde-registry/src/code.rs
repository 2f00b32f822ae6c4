//! Names in a registry as identifiers of code: one rule for each kind, the same for everybody.
//!
//! `catalog!` makes its functions, constants, types and variants with these rules, and the lints
//! ask them whether two things in a registry would have one name.
//!
//! ```
//! use radiosonde_registry::code;
//!
//! assert_eq!(code::constant("runs_total"), "RUNS_TOTAL");
//! assert_eq!(code::label_type("http_status"), "HttpStatus");
//! assert_eq!(code::variant("timed-out"), "TimedOut");
//! assert_eq!(code::variant("404"), "_404");
//! ```

/// The constant of a metric: its name in capitals.
pub fn constant(metric: &str) -> String {
    metric.to_ascii_uppercase()
}

/// The function of a metric: its name; in small letters when it has none, as the constant has the
/// other spelling.
pub fn function(metric: &str) -> String {
    if metric == constant(metric) { raw(&metric.to_ascii_lowercase()) } else { raw(metric) }
}

/// The parameter of a label: its name in small letters, which no constant has.
pub fn parameter(label: &str) -> String {
    raw(&label.to_ascii_lowercase())
}

/// The type of a label: the words of its name, each with a capital. Empty for `_`.
pub fn label_type(label: &str) -> String {
    whole(label.split('_').filter(|word| !word.is_empty()).map(capital).collect())
}

/// The variant of a value: its words, each with a capital. What is no letter or digit of ASCII ends
/// a word and is left out; between two digits it leaves a `_`. Other letters are spelt `U` and their
/// number, and so is everything in a value without any letter or digit.
pub fn variant(value: &str) -> String {
    let speaks = value.chars().any(char::is_alphanumeric);
    let mut name = String::new();
    let (mut begins, mut parted) = (true, false);
    for next in value.chars() {
        if next.is_ascii_alphanumeric() {
            if parted && next.is_ascii_digit() && name.ends_with(|last: char| last.is_ascii_digit())
            {
                name.push('_');
            }
            name.push(if begins { next.to_ascii_uppercase() } else { next });
            (begins, parted) = (false, false);
        } else if next.is_alphanumeric() || !speaks {
            name += &format!("U{:04X}", u32::from(next));
            (begins, parted) = (true, false);
        } else {
            (begins, parted) = (true, true);
        }
    }
    // The list of all values has that name.
    if name == "ALL" { "ALL_".to_owned() } else { whole(name) }
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    let first = chars.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(chars).collect()
}

/// Made fit to stand alone.
fn whole(name: String) -> String {
    match name.as_str() {
        "Self" => "Self_".to_owned(),
        _ if name.starts_with(|first: char| first.is_ascii_digit()) => format!("_{name}"),
        _ => name,
    }
}

/// A name that may be a keyword, in any edition.
fn raw(name: &str) -> String {
    match name {
        "crate" | "self" | "Self" | "super" => format!("{name}_"),
        _ if KEYWORDS.contains(&name) => format!("r#{name}"),
        _ => name.to_owned(),
    }
}

const KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let",
    "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return",
    "static", "struct", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use",
    "virtual", "where", "while", "yield",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        let table = [
            ("success", "Success"),
            ("timed_out", "TimedOut"),
            ("timed-out", "TimedOut"),
            ("camelCase", "CamelCase"),
            ("GET", "GET"),
            ("429", "_429"),
            ("5xx", "_5xx"),
            ("1.5", "_1_5"),
            ("gpt-4.1-mini", "Gpt4_1Mini"),
            ("gpt-4-1", "Gpt4_1"),
            ("v1 2", "V1_2"),
            ("deepseek/x", "DeepseekX"),
            ("_OTHER", "OTHER"),
            ("self", "Self_"),
            ("ALL", "ALL_"),
            ("all", "All"),
            ("größe", "GrU00F6U00DFE"),
            ("日本", "U65E5U672C"),
            ("-", "U002D"),
            ("+1", "_1"),
            ("*/*", "U002AU002FU002A"),
            ("🎈", "U1F388"),
        ];
        for (value, expected) in table {
            assert_eq!(variant(value), expected, "{value}");
        }
    }

    #[test]
    fn every_value_makes_an_identifier() {
        let identifier = |name: &str| {
            let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let starts = |c: char| c.is_ascii_uppercase() || c == '_';
            name.starts_with(starts) && name.chars().all(fits) && !["_", "Self"].contains(&name)
        };
        for character in (' '..='\u{ffff}').chain('\u{1f300}'..='\u{1faff}') {
            for value in ["x", "1x", "x1", "Self x", " x ", "1x1", "selfx"] {
                let value = value.replace('x', character.encode_utf8(&mut [0; 4]));
                assert!(identifier(&variant(&value)), "{value:?} makes `{}`", variant(&value));
            }
        }
    }

    #[test]
    fn labels_and_metrics() {
        for (label, expected) in [
            ("provider", "Provider"),
            ("http_status_2xx", "HttpStatus2xx"),
            ("_2xx", "_2xx"),
            ("self", "Self_"),
            ("jobId", "JobId"),
            ("_", ""),
        ] {
            assert_eq!(label_type(label), expected, "{label}");
        }
        for (metric, expected) in
            [("runs_total", "runs_total"), ("type", "r#type"), ("self", "self_"), ("DAU", "dau")]
        {
            assert_eq!(function(metric), expected, "{metric}");
        }
        assert_eq!(parameter("Type"), "r#type");
        assert_eq!(parameter("super"), "super_");
    }
}
