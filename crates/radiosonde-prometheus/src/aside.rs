//! Answers are written on threads of their own: whoever serves has others to serve, and a collector
//! may take long, wait for a lock or never end.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::trouble::Trouble;

/// An answer that has been written for longer is not waited for: until it is done, further requests
/// are answered 503 at once.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Requests that wait while another one's answer is written; more are answered 503.
pub const WAITING_MAX: usize = 64;

/// One thread at a time, begun with the request and ended with its answer.
///
/// It is no thread of the application's runtime: one that hung would keep that from ending, and
/// there may be none, or no blocking thread to spare.
#[derive(Debug)]
pub(crate) struct Aside {
    turns: Arc<Semaphore>,
    /// Requests that wait for their turn, the one that gets it among them.
    waiting: AtomicUsize,
    /// When the answer that is being written was begun.
    begun: Mutex<Option<Instant>>,
    patience: Duration,
}

/// Says whether somebody still waits for what is being made.
pub(crate) type Wanted<'w> = &'w dyn Fn() -> bool;

impl Aside {
    pub(crate) fn new(patience: Duration) -> Arc<Self> {
        Arc::new(Self {
            turns: Arc::new(Semaphore::new(1)),
            waiting: AtomicUsize::new(0),
            begun: Mutex::default(),
            patience,
        })
    }

    /// What `work` makes on a thread of its own, which stands in the caller's runtime if there is
    /// one. Who drops the future lets go of the result; the thread goes on, and the next one's turn
    /// comes after it.
    pub(crate) async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(Wanted<'_>) -> T + Send + 'static,
    ) -> Result<T, Trouble> {
        let turn = self.turn().await?;
        let (sender, made) = oneshot::channel();
        let runtime = Handle::try_current().ok();
        let whole = move || {
            let entered = runtime.as_ref().map(Handle::enter);
            let wanted = || !sender.is_closed();
            let outcome = catch_unwind(AssertUnwindSafe(|| work(&wanted)));
            drop((entered, turn));
            let _ = sender.send(outcome);
        };
        // Linux shows 15 characters of a name.
        let thread = thread::Builder::new().name("radiosonde-http".to_owned()).spawn(whole);
        if let Err(error) = thread {
            return Err(Trouble::NoThread { error: error.to_string() });
        }
        match made.await {
            Ok(Ok(made)) => Ok(made),
            _ => Err(Trouble::Panicked),
        }
    }

    async fn turn(self: &Arc<Self>) -> Result<Turn, Trouble> {
        if self.begun().is_some_and(|begun| begun.elapsed() >= self.patience) {
            return Err(Trouble::Stuck { seconds: self.patience.as_secs() });
        }
        let waiting = Waiting::new(&self.waiting).ok_or(Trouble::Crowded { limit: WAITING_MAX })?;
        // It is never closed.
        let permit = self.turns.clone().acquire_owned().await.map_err(|_| Trouble::Panicked)?;
        drop(waiting);
        *self.begun() = Some(Instant::now());
        Ok(Turn { aside: self.clone(), _permit: permit })
    }

    fn begun(&self) -> MutexGuard<'_, Option<Instant>> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to have a thread.
struct Turn {
    aside: Arc<Aside>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Turn {
    fn drop(&mut self) {
        *self.aside.begun() = None;
    }
}

/// Counts one that waits until it is dropped, and so also where its client goes away.
struct Waiting<'w>(&'w AtomicUsize);

impl<'w> Waiting<'w> {
    fn new(count: &'w AtomicUsize) -> Option<Self> {
        let one = Self(count);
        (count.fetch_add(1, Ordering::Relaxed) < WAITING_MAX).then_some(one)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let _ = self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::sync::mpsc;
    use std::task::{Context, Poll, Waker};

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    /// Work that has begun, and ends with the sender that comes with it.
    async fn begin(
        aside: &Arc<Aside>,
    ) -> (mpsc::Sender<()>, impl Future<Output = Result<u32, Trouble>>) {
        let (end, ended) = mpsc::channel::<()>();
        let (begin, begun) = oneshot::channel();
        let aside = aside.clone();
        let mut work = Box::pin(async move {
            let work = move |_: Wanted<'_>| {
                let _ = begin.send(());
                let _ = ended.recv();
                1
            };
            aside.run(work).await
        });
        let mut begun = pin!(begun);
        poll_fn(|cx| {
            assert!(work.as_mut().poll(cx).is_pending());
            begun.as_mut().poll(cx)
        })
        .await
        .unwrap();
        (end, work)
    }

    #[tokio::test]
    async fn what_hangs_is_not_waited_for_and_what_ends_makes_room() {
        let aside = Aside::new(Duration::ZERO);
        let (end, work) = begin(&aside).await;
        assert_eq!(aside.run(|_| 2).await, Err(Trouble::Stuck { seconds: 0 }));
        drop(end);
        assert_eq!(work.await, Ok(1));
        assert_eq!(aside.run(|_| 2).await, Ok(2));
    }

    #[tokio::test]
    async fn only_so_many_wait_and_who_goes_away_makes_room() {
        let aside = Aside::new(HOUR);
        let (end, work) = begin(&aside).await;
        let mut cx = Context::from_waker(Waker::noop());
        let mut waiting = Vec::new();
        for _ in 0..WAITING_MAX {
            let mut one = Box::pin(aside.run(|_| 2));
            assert!(one.as_mut().poll(&mut cx).is_pending());
            waiting.push(one);
        }
        assert_eq!(aside.run(|_| 2).await, Err(Trouble::Crowded { limit: WAITING_MAX }));
        drop(waiting.pop());
        let mut last = Box::pin(aside.run(|_| 3));
        assert_eq!(last.as_mut().poll(&mut cx), Poll::Pending);
        drop(end);
        assert_eq!(work.await, Ok(1));
        for one in waiting {
            assert_eq!(one.await, Ok(2));
        }
        assert_eq!(last.await, Ok(3));
    }

    #[tokio::test]
    async fn who_is_gone_is_known_and_the_next_turn_comes_when_the_thread_ends() {
        let aside = Aside::new(HOUR);
        let (go, gone) = mpsc::channel::<()>();
        let (tell, told) = oneshot::channel();
        let mut work = Box::pin(aside.run(move |wanted| {
            let _ = gone.recv();
            let _ = tell.send(wanted());
        }));
        assert!(work.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        drop(work);
        let next = {
            let aside = aside.clone();
            tokio::spawn(async move { aside.run(|_| 2).await })
        };
        drop(go);
        assert!(!told.await.unwrap());
        assert_eq!(next.await.unwrap(), Ok(2));
    }

    #[tokio::test]
    async fn a_panic_is_an_answer_and_the_turn_goes_on() {
        let aside = Aside::new(HOUR);
        assert_eq!(aside.run(|_| panic!("of the test")).await, Err::<u32, _>(Trouble::Panicked));
        assert_eq!(aside.run(|_| 2).await, Ok(2));
    }

    #[test]
    fn it_needs_no_runtime_and_hands_on_the_one_there_is() {
        let aside = Aside::new(HOUR);
        let in_runtime = |_: Wanted<'_>| Handle::try_current().is_ok();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert_eq!(runtime.block_on(aside.run(in_runtime)), Ok(true));
        let mut work = pin!(aside.run(in_runtime));
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut cx = Context::from_waker(&waker);
        let outcome = loop {
            match work.as_mut().poll(&mut cx) {
                Poll::Ready(outcome) => break outcome,
                Poll::Pending => thread::park(),
            }
        };
        assert_eq!(outcome, Ok(false));
    }

    struct Unpark(thread::Thread);

    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
}
