//! Spans that were open when their process died: an event of each, once, whatever their file holds.

use std::collections::BTreeSet;
use std::os::unix::fs::symlink;

use super::tests::{Dead, dead};
use super::*;
use crate::format::SpanPart;
use crate::open::{OPEN_SPANS_MAX, OpenSpan};

impl Dead {
    fn open(&self, name: &str, start_ns: u64, context: &[u8]) -> OpenSpan {
        let describe = || Descriptor { name: name.into(), ..Descriptor::default() };
        let site = self.journal.site(name.as_ptr().addr(), describe);
        let part = SpanPart { start_ns, ..SpanPart::default() };
        self.journal.open_span(&site, context, &part)
    }

    fn table(&self) -> PathBuf {
        self.instance.join("open")
    }
}

#[test]
fn what_was_open_becomes_an_event_each_behind_what_was_recorded() {
    let dead = dead(&["a"]);
    let thread = std::thread::current().name().unwrap_or_default().to_owned();
    let thread = &thread[..thread.len().min(48)];
    let closed = dead.open("closed", 1_000, &[1]);
    let _checkout = dead.open("checkout", 2_000, &[2, 3]);
    let _request = dead.open("request", 1_500, &[4]);
    dead.journal.close_span(closed);
    let look = dead.journal.running_spans(10);
    assert_eq!((look.open, look.oldest[1].site.name.as_str()), (2, "checkout"));
    // The drain was last seen at this moment.
    let died = crate::thread::now_ns() + 1_000_000;
    dead.journal.spans().beat(died);
    let recovered = dead.recover().unwrap();
    assert_eq!((recovered.interrupted, recovered.records), (2, [1, 0, 0]));
    let lived = |start: u64| died - start;
    let expected = format!(
        "1 0 tick a\n\
         4294967295 1 span.interrupted request of [4] lived {} on {thread}\n\
         4294967295 2 span.interrupted checkout of [2, 3] lived {} on {thread}\n",
        lived(1_500),
        lived(2_000)
    );
    assert_eq!(dead.lines(), expected);
    assert!(!dead.instance.exists());
}

#[test]
fn without_a_look_of_the_drain_the_youngest_span_says_when_the_process_lived() {
    let dead = dead(&[]);
    let _spans = [dead.open("old", 1_000, &[]), dead.open("young", 7_000, &[])];
    assert_eq!(dead.recover().unwrap().interrupted, 2);
    let lines = dead.lines();
    assert!(
        lines.contains("old of [] lived 6000") && lines.contains("young of [] lived 0"),
        "{lines}"
    );
}

#[test]
fn a_recovery_that_is_killed_after_each_batch_writes_every_span_once() {
    let dead = dead(&["a", "b"]);
    let spans: Vec<_> = (0..OPEN_SPANS_MAX + 5)
        .map(|nth| dead.open("span", nth as u64, &(nth as u32).to_le_bytes()))
        .collect();
    let look = dead.journal.running_spans(1);
    assert_eq!((look.open, look.unlisted), (OPEN_SPANS_MAX as u64 + 5, 5));
    let mut killed = 0;
    let recovered = loop {
        match dead.recover_until(&mut || false) {
            Ok(recovered) => break recovered,
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::Interrupted),
        }
        killed += 1;
    };
    assert!(killed > 1, "there was more than one batch");
    assert_eq!(recovered.unreadable, []);
    assert_eq!(recovered.interrupted_unlisted, 5, "those have no line");
    let lines = dead.lines();
    let distinct: BTreeSet<&str> = lines.lines().collect();
    assert_eq!((distinct.len(), lines.lines().count()), (OPEN_SPANS_MAX + 2, OPEN_SPANS_MAX + 2));
    drop(spans);
}

