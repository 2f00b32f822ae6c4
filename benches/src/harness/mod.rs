//! What every suite is made of, and how it is run.

pub(crate) mod callgrind;
pub(crate) mod child;
pub(crate) mod heap;
mod lockfile;
mod machine;
mod page;
pub(crate) mod parent;
pub(crate) mod process;
mod report;
pub(crate) mod stats;
mod table;

pub(crate) use report::{REPEATS, REPEATS_MAX};
pub(crate) use table::LARGEST;

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A set of comparisons.
pub(crate) struct Suite {
    /// Its name on the command line and of its file of results.
    pub(crate) name: &'static str,
    /// One line for the help text.
    pub(crate) about: &'static str,
    /// What is compared.
    pub(crate) workloads: &'static [Workload],
    /// What it needs before its rounds; none for most.
    pub(crate) prepare: Option<Prepare>,
    /// How the results are shown.
    pub(crate) layout: Layout,
}

/// Makes what the rounds of these workloads need.
pub(crate) type Prepare = fn(Size, &[&str]) -> Result<Prepared, String>;

/// What was found out before the rounds.
#[derive(Default)]
pub(crate) struct Prepared {
    /// Candidates that are programs from outside, and their versions.
    pub(crate) versions: Vec<(&'static str, String)>,
    /// Candidates that cannot be had here, and why.
    pub(crate) missing: Vec<(&'static str, String)>,
}

impl Prepared {
    /// Whether something is known of a candidate already.
    pub(crate) fn knows(&self, candidate: &str) -> bool {
        self.version(candidate).is_some() || self.why_missing(candidate).is_some()
    }

    /// The version of a program from outside.
    pub(crate) fn version(&self, candidate: &str) -> Option<&str> {
        find(&self.versions, candidate)
    }

    /// Why a candidate cannot be had here.
    pub(crate) fn why_missing(&self, candidate: &str) -> Option<&str> {
        find(&self.missing, candidate)
    }
}

fn find<'a>(pairs: &'a [(&str, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(found, _)| *found == name).map(|(_, text)| text.as_str())
}

/// How the results of a suite are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// One table of all workloads in percent, workloads down and candidates across, and one for each
    /// other workload.
    Cells,
    /// A table for each workload.
    Tables,
    /// One table: candidates down, workloads across, from the least to the most of all rounds.
    Matrix,
}

/// One thing to do, done by each candidate in its own way.
pub(crate) struct Workload {
    /// Its key in the table of goals.
    pub(crate) name: &'static str,
    /// One line for the help text and the table.
    pub(crate) about: &'static str,
    /// What the figures count.
    pub(crate) unit: &'static str,
    /// Which of two figures is the better one.
    pub(crate) better: Better,
    /// Threads that do it at once.
    pub(crate) threads: usize,
    /// Rounds of a whole run: odd, so that the median is one of them.
    pub(crate) rounds: usize,
    /// Rounds of a quick run; none leaves the workload out unless it is asked for by name.
    pub(crate) rounds_quick: usize,
    /// Whether only peers that lost nothing, in bounded memory, can be the best peer.
    pub(crate) lossless: bool,
    /// A program that must be installed; without it the workload is skipped.
    pub(crate) needs: Option<&'static str>,
    /// Variables of the candidates' processes, for what is told by the environment.
    pub(crate) environment: Environment,
    /// Whether its figure is the same while others of its kind run beside it, as no time is in it.
    pub(crate) beside: bool,
    /// Who does it.
    pub(crate) candidates: &'static [Candidate],
}

/// Names and values of variables.
pub(crate) type Environment = &'static [(&'static str, &'static str)];

/// Which of two figures is the better one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Better {
    /// The smaller: a cost.
    Less,
    /// The larger: a rate.
    More,
}

/// One way to do it.
pub(crate) struct Candidate {
    /// `radiosonde`, `limit`, or the peer's name.
    pub(crate) name: &'static str,
    /// What the figure is good for.
    pub(crate) role: Role,
    /// What it does with more than it can write.
    pub(crate) overflow: Overflow,
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
    /// What a facade costs before anybody does anything; no rival.
    Floor,
    /// This project; what it does not deliver it must have counted.
    Ours,
    /// What others offer.
    Peer,
}

/// What a candidate does when events come faster than it can write them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overflow {
    /// The caller waits.
    Waits,
    /// Events are dropped.
    Drops,
    /// The queue grows as long as there is memory.
    Grows,
    /// The caller writes to the file itself.
    Writes,
}

impl Overflow {
    /// As it stands in the tables.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Overflow::Waits => "waits",
            Overflow::Drops => "drops",
            Overflow::Grows => "grows",
            Overflow::Writes => "writes",
        }
    }

    /// Whether it promises to lose nothing in bounded memory.
    pub(crate) fn is_lossless(self) -> bool {
        matches!(self, Overflow::Waits | Overflow::Writes)
    }
}

/// One round of one candidate in a process of its own.
pub(crate) struct Round {
    /// The suite, the workload and the candidate: what a process has to be told to do the same.
    pub(crate) names: [String; 3],
    /// The candidate.
    pub(crate) candidate: &'static Candidate,
    /// How much of the work to do.
    pub(crate) size: Size,
    /// An empty folder for what the candidate writes.
    pub(crate) folder: PathBuf,
}

/// How much of a workload one round does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    /// As much as a figure to be published needs.
    Whole,
    /// As much as a first look needs.
    Quick,
    /// So many bursts, without a figure: for a workload that watches from outside.
    Bursts(usize),
}

impl Size {
    /// The count for this size of round.
    pub(crate) fn of<T>(self, whole: T, quick: T) -> T {
        if self == Size::Whole { whole } else { quick }
    }
}

/// What a round found.
#[derive(Default)]
pub(crate) struct Measured {
    /// The figures, in the unit of the workload.
    pub(crate) samples: Vec<f64>,
    /// What became of the events.
    pub(crate) books: Books,
    /// Further figures by name, for the workloads that have them.
    pub(crate) figures: Vec<(&'static str, f64)>,
}

/// What became of the events of one round, or of all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Books {
    /// Events handed over.
    pub(crate) events: u64,
    /// Of these, how many are not on disk.
    pub(crate) lost: u64,
    /// What the candidate itself says it dropped; none when it does not count.
    pub(crate) counted: Option<u64>,
    /// Lines of an event that is on disk already.
    pub(crate) duplicated: u64,
    /// Lines that are broken off, or run into one another.
    pub(crate) torn: u64,
}

impl Books {
    /// Both together.
    pub(crate) fn plus(self, other: Books) -> Books {
        Books {
            events: self.events + other.events,
            lost: self.lost + other.lost,
            counted: match (self.counted, other.counted) {
                (Some(one), Some(other)) => Some(one + other),
                (one, None) | (None, one) => one,
            },
            duplicated: self.duplicated + other.duplicated,
            torn: self.torn + other.torn,
        }
    }
}

impl Suite {
    /// Whether a candidate has this name.
    pub(crate) fn has_candidate(&self, name: &str) -> bool {
        self.workloads.iter().any(|workload| workload.candidate(name).is_some())
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
