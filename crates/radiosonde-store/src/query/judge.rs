//! Judging lines: by a look at their bytes where that is enough, else by taking them apart.

use crate::line::{Line, NotALine, behind_nuls};
use crate::names::Signal;
use crate::peek::{self, Peek};
use crate::query::condition::Sieve;
use crate::query::entry::{Entry, Order};
use crate::query::filter::begins;
use crate::query::needle::Needle;
use crate::query::source::Source;
use crate::query::stop::Stop;
use crate::query::{Condition, Query};

/// What a query asks of the lines of day files, and of those of other files.
pub(crate) struct Judges<'a> {
    of_days: Judge<'a>,
    of_others: Judge<'a>,
}

impl<'a> Judges<'a> {
    pub(crate) fn new(query: &'a Query) -> Self {
        // The signal of a day file stands in its name.
        let of_others = Judge::new(query, &query.signals);
        Self { of_days: Judge::new(query, &[]), of_others }
    }

    pub(crate) fn of_days(&self) -> &Judge<'a> {
        &self.of_days
    }

    pub(super) fn of(&self, source: &Source) -> &Judge<'a> {
        if source.file().is_some() { &self.of_days } else { &self.of_others }
    }
}

/// What a query asks of a line.
pub(crate) struct Judge<'a> {
    query: &'a Query,
    /// Signals, one of which a line must be of; none for any.
    signals: &'a [Signal],
    needle: Option<Needle>,
    /// What leaves lines out by their level and their fields.
    sieves: Vec<Sieve<'a>>,
    /// The first microsecond wanted, and the first no longer wanted.
    since: i64,
    until: i64,
    /// Whether nothing but the time is asked for.
    is_of_times: bool,
    /// Whether a look tells all that is asked for.
    is_plain: bool,
}

/// What a look at a text tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// No line, or none that is wanted.
    No,
    /// Perhaps a line that is wanted, of this microsecond.
    May(i64),
    /// Nothing: it must be taken apart.
    Unknown,
}

/// What taking a text apart tells.
pub(super) enum Judged {
    No,
    Fits(Entry),
    NotALine(NotALine),
}

impl<'a> Judge<'a> {
    fn new(query: &'a Query, signals: &'a [Signal]) -> Self {
        // Whole microseconds before a moment are before its microsecond rounded up.
        let rounded = |ns: i128| i64::try_from((ns + 999).div_euclid(1_000)).ok();
        let bound = |ts: Option<jiff::Timestamp>| rounded(ts?.as_nanosecond());
        let is_plain = query.links_to.is_empty()
            && query.conditions.iter().all(Condition::is_seen)
            && !query.except_snapshots;
        let is_of_times = is_plain && query.conditions.is_empty() && {
            let Query { job, machine, worker, session, service, .. } = query;
            let Query { traces, level, evt, except_evt, .. } = query;
            [job, machine, worker, session, service].iter().all(|id| id.is_none())
                && traces.is_empty()
                && signals.is_empty()
                && level.is_none()
                && evt.is_empty()
                && except_evt.is_empty()
        };
        Self {
            query,
            signals,
            needle: Needle::of(query),
            sieves: (query.level.map(Sieve::at_least).into_iter())
                .chain(query.conditions.iter().filter_map(Condition::sieve))
                .collect(),
            since: bound(query.since).unwrap_or(i64::MIN),
            until: bound(query.until).unwrap_or(i64::MAX),
            is_of_times,
            is_plain,
        }
    }

    /// The bytes that every line wanted holds.
    pub(super) fn needle(&self) -> Option<&Needle> {
        self.needle.as_ref()
    }

