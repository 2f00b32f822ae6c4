//! The thread `radiosonde-otlp`: asks lanes what to send, sends it, and tells them what came of it.

use std::collections::HashMap;
use std::future::poll_fn;
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use radiosonde_spool::Spool;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{Id, JoinError, JoinSet};

use super::SenderOptions;
use super::answer::{Answer, Verdict};
use super::lane::{Source, Step};
use super::route::{Clock, Route, TICK};
use super::status::Status;
use super::transport::Asking;
use crate::destination::Destinations;
use crate::manifest::Manifest;
use crate::signal::Signal;

/// Threads on which names of hosts are resolved.
const RESOLVERS: usize = 2;
/// How long answers are waited for at the end.
pub(super) const LAST_ANSWERS: Duration = Duration::from_millis(200);
/// How long the thread rests after a panic in it.
const REST: Duration = Duration::from_secs(1);

pub(super) enum Command {
    Add(Box<Adopted>),
    Flush {
        until: Instant,
        /// Whether the thread ends after it.
        is_last: bool,
        done: SyncSender<bool>,
    },
    /// The end is known, and near; more spools may come.
    End {
        until: Instant,
    },
    /// Ends the thread, which says so.
    Stop {
        done: SyncSender<()>,
    },
}

/// A spool that is served.
pub(super) struct Adopted {
    id: u64,
    spool: Spool,
    destinations: Destinations,
    instance: String,
    resource: Arc<[u8]>,
    on_empty: Option<Box<dyn FnOnce(Spool) + Send>>,
}

impl Adopted {
    pub(super) fn new(
        spool: Spool,
        manifest: &Manifest,
        on_empty: Option<Box<dyn FnOnce(Spool) + Send>>,
    ) -> Self {
        Self {
            id: 0,
            spool,
            destinations: manifest.destinations.clone(),
            instance: manifest.instance.clone(),
            resource: manifest.resource.as_slice().into(),
            on_empty,
        }
    }
}

pub(super) fn start(
    options: SenderOptions,
    status: Arc<Mutex<Vec<Status>>>,
) -> io::Result<(UnboundedSender<Command>, JoinHandle<()>)> {
    let (commands, receiver) = unbounded_channel();
    let runtime = Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(RESOLVERS)
        .thread_name("radiosonde-otlp")
        // Those that resolve names are threads of ours as well.
        .on_thread_start(radiosonde_record::suppress_thread)
        .build()?;
    let thread =
        std::thread::Builder::new().name("radiosonde-otlp".to_owned()).spawn(move || {
            radiosonde_record::suppress_thread();
            serve(runtime, &options, &status, receiver);
        })?;
    Ok((commands, thread))
}

/// Until it is told to stop. A panic costs what was under way, and a rest.
fn serve(
    runtime: Runtime,
    options: &SenderOptions,
    status: &Mutex<Vec<Status>>,
    receiver: UnboundedReceiver<Command>,
) {
    let mut kept = Kept { receiver, adopted: Vec::new(), numbers: 0, ends_at: None, stopped: None };
    loop {
        let turn = || runtime.block_on(Turn::new(options, status, &mut kept).run());
        if catch_unwind(AssertUnwindSafe(turn)).is_ok() {
            break;
        }
        std::thread::sleep(REST);
    }
    // Nobody waits for a name that is being resolved.
    runtime.shutdown_background();
    if let Some(done) = kept.stopped {
        let _ = done.try_send(());
    }
}

/// What outlives a panic.
struct Kept {
    receiver: UnboundedReceiver<Command>,
    adopted: Vec<Adopted>,
    numbers: u64,
    /// When it ends, once that is known.
    ends_at: Option<Instant>,
    /// Who waits for the end.
    stopped: Option<SyncSender<()>>,
}

struct Turn<'a> {
    options: &'a SenderOptions,
    status: &'a Mutex<Vec<Status>>,
    kept: &'a mut Kept,
    clock: Clock,
    routes: Vec<Route>,
    asked: JoinSet<Asked>,
    /// By task: whose request it has.
    tasks: HashMap<Id, (u64, u64)>,
    flushes: Vec<Flush>,
    random: RandomState,
}

/// The numbers of a route and of its request, and what came of that.
type Asked = (u64, u64, Answer);

struct Flush {
    from_ns: u64,
    until: Instant,
    done: SyncSender<bool>,
}

/// What the thread woke up for.
enum Event {
    Answered(u64, u64, Answer),
    Commanded(Command),
    Stopped,
    Time,
}

