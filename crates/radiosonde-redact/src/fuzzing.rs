//! What property tests and fuzz targets call. Not for users, and without any promise.

use crate::Rules;

/// How many matches the rules for values have in a text, whatever the quick look says about it.
pub fn matches(rules: &Rules, text: &str) -> usize {
    crate::value::Scanner::new(rules, text).count()
}
