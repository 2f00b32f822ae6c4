//! The table of open spans: what is listed, counted and found again.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::*;

fn table(blocks: usize) -> Arc<OpenSpans> {
    let memory = Memory::anonymous(slots::SIZE).expect("there is memory");
    OpenSpans::of(memory, blocks)
}

fn span(start_ns: u64, context: &[u8]) -> Opened<'_> {
    Opened { site: 7, parent: start_ns + 1, start_ns, context }
}

fn starts(table: &OpenSpans) -> Vec<u64> {
    let running = table.running(usize::MAX, |_| None);
    running.oldest.into_iter().map(|span| span.start_ns).collect()
}

#[test]
fn open_spans_are_listed_oldest_first_until_they_close() {
    let table = table(BLOCKS);
    let describe = |site| {
        let name = format!("site {site}");
        Some(Arc::new(Descriptor { name, ..Descriptor::default() }))
    };
    let old = table.open(span(10, b"the context of a span"));
    let older = table.open(span(5, &[0xab; 500]));
    let youngest = table.open(span(20, b""));
    let running = table.running(2, describe);
    assert_eq!((running.open, running.unlisted), (3, 0));
    let [first, second] = running.oldest.as_slice() else { panic!("{running:?}") };
    assert_eq!((first.start_ns, first.parent), (5, 6));
    assert_eq!(first.context, [0xab; 160], "what is longer ends there");
    assert_eq!(second.context, b"the context of a span");
    assert_eq!(second.site.name, "site 7");
    let own = thread::current();
    assert_eq!(
        second.thread,
        own.name().unwrap_or_default()[..48.min(own.name().map_or(0, str::len))]
    );

    table.close(older.0);
    assert_eq!(starts(&table), [10, 20]);
    table.close(older.0);
    let again = table.open(span(30, b""));
    // A second close of a span that is over must not end the next one in its slot.
    table.close(older.0);
    assert_eq!(starts(&table), [10, 20, 30]);
    [old, youngest, again].iter().for_each(|span| table.close(span.0));
    assert_eq!(table.count(), (0, 0));
}

#[test]
fn a_table_that_has_ended_is_let_go_of_by_threads_that_live_on() {
    let both = |table: &Arc<OpenSpans>, at: &std::sync::Barrier| {
        let open = table.open(span(1, b""));
        at.wait();
        table.close(open.0);
    };
    let (tables, next) = ([table(4), table(4)], std::sync::Barrier::new(2));
    let [first, second] = &tables;
    let gone = Arc::downgrade(first);
    thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| {
                both(first, &next);
                first.end();
                both(second, &next);
                assert_eq!(Arc::strong_count(first), 1, "that of the test");
                next.wait();
            });
        }
    });
    drop(tables);
    assert!(gone.upgrade().is_none());
}

#[test]
fn a_change_of_context_shows_and_the_span_closes_all_the_same() {
    let table = table(1);
    let mut open = table.open(span(10, b"short"));
    table.change(&mut open, 77, b"now longer than it was before");
    let running = table.running(1, |_| None);
    assert_eq!(running.oldest[0].context, b"now longer than it was before");
    assert_eq!((running.oldest[0].parent, running.oldest[0].start_ns), (77, 10));
    table.close(open.0);
    table.change(&mut open, 1, b"after its end");
    assert_eq!(table.count(), (0, 0));
}

#[test]
fn spans_past_the_table_are_counted_and_not_listed() {
    let table = table(2);
    let listed = 2 * BLOCK_SLOTS as u64;
    let spans: Vec<_> = (0..listed + 3).map(|nth| table.open(span(nth, b""))).collect();
    assert_eq!(table.count(), (listed, 3));
    let running = table.running(1, |_| None);
    assert_eq!((running.open, running.unlisted, running.oldest.len()), (listed + 3, 3, 1));
    // One place is free again, in a block that is not the one in use.
    table.close(spans[0].0);
    let next = table.open(span(100, b""));
    assert_eq!(table.count(), (listed, 3));
    spans[1..].iter().for_each(|span| table.close(span.0));
    table.close(next.0);
    assert_eq!(table.count(), (0, 0));
}

#[test]
fn a_full_table_lists_again_as_soon_as_there_is_room() {
    // Miri takes its time.
    let blocks = if cfg!(miri) { 20 } else { BLOCKS };
    let table = table(blocks);
    let listed = (blocks * BLOCK_SLOTS) as u64;
    let past = listed / 5;
    let mut spans: Vec<_> = (0..listed + past).map(|nth| table.open(span(nth, b""))).collect();
    assert_eq!(table.count(), (listed, past));
    // Another thread finds no block at all.
    let elsewhere = Arc::clone(&table);
    thread::spawn(move || {
        let open = elsewhere.open(span(1, b""));
        assert_eq!(elsewhere.count(), (listed, past + 1));
        elsewhere.close(open.0);
    })
    .join()
    .unwrap();
    // The oldest thousand close, whose blocks are not looked at first.
    let over = (listed / 8) as usize;
    spans.drain(..over).for_each(|span| table.close(span.0));
    assert_eq!(table.count(), (listed - over as u64, past));
    let opens = (0..listed * 2).take_while(|nth| {
        spans.push(table.open(span(*nth, b"")));
        table.count().0 < listed
    });
    assert!(opens.count() < spans.len(), "the room was never found");
    assert_eq!(table.count().0, listed);
    spans.drain(..).for_each(|span| table.close(span.0));
    assert_eq!(table.count(), (0, 0));
    // And all is as in the beginning.
    spans.extend((0..listed).map(|nth| table.open(span(nth, b""))));
    assert_eq!(table.count(), (listed, 0));
}