impl<'a> Turn<'a> {
    fn new(options: &'a SenderOptions, status: &'a Mutex<Vec<Status>>, kept: &'a mut Kept) -> Self {
        let mut turn = Self {
            options,
            status,
            kept,
            clock: Clock::start(),
            routes: Vec::new(),
            asked: JoinSet::new(),
            tasks: HashMap::new(),
            flushes: Vec::new(),
            random: RandomState::new(),
        };
        for place in 0..turn.kept.adopted.len() {
            turn.route(place);
        }
        turn
    }

    async fn run(mut self) {
        loop {
            let wake = self.send();
            self.let_go();
            self.tell();
            match self.event(wake).await {
                Event::Answered(route, id, answer) => self.answered(route, id, answer),
                Event::Commanded(Command::Add(adopted)) => self.add(*adopted),
                Event::Commanded(Command::Flush { until, is_last, done }) => {
                    let from_ns = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
                    let from_ns = from_ns.map_or(0, |since| since.as_nanos());
                    let from_ns = u64::try_from(from_ns).unwrap_or(u64::MAX);
                    self.flushes.push(Flush { from_ns, until, done });
                    self.kept.ends_at = self.kept.ends_at.or(is_last.then_some(until));
                    self.hurry();
                }
                Event::Commanded(Command::End { until }) => {
                    self.kept.ends_at = self.kept.ends_at.or(Some(until));
                    self.hurry();
                }
                Event::Commanded(Command::Stop { done }) => {
                    self.kept.stopped = Some(done);
                    self.last_answers().await;
                    break;
                }
                Event::Stopped => break,
                Event::Time => {}
            }
        }
        self.asked.abort_all();
    }

    /// Takes the answers that come within a moment, and sends nothing more: what is not answered is sent
    /// a second time by whoever comes next.
    async fn last_answers(&mut self) {
        let end = Instant::now() + LAST_ANSWERS;
        while let Ok(Some(ended)) =
            tokio::time::timeout_at(end.into(), self.asked.join_next_with_id()).await
        {
            if let Some((route, id, answer)) = self.ended(ended) {
                self.answered(route, id, answer);
            }
        }
        self.tell();
    }

    /// Sends what may be sent; when there is more to do.
    fn send(&mut self) -> Instant {
        let mut wake = Instant::now() + TICK;
        for at in 0..self.routes.len() {
            loop {
                let (now, route) = (self.clock.now(), &mut self.routes[at]);
                match route.lane.next(now) {
                    Step::Send(attempt) => {
                        let (of, id) = (route.id, attempt.id);
                        let asking = route.transport.ask(attempt);
                        self.ask(of, id, asking);
                    }
                    Step::Wait(until) => {
                        let until = until.map(|until| self.clock.instant(until));
                        wake = until.map_or(wake, |until| wake.min(until));
                        break;
                    }
                }
            }
        }
        self.flushes.iter().fold(wake, |wake, flush| wake.min(flush.until))
    }

    fn ask(&mut self, route: u64, id: u64, asking: Asking) {
        let task = self.asked.spawn(async move { (route, id, asking.await) });
        self.tasks.insert(task.id(), (route, id));
    }

    /// What came of a request. One that panicked is one that failed, and the others go on.
    fn ended(&mut self, ended: Result<(Id, Asked), JoinError>) -> Option<Asked> {
        match ended {
            Ok((task, asked)) => {
                self.tasks.remove(&task);
                Some(asked)
            }
            Err(error) => {
                let (route, id) = self.tasks.remove(&error.id())?;
                let text = "the request ended by a fault of the sender itself: please report it";
                Some((route, id, Answer::new(Verdict::Failed { timed_out: false }, text)))
            }
        }
    }

    async fn event(&mut self, wake: Instant) -> Event {
        let mut sleep = std::pin::pin!(tokio::time::sleep_until(wake.into()));
        poll_fn(|context| {
            match self.kept.receiver.poll_recv(context) {
                Poll::Ready(Some(command)) => return Poll::Ready(Event::Commanded(command)),
                Poll::Ready(None) => return Poll::Ready(Event::Stopped),
                Poll::Pending => {}
            }
            // Without requests there is nothing to wait for here.
            while let Poll::Ready(Some(ended)) = self.asked.poll_join_next_with_id(context) {
                if let Some((route, id, answer)) = self.ended(ended) {
                    return Poll::Ready(Event::Answered(route, id, answer));
                }
            }
            sleep.as_mut().poll(context).map(|()| Event::Time)
        })
        .await
    }

