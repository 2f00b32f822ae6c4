//! Who answers, and how each is asked.

use super::ask::Ask;
use super::data::{Data, Form};
use super::lines::Subject;
use super::measure::{self, Spent};
use super::programs::{self, Program};
use super::reference::Shape;
use crate::harness::process;
use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::Command;

/// A way to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tool {
    /// `radiosonde logs -o json`.
    Radiosonde,
    /// Our library in this process, without the start of a program.
    Library,
    /// Our program, started and ended: nothing is less.
    Start,
    /// Reading the bytes.
    Read,
    Ripgrep,
    RipgrepNoMmap,
    /// On the day as it was written, where the others have it sealed.
    RipgrepRaw,
    RipgrepZ,
    Grep,
    /// `zstd -dc | rg`, or `gzip -dc | rg`.
    Unpacked,
    Jq,
    Jaq,
    /// `read_json` with types.
    Duckdb,
    /// `contains()` on the lines, then the member.
    DuckdbContains,
    /// The last lines of the file, which are not the newest by time.
    Tail,
}

/// A question about some files.
pub(super) struct Task<'a> {
    pub(super) ask: Ask,
    pub(super) form: Form,
    pub(super) data: &'a Data,
    pub(super) subject: &'a Subject,
}

/// What our library says of its reading.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Looked {
    pub(super) bytes_read: u64,
    pub(super) frames: [u64; 2],
}

impl Tool {
    /// As it stands in the tables.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Tool::Radiosonde => "radiosonde",
            Tool::Library => "radiosonde-library",
            Tool::Start => "radiosonde-start",
            Tool::Read => "limit",
            Tool::Ripgrep => "ripgrep",
            Tool::RipgrepNoMmap => "ripgrep-no-mmap",
            Tool::RipgrepRaw => "ripgrep-on-raw",
            Tool::RipgrepZ => "ripgrep-z",
            Tool::Grep => "grep",
            Tool::Unpacked => "unpacked-ripgrep",
            Tool::Jq => "jq",
            Tool::Jaq => "jaq",
            Tool::Duckdb => "duckdb",
            Tool::DuckdbContains => "duckdb-contains",
            Tool::Tail => "tail",
        }
    }

    /// The programs it takes, for a form.
    pub(super) fn programs(self, form: Form) -> &'static [Program] {
        match self {
            Tool::Library | Tool::Read => &[],
            Tool::Radiosonde | Tool::Start => &[Program::Radiosonde],
            Tool::Ripgrep | Tool::RipgrepNoMmap | Tool::RipgrepRaw => &[Program::Ripgrep],
            Tool::RipgrepZ | Tool::Unpacked if form == Form::Gz => {
                &[Program::Ripgrep, Program::Gzip]
            }
            Tool::RipgrepZ | Tool::Unpacked => &[Program::Ripgrep, Program::Zstd],
            Tool::Grep => &[Program::Grep],
            Tool::Jq => &[Program::Jq],
            Tool::Jaq => &[Program::Jaq],
            Tool::Duckdb | Tool::DuckdbContains => &[Program::Duckdb],
            Tool::Tail => &[Program::Tail],
        }
    }

    /// What it reads when the others read this form.
    pub(super) fn form(self, form: Form) -> Form {
        match self {
            Tool::RipgrepRaw => Form::Raw,
            // For a whole day they take minutes.
            Tool::Jq | Tool::Jaq | Tool::Duckdb | Tool::DuckdbContains if form == Form::Raw => {
                Form::Slice
            }
            _ => form,
        }
    }

    /// What it gives out; none where that is no answer.
    pub(super) fn shape(self) -> Option<Shape> {
        match self {
            Tool::Start | Tool::Read | Tool::Tail => None,
            Tool::Radiosonde | Tool::Library => Some(Shape::LinesByTime),
            Tool::Duckdb => Some(Shape::Ids),
            _ => Some(Shape::Lines),
        }
    }

    /// Answers once, into a file. Of programs the memory is known when they are watched.
    ///
    /// # Errors
    /// A program that fails, and a question it cannot be asked.
    pub(super) fn answer(
        self,
        task: &Task<'_>,
        output: &Path,
        watched: bool,
    ) -> Result<(Spent, Looked), String> {
        let mut looked = Looked::default();
        let spent = match self {
            Tool::Library => measure::here(|| library(task, output).map(|found| looked = found))?,
            Tool::Read => {
                let files = task.data.files(task.form)?;
                measure::here(|| measure::read(&files))?
            }
            _ => measure::programs(self.commands(task)?, output, watched)?,
        };
        let rss_max_bytes = match self {
            Tool::Library | Tool::Read => process::resident_max_bytes() as f64,
            _ => spent.rss_max_bytes,
        };
        Ok((Spent { rss_max_bytes, ..spent }, looked))
    }

    /// The programs with their arguments, each to read what the one before writes.
    fn commands(self, task: &Task<'_>) -> Result<Vec<Command>, String> {
        let Task { ask, form, data, subject } = task;
        let no = || format!("{} cannot be asked for `{}`", self.as_str(), ask.as_str());
        let files = data.files(*form)?;
        let mut last = match self {
            Tool::Radiosonde | Tool::Start => return self.ours(task).map(|ours| vec![ours]),
            Tool::Ripgrep | Tool::RipgrepRaw => search(task, &[])?,
            Tool::RipgrepNoMmap => search(task, &["--no-mmap"])?,
            Tool::RipgrepZ => search(task, &["-z"])?,
            Tool::Unpacked => {
                let is_gz = matches!(form, Form::Gz | Form::SliceGz);
                let mut unpack =
                    programs::command(if is_gz { Program::Gzip } else { Program::Zstd })?;
                unpack.arg("-dc").args(&files);
                return Ok(vec![unpack, search(task, &[])?]);
            }
            Tool::Grep => {
                let mut command = programs::command(Program::Grep)?;
                command.args(["-h", "-F"]).env("LC_ALL", "C");
                let needles = ask.needles(subject).ok_or_else(no)?;
                needles.iter().for_each(|needle| _ = command.args(["-e", needle]));
                command
            }
            Tool::Jq | Tool::Jaq => {
                let program = if self == Tool::Jq { Program::Jq } else { Program::Jaq };
                let mut command = programs::command(program)?;
                let filter = ask.filter(subject).ok_or_else(no)?;
                command.args(["-c", &format!("select({filter})")]);
                command
            }
            Tool::Duckdb | Tool::DuckdbContains => {
                let mut command = programs::command(Program::Duckdb)?;
                command.args(["-c", &self.script(task).ok_or_else(no)?]);
                command
            }
            Tool::Tail => {
                let mut command = programs::command(Program::Tail)?;
                command.args(["-n", "50"]);
                command
            }
            Tool::Library | Tool::Read => return Err("is no program".into()),
        };
        last.args(&files);
        Ok(vec![last])
    }

    /// Our program with its arguments.
    fn ours(self, task: &Task<'_>) -> Result<Command, String> {
        let mut command = programs::command(Program::Radiosonde)?;
        if self == Tool::Start {
            command.arg("--version");
        } else {
            command.args(["logs", "-o", "json", "--dir"]).arg(task.data.place(task.form));
            command.args(task.ask.words(task.subject));
        }
        Ok(command)
    }

    /// The program for Python that asks DuckDB.
    fn script(self, task: &Task<'_>) -> Option<String> {
        let query = if self == Tool::Duckdb {
            let (columns, condition) = task.ask.columns(task.subject)?;
            format!(
                "SELECT id FROM read_json(?, format='newline_delimited', columns={{'id': 'VARCHAR', {columns}}}) \
                 WHERE {condition}"
            )
        } else {
            let job = &task.subject.job;
            format!(
                "SELECT json FROM read_ndjson_objects(?) \
                 WHERE contains(json::VARCHAR, '{job}') AND json->>'$.job_id' = '{job}'"
            )
        };
        Some(format!(
            "import sys, duckdb\n\
             rows = duckdb.connect().execute(\"\"\"{query}\"\"\", [sys.argv[1]])\n\
             while batch := rows.fetchmany(10000):\n    \
                 sys.stdout.write(''.join(row[0] + '\\n' for row in batch))\n"
        ))
    }
}

