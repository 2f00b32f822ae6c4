//! A day of event lines, the same on every machine: spelled as our encoder spells them, from machines
//! that work on many jobs at a time.
//!
//! Of each job there are 50 to 549 events in traces of 4 to 19; one line in sixteen comes late, as of
//! a ring that was drained after others; now and then a message names the job of somebody else.

use serde::{Deserialize, Serialize};
use std::io::Write as _;

/// Jobs at a time.
const JOBS: usize = 96;
/// Machines they run on.
const MACHINES: u64 = 64;
/// Bytes of a line on average, of which follows how far they are apart in time.
const LINE_BYTES: u64 = 450;
/// Microseconds of a day.
const DAY_US: u64 = 86_400_000_000;
/// How late a line comes at most.
const LATE_US: u64 = 2_000_000;
/// Events of the job that is looked for: few, as of most jobs somebody looks for.
const SUBJECT_EVENTS: std::ops::RangeInclusive<u64> = 60..=70;

/// What is looked for in a day.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Subject {
    pub(super) job: String,
    pub(super) trace: String,
    pub(super) session: String,
    pub(super) machine: String,
    /// A minute around the job's first event.
    pub(super) since: String,
    pub(super) until: String,
}

/// Writes the lines of a day.
pub(super) struct Day {
    random: Random,
    date: String,
    jobs: Vec<Job>,
    number: u64,
    step_us: u64,
    bytes: u64,
    bytes_max: u64,
    subject: Option<Subject>,
}

/// A job that is worked on.
struct Job {
    job: String,
    trace: String,
    session: String,
    machine: u64,
    events: u64,
    events_left: u64,
    trace_left: u64,
}

impl Day {
    /// The day of this date, of about so many bytes. Its ids follow from the date.
    pub(super) fn new(date: &str, bytes_max: u64) -> Day {
        let seed = date.bytes().fold(0, |seed: u64, byte| seed * 31 + u64::from(byte));
        let mut random = Random(mixed(seed));
        let jobs = (0..JOBS).map(|_| Job::new(&mut random)).collect();
        // Once more than there are lines, so that none is of the next day.
        let step_us = DAY_US / (bytes_max / LINE_BYTES * 21 / 20 + 1);
        let (number, bytes, subject) = (0, 0, None);
        Day { random, date: date.to_owned(), jobs, number, step_us, bytes, bytes_max, subject }
    }

    /// Appends the next line, unless that was all.
    pub(super) fn next(&mut self, out: &mut Vec<u8>) -> bool {
        if self.bytes >= self.bytes_max {
            return false;
        }
        let before = out.len();
        self.line(out);
        self.bytes += (out.len() - before) as u64;
        self.number += 1;
        true
    }

    /// What to look for: a job in the middle of the day. None before that was written.
    pub(super) fn subject(&self) -> Option<&Subject> {
        self.subject.as_ref()
    }

