//! The receiver: a thread with two ports, and what was kept.

use crate::listen::{self, Port};
use crate::received::Received;
use crate::requests::{Request, Signal};
use crate::script::{Fault, Play, Script};
use crate::tally::{Counts, Key, Tally};
#[cfg(feature = "tls")]
use crate::tls::ServerTls;
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Requests that are remembered; older ones are forgotten, and still counted.
const REQUESTS_MAX: usize = 65_536;

/// What is done with each request's records, besides keeping them.
type Watcher = Box<dyn FnMut(&Received) + Send>;

/// An OTLP receiver on two loopback ports. It ends when it is dropped.
#[derive(Debug)]
pub struct Receiver {
    shared: Arc<Shared>,
    http: SocketAddr,
    grpc: SocketAddr,
    scheme: &'static str,
    thread: Option<JoinHandle<()>>,
}

/// How a [`Receiver`] is to be.
#[derive(Default)]
#[must_use]
pub struct Builder {
    script: Script,
    key: Key,
    counts_only: bool,
    watcher: Option<Watcher>,
    ports: [u16; 2],
    #[cfg(feature = "tls")]
    tls: Option<ServerTls>,
}

impl fmt::Debug for Builder {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Builder")
            .field("script", &self.script)
            .field("key", &self.key)
            .field("counts_only", &self.counts_only)
            .field("ports", &self.ports)
            .finish_non_exhaustive()
    }
}

impl Builder {
    /// What it does wrong, from its start on. Default: nothing.
    pub fn script(mut self, script: Script) -> Builder {
        self.script = script;
        self
    }

    /// What makes two records the same one. Default: [`Key::Identity`].
    pub fn key(mut self, key: Key) -> Builder {
        self.key = key;
        self
    }

    /// Counts records and forgets them: for more of them than memory should hold. Their keys are
    /// remembered. Default: they are kept.
    pub fn counts_only(mut self) -> Builder {
        self.counts_only = true;
        self
    }

    /// Called with what is kept of each request, on the receiver's thread and before it is answered.
    pub fn watch(mut self, watcher: impl FnMut(&Received) + Send + 'static) -> Builder {
        self.watcher = Some(Box::new(watcher));
        self
    }

    /// The ports for HTTP and gRPC. Default: 0, any that is free.
    pub fn ports(mut self, http: u16, grpc: u16) -> Builder {
        self.ports = [http, grpc];
        self
    }

    /// Serves both ports over TLS. Default: without.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: ServerTls) -> Builder {
        self.tls = Some(tls);
        self
    }

    /// Starts it.
    ///
    /// # Errors
    /// A port that is taken, which is named, or no thread to be had.
    pub fn start(self) -> io::Result<Receiver> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let ports = {
            let _inside = runtime.enter();
            [Port::open(self.ports[0])?, Port::open(self.ports[1])?]
        };
        let [http, grpc] = [ports[0].address(), ports[1].address()];
        let state = State {
            play: Play::new(self.script, Instant::now()),
            received: Received::default(),
            tally: Tally::new(self.key),
            requests: VecDeque::new(),
            request_count: 0,
            keeps: !self.counts_only,
            watcher: self.watcher,
        };
        let (changes, _) = watch::channel(Change::default());
        let shared = Arc::new(Shared { state: Mutex::new(state), news: Condvar::new(), changes });
        #[cfg(feature = "tls")]
        let (acceptor, scheme) = {
            let scheme = if self.tls.is_some() { "https" } else { "http" };
            (self.tls.map(|tls| tls.acceptor), scheme)
        };
        #[cfg(not(feature = "tls"))]
        let (acceptor, scheme) = (None, "http");
        let for_thread = shared.clone();
        let thread = std::thread::Builder::new()
            .name("otlp-receiver".to_owned())
            .spawn(move || runtime.block_on(listen::serve(ports, for_thread, acceptor)))?;
        Ok(Receiver { shared, http, grpc, scheme, thread: Some(thread) })
    }
}

impl Receiver {
    /// Starts a receiver that is healthy and keeps what it gets.
    ///
    /// # Errors
    /// No port or no thread to be had.
    pub fn start() -> io::Result<Receiver> {
        Receiver::builder().start()
    }

    /// Starts one that plays this script.
    ///
    /// # Errors
    /// No port or no thread to be had.
    pub fn with(script: Script) -> io::Result<Receiver> {
        Receiver::builder().script(script).start()
    }

    /// For what is to be otherwise.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The endpoint for OTLP/HTTP, as `OTEL_EXPORTER_OTLP_ENDPOINT` takes it: without a path.
    pub fn http_endpoint(&self) -> String {
        self.endpoint(self.http)
    }

    /// The endpoint for gRPC.
    pub fn grpc_endpoint(&self) -> String {
        self.endpoint(self.grpc)
    }

    fn endpoint(&self, address: SocketAddr) -> String {
        // By name: a certificate is for it.
        let host = if self.scheme == "https" { "localhost" } else { "127.0.0.1" };
        format!("{}://{host}:{}", self.scheme, address.port())
    }

    /// Plays another script, from its beginning.
    pub fn play(&self, script: Script) {
        self.shared.state().play = Play::new(script, Instant::now());
        self.shared.changed();
    }

