//! Starts, ends, and spools that change hands.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use radiosonde_otlp::{Protocol, Sender};
use radiosonde_testkit::{Fault, Receiver, Script};

use crate::common::*;

#[test]
fn what_is_pending_at_the_end_is_said_and_the_next_start_delivers_it() {
    for protocol in PROTOCOLS {
        let receiver = Receiver::with(Script::healthy().until_told(Fault::Refuse)).unwrap();
        let mut bed = Bed::new();
        bed.append(500);
        let sender = bed.send(&to(&receiver, protocol));
        let begin = Instant::now();
        let shutdown = sender.shutdown(Duration::from_secs(2));
        assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
        assert_eq!((shutdown.is_drained, shutdown.pending), (false, 500));
        drop(sender);
        receiver.next_step();
        let bed = bed.reopened();
        let sender = bed.send(&to(&receiver, protocol));
        assert!(sender.flush(LONG), "{:?}", sender.status());
        assert_eq!((receiver.counts().unique, receiver.counts().duplicates()), (500, 0));
        assert_eq!(sender.shutdown(LONG).pending, 0);
    }
}

#[test]
fn a_collector_that_hangs_does_not_hold_up_the_end() {
    let receiver = Receiver::with(Script::healthy().until_told(Fault::HangAfterBody)).unwrap();
    let mut bed = Bed::new();
    bed.append(10);
    let sender = bed.send(&to(&receiver, Protocol::Http));
    receiver.wait_for_requests(1, LONG).unwrap();
    let begin = Instant::now();
    let shutdown = sender.shutdown(Duration::from_millis(300));
    assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
    assert_eq!((shutdown.is_drained, shutdown.pending), (false, 10));
}

#[test]
fn short_programs_do_not_send_a_slow_collector_everything_at_each_start() {
    for protocol in PROTOCOLS {
        let slow = Fault::SlowAnswer { every: Duration::from_millis(100) };
        let receiver = Receiver::with(Script::healthy().until_told(slow)).unwrap();
        let destination = to(&receiver, protocol);
        let mut bed = Bed::new();
        for program in 1..=3 {
            bed.append(20);
            let mut options = options_of_sender();
            // All of it is sent at the end.
            options.start_jitter = Duration::from_secs(3_600);
            let sender = bed.send_with(&destination, options, false);
            let shutdown = sender.shutdown(Duration::from_millis(500));
            assert_eq!((shutdown.is_drained, shutdown.pending), (false, 20 * program));
            drop(sender);
            bed = bed.reopened();
        }
        let before = receiver.counts();
        assert_eq!(before.duplicates(), 0, "{protocol:?}: of {}", before.unique);
        receiver.next_step();
        let sender = bed.send(&destination);
        assert!(sender.flush(LONG), "{:?}", sender.status());
        assert_eq!((bed.books(), receiver.counts().unique), ((60, 0, 0), 60), "{protocol:?}");
        assert_eq!(receiver.counts().duplicates(), before.unique, "{protocol:?}: each once more");
    }
}

#[test]
fn a_spool_that_nobody_appends_to_is_handed_back_when_it_is_empty() {
    let receiver = Receiver::start().unwrap();
    let (mut left, mut own) = (Bed::new(), Bed::from(1_000_000));
    left.append(700);
    own.append(100);
    let destination = to(&receiver, Protocol::Http);
    let sender = own.send(&destination);
    let (done, is_done) = mpsc::channel();
    let hand_back = Box::new(move |spool: radiosonde_spool::Spool| {
        done.send(spool.accounts().iter().map(|account| account.pending.records).sum::<u64>())
            .unwrap();
    });
    sender.add(left.spool.clone(), &manifest(&destination, false), Some(hand_back));
    assert_eq!(is_done.recv_timeout(LONG), Ok(0));
    assert_eq!(left.books(), (700, 0, 0));
    // The other one is served on.
    own.append(100);
    assert!(sender.flush(LONG));
    assert_eq!((own.books(), receiver.counts().unique), ((200, 0, 0), 900));
}