    fn line(&mut self, out: &mut Vec<u8>) {
        let at = self.random.below(JOBS as u64) as usize;
        let other = (at + 1) % JOBS;
        let is_late = self.random.below(16) == 0;
        let late = if is_late {
            self.random.below(LATE_US.min(self.number * self.step_us + 1))
        } else {
            0
        };
        // No two lines have the same time, so that there is one order by time.
        let us = self.number * self.step_us - late / self.step_us * self.step_us
            + self.number % self.step_us.min(997);
        if self.jobs[at].events_left == 0 {
            self.jobs[at].renew(&mut self.random);
        }
        if self.jobs[at].trace_left == 0 {
            self.jobs[at].trace = self.random.hex(32);
            self.jobs[at].trace_left = 4 + self.random.below(16);
        }
        self.choose(at, us);
        let kind = Kind::of(self.random.below(1000));
        let (text, page, number) =
            (self.random.below(TEXTS.len() as u64), self.random.below(5000), self.random.next());
        let (seconds, us) = (us / 1_000_000, us % 1_000_000);
        let [hour, minute, second] = [seconds / 3600, seconds / 60 % 60, seconds % 60];
        let Day { date, jobs, .. } = self;
        let Job { job, trace, session, machine, .. } = &jobs[at];
        let (source, message) = TEXTS[text as usize];
        let span = number | 1;
        let worker = at % 12;
        let Kind { level, evt, status } = kind;
        let _ = write!(
            out,
            "{{\"ts\":\"{date}T{hour:02}:{minute:02}:{second:02}.{us:06}Z\",\"level\":\"{level}\",\"evt\":\"{evt}\",\
             \"source\":\"{source}\",\"msg\":\"{message} {page}"
        );
        if number % 512 == 0 {
            let _ = write!(out, ", waiting for \\\"job_id\\\":\\\"{}\\\"", jobs[other].job);
        }
        let _ = writeln!(
            out,
            "\",\"service\":\"job-platform\",\"trace_id\":\"{trace}\",\"span_id\":\"{span:016x}\",\"job_id\":\"{job}\",\
             \"machine_id\":\"machine-{machine}\",\"worker_id\":\"worker-{worker}\",\"session_id\":\"{session}\",\
             \"meta\":{{\"url\":\"/items/{}\",\"status\":{status},\"duration_ms\":{}.{},\"bytes\":{},\"attempt\":{}}},\
             \"id\":\"{:08x}.{}.{}\"}}",
            number >> 40,
            number >> 8 & 0x1fff,
            // What every program writes the same.
            [25, 5, 75][(number >> 21 & 0xff) as usize % 3],
            number >> 30 & 0xfffff,
            1 + (number >> 50) % 3,
            0x6b33_6600 + machine,
            worker,
            self.number,
        );
        self.jobs[at].events_left -= 1;
        self.jobs[at].trace_left -= 1;
    }

    /// Takes a job that begins now as the one to look for, if it is the first such one in the second
    /// half.
    fn choose(&mut self, at: usize, us: u64) {
        let job = &self.jobs[at];
        let begins = job.events_left == job.events;
        if self.subject.is_some() || self.bytes < self.bytes_max / 2 || !begins {
            return;
        }
        if SUBJECT_EVENTS.contains(&job.events) {
            let minute = us / 60_000_000;
            let time =
                |minute: u64| format!("{}T{:02}:{:02}:00Z", self.date, minute / 60, minute % 60);
            self.subject = Some(Subject {
                job: job.job.clone(),
                trace: job.trace.clone(),
                session: job.session.clone(),
                machine: format!("machine-{}", job.machine),
                since: time(minute),
                until: time(minute + 1),
            });
        }
    }
}

impl Job {
    fn new(random: &mut Random) -> Job {
        let mut job = Job {
            job: String::new(),
            trace: String::new(),
            session: String::new(),
            machine: 0,
            events: 0,
            events_left: 0,
            trace_left: 0,
        };
        job.renew(random);
        // As if all had begun before.
        job.events_left = 1 + random.below(job.events);
        job
    }

    fn renew(&mut self, random: &mut Random) {
        self.job = format!("job-{}", random.hex(12));
        self.machine = random.below(MACHINES);
        self.events = 50 + random.below(500);
        (self.events_left, self.trace_left) = (self.events, 0);
        if self.session.is_empty() || random.below(3) == 0 {
            self.session = format!("s-{}", random.hex(10));
        }
    }
}

/// What goes together in a line.
struct Kind {
    level: &'static str,
    evt: &'static str,
    status: u16,
}

impl Kind {
    fn of(thousandth: u64) -> Kind {
        let (level, evt, status) = match thousandth {
            0 => ("critical", "worker_lost", 500),
            1..=6 => ("error", "openrouter_error", 429),
            7..=10 => ("error", "log", 502),
            11..=59 => ("warning", "log", 404),
            60..=139 => ("debug", "log", 200),
            140..=239 => ("info", "page_fetched", 200),
            _ => ("info", "log", 200),
        };
        Kind { level, evt, status }
    }
}

/// Sources and messages.
const TEXTS: [(&str, &str); 12] = [
    ("ingest::fetch", "fetched page"),
    ("ingest::fetch", "nothing new behind page"),
    ("ingest::parse", "parsed items of page"),
    ("ingest::store", "stored items of batch"),
    ("translate::queue", "took item from the queue, position"),
    ("translate::client", "model answered for item"),
    ("translate::client", "asking the model about item"),
    ("render::site", "rendered article"),
    ("render::images", "image scaled for article"),
    ("scheduler", "job goes on with step"),
    ("scheduler::lease", "lease renewed, generation"),
    ("http::client", "connection reused, request"),
];

