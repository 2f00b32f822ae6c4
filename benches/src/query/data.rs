//! The files that are searched: made once, kept below `target/benches/query`, to be removed by hand.
//!
//! | folder | what |
//! | --- | --- |
//! | `raw` | a day as it is written |
//! | `slice` | a tenth of it, from before the job that is looked for: for who takes minutes for a day |
//! | `sealed`, `gz`, `zst` | the day as we seal it, and as `gzip` and `zstd` compress a file |
//! | `slice_sealed`, `slice_gz`, `slice_zst` | the same of the slice |
//! | `slice_mixed` | the slice in two: the older half sealed, the newer one as it is written |
//! | `month` | thirty days, sealed: that day, and 29 that do not know the job |
//! | `day.expected`, `slice.expected` | what jq answers, a file for each question |

use super::lines::{Day, Subject};
use super::programs::{self, Program};
use super::reference;
use crate::harness::{Size, parent};
use radiosonde_store::sealed::{SealOptions, seal};
use std::fs::{self, File};
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// Raised when the files change, so that old ones are not taken for new ones.
const VERSION: u32 = 1;
/// The day that is searched, in the middle of the month.
const DATE: &str = "2025-10-06";
/// The other days.
const OTHER_DAYS: u32 = 29;
/// What must stay free on the disk, for others.
const KEEP_FREE: u64 = 4 << 30;

/// A set of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Raw,
    Sealed,
    Gz,
    Zst,
    Month,
    Slice,
    SliceSealed,
    SliceGz,
    SliceZst,
    SliceMixed,
}

/// Where the files of a size are.
pub(super) struct Data {
    folder: PathBuf,
    bytes: u64,
    other_bytes: u64,
    slice_bytes: u64,
}

impl Form {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Form::Raw => "raw",
            Form::Sealed => "sealed",
            Form::Gz => "gz",
            Form::Zst => "zst",
            Form::Month => "month",
            Form::Slice => "slice",
            Form::SliceSealed => "slice_sealed",
            Form::SliceGz => "slice_gz",
            Form::SliceZst => "slice_zst",
            Form::SliceMixed => "slice_mixed",
        }
    }

    /// Whether it holds the lines of the slice alone.
    pub(super) fn is_slice(self) -> bool {
        matches!(
            self,
            Form::Slice | Form::SliceSealed | Form::SliceGz | Form::SliceZst | Form::SliceMixed
        )
    }
}

impl Data {
    /// Where they are, whether or not they are there.
    pub(super) fn of(size: Size) -> Data {
        let results = parent::results_folder().join("query");
        let name = size.of("whole", "quick");
        Data {
            folder: results.join(format!("{name}-{VERSION}")),
            bytes: size.of(2_000_000_000, 64_000_000),
            other_bytes: size.of(2_000_000_000, 8_000_000),
            slice_bytes: size.of(200_000_000, 16_000_000),
        }
    }

    /// The folder of a form: what our command line is given.
    pub(super) fn place(&self, form: Form) -> PathBuf {
        let folder = self.folder.join(form.as_str());
        match form {
            // Named by itself: somebody else's file has a name of its own.
            Form::Zst | Form::SliceZst => folder.join(FOREIGN),
            _ => folder,
        }
    }

    /// The files of a form, in the order of their names.
    ///
    /// # Errors
    /// They are not there.
    pub(super) fn files(&self, form: Form) -> Result<Vec<PathBuf>, String> {
        let folder = self.folder.join(form.as_str());
        let listed = fs::read_dir(&folder).map_err(|error| {
            format!("no {}: {error}; the suite makes it before its rounds", folder.display())
        })?;
        let mut files: Vec<PathBuf> = listed.flatten().map(|entry| entry.path()).collect();
        files.sort();
        Ok(files)
    }

    /// The bytes of the lines in a form, before any compression.
    pub(super) fn line_bytes(&self, form: Form) -> Result<u64, String> {
        let length =
            |form| Ok::<u64, String>(self.files(form)?.iter().map(|file| length(file)).sum());
        match form {
            Form::Month => Ok(length(Form::Raw)? + u64::from(OTHER_DAYS) * self.other_bytes),
            form if form.is_slice() => length(Form::Slice),
            _ => length(Form::Raw),
        }
    }

    /// The bytes of the files of a form.
    pub(super) fn stored_bytes(&self, form: Form) -> Result<u64, String> {
        Ok(self.files(form)?.iter().map(|file| length(file)).sum())
    }