    /// Ends the present step of the script.
    pub fn next_step(&self) {
        self.shared.state().play.advance(Instant::now());
        self.shared.changed();
    }

    /// Everything kept so far.
    pub fn received(&self) -> Received {
        self.shared.state().received.clone()
    }

    /// Everything kept so far, which is then forgotten, with counts and requests.
    pub fn take(&self) -> Received {
        let mut state = self.shared.state();
        state.tally.forget();
        state.requests.clear();
        std::mem::take(&mut state.received)
    }

    /// The requests so far, also those of which nothing was kept: the newest 65,536.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.state().requests.iter().cloned().collect()
    }

    /// How many requests came, since the start.
    pub fn request_count(&self) -> u64 {
        self.shared.state().request_count
    }

    /// How many records of all signals came, and how many of them for the first time.
    pub fn counts(&self) -> Counts {
        self.shared.state().tally.all()
    }

    /// The same of one signal.
    pub fn counts_of(&self, signal: Signal) -> Counts {
        self.shared.state().tally.of(signal)
    }

    /// Waits until so many different records of all signals have been kept, and returns everything
    /// kept by then.
    ///
    /// # Errors
    /// They did not come within this time; the error says how many did.
    pub fn wait_for(&self, records: u64, within: Duration) -> Result<Received, Missing> {
        self.wait(within, |state| state.tally.all().unique >= records)
    }

    /// Waits until this is so of everything kept, which it returns.
    ///
    /// # Errors
    /// It was not so within this time; the error says how many records came.
    pub fn wait_until(
        &self,
        within: Duration,
        is_so: impl Fn(&Received) -> bool,
    ) -> Result<Received, Missing> {
        self.wait(within, |state| is_so(&state.received))
    }

    /// Waits until so many requests have come since the start, kept or not.
    ///
    /// # Errors
    /// They did not come within this time; the error says how many records did.
    pub fn wait_for_requests(&self, requests: u64, within: Duration) -> Result<Received, Missing> {
        self.wait(within, |state| state.request_count >= requests)
    }

    fn wait(&self, within: Duration, is_so: impl Fn(&State) -> bool) -> Result<Received, Missing> {
        let wait =
            self.shared.news.wait_timeout_while(self.shared.state(), within, |state| !is_so(state));
        let (state, timed_out) = wait.unwrap_or_else(PoisonError::into_inner);
        if timed_out.timed_out() {
            let (counts, requests) = (state.tally.all(), state.request_count);
            return Err(Missing { counts, requests, within });
        }
        Ok(state.received.clone())
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.shared.changes.send_modify(|change| change.is_over = true);
        if let Some(thread) = self.thread.take() {
            // A panic of a watcher has been printed by then.
            let _ = thread.join();
        }
    }
}

/// What was waited for did not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing {
    counts: Counts,
    requests: u64,
    within: Duration,
}

impl Missing {
    /// What had come by then.
    pub fn counts(&self) -> Counts {
        self.counts
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { received, unique } = self.counts;
        write!(
            out,
            "what was waited for did not come within {:?}: {unique} records came ({received} with \
             those that came again) in {} requests; `requests()` says how each was answered",
            self.within, self.requests
        )
    }
}

impl std::error::Error for Missing {}

/// What the receiver's thread and its owner share.
pub(crate) struct Shared {
    state: Mutex<State>,
    news: Condvar,
    changes: watch::Sender<Change>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Shared").finish_non_exhaustive()
    }
}

/// What the ports have to look at again.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Change {
    /// Whether the receiver was dropped.
    pub(crate) is_over: bool,
}

struct State {
    play: Play,
    received: Received,
    tally: Tally,
    requests: VecDeque<Request>,
    request_count: u64,
    keeps: bool,
    watcher: Option<Watcher>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self) {
        self.changes.send_modify(|_| ());
        self.news.notify_all();
    }

    /// Told of each change.
    pub(crate) fn changes(&self) -> watch::Receiver<Change> {
        self.changes.subscribe()
    }

    /// Whether the ports are to be closed now, and when to ask again.
    pub(crate) fn is_refusing(&self) -> (bool, Option<Instant>) {
        let mut state = self.state();
        let is_refusing = state.play.present(Instant::now()) == Fault::Refuse;
        (is_refusing, state.play.end())
    }

    /// How the request that comes now is treated.
    pub(crate) fn request(&self) -> Fault {
        let fault = self.state().play.request(Instant::now());
        // It may have been the last one before the ports close.
        self.changes.send_modify(|_| ());
        fault
    }

    /// Remembers a request of which nothing is kept.
    pub(crate) fn note(&self, request: Request) {
        self.keep(request, None);
    }

    /// Remembers a request, and keeps what it brought.
    pub(crate) fn keep(&self, mut request: Request, received: Option<Received>) {
        let mut state = self.state();
        state.request_count += 1;
        request.number = state.request_count;
        if state.requests.len() == REQUESTS_MAX {
            state.requests.pop_front();
        }
        state.requests.push_back(request);
        if let Some(received) = received {
            state.tally.add(&received);
            if let Some(watcher) = &mut state.watcher {
                watcher(&received);
            }
            if state.keeps {
                state.received.append(received);
            }
        }
        drop(state);
        self.news.notify_all();
    }
}
