//! Files that go under a spool, and errors that pass.

use super::*;
use crate::files::Files as _;
use crate::format::segment_name;

fn unlink_segment(bench: &Bench, number: u64) {
    let path = Path::new(PATH).join("events").join(segment_name(number));
    bench.memory.unlink(&path).unwrap();
}

#[test]
fn what_is_appended_after_the_readers_segment_went_is_read_whole() {
    let bench = Bench::new(one_stream());
    let spool = bench.create();
    append(&spool.stream(0), 1, 0, &[(1, 250); 10]);
    assert_eq!(drain(&spool.stream(0), ALL).len(), 10);
    let bench = bench.after_kill();
    unlink_segment(&bench, 1);
    let spool = bench.open();
    let stream = spool.stream(0);
    append(&stream, spool.next_batch(), 10, &[(1, 250); 12]);
    assert_eq!(drain(&stream, ALL), (10..22).collect::<Vec<_>>());
    assert_eq!(account(&spool, 0).dropped, []);
}
