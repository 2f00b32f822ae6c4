//! emit with emit_file. Its flush syncs the file, which nobody else does; it offers no other.

use super::WITHIN;
use crate::events::subject::{Ended, Fields, Subject};
use crate::harness::Overflow;
use std::path::Path;

/// Drops the whole batch when 10,000 events are waiting.
pub(crate) struct Emit(Box<dyn Fn() -> bool + Send + Sync>);

impl Subject for Emit {
    const NAME: &'static str = "emit";
    const OVERFLOW: Overflow = Overflow::Drops;
    const PACKAGES: &'static [&'static str] = &["emit", "emit_file"];

    fn start(folder: &Path) -> Result<Self, String> {
        let files = emit_file::set(folder.join("events.jsonl")).roll_by_day().spawn();
        let runtime = emit::setup()
            .emit_when(emit::level::min_filter(emit::Level::Info))
            .emit_to(files)
            .init();
        Ok(Self(Box::new(move || runtime.blocking_flush(WITHIN))))
    }

    #[inline]
    fn event(&self, fields: &Fields) {
        let &Fields { page, user, items, attempt, ratio } = fields;
        emit::info!("clicked", evt: "user.action", page, user, items, attempt, ratio);
    }

    #[inline]
    fn disabled(&self, fields: &Fields) {
        let &Fields { page, user, items, attempt, ratio } = fields;
        emit::debug!("clicked", evt: "user.action", page, user, items, attempt, ratio);
    }

    fn finish(self) -> Result<Ended, String> {
        if !(self.0)() {
            return Err(format!("not written within {WITHIN:?}"));
        }
        Ok(Ended::now(None))
    }
}
