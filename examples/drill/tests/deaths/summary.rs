//! The sum of all deaths, and its table.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use drill::order::Order;
use radiosonde_record::recovery::{Left, Recovered};

use crate::lane::Course;
use crate::life::Ended;
use crate::lines::{Lines, Written};
use crate::plan::{Death, Moment};
use crate::verify::verify;

/// Faults of one directory that are shown.
const FAULTS_MAX: usize = 20;

/// What was found in all directories so far.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    by_death: BTreeMap<Death, usize>,
    while_recovering: usize,
    while_writing: usize,
    /// Deaths while earlier remains were not yet recovered.
    in_recovery: usize,
    batches: Batches,
    inherited: Batches,
    /// Deaths after which the rings held records.
    pending: usize,
    unseen: usize,
    by_hand: usize,
    set_aside: usize,
    acknowledged: u64,
    dropped: u64,
    lost: u64,
    twice: u64,
    torn: u64,
    books: usize,
    lines: u64,
    bytes: u64,
}

/// Batches that were on their way at a death, by how far they had come.
#[derive(Debug, Default)]
struct Batches {
    unwritten: usize,
    /// In the middle of a file.
    torn: usize,
    /// One file has all of it, the next nothing.
    between: usize,
    written: usize,
}

impl Batches {
    fn add(&mut self, left: &Left) {
        let Some(batch) = &left.batch else { return };
        let whole = |at: usize| batch.get(at).is_some_and(|file| file.written == file.length);
        let place = match batch.iter().position(|file| file.written < file.length) {
            None => &mut self.written,
            Some(at) if batch[at].written > 0 => &mut self.torn,
            Some(0) => &mut self.unwritten,
            Some(at) if whole(at - 1) => &mut self.between,
            Some(_) => &mut self.torn,
        };
        *place += 1;
    }

    fn sum(&self) -> usize {
        self.unwritten + self.torn + self.between + self.written
    }
}

impl fmt::Display for Batches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { unwritten, torn, between, written } = self;
        write!(f, "{} ({unwritten} not begun, {torn} torn within a file, ", self.sum())?;
        write!(f, "{between} between two files, {written} written and not yet given back)")
    }
}

impl Summary {
    /// Deaths so far.
    pub(crate) fn deaths(&self) -> usize {
        self.by_death.values().sum()
    }

    /// Verifies all processes of a directory. What is wrong.
    pub(crate) fn add(&mut self, course: &Course, lines: Lines) -> Vec<String> {
        let Lines { mut services, torn, bytes } = lines;
        let mut faults: Vec<String> = torn.iter().take(FAULTS_MAX).cloned().collect();
        self.torn += torn.len() as u64;
        self.bytes += bytes;
        let mut recovered: HashMap<&str, Vec<&Recovered>> = HashMap::new();
        for (service, report) in &course.recovered {
            recovered.entry(service).or_default().push(report);
        }
        for ended in &course.ended {
            let service = ended.plan.service.as_str();
            let mut written = services.remove(service).unwrap_or_default();
            let reports = recovered.remove(service).unwrap_or_default();
            let wrong = self.add_one(ended, &mut written, &reports);
            faults.extend(wrong.into_iter().map(|fault| format!("{service}: {fault}")));
        }
        faults.extend(services.into_keys().map(|service| format!("who is {service}?")));
        faults.truncate(FAULTS_MAX);
        faults
    }

    fn add_one(
        &mut self,
        ended: &Ended,
        written: &mut Written,
        reports: &[&Recovered],
    ) -> Vec<String> {
        if ended.order != Some(Order::Return) {
            *self.by_death.entry(ended.plan.death).or_default() += 1;
            match ended.plan.moment {
                Moment::Recovering(_) => self.while_recovering += 1,
                Moment::Writing { .. } => self.while_writing += 1,
                Moment::Recording(_) => {}
            }
        }
        let verdict = verify(ended, written);
        let mut faults = verdict.faults;
        self.in_recovery += usize::from(!ended.inherited.is_empty());
        ended.left.iter().for_each(|left| self.batches.add(left));
        ended.inherited.iter().for_each(|left| self.inherited.add(left));
        self.pending += usize::from(ended.left.as_ref().is_some_and(|left| left.pending_bytes > 0));
        for report in reports {
            self.by_hand += 1;
            self.set_aside += usize::from(report.quarantined.is_some());
            faults.extend(ended.left.as_ref().and_then(|left| compare(left, report)));
        }
        self.unseen += usize::from(verdict.unseen);
        self.acknowledged += verdict.acknowledged;
        self.dropped += verdict.dropped;
        self.lost += verdict.lost;
        self.twice += verdict.twice;
        self.books += usize::from(!verdict.unseen && faults.is_empty());
        self.lines += written.lines.iter().sum::<u64>();
        faults
    }
}

/// The report of a recovery tells what was found after the death.
fn compare(left: &Left, report: &Recovered) -> Option<String> {
    let same = report.accepted == left.accepted && report.dropped == left.dropped;
    (!same && report.quarantined.is_none()).then(|| format!("{report:?} of {left:?}"))
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = Death::ALL.into_iter().filter_map(|death| {
            self.by_death.get(&death).map(|count| format!("{count} {}", death.name()))
        });
        let deaths = format!("{} ({})", self.deaths(), kinds.collect::<Vec<_>>().join(", "));
        let moments = format!(
            "{} while a file grew, {} soon after the start, the others at any time",
            self.while_writing, self.while_recovering
        );
        let dropped = format!("{} (full rings, or after the shutdown)", self.dropped);
        let bytes = format!("{} lines, {} MB", self.lines, self.bytes / 1_000_000);
        let rows = [
            ("deaths", deaths),
            ("moments", moments),
            ("in a recovery", self.in_recovery.to_string()),
            ("a batch under way", self.batches.to_string()),
            ("the same, in a recovery", self.inherited.to_string()),
            ("records in rings", self.pending.to_string()),
            ("recovered by hand", self.by_hand.to_string()),
            ("set aside, brought back", self.set_aside.to_string()),
            ("in day files", bytes),
            ("acknowledged", self.acknowledged.to_string()),
            ("of these, counted drops", dropped),
            ("lost", self.lost.to_string()),
            ("twice", self.twice.to_string()),
            ("torn lines", self.torn.to_string()),
            ("books that add up", self.books.to_string()),
            ("rings gone before a look", self.unseen.to_string()),
        ];
        rows.iter().try_for_each(|(what, value)| write!(f, "\n{what:<26}{value}"))
    }
}