#[test]
fn threads_past_the_blocks_are_counted_and_have_theirs_when_others_end() {
    let table = table(2);
    let (ends, waits) = std::sync::mpsc::channel::<()>();
    let (opened, tells) = std::sync::mpsc::channel();
    let waits = Arc::new(Mutex::new(waits));
    let mut threads: Vec<_> = (0..3)
        .map(|nth| {
            let (table, waits, opened) = (Arc::clone(&table), Arc::clone(&waits), opened.clone());
            let run = move || {
                let open = table.open(span(nth, b""));
                opened.send(()).unwrap();
                let _told = waits.lock().unwrap().recv();
                table.close(open.0);
            };
            let thread = thread::spawn(run);
            tells.recv().unwrap();
            thread
        })
        .collect();
    assert_eq!(table.count(), (2, 1));
    assert_eq!(starts(&table), [0, 1]);
    drop(ends);
    threads.drain(..).for_each(|thread| thread.join().unwrap());
    let open = table.open(span(9, b""));
    assert_eq!(starts(&table), [9]);
    table.close(open.0);
    assert_eq!(table.count(), (0, 0));
}

#[test]
fn contexts_of_any_length_read_as_they_were_written() {
    let table = table(1);
    let bytes: Vec<u8> = (1..=200).collect();
    for length in 0..=bytes.len() {
        let mut open = table.open(span(1, &bytes[..length]));
        let read = || table.running(1, |_| None).oldest.remove(0).context;
        assert_eq!(read(), bytes[..length.min(160)], "{length}");
        table.change(&mut open, 2, &bytes[bytes.len() - length..]);
        let end = bytes.len() - length + length.min(160);
        assert_eq!(read(), bytes[bytes.len() - length..end], "{length}, changed");
        table.close(open.0);
    }
}

#[test]
fn spans_that_close_on_another_thread_leave_their_places() {
    let table = table(3);
    let (sender, receiver) = std::sync::mpsc::sync_channel::<OpenSpan>(2);
    let closing = {
        let table = Arc::clone(&table);
        thread::spawn(move || receiver.iter().for_each(|span| table.close(span.0)))
    };
    let rounds = if cfg!(miri) { 200 } else { 20_000 };
    for nth in 0..rounds {
        sender.send(table.open(span(nth, b""))).unwrap();
    }
    drop(sender);
    closing.join().unwrap();
    assert_eq!(table.count(), (0, 0));
    let opened = table.slots.memory().load(slots::UNLISTED_OPENED_AT);
    assert_eq!(opened, 0, "there was a free place at any moment");
}

#[test]
fn threads_that_come_and_go_use_the_same_blocks_and_leave_open_spans_alone() {
    // 40 spans stay, and fill two blocks and a half: a thread that took a new one each time would
    // find none.
    let table = table(4);
    let left = Arc::new(Mutex::new(Vec::new()));
    for nth in 0..40 {
        let (table, left) = (Arc::clone(&table), Arc::clone(&left));
        let run = move || {
            let stays = table.open(span(nth, b"stays"));
            let goes = table.open(span(1_000, b"goes"));
            table.close(goes.0);
            left.lock().unwrap().push(stays);
        };
        thread::Builder::new().name(format!("worker {nth}")).spawn(run).unwrap().join().unwrap();
    }
    assert_eq!(starts(&table), (0..40).collect::<Vec<_>>());
    let running = table.running(usize::MAX, |_| None);
    let last = running.oldest.last().unwrap();
    assert_eq!((last.thread.as_str(), last.context.as_slice()), ("worker 39", &b"stays"[..]));
    assert_eq!(running.oldest[0].thread, "", "its block is another thread's by now");
    left.lock().unwrap().drain(..).for_each(|span| table.close(span.0));
    assert_eq!(table.count(), (0, 0));
}

#[test]
fn a_reader_never_sees_half_of_a_span() {
    let table = table(8);
    let done = AtomicBool::new(false);
    let rounds = if cfg!(miri) { 60 } else { 40_000 };
    let write = |table: &Arc<OpenSpans>| {
        let mut open = VecDeque::new();
        for nth in 1..=rounds {
            let context = [(nth % 251) as u8; 40];
            open.push_back(table.open(span(nth, &context[..(nth % 41) as usize])));
            if open.len() > 5 {
                let span = open.pop_front().unwrap();
                table.close(span.0);
            }
        }
        open.iter().for_each(|span| table.close(span.0));
    };
    thread::scope(|scope| {
        let writers = [(); 2].map(|()| scope.spawn(|| write(&table)));
        let reader = scope.spawn(|| {
            let mut seen = 0_u64;
            while !done.load(Ordering::Acquire) {
                for found in table.running(usize::MAX, |_| None).oldest {
                    assert_eq!(found.parent, found.start_ns + 1);
                    assert_eq!(found.context.len() as u64, found.start_ns % 41);
                    assert!(
                        found.context.iter().all(|byte| u64::from(*byte) == found.start_ns % 251)
                    );
                    seen += 1;
                }
            }
            seen
        });
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        done.store(true, Ordering::Release);
        let seen = reader.join().unwrap();
        assert!(seen > 0 || cfg!(miri), "it met open spans");
    });
    assert_eq!(table.count(), (0, 0));
}
