//! The facade `log` with a logger of thirty lines: each event is serialised by serde_json and written
//! to the file by the caller itself. What a program has before it has a logging library; what is
//! written survives a kill.

use crate::events::subject::{Ended, Fields, Subject};
use crate::harness::Overflow;
use log::kv::{Error, Key, Value, VisitSource, VisitValue};
use serde_json::{Map, Value as Json};
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// One `write` an event, to a file opened for appending.
pub(crate) struct LogSerde;

struct Writer(File);

impl Subject for LogSerde {
    const NAME: &'static str = "log-serde";
    const OVERFLOW: Overflow = Overflow::Writes;
    const PACKAGES: &'static [&'static str] = &["log", "serde_json"];

    fn start(folder: &Path) -> Result<Self, String> {
        let path = folder.join("events.jsonl");
        let file = File::options().append(true).create(true).open(&path);
        let file = file.map_err(|error| format!("cannot open {}: {error}", path.display()))?;
        log::set_boxed_logger(Box::new(Writer(file))).map_err(|error| error.to_string())?;
        log::set_max_level(log::LevelFilter::Info);
        Ok(Self)
    }

    #[inline]
    fn event(&self, fields: &Fields) {
        event(fields);
    }

    #[inline]
    fn disabled(&self, fields: &Fields) {
        disabled(fields);
    }

    fn finish(self) -> Result<Ended, String> {
        Ok(Ended::now(None))
    }
}

/// The event through `log`, with key-values.
#[inline]
pub(super) fn event(fields: &Fields) {
    let &Fields { page, user, items, attempt, ratio } = fields;
    log::info!(evt = "user.action", page, user, items, attempt, ratio; "clicked");
}

/// The same below the level.
#[inline]
pub(super) fn disabled(fields: &Fields) {
    let &Fields { page, user, items, attempt, ratio } = fields;
    log::debug!(evt = "user.action", page, user, items, attempt, ratio; "clicked");
}

impl log::Log for Writer {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &log::Record<'_>) {
        let mut line = Map::new();
        line.insert("ts".into(), millis().into());
        line.insert("level".into(), record.level().as_str().into());
        line.insert("source".into(), record.target().into());
        line.insert("msg".into(), record.args().to_string().into());
        // Its visitor below does not fail, and a map of values always serialises.
        let _ = record.key_values().visit(&mut Fill(&mut line));
        let mut bytes = serde_json::to_vec(&line).unwrap_or_default();
        bytes.push(b'\n');
        if let Err(error) = (&self.0).write_all(&bytes) {
            eprintln!("log: {error}");
        }
    }

    fn flush(&self) {}
}

/// Milliseconds since 1970.
pub(super) fn millis() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_millis() as u64
}

struct Fill<'a>(&'a mut Map<String, Json>);

impl<'kvs> VisitSource<'kvs> for Fill<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        let mut json = Converted(Json::Null);
        value.visit(&mut json)?;
        self.0.insert(key.as_str().to_owned(), json.0);
        Ok(())
    }
}

struct Converted(Json);

impl VisitValue<'_> for Converted {
    fn visit_any(&mut self, value: Value<'_>) -> Result<(), Error> {
        self.0 = value.to_string().into();
        Ok(())
    }

    fn visit_u64(&mut self, value: u64) -> Result<(), Error> {
        self.0 = value.into();
        Ok(())
    }

    fn visit_i64(&mut self, value: i64) -> Result<(), Error> {
        self.0 = value.into();
        Ok(())
    }

    fn visit_f64(&mut self, value: f64) -> Result<(), Error> {
        self.0 = value.into();
        Ok(())
    }

    fn visit_str(&mut self, value: &str) -> Result<(), Error> {
        self.0 = value.into();
        Ok(())
    }
}
