//! A request to an axum server, with and without telemetry.
//!
//! The router is called as the service it is, in this process: no socket, no parsing of a request, so
//! that what is left is the application's side of a request, of which telemetry is a large part.

mod app;
pub(crate) mod peers;

use super::subject::Ended;
use crate::harness::{Candidate, Measured, Overflow, Role, Round, Size, callgrind, stats};
use crate::metrics::speed::thread_ns;
use app::{Item, router};
use axum::Router;
use peers::Bare;
use std::path::Path;
use std::time::Duration;
use tokio::runtime::Runtime;

/// A server with telemetry of its own.
pub(crate) trait Server: Sized {
    /// Its name in the tables.
    const NAME: &'static str;
    /// What its figures are good for.
    const ROLE: Role = Role::Peer;
    /// The packages whose versions stand in the table.
    const PACKAGES: &'static [&'static str];

    /// Starts telemetry as its documentation shows.
    fn start(folder: &Path) -> Result<Self, String>;

    /// The application with it.
    fn instrument(&self, router: Router) -> Router;

    /// Requests whose duration a reader of the metrics sees; none for who has no such metric.
    fn durations(&self) -> Result<Option<u64>, String> {
        Ok(None)
    }

    /// Ends it as its documentation shows, with every span at its consumer.
    fn finish(self) -> Result<Ended, String>;
}

/// The table's row of a server at one piece of work.
pub(crate) const fn candidate<S: Server>(run: fn(&Round) -> Result<Measured, String>) -> Candidate {
    let (name, role, packages) = (S::NAME, S::ROLE, S::PACKAGES);
    Candidate { name, role, overflow: Overflow::Drops, packages, run }
}

/// Requests in one burst.
const BURST: usize = 64;
/// Time between two bursts: at most 64,000 requests a second, so that nobody's queue fills up.
const PAUSE: Duration = Duration::from_millis(1);
/// Bursts before the first measured one.
const WARM_UP: usize = 4;
/// Bursts in a round.
const BURSTS: usize = 300;
/// Bursts in a round of a quick run.
const BURSTS_QUICK: usize = 60;

/// The function whose duration counts, as callgrind spells it.
const COUNTED: &str = "*spans::http::burst*";
/// The figure that is left when what the router itself needs is taken away.
const OVER_BARE: &str = "over bare";

/// One round: microseconds of the thread for a request. The router without telemetry is asked in turns
/// with it.
pub(crate) fn time<S: Server>(round: &Round) -> Result<Measured, String> {
    let bursts = match round.size {
        Size::Bursts(bursts) => bursts,
        size => size.of(BURSTS, BURSTS_QUICK),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.map_err(|error| format!("no runtime: {error}"))?;
    let server = S::start(&round.folder)?;
    let mut service = server.instrument(router());
    let mut bare = router();
    let mut number = 0;
    let mut timed = |service: &mut Router, pause| {
        let items = Item::list(&mut number, BURST);
        std::thread::sleep(pause);
        let started = thread_ns();
        let answered = burst(&runtime, service, items);
        let took = (thread_ns() - started) as f64 / 1e3 / BURST as f64;
        if answered == BURST { Ok(took) } else { Err(format!("{answered} of {BURST} answers")) }
    };
    for _ in 0..WARM_UP {
        let _ = (timed(&mut bare, Duration::ZERO)?, timed(&mut service, Duration::ZERO)?);
    }
    let (mut samples, mut without) = (Vec::new(), Vec::new());
    for _ in 0..bursts {
        // Under callgrind there is one function to be counted, and one router that it serves.
        if !matches!(round.size, Size::Bursts(_)) {
            without.push(timed(&mut bare, Duration::ZERO)?);
        }
        samples.push(timed(&mut service, PAUSE)?);
    }
    let requests = ((WARM_UP + bursts) * BURST) as u64;
    if let Some(durations) = server.durations()?.filter(|durations| *durations != requests) {
        return Err(format!("{durations} durations of {requests} requests"));
    }
    let books = server.finish()?.books(requests)?;
    let figures = over_bare::<S>(stats::median(&samples), stats::median(&without));
    Ok(Measured { samples, books, figures })
}

/// As [`time`], in instructions.
pub(crate) fn instructions<S: Server>(round: &Round) -> Result<Measured, String> {
    if let Size::Bursts(_) = round.size {
        return time::<S>(round);
    }
    let measured = callgrind::measure(round, COUNTED, BURST)?;
    if S::ROLE == Role::Limit {
        return Ok(measured);
    }
    let [suite, workload, _] = round.names.clone();
    let names = [suite, workload, Bare::NAME.to_owned()];
    let without = Round { names, folder: round.folder.join("bare"), ..*round };
    let without = callgrind::measure(&without, COUNTED, BURST)?;
    let figures = over_bare::<S>(stats::median(&measured.samples), stats::median(&without.samples));
    Ok(Measured { figures, ..measured })
}

fn over_bare<S: Server>(with: Option<f64>, without: Option<f64>) -> Vec<(&'static str, f64)> {
    let (Some(with), Some(without), true) = (with, without, S::ROLE != Role::Limit) else {
        return Vec::new();
    };
    vec![(OVER_BARE, with - without)]
}

/// The requests and nothing else: how many were answered in full. Callgrind looks for its name.
#[inline(never)]
fn burst(runtime: &Runtime, router: &mut Router, items: Vec<Item>) -> usize {
    runtime.block_on(app::ask(router, items))
}