#[test]
fn spans_of_a_batch_that_was_ready_are_not_written_again() {
    let dead = dead(&[]);
    let _spans = [dead.open("first", 1_000, &[]), dead.open("second", 2_000, &[])];
    let sink = super::tests::Lines::default();
    let mut recovered = Recovered::default();
    let mut image = open_table(&dead.instance, &sink, &mut recovered).unwrap().unwrap();
    let first = image.next().unwrap().unwrap() as u64;
    // Killed when the first was staged and the table's own position not yet written.
    let stage = dead.stage_of(&[(open_spans::RING, first)], 0, "the first\n");
    drop((image, stage));
    assert_eq!(dead.recover().unwrap().interrupted, 1);
    let lines = dead.lines();
    assert!(lines.starts_with("the first\n4294967295 2 span.interrupted second"), "{lines}");
    assert_eq!(lines.lines().count(), 2, "{lines}");
}

#[test]
fn a_table_that_is_none_is_named_and_costs_nothing_else() {
    /// Another file in its place: the old one is mapped, and must keep its pages.
    fn replace(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = fs::read(path).unwrap();
        change(&mut bytes);
        fs::remove_file(path).unwrap();
        fs::write(path, bytes).unwrap();
    }
    fn word(path: &Path, at: usize, value: u64) {
        replace(path, |bytes| bytes[at..at + 8].copy_from_slice(&value.to_le_bytes()));
    }
    let link = |path: &Path| {
        fs::rename(path, path.with_extension("away")).unwrap();
        symlink(path.with_extension("away"), path).unwrap();
    };
    let directory = |path: &Path| {
        fs::remove_file(path).unwrap();
        fs::create_dir(path).unwrap();
    };
    type Case<'a> = (&'a str, &'a dyn Fn(&Path), &'a str);
    let cases: [Case<'_>; 8] = [
        ("a link", &link, "not a file of this crate"),
        ("a directory", &directory, "not a file of this crate"),
        ("a short file", &|path| replace(path, |bytes| bytes.truncate(5_000)), "of a wrong size"),
        ("a few bytes", &|path| replace(path, |bytes| *bytes = b"open".into()), "not a table"),
        ("another file", &|path| replace(path, |bytes| bytes.fill(b'x')), "not a table"),
        ("a newer version", &|path| word(path, 8, 2), "another version"),
        ("fewer slots", &|path| word(path, 16, 16), "of a wrong size"),
        ("a position past its end", &|path| word(path, 3072, 1 << 40), "end before"),
    ];
    for (what, damage, why) in cases {
        let dead = dead(&["a"]);
        let _span = dead.open("checkout", 1_000, &[]);
        damage(&dead.table());
        let recovered = dead.recover().unwrap();
        assert_eq!((recovered.interrupted, recovered.records), (0, [1, 0, 0]), "{what}");
        assert_eq!(dead.lines(), "1 0 tick a\n", "{what}");
        let [(named, reason)] = recovered.unreadable.as_slice() else { panic!("{what}") };
        assert!(named.ends_with("open") && reason.contains(why), "{what}: {reason}");
        assert!(recovered.quarantined.is_some_and(|place| place.exists()), "{what}");
    }
}

#[test]
fn spans_past_the_table_are_counted_unless_the_words_are_damaged() {
    for (opened, closed, told) in [
        (0, 0, 0),
        (1_808, 0, 1_808),
        (u64::MAX, u64::MAX - 3, 3),
        (3, 4, 0),
        (u64::MAX, 0, 0),
        ((1 << 32) + 1, 0, 0),
    ] {
        let dead = dead(&[]);
        let _span = dead.open("checkout", 1_000, &[]);
        let file = fs::OpenOptions::new().write(true).open(dead.table()).unwrap();
        for (at, word) in [(64, opened), (72, closed)] {
            file.write_all_at(&u64::to_le_bytes(word), at).unwrap();
        }
        let recovered = dead.recover().unwrap();
        let found = (recovered.interrupted, recovered.interrupted_unlisted);
        assert_eq!(found, (1, told), "{opened} opened, {closed} closed");
    }
}

