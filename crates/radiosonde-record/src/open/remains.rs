//! What was running when a process died: records made of its table, to be recovered like those of
//! a ring.

use std::fs;
use std::io::{
    self,
    ErrorKind::{InvalidData, NotFound},
};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use super::slots::{self, Dead};
use super::{Interrupted, RunningSpan};
use crate::batch::Sink;
use crate::descriptor::Descriptor;
use crate::format::{self, Buffer, Builder, Site, Stamp};
use crate::level::{Kind, Level};
use crate::ring::image::{self, Image};
use crate::ring::region;

/// The file of a table.
pub(crate) const FILE: &str = "open";
/// The name of the events.
const EVENT: &str = "span.interrupted";
/// The number of the ring the records would be of: no ring gets there.
pub(crate) const RING: u32 = u32::MAX;
/// For how long after the drain's last look a process may have lived: a drain that waits for a disk
/// does not look.
const AFTER_BEAT_NS_MAX: u64 = 24 * 60 * 60 * 1_000_000_000;
/// Where the file says how far recovery is: where a ring does.
const TAIL_AT: usize = image::TAIL_AT;

/// The spans that were open, as records, and how many more there were that had no place in the
/// table. `None` when the file was never used.
///
/// The same bytes whenever it is asked again, so that a recovery that was killed is continued. (Times
/// that were to come, of a damaged table, may have come in between.)
///
/// # Errors
/// `InvalidData` for a file that is not a table of this version; others as from the system.
pub(crate) fn open(
    path: &Path,
    callsites: &[u8],
    sink: &dyn Sink,
) -> io::Result<Option<(Image, u64)>> {
    let Some(bytes) = read(path)? else { return Ok(None) };
    let table = Dead(&bytes);
    let (made, tail) = (records(&bytes, callsites, sink), table.word(TAIL_AT));
    let image = Image::made(path, RING, made, tail)?;
    Ok(Some((image, table.unlisted())))
}

/// How many spans were open. 0 for what is no table: recovery says so.
///
/// # Errors
/// As from the system.
pub(crate) fn count(path: &Path) -> io::Result<u64> {
    match read(path) {
        Ok(bytes) => Ok(bytes.map_or(0, |bytes| Dead(&bytes).spans().count() as u64)),
        Err(error) if matches!(error.kind(), NotFound | InvalidData) => Ok(0),
        Err(error) => Err(error),
    }
}

/// A record for each span that was open.
pub(crate) fn records(bytes: &[u8], callsites: &[u8], sink: &dyn Sink) -> Vec<u8> {
    let (mut made, mut count) = (Vec::new(), 0);
    for span in interrupted(bytes, callsites) {
        append(&mut made, &mut count, &span, sink);
    }
    made
}

/// The bytes of a table; `None` when its process died before the first one.
fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    if !fs::symlink_metadata(path)?.is_file() {
        return Err(invalid("not a file of this crate"));
    }
    let file = image::open(path)?;
    // Longer it may be, and what is behind is not looked at.
    let length = file.metadata()?.len().min(slots::SIZE as u64) as usize;
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, 0)?;
    let word = |at| Dead(&bytes).word(at);
    // The magic is written last.
    if bytes.iter().take(8).all(|byte| *byte == 0) {
        return Ok(None);
    }
    if word(slots::MAGIC_AT) != slots::MAGIC {
        return Err(invalid("not a table of open spans"));
    }
    if word(slots::VERSION_AT) != slots::VERSION {
        return Err(invalid("a table of open spans of another version"));
    }
    if length < slots::SIZE || word(slots::SLOTS_AT) != super::OPEN_SPANS_MAX as u64 {
        return Err(invalid("a table of open spans of a wrong size"));
    }
    Ok(Some(bytes))
}

/// The spans that were open, oldest first.
pub(crate) fn interrupted(bytes: &[u8], callsites: &[u8]) -> Vec<Interrupted> {
    let table = Dead(bytes);
    let mut spans: Vec<_> = table.spans().collect();
    spans.sort_by_key(|span| (span.start_ns, span.slot));
    // What says that it is of days to come is damaged, a heartbeat as well as a start.
    let to_come = crate::thread::now_ns().saturating_add(AFTER_BEAT_NS_MAX);
    let beat = table.word(slots::HEARTBEAT_AT);
    let beat = if beat > to_come { 0 } else { beat };
    // So is a span that says it began long after the process was last seen.
    let latest = if beat == 0 { to_come } else { beat.saturating_add(AFTER_BEAT_NS_MAX) };
    let starts = spans.iter().map(|span| span.start_ns).filter(|start| *start <= latest);
    let died_ns = starts.max().unwrap_or(beat).max(beat);
    let pid = table.word(slots::PID_AT) as u32;
    let of = |span: slots::Written| {
        let site = region::lookup(callsites, span.site).unwrap_or_default();
        let thread = table.thread_name(span.slot, span.thread);
        let slots::Written { start_ns, parent, context, .. } = span;
        let span = RunningSpan { site, start_ns, parent, context, thread };
        Interrupted { span, died_ns, pid, is_shutdown: false }
    };
    spans.into_iter().map(of).collect()
}

/// The call site of a span's event: that of the span, under the event's name.
pub(super) fn event(span: &RunningSpan) -> Site {
    let (name, message, keys) = (EVENT.to_owned(), String::new(), Vec::new());
    Site::from(Descriptor { name, message, keys, ..span.site.clone() })
}

/// Appends the event of a span, if the sink makes one.
fn append(made: &mut Vec<u8>, count: &mut u64, span: &Interrupted, sink: &dyn Sink) {
    let site = event(&span.span);
    let mut buffer = Buffer::take();
    let mut record = Builder::new(&mut buffer, Kind::Event, Level::Warning, span.died_ns, &site);
    record.context(&span.span.context);
    if sink.interrupted(span, &mut record) {
        let _cut = record.finish();
        let begin = made.len();
        made.extend_from_slice(buffer.written());
        *count += 1;
        format::seal(&mut made[begin..], Stamp { sequence: *count, accepted: *count });
    }
    buffer.give();
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(InvalidData, what)
}