#[test]
fn what_is_added_while_the_end_comes_is_sent_as_fast_as_what_was_there() {
    let receiver = Receiver::start().unwrap();
    let destination = to(&receiver, Protocol::Http);
    let (mut own, mut left) = (Bed::new(), Bed::from(1_000_000));
    own.append(10);
    left.append(20);
    let mut options = options_of_sender();
    // Without the end, nothing would go today.
    options.start_jitter = Duration::from_secs(3_600 * 24);
    let sender = own.send_with(&destination, options, false);
    sender.end_within(LONG);
    receiver.wait_for_requests(1, LONG).unwrap();
    sender.add(left.spool.clone(), &manifest(&destination, false), None);
    receiver.wait_for_requests(2, LONG).unwrap();
    let shutdown = sender.shutdown(LONG);
    assert!(shutdown.is_drained, "{:?}", sender.status());
    assert_eq!((own.books(), left.books()), ((10, 0, 0), (20, 0, 0)));
}

#[test]
fn a_panic_while_a_spool_is_handed_back_does_not_end_the_sender() {
    let receiver = Receiver::start().unwrap();
    let mut own = Bed::new();
    let destination = to(&receiver, Protocol::Http);
    let sender = own.send(&destination);
    let left = Bed::new();
    let (done, is_done) = mpsc::channel();
    let hand_back = Box::new(move |_| {
        let _ = done.send(());
        std::panic::resume_unwind(Box::new("on purpose"));
    });
    sender.add(left.spool.clone(), &manifest(&destination, false), Some(hand_back));
    is_done.recv_timeout(LONG).unwrap();
    own.append(10);
    assert!(sender.flush(LONG), "{:?}", sender.status());
}

#[test]
fn a_flush_does_not_wait_for_what_comes_after_it() {
    let receiver = Receiver::start().unwrap();
    let mut bed = Bed::new();
    bed.append(300);
    let sender = bed.send(&to(&receiver, Protocol::Http));
    std::thread::scope(|scope| {
        let (stop, is_stopped) = mpsc::channel::<()>();
        scope.spawn(move || {
            // Always something pending, until the flush is over.
            while is_stopped.recv_timeout(Duration::from_millis(1)).is_err() {
                bed.append(20);
            }
        });
        let is_flushed = sender.flush(LONG);
        stop.send(()).unwrap();
        assert!(is_flushed, "{:?}", sender.status());
    });
    assert!(receiver.counts().unique >= 300);
}

#[test]
fn after_a_shutdown_nothing_hangs() {
    let receiver = Receiver::start().unwrap();
    let mut bed = Bed::new();
    let sender: Sender = bed.send(&to(&receiver, Protocol::Http));
    assert_eq!(sender.shutdown(LONG).pending, 0);
    bed.append(10);
    sender.add(bed.spool.clone(), &manifest(&to(&receiver, Protocol::Http), false), None);
    assert!(!sender.flush(LONG));
    sender.shutdown(LONG);
    assert_eq!(bed.books(), (0, 0, 10));
}

#[test]
fn waiting_for_ever_is_no_panic() {
    let receiver = Receiver::start().unwrap();
    let mut bed = Bed::new();
    bed.append(10);
    let mut destination = to(&receiver, PROTOCOLS[1]);
    destination.timeout_ms = u64::MAX;
    let sender = bed.send(&destination);
    assert!(sender.flush(Duration::MAX));
    assert!(sender.shutdown(Duration::MAX).is_drained);
    assert_eq!(bed.books(), (10, 0, 0));
}

#[test]
fn what_is_under_way_at_the_end_has_a_moment_to_be_answered() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}/v1/logs", listener.local_addr().unwrap());
    let (asked, is_asked) = mpsc::channel();
    let (ended, is_ended) = mpsc::channel::<()>();
    let server = std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        let (mut stream, _) = listener.accept().unwrap();
        let mut bytes = [0; 65_536];
        assert!(stream.read(&mut bytes).unwrap() > 0);
        asked.send(()).unwrap();
        // After the time that the shutdown has, which is none.
        is_ended.recv().unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
        let _ = stream.read(&mut bytes);
    });
    let mut bed = Bed::new();
    bed.append(10);
    let sender = bed.send(&radiosonde_otlp::Destination::new(endpoint, Protocol::Http));
    is_asked.recv_timeout(LONG).unwrap();
    assert!(!sender.flush(Duration::ZERO));
    ended.send(()).unwrap();
    let shutdown = sender.shutdown(Duration::ZERO);
    assert_eq!((shutdown.is_drained, shutdown.pending), (true, 0));
    assert_eq!(bed.books(), (10, 0, 0));
    server.join().unwrap();
}