    pub(super) fn stop(&self) -> Option<&'a Stop> {
        self.query.stop.as_ref()
    }

    /// Hands each text of whole lines that may be wanted to `each`, with its place in them, without
    /// its line break.
    pub(crate) fn lines<'t>(&self, bytes: &'t [u8], each: &mut dyn FnMut(usize, &'t [u8])) {
        let mut at = 0;
        while at < bytes.len() {
            let start = match &self.needle {
                None => at,
                Some(needle) => match needle.find(&bytes[at..]) {
                    Some(hit) => {
                        memchr::memrchr(b'\n', &bytes[at..at + hit]).map_or(at, |nl| at + nl + 1)
                    }
                    None => return,
                },
            };
            let end = memchr::memchr(b'\n', &bytes[start..]).map_or(bytes.len(), |nl| start + nl);
            let line = end - behind_nuls(&bytes[start..end]).len();
            if start < line {
                each(start, &bytes[start..line]);
            }
            each(line, &bytes[line..end]);
            at = end + 1;
        }
    }

    /// Looks at a text. Lines before the microsecond `floor` are not wanted.
    pub(crate) fn look(&self, text: &[u8], floor: i64) -> Look {
        let mut found = None;
        let us = match peek::ts(text) {
            Some(us) => us,
            None => match peek::facts(text) {
                Some(facts) => found.insert(facts).ts_us,
                None if text.trim_ascii().is_empty() => return Look::No,
                None => return Look::Unknown,
            },
        };
        if us < self.since.max(floor) || us >= self.until {
            return Look::No;
        }
        if self.is_of_times {
            return Look::May(us);
        }
        if self.sieves.iter().any(|sieve| sieve.rules_out(text)) {
            return Look::No;
        }
        match found.or_else(|| peek::facts(text)) {
            Some(facts) if self.fits(&facts) => Look::May(us),
            Some(_) => Look::No,
            None => Look::Unknown,
        }
    }

    /// Judges a text by a look, where that is enough for a line that may be wanted.
    pub(super) fn glance(&self, text: &[u8], source: u32, offset: u64) -> Option<Entry> {
        let facts = peek::facts(text).filter(|_| self.is_plain)?;
        let order = Order::new(i128::from(facts.ts_us) * 1_000, facts.id, source, offset);
        Some(Entry { order, source, offset, text: text.into() })
    }

    /// Takes a text apart.
    pub(super) fn parse(&self, text: &[u8], source: u32, offset: u64) -> Judged {
        match Line::parse(text) {
            Ok(line) if self.is_match(&line) => {
                let order = Order::of(&line, source, offset);
                Judged::Fits(Entry { order, source, offset, text: text.into() })
            }
            Ok(_) => Judged::No,
            Err(error) => Judged::NotALine(error),
        }
    }

    pub(crate) fn is_match(&self, line: &Line) -> bool {
        let is_asked = self.signals.is_empty() || self.signals.contains(&line.signal());
        is_asked && self.query.matches(line)
    }

    /// What [`Query::matches`] asks, but for times and for what a look cannot tell.
    fn fits(&self, facts: &Peek<'_>) -> bool {
        let same = |wanted: &Option<String>, found: Option<&[u8]>| {
            wanted.as_ref().is_none_or(|wanted| found == Some(wanted.as_bytes()))
        };
        let Query { job, machine, worker, session, service, .. } = self.query;
        let Query { traces, level, evt, except_evt, .. } = self.query;
        let fits = |trace: &String| facts.trace_id.is_some_and(|found| begins(found, trace));
        let is_evt = |name: &String| name.as_bytes() == facts.evt;
        same(job, facts.job_id)
            && same(machine, facts.machine_id)
            && same(worker, facts.worker_id)
            && same(session, facts.session_id)
            && same(service, facts.service)
            && (traces.is_empty() || traces.iter().any(fits))
            && level.is_none_or(|least| facts.level.is_some_and(|level| level >= least))
            && (evt.is_empty() || evt.iter().any(is_evt))
            && !except_evt.iter().any(is_evt)
            && self.query.conditions.iter().all(|asked| asked.look(facts) != Some(false))
            && (self.signals.is_empty() || self.signals.contains(&Signal::of_evt(facts.evt)))
    }
}
