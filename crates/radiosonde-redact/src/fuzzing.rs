//! What property tests and fuzz targets call. Not for users, and without any promise.

use crate::Rules;

/// How many matches the rules for values have in a text, whatever the quick look says about it.
pub fn matches(rules: &Rules, text: &str) -> usize {
    let mut found = Vec::new();
    crate::value::scan(rules, text, &mut found);
    found.len()
}