/// The beginning of an order of numbers, of which those of two days next to each other have nothing in
/// common.
fn mixed(seed: u64) -> u64 {
    let seed = (seed ^ seed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let seed = (seed ^ seed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    // Of 0 there is no other number.
    (seed ^ seed >> 31).max(1)
}

/// Numbers without a pattern, the same everywhere: xorshift64*.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 11) % end
    }

    fn hex(&mut self, digits: usize) -> String {
        let mut text = format!("{:016x}{:016x}", self.next(), self.next());
        text.truncate(digits);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use radiosonde_store::Line;
    use std::collections::{BTreeMap, BTreeSet};

    fn day(date: &str, bytes: u64) -> (Vec<u8>, Subject) {
        let mut day = Day::new(date, bytes);
        let mut text = Vec::new();
        while day.next(&mut text) {}
        (text, day.subject().expect("a job in the middle").clone())
    }

    fn lines(text: &[u8]) -> Vec<Line> {
        let text = text.strip_suffix(b"\n").expect("whole lines");
        text.split(|byte| *byte == b'\n').map(|line| Line::parse(line).expect("a line")).collect()
    }

    #[test]
    fn a_day_is_the_same_each_time_and_no_other_day() {
        let (text, subject) = day("2025-10-06", 8 << 20);
        assert_eq!(
            (&text, &subject),
            (&day("2025-10-06", 8 << 20).0, &day("2025-10-06", 8 << 20).1)
        );
        let other = lines(&day("2025-10-07", 8 << 20).0);
        let jobs: BTreeSet<_> = lines(&text).into_iter().filter_map(|line| line.job_id).collect();
        assert!(other.iter().all(|line| !jobs.contains(line.job_id.as_deref().expect("a job"))));
    }

    #[test]
    fn it_is_made_of_what_it_is_said_to_be_made_of() {
        let (text, subject) = day("2025-10-06", 32 << 20);
        let lines = lines(&text);
        let mean = text.len() as u64 / lines.len() as u64;
        assert!(mean.abs_diff(LINE_BYTES) < 15, "{mean} bytes a line");
        let mut of_jobs: BTreeMap<&str, usize> = BTreeMap::new();
        lines.iter().for_each(|line| {
            *of_jobs.entry(line.job_id.as_deref().expect("a job")).or_default() += 1;
        });
        assert!(SUBJECT_EVENTS.contains(&(of_jobs[subject.job.as_str()] as u64)));
        assert!(of_jobs.values().all(|events| *events < 550));
        let times: BTreeSet<_> = lines.iter().map(|line| line.ts).collect();
        assert_eq!(times.len(), lines.len(), "one order by time");
        assert!(!lines.is_sorted_by_key(|line| line.ts), "some come late");
        let date = |line: &Line| line.ts.to_string().starts_with("2025-10-06T");
        assert!(lines.iter().all(date), "all of one day");
        let ids: BTreeSet<_> = lines.iter().filter_map(|line| line.id.as_deref()).collect();
        assert_eq!(ids.len(), lines.len());
        // A search for the id alone finds lines of others.
        let (since, until) =
            (subject.since.parse().expect("a time"), subject.until.parse().expect("a time"));
        let within = |line: &&Line| (since..until).contains(&line.ts);
        assert!(
            lines.iter().filter(within).any(|line| line.job_id.as_deref() == Some(&subject.job))
        );
    }

    #[test]
    fn a_line_has_its_members_in_the_order_of_the_encoder() {
        let (text, _) = day("2025-10-06", 8 << 20);
        let first = text.split(|byte| *byte == b'\n').next().expect("a line");
        let first = std::str::from_utf8(first).expect("text");
        let keys = [
            "ts",
            "level",
            "evt",
            "source",
            "msg",
            "service",
            "trace_id",
            "span_id",
            "job_id",
            "machine_id",
            "worker_id",
            "session_id",
            "meta",
            "id",
        ];
        let places: Vec<_> =
            keys.iter().map(|key| first.find(&format!("\"{key}\":")).expect("the key")).collect();
        assert!(places.is_sorted(), "{first}");
        assert_eq!(places[0], 1);
    }
}
