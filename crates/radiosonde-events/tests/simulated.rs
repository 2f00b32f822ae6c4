//! Forty-eight days in a moment: midnights, the end of daylight saving time where the operator is, a
//! leap second, a clock that is set back by an hour over midnight, and a kill every three days.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use radiosonde_events::DaySink;
use radiosonde_events::recover::recover_directory;
use radiosonde_events::upkeep::{Retention, removed};
use radiosonde_record::{Batch, Descriptor, Kind, Record, Sink};
use radiosonde_store::Query;
use radiosonde_store::names::StoredFile;

mod processes;
mod read;

use processes::{Clock, Process};

/// 2016-12-10T00:00:00Z: before the leap second of that year, and before the summer of Fiji ended,
/// on 2017-01-15.
const BEGIN: u64 = 1_481_328_000;
const DAYS: u64 = 48;
/// Ten minutes pass between two events.
const STEP: i64 = 600;
/// Fiji in that year; in this form nobody needs a database of zones.
const ZONE: &str = "<+12>-12<+13>,M11.1.0/2,M1.3.0/3";

/// Gives lines the time of the clock.
struct Stamped {
    sink: DaySink,
    clock: Clock,
}

impl Sink for Stamped {
    fn begin(&mut self, now: std::time::SystemTime) {
        self.sink.begin(now);
    }
    fn file(&self, kind: Kind) -> &str {
        self.sink.file(kind)
    }
    fn encode(
        &mut self,
        record: &Record<'_>,
        site: &Arc<Descriptor>,
        ring: u32,
        batch: &mut Batch,
    ) {
        let mut record = record.clone();
        let since = self.clock.now().duration_since(std::time::UNIX_EPOCH).unwrap();
        record.timestamp_ns = since.as_nanos() as u64;
        self.sink.encode(&record, site, ring, batch);
    }
    fn show(&mut self, batch: &Batch) -> [bool; 3] {
        self.sink.show(batch)
    }
    fn move_to(&mut self, slot: u32) {
        self.sink.move_to(slot);
    }
    fn renamed(&self, file: &str) -> String {
        self.sink.renamed(file)
    }
    fn next_part(&mut self, is_taken: &dyn Fn(&str) -> bool) {
        self.sink.next_part(is_taken);
    }
    fn alternate(&self, file: &str, part: u32) -> String {
        self.sink.alternate(file, part)
    }
}

fn start(root: &Path, clock: &Clock) -> Process {
    let stamp = clock.clone();
    Process::start_with(root, clock, 20_000, |sink| Box::new(Stamped { sink, clock: stamp }))
}

/// The zone is that of the process, so the days pass in a process of their own.
#[test]
fn forty_eight_days_pass_and_each_event_is_where_it_belongs() {
    let test = std::env::current_exe().unwrap();
    let status = Command::new(test)
        .args(["--exact", "the_days", "--ignored", "--nocapture"])
        .env("TZ", ZONE)
        .status()
        .unwrap();
    assert!(status.success());
}

#[test]
#[ignore = "run by the test above, in the zone it is about"]
fn the_days() {
    let root = tempfile::tempdir().unwrap();
    let clock = Clock::at(BEGIN);
    let mut process = start(root.path(), &clock);
    let steps = DAYS * 24 * 3_600 / STEP as u64;
    let mut days = Vec::new();
    for step in 0..steps {
        process.record(step..step + 1);
        process.settle();
        days.push(today(&clock));
        clock.jump(STEP);
        match (step + 1) % 144 {
            // After midnight, of the day with the leap second: its last second comes twice.
            0 if (step + 1) / 144 == 22 => clock.jump(-1),
            // Another midnight: somebody sets the clock back by an hour, and finds out.
            0 if (step + 1) / 144 == 30 => clock.jump(-3_600),
            6 if (step + 1) / 144 == 30 => clock.jump(3_600),
            72 if (step + 1) / 144 % 3 == 2 => {
                drop(process);
                recover_directory(root.path(), false).unwrap();
                process = start(root.path(), &clock);
            }
            _ => {}
        }
        if step % 6 == 5 {
            let upkeep = process.upkeep(root.path(), Retention::default());
            let upkept = upkeep.run(clock.now(), &mut |_| true);
            assert!(upkept.failed.is_empty() && !upkept.stopped, "step {step}: {upkept:?}");
        }
    }
    let gone: u64 = removed(root.path()).unwrap().values().map(|removed| removed.lines).sum();
    let lines = read::all_lines(root.path(), "events-");
    let mut numbers = BTreeSet::new();
    for (file, line) in &lines {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let number = line["msg"].as_str().unwrap().strip_prefix("number ").unwrap();
        assert!(numbers.insert(number.parse::<u64>().unwrap()), "{number} is there twice");
        // Filed under the day in UTC, whatever day it is where the operator is.
        let ts: Timestamp = line["ts"].as_str().unwrap().parse().unwrap();
        let date = StoredFile::parse(file).unwrap().day.date;
        assert_eq!(ts.to_zoned(TimeZone::UTC).date(), date, "{file}: {line}");
    }
    // What is gone is what is more than 14 days old, and no more.
    let oldest = today(&clock).saturating_sub(jiff::Span::new().days(14));
    let expected = (0..steps).zip(days).filter(|(_, day)| *day >= oldest);
    assert_eq!(numbers, expected.map(|(number, _)| number).collect());
    assert_eq!(gone + numbers.len() as u64, steps);
    assert!((DAYS - 16..DAYS - 14).contains(&(gone / 144)), "{gone}");
    the_day_of_25_hours(root.path());
}

fn today(clock: &Clock) -> Date {
    let now = Timestamp::try_from(clock.now()).unwrap();
    now.to_zoned(TimeZone::UTC).date()
}

/// The operator asks for a day as his calendar has it.
fn the_day_of_25_hours(root: &Path) {
    let zone = TimeZone::posix(ZONE).unwrap();
    let day = jiff::civil::date(2017, 1, 15);
    let mut query = Query::new(vec![root.to_owned()]);
    query.since = Some(day.to_zoned(zone.clone()).unwrap().timestamp());
    query.until = Some(day.tomorrow().unwrap().to_zoned(zone).unwrap().timestamp());
    let answer = query.run();
    assert!(!answer.reading.is_partial(), "{:?}", answer.reading);
    assert_eq!(answer.lines.len(), 25 * 6);
}
