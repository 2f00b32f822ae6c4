//! How a process of the platform hears that it shall end: by SIGTERM or ctrl-c, or because whoever started
//! it has gone.

use std::io::Read as _;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// Waits until this process is told to end. With `leash`, the end of standard input says so too: a
/// starter that is killed closes it.
pub(crate) async fn to_end(leash: bool) {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
        () = end_of_input(), if leash => {}
    }
}

/// Waits for the end of standard input, on a thread that no runtime waits for.
pub(crate) async fn end_of_input() {
    let (ended, end) = oneshot::channel();
    drop(std::thread::spawn(move || {
        let mut byte = [0];
        while std::io::stdin().read(&mut byte).is_ok_and(|read| read > 0) {}
        let _ = ended.send(()); // Nobody waits any more.
    }));
    drop(end.await);
}
