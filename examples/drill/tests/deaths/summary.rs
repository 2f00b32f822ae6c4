//! The sum of all deaths, and its table.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use drill::order::Order;
use radiosonde_record::recovery::{Left, Recovered};
use radiosonde_record::{DropReason, Kind, Level};

use crate::lane::Course;
use crate::life::Ended;
use crate::lines::{Lines, Written};
use crate::plan::{Death, Moment, Phase};
use crate::verify::verify;

/// Deaths from which on chance must have brought about everything.
const MEANT_TO_MEET: usize = 500;
/// Faults of one directory that are shown.
const FAULTS_MAX: usize = 20;

/// What was found in all directories so far.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    by_death: BTreeMap<Death, usize>,
    /// Deaths soon after the start.
    early: usize,
    /// Deaths while earlier remains were not yet recovered, or not yet removed.
    in_recovery: usize,
    /// Deaths at the moment a batch was written, by kind, but for those that end the write first.
    at_a_write: BTreeMap<Death, Share>,
    /// Of these, deaths soon after the start, at the first write or one that follows.
    at_an_early_write: Share,
    /// Batches that were then on their way, and those at any other death.
    at_a_write_batches: Batches,
    other_batches: Batches,
    /// Batches of earlier processes that were on their way in a recovery.
    inherited: Batches,
    /// Deaths after which the rings held records.
    pending: usize,
    by_hand: usize,
    set_aside: usize,
    /// Sealed files, and deaths after which one was found half done.
    sealed: usize,
    sealing: BTreeSet<u64>,
    lines: u64,
    bytes: u64,
    acknowledged: u64,
    dropped: u64,
    lost: u64,
    /// Lines of spans that were open.
    interrupted: u64,
    twice: u64,
    torn: u64,
    books: usize,
    unseen: usize,
}

/// Deaths meant for the middle of a write, and what they have met.
#[derive(Clone, Copy, Debug, Default)]
struct Share {
    deaths: usize,
    /// A batch was on its way.
    met: usize,
    /// Its files have a part of it, and not all.
    torn: usize,
    /// And one of them a part of its lines.
    within: usize,
}

impl Share {
    fn of(batches: &Batches) -> Self {
        let Batches { all, not_begun, torn, written, .. } = *batches;
        let met = |count: usize| usize::from(count > 0);
        Self { deaths: 1, met: met(all), torn: met(all - not_begun - written), within: met(torn) }
    }

    fn add(&mut self, other: Self) {
        self.deaths += other.deaths;
        self.met += other.met;
        self.torn += other.torn;
        self.within += other.within;
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { deaths, met, torn, within } = self;
        let percent = |part: usize| 100 * part / deaths.max(&1);
        write!(f, "{deaths}: {met} met a batch ({} %), ", percent(*met))?;
        write!(f, "{torn} tore it ({} %), ", percent(*torn))?;
        write!(f, "{within} of them within a file ({} %)", percent(*within))
    }
}

/// Batches that were on their way at a death, by how far they had come.
#[derive(Debug, Default)]
struct Batches {
    all: usize,
    /// Ready, and not a byte in a day file.
    not_begun: usize,
    /// In the middle of a file.
    torn: usize,
    /// One file has all of it, another does not.
    between: usize,
    /// In all its files, and not yet given back.
    written: usize,
}

impl Batches {
    fn add(&mut self, left: &Left) {
        let Some(batch) = &left.batch else { return };
        let whole = batch.iter().filter(|file| file.written == file.length).count();
        let begun = batch.iter().filter(|file| file.written > 0).count();
        self.all += 1;
        self.not_begun += usize::from(begun == 0);
        self.torn += usize::from(begun > whole);
        self.between += usize::from(whole > 0 && whole < batch.len());
        self.written += usize::from(whole == batch.len());
    }
}

impl fmt::Display for Batches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { all, not_begun, torn, between, written } = self;
        write!(
            f,
            "{all}: {torn} torn within a file, {between} with one file done and another not, "
        )?;
        write!(f, "{not_begun} not begun, {written} written and not yet given back")
    }
}

