//! The day files, line by line: whose they are, and which calls they tell of.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use drill::text;
use radiosonde_record::Kind;
use radiosonde_store::names::{Form, StoredFile};
use radiosonde_store::reader::Chunk;
use radiosonde_store::sealed::Reader;
use serde::Deserialize;

use crate::directory;

/// What stands in day files of one service.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// The first parts of the ids.
    pub(crate) instances: BTreeSet<String>,
    /// Lines by kind.
    pub(crate) lines: [u64; 3],
    /// Lines about panics.
    pub(crate) panics: u64,
    pub(crate) calls: Vec<Call>,
    /// Held spans that were open at the death, by producer and number. These lines are in no other
    /// number: nobody has recorded them.
    pub(crate) held: Vec<(u32, u64)>,
    /// Other spans that were.
    pub(crate) steps: u64,
    /// Ring and sequence number of all other lines.
    pub(crate) others: Vec<(u32, u64)>,
}

/// A line that tells of a producer's call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Call {
    pub(crate) ring: u32,
    pub(crate) sequence: u64,
    pub(crate) producer: u32,
    pub(crate) number: u64,
}

/// All lines of a directory.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    pub(crate) services: HashMap<String, Written>,
    /// Lines that are not whole, or not what their call was given.
    pub(crate) torn: Vec<String>,
    pub(crate) bytes: u64,
}

/// As much of a line as the proof looks at; that the rest is JSON is checked on the way.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    evt: Cow<'a, str>,
    #[serde(borrow)]
    service: Cow<'a, str>,
    #[serde(borrow)]
    job_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    meta: Meta<'a>,
}

#[derive(Deserialize)]
struct Meta<'a> {
    producer: Option<u32>,
    call: Option<u64>,
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    text: Option<Cow<'a, str>>,
    #[serde(borrow)]
    end: Option<Cow<'a, str>>,
    attributes: Option<Attributes>,
}

#[derive(Deserialize)]
struct Attributes {
    producer: Option<u32>,
    call: Option<u64>,
}

/// Reads every day file of the directory, two at a time.
pub(crate) fn read(root: &Path) -> io::Result<Lines> {
    let files = Mutex::new(directory::day_files(root));
    let take = || files.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let work = || {
        let mut lines = Lines::default();
        while let Some((file, path)) = take() {
            lines.read_file(file, &path)?;
        }
        Ok::<_, io::Error>(lines)
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(work);
        let mut lines = work()?;
        let panicked = |_| io::Error::other("the reader of day files panicked");
        lines.merge(other.join().map_err(panicked)??);
        Ok(lines)
    })
}

fn kind_of(signal: &str) -> Kind {
    Kind::ALL.into_iter().find(|kind| kind.as_str() == signal).unwrap_or(Kind::Event)
}

impl Lines {
    fn read_file(&mut self, file: StoredFile, path: &Path) -> io::Result<()> {
        let kind = kind_of(file.day.signal.as_str());
        if file.form == Form::Sealed {
            let mut reader = Reader::open(path)?;
            while let Some(chunk) = reader.next_chunk()? {
                match chunk {
                    Chunk::Lines { bytes, .. } => {
                        let lines = bytes.split_inclusive(|byte| *byte == b'\n');
                        lines.for_each(|line| self.line(kind, path, line));
                    }
                    other => self.torn.push(format!("{}: {other:?}", path.display())),
                }
            }
            return Ok(());
        }
        let mut reader = BufReader::with_capacity(1024 * 1024, File::open(path)?);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line)? > 0 {
            self.line(kind, path, &line);
            line.clear();
        }
        Ok(())
    }

    fn line(&mut self, kind: Kind, path: &Path, line: &[u8]) {
        self.bytes += line.len() as u64;
        let whole = line.strip_suffix(b"\n").ok_or("it has no end".to_owned());
        if let Err(why) = whole.and_then(|line| self.add(kind, line)) {
            let shown = String::from_utf8_lossy(&line[..line.len().min(300)]).into_owned();
            self.torn.push(format!("{}: {why}: {shown}", path.display()));
        }
    }

    fn add(&mut self, kind: Kind, bytes: &[u8]) -> Result<(), String> {
        let line: Line<'_> = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let (instance, ring, sequence) = parse_id(&line.id).ok_or("not an id")?;
        if !self.services.contains_key(&*line.service) {
            self.services.insert(line.service.to_string(), Written::default());
        }
        let Some(written) = self.services.get_mut(&*line.service) else { return Ok(()) };
        if !written.instances.contains(instance) {
            written.instances.insert(instance.to_owned());
        }
        // At an orderly end the process tells of its open spans itself, by an event as others are.
        if line.evt == "span.interrupted" && line.meta.end.is_none() {
            return written.interrupted(&line, (ring, sequence));
        }
        written.lines[kind as usize] += 1;
        let call = if line.evt == "span.interrupted" { None } else { call_of(&line)? };
        match call {
            Some((producer, number)) => {
                written.calls.push(Call { ring, sequence, producer, number });
            }
            None => {
                written.panics += u64::from(line.evt == "panic");
                written.others.push((ring, sequence));
            }
        }
        Ok(())
    }

    fn merge(&mut self, other: Self) {
        self.torn.extend(other.torn);
        self.bytes += other.bytes;
        for (service, theirs) in other.services {
            let ours = self.services.entry(service).or_default();
            ours.instances.extend(theirs.instances);
            ours.lines.iter_mut().zip(theirs.lines).for_each(|(sum, more)| *sum += more);
            ours.panics += theirs.panics;
            ours.calls.extend(theirs.calls);
            ours.held.extend(theirs.held);
            ours.steps += theirs.steps;
            ours.others.extend(theirs.others);
        }
    }
}

impl Written {
    fn interrupted(&mut self, line: &Line<'_>, id: (u32, u64)) -> Result<(), String> {
        match (line.meta.name.as_deref(), line.job_id.as_deref()) {
            (Some("drill.held"), Some(job)) => {
                self.held.push(text::of_held(job).ok_or("not a job of a held span")?);
            }
            (Some("drill.step"), None) => self.steps += 1,
            other => return Err(format!("nobody opened {other:?}")),
        }
        self.others.push(id);
        Ok(())
    }
}

/// The producer and the number of the call a line tells of; none for lines of telemetry itself.
fn call_of(line: &Line<'_>) -> Result<Option<(u32, u64)>, String> {
    let meta = &line.meta;
    if let (Some(producer), Some(call)) = (meta.producer, meta.call) {
        if line.evt == "drill.tick" && meta.text.as_deref() != Some(&*text::of(call)) {
            return Err("another text than was recorded".to_owned());
        }
        return Ok(Some((producer, call)));
    }
    if let Some(Attributes { producer: Some(producer), call: Some(call) }) = meta.attributes {
        return Ok(Some((producer, call)));
    }
    let Some(job) = line.job_id.as_deref() else { return Ok(None) };
    let parts = job.split_once('-').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
    parts.map(Some).ok_or_else(|| "not a job of the drill".to_owned())
}

/// `instance.ring.sequence`.
fn parse_id(id: &str) -> Option<(&str, u32, u64)> {
    let mut parts = id.split('.');
    let found = (parts.next()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    parts.next().is_none().then_some(found)
}
