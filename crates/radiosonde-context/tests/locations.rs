//! What panics in a spawn helper is shown where the helper is called.
#![cfg(feature = "tokio")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::sync::{Arc, Mutex};

use radiosonde_context::{JoinSet, spawn, spawn_blocking, spawn_local};

#[test]
fn a_spawn_outside_of_a_runtime_is_told_with_the_line_that_spawns() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let places = Arc::clone(&seen);
    set_hook(Box::new(move |info| {
        let location = info.location().unwrap();
        places.lock().unwrap().push((location.file().to_owned(), location.line()));
    }));
    let mut set = JoinSet::new();
    let first = line!() + 2;
    let spawns: [&mut dyn FnMut(); 6] = [
        &mut || drop(spawn(async {})),
        &mut || drop(spawn_blocking(|| ())),
        &mut || drop(spawn_local(async {})),
        &mut || drop(set.spawn(async {})),
        &mut || drop(JoinSet::new().spawn_blocking(|| ())),
        &mut || drop(JoinSet::new().spawn_local(async {})),
    ];
    let lines = first..first + spawns.len() as u32;
    for spawn in spawns {
        assert!(catch_unwind(AssertUnwindSafe(spawn)).is_err());
    }
    let _default = std::panic::take_hook();
    let expected: Vec<_> = lines.map(|line| (file!().to_owned(), line)).collect();
    assert_eq!(*seen.lock().unwrap(), expected);
}
