//! A look at what a dead instance left, without changing it.

use std::fs;
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;

use super::{Recovered, nonzero, open_images};
use crate::exports::Exports;
use crate::level::{DropReason, Kind, Level};
use crate::open::remains;
use crate::place;
use crate::ring::{Counters, Source as _};
use crate::slot::RINGS;
use crate::stage::{Stage, Staged};

/// What the files of a dead instance say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Left {
    /// Records its rings had accepted in its life, by kind. The last of each ring may be one whose
    /// call never returned, and which nobody will see.
    pub accepted: [u64; 3],
    /// What it had dropped.
    pub dropped: Vec<(Kind, DropReason, Level, u64)>,
    /// Bytes of records in rings which are neither in a day file nor in `batch`.
    pub pending_bytes: u64,
    /// Spans that were open when it died. A recovery that was killed in turn may have made events of
    /// them.
    pub open_spans: u64,
    /// The batch that was on its way to its files, by file, in the order of writing. `None` when
    /// none was.
    pub batch: Option<Vec<Underway>>,
    /// Exports of that batch. Its sink may have taken them over already.
    pub exports: u64,
}

/// What one file was to get of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Underway {
    /// Name of the file within the telemetry directory.
    pub file: String,
    /// Bytes it was to get.
    pub length: u64,
    /// How many of them it has; all that follow are missing. 0 as well when the file is gone or
    /// another one.
    pub written: u64,
}

/// Looks at the remains of an instance of the telemetry directory `root`. The numbers belong
/// together only while nobody recovers them, and mean little while the owner lives.
///
/// # Errors
/// As from the system, for instance when somebody has recovered and removed them.
pub fn look(root: &Path, instance: &Path) -> io::Result<Left> {
    let mut unreadable = Recovered::default();
    let place = place::find(instance)?;
    let files = place.files(instance);
    let mut images = open_images(&files.join(RINGS), &mut unreadable)?;
    let contents = match Stage::open(&files.join("stage")) {
        Ok(stage) => stage.contents()?,
        // It had none yet, or does without.
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let mut sum = Counters::default();
    let open_spans = remains::count(&files.join(remains::FILE))?;
    let mut left = Left { open_spans, ..Left::default() };
    for image in &mut images {
        sum.add(image.counters());
        let staged = contents.iter().flat_map(|contents| &contents.ranges);
        let reached = staged.filter(|(ring, _)| *ring == image.number()).map(|(_, to)| *to);
        let from = reached.fold(image.position(), u64::max);
        left.pending_bytes += image.head().saturating_sub(from);
    }
    left.accepted = sum.accepted;
    left.dropped = nonzero(&sum);
    if let Some(contents) = contents {
        let exports = contents.exports.as_ref();
        left.exports = exports.map_or(0, |(_, bytes)| Exports::new(bytes).count() as u64);
        left.batch = Some(contents.targets.iter().map(|target| underway(root, target)).collect());
    }
    Ok(left)
}

fn underway(root: &Path, target: &Staged) -> Underway {
    let length = target.bytes.len() as u64;
    // What cannot be read has nothing that could be continued.
    let written = written(&root.join(&target.file), target).unwrap_or(0);
    Underway { file: target.file.clone(), length, written }
}

fn written(path: &Path, target: &Staged) -> io::Result<u64> {
    let file = fs::File::open(path)?;
    let metadata = file.metadata()?;
    let there = metadata.len().saturating_sub(target.offset).min(target.bytes.len() as u64);
    if metadata.ino() != target.inode || !metadata.is_file() {
        return Ok(0);
    }
    let mut present = vec![0; there as usize];
    file.read_exact_at(&mut present, target.offset)?;
    let same = present.iter().zip(&target.bytes).take_while(|(there, ours)| there == ours);
    Ok(same.count() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::Filter;
    use crate::format::{Builder, SpanPart};
    use crate::journal::{Journal, Placement};
    use crate::stage::{ExportsToStage, ToStage};
    use crate::value::Value;

    #[test]
    fn a_look_counts_what_is_pending_and_underway_and_changes_nothing() {
        let root = tempfile::tempdir().unwrap();
        let instance = root.path().join("inst/0/abcdefgh");
        fs::create_dir_all(instance.join(RINGS)).unwrap();
        assert_eq!(look(root.path(), &instance).unwrap(), Left::default());

        let placement = Placement::Directory(instance.clone());
        let journal = Journal::open(placement, Filter::at(Level::Info)).unwrap();
        let site = journal.site(1, Default::default);
        for kind in [Kind::Event, Kind::Event, Kind::Span] {
            let build = |record: &mut Builder<'_>| record.message(Value::Str("pending"));
            journal.record(kind, Level::Info, &site, &[], build);
        }
        let day_file = root.path().join("events-2026-11-21.jsonl");
        fs::write(&day_file, "old\n{\"a\"").unwrap();
        let (mut stage, mut batch) = Stage::create(&instance.join("stage"), true).unwrap();
        batch.lines(Kind::Event).extend_from_slice(b"{\"a\":1}\n");
        batch.export(1, |bytes| bytes.extend_from_slice(b"one"));
        let staged = ToStage {
            file: "events-2026-11-21.jsonl",
            inode: fs::metadata(&day_file).unwrap().ino(),
            offset: 4,
            on_new_line: false,
            lines: batch.of(Kind::Event),
        };
        let gone = ToStage { file: "spans-2026-11-21.jsonl", ..staged };
        let bytes = batch.exported();
        stage.ready(&[], &[staged, gone], Some(ExportsToStage { number: 1, bytes })).unwrap();

        let part = SpanPart::default();
        let [_open, closed] = [(); 2].map(|()| journal.open_span(&site, &[], &part));
        journal.close_span(closed);

        let left = look(root.path(), &instance).unwrap();
        assert_eq!((left.accepted, left.dropped.len()), ([2, 1, 0], 0));
        assert_eq!(left.open_spans, 1);
        assert!(left.pending_bytes > 0);
        let batch = left.batch.as_deref().unwrap();
        assert_eq!(batch.iter().map(|file| file.written).collect::<Vec<_>>(), [4, 0]);
        assert_eq!((batch[0].length, left.exports), (8, 1));
        assert_eq!(look(root.path(), &instance).unwrap(), left, "nothing has changed");
    }
}
