//! The sender: from spools to collectors.

mod answer;
mod breaker;
mod connect;
mod flight;
#[cfg(feature = "grpc")]
pub(crate) mod fuzzing;
mod job;
mod lane;
mod pace;
mod probe;
mod proxy;
mod response;
mod route;
#[cfg(all(test, feature = "grpc"))]
mod simulation;
mod status;
#[cfg(feature = "grpc")]
mod status_code;
mod store;
mod thread;
mod tls;
mod transport;

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use radiosonde_spool::Spool;
use tokio::sync::mpsc::UnboundedSender;

use self::thread::{Adopted, Command, LAST_ANSWERS};
use crate::manifest::Manifest;

pub use probe::{Probe, probe};
pub use proxy::Proxies;
pub use status::{State, Status};

/// What a sender runs with.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SenderOptions {
    /// The proxies on the way. Default: none; [`Proxies::from`] asks the environment.
    pub proxies: Proxies,
    /// Records a second that each signal may be sent at, however slowly they come in; otherwise it is
    /// twice what came in within the fullest second of the last minute. Default: 5,000.
    pub records_per_second_min: u64,
    /// What is there when a spool is added waits for up to so long, at random, so that many programs
    /// that start at once do not all send at once. Default: 1 s.
    pub start_jitter: Duration,
}

impl Default for SenderOptions {
    fn default() -> Self {
        Self {
            proxies: Proxies::default(),
            records_per_second_min: 5_000,
            start_jitter: Duration::from_secs(1),
        }
    }
}

