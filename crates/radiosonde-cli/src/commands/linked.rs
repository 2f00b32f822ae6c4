//! Looking for the spans of other traces that link to those shown.

use std::collections::BTreeSet;
use std::path::PathBuf;

use jiff::SignedDuration;
use radiosonde_store::names::Signal;
use radiosonde_store::query::Reading;
use radiosonde_store::{Line, Query};

use crate::story::{self, LinkedFrom};

/// What was found, and how far it was looked for.
#[derive(Debug, Default)]
pub(super) struct Search {
    pub(super) found: LinkedFrom,
    /// Whether there are more of them than are looked at.
    pub(super) has_too_many: bool,
    /// Whether not all files were gone through.
    pub(super) is_cut_off: bool,
}

impl Search {
    /// Looks for spans that link to spans in the traces of these lines. A span that links to another
    /// one ends after that one has begun.
    pub(super) fn of(dirs: Vec<PathBuf>, runs: &[Vec<Line>], reading: &mut Reading) -> Self {
        Self::within(BYTES_MAX, dirs, runs, reading)
    }

    fn within(
        bytes_max: u64,
        dirs: Vec<PathBuf>,
        runs: &[Vec<Line>],
        reading: &mut Reading,
    ) -> Self {
        let lines = || runs.iter().flatten();
        let traces: BTreeSet<String> = lines().filter_map(|line| line.trace_id.clone()).collect();
        let Some(begin) = lines().map(story::began).min().filter(|_| !traces.is_empty()) else {
            return Self::default();
        };
        let mut query = Query::new(dirs);
        query.signals = vec![Signal::Spans];
        query.links_to = traces;
        query.since = begin.checked_sub(CLOCKS_APART_MAX).ok();
        query.limit = Some(LINKING_MAX);
        query.bytes_max = Some(bytes_max);
        let answer = query.run();
        reading.bytes_read += answer.reading.bytes_read;
        reading.merge_damage(&answer.reading);
        let mut found = LinkedFrom::default();
        answer.lines.iter().for_each(|line| found.add(line, &query.links_to));
        Self {
            found,
            has_too_many: answer.reading.matched > answer.lines.len() as u64,
            is_cut_off: answer.reading.is_cut_off,
        }
    }
}

/// Spans that are looked at, the oldest: one that a thousand others link to says enough.
pub(super) const LINKING_MAX: usize = 1_000;
/// No index knows links: so much is gone through. Of a live file that takes 0.15 s.
pub(super) const BYTES_MAX: u64 = 512 << 20;
/// How far the clocks of two machines may be apart.
const CLOCKS_APART_MAX: SignedDuration = SignedDuration::from_secs(60);

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::commands::closing::Closing;
    use crate::render::color::Paint;

    #[test]
    fn a_search_that_came_to_no_end_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let span = |trace: &str, links: &str| {
            format!(
                r#"{{"ts":"2025-10-06T11:50:01Z","evt":"span","trace_id":"{trace}","span_id":"a","meta":{{"links":[{links}]}}}}"#
            )
        };
        let (asked, link) = (span("t", ""), r#"{"trace_id":"t","span_id":"a"}"#);
        fs::write(dir.path().join("spans-2025-10-06.jsonl"), format!("{asked}\n")).unwrap();
        let later = format!("{}\n", span("other", link));
        fs::write(dir.path().join("spans-2025-10-07.jsonl"), later).unwrap();
        let runs = [vec![Line::parse(asked.as_bytes()).unwrap()]];
        for (bytes_max, linked, told) in [
            (1, false, "\nlinks from other traces were looked for in 512 MiB of spans only\n"),
            (1_000, true, "\nspans that are not here are linked from trace other (unnamed)\n"),
        ] {
            let dirs = vec![dir.path().to_owned()];
            let search = Search::within(bytes_max, dirs, &runs, &mut Reading::default());
            assert_eq!(!search.found.to(Some("t"), "a").is_empty(), linked);
            let (mut closing, mut out) = (Closing::default(), Vec::new());
            closing.looked_for_links(search);
            closing.print(Paint { on: false }, &mut out).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), told);
        }
    }
}
