//! Going through files and counting their lines.

use std::io;

use jiff::Timestamp;
use radiosonde_store::line::behind_nuls;
use radiosonde_store::names::Signal;
use radiosonde_store::query::FileOutcome;
use radiosonde_store::reader::Chunk;
use radiosonde_store::stored::StoredReader;
use radiosonde_store::{Level, Line, peek};
use serde::de::IgnoredAny;

use crate::args::Time;
use crate::figures::Merge;
use crate::figures::sequences::Sequences;
use crate::figures::tally::{Tally, Weight};
use crate::figures::timeline::Timeline;

/// What was counted in files that were read.
#[derive(Debug)]
pub(super) struct Counted {
    pub(super) lines: u64,
    pub(super) junk: u64,
    pub(super) damages: u64,
    /// Lines by level, the least severe first; the last have none.
    pub(super) levels: [u64; LEVELS.len() + 1],
    pub(super) names: Tally<Lines>,
    pub(super) services: Tally<Lines>,
    pub(super) machines: Tally<Lines>,
    pub(super) times: Timeline<Cell>,
    pub(super) sequences: Sequences,
}

/// Of one file.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OfFile {
    pub(super) lines: u64,
    pub(super) raw: u64,
    pub(super) time: Option<(Timestamp, Timestamp)>,
}

/// Lines under one name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lines(pub(super) u64);

/// Lines of a stretch of time. Those of sealed files that were not read are shared out evenly over
/// their frames, and their levels are not known.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cell {
    pub(super) lines: f64,
    pub(super) warnings: u64,
    pub(super) errors: u64,
}

/// What is looked at in a line.
struct Facts<'a> {
    us: i64,
    level: Option<Level>,
    evt: &'a str,
    service: Option<&'a str>,
    machine: Option<&'a str>,
    id: Option<&'a str>,
}

impl Default for Counted {
    fn default() -> Self {
        Self {
            lines: 0,
            junk: 0,
            damages: 0,
            levels: [0; LEVELS.len() + 1],
            names: Tally::new(NAMES_MAX),
            services: Tally::new(NAMES_MAX),
            machines: Tally::new(NAMES_MAX),
            times: Timeline::new(CELLS_MAX),
            sequences: Sequences::default(),
        }
    }
}

impl Counted {
    /// Goes through a file of a signal, as far as it can be read: otherwise, says how far that was.
    pub(super) fn file(
        &mut self,
        mut file: StoredReader,
        signal: Signal,
        time: Time,
    ) -> (OfFile, FileOutcome) {
        let mut of_file = OfFile::default();
        let result = self.lines_of(&mut file, (signal, time), &mut of_file);
        (of_file, result.map_err(|error| (file.bytes_read(), error)))
    }

    /// Adds the lines of a frame that was not read.
    pub(super) fn frame(&mut self, from: Timestamp, to: Timestamp, lines: u64) {
        #[expect(clippy::cast_precision_loss, reason = "for a picture")]
        let lines = lines as f64;
        self.times.spread(from.as_microsecond(), to.as_microsecond(), |cell, part| {
            cell.lines += lines * part;
        });
    }

    fn lines_of(
        &mut self,
        file: &mut StoredReader,
        of: (Signal, Time),
        of_file: &mut OfFile,
    ) -> io::Result<()> {
        while let Some(chunk) = file.next_chunk()? {
            match chunk {
                Chunk::Damaged(damage) => self.damages += u64::from(damage.lines_lost),
                Chunk::Overlong { .. } => self.junk += 1,
                Chunk::Lines { bytes, .. } => {
                    for text in bytes.split(|byte| *byte == b'\n') {
                        let line = behind_nuls(text);
                        self.junk += u64::from(line.len() < text.len());
                        self.junk += u64::from(!self.line(line, of, of_file));
                    }
                }
                // Whole but for its line break, or not there yet.
                Chunk::HalfLine { bytes, .. } => {
                    let _ = self.line(behind_nuls(bytes), of, of_file);
                }
                // Of a later version.
                _ => {}
            }
        }
        Ok(())
    }

    /// Counts a line; false where it is none.
    fn line(&mut self, text: &[u8], (signal, time): (Signal, Time), of_file: &mut OfFile) -> bool {
        if text.trim_ascii().is_empty() {
            return true;
        }
        let parsed;
        let facts = match Facts::peek(text) {
            Some(facts) => facts,
            None => match Line::parse(text) {
                Ok(line) => {
                    parsed = line;
                    Facts::of(&parsed)
                }
                Err(_) => return false,
            },
        };
        let Ok(ts) = Timestamp::from_microsecond(facts.us) else { return false };
        if !time.contains(ts) {
            return true;
        }
        of_file.lines += 1;
        of_file.raw += text.len() as u64 + 1;
        of_file.time = super::around(of_file.time, Some((ts, ts)));
        self.add(&facts, signal);
        true
    }

    fn add(&mut self, facts: &Facts<'_>, signal: Signal) {
        self.lines += 1;
        let level = LEVELS.iter().position(|level| Some(*level) == facts.level);
        self.levels[level.unwrap_or(LEVELS.len())] += 1;
        self.names.of(start(facts.evt)).0 += 1;
        self.services.of(start(facts.service.unwrap_or_default())).0 += 1;
        self.machines.of(start(facts.machine.unwrap_or_default())).0 += 1;
        let _ = self.sequences.add_of(signal, facts.id);
        let cell = self.times.at(facts.us);
        cell.lines += 1.0;
        cell.warnings += u64::from(facts.level == Some(Level::Warning));
        cell.errors += u64::from(facts.level >= Some(Level::Error));
    }
}

impl<'a> Facts<'a> {
    /// What a line in our own form says, without parsing it.
    fn peek(text: &'a [u8]) -> Option<Self> {
        // A look passes over values, and whether it is a line at all is the parser's word. That all of
        // it is JSON is most of what that asks, and costs a fifth of it.
        let found = peek::facts(text)?;
        let _: IgnoredAny = serde_json::from_slice(text).ok()?;
        let word = |bytes: &'a [u8]| std::str::from_utf8(bytes).ok();
        Some(Self {
            us: found.ts_us,
            level: found.level,
            evt: word(found.evt)?,
            service: found.service.and_then(word),
            machine: found.machine_id.and_then(word),
            id: found.id.and_then(word),
        })
    }

    fn of(line: &'a Line) -> Self {
        Self {
            us: line.ts.as_microsecond(),
            level: line.level,
            evt: &line.evt,
            service: line.service.as_deref(),
            machine: line.machine_id.as_deref(),
            id: line.id.as_deref(),
        }
    }
}

impl Weight for Lines {
    fn weight(&self) -> u64 {
        self.0
    }
}

impl Merge for Cell {
    fn merge(&mut self, other: &Self) {
        self.lines += other.lines;
        self.warnings += other.warnings;
        self.errors += other.errors;
    }
}

/// A name as it is counted: a line may say anything.
fn start(name: &str) -> &str {
    crate::render::text::start_of(name, NAME_BYTES_MAX)
}

pub(super) const LEVELS: [Level; 6] =
    [Level::Trace, Level::Debug, Level::Info, Level::Warning, Level::Error, Level::Critical];
/// Names that are told apart of each kind.
const NAMES_MAX: usize = 10_000;
const NAME_BYTES_MAX: usize = 200;
/// Columns of the picture.
const CELLS_MAX: usize = 60;
