//! What six hundred rings cost when nobody records.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "the figure is worth reading")]

mod common;

use std::fs;
use std::path::PathBuf;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use common::{Host, PATIENCE, bounded};
use radiosonde_record::Level;

const THREADS: usize = 600;
/// Long enough for the drain to become calm, and for the figure to mean something.
const IDLE: Duration = Duration::from_secs(2);

/// The running time of the drain's thread so far.
fn running() -> Duration {
    let is_drain = |path: &PathBuf| {
        fs::read_to_string(path.join("comm")).is_ok_and(|name| name.trim() == "drain")
    };
    let mut tasks = fs::read_dir("/proc/self/task").unwrap().map(|entry| entry.unwrap().path());
    let path = tasks.find(is_drain).unwrap().join("schedstat");
    let text = fs::read_to_string(path).unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

#[test]
fn six_hundred_idle_rings_cost_next_to_nothing() {
    bounded(|| {
        let mut host = Host::draining();
        let (attached, ended) = (Barrier::new(THREADS + 1), Barrier::new(THREADS + 1));
        let spent = thread::scope(|scope| {
            for _ in 0..THREADS {
                let run = || {
                    host.record(Level::Info, "here");
                    attached.wait();
                    ended.wait();
                };
                thread::Builder::new().stack_size(128 * 1024).spawn_scoped(scope, run).unwrap();
            }
            attached.wait();
            assert!(host.journal.control().flush(PATIENCE));
            let (begin, before) = (Instant::now(), running());
            thread::sleep(IDLE);
            let spent = (running() - before).as_secs_f64() / begin.elapsed().as_secs_f64();
            ended.wait();
            spent
        });
        println!("{THREADS} idle rings: {:.3} % of a core", spent * 100.0);
        assert!(spent < 0.2, "{spent} of a core");
        assert_eq!(host.end().0.delivered, THREADS as u64);
    });
}
