//! Answers are written on threads of their own: whoever serves has others to serve, and a collector
//! may take long, wait for a lock or never end.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot};

use crate::trouble::Trouble;

/// An answer that has been written for longer is not waited for: its request and those that wait for
/// their turn are answered 503, and so are further ones at once until it is done.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Requests that wait while another one's answer is written; more are answered 503. Far fewer than
/// our listener has connections, so that there is one for the other pages while scrapes wait.
pub const WAITING_MAX: usize = 16;

/// One thread at a time, begun with the request and ended with its answer, and one beside it that
/// waits for its end no longer than the patience: there may be no runtime that has timers.
///
/// They are no threads of the application's runtime: one that hung would keep that from ending, and
/// there may be none, or no blocking thread to spare.
#[derive(Debug)]
pub(crate) struct Aside {
    turns: Arc<Semaphore>,
    /// Requests that wait for their turn, the one that gets it among them.
    waiting: AtomicUsize,
    /// Whether the answer that is being written takes longer than the patience.
    stuck: Mutex<bool>,
    /// Wakes whoever waits when it comes to that.
    stuck_now: Notify,
    patience: Duration,
}

/// Says whether somebody still waits for what is being made.
pub(crate) type Wanted<'w> = &'w dyn Fn() -> bool;

impl Aside {
    pub(crate) fn new(patience: Duration) -> Arc<Self> {
        Arc::new(Self {
            turns: Arc::new(Semaphore::new(1)),
            waiting: AtomicUsize::new(0),
            stuck: Mutex::default(),
            stuck_now: Notify::new(),
            patience,
        })
    }

    /// What `work` makes on a thread of its own, which stands in the caller's runtime if there is
    /// one. Who drops the future lets go of the result; the thread goes on, and the next one's turn
    /// comes after it. The same where the work takes longer than the patience: [`Trouble::Stuck`].
    pub(crate) async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(Wanted<'_>) -> T + Send + 'static,
    ) -> Result<T, Trouble> {
        let mut turn = self.turn().await?;
        let stuck = self.stuck_now.notified();
        turn.watch()?;
        let (sender, made) = oneshot::channel();
        let runtime = Handle::try_current().ok();
        let whole = move || {
            let entered = runtime.as_ref().map(Handle::enter);
            let wanted = || !sender.is_closed();
            let outcome = catch_unwind(AssertUnwindSafe(|| work(&wanted)));
            drop((entered, turn));
            let _ = sender.send(outcome);
        };
        spawn(whole)?;
        match either(made, stuck).await {
            Some(Ok(Ok(made))) => Ok(made),
            Some(_) => Err(Trouble::Panicked),
            None => Err(self.is_stuck()),
        }
    }

    async fn turn(self: &Arc<Self>) -> Result<Turn, Trouble> {
        // Before the look, so that nothing comes between it and the wait.
        let stuck = self.stuck_now.notified();
        if *self.stuck() {
            return Err(self.is_stuck());
        }
        let waiting = Waiting::new(&self.waiting).ok_or(Trouble::Crowded { limit: WAITING_MAX })?;
        let turn = either(self.turns.clone().acquire_owned(), stuck).await;
        drop(waiting);
        // It is never closed.
        let permit = turn.ok_or_else(|| self.is_stuck())?.map_err(|_| Trouble::Panicked)?;
        Ok(Turn { aside: self.clone(), watched: None, _permit: permit })
    }

    fn is_stuck(&self) -> Trouble {
        Trouble::Stuck { seconds: self.patience.as_secs() }
    }

    fn stuck(&self) -> MutexGuard<'_, bool> {
        self.stuck.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread of ours.
fn spawn(work: impl FnOnce() + Send + 'static) -> Result<(), Trouble> {
    // Linux shows 15 characters of a name.
    match thread::Builder::new().name("radiosonde-http".to_owned()).spawn(work) {
        Ok(_) => Ok(()),
        Err(error) => Err(Trouble::NoThread { error: error.to_string() }),
    }
}

/// What `work` comes to, or `None` if `end` comes before.
async fn either<T>(work: impl Future<Output = T>, end: impl Future<Output = ()>) -> Option<T> {
    let (mut work, mut end) = (pin!(work), pin!(end));
    poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Ready(made) => Poll::Ready(Some(made)),
        Poll::Pending => end.as_mut().poll(cx).map(|()| None),
    })
    .await
}

/// The right to have a thread.
struct Turn {
    aside: Arc<Aside>,
    /// Whoever watches the turn sees its end by that of the channel.
    watched: Option<mpsc::Sender<()>>,
    _permit: OwnedSemaphorePermit,
}

impl Turn {
    /// Begins a thread that says so when the turn takes longer than the patience.
    fn watch(&mut self) -> Result<(), Trouble> {
        let (watched, turn) = mpsc::channel::<()>();
        let aside = self.aside.clone();
        spawn(move || {
            if turn.recv_timeout(aside.patience) != Err(mpsc::RecvTimeoutError::Timeout) {
                return;
            }
            let mut stuck = aside.stuck();
            // It ends while the lock is held: what has ended by now is not stuck any more.
            if turn.try_recv() == Err(mpsc::TryRecvError::Empty) {
                *stuck = true;
                aside.stuck_now.notify_waiters();
            }
        })?;
        self.watched = Some(watched);
        Ok(())
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut stuck = self.aside.stuck();
        *stuck = false;
        drop(self.watched.take());
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
    use std::task::{Context, Waker};

    use tokio::time::timeout;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    /// Long enough for a loaded machine; never waited for when all is well.
    const DEADLINE: Duration = Duration::from_secs(30);

    /// Work that has begun, and ends with the sender that comes with it.
    async fn begin(
        aside: &Arc<Aside>,
    ) -> (mpsc::Sender<()>, impl Future<Output = Result<u32, Trouble>>) {
        let (end, ended) = mpsc::channel::<()>();
        let (begin, begun) = oneshot::channel();
        let aside = aside.clone();
        let work = tokio::spawn(async move {
            let work = move |_: Wanted<'_>| {
                let _ = begin.send(());
                let _ = ended.recv();
                1
            };
            aside.run(work).await
        });
        begun.await.unwrap();
        (end, async { work.await.unwrap() })
    }

    #[tokio::test]
    async fn what_hangs_is_not_waited_for_and_what_ends_makes_room() {
        let aside = Aside::new(Duration::from_millis(100));
        let stuck = Err(Trouble::Stuck { seconds: 0 });
        let (end, work) = begin(&aside).await;
        let waiting: Vec<_> = (0..WAITING_MAX)
            .map(|_| {
                let aside = aside.clone();
                tokio::spawn(async move { aside.run(|_| 2).await })
            })
            .collect();
        for one in waiting {
            assert_eq!(timeout(DEADLINE, one).await.unwrap().unwrap(), stuck);
        }
        assert_eq!(timeout(DEADLINE, work).await.unwrap(), stuck);
        assert_eq!(timeout(DEADLINE, aside.run(|_| 2)).await.unwrap(), stuck);
        drop(end);
        // Its turn ends with its thread, some time after this.
        let again = async {
            loop {
                match aside.run(|_| 2).await {
                    Err(Trouble::Stuck { .. }) => tokio::task::yield_now().await,
                    other => break other,
                }
            }
        };
        assert_eq!(timeout(DEADLINE, again).await.unwrap(), Ok(2));
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
