//! A sender for what processes that have ended left, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use radiosonde_otlp::{Manifest, Sender, Signal, Stream};
use radiosonde_record::is_orphaned;
use radiosonde_spool::{DropReason, Spool};

use super::adoption::unknown;
use super::dead::Dead;
use super::destinations::Destinations;
use super::live::{self, Otlp};
use super::{Gap, gap_lines};
use crate::problem::Problems;
use crate::report::{AdoptedReport, DestinationReport};

/// Sends what is left in a directory.
#[derive(Debug)]
pub(crate) struct Drainer {
    dead: Dead,
    sender: Sender,
    /// Where everything goes, when not where its owner said.
    instead: Option<Destinations>,
    /// What is set here, for what goes to the same endpoints anyway.
    here: Option<Destinations>,
    directory: PathBuf,
    /// Spools into which losses were told.
    told: BTreeSet<PathBuf>,
    /// Those among them in which nothing else waits: whether all of it is of losses that an operator wished.
    alone: BTreeMap<PathBuf, bool>,
}

impl Drainer {
    /// Starts a sender for what `otlp` has opened while it recovered, and for what is found further on.
    pub(crate) fn start(
        otlp: &Otlp,
        directory: &Path,
        endpoint: Option<&str>,
        problems: &Problems,
    ) -> io::Result<Self> {
        let of_process = |name: &str| match endpoint {
            // Those of one signal would win over it.
            Some(endpoint) if name.ends_with("_ENDPOINT") => {
                (name == "OTEL_EXPORTER_OTLP_ENDPOINT").then(|| endpoint.to_owned())
            }
            // What is not exported from here is no matter of those who have ended.
            _ if name.ends_with("_EXPORTER") => None,
            _ => std::env::var(name).ok(),
        };
        let instead = match endpoint {
            None => None,
            Some(_) => {
                let found = Destinations::resolve(&of_process, None, problems);
                let invalid = || io::Error::new(io::ErrorKind::InvalidInput, "no such endpoint");
                Some(found.ok_or_else(invalid)?)
            }
        };
        // What is wrong with it is nobody's business here: it may be meant for something else.
        let here = Destinations::resolve(&of_process, None, &Problems::default());
        let mut options = live::sender_options();
        // Somebody waits.
        options.start_jitter = Duration::ZERO;
        let (dead, sender) = (otlp.dead().clone(), Sender::start(options)?);
        let (directory, told) = (directory.to_owned(), BTreeSet::new());
        let alone = BTreeMap::new();
        Ok(Self { dead, sender, instead, here, directory, told, alone })
    }

    /// Hands over what there is to send, and removes what is done.
    pub(crate) fn turn(&self, problems: &Problems) {
        let _found = self.dead.find(&self.directory, None, None, problems);
        self.dead.turn(&self.sender, &|path, manifest| self.corrected(path, manifest), problems);
    }

    /// Where what has this manifest is sent from here.
    fn corrected(&self, path: &Path, mut manifest: Manifest) -> Manifest {
        match (&self.instead, &self.here) {
            (Some(instead), _) => manifest.destinations = instead.inner().clone(),
            (None, Some(here)) => {
                here.correct(&mut manifest.destinations);
                // Only what is told of losses waits there: it is for whoever is listened to now.
                if let Some(to) = here.inner().of(Signal::Logs)
                    && self.alone.contains_key(path)
                {
                    manifest.destinations.set(Signal::Logs, Some(to.clone()));
                }
            }
            (None, None) => {}
        }
        manifest
    }

    pub(crate) fn state(&self) -> (AdoptedReport, Vec<DestinationReport>) {
        let destinations = self.sender.status();
        (self.dead.report(), destinations.iter().map(live::destination).collect())
    }

    /// Tells losses that nobody was told of: in the day file, to the receiver, and here.
    pub(crate) fn tell_gaps(&mut self, problems: &Problems) -> Vec<Gap> {
        let mut all = Vec::new();
        let (dead, mut told) = (self.dead.clone(), std::mem::take(&mut self.told));
        dead.tell_gaps(&mut |path, spool, gaps| {
            let Some(slot) = dead.slot_of(path) else { return 0 };
            self.note_if_alone(path, spool, gaps);
            let manifest = Manifest::from_bytes(spool.manifest());
            let manifest = self.corrected(path, manifest.unwrap_or_else(|_| unknown(path)));
            // Losses of what tells of losses are told there once: what it does not take then is one as well.
            // While something is still to be recovered into it, its numbers are that one's.
            let is_own = gaps.iter().all(|gap| gap.stream == Stream::Events.name());
            let is_sent = manifest.destinations.of(Signal::Logs).is_some()
                && is_orphaned(path)
                && (told.insert(path.to_owned()) || !is_own);
            let place = gap_lines::Place {
                root: &self.directory,
                slot,
                manifest: &manifest,
                spool: is_sent.then_some(spool),
            };
            if let Err(error) = gap_lines::record(gaps, &place) {
                problems.say(
                    format!("losses in {} are not in the log: {error}", path.display()),
                    "make the telemetry directory writable; they are said here alone",
                );
            }
            all.extend_from_slice(gaps);
            gaps.len()
        });
        self.told = told;
        all
    }

    /// Notes that nothing waits in a spool but what is told of it now, if so.
    fn note_if_alone(&mut self, path: &Path, spool: &Spool, gaps: &[Gap]) {
        let wished = gaps.iter().all(|gap| gap.reason == DropReason::Operator.name());
        if let Some(is_wished) = self.alone.get_mut(path) {
            *is_wished &= wished;
        } else if is_orphaned(path)
            && spool.accounts().iter().all(|account| account.pending.records == 0)
        {
            let _new = self.alone.insert(path.to_owned(), wished);
        }
    }

    /// That an operator gave something up is in the day file: who did it for a receiver that is gone must not
    /// have to give up that as well. How many records were not sent that say so.
    fn give_up_what_was_wished(&self) -> u64 {
        let mut given_up = 0;
        for (path, spool) in self.dead.held() {
            if self.alone.get(&path) == Some(&true) {
                for stream in Stream::ALL.map(|stream| spool.stream(stream.index())) {
                    stream.give_back_all();
                    given_up += stream.discard_told().records;
                }
                self.dead.set_unsent(&path);
            }
        }
        given_up
    }

    /// Ends the sender `within` that time, in which it begins nothing that will not be answered by then: what
    /// was not is sent again.
    pub(crate) fn end(&self, within: Duration, problems: &Problems) -> AdoptedReport {
        self.dead.stop();
        let _shutdown = self.sender.shutdown(within);
        let given_up = self.give_up_what_was_wished();
        // What was settled is told to the disk; where that fails it is sent again.
        let _synced = self.dead.sync();
        self.dead.close();
        self.dead.remove_done(problems);
        let mut report = self.dead.report();
        report.pending += self.dead.pending_of_waiting();
        // No loss on the way.
        report.dropped = report.dropped.saturating_sub(given_up);
        report
    }
}