#[test]
fn remains_without_a_table_and_one_that_was_never_used_are_as_others() {
    for empty in [true, false] {
        let dead = dead(&["a"]);
        fs::remove_file(dead.table()).unwrap();
        if empty {
            fs::write(dead.table(), vec![0; 4096]).unwrap();
        }
        let recovered = dead.recover().unwrap();
        assert_eq!((recovered.interrupted, recovered.records[0]), (0, 1));
        assert_eq!(recovered.unreadable, []);
        assert!(!dead.instance.exists());
    }
}

#[test]
fn damaged_slots_cost_themselves_only() {
    let dead = dead(&[]);
    let _spans = [dead.open("first", 1_000, &[1; 9]), dead.open("second", 2_000, &[2; 9])];
    let file = fs::OpenOptions::new().write(true).open(dead.table()).unwrap();
    let slots = 4096 + 512 * 64;
    // Open, of no call site, with a context longer than there is room for, at the end of time.
    let hostile = [[0xfe; 8], [0xff; 8], [0xff; 8], [0xff; 8]].concat();
    file.write_all_at(&hostile, slots).unwrap();
    dead.journal.spans().beat(2_000);
    // Being written: its call never returned.
    file.write_all_at(&[1], slots + 3 * 192).unwrap();
    assert_eq!(dead.recover().unwrap().interrupted, 2);
    let lines = dead.lines();
    assert!(lines.contains("second of [2, 2"), "{lines}");
    assert!(!lines.contains("first"), "{lines}");
    assert!(
        lines.contains("lived 0 on"),
        "a time beyond all others is not that of its death: {lines}"
    );
}

#[test]
fn a_damaged_heartbeat_costs_no_span() {
    for beat in [u64::MAX, u64::MAX - 1, u64::MAX / 2, 1 << 62, 0] {
        let dead = dead(&["a"]);
        let _spans = [dead.open("old", 1_000, &[]), dead.open("young", 7_000, &[])];
        dead.journal.spans().beat(beat);
        assert_eq!(dead.recover().unwrap().interrupted, 2, "{beat}");
        let lines = dead.lines();
        assert!(
            lines.contains("old of [] lived 6000") && lines.contains("young of [] lived 0"),
            "{beat}: {lines}"
        );
        assert!(!dead.instance.exists());
    }
}

#[test]
fn a_damaged_start_without_a_heartbeat_is_not_the_time_of_death() {
    let dead = dead(&[]);
    let _spans = [dead.open("honest", 7_000, &[]), dead.open("damaged", u64::MAX, &[])];
    assert_eq!(dead.recover().unwrap().interrupted, 2);
    let lines = dead.lines();
    assert!(lines.contains("honest of [] lived 0") && lines.contains("damaged of []"), "{lines}");
}

#[test]
fn spans_that_have_their_events_as_telemetry_ended_are_not_told_again() {
    let dead = dead(&[]);
    let _spans = [
        dead.open("third", 7_000, &[]),
        dead.open("first", 1_000, &[]),
        dead.open("second", 7_000, &[]),
    ];
    let ended = dead.open("ended", 500, &[]);
    let mut asked = 0;
    let told = std::cell::RefCell::new(Vec::new());
    let describe = |found: &crate::Interrupted, _: &mut crate::Builder<'_>| {
        assert!(found.is_shutdown);
        told.borrow_mut().push(found.span.site.name.clone());
    };
    let mut ended = Some(ended);
    let mut go_on = || {
        // While the others are told.
        ended.take().into_iter().for_each(|span| dead.journal.close_span(span));
        asked += 1;
        asked <= 3
    };
    assert_eq!(dead.journal.interrupt_spans(10, &describe, &mut go_on), 2);
    assert_eq!(*told.borrow(), ["first", "third"], "by their slots, of the same moment");
    assert_eq!(dead.recover().unwrap().interrupted, 1);
    let lines = dead.lines();
    assert_eq!(lines.matches("second of []").count(), 1, "{lines}");
    assert_eq!(lines.lines().count(), 3, "{lines}");
}
