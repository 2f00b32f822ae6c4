//! The sink of an application with a spool, which kills its process where it is told to.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use prost::Message as _;
use radiosonde_events::{DaySink, Owner, Redactions};
use radiosonde_otlp::{OtlpSink, Stream, entries};
use radiosonde_record::{
    Batch, Builder, Descriptor, Exports, Interrupted, Kind, Level, Record, Sink, spool_of,
};
use radiosonde_spool::{Limit, Options, Settled, Spool, StreamOptions};

use crate::proof::end::{End, Point};

/// Which record has this number: events only, of three streams.
pub(crate) fn describe(number: u64) -> (Kind, Level, &'static str) {
    let (level, name) =
        [(Level::Info, "log"), (Level::Error, "log"), (Level::Info, "tick")][(number % 3) as usize];
    (Kind::Event, level, name)
}

/// The sink of a process, living or dead.
pub(crate) fn sink(
    lines: DaySink,
    owner: &Owner,
    instance: &Path,
    is_dead: bool,
    end: Option<End>,
) -> io::Result<Box<dyn Sink>> {
    let path = spool_of(instance);
    // One that was killed before it had a spool gets it now.
    let spool = if path.exists() {
        Spool::open(&path, &options())?
    } else {
        std::fs::create_dir_all(path.parent().unwrap())?;
        Spool::create(&path, b"manifest", &options())?
    };
    let redactions = Redactions::default();
    let inner = if is_dead {
        OtlpSink::of_dead_process(lines, owner, instance, redactions, spool)
    } else {
        let id = instance.file_name().unwrap().to_string_lossy();
        OtlpSink::new(lines, owner, &id, redactions, spool)
    };
    Ok(Box::new(Ending { inner, end }))
}

fn options() -> Options {
    let of = |stream: Stream| StreamOptions::new(stream.name(), stream.rank(), 1024 * 1024);
    Options::new(Stream::ALL.map(of).to_vec())
}

/// The messages in a spool, each as often as it is there.
pub(crate) fn read(directory: &Path) -> io::Result<Vec<String>> {
    let spool = Spool::open(directory, &options())?;
    let mut messages = Vec::new();
    for stream in Stream::ALL {
        let stream = spool.stream(stream.index());
        while let Some(taken) = stream.take(Limit { records: u64::MAX, bytes: u64::MAX })? {
            for entry in taken.frames().flat_map(|frame| entries(frame.payload)) {
                let log = LogRecord::decode(entry.unwrap().item).unwrap();
                match log.body.and_then(|body| body.value) {
                    Some(Any::StringValue(message)) => messages.push(message),
                    other => return Err(io::Error::other(format!("{other:?} is no message"))),
                }
            }
            let settled = Settled { delivered: taken.records(), rejected: 0 };
            stream.settle(&taken, settled)?;
        }
    }
    let lost: u64 = spool.take_gaps().iter().map(|gap| gap.lost.records).sum();
    if lost > 0 { Err(io::Error::other(format!("{lost} records are lost"))) } else { Ok(messages) }
}

struct Ending {
    inner: OtlpSink<DaySink>,
    end: Option<End>,
}

impl Sink for Ending {
    fn begin(&mut self, now: SystemTime) {
        self.inner.begin(now);
    }
    fn file(&self, kind: Kind) -> &str {
        self.inner.file(kind)
    }
    fn encode(
        &mut self,
        record: &Record<'_>,
        site: &Arc<Descriptor>,
        ring: u32,
        batch: &mut Batch,
    ) {
        self.inner.encode(record, site, ring, batch);
    }
    fn interrupted(&self, span: &Interrupted, record: &mut Builder<'_>) -> bool {
        self.inner.interrupted(span, record)
    }
    fn show(&mut self, batch: &Batch) -> [bool; 3] {
        self.inner.show(batch)
    }
    fn move_to(&mut self, slot: u32) {
        self.inner.move_to(slot);
    }
    fn renamed(&self, file: &str) -> String {
        self.inner.renamed(file)
    }
    fn next_part(&mut self, is_taken: &dyn Fn(&str) -> bool) {
        self.inner.next_part(is_taken);
    }
    fn alternate(&self, file: &str, part: u32) -> String {
        self.inner.alternate(file, part)
    }
    fn exports(&self) -> bool {
        self.inner.exports()
    }
    fn last_export(&self) -> u64 {
        self.inner.last_export()
    }
    fn export(&mut self, number: u64, exports: Exports<'_>) {
        let end = self.end.clone().filter(End::is_now);
        match end.as_ref().map(|end| end.point) {
            None | Some(Point::Whole) => {}
            Some(Point::Before) => end.as_ref().map_or((), |end| end.come()),
            Some(point) => {
                // Somewhere within: what a spool does there is none of our business.
                let micros = 15 * (1 + point as u64) + number % 50;
                let end = end.clone().unwrap();
                std::thread::spawn(move || {
                    std::thread::sleep(Duration::from_micros(micros));
                    end.come();
                });
            }
        }
        self.inner.export(number, exports);
        if let Some(end) = end {
            end.come();
        }
    }
}
