//! Names: the Prometheus grammar, what formats make of them, and guesses at what was meant.

use crate::model::MetricType;

/// Every name that the formats write for a metric. OpenMetrics calls the family of a counter by
/// its name without `_total`.
pub(crate) fn written(name: &str, metric_type: MetricType, is_deprecated: bool) -> Vec<String> {
    let base = match metric_type {
        MetricType::Counter => name.strip_suffix("_total").filter(|base| !base.is_empty()),
        _ => Some(name),
    };
    let beside_parts: &[&str] = match metric_type {
        MetricType::Counter if base.is_some() => &["", "_created"],
        MetricType::Counter | MetricType::Gauge => &[],
        MetricType::Histogram | MetricType::Summary => &["_created"],
    };
    let suffixes = metric_type.parts().iter().chain(beside_parts);
    let made = suffixes.map(|suffix| format!("{}{suffix}", base.unwrap_or(name)));
    let beside = is_deprecated.then(|| format!("{name}_deprecated"));
    std::iter::once(name.to_owned()).chain(made).chain(beside).collect()
}

/// Every name that a scrape in the text format has lines of, for a metric of that name and type:
/// the name itself first, which stands in its `# TYPE`.
///
/// ```
/// use radiosonde_registry::{MetricType, sample_names};
///
/// let names = sample_names("took_seconds", MetricType::Summary);
/// assert_eq!(names, ["took_seconds", "took_seconds_count", "took_seconds_sum"]);
/// ```
pub fn sample_names(name: &str, metric_type: MetricType) -> Vec<String> {
    let made = metric_type.parts().iter().map(|suffix| format!("{name}{suffix}"));
    std::iter::once(name.to_owned()).chain(made).collect()
}

/// The quantiles of a summary: the values of its label `quantile` in a scrape, written as
/// [`f64`]'s `Debug` writes them.
pub const SUMMARY_QUANTILES: [f64; 4] = [0.5, 0.9, 0.95, 0.99];

/// A name with its version, which stands before the `_total` of a counter.
pub(crate) fn versioned(stem: &str, version: Option<u32>, has_total: bool) -> String {
    let version = version.map(|version| format!("_v{version}")).unwrap_or_default();
    format!("{stem}{version}{}", if has_total { "_total" } else { "" })
}

/// Whether a metric name follows the Prometheus grammar.
pub(crate) fn is_metric_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || b"_:".contains(&first))
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"_:".contains(&byte))
}

/// Whether a label name follows the Prometheus grammar.
pub(crate) fn is_label_name(name: &str) -> bool {
    is_metric_name(name) && !name.contains(':')
}

/// The name with `_` for every character that cannot be in one; `None` when that is no name either.
pub(crate) fn fitted(name: &str) -> Option<String> {
    let fit = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let fitted: String = name.chars().map(fit).collect();
    let says_something = fitted.contains(|c: char| c.is_ascii_alphanumeric());
    (is_label_name(&fitted) && says_something).then_some(fitted)
}

/// What to do about a name with characters that cannot be in one.
pub(crate) fn renaming(name: &str) -> String {
    match fitted(name) {
        Some(fitted) => format!("call it `{fitted}`"),
        None => "use letters, digits and underscores, not beginning with a digit".to_owned(),
    }
}

/// The words of a name in lower case: `userId`, `user_id` and `UserID` have the same two.
pub(crate) fn words(name: &str) -> Vec<String> {
    let snake = snake_case(name);
    snake.split(['_', ':']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// The name in snake_case; the same when it is already.
pub(crate) fn snake_case(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut snake = String::with_capacity(name.len() + 4);
    for (index, char) in chars.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|before| chars.get(before));
        let after = chars.get(index + 1);
        // In `HTTPServer` the second word begins where a small letter follows.
        let begins = before.is_some_and(|before| {
            before.is_ascii_lowercase()
                || before.is_ascii_digit()
                || (before.is_ascii_uppercase() && after.is_some_and(char::is_ascii_lowercase))
        });
        if char.is_ascii_uppercase() && begins {
            snake.push('_');
        }
        snake.push(char.to_ascii_lowercase());
    }
    snake
}

/// The longest name that is worth a guess: longer ones are no misspelling, and looking for the
/// distance takes time with the square of the length.
const GUESS_BYTES_MAX: usize = 64;

