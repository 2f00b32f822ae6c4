//! The table of reasons in docs/metrics.md has each of them once, and says what becomes of the write.

use std::collections::BTreeMap;

use radiosonde_metrics::Reason;

const DOCUMENT: &str = include_str!("../../../docs/metrics.md");

/// The rows of the table: what becomes of the write, why, and what to do, by reason.
fn rows() -> BTreeMap<&'static str, [&'static str; 3]> {
    let head = "| reason | the write is | because | do |\n| --- | --- | --- | --- |\n";
    let (_, table) = DOCUMENT.split_once(head).unwrap_or_default();
    let mut rows = BTreeMap::new();
    for line in table.lines().take_while(|line| line.starts_with('|')) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [reason, outcome, because, todo] = *cells else { panic!("four cells: {line}") };
        let before = rows.insert(reason.trim_matches('`'), [outcome, because, todo]);
        assert_eq!(before, None, "twice: {line}");
    }
    rows
}

#[test]
fn the_table_has_every_reason_and_no_other() {
    let documented: Vec<&str> = rows().into_keys().collect();
    let mut reasons: Vec<&str> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
    reasons.sort_unstable();
    assert_eq!(documented, reasons);
}

#[test]
fn the_table_says_what_becomes_of_the_write() {
    let rows = rows();
    for reason in Reason::ALL {
        let outcome = if reason.is_folded() { "folded" } else { "lost" };
        let [told, because, todo] = rows.get(reason.as_str()).copied().unwrap_or_default();
        assert_eq!(told, outcome, "{reason}");
        assert!(!because.is_empty() && !todo.is_empty(), "{reason}");
    }
}

#[test]
fn what_the_document_calls_folded_is_all_that_is() {
    let folded: Vec<&str> = Reason::ALL
        .iter()
        .filter(|reason| reason.is_folded())
        .map(|reason| reason.as_str())
        .collect();
    assert_eq!(folded, ["namespace_cap", "series_cap"]);
    assert!(
        DOCUMENT.contains("every reason but the two that fold, `series_cap` and\n`namespace_cap`")
    );
}
