//! Spawn helpers that hand the current context over.

use std::thread;

use crate::Context;

/// [`std::thread::spawn`] with the caller's context.
///
/// # Panics
/// As `std::thread::spawn`, when the system cannot create a thread.
pub fn spawn_thread<T, F>(f: F) -> thread::JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let context = Context::current();
    thread::spawn(move || context.run(f))
}

/// `tokio::spawn` with the caller's context.
///
/// # Panics
/// As `tokio::spawn`, outside of a runtime.
#[cfg(feature = "tokio")]
pub fn spawn<F>(future: F) -> tokio::task::JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(Context::current().wrap(future))
}

/// `tokio::task::spawn_blocking` with the caller's context.
///
/// # Panics
/// As `tokio::task::spawn_blocking`, outside of a runtime.
#[cfg(feature = "tokio")]
pub fn spawn_blocking<T, F>(f: F) -> tokio::task::JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let context = Context::current();
    tokio::task::spawn_blocking(move || context.run(f))
}

#[cfg(all(test, feature = "tokio"))]
mod tests {
    use crate::{Context, scope};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_scope_goes_through_awaits_tasks_and_blocking_threads() {
        let job = || Context::current().job_id().map(str::to_owned);
        let seen = scope()
            .job("j")
            .wrap(async move {
                tokio::task::yield_now().await;
                let task = super::spawn(async move {
                    tokio::task::yield_now().await;
                    job()
                });
                let blocking = super::spawn_blocking(job);
                let thread = super::spawn_thread(job);
                (job(), task.await.unwrap(), blocking.await.unwrap(), thread.join().unwrap())
            })
            .await;
        let expected = Some("j".to_owned());
        assert_eq!(seen, (expected.clone(), expected.clone(), expected.clone(), expected));
        assert_eq!(job(), None);
    }
}
