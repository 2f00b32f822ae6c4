//! What every suite is made of, and how it is run.

pub(crate) mod bursts;
pub(crate) mod child;
mod lockfile;
mod machine;
pub(crate) mod parent;
mod report;
mod stats;

use std::path::PathBuf;

/// A set of comparisons.
pub(crate) struct Suite {
    /// Its name on the command line and of its file of results.
    pub(crate) name: &'static str,
    /// One line for the help text.
    pub(crate) about: &'static str,
    /// What is compared.
    pub(crate) workloads: &'static [Workload],
}

/// One thing to do, done by each candidate in its own way.
pub(crate) struct Workload {
    /// Its key in the table of goals.
    pub(crate) name: &'static str,
    /// One line for the help text.
    pub(crate) about: &'static str,
    /// What the figures count.
    pub(crate) unit: &'static str,
    /// Threads that do it at once.
    pub(crate) threads: usize,
    /// Who does it.
    pub(crate) candidates: &'static [Candidate],
}

/// One way to do it.
pub(crate) struct Candidate {
    /// `radiosonde`, `limit`, or the peer's name.
    pub(crate) name: &'static str,
    /// What the figure is good for.
    pub(crate) role: Role,
    /// The packages whose versions stand in the table.
    pub(crate) packages: &'static [&'static str],
    /// Does one round.
    pub(crate) run: fn(&Round) -> Result<Measured, String>,
}

/// What a candidate is compared as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// What the machine itself could do.
    Limit,
    /// This project; what it does not deliver it must have counted.
    Ours,
    /// What others offer.
    Peer,
}

/// One round of one candidate in a process of its own.
pub(crate) struct Round {
    /// The candidate.
    pub(crate) candidate: &'static Candidate,
    /// How many bursts to measure.
    pub(crate) bursts: usize,
    /// An empty folder for what the candidate writes.
    pub(crate) folder: PathBuf,
}

/// What a round found.
pub(crate) struct Measured {
    /// One figure per burst, in the unit of the workload.
    pub(crate) samples: Vec<f64>,
    /// What the candidate says it dropped.
    pub(crate) dropped: u64,
    /// What was handed over, is not on disk, and was not counted either.
    pub(crate) lost: u64,
}

impl Suite {
    /// Whether a candidate or a workload has this name.
    pub(crate) fn knows(&self, name: &str) -> bool {
        let mut workloads = self.workloads.iter();
        workloads.any(|found| found.name == name || found.candidate(name).is_some())
    }

    /// The workload with this name.
    pub(crate) fn workload(&self, name: &str) -> Option<&'static Workload> {
        self.workloads.iter().find(|found| found.name == name)
    }
}

impl Workload {
    /// The candidate with this name.
    pub(crate) fn candidate(&self, name: &str) -> Option<&'static Candidate> {
        self.candidates.iter().find(|found| found.name == name)
    }
}
