//! Looking for the spans of other traces that link to those shown.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use radiosonde_store::id::LineId;
use radiosonde_store::names::Signal;
use radiosonde_store::query::Reading;
use radiosonde_store::{Line, Query};

use crate::commands::closing::hash;
use crate::story::{self, LinkedFrom, Source, TARGETS_MAX};

/// What was found, and how far it was looked for.
#[derive(Debug, Default)]
pub(super) struct Search {
    pub(super) found: LinkedFrom,
    /// What there is more of than is kept.
    pub(super) too_many: Option<TooMany>,
    /// Whether not all files were gone through.
    pub(super) is_cut_off: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TooMany {
    /// Links of the spans that are kept.
    Links,
    /// Spans.
    Spans,
}

impl Search {
    /// Looks for spans that link to spans in the traces of these lines, whose spans are among those
    /// and the ones `around` them. A span that links to another one ends after that one has begun.
    pub(super) fn of(
        dirs: Vec<PathBuf>,
        runs: &[Vec<Line>],
        around: &[Vec<Line>],
        reading: &mut Reading,
    ) -> Self {
        Self::within(BYTES_MAX, dirs, runs, around, reading)
    }

    fn within(
        bytes_max: u64,
        dirs: Vec<PathBuf>,
        runs: &[Vec<Line>],
        around: &[Vec<Line>],
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
        query.bytes_max = Some(bytes_max);
        let story = story::named_spans(lines().chain(around.iter().flatten()));
        let mut oldest = Oldest::default();
        let read = query.scan(&mut |found| {
            if let Some(source) = Source::of(&found.line, &query.links_to, &story) {
                oldest.add(&found.line, source);
            }
        });
        reading.bytes_read += read.bytes_read;
        let is_cut_off = read.is_cut_off;
        reading.merge_losses(read);
        let mut found = LinkedFrom::default();
        oldest.sources.into_values().for_each(|(source, _)| found.add(source));
        Self { found, too_many: oldest.too_many, is_cut_off }
    }
}

/// The oldest of the spans that were found, as many as are looked at.
#[derive(Debug, Default)]
struct Oldest {
    /// By time, and in the order of finding; with the hash of the line's id, if it is one of ours.
    sources: BTreeMap<(Timestamp, u64), (Source, Option<u64>)>,
    /// What was brought over after a crash may stand there twice.
    known: HashSet<u64>,
    added: u64,
    targets: usize,
    too_many: Option<TooMany>,
}

impl Oldest {
    fn add(&mut self, line: &Line, source: Source) {
        // What others call so may stand in many lines.
        let id = line.id.as_deref().filter(|id| LineId::parse(id).is_some()).map(hash);
        if id.is_some_and(|id| !self.known.insert(id)) {
            return;
        }
        if source.has_more {
            self.too_many = self.too_many.max(Some(TooMany::Links));
        }
        self.targets += source.targets();
        self.added += 1;
        let _ = self.sources.insert((line.ts, self.added), (source, id));
        loop {
            let why = match () {
                () if self.sources.len() > LINKING_MAX => TooMany::Spans,
                () if self.targets > ALL_TARGETS_MAX => TooMany::Links,
                () => return,
            };
            self.too_many = self.too_many.max(Some(why));
            let Some((_, (newest, id))) = self.sources.pop_last() else { return };
            self.targets -= newest.targets();
            let _ = id.is_some_and(|id| self.known.remove(&id));
        }
    }
}

/// Spans that are looked at, the oldest: one that a thousand others link to says enough.
pub(super) const LINKING_MAX: usize = 1_000;
/// Links of all of them together that are kept.
const ALL_TARGETS_MAX: usize = 10_000;
// One span alone never has too many.
const _: () = assert!(TARGETS_MAX <= ALL_TARGETS_MAX);
/// No index knows links: so much is gone through. Of a live file that takes 0.15 s.
pub(super) const BYTES_MAX: u64 = 512 << 20;
/// How far the clocks of two machines may be apart.
const CLOCKS_APART_MAX: SignedDuration = SignedDuration::from_secs(60);

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::commands::closing::Closing;
    use crate::render::Screen;

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
            let search = Search::within(bytes_max, dirs, &runs, &[], &mut Reading::default());
            assert_eq!(!search.found.to(Some("t"), "a").is_empty(), linked);
            let (mut closing, mut out) = (Closing::default(), Vec::new());
            closing.looked_for_links(search);
            closing.print(Screen::of_width(80, true), &mut out).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), told);
        }
    }

    /// A line of a span of some trace that links to these spans of trace `t`, many times each.
    fn linking(trace: &str, second: usize, spans: std::ops::Range<usize>, times: usize) -> String {
        let link = |nth| format!(r#"{{"trace_id":"t","span_id":"{nth}"}}"#);
        let links: Vec<String> = (0..times).flat_map(|_| spans.clone().map(link)).collect();
        let links = links.join(",");
        format!(
            r#"{{"ts":"2025-10-06T11:{:02}:{:02}Z","evt":"span","trace_id":"{trace}","span_id":"a","meta":{{"name":"n","links":[{links}]}},"id":"{trace:u<8}.0.{second}"}}"#,
            second / 60,
            second % 60
        )
    }

    fn searched(lines: &[String], story: usize) -> Search {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("spans-2025-10-06.jsonl"), lines.join("\n") + "\n").unwrap();
        let own = |nth| {
            let text = format!(
                r#"{{"ts":"2025-10-06T11:00:00Z","evt":"span","trace_id":"t","span_id":"{nth}"}}"#
            );
            Line::parse(text.as_bytes()).unwrap()
        };
        let runs = [(0..story).map(own).collect()];
        Search::of(vec![dir.path().to_owned()], &runs, &[], &mut Reading::default())
    }

    #[test]
    fn what_is_kept_of_links_is_bounded_by_what_the_story_has() {
        // Links without number, of which the story has three.
        let search = searched(&[linking("u", 0, 0..20_000, 1)], 3);
        assert_eq!((search.too_many, search.found.elsewhere(&HashSet::new()).len()), (None, 1));
        let linked =
            |search: &Search, nth: usize| search.found.to(Some("t"), &nth.to_string()).len();
        assert_eq!([0, 2, 3].map(|nth| linked(&search, nth)), [1, 1, 0]);
        // A thousand times the same ones.
        let search = searched(&[linking("u", 0, 0..TARGETS_MAX, 1_000)], TARGETS_MAX);
        assert_eq!((search.too_many, linked(&search, TARGETS_MAX - 1)), (None, 1));
        // More than a span has by the limits.
        let search = searched(&[linking("u", 0, 0..TARGETS_MAX + 1, 2)], TARGETS_MAX + 1);
        assert_eq!(search.too_many, Some(TooMany::Links));
        let all: usize = (0..=TARGETS_MAX).map(|nth| linked(&search, nth)).sum();
        assert_eq!(all, TARGETS_MAX);
    }

    #[test]
    fn what_may_cost_links_is_told_once() {
        let dir = tempfile::tempdir().unwrap();
        let at = |day: u8| dir.path().join(format!("spans-2025-10-0{day}.jsonl"));
        let asked = r#"{"ts":"2025-10-06T11:50:01Z","evt":"span","trace_id":"t","span_id":"a"}"#;
        let cut = r#"{"ts":"2025-10-06T11:50:02Z","meta":{"links":[{"trace_id":"t""#;
        fs::write(at(6), format!("{asked}\n{cut}\n")).unwrap();
        fs::create_dir(at(7)).unwrap();
        let runs = [vec![Line::parse(asked.as_bytes()).unwrap()]];
        let mut reading = Reading::default();
        for _ in 0..2 {
            let search = Search::of(vec![dir.path().to_owned()], &runs, &[], &mut reading);
            assert!(search.found.to(Some("t"), "a").is_empty());
            assert!(reading.is_partial());
            let unreadable: Vec<_> = reading.unreadable.iter().map(|gone| &gone.path).collect();
            assert_eq!(unreadable, [&at(7)]);
            let skips: Vec<_> =
                reading.skips.iter().map(|skip| (&skip.file, skip.offset)).collect();
            assert_eq!((skips, reading.skipped), (vec![(&at(6), asked.len() as u64 + 1)], 1));
        }
    }

    #[test]
    fn spans_under_one_id_of_others_are_no_copies() {
        let of = |nth: usize| {
            let line = linking(&format!("u{nth}"), nth, 0..1, 1);
            line.replace(&format!("u{nth}uuuuuu.0.{nth}"), "request-7")
        };
        assert!(of(1).contains(r#""id":"request-7""#), "{}", of(1));
        let search = searched(&[of(1), of(2)], 1);
        assert_eq!(search.found.to(Some("t"), "0").len(), 2);
    }

    #[test]
    fn the_oldest_are_kept_whatever_their_order_and_each_line_once() {
        let of = |nth: usize| linking(&format!("u{nth}"), nth, 0..100, 1);
        // The newest first, as slots of several processes may have them.
        let mut lines: Vec<String> = (0..150).rev().map(of).collect();
        lines.extend(lines.clone());
        let search = searched(&lines, 100);
        assert_eq!(search.too_many, Some(TooMany::Links));
        let found = search.found.to(Some("t"), "0");
        assert_eq!(found.len(), ALL_TARGETS_MAX / 100);
        assert!(found.iter().all(|linking| linking.told(None) == "n"), "{found:?}");
        assert_eq!(found.last().unwrap().trace_id, "u99");
    }
}
