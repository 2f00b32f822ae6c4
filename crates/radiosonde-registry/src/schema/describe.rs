//! Descriptions: what is written for readers of the code, for readers of the file.

/// The text with names as the file has them, on one line a paragraph.
pub(super) fn for_readers_of_json(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    // Links into the code: [`Registry::labels`] and [`Registry::labels`](crate::Registry::labels).
    while let Some((before, after)) = rest.split_once("[`") {
        plain.push_str(before);
        let Some((name, after)) = after.split_once("`]") else {
            rest = after;
            continue;
        };
        plain.push('`');
        plain.push_str(&key_of(name));
        plain.push('`');
        rest = match after.strip_prefix('(').and_then(|target| target.split_once(')')) {
            Some((_target, after)) => after,
            None => after,
        };
    }
    plain.push_str(rest);
    let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    // "`where` in the file: the series …": the reader is in the file.
    let named = plain.strip_prefix('`').and_then(|rest| rest.split_once("` in the file: "));
    match named {
        Some((_key, rest)) => capitalized(rest),
        None => plain,
    }
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(chars).collect()
}

/// `Registry::labels` is the key `labels`, `Source::App` the word `app`.
fn key_of(path: &str) -> String {
    let Some((_, last)) = path.rsplit_once("::") else { return path.to_owned() };
    let mut key = String::new();
    for (index, char) in last.chars().enumerate() {
        if char.is_ascii_uppercase() && index > 0 {
            key.push('_');
        }
        key.push(char.to_ascii_lowercase());
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_become_names() {
        let table = [
            ("Declared in [`Registry::labels`], see.", "Declared in `labels`, see."),
            ("In [`Registry::owners`](crate::Registry::owners).\nMore.", "In `owners`. More."),
            ("Default: [`Source::App`].", "Default: `app`."),
            ("`where` in the file: the series.", "The series."),
            ("An [`Unended", "An Unended"),
            ("[`X`] and [`A::StateTimeline`]", "`X` and `state_timeline`"),
        ];
        for (written, read) in table {
            assert_eq!(for_readers_of_json(written), read);
        }
    }
}