impl Summary {
    /// Deaths so far.
    pub(crate) fn deaths(&self) -> usize {
        self.by_death.values().sum()
    }

    /// What so many deaths should have met and have not; a proof that misses its moments proves
    /// little. The bounds are far below what an idle machine reaches.
    pub(crate) fn missed(&self) -> Vec<String> {
        let mut missed = Vec::new();
        let deaths = self.deaths();
        if deaths < MEANT_TO_MEET {
            return missed;
        }
        for death in Death::ALL.into_iter().filter(|death| !self.by_death.contains_key(death)) {
            missed.push(format!("nobody died by {}", death.name()));
        }
        let at_a_write = self.all_at_a_write();
        if 2 * at_a_write.torn < at_a_write.deaths {
            missed.push(format!("less than half of the deaths at a write tore it: {at_a_write}"));
        }
        let Batches { torn, between, .. } = self.at_a_write_batches;
        if torn < deaths / 10 || between < deaths / 20 {
            missed.push(format!("only {torn} batches torn and {between} between two files"));
        }
        if self.inherited.all < deaths / 100 {
            missed.push(format!("only {} batches of a recovery", self.inherited.all));
        }
        missed
    }

    /// Verifies all processes of a directory. What is wrong.
    pub(crate) fn add(&mut self, course: &Course, lines: Lines) -> Vec<String> {
        let Lines { mut services, torn, bytes } = lines;
        let mut faults: Vec<String> = torn.iter().take(FAULTS_MAX).cloned().collect();
        self.torn += torn.len() as u64;
        self.bytes += bytes;
        self.sealed += course.sealed;
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
        let verdict = verify(ended, written);
        let mut faults = verdict.faults;
        self.count(ended);
        for report in reports {
            self.by_hand += 1;
            self.set_aside += usize::from(report.quarantined.is_some());
            faults.extend(ended.left.as_ref().and_then(|left| compare(left, report)));
        }
        self.unseen += usize::from(verdict.unseen);
        self.acknowledged += verdict.acknowledged;
        self.dropped += verdict.dropped;
        self.lost += verdict.lost;
        self.interrupted += verdict.interrupted;
        self.twice += verdict.twice;
        self.books += usize::from(!verdict.unseen && faults.is_empty());
        self.lines += written.lines.iter().sum::<u64>();
        faults
    }
}

impl Summary {
    fn all_at_a_write(&self) -> Share {
        let mut all = Share::default();
        self.at_a_write.values().for_each(|share| all.add(*share));
        all
    }

    /// How it died, and where its batch was.
    fn count(&mut self, ended: &Ended) {
        if ended.order == Some(Order::Return) {
            return;
        }
        let Moment { phase, write, .. } = ended.plan.moment;
        *self.by_death.entry(ended.plan.death).or_default() += 1;
        self.early += usize::from(phase == Phase::Recovering);
        self.in_recovery += usize::from(!ended.inherited.is_empty());
        ended.inherited.iter().for_each(|left| self.inherited.add(left));
        let at_a_write = write.is_some() && ended.plan.death != Death::PanicInMain;
        if at_a_write {
            let mut batches = Batches::default();
            // The first batch a process writes is one that was inherited; which of those a file
            // holds a part of is being completed by the time that file grows.
            let early = phase == Phase::Recovering;
            let begun = ended.inherited.iter().filter(|left| early && is_begun(left));
            ended.left.iter().chain(begun).for_each(|left| batches.add(left));
            let share = Share::of(&batches);
            self.at_a_write.entry(ended.plan.death).or_default().add(share);
            if early {
                self.at_an_early_write.add(share);
            }
        }
        self.sealing.extend(&ended.sealing);
        let Some(left) = &ended.left else { return };
        let batches =
            if at_a_write { &mut self.at_a_write_batches } else { &mut self.other_batches };
        batches.add(left);
        self.pending += usize::from(left.pending_bytes > 0);
    }
}

/// Whether the files have some of a batch that was on its way.
fn is_begun(left: &Left) -> bool {
    left.batch.iter().flatten().any(|file| file.written > 0)
}

