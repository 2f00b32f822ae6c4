//! A sender for what processes that have ended left, and nothing else.

use std::io;
use std::path::Path;
use std::time::Duration;

use radiosonde_otlp::{Manifest, Sender};

use super::Gap;
use super::dead::Dead;
use super::destinations::Destinations;
use super::live::{self, Otlp};
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
}

impl Drainer {
    /// Starts a sender for what `otlp` has opened while it recovered, and for what is found further on.
    pub(crate) fn start(
        otlp: &Otlp,
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
        Ok(Self { dead: otlp.dead().clone(), sender: Sender::start(options)?, instead, here })
    }

    /// Hands over what there is to send, and removes what is done.
    pub(crate) fn turn(&self, directory: &Path, problems: &Problems) {
        self.dead.find(directory, None, None, problems);
        let corrected = |mut manifest: Manifest| {
            match (&self.instead, &self.here) {
                (Some(instead), _) => manifest.destinations = instead.inner().clone(),
                (None, Some(here)) => here.correct(&mut manifest.destinations),
                (None, None) => {}
            }
            manifest
        };
        self.dead.send(&self.sender, &corrected, problems);
        self.dead.remove_done();
    }

    pub(crate) fn state(&self) -> (AdoptedReport, Vec<DestinationReport>) {
        let destinations = self.sender.status();
        (self.dead.report(), destinations.iter().map(live::destination).collect())
    }

    pub(crate) fn take_gaps(&self) -> Vec<Gap> {
        self.dead.take_gaps()
    }

    pub(crate) fn gaps_told(&self) {
        self.dead.gaps_told();
    }

    /// Ends the sender. What is under way has a moment.
    pub(crate) fn end(&self) {
        let _shutdown = self.sender.shutdown(Duration::ZERO);
        // What was settled is told to the disk; where that fails it is sent again.
        self.dead.close();
        self.dead.remove_done();
    }
}
