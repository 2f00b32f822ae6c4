//! The cells under the model checker, which tries the orders that loads and stores can come in.

use loom::sync::Arc;
use loom::thread;

use super::Arena;

/// A writer ends and the next one takes its block over: nothing that was counted is lost.
#[test]
fn a_block_that_is_handed_on_keeps_its_counts() {
    loom::model(|| {
        let arena = Arc::new(Arena::new());
        let cell = arena.reserve(1);
        assert!(arena.shared(cell).is_some());
        let write = |arena: Arc<Arena>| {
            move || match Arena::own(&arena) {
                Some(own) => assert!(own.add(cell, 1)),
                None => arena.add_shared(cell, 1),
            }
        };
        let threads = [thread::spawn(write(arena.clone())), thread::spawn(write(arena.clone()))];
        write(arena.clone())();
        for thread in threads {
            thread.join().unwrap_or_else(|_| panic!("a writer panicked"));
        }
        assert_eq!(arena.sum(cell), 3);
    });
}

/// A reader beside two writers, one of which shares, sees sums that only grow.
#[test]
fn a_reader_sees_no_sum_fall() {
    loom::model(|| {
        let arena = Arc::new(Arena::new());
        let cell = arena.reserve(1);
        assert!(arena.shared(cell).is_some());
        let writer = arena.clone();
        let writer = thread::spawn(move || {
            if let Some(own) = Arena::own(&writer) {
                assert!(own.add(cell, 1) && own.add(cell, 1));
            }
        });
        let sharing = arena.clone();
        let sharing = thread::spawn(move || sharing.add_shared(cell, 1));
        let (before, after) = (arena.sum(cell), arena.sum(cell));
        assert!(before <= after && after <= 3);
        for thread in [writer, sharing] {
            thread.join().unwrap_or_else(|_| panic!("a writer panicked"));
        }
        assert_eq!(arena.sum(cell), 3);
    });
}

/// Two raise a counter while a third adds: it rises by what both meant together, and no more.
#[test]
fn a_sum_is_raised_by_what_is_missing() {
    loom::model(|| {
        let arena = Arc::new(Arena::new());
        let cell = arena.reserve(1);
        // Made before the threads are: how it is made is the standard library's, which the checker does
        // not see.
        assert!(arena.shared(cell).is_some());
        let raise = |arena: Arc<Arena>, to| thread::spawn(move || arena.raise(cell, to));
        let raisers = [raise(arena.clone(), 2), raise(arena.clone(), 3)];
        let mut raised = 0;
        for raiser in raisers {
            raised += raiser.join().unwrap_or_else(|_| panic!("a raiser panicked"));
        }
        assert_eq!((arena.sum(cell), raised), (3, 3));
    });
}