/// The candidate that was probably meant: a third of it may be wrong, but never all of it.
pub(crate) fn closest<'c>(
    written: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    if written.len() > GUESS_BYTES_MAX {
        return None;
    }
    let letters = letters(written);
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= GUESS_BYTES_MAX)
        .filter_map(|candidate| {
            let allowed = (candidate.chars().count() / 3).max(1);
            // Cheap, and enough to pass over nearly all of a registry with thousands of names.
            if edits_at_least(&letters, &self::letters(candidate)) > allowed {
                return None;
            }
            Some((distance(written, candidate), candidate)).filter(|(edits, _)| *edits <= allowed)
        })
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// How often each character stands in a name; all that are not ASCII count as one.
fn letters(name: &str) -> [u8; 128] {
    let mut counts = [0; 128];
    for char in name.chars() {
        // At most as many as `GUESS_BYTES_MAX`.
        counts[usize::try_from(u32::from(char).min(127)).unwrap_or(127)] += 1;
    }
    counts
}

/// Edits that two names need at least: one edit adds a letter, takes one away, or does both.
fn edits_at_least(left: &[u8; 128], right: &[u8; 128]) -> usize {
    let surplus = |one: &[u8; 128], other: &[u8; 128]| -> usize {
        one.iter().zip(other).map(|(one, other)| usize::from(one.saturating_sub(*other))).sum()
    };
    surplus(left, right).max(surplus(right, left))
}

/// Edits (insert, delete, replace, swap of neighbours) between two names.
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().collect();
    let right: Vec<char> = right.chars().collect();
    let width = right.len() + 1;
    let mut table = vec![0_usize; (left.len() + 1) * width];
    for row in 0..=left.len() {
        for column in 0..width {
            let here = row * width + column;
            table[here] = if row == 0 || column == 0 {
                row + column
            } else {
                let same = left[row - 1] == right[column - 1];
                let above = here - width;
                let mut best = (table[above - 1] + usize::from(!same))
                    .min(table[above] + 1)
                    .min(table[here - 1] + 1);
                if row > 1
                    && column > 1
                    && left[row - 1] == right[column - 2]
                    && left[row - 2] == right[column - 1]
                {
                    best = best.min(table[above - width - 2] + 1);
                }
                best
            };
        }
    }
    table.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grammar() {
        for good in ["a", "_a", "http_2xx_total", "job:rate:5m"] {
            assert!(is_metric_name(good), "{good}");
        }
        for bad in ["", "2xx", "a-b", "a b", "é", "a.b"] {
            assert!(!is_metric_name(bad), "{bad}");
        }
        assert!(is_label_name("provider") && !is_label_name("a:b"));
    }

    #[test]
    fn guesses_are_close_or_absent() {
        let keys = ["labels", "lint_allow", "buckets", "type"];
        let table = [
            ("lables", Some("labels")),
            ("bucket", Some("buckets")),
            ("tpye", Some("type")),
            ("lint_alow", Some("lint_allow")),
            ("colour", None),
            ("", None),
        ];
        for (written, expected) in table {
            assert_eq!(closest(written, keys), expected, "{written}");
        }
        assert_eq!(closest(&"x".repeat(1_000_000), keys), None);
    }

    #[test]
    fn counting_letters_never_asks_for_more_edits_than_there_are() {
        let names = ["", "a", "labels", "lables", "lint_allow", "allow_lint", "été", "ete", "zz"];
        for left in names {
            for right in names {
                let least = edits_at_least(&letters(left), &letters(right));
                assert!(least <= distance(left, right), "{left} {right}");
            }
        }
        assert_eq!(edits_at_least(&letters("aab"), &letters("bcd")), 2);
    }

    #[test]
    fn names_are_made_to_fit() {
        assert_eq!(fitted("cloud-provider").as_deref(), Some("cloud_provider"));
        assert_eq!(fitted("größe").as_deref(), Some("gr__e"));
        for hopeless in ["", "9x", "--", "é"] {
            assert_eq!(fitted(hopeless), None, "{hopeless}");
        }
    }

    #[test]
    fn names_have_words() {
        let table = [
            ("runs_total", "runs_total"),
            ("runsTotal", "runs_total"),
            ("HTTPServerRuns", "http_server_runs"),
            ("userID", "user_id"),
            ("p95Ms", "p95_ms"),
            ("A", "a"),
            ("_X_y", "_x_y"),
        ];
        for (name, snake) in table {
            assert_eq!(snake_case(name), snake, "{name}");
        }
        assert_eq!(words("job:requestId_v2"), ["job", "request", "id", "v2"]);
    }
}