/// ripgrep for the texts of a question.
fn search(task: &Task<'_>, words: &[&str]) -> Result<Command, String> {
    let mut command = programs::command(Program::Ripgrep)?;
    // A file that somebody has for other searches has no say here.
    command.args(["--no-config", "--no-filename", "--no-line-number", "-F"]).args(words);
    let needles = task.ask.needles(task.subject);
    let needles = needles.ok_or_else(|| format!("no text tells `{}`", task.ask.as_str()))?;
    needles.iter().for_each(|needle| _ = command.args(["-e", needle]));
    Ok(command)
}

/// Answers by our library, the lines in the order of time.
fn library(task: &Task<'_>, output: &Path) -> Result<Looked, String> {
    let wrong = |error: std::io::Error| format!("cannot write {}: {error}", output.display());
    let place = task.data.place(task.form);
    let query = task.ask.query(task.subject, place).ok_or("is a matter of the command line")?;
    let mut file = BufWriter::new(std::fs::File::create(output).map_err(wrong)?);
    let mut written = Ok(());
    let mut write = |line: &radiosonde_store::Line| {
        written = writeln!(file, "{}", line.raw);
        if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    let reading = if query.limit.is_some() {
        let answer = query.run();
        let _ = answer.lines.iter().try_for_each(write);
        answer.reading
    } else {
        query.stream(&mut write)
    };
    written.and_then(|()| file.flush()).map_err(wrong)?;
    if reading.is_partial() {
        return Err(format!("not all could be read: {reading:?}"));
    }
    let frames = [reading.frames_read, reading.frames_skipped];
    Ok(Looked { bytes_read: reading.bytes_read, frames })
}