/// The report of a recovery tells what was found after the death. When nothing was left to bring
/// over, somebody may have been killed in the middle of removing the rings: then it tells of those
/// that were still there.
fn compare(left: &Left, report: &Recovered) -> Option<String> {
    let dropped = |dropped: &[(Kind, DropReason, Level, u64)]| -> u64 {
        dropped.iter().map(|(.., count)| count).sum()
    };
    let same = report.accepted == left.accepted && report.dropped == left.dropped;
    let nothing_left = report.records == [0; 3] && report.staged_bytes == 0;
    let part = report.accepted.iter().zip(left.accepted).all(|(part, whole)| *part <= whole)
        && dropped(&report.dropped) <= dropped(&left.dropped);
    let agrees = same || report.quarantined.is_some() || (nothing_left && part);
    (!agrees).then(|| format!("{report:?} of {left:?}"))
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = Death::ALL.into_iter().filter_map(|death| {
            self.by_death.get(&death).map(|count| format!("{count} {}", death.name()))
        });
        let rows = [
            ("deaths", format!("{}: {}", self.deaths(), kinds.collect::<Vec<_>>().join(", "))),
            ("soon after the start", self.early.to_string()),
            ("remains not recovered", self.in_recovery.to_string()),
            ("  a batch of theirs", self.inherited.to_string()),
            ("at a write", self.all_at_a_write().to_string()),
        ];
        let by_kind = self.at_a_write.iter();
        let by_kind = by_kind.map(|(death, share)| (death.name(), share.to_string()));
        let more = [
            ("  soon after the start", self.at_an_early_write.to_string()),
            ("  a batch under way", self.at_a_write_batches.to_string()),
            ("  at other deaths", self.other_batches.to_string()),
            ("records in rings", self.pending.to_string()),
            ("recovered by hand", self.by_hand.to_string()),
            ("set aside, brought back", self.set_aside.to_string()),
            ("sealed files", format!("{}, {} cut by a death", self.sealed, self.sealing.len())),
            ("in day files", format!("{} lines, {} MB", self.lines, self.bytes / 1_000_000)),
            ("calls that returned", self.acknowledged.to_string()),
            ("  dropped and counted", self.dropped.to_string()),
            ("  accepted and lost", self.lost.to_string()),
            ("spans open at a death", format!("{}, each with its line", self.interrupted)),
            ("lines that stand twice", self.twice.to_string()),
            ("torn lines", self.torn.to_string()),
            ("books that add up", self.books.to_string()),
            ("rings gone before a look", self.unseen.to_string()),
        ];
        let by_kind = by_kind.map(|(name, share)| (format!("  {name}"), share));
        let owned = |(what, value): (&str, String)| (what.to_owned(), value);
        let mut rows =
            rows.into_iter().map(owned).chain(by_kind).chain(more.into_iter().map(owned));
        rows.try_for_each(|(what, value)| write!(f, "\n{what:<26}{value}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_that_tears_less_than_half_of_its_batches_has_missed() {
        for (torn, missed) in [(249, 1), (250, 0)] {
            let share = Share { deaths: 500, met: 500, torn, within: torn };
            let many = || Batches { all: 500, torn: 250, between: 250, ..Batches::default() };
            let summary = Summary {
                by_death: Death::ALL.into_iter().map(|death| (death, 100)).collect(),
                at_a_write: BTreeMap::from([(Death::Kill, share)]),
                at_a_write_batches: many(),
                inherited: many(),
                ..Summary::default()
            };
            assert_eq!(summary.missed().len(), missed, "{:?}", summary.missed());
        }
    }

    #[test]
    fn a_batch_that_has_not_begun_or_is_all_there_is_not_torn() {
        let none = Batches::default();
        let not_begun = Batches { all: 1, not_begun: 1, ..Batches::default() };
        let between = Batches { all: 1, between: 1, ..Batches::default() };
        let within = Batches { all: 1, torn: 1, ..Batches::default() };
        let written = Batches { all: 1, written: 1, ..Batches::default() };
        let mut sum = Share::default();
        [none, not_begun, between, within, written].iter().for_each(|one| sum.add(Share::of(one)));
        assert_eq!((sum.deaths, sum.met, sum.torn, sum.within), (5, 4, 2, 1));
    }
}
