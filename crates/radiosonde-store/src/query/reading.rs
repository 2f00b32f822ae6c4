//! How reading the files went: what was read and left out, and what could not be read.

use std::io;
use std::path::PathBuf;

use crate::sealed::Damage;

/// How reading the files went.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Reading {
    /// Files gone through to their end, [`Reading::files_skipped`] among them.
    pub files_read: u64,
    /// Sealed files of which only the index was read, since nothing in them could match.
    pub files_skipped: u64,
    /// Frames of sealed files that were read.
    pub frames_read: u64,
    /// Frames of sealed files that were not read, since nothing in them could match.
    pub frames_skipped: u64,
    /// Bytes read from files, as they are stored; what is read twice counts twice.
    pub bytes_read: u64,
    /// Bytes of files and of frames that were not read, as they are stored, since nothing in them
    /// could match.
    pub bytes_skipped: u64,
    /// Lines that were taken apart to be judged; of the others a look at their bytes told enough.
    pub lines_parsed: u64,
    /// Lines that were found again under the same `id` and left out.
    pub duplicates: u64,
    /// Bytes written to temporary files, since what matched was too much to be sorted in memory.
    pub bytes_spilled: u64,
    /// Lines that matched. With a limit it is one more than that where there are more.
    pub matched: u64,
    /// Stretches that are no lines, the first [`SKIPS_KEPT_MAX`]. A query by id judges only lines
    /// that hold the id.
    pub skips: Vec<Skip>,
    /// How many stretches are no lines, in all.
    pub skipped: u64,
    /// Day files that end in a line that is not whole yet: a process is writing it, or was when it was
    /// killed.
    pub unfinished: u64,
    /// What is wrong with sealed files, the first [`SKIPS_KEPT_MAX`].
    pub damaged: Vec<Damaged>,
    /// How often something is wrong with a sealed file, in all.
    pub damages: u64,
    /// How often of these lines may be missing because of it.
    pub damages_with_loss: u64,
    /// Files and directories that could not be read, or not to their end.
    pub unreadable: Vec<Unreadable>,
    /// Whether [`Query::kept_bytes_max`](crate::Query::kept_bytes_max) left out older lines.
    pub has_older: bool,
    /// Whether [`Query::bytes_max`](crate::Query::bytes_max) ended it, so that lines may be missing.
    pub is_cut_off: bool,
}

/// A stretch of a file that is no line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Skip {
    /// The file.
    pub file: PathBuf,
    /// Where the stretch begins, in bytes; for a sealed file, in bytes of the day file it was made of.
    pub offset: u64,
    /// What is wrong with it.
    pub reason: String,
}

/// Something wrong with a sealed file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Damaged {
    /// The file.
    pub file: PathBuf,
    /// Where and what.
    pub damage: Damage,
}

/// A file or directory that could not be read.
#[derive(Debug)]
#[non_exhaustive]
pub struct Unreadable {
    /// The file or directory.
    pub path: PathBuf,
    /// How far it was read, in bytes.
    pub offset: u64,
    /// What the system says.
    pub error: io::Error,
}

impl Reading {
    /// Adds how another reading went. What both found wrong with sealed files counts once, and a file
    /// that neither could read is named once.
    pub fn merge(&mut self, other: Self) {
        self.merge_damage(&other);
        self.files_read += other.files_read;
        self.files_skipped += other.files_skipped;
        self.frames_read += other.frames_read;
        self.frames_skipped += other.frames_skipped;
        self.bytes_read += other.bytes_read;
        self.bytes_skipped += other.bytes_skipped;
        self.lines_parsed += other.lines_parsed;
        self.duplicates += other.duplicates;
        self.bytes_spilled += other.bytes_spilled;
        self.matched += other.matched;
        self.skipped += other.skipped;
        self.unfinished += other.unfinished;
        let room = SKIPS_KEPT_MAX.saturating_sub(self.skips.len());
        self.skips.extend(other.skips.into_iter().take(room));
        for unreadable in other.unreadable {
            self.unreadable_once(unreadable);
        }
        self.has_older |= other.has_older;
        self.is_cut_off |= other.is_cut_off;
    }

    /// Adds what another reading of the same directories found wrong with sealed files and this one
    /// did not: each reads only the frames that may hold what it looks for.
    fn merge_damage(&mut self, other: &Self) {
        for Damaged { file, damage } in &other.damaged {
            let known = |known: &Damaged| known.file == *file && known.damage == *damage;
            if !self.damaged.iter().any(known) {
                self.damage(file.clone(), damage.clone());
            }
        }
        // More than were kept: which of them are known cannot be told.
        let unnamed = other.damages - other.damaged.len() as u64;
        self.damages += unnamed;
        self.damages_with_loss += unnamed.min(other.damages_with_loss);
    }

    /// Adds what another reading of the same directories found that may cost lines and this one did
    /// not: damage, files that could not be read, and stretches that are no lines.
    pub fn merge_losses(&mut self, other: Self) {
        self.merge_damage(&other);
        for unreadable in other.unreadable {
            self.unreadable_once(unreadable);
        }
        let unnamed = other.skipped - other.skips.len() as u64;
        for Skip { file, offset, reason } in other.skips {
            let known = |known: &Skip| known.file == file && known.offset == offset;
            if !self.skips.iter().any(known) {
                self.skip(file, offset, reason);
            }
        }
        // More than were kept: which of them are known cannot be told.
        self.skipped += unnamed;
    }

    /// Whether something could not be read, so that lines may be missing.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.skipped > 0 || self.damages_with_loss > 0 || !self.unreadable.is_empty()
    }

    /// Names a file as unreadable, unless it is named already.
    pub(super) fn unreadable_once(&mut self, new: Unreadable) {
        if !self.unreadable.iter().any(|known| known.path == new.path) {
            self.unreadable.push(new);
        }
    }

    pub(crate) fn damage(&mut self, file: PathBuf, damage: Damage) {
        self.damages += 1;
        self.damages_with_loss += u64::from(damage.lines_lost);
        if self.damaged.len() < SKIPS_KEPT_MAX {
            self.damaged.push(Damaged { file, damage });
        }
    }

    pub(crate) fn skip(&mut self, file: PathBuf, offset: u64, reason: String) {
        self.skipped += 1;
        if self.skips.len() < SKIPS_KEPT_MAX {
            self.skips.push(Skip { file, offset, reason });
        }
    }
}

/// How many [`Skip`]s, and as many [`Damaged`], a [`Reading`] names; beyond, they are only counted.
pub const SKIPS_KEPT_MAX: usize = 100;
