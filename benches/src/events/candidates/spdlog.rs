//! spdlog-rs: its asynchronous sink over its rotating file, as JSON, as the default logger: its
//! handler at exit flushes that one.

use crate::events::subject::{Ended, Fields, Subject};
use crate::harness::Overflow;
use spdlog::formatter::JsonFormatter;
use spdlog::sink::{AsyncPoolSink, RotatingFileSink, RotationPolicy};
use spdlog::{Logger, ThreadPool};
use std::path::Path;
use std::sync::Arc;

/// Waits when 8192 records are waiting.
pub(crate) struct Spdlog {
    /// The default logger of before: in its place the other one is dropped, and waited for.
    before: Arc<Logger>,
}

impl Subject for Spdlog {
    const NAME: &'static str = "spdlog-rs";
    const OVERFLOW: Overflow = Overflow::Waits;
    const PACKAGES: &'static [&'static str] = &["spdlog-rs"];

    fn start(folder: &Path) -> Result<Self, String> {
        let logger = logger(folder).map_err(|error| error.to_string())?;
        Ok(Self { before: spdlog::swap_default_logger(logger) })
    }

    #[inline]
    fn event(&self, fields: &Fields) {
        let &Fields { page, user, items, attempt, ratio } = fields;
        spdlog::info!("clicked",
            kv: { evt = "user.action", page, user, items, attempt, ratio });
    }

    #[inline]
    fn disabled(&self, fields: &Fields) {
        let &Fields { page, user, items, attempt, ratio } = fields;
        spdlog::debug!("clicked",
            kv: { evt = "user.action", page, user, items, attempt, ratio });
    }

    fn finish(self) -> Result<Ended, String> {
        drop(spdlog::swap_default_logger(self.before));
        Ok(Ended::now(None))
    }
}

fn logger(folder: &Path) -> Result<Arc<Logger>, spdlog::Error> {
    let file = RotatingFileSink::builder()
        .base_path(folder.join("events.jsonl"))
        .rotation_policy(RotationPolicy::Daily { hour: 0, minute: 0 })
        .formatter(JsonFormatter::new())
        .build_arc()?;
    let pool = Arc::new(ThreadPool::new()?);
    let sink = AsyncPoolSink::builder().sink(file).thread_pool(pool).build_arc()?;
    Logger::builder().name("shop").sink(sink).build_arc()
}
