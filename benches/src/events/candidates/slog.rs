//! slog with slog-json behind slog-async. None of its crates rolls files: one file, a line a write.

use crate::events::subject::{Ended, Fields, Subject};
use crate::harness::Overflow;
use slog::{Drain as _, Level, LevelFilter, Logger, o};
use slog_async::{Async, OverflowStrategy};
use std::fs::File;
use std::io::LineWriter;
use std::path::{Path, PathBuf};

/// With the default, which drops when 128 records are waiting and says so in the log; or made to
/// wait.
pub(crate) struct Slog<const WAITS: bool> {
    logger: Logger,
    path: PathBuf,
}

impl<const WAITS: bool> Subject for Slog<WAITS> {
    const NAME: &'static str = if WAITS { "slog-blocking" } else { "slog" };
    const OVERFLOW: Overflow = if WAITS { Overflow::Waits } else { Overflow::Drops };
    const PACKAGES: &'static [&'static str] = &["slog", "slog-json", "slog-async"];

    fn start(folder: &Path) -> Result<Self, String> {
        let path = folder.join("events.jsonl");
        let file = File::options().append(true).create(true).open(&path);
        let file = file.map_err(|error| format!("cannot open {}: {error}", path.display()))?;
        let lines = slog_json::Json::default(LineWriter::new(file)).fuse();
        let strategy =
            if WAITS { OverflowStrategy::Block } else { OverflowStrategy::DropAndReport };
        let worker = Async::new(lines).overflow_strategy(strategy).build().fuse();
        let logger = Logger::root(LevelFilter::new(worker, Level::Info).fuse(), o!());
        Ok(Self { logger, path })
    }

    #[inline]
    fn event(&self, fields: &Fields) {
        let &Fields { page, user, items, attempt, ratio } = fields;
        slog::info!(self.logger, "clicked"; "evt" => "user.action", "source" => module_path!(),
            "page" => page, "user" => user, "items" => items, "attempt" => attempt,
            "ratio" => ratio);
    }

    #[inline]
    fn disabled(&self, fields: &Fields) {
        let &Fields { page, user, items, attempt, ratio } = fields;
        slog::debug!(self.logger, "clicked"; "evt" => "user.action", "source" => module_path!(),
            "page" => page, "user" => user, "items" => items, "attempt" => attempt,
            "ratio" => ratio);
    }

    fn finish(self) -> Result<Ended, String> {
        drop(self.logger);
        let ended = Ended::now(None);
        let text = std::fs::read(&self.path).map_err(|error| error.to_string())?;
        Ok(Ended { counted: Some(reported(&text)), ..ended })
    }
}

/// What the lines about drops say together.
fn reported(text: &[u8]) -> u64 {
    let of_drops = memchr::memmem::Finder::new("logger dropped messages");
    let lines = text.split(|byte| *byte == b'\n').filter(|line| of_drops.find(line).is_some());
    let count = |line| serde_json::from_slice::<serde_json::Value>(line).ok()?["count"].as_u64();
    lines.filter_map(count).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_of_drops_are_added_up() {
        let report = "{\"msg\":\"slog-async: logger dropped messages due to channel overflow\",\"count\":70}\n";
        let text = format!("{report}{{\"msg\":\"clicked\",\"count\":5}}\n{report}");
        assert_eq!(reported(text.as_bytes()), 140);
    }
}
