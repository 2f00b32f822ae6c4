//! Tasks of tokio that start in the context of their maker.

use std::ops::{Deref, DerefMut};

use tokio::runtime::Handle;
use tokio::task::{self, AbortHandle, JoinHandle, LocalSet};

use crate::{carry, wrap};

/// `tokio::spawn` with the caller's context.
///
/// # Panics
/// As `tokio::spawn`, outside of a runtime.
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(wrap(future))
}

/// `Handle::spawn` with the caller's context, for code that is in no runtime, or in another one.
#[track_caller]
pub fn spawn_on<F>(runtime: &Handle, future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    runtime.spawn(wrap(future))
}

/// `tokio::task::spawn_local` with the caller's context.
///
/// # Panics
/// As `tokio::task::spawn_local`, outside of a `LocalSet`.
#[track_caller]
pub fn spawn_local<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    task::spawn_local(wrap(future))
}

/// `tokio::task::spawn_blocking` with the caller's context.
///
/// # Panics
/// As `tokio::task::spawn_blocking`, outside of a runtime.
#[track_caller]
pub fn spawn_blocking<T, F>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    task::spawn_blocking(carry(f))
}

/// `tokio::task::JoinSet` whose tasks start in the context that is current when they are spawned, by
/// whichever of its methods. Everything else is the set's own: it dereferences to it.
///
/// ```
/// use radiosonde_context::{Context, JoinSet, scope};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let mut set = JoinSet::new();
/// scope().job("job-7").run(|| set.spawn(async { Context::current() }));
/// assert_eq!(set.join_next().await.unwrap().unwrap().job_id(), Some("job-7"));
/// # });
/// ```
#[derive(Debug)]
pub struct JoinSet<T>(task::JoinSet<T>);

impl<T: 'static> JoinSet<T> {
    /// An empty set.
    pub fn new() -> Self {
        Self(task::JoinSet::new())
    }

    /// `JoinSet::spawn` with the caller's context.
    ///
    /// # Panics
    /// As that, outside of a runtime.
    #[track_caller]
    pub fn spawn<F>(&mut self, future: F) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        self.0.spawn(wrap(future))
    }

    /// `JoinSet::spawn_on` with the caller's context.
    #[track_caller]
    pub fn spawn_on<F>(&mut self, future: F, runtime: &Handle) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        self.0.spawn_on(wrap(future), runtime)
    }

    /// `JoinSet::spawn_local` with the caller's context.
    ///
    /// # Panics
    /// As that, outside of a `LocalSet`.
    #[track_caller]
    pub fn spawn_local<F>(&mut self, future: F) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        self.0.spawn_local(wrap(future))
    }

    /// `JoinSet::spawn_local_on` with the caller's context.
    #[track_caller]
    pub fn spawn_local_on<F>(&mut self, future: F, local: &LocalSet) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        self.0.spawn_local_on(wrap(future), local)
    }

    /// `JoinSet::spawn_blocking` with the caller's context.
    ///
    /// # Panics
    /// As that, outside of a runtime.
    #[track_caller]
    pub fn spawn_blocking<F>(&mut self, f: F) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        self.0.spawn_blocking(carry(f))
    }

    /// `JoinSet::spawn_blocking_on` with the caller's context.
    #[track_caller]
    pub fn spawn_blocking_on<F>(&mut self, f: F, runtime: &Handle) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        self.0.spawn_blocking_on(carry(f), runtime)
    }

    /// tokio's own set.
    pub fn into_inner(self) -> task::JoinSet<T> {
        self.0
    }
}

impl<T: 'static> Default for JoinSet<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Deref for JoinSet<T> {
    type Target = task::JoinSet<T>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<T> DerefMut for JoinSet<T> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Context, scope, spawn_thread};

    fn job() -> Option<String> {
        Context::current().job_id().map(str::to_owned)
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_scope_goes_through_awaits_tasks_and_blocking_threads() {
        let seen = scope()
            .job("j")
            .wrap(async move {
                task::yield_now().await;
                let task = spawn(async move {
                    task::yield_now().await;
                    job()
                });
                let on = spawn_on(&Handle::current(), async move { job() });
                let blocking = spawn_blocking(job);
                let thread = spawn_thread(job);
                let ended = (task.await.unwrap(), on.await.unwrap(), blocking.await.unwrap());
                (job(), ended, thread.join().unwrap())
            })
            .await;
        let j = || Some("j".to_owned());
        assert_eq!(seen, (j(), (j(), j(), j()), j()));
        assert_eq!(job(), None);
    }

    #[tokio::test]
    async fn tasks_of_a_set_and_of_a_thread_keep_the_context_they_were_spawned_in() {
        let local = LocalSet::new();
        let runtime = Handle::current();
        let mut set = JoinSet::default();
        for name in ["a", "b"] {
            scope().job(name).run(|| {
                set.spawn(async { job() });
                set.spawn_on(async { job() }, &runtime);
                set.spawn_local_on(async { job() }, &local);
                set.spawn_blocking(job);
                set.spawn_blocking_on(job, &runtime);
            });
        }
        let in_local = local.run_until(async move {
            scope().job("l").run(|| set.spawn_local(async { job() }));
            set
        });
        let set = in_local.await;
        assert_eq!(set.len(), 11);
        let all = local.run_until(set.into_inner().join_all()).await;
        let seen = |name: &str| all.iter().filter(|job| job.as_deref() == Some(name)).count();
        assert_eq!([seen("a"), seen("b"), seen("l")], [5, 5, 1], "{all:?}");

        let spawned = local.run_until(scope().job("l").wrap(async {
            let task = spawn_local(async { job() });
            task.await.unwrap()
        }));
        assert_eq!(spawned.await.as_deref(), Some("l"));
    }

    #[tokio::test]
    async fn an_aborted_task_drops_what_it_holds_in_its_context() {
        struct Notes(std::sync::mpsc::Sender<Option<String>>);
        impl Drop for Notes {
            fn drop(&mut self) {
                let _sent = self.0.send(job());
            }
        }
        let (sender, receiver) = std::sync::mpsc::channel();
        let notes = Notes(sender);
        let task = scope().job("j").run(|| {
            spawn(async move {
                let _notes = notes;
                std::future::pending::<()>().await;
            })
        });
        task::yield_now().await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(receiver.recv().unwrap().as_deref(), Some("j"));
    }
}
