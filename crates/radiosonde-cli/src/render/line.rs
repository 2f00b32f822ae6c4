//! One log line or event.

use radiosonde_events::clean_for_terminal as clean;
use radiosonde_store::{Level, Line};

use crate::render::color::{self, Paint};
use crate::render::fields;
use crate::render::text::{shown, start_of};
use crate::render::time::clock;

/// Which ids are worth repeating on each line: not the ones everything has in common.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ids {
    pub(crate) job: bool,
    pub(crate) machine: bool,
    /// Of spans, where it changes, as the machine.
    pub(crate) service: bool,
    pub(crate) session: bool,
    pub(crate) trace: bool,
    pub(crate) worker: bool,
}

/// `11:50:02.113 WARN  openrouter_error translation_service  429, retrying  status=429 trace=0edadbc0`
pub(crate) fn full(line: &Line, ids: Ids, paint: Paint) -> String {
    let mut row = format!("{} {}", paint.dim(&clock(line.ts)), level(line.level, paint));
    if !line.is_plain() {
        row.push(' ');
        row.push_str(&paint.with(color::NAME, &shown(&line.evt)));
    }
    if let Some(source) = &line.source {
        row.push(' ');
        row.push_str(&paint.dim(&shown(source)));
    }
    row.push_str("  ");
    row.push_str(&tail(line, ids, paint));
    row.trim_end().to_owned()
}

/// The same without time and source, for a place in a timeline.
pub(crate) fn brief(line: &Line, ids: Ids, paint: Paint) -> String {
    let mut row = level(line.level, paint);
    row.push(' ');
    if !line.is_plain() {
        row.push_str(&paint.with(color::NAME, &shown(&line.evt)));
        row.push_str("  ");
    }
    row.push_str(&tail(line, ids, paint));
    row.trim_end().to_owned()
}

/// `  key=value  key=value`, each with two spaces before it.
pub(crate) fn field(key: &str, value: &str, paint: Paint) -> String {
    format!("  {}{value}", paint.dim(&format!("{}=", clean(key))))
}

/// Message, fields, ids.
fn tail(line: &Line, ids: Ids, paint: Paint) -> String {
    let mut tail = String::new();
    if let Some(msg) = &line.msg {
        let style = match line.level {
            Some(level) if level >= radiosonde_store::Level::Error => color::level(level),
            _ => color::PLAIN,
        };
        tail.push_str(&paint.with(style, &shown(msg)));
    }
    tail.push_str(&fields::of(line, paint));
    let short_trace = line.trace_id.as_deref().map(short);
    for (wanted, key, id) in [
        (ids.job, "job", line.job_id.as_deref()),
        (ids.trace, "trace", short_trace),
        (ids.session, "session", line.session_id.as_deref()),
        (ids.worker, "worker", line.worker_id.as_deref()),
        (ids.machine, "machine", line.machine_id.as_deref()),
    ] {
        if let Some(id) = id.filter(|_| wanted) {
            tail.push_str(&field(key, &paint.dim(&shown(id)), paint));
        }
    }
    // A line with fields and no message starts with them.
    if tail.starts_with("  ") { tail.split_off(2) } else { tail }
}

pub(crate) fn level(level: Option<Level>, paint: Paint) -> String {
    match level {
        Some(level) => paint.with(color::level(level), &format!("{:<5}", level.short())),
        None => "-    ".to_owned(),
    }
}

/// The first digits of an id, enough to ask for it again.
pub(crate) fn short(id: &str) -> &str {
    start_of(id, SHORT_ID)
}

const SHORT_ID: usize = 8;