/// Takes what waits in spools to where their manifests say.
///
/// One thread, `radiosonde-otlp`, serves all spools, destinations and signals. It records nothing
/// itself. What is acknowledged is settled in the spool, everything else stays there: nothing is lost
/// by ending the thread, or the process, at any moment. What was under way then is sent again by
/// whoever comes next: one range of a signal, of at most 2,048 records, unless more than one was (below).
/// Each request says in its header `x-radiosonde-batch` which records it has, as
/// `<instance>/<stream>/<first>-<last>`.
///
/// # Order and pace
///
/// Records gather for up to half a second. Of the streams of a signal the one with the oldest record
/// goes first; with more than 8,192 records waiting, four of five ranges come from the stream of the
/// highest rank (business events, then warnings, …), the fifth from the oldest. Requests have up to
/// 2,048 records and 2 MiB. Each signal is sent at most twice as fast as its records come in
/// ([`SenderOptions::records_per_second_min`]).
///
/// One request of a signal is under way as long as that keeps up: with answers within 100 ms, 20,000
/// records a second. A slow or far collector gets up to four: one more after each two seconds in which
/// full requests waited, nothing but the one under way held them back, and the backlog grew or would
/// have taken longer than a minute to go. It is one again as soon as less than a full request waits, and
/// whenever the breaker opens.
///
/// # When a collector does not answer, or not well
///
/// Each signal has its own breaker for each destination. After three failures in a row, or as soon as a
/// collector asks to be left alone, nothing is sent for a random time between 0.5 s and a limit that
/// doubles from 1 s to 30 s, or for as long as `Retry-After` or `RetryInfo` says, up to ten minutes.
/// Then one request of at most 64 records has 2 s (more if it ran out of them before) to show that it
/// is back. It is never given up.
///
/// What somebody has to set right (401, 403, 404, 405, 415, redirects, pages of HTML, TLS;
/// UNAUTHENTICATED, UNIMPLEMENTED and their like) is [`State::Held`] and looked at once a minute. The
/// specification would have it dropped; [`Destinations::strict`](crate::Destinations::strict) does.
/// Refused records (400, 413, 422, INVALID_ARGUMENT) are searched by halves for those that are refused
/// alone; they go to the quarantine of the spool and are counted as rejected, unless the collector
/// takes nothing else either: then it is held as well. A record that is refused while there is nothing
/// else to send is tried once a minute; after ten times a request without records asks whether the
/// collector takes anything, and if it does, the record is refused for good the next time. A failure of
/// the collector (500 and its like, INTERNAL, UNKNOWN) never costs a record: the range is sent again, and
/// after five failures in a row waits behind the others, up to a minute. A partial success is counted and
/// never sent again.
///
/// An answer with a status of 2xx acknowledges, unless it is a page of HTML. One whose body cannot be read,
/// is text, or has more than 64 KiB does so over gRPC, and from a collector that gave an answer that can be read
/// before ([`Status::unreadable`] counts them); from any other it is held: what takes everything and
/// answers "hello" is no collector. Redirects are not followed, since they would carry the headers with
/// them.
///
/// Dropped without [`Sender::shutdown`] the thread ends by itself, without sending what is pending.
pub struct Sender {
    commands: UnboundedSender<Command>,
    status: Arc<Mutex<Vec<Status>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Sender {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// When the system gives no thread, or no descriptors for its runtime.
    pub fn start(options: SenderOptions) -> io::Result<Self> {
        let status = Arc::<Mutex<Vec<Status>>>::default();
        let (commands, thread) = thread::start(options, Arc::clone(&status))?;
        Ok(Self { commands, status, thread: Mutex::new(Some(thread)) })
    }

    /// Sends what is in a spool, and what comes into it, to where its manifest says. Streams of a signal
    /// without destination are left alone.
    ///
    /// With `on_empty` the spool is one that nobody appends to: as soon as nothing is pending in it, it
    /// is let go and handed back, on the thread of the sender.
    pub fn add(
        &self,
        spool: Spool,
        manifest: &Manifest,
        on_empty: Option<Box<dyn FnOnce(Spool) + Send>>,
    ) {
        let adopted = Adopted::new(spool, manifest, on_empty);
        // It fails only after a shutdown: then the spool stays as it is.
        let _ = self.commands.send(Command::Add(Box::new(adopted)));
    }

    /// How it stands, by destination and signal; as of the last time that anything happened, at most
    /// half a second ago.
    pub fn status(&self) -> Vec<Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until all that is in the spools now is acknowledged or refused; whether it is. `false` at
    /// the latest after `within`, or a day, and sooner when nothing could be sent by then.
    pub fn flush(&self, within: Duration) -> bool {
        self.wait(within, false)
    }

    fn wait(&self, within: Duration, is_last: bool) -> bool {
        let within = within.min(WITHIN_MAX);
        let (done, answer) = mpsc::sync_channel(1);
        let until = Instant::now() + within;
        if self.commands.send(Command::Flush { until, is_last, done }).is_err() {
            return false;
        }
        answer.recv_timeout(within + GRACE).unwrap_or(false)
    }

    /// Begins the end, which comes with [`Sender::shutdown`] and until then still takes spools: from now on
    /// what is in one is sent at once, and nothing is begun that would not be answered `within` that time,
    /// as far as is known. What is said first holds.
    pub fn end_within(&self, within: Duration) {
        let until = Instant::now() + within.min(WITHIN_MAX);
        // It fails only after a shutdown.
        let _ = self.commands.send(Command::End { until });
    }

    /// Sends what it can within that time, for all signals together, and ends the thread. Requests that
    /// are under way then have a further 200 ms to be answered, as they are sent again otherwise. For the
    /// same reason none begins that would not be answered by then, as far as the last answer of its
    /// collector tell, and what an earlier process may have sent already goes out only after the collector
    /// has answered something else; a request without records, if there is nothing else. What is pending
    /// stays in the spools, and is said.
    pub fn shutdown(&self, within: Duration) -> Shutdown {
        let is_drained = self.wait(within, true);
        let (done, is_done) = mpsc::sync_channel(1);
        let _ = self.commands.send(Command::Stop { done });
        // It ends at its next turn; only a disk that hangs keeps it, and nobody waits for that.
        let has_ended = is_done.recv_timeout(LAST_ANSWERS + GRACE).is_ok();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread.filter(|_| has_ended) {
            let _ = thread.join();
        }
        let pending = self.status().iter().map(|status| status.pending).sum();
        Shutdown { is_drained: is_drained || (has_ended && pending == 0), pending }
    }
}

/// How long somebody waits at most, whatever was asked for: a day.
const WITHIN_MAX: Duration = Duration::from_secs(24 * 3_600);

/// How long somebody who waits for the thread waits beyond the time that was given.
const GRACE: Duration = Duration::from_millis(200);

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("status", &self.status()).finish_non_exhaustive()
    }
}

/// What a shutdown left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Shutdown {
    /// Whether all that was in the spools is acknowledged or refused.
    pub is_drained: bool,
    /// Records that wait in the spools for the next start.
    pub pending: u64,
}