    /// What is looked for.
    ///
    /// # Errors
    /// It has not been made.
    pub(super) fn subject(&self) -> Result<Subject, String> {
        let path = self.folder.join(SUBJECT);
        let text = fs::read_to_string(&path)
            .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Where the reference's answers are.
    pub(super) fn expected(&self, form: Form) -> PathBuf {
        self.folder.join(if form.is_slice() { "slice.expected" } else { "day.expected" })
    }

    /// Makes what is missing of some forms.
    ///
    /// # Errors
    /// A disk that is too full, a program that fails.
    pub(super) fn make(&self, forms: &[Form]) -> Result<(), String> {
        fs::create_dir_all(&self.folder).map_err(|error| self.wrong(&error))?;
        self.check_room(forms)?;
        self.step(Form::Raw, |folder| self.write_day(folder))?;
        self.step(Form::Slice, |folder| self.cut_slice(folder))?;
        for form in [Form::Raw, Form::Slice] {
            let expected = self.expected(form);
            if !expected.is_dir() {
                say(&format!("jq: what it answers on {}", form.as_str()));
                let [file] = self.files(form)?.try_into().map_err(|_| "one file")?;
                self.whole(&expected, |folder| reference::make(&file, &self.subject()?, folder))?;
            }
        }
        for form in forms {
            match form {
                Form::Raw | Form::Slice => {}
                Form::Sealed => self.step(*form, |to| self.seal_all(Form::Raw, to))?,
                Form::SliceSealed => self.step(*form, |to| self.seal_all(Form::Slice, to))?,
                Form::Gz => self.step(*form, |to| self.compress(Form::Raw, Program::Gzip, to))?,
                Form::SliceGz => {
                    self.step(*form, |to| self.compress(Form::Slice, Program::Gzip, to))?;
                }
                Form::Zst => self.step(*form, |to| self.compress(Form::Raw, Program::Zstd, to))?,
                Form::SliceZst => {
                    self.step(*form, |to| self.compress(Form::Slice, Program::Zstd, to))?;
                }
                Form::SliceMixed => self.step(*form, |folder| self.mix(folder))?,
                Form::Month => {
                    self.step(Form::Sealed, |to| self.seal_all(Form::Raw, to))?;
                    self.step(Form::Month, |folder| self.write_month(folder))?;
                }
            }
        }
        Ok(())
    }

    fn step(
        &self,
        form: Form,
        make: impl FnOnce(&Path) -> Result<(), String>,
    ) -> Result<(), String> {
        let folder = self.folder.join(form.as_str());
        if folder.is_dir() {
            return Ok(());
        }
        say(&format!("making {}", folder.display()));
        self.whole(&folder, make)
    }

    /// Makes a folder under another name first: under its own it is whole.
    fn whole(
        &self,
        folder: &Path,
        make: impl FnOnce(&Path) -> Result<(), String>,
    ) -> Result<(), String> {
        let unfinished = folder.with_extension("unfinished");
        let _ = fs::remove_dir_all(&unfinished);
        fs::create_dir_all(&unfinished).map_err(|error| self.wrong(&error))?;
        make(&unfinished)?;
        fs::rename(&unfinished, folder).map_err(|error| self.wrong(&error))
    }

    fn check_room(&self, forms: &[Form]) -> Result<(), String> {
        let missing = |form: &Form| !self.folder.join(form.as_str()).is_dir();
        let room: u64 = [Form::Raw, Form::Slice]
            .iter()
            .chain(forms)
            .filter(|form| missing(form))
            .map(|form| match form {
                Form::Raw => self.bytes,
                // Sealed, a day is an eighth to a fifth; and one of them raw, while it is sealed.
                Form::Month => self.other_bytes * u64::from(OTHER_DAYS) / 5 + self.other_bytes,
                Form::Sealed | Form::Gz | Form::Zst => self.bytes / 5,
                _ => self.slice_bytes,
            })
            .sum();
        let free = rustix::fs::statvfs(&self.folder).map_err(|error| self.wrong(&error.into()))?;
        let free = free.f_bavail * free.f_frsize;
        if room > 0 && free < room + KEEP_FREE {
            return Err(format!(
                "{}: its files take {} MB more and {} MB are to stay free, but {} MB are free: make room, \
                 or choose with --quick or --workload",
                self.folder.display(),
                room >> 20,
                KEEP_FREE >> 20,
                free >> 20
            ));
        }
        Ok(())
    }

    fn write_day(&self, folder: &Path) -> Result<(), String> {
        let mut day = Day::new(DATE, self.bytes);
        write_lines(&folder.join(file_name(DATE)), &mut day)?;
        let subject = day.subject().ok_or("no job in the middle of the day")?;
        let text = serde_json::to_string_pretty(subject).map_err(|error| error.to_string())?;
        fs::write(self.folder.join(SUBJECT), text).map_err(|error| self.wrong(&error))
    }

    /// Whole lines from a little before the middle of the day.
    fn cut_slice(&self, folder: &Path) -> Result<(), String> {
        let [day] = self.files(Form::Raw)?.try_into().map_err(|_| "one file")?;
        let mut file = File::open(day).map_err(|error| self.wrong(&error))?;
        let start = self.bytes / 2 - self.slice_bytes / 8;
        let mut text = vec![0; self.slice_bytes as usize];
        file.seek(SeekFrom::Start(start)).map_err(|error| self.wrong(&error))?;
        file.read_exact(&mut text).map_err(|error| self.wrong(&error))?;
        let first = memchr::memchr(b'\n', &text).map_or(0, |end| end + 1);
        let end = memchr::memrchr(b'\n', &text).map_or(first, |end| end + 1);
        write_bytes(&folder.join(file_name(DATE)), &text[first..end])
    }

    fn seal_all(&self, from: Form, folder: &Path) -> Result<(), String> {
        let [source] = self.files(from)?.try_into().map_err(|_| "one file")?;
        seal_as(&source, &folder.join(format!("{}.zst", file_name(DATE))))
    }

    fn compress(&self, from: Form, by: Program, folder: &Path) -> Result<(), String> {
        let [source] = self.files(from)?.try_into().map_err(|_| "one file")?;
        let (level, name) = match by {
            Program::Gzip => ("-6", format!("{}.gz", file_name(DATE))),
            _ => ("-3", FOREIGN.to_owned()),
        };
        let path = folder.join(name);
        let target = File::create(&path).map_err(|error| self.wrong(&error))?;
        let mut command = programs::command(by)?;
        let status = command.args([level, "-c"]).arg(source).stdout(Stdio::from(target)).status();
        match status {
            Ok(status) if status.success() => sync(&path),
            Ok(status) => Err(format!("{}: {status}", by.as_str())),
            Err(error) => Err(format!("cannot start {}: {error}", by.as_str())),
        }
    }

    /// The two halves of the slice, as of two processes: one file sealed, one live.
    fn mix(&self, folder: &Path) -> Result<(), String> {
        let [slice] = self.files(Form::Slice)?.try_into().map_err(|_| "one file")?;
        let text = fs::read(slice).map_err(|error| self.wrong(&error))?;
        let half = memchr::memrchr(b'\n', &text[..text.len() / 2]).map_or(0, |end| end + 1);
        let older = folder.join(file_name(DATE));
        write_bytes(&older, &text[..half])?;
        seal_as(&older, &folder.join(format!("{}.zst", file_name(DATE))))?;
        fs::remove_file(&older).map_err(|error| self.wrong(&error))?;
        write_bytes(&folder.join(format!("events-{DATE}.1.jsonl")), &text[half..])
    }

    fn write_month(&self, folder: &Path) -> Result<(), String> {
        let job = self.subject()?.job;
        for number in 0..OTHER_DAYS {
            // The day that is searched is the sixth of October: from the 20th of September on.
            let date = match number {
                0..11 => format!("2025-09-{}", number + 20),
                11..16 => format!("2025-10-{:02}", number - 10),
                _ => format!("2025-10-{:02}", number - 9),
            };
            say(&format!("month: {}/{OTHER_DAYS}", number + 1));
            let raw = folder.join(file_name(&date));
            write_lines(&raw, &mut Day::new(&date, self.other_bytes))?;
            reference::refuse(&raw, &job)?;
            seal_as(&raw, &folder.join(format!("{}.zst", file_name(&date))))?;
            fs::remove_file(&raw).map_err(|error| self.wrong(&error))?;
        }
        let [day] = self.files(Form::Sealed)?.try_into().map_err(|_| "one file")?;
        let name = day.file_name().unwrap_or_default();
        fs::hard_link(&day, folder.join(name)).map_err(|error| self.wrong(&error))
    }

    fn wrong(&self, error: &std::io::Error) -> String {
        format!("{}: {error}", self.folder.display())
    }
}

/// A name that is none of ours.
const FOREIGN: &str = "lines.jsonl.zst";
const SUBJECT: &str = "subject.json";

fn file_name(date: &str) -> String {
    format!("events-{date}.jsonl")
}

fn length(path: &Path) -> u64 {
    path.metadata().map_or(0, |found| found.len())
}

fn say(what: &str) {
    eprintln!("{what}");
}

fn write_lines(path: &Path, day: &mut Day) -> Result<(), String> {
    let wrong = |error: std::io::Error| format!("cannot write {}: {error}", path.display());
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path).map_err(wrong)?);
    let mut line = Vec::new();
    while day.next(&mut line) {
        file.write_all(&line).map_err(wrong)?;
        line.clear();
    }
    file.into_inner().map_err(|error| wrong(error.into_error()))?.sync_all().map_err(wrong)
}

fn write_bytes(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let written = File::create(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(|error| format!("cannot write {}: {error}", path.display()))
}

fn sync(path: &Path) -> Result<(), String> {
    let synced = File::open(path).and_then(|file| file.sync_all());
    synced.map_err(|error| format!("cannot sync {}: {error}", path.display()))
}

fn seal_as(source: &Path, target: &Path) -> Result<(), String> {
    let sealed = seal(source, target, &SealOptions::default(), &mut || true);
    sealed.map_err(|error| format!("cannot seal {}: {error}", source.display()))?;
    sync(target)
}
