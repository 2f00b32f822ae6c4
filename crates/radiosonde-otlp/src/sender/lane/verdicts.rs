//! What becomes of a request that came to something.

use std::time::Duration;

use super::{BYTES_MAX, BYTES_MIN, Flying, Lane, PARKED_MAX, REGROW};
use crate::sender::answer::{Answer, Verdict};
use crate::sender::breaker::{Failure, HOLD};
use crate::sender::job::{Job, Part};
use crate::sender::response::stranger;
use crate::sender::store::Store;

impl<S: Store> Lane<S> {
    /// Takes what came of a request.
    pub(in crate::sender) fn answered(
        &mut self,
        id: u64,
        answer: Answer,
        now: Duration,
        random: u64,
    ) {
        let Some(at) = self.flying.iter().position(|flying| flying.id == id) else { return };
        let Flying { part, is_probe, sent_at, .. } = self.flying.remove(at);
        // What failed before it came to an answer says nothing of how long one takes.
        if !matches!(answer.verdict, Verdict::Failed { timed_out: false }) {
            self.last_trip = Some(now.saturating_sub(sent_at));
        }
        let answer = self.known(answer);
        let Some((job, part)) = part else {
            return self.answered_empty(answer, is_probe, now, random);
        };
        let Some(at) = self.jobs.iter().position(|known| known.id == job) else {
            // Its source was removed meanwhile.
            self.breaker.forget(is_probe, now);
            return;
        };
        let verdict = self.by_the_letter(answer.verdict);
        let Answer { text, .. } = answer;
        match verdict {
            Some(verdict) => self.judge(at, part, verdict, is_probe, now, random),
            None => {
                self.counts.dropped_by_the_letter += self.jobs[at].records(part);
                self.jobs[at].dropped();
                self.breaker.answered(is_probe);
            }
        }
        match answer.verdict {
            Verdict::Accepted { .. } if text.is_empty() => {}
            Verdict::Accepted { .. } => self.counts.message = Some(text),
            _ => self.counts.failed(now, text),
        }
        self.settle(now);
    }

    /// What answers in a way that cannot be read, and never in another, need not be a collector at all.
    /// The letter of the specification takes any 2xx.
    fn known(&mut self, answer: Answer) -> Answer {
        match answer.verdict {
            Verdict::Accepted { unreadable: true, .. } if !self.is_known && !self.strict => {
                stranger()
            }
            Verdict::Accepted { unreadable, .. } => {
                self.is_known |= !unreadable;
                answer
            }
            _ => answer,
        }
    }

    /// The verdict; none when the letter of the specification has the records dropped.
    fn by_the_letter(&self, verdict: Verdict) -> Option<Verdict> {
        let drops = match verdict {
            Verdict::Faulty
            | Verdict::Misconfigured { answered: true }
            | Verdict::Refused
            | Verdict::Throttled { wait: None, shrink: true }
            | Verdict::TooLarge => self.strict,
            _ => false,
        };
        (!drops).then_some(verdict)
    }

    fn judge(
        &mut self,
        at: usize,
        part: Part,
        verdict: Verdict,
        is_probe: bool,
        now: Duration,
        random: u64,
    ) {
        let bytes = self.jobs[at].bytes(part);
        let mut fail = |failure| self.breaker.failed(now, failure, is_probe, random);
        match verdict {
            Verdict::Accepted { rejected, unreadable } => {
                self.jobs[at].accepted(part, rejected);
                self.counts.unreadable += u64::from(unreadable);
                self.accepted(is_probe);
            }
            Verdict::Failed { timed_out } => {
                fail(Failure::Passing { timed_out });
                self.jobs[at].give_back(part);
            }
            Verdict::Faulty => {
                fail(Failure::Passing { timed_out: false });
                self.jobs[at].faulted(part, now);
            }
            Verdict::Misconfigured { .. } => {
                fail(Failure::Configuration);
                self.jobs[at].give_back(part);
            }
            Verdict::Throttled { wait, shrink } => {
                fail(Failure::Throttled(wait));
                if shrink {
                    self.shrink(bytes);
                }
                self.jobs[at].give_back(part);
            }
            Verdict::Refused | Verdict::TooLarge => {
                if verdict == Verdict::TooLarge {
                    self.shrink(bytes);
                }
                // It is there, and answers; only what it was sent is wrong.
                if self.in_doubt {
                    self.breaker.hold(now);
                } else {
                    self.breaker.answered(is_probe);
                }
                self.refused(at, part, now);
            }
        }
    }

    /// What came of a request without records.
    fn answered_empty(&mut self, answer: Answer, is_probe: bool, now: Duration, random: u64) {
        let failure = match answer.verdict {
            Verdict::Accepted { .. } => return self.accepted(is_probe),
            Verdict::Refused | Verdict::TooLarge => {
                // There was nothing in it to refuse: it is not the records.
                self.in_doubt = true;
                Failure::Configuration
            }
            Verdict::Misconfigured { .. } => Failure::Configuration,
            Verdict::Throttled { wait, .. } => Failure::Throttled(wait),
            Verdict::Failed { timed_out } => Failure::Passing { timed_out },
            Verdict::Faulty => Failure::Passing { timed_out: false },
        };
        if self.ends_at.is_some() {
            // There is no later.
            self.ask_at = now;
        }
        self.breaker.failed(now, failure, is_probe, random);
        self.counts.failed(now, answer.text);
    }

    fn accepted(&mut self, is_probe: bool) {
        self.breaker.answered(is_probe);
        self.accepts += 1;
        self.in_doubt = false;
        self.accepts_since_cut += 1;
        if self.accepts_since_cut >= REGROW {
            self.accepts_since_cut = 0;
            self.bytes_max = (self.bytes_max * 2).min(BYTES_MAX);
        }
    }

    /// Makes requests smaller than one of so many bytes.
    fn shrink(&mut self, bytes: usize) {
        self.accepts_since_cut = 0;
        self.bytes_max = self.bytes_max.min((bytes / 2).max(BYTES_MIN));
    }

    fn refused(&mut self, at: usize, part: Part, now: Duration) {
        let job = &mut self.jobs[at];
        if let Some(poison) = job.refused(part, self.accepts, now + HOLD) {
            self.counts.quarantined += job.records(poison);
            let source = self.sources.iter().find(|source| source.id == job.source);
            for entry in job.entries(poison) {
                let Some(source) = source else { continue };
                let kept = source.store.quarantine(job.stream, entry.item, "refused");
                self.counts.spool_errors += u64::from(kept.is_err());
            }
        }
        let parked: usize = self.jobs.iter().map(Job::parked).sum();
        if parked >= PARKED_MAX && !self.in_doubt {
            self.in_doubt = true;
            self.breaker.hold(now);
        }
    }
}
