//! Spawn helpers that hand the current context over.

use std::{io, thread};

use crate::carry;

/// [`std::thread::spawn`] with the caller's context.
///
/// # Panics
/// As `std::thread::spawn`, when the system cannot create a thread.
pub fn spawn_thread<T, F>(f: F) -> thread::JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    thread::spawn(carry(f))
}

/// [`std::thread::Builder::spawn`] with the caller's context.
///
/// # Errors
/// As `Builder::spawn`, when the system cannot create a thread.
pub fn spawn_thread_with<T, F>(builder: thread::Builder, f: F) -> io::Result<thread::JoinHandle<T>>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    builder.spawn(carry(f))
}

/// [`std::thread::Scope::spawn`] with the caller's context.
///
/// ```
/// use radiosonde_context::{Context, scope, spawn_scoped};
///
/// scope().job("job-7").run(|| {
///     std::thread::scope(|threads| {
///         let job = spawn_scoped(threads, || Context::current().job_id().map(str::to_owned));
///         assert_eq!(job.join().unwrap().as_deref(), Some("job-7"));
///     });
/// });
/// ```
///
/// # Panics
/// As `Scope::spawn`, when the system cannot create a thread.
pub fn spawn_scoped<'scope, T, F>(
    threads: &'scope thread::Scope<'scope, '_>,
    f: F,
) -> thread::ScopedJoinHandle<'scope, T>
where
    F: FnOnce() -> T + Send + 'scope,
    T: Send + 'scope,
{
    threads.spawn(carry(f))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Context, scope};

    #[test]
    fn threads_of_every_kind_start_in_the_context_of_their_maker() {
        let job = || Context::current().job_id().map(str::to_owned);
        let seen = scope().job("j").run(|| {
            let named = thread::Builder::new().name("named".to_owned());
            let named = spawn_thread_with(named, move || {
                (thread::current().name().map(str::to_owned), job())
            });
            let scoped = thread::scope(|threads| spawn_scoped(threads, job).join().unwrap());
            (spawn_thread(job).join().unwrap(), named.unwrap().join().unwrap(), scoped)
        });
        let expected = Some("j".to_owned());
        let named = (Some("named".to_owned()), expected.clone());
        assert_eq!(seen, (expected.clone(), named, expected));
        assert_eq!(thread::spawn(job).join().unwrap(), None, "a plain spawn starts with nothing");
    }
}
