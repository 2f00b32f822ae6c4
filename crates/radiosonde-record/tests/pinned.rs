//! Rings stay in memory, within a share of what the process may lock. Alone in its program: what a
//! process has locked is the sum of all its rings.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::fs;
use std::sync::Barrier;

use common::{Host, record};
use radiosonde_record::Level;

/// A number behind a name in a file of `/proc/self`; `None` for a word.
fn number(file: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/self/{file}")).unwrap();
    let rest = text.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim();
    rest.split_whitespace().next().unwrap().parse().ok()
}

/// Bytes that are locked while more threads than the share has room for have their rings, where the
/// limit is the usual one.
fn locked_with_many_rings() -> u64 {
    let host = Host::new();
    let threads = 40;
    let all = Barrier::new(threads + 1);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                record(&host.journal, Level::Info, "here");
                all.wait();
                // A thread that ends gives its ring back.
                all.wait();
            });
        }
        all.wait();
        let locked = number("status", "VmLck:");
        all.wait();
        locked.unwrap() * 1024
    })
}

#[test]
fn rings_stay_in_memory_and_take_their_share_of_what_may_be_locked_at_most() {
    let limit = number("limits", "Max locked memory").unwrap_or(u64::MAX);
    // The share of rings that are gone is there again.
    for _ in 0..3 {
        let locked = locked_with_many_rings();
        assert!(locked <= limit / 4, "{locked} of {limit}");
        if limit / 4 < 1024 * 1024 {
            println!("only half tested here: {limit} bytes may be locked");
            continue;
        }
        assert!(locked >= 512 * 1024, "{locked} of {limit}");
    }
}