    fn answered(&mut self, route: u64, id: u64, answer: Answer) {
        let random = self.random.hash_one((route, id));
        let Some(route) = self.routes.iter_mut().find(|known| known.id == route) else { return };
        if matches!(answer.verdict, Verdict::Failed { .. } | Verdict::Misconfigured { .. }) {
            route.transport.forget();
        }
        route.lane.answered(id, answer, self.clock.now(), random);
    }

    fn add(&mut self, mut adopted: Adopted) {
        self.kept.numbers += 1;
        adopted.id = self.kept.numbers;
        self.kept.adopted.push(adopted);
        self.route(self.kept.adopted.len() - 1);
        self.hurry();
    }

    /// Finds the ways of a spool.
    fn route(&mut self, place: usize) {
        let Some(adopted) = self.kept.adopted.get(place) else { return };
        let strict = adopted.destinations.strict;
        for signal in Signal::ALL {
            let Some(destination) = adopted.destinations.of(signal) else { continue };
            let known = self.routes.iter().position(|it| it.is_of(destination, signal, strict));
            let at = known.unwrap_or_else(|| {
                self.kept.numbers += 1;
                let id = self.kept.numbers;
                self.routes.push(Route::new(id, destination, signal, strict, self.options));
                self.routes.len() - 1
            });
            let (spool, resource) = (adopted.spool.clone(), Arc::clone(&adopted.resource));
            let mut source = Source::new(adopted.id, spool, adopted.instance.clone(), resource);
            let jitter = u64::try_from(self.options.start_jitter.as_millis()).unwrap_or(u64::MAX);
            let wait = self.random.hash_one((adopted.id, at)) % jitter.max(1);
            source.from = self.clock.now() + Duration::from_millis(wait);
            self.routes[at].lane.add(source);
        }
    }

    /// Hands back what nobody appends to and has nothing pending.
    fn let_go(&mut self) {
        let mut place = 0;
        while let Some(adopted) = self.kept.adopted.get(place) {
            if adopted.on_empty.is_none() || adopted.spool.is_pending() {
                place += 1;
                continue;
            }
            let Adopted { id, spool, on_empty, .. } = self.kept.adopted.remove(place);
            for route in &mut self.routes {
                route.lane.remove(id);
            }
            self.routes.retain(|route| !route.lane.is_empty());
            if let Some(on_empty) = on_empty {
                // What is done with it is not ours; it must not end the sender.
                let _ = catch_unwind(AssertUnwindSafe(|| on_empty(spool)));
            }
        }
    }

    /// Tells whoever waits, and shows how it stands.
    fn tell(&mut self) {
        let statuses = self.routes.iter().map(|route| route.status(&self.clock)).collect();
        *self.status.lock().unwrap_or_else(PoisonError::into_inner) = statuses;
        if self.flushes.is_empty() {
            return;
        }
        let (routes, clock) = (&self.routes, &self.clock);
        self.flushes.retain(|flush| {
            let unsettled = || routes.iter().filter(|route| !route.is_settled(flush.from_ns));
            let is_done = unsettled().next().is_none();
            let until = clock.at(flush.until);
            let now = clock.now();
            let is_vain = || unsettled().all(|it| it.lane.is_vain(now, until));
            let is_over = is_done || Instant::now() >= flush.until || is_vain();
            if is_over {
                let _ = flush.done.try_send(is_done);
            }
            !is_over
        });
        self.hurry();
    }

    fn hurry(&mut self) {
        for route in &mut self.routes {
            route.lane.in_a_hurry = !self.flushes.is_empty() || self.kept.ends_at.is_some();
            route.lane.ends_at = self.kept.ends_at.map(|end| self.clock.at(end));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_panics_is_one_that_failed() {
        let (_commands, receiver) = unbounded_channel();
        let (options, status) = (SenderOptions::default(), Mutex::default());
        let mut kept =
            Kept { receiver, adopted: Vec::new(), numbers: 0, ends_at: None, stopped: None };
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let mut turn = Turn::new(&options, &status, &mut kept);
            let well = Answer::new(Verdict::Refused, "no");
            turn.ask(7, 3, Box::pin(async { panic!("as a test") }));
            turn.ask(8, 4, Box::pin(std::future::ready(well.clone())));
            let mut seen = Vec::new();
            for _ in 0..2 {
                match turn.event(Instant::now() + Duration::from_secs(60)).await {
                    Event::Answered(route, id, answer) => seen.push((route, id, answer.verdict)),
                    _ => panic!("nothing else happens"),
                }
            }
            seen.sort_by_key(|(route, ..)| *route);
            let failed = Verdict::Failed { timed_out: false };
            assert_eq!(seen, [(7, 3, failed), (8, 4, well.verdict)]);
            assert!(turn.tasks.is_empty());
        });
    }
}
