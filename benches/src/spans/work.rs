//! What is done with each candidate, and how it is timed: processor time of the thread, without that
//! of the threads that write or send.

use super::subject::{Fields, Subject};
use crate::harness::{Measured, Round, Size, callgrind, process};
use crate::metrics::speed::thread_ns;
use std::hint::black_box;
use std::time::Duration;

/// Children of one root.
const CHILDREN: usize = 64;
/// Spans in one trace, the root included: they are what a figure is divided by.
pub(crate) const TRACE: usize = CHILDREN + 1;
/// Time between two traces: at most 65,000 spans a second, so that nobody's queue fills up.
const PAUSE: Duration = Duration::from_millis(1);
/// Traces before the first measured one: buffers, caches and call sites are set up by then.
const WARM_UP: usize = 4;
/// Traces in a round.
const TRACES: usize = 300;
/// Traces in a round of a quick run.
const TRACES_QUICK: usize = 60;

/// Spans of one sample where nothing is recorded: the clock disappears among them.
const BATCH: usize = 4_096;
/// Samples in such a round.
const SAMPLES: usize = 100;
/// Samples in such a round of a quick run.
const SAMPLES_QUICK: usize = 20;

/// The functions whose duration counts, as callgrind spells them.
const COUNTED_SAMPLED: &str = "*spans::work::burst*";
const COUNTED_CHILDREN: &str = "*spans::work::children*";
const COUNTED_ROOTS: &str = "*spans::work::roots*";

/// One round of traces that are recorded: nanoseconds of the thread for a span.
pub(crate) fn sampled_in<S: Subject>(round: &Round) -> Result<Measured, String> {
    let traces = match round.size {
        Size::Bursts(bursts) => bursts,
        size => size.of(TRACES, TRACES_QUICK),
    };
    let subject = S::start(&round.folder)?;
    let mut number = 0;
    for _ in 0..WARM_UP {
        one_trace(&subject, &fields(&mut number, TRACE));
    }
    let before_s = process::cpu_s();
    let mut samples = Vec::with_capacity(traces);
    for _ in 0..traces {
        let fields = fields(&mut number, TRACE);
        std::thread::sleep(PAUSE);
        let started = thread_ns();
        burst(&subject, &fields);
        samples.push((thread_ns() - started) as f64 / TRACE as f64);
    }
    let ended = subject.finish()?;
    let all_ns = (process::cpu_s() - before_s) * 1e9 / (traces * TRACE) as f64;
    let books = ended.books(number)?;
    Ok(Measured { samples, books, figures: vec![("all threads", all_ns)] })
}

/// As [`sampled_in`], in instructions.
pub(crate) fn instructions_sampled_in<S: Subject>(round: &Round) -> Result<Measured, String> {
    match round.size {
        Size::Bursts(_) => sampled_in::<S>(round),
        _ => callgrind::measure(round, COUNTED_SAMPLED, TRACE),
    }
}

/// One round of children of a root that nobody sampled: nanoseconds of the thread for a span.
pub(crate) fn sampled_out_child<S: Subject>(round: &Round) -> Result<Measured, String> {
    let subject = S::start(&round.folder)?;
    let mut samples = Vec::new();
    subject.root(&Fields::of(0), || samples = batches(round, |fields| children(&subject, fields)));
    nothing_recorded(subject, samples)
}

/// As [`sampled_out_child`], in instructions.
pub(crate) fn instructions_sampled_out_child<S: Subject>(
    round: &Round,
) -> Result<Measured, String> {
    match round.size {
        Size::Bursts(_) => sampled_out_child::<S>(round),
        _ => callgrind::measure(round, COUNTED_CHILDREN, CHILDREN),
    }
}

/// One round of roots that nobody sampled: nanoseconds of the thread for a span.
pub(crate) fn sampled_out_root<S: Subject>(round: &Round) -> Result<Measured, String> {
    let subject = S::start(&round.folder)?;
    let samples = batches(round, |fields| roots(&subject, fields));
    nothing_recorded(subject, samples)
}

/// As [`sampled_out_root`], in instructions.
pub(crate) fn instructions_sampled_out_root<S: Subject>(round: &Round) -> Result<Measured, String> {
    match round.size {
        Size::Bursts(_) => sampled_out_root::<S>(round),
        _ => callgrind::measure(round, COUNTED_ROOTS, CHILDREN),
    }
}

fn fields(number: &mut u64, count: usize) -> Vec<Fields> {
    let first = *number;
    *number += count as u64;
    (first..*number).map(Fields::of).collect()
}

/// One trace and nothing else. Callgrind looks for its name, and for those of the two below: none of
/// them may have a closure, whose name would match as well.
#[inline(never)]
fn burst<S: Subject>(subject: &S, all: &[Fields]) {
    one_trace(subject, all);
}

#[inline(never)]
fn children<S: Subject>(subject: &S, all: &[Fields]) {
    for fields in all {
        subject.child(black_box(fields));
    }
}

#[inline(never)]
fn roots<S: Subject>(subject: &S, all: &[Fields]) {
    for fields in all {
        subject.root(black_box(fields), nothing);
    }
}

fn nothing() {}

#[inline]
fn one_trace<S: Subject>(subject: &S, all: &[Fields]) {
    let [root, others @ ..] = all else { return };
    subject.root(black_box(root), || {
        for fields in others {
            subject.child(black_box(fields));
        }
    });
}

/// Nanoseconds for each of the spans that `spans` makes of a list.
fn batches(round: &Round, spans: impl Fn(&[Fields])) -> Vec<f64> {
    let mut number = 0;
    let list = fields(&mut number, CHILDREN);
    if let Size::Bursts(bursts) = round.size {
        (0..bursts).for_each(|_| spans(&list));
        return vec![0.0];
    }
    let lists = BATCH / CHILDREN;
    let batch = || {
        let started = thread_ns();
        (0..lists).for_each(|_| spans(&list));
        (thread_ns() - started) as f64 / (lists * CHILDREN) as f64
    };
    // One more: the first is to find everything in the caches.
    let _first = batch();
    (0..round.size.of(SAMPLES, SAMPLES_QUICK)).map(|_| batch()).collect()
}

fn nothing_recorded<S: Subject>(subject: S, samples: Vec<f64>) -> Result<Measured, String> {
    let ended = subject.finish()?;
    if let Some(received) = ended.received.filter(|count| *count > 0) {
        return Err(format!("{received} spans came that nobody sampled"));
    }
    match ended.counted.filter(|count| *count > 0) {
        Some(counted) => Err(format!("{counted} drops of spans that nobody sampled")),
        None => Ok(Measured { samples, ..Measured::default() }),
    }
}
