//! Results in a page of Markdown, between two marks.

use super::table::Table;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// How the results came about.
#[derive(Clone, Copy)]
pub(crate) struct Run<'a> {
    /// What they were measured on.
    pub(crate) machine: &'a str,
    /// Whether it was a first look.
    pub(crate) quick: bool,
}

/// Replaces what stands between the marks of the suite.
///
/// # Errors
/// A page that cannot be read or written, and one without the marks.
pub(crate) fn write(
    path: &Path,
    suite: &str,
    run: Run<'_>,
    tables: &[Table],
    versions: &BTreeMap<&str, &str>,
) -> Result<(), String> {
    let wrong = |error: std::io::Error| format!("cannot write {}: {error}", path.display());
    let page = std::fs::read_to_string(path).map_err(wrong)?;
    let (begin, end) = marks(suite);
    let results = results(run, tables, versions);
    let page = between(&page, &begin, &end, &results)
        .ok_or_else(|| format!("{} needs the lines `{begin}` and `{end}`", path.display()))?;
    std::fs::write(path, page).map_err(wrong)
}

fn marks(suite: &str) -> (String, String) {
    (format!("<!-- {suite}: begin -->"), format!("<!-- {suite}: end -->"))
}

fn results(run: Run<'_>, tables: &[Table], versions: &BTreeMap<&str, &str>) -> String {
    let rounds = if run.quick { "A quick run: one or two short rounds" } else { "A whole run" };
    let mut text = format!("{rounds}. Measured on: {}.\n\n", run.machine);
    for table in tables {
        text += &table.markdown();
        text.push('\n');
    }
    text += "| candidate | packages |\n| --- | --- |\n";
    for (name, version) in versions {
        let _ = writeln!(text, "| {name} | {version} |");
    }
    text
}

fn between(page: &str, begin: &str, end: &str, results: &str) -> Option<String> {
    let (before, rest) = page.split_once(begin)?;
    let (_, after) = rest.split_once(end)?;
    Some(format!("{before}{begin}\n\n{results}\n{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_marks_is_replaced() {
        let page = "a\n<!-- x: begin -->\nold\n<!-- x: end -->\nb <!-- y: begin -->";
        let (begin, end) = marks("x");
        let once = between(page, &begin, &end, "new\n").expect("the marks");
        assert_eq!(once, "a\n<!-- x: begin -->\n\nnew\n\n<!-- x: end -->\nb <!-- y: begin -->");
        assert_eq!(between(&once, &begin, &end, "new\n").as_ref(), Some(&once));
        let (begin, end) = marks("y");
        assert_eq!(between(page, &begin, &end, ""), None);
    }
}
